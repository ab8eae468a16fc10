"""The textual application around the editor's screen."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from textual.app import App

from power_metrics.editor.dialogs import Question
from power_metrics.editor.live import LivePower
from power_metrics.editor.screen import EditorScreen
from powerenvs.worlds.power.editing import EditedWorld


@contextmanager
def lenient_input() -> Iterator[None]:
    """Has textual read bytes that are no UTF-8 as a key that means nothing, on which its thread for input dies."""
    try:
        driver: Any = importlib.import_module("textual.drivers.linux_driver")
    except ImportError:  # Windows, whose driver reads keys and no bytes
        yield
        return
    strict = driver.getincrementaldecoder
    driver.getincrementaldecoder = lambda encoding: partial(strict(encoding), errors="replace")
    try:
        yield
    finally:
        driver.getincrementaldecoder = strict


class WorldEditor(App[None]):
    """The editor of ``powerenvs edit``.

    Args:
        world: what to begin with.
        title: what to call it.
        path: where its text is saved; None where it has no file yet.
        gamma: discount.
        live: how POWER is estimated.
    """

    TITLE = "powerenvs edit"
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, world: EditedWorld, title: str, path: Path | None, gamma: float, live: LivePower):
        super().__init__()
        self.editor = EditorScreen(world, title, path, gamma, live)

    def get_default_screen(self) -> EditorScreen:
        """The editor."""
        return self.editor

    async def action_quit(self) -> None:
        """Ends, after asking if there is something to lose."""
        if not self.editor.unsaved:
            self.exit()
        elif not isinstance(self.screen, Question):
            self.push_screen(Question("There are unsaved edits. Quit all the same?"), self._end)

    def _end(self, really: bool | None) -> None:
        if really:
            self.exit()
