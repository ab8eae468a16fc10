"""``powerenvs play --window``: the same games in a window, with what the agent sees beside the level from above."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from power_metrics.cli.playing import Game
from powerenvs.render.captions import captioned
from powerenvs.render.window import Window

WIDE = 640
"""Pixels that the picture is wide at least; smaller ones are drawn larger."""
FPS = 30
LINES = 4
"""The title, the step, how it ended, and a message."""


def picture(game: Game) -> NDArray[np.uint8]:
    """(H, W, 3) what the environment draws, with the lines that the terminal has below it."""
    frame = np.asarray(game.env.render())
    scale = max(1, -(-WIDE // frame.shape[1]))
    frame = frame.repeat(scale, axis=0).repeat(scale, axis=1)
    lines = [game.title, *game.status()]
    lines += [""] * (LINES - len(lines))  # of one height, whether there is a message or not
    return next(captioned([frame], [[*lines, *game.help()]], [None] * (LINES + len(game.help())), [{}], {}))


def play_in_window(game: Game) -> None:
    """Plays until the user quits or closes the window.

    Raises:
        gymnasium.error.DependencyNotInstalled: without pygame.
    """
    window = Window(game.title, FPS)
    try:
        shown, pause = True, game.seconds_per_step
        window.show(picture(game))
        due = time.monotonic() + (pause or 0.0)
        while shown:
            keys = window.keys()
            if keys is None:
                break
            for key in keys:
                shown = shown and game.press(key)
            late = pause is not None and not keys and time.monotonic() >= due
            if late:
                game.wait()
            if shown and (keys or late):
                window.show(picture(game))
                due = time.monotonic() + (pause or 0.0)
    finally:
        window.close()
