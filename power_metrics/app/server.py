"""The server: the page and its files, a few requests over HTTP, and a WebSocket for everything that takes time."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import json
import os
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import cache
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket, WebSocketDisconnect

from power_metrics.app import bounds
from power_metrics.app.catalogue import catalogue
from power_metrics.app.folder import GRAPHS, WALKS, Folder, opened_bytes
from power_metrics.app.guard import LOOPBACK, Guard
from power_metrics.app.labelling import Labelling
from power_metrics.app.requests import python_lines
from power_metrics.app.sessions import Session
from power_metrics.app.sources import edited_of
from power_metrics.app.watch import PICTURES, Results, csv_table
from power_metrics.app.workers import JobError, Workers

STATIC = Path(__file__).parent / "static"
MAX_PAGES = 200
"""Connections at the same time."""
TYPES = {
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "png": "image/png",
    "svg": "image/svg+xml",
    "npz": "application/octet-stream",
    "py": "text/x-python; charset=utf-8",
}


@cache
def _catalogue() -> bytes:
    return json.dumps(catalogue()).encode()


class App:
    """What the server knows: where files are, and who works.

    Args:
        folder: of saved files.
        results: the folder that is watched; None for none.
        workers: processes for long work.
        labelling: what raters compare.
    """

    def __init__(self, folder: Folder, results: Results | None, workers: Workers, labelling: Labelling):
        self.folder, self.results, self.workers, self.labelling = folder, results, workers, labelling
        self._pages = 0
        self._background: set[asyncio.Task[Any]] = set()

    @contextlib.asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        """Starts the processes, and ends them."""
        await self.workers.start()
        task = asyncio.create_task(self._warm_up())
        self._background.add(task)
        try:
            yield
        finally:
            task.cancel()
            self.workers.stop()

    async def _warm_up(self) -> None:
        with contextlib.suppress(JobError):
            await self.workers.run("warm_up", {})

    async def page(self, request: Request) -> Response:
        """The page."""
        return FileResponse(STATIC / "index.html")

    async def catalogue(self, request: Request) -> Response:
        """Everything that a page chooses from."""
        return Response(await asyncio.to_thread(_catalogue), media_type="application/json")

    async def files(self, request: Request) -> Response:
        """The saved files."""
        about = {"folder": str(self.folder.path), "files": await asyncio.to_thread(self.folder.files)}
        return JSONResponse({**about, "results": None if self.results is None else str(self.results.root)})

    async def lines(self, request: Request) -> Response:
        """Python that gives the numbers of a request."""
        given = bounds.parsed(await _body(request))
        return JSONResponse({"lines": await asyncio.to_thread(python_lines, given.get("request"))})

    async def download(self, request: Request) -> Response:
        """A file of a request's result."""
        given = bounds.parsed(await _body(request))
        data = await self.workers.run("download", given)
        form = given["format"]
        name = f"powerenvs.{form}"
        return Response(data, media_type=TYPES[form], headers={"content-disposition": f'attachment; filename="{name}"'})

    async def explore(self, request: Request) -> Response:
        """A map without a WebSocket, for programs."""
        return Response(
            await self.workers.run("explore", bounds.parsed(await _body(request))), media_type="application/json"
        )

    async def save(self, request: Request) -> Response:
        """Saves a level, a graph, a walk or a log into the folder."""
        given = bounds.parsed(await _body(request))
        replace = bounds.flag("replace", given.get("replace", False))
        if "world" in given:
            world = edited_of(bounds.mapping("world", given["world"]))
            written = await asyncio.to_thread(self.folder.save_level, world, given.get("name"), replace)
        else:
            text = bounds.text("text", given.get("text"), bounds.MAX_BODY)
            suffixes = (*GRAPHS, *WALKS)
            written = [await asyncio.to_thread(self.folder.save_text, text, given.get("name"), suffixes, replace)]
        return JSONResponse({"written": written, "folder": str(self.folder.path)})

    async def open(self, request: Request) -> Response:
        """The source that a file holds: one of the folder, or one whose bytes the page sends."""
        given = bounds.parsed(await _body(request))
        bounds.known_keys("open", given, ("name", "bytes", "settings"))
        settings = _settings(given.get("settings", {}))
        if "bytes" not in given:
            return JSONResponse(await asyncio.to_thread(self.folder.open, given.get("name"), settings))
        try:
            data = base64.b64decode(bounds.text("bytes", given["bytes"], bounds.MAX_BODY), validate=True)
        except (binascii.Error, ValueError):
            raise ValueError("bytes: expected base64") from None
        return JSONResponse(await asyncio.to_thread(opened_bytes, data, given.get("name"), settings))

    async def result(self, request: Request) -> Response:
        """Something of the watched folder: a sweep's points, a table, a saved result, a picture."""
        if self.results is None:
            raise ValueError("watch: no folder is watched; start with powerenvs app --results FOLDER")
        path = self.results.place(request.query_params.get("path", ""))
        suffix = path.suffix.lower()
        if path.is_dir():
            return Response(await self.workers.run("sweep", {"path": os.fspath(path)}), media_type="application/json")
        if suffix == ".csv":
            return JSONResponse(await asyncio.to_thread(csv_table, path))
        if suffix == ".npz":
            picture = request.query_params.get("as") == "picture"
            data = await self.workers.run("picture" if picture else "saved_table", {"path": os.fspath(path)})
            return Response(data, media_type="image/png" if picture else "application/json")
        if suffix == ".json" and path.stat().st_size <= bounds.MAX_BODY:
            return Response(path.read_bytes(), media_type="text/plain; charset=utf-8")
        if suffix in PICTURES:
            return FileResponse(path, media_type=PICTURES[suffix])
        raise ValueError(f"path: expected a table, a result or a picture, found {bounds.shown(path.name)}")

    async def label(self, request: Request) -> Response:
        """What raters are asked, and how far they have come."""
        return JSONResponse(await asyncio.to_thread(self.labelling.about))

    async def counts(self, request: Request) -> Response:
        """How many answers there are."""
        rater = request.query_params.get("rater", "")
        return JSONResponse(await asyncio.to_thread(self.labelling.counts, rater))

    async def agreement(self, request: Request) -> Response:
        """How far raters agree."""
        return JSONResponse(await asyncio.to_thread(self.labelling.agreement))

    async def clip(self, request: Request) -> Response:
        """The picture of a clip."""
        name = request.query_params.get("name", "")
        return Response(await asyncio.to_thread(self.labelling.clip, name), media_type="image/png")

    def comparing(self, do: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Request], Awaitable[Response]]:
        """A request of a rater's page."""

        async def answer(request: Request) -> Response:
            given = bounds.parsed(await _body(request))
            return JSONResponse(await asyncio.to_thread(do, given))

        return answer

    async def socket(self, socket: WebSocket) -> None:
        """One page's connection."""
        if self._pages >= MAX_PAGES:
            await socket.close(1013, "too many pages are open")
            return
        await socket.accept()
        self._pages += 1

        async def send(text: str) -> None:
            with contextlib.suppress(WebSocketDisconnect, RuntimeError):  # it has gone meanwhile
                await socket.send_text(text)

        session = Session(self.workers, self.results, send)
        try:
            while True:
                message = await socket.receive()
                if message["type"] == "websocket.disconnect":
                    break
                await session.take(message.get("text") or message.get("bytes") or b"")
        except (WebSocketDisconnect, RuntimeError):
            pass  # the page has gone
        finally:
            self._pages -= 1
            await session.close()

    def routes(self) -> list[Any]:
        """All that is answered."""
        posts = {
            "/api/lines": self.lines,
            "/api/download": self.download,
            "/api/explore": self.explore,
            "/api/save": self.save,
            "/api/open": self.open,
            "/api/label/next": self.comparing(self.labelling.next),
            "/api/label/answer": self.comparing(self.labelling.answer),
            "/api/label/undo": self.comparing(self.labelling.undo),
            "/api/label/practice": self.comparing(self.labelling.practice),
        }
        return [
            Route("/", self.page),
            Route("/api/catalogue", _said(self.catalogue)),
            Route("/api/files", _said(self.files)),
            Route("/api/result", _said(self.result)),
            Route("/api/label", _said(self.label)),
            Route("/api/label/counts", _said(self.counts)),
            Route("/api/label/agreement", _said(self.agreement)),
            Route("/api/label/clip", _said(self.clip)),
            *(Route(path, _said(answer), methods=["POST"]) for path, answer in posts.items()),
            WebSocketRoute("/ws", self.socket),
            Mount("/static", StaticFiles(directory=STATIC)),
        ]


