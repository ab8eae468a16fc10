"""Starts the server, says where the page is, and opens it."""

from __future__ import annotations

import base64
import json
import secrets
import socket
import sys
import threading
import time
import webbrowser
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from power_metrics.app.bounds import MAX_BODY
from power_metrics.app.guard import is_loopback

if TYPE_CHECKING:
    from power_metrics.app.labelling import Labelling


def link_of(state: Mapping[str, Any]) -> str:
    """What stands behind the '#' of a link that holds this state of the page."""
    text = json.dumps(state, separators=(",", ":"))
    return "s=" + base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def bound_socket(host: str, port: int) -> socket.socket:
    """A socket on this address; port 0 takes a free one.

    Raises:
        OSError: if it cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, port))
    except OSError:
        made.close()
        raise
    return made


@contextmanager
def running(app: Any) -> Iterator[str]:
    """Serves an application on this machine, in a thread, as long as the block lasts.

    Args:
        app: of `power_metrics.app.server.make_app`.

    Yields:
        The address.
    """
    import uvicorn

    with bound_socket("127.0.0.1", 0) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical", ws_max_size=MAX_BODY))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.02)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = server.force_exit = True
            thread.join(20)


def serve(
    host: str,
    port: int,
    folder: str,
    results: str | None = None,
    workers: int = 2,
    state: Mapping[str, Any] | None = None,
    browser: bool = True,
    token: bool = False,
    labelling: Labelling | None = None,
) -> None:
    """Serves until it is interrupted.

    Args:
        host: address to listen on.
        port: to listen on; 0 takes a free one.
        folder: where the page saves.
        results: a folder of results to watch.
        workers: processes for long work.
        state: what the page begins with.
        browser: whether to open one.
        token: whether to ask for a token on this machine too; beyond it there always is one.
        labelling: what raters compare.

    Raises:
        OSError: if the address cannot be had.
    """
    import uvicorn

    from power_metrics.app.server import make_app
    from power_metrics.app.workers import Workers

    local = is_loopback(host)
    secret = secrets.token_urlsafe(24) if token or not local else None
    hosts = ("localhost", "127.0.0.1", "::1") if local else None
    app = make_app(folder, results, Workers(workers), hosts, secret, labelling)
    with bound_socket(host, port) as listening:
        shown = host if host not in ("0.0.0.0", "::") else socket.gethostname()
        address = f"http://{f'[{shown}]' if ':' in shown else shown}:{listening.getsockname()[1]}/"
        link = address + (f"?token={secret}" if secret else "") + (f"#{link_of(state)}" if state else "")
        print(f"powerenvs app: {link}\nsaves into {folder}; ctrl+c ends it", flush=True)
        config = uvicorn.Config(
            app, log_level="warning", ws_max_size=MAX_BODY, timeout_keep_alive=60, server_header=False
        )
        server = uvicorn.Server(config)
        if browser:
            threading.Timer(0.8, webbrowser.open, (link,)).start()
        server.run(sockets=[listening])
    if not server.started:
        print("powerenvs app: the server did not start", file=sys.stderr)
