"""What one page asks for over its WebSocket: maps, equations, edits, episodes, and news of a folder."""

from __future__ import annotations

import asyncio
import json
import traceback
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

from power_metrics.app import bounds
from power_metrics.app.play import Episode
from power_metrics.app.sources import edited_of
from power_metrics.app.watch import Results
from power_metrics.app.workers import JobError, Workers
from powerenvs.worlds.power.edited_records import edited, record_of

SLOTS = ("main", "less", "equation")
"""Each does one thing at a time: a newer request ends an older one."""
MAX_EDITS = 500
WATCH_SECONDS = 1.0


class Session:
    """One page's connection.

    Args:
        workers: who does long work.
        results: the folder that is watched; None for none.
        send: sends a text to the page.
    """

    def __init__(self, workers: Workers, results: Results | None, send: Callable[[str], Awaitable[None]]):
        self._workers, self._results = workers, results
        self._send = send
        self._jobs: dict[str, asyncio.Task[None]] = {}
        self._sending = asyncio.Lock()
        self._playing = asyncio.Lock()
        self._episode: Episode | None = None

    async def take(self, text: str | bytes) -> None:
        """Takes a message. Whatever it is, the page gets an answer; what is no good is said there."""
        number: Any = None
        try:
            if len(text) > bounds.MAX_BODY:
                raise ValueError(f"message: expected at most {bounds.MAX_BODY:,} characters")
            message = bounds.parsed(text)
            number = message.get("n")
            if number is not None:
                number = bounds.whole("n", number)
            do = bounds.one_of("do", message.get("do"), tuple(self._known))
            await self._known[do](self, message, number)
        except (ValueError, OSError) as error:
            await self._refuse(number, _line(error))
        except Exception as error:  # a fault of ours, or of an environment that is played
            traceback.print_exc()
            await self._refuse(number, f"the request failed ({type(error).__name__}: {_line(error)})")

    async def _refuse(self, number: Any, why: str) -> None:
        await self.say({"n": number if isinstance(number, int) else None, "event": "error", "message": why})

    async def say(self, message: dict[str, Any], data: str | None = None) -> None:
        """Sends a message, with ``data`` that is JSON text already."""
        text = json.dumps(message)
        if data is not None:
            text = f'{text[:-1]}, "data": {data}}}'
        async with self._sending:
            await self._send(text)

    # Maps and equations

    async def _job(self, message: dict[str, Any], number: Any) -> None:
        do = message["do"]
        slot = bounds.one_of("slot", message.get("slot", "equation" if do == "equation" else "main"), SLOTS)
        await self._end(slot)
        arguments = bounds.mapping("ask", message.get("ask"))
        self._jobs[slot] = asyncio.create_task(self._work(do, arguments, number, slot))

    async def _work(self, do: str, arguments: dict[str, Any], number: Any, slot: str) -> None:
        loop = asyncio.get_running_loop()
        told: set[asyncio.Task[None]] = set()

        def tell(kind: str, data: Any) -> None:
            ready = data if isinstance(data, str) else json.dumps(data)
            task = loop.create_task(self.say({"n": number, "event": kind}, ready))
            told.add(task)
            task.add_done_callback(told.discard)

        try:
            found = await self._workers.run(do, arguments, tell)
            await self.say({"n": number, "event": "done", "slot": slot}, found)
        except JobError as error:
            await self.say({"n": number, "event": "error", "slot": slot, "message": str(error)})

    async def _end(self, slot: str) -> None:
        task = self._jobs.pop(slot, None)
        if task is not None and not task.done():
            task.cancel()

    async def _cancel(self, message: dict[str, Any], number: Any) -> None:
        slot = bounds.one_of("slot", message.get("slot", "main"), SLOTS)
        await self._end(slot)
        await self.say({"n": number, "event": "cancelled", "slot": slot})

    # Edits

    async def _edit(self, message: dict[str, Any], number: Any) -> None:
        world = edited_of(bounds.mapping("world", message.get("world")))
        edits = message.get("edits")
        if not isinstance(edits, list) or len(edits) > MAX_EDITS:
            raise ValueError(f"edits: expected a list of at most {MAX_EDITS}, found {bounds.shown(edits)}")
        for edit in edits:
            world = edited(world, bounds.mapping("edit", edit))
        try:
            world.level()
            problem = ""
        except ValueError as error:
            problem = _line(error)
        await self.say({"n": number, "event": "world", "world": record_of(world), "problem": problem})

    # Episodes

    async def _play(self, message: dict[str, Any], number: Any) -> None:
        async with self._playing:
            old, self._episode = self._episode, None
            if old is not None:
                await asyncio.to_thread(old.close)
            self._episode = await asyncio.to_thread(_made, message)
            await self._frame(number)

    async def _act(self, message: dict[str, Any], number: Any) -> None:
        async with self._playing:
            episode = self._playing_one()
            given = (message.get("actions"), message.get("times"), message.get("clock"))
            await asyncio.to_thread(episode.act, *given)
            await self._frame(number)

    async def _again(self, message: dict[str, Any], number: Any) -> None:
        async with self._playing:
            seed = message.get("seed")
            seed = None if seed is None else bounds.whole("seed", seed, 0, (1 << 31) - 1)
            await asyncio.to_thread(self._playing_one().begin, seed)
            await self._frame(number)

    async def _walk(self, message: dict[str, Any], number: Any) -> None:
        async with self._playing:
            suffix = bounds.text("suffix", message.get("suffix"), 10)
            text = await asyncio.to_thread(self._playing_one().saved, suffix)
            await self.say({"n": number, "event": "walk", "suffix": suffix, "text": text})

    def _playing_one(self) -> Episode:
        if self._episode is None:
            raise ValueError("play: expected an episode that was started, found none")
        return self._episode

    async def _frame(self, number: Any) -> None:
        shown = await asyncio.to_thread(self._playing_one().shown)
        await self.say({"n": number, "event": "frame"}, json.dumps(shown))

    # Results

    async def _watch(self, message: dict[str, Any], number: Any) -> None:
        if self._results is None:
            raise ValueError("watch: no folder is watched; start with powerenvs app --results FOLDER")
        await self._end("watch")
        self._jobs["watch"] = asyncio.create_task(self._news(self._results, number))

    async def _news(self, results: Results, number: Any) -> None:
        last: Any = None
        while True:
            found = await asyncio.to_thread(results.survey)
            if found != last:
                last = found
                await self.say({"n": number, "event": "results", "entries": found})
            await asyncio.sleep(WATCH_SECONDS)

    async def close(self) -> None:
        """Ends all that is done for the page."""
        for slot in list(self._jobs):
            await self._end(slot)
        if self._episode is not None:
            await asyncio.to_thread(self._episode.close)

    _known: ClassVar[dict[str, Callable[..., Awaitable[None]]]] = {
        "explore": _job,
        "equation": _job,
        "cancel": _cancel,
        "edit": _edit,
        "play": _play,
        "act": _act,
        "again": _again,
        "walk": _walk,
        "watch": _watch,
    }


def _made(message: dict[str, Any]) -> Episode:
    try:
        return Episode(message)
    except (ValueError, OSError):
        raise
    except Exception as error:  # environments raise anything for arguments that do not suit them
        raise ValueError(f"play: the environment cannot be made ({type(error).__name__}: {error})") from None


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:600] or type(error).__name__