def _said(answer: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """Answers 400 with a message where a request is no good."""

    async def answered(request: Request) -> Response:
        try:
            return await answer(request)
        except (ValueError, JobError, OSError) as error:
            text = str(error) if not isinstance(error, OSError) else error.strerror or type(error).__name__
            return JSONResponse({"message": " ".join(text.split())[:600]}, status_code=400)
        except Exception as error:  # a fault of ours: the page gets a line, the terminal the traceback
            traceback.print_exc()
            return JSONResponse({"message": f"the request failed ({type(error).__name__})"}, status_code=500)

    return answered


async def _body(request: Request) -> bytes:
    """The body, if it is JSON and not too large."""
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        raise ValueError("content-type: expected application/json")
    parts, size = [], 0
    async for part in request.stream():
        parts.append(part)
        size += len(part)
        if size > bounds.MAX_BODY:
            raise ValueError(f"body: expected at most {bounds.MAX_BODY:,} bytes")
    return b"".join(parts)


def _settings(given: Any) -> dict[str, Any]:
    """Settings of a level that is opened."""
    given = bounds.mapping("settings", given)
    bounds.known_keys("settings", given, ("noise", "walls", "pair", "overlaps"))
    return {name: bounds.plain(name, value) for name, value in given.items()}


def make_app(
    folder: str | os.PathLike[str],
    results: str | os.PathLike[str] | None = None,
    workers: Workers | None = None,
    hosts: tuple[str, ...] | None = LOOPBACK,
    token: str | None = None,
    labelling: Labelling | None = None,
) -> Any:
    """The ASGI application.

    Args:
        folder: where files are saved and opened.
        results: a folder of results to watch.
        workers: processes for long work; by default two.
        hosts: names by which it may be addressed; None for any, which needs a token.
        token: what requests have to bring.
        labelling: what raters compare; None for made-up clips alone.
    """
    watched = None if results is None else Results(results)
    known = App(Folder(folder), watched, workers or Workers(), labelling or Labelling())
    return Guard(Starlette(routes=known.routes(), lifespan=known.lifespan), hosts, token)
