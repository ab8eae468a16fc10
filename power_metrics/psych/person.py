"""A person at a window: cursor keys move the gaze, digits answer, Escape ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from powerenvs.extras import install_line
from powerenvs.worlds.psychology.screen import MOVES, ScreenEnv
from powerenvs.worlds.psychology.task import FRAMES_PER_SECOND, Task

SIZE = 640
"""Pixels of the window's side, but for its line of text."""
LINE = 28


class Person:
    """Blocks that a person does in a window, in real time.

    Args:
        task: the task.
        seed: of the trials.
        options: arguments of the `ScreenEnv`.

    Raises:
        ValueError: for options that do not fit, and where pygame is missing.
    """

    def __init__(self, task: Task[Any], seed: int, options: Mapping[str, Any]):
        try:
            import pygame
        except ImportError:
            raise ValueError(f"subject: a window needs pygame: {install_line('render')}") from None
        self._pygame = pygame
        self._env = ScreenEnv(task, **{"response": "button" if len(task.buttons) <= 9 else "gaze", **options})
        if self._env.gaze_kind != "grid":
            raise ValueError("screen: expected gaze='grid' for a person, whose keys move the gaze by cells")
        self._seed = seed
        self._surface: Any = None
        self._font: Any = None
        self._clock = pygame.time.Clock()

    def __call__(self, number: int, level: int | tuple[int, int] | None) -> list[dict[str, Any]]:
        """The lines of one block; none if the person ends it before."""
        env = self._env
        env.reset(seed=self._seed, options={"trial": number, "level": level})
        rows: list[dict[str, Any]] = []
        over, message = False, ""
        while not over:
            action = self._action()
            if action is None:
                self._pygame.quit()
                return []
            *_, over, _, info = env.step(action)
            if "trial" in info:
                row = info["trial"]
                message = f"{'correct' if row['correct'] else 'wrong'} after {row['reaction_time']:.2f} s"
                rows.append({name: value for name, value in row.items() if name != "block"})
            self._show(f"block {number + 1}  {info['phase']}  {message}  {self._help()}")
        return rows

    def _action(self) -> int | None:
        """What the keys pressed since the last step say; None to end."""
        pygame = self._pygame
        keys = {pygame.K_UP: "up", pygame.K_DOWN: "down", pygame.K_LEFT: "left", pygame.K_RIGHT: "right"}
        action = 0
        events: list[Any] = pygame.event.get() if self._surface is not None else []
        for event in events:
            if event.type == pygame.QUIT or (event.type == pygame.KEYDOWN and event.key == pygame.K_ESCAPE):
                return None
            if event.type == pygame.KEYDOWN:
                if event.key in keys:
                    action = list(MOVES).index(keys[event.key])
                number = event.key - pygame.K_1
                if 0 <= number < len(self._env.task.buttons) and self._env.response == "button":
                    action = len(MOVES) + number
        return action

    def _help(self) -> str:
        return ", ".join(f"{i} {name}" for i, name in enumerate(self._env.task.buttons, start=1))

    def _show(self, text: str) -> None:
        pygame = self._pygame
        if self._surface is None:
            pygame.init()
            self._surface = pygame.display.set_mode((SIZE, SIZE + LINE))
            self._font = pygame.font.Font(None, 20)
            pygame.display.set_caption(type(self._env.task).__name__)
        frame: NDArray[np.uint8] = self._env.picture(SIZE)
        picture = pygame.surfarray.make_surface(frame.transpose(1, 0, 2))
        self._surface.fill((0, 0, 0))
        self._surface.blit(picture, (0, 0))
        self._surface.blit(self._font.render(text, True, (230, 230, 230)), (8, SIZE + 6))
        pygame.display.flip()
        self._clock.tick(FRAMES_PER_SECOND / self._env.frames_per_step)
