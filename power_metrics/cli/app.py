"""``powerenvs app``: the application in the browser."""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from power_metrics.cli.command import Command
from powerenvs.extras import install_line

PORT = 8765
FOLDER = "powerenvs_app"


def add_server_arguments(parser: argparse.ArgumentParser, folder: str = FOLDER) -> None:
    """Where the page is served, and where it saves."""
    group = parser.add_argument_group("server")
    group.add_argument("--host", metavar="H", default="127.0.0.1", help="address to listen on; default this machine")
    group.add_argument("--port", metavar="N", type=int, default=PORT, help=f"0 for a free one; default {PORT}")
    group.add_argument("--folder", metavar="F", help=f"where the page saves; default {folder}")
    group.add_argument("--workers", metavar="N", type=int, default=2, help="processes for long work; default 2")
    group.add_argument("--token", action="store_true", help="ask for a token on this machine too")
    group.add_argument("--no-browser", action="store_true", help="print the link and open no browser")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The folder of results, and the server."""
    parser.add_argument("--results", metavar="DIR", help="a folder of results to watch: sweeps, training runs, tables")
    group = parser.add_argument_group("comparisons of clips by people")
    group.add_argument("--labels", metavar="FILE", help="a store of preferences, into which people's answers go")
    group.add_argument("--instructions", metavar="FILE", help="a text file that raters read")
    group.add_argument("--label-environment", metavar="ID", help="draws the clips; default what the store notes")
    add_server_arguments(parser)


def run(args: argparse.Namespace) -> None:
    """Serves the page until it is interrupted."""
    args.folder = FOLDER if args.folder is None else args.folder
    start(args, args.results, {"view": "label"} if args.labels is not None else None, labelling=_labelling(args))


def _labelling(args: argparse.Namespace) -> Any:
    """What raters compare.

    Raises:
        ValueError: for a file that is not there, and where the extra is not installed.
    """
    check_installed()
    from power_metrics.app.labelling import Labelling

    if args.labels is None and (args.instructions is not None or args.label_environment is not None):
        raise ValueError("--instructions, --label-environment: go with --labels FILE only")
    if args.labels is not None and not Path(args.labels).is_file():
        raise ValueError(
            f"--labels: expected a store of preferences, found no file {args.labels!r}; "
            "power_metrics.preferences.Store makes one"
        )
    environment = None if args.label_environment is None else {"id": args.label_environment}
    return Labelling(args.labels, environment, args.instructions)


def check_installed() -> None:
    """Names what is not installed of the extra.

    Raises:
        ValueError: with the line that installs it.
    """
    for package in ("starlette", "uvicorn", "websockets"):
        if importlib.util.find_spec(package) is None:
            raise ValueError(f"app: needs {package}: {install_line('app')}")


def start(
    args: argparse.Namespace, results: str | None, state: Mapping[str, Any] | None, labelling: Any = None
) -> None:
    """Checks the arguments of the server, and serves.

    Raises:
        ValueError: for what does not fit, and where the extra is not installed.
    """
    check_installed()
    from power_metrics.app.run import serve
    from power_metrics.arguments.checks import check_count

    workers = check_count("--workers", args.workers)
    if not 0 <= args.port <= 65535:
        raise ValueError(f"--port: expected a number from 0 to 65535, found {args.port}")
    folder = Path(args.folder)
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"--folder: expected a folder, found the file {args.folder!r}")
    if results is not None and not Path(results).is_dir():
        raise ValueError(f"--results: expected a folder, found {results!r}")
    serve(
        args.host, args.port, str(folder), results, workers, state, browser=not args.no_browser, token=args.token,
        labelling=labelling,
    )  # fmt: skip


COMMAND = Command(
    "app",
    "explore, play and watch in the browser",
    "powerenvs app\n  powerenvs app --results results --port 0\n"
    "  powerenvs app --labels labels.db --instructions wanted.txt",
    add_arguments,
    run,
)
