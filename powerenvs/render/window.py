"""The window of ``render_mode="human"``, by pygame, which is imported when a window is made and not before."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.error import DependencyNotInstalled
from numpy.typing import NDArray

from powerenvs.extras import install_line


class Window:
    """Shows frames on the screen, at most ``fps`` a second.

    The window opens with the first frame. Copies and pickles of it are windows that have not opened yet.

    Raises:
        gymnasium.error.DependencyNotInstalled: if pygame is missing.
    """

    def __init__(self, title: str, fps: float):
        try:
            import pygame
        except ImportError:
            raise DependencyNotInstalled(f'render_mode="human" needs pygame: {install_line("render")}') from None
        self._pygame, self._title, self._fps = pygame, title, fps
        self._surface: Any = None
        self._clock: Any = None

    def show(self, frame: NDArray[np.uint8]) -> None:
        """Shows a picture (height, width, 3)."""
        pygame = self._pygame
        size = (frame.shape[1], frame.shape[0])
        if self._surface is None or self._surface.get_size() != size:
            pygame.display.init()
            pygame.display.set_caption(self._title)
            self._surface = pygame.display.set_mode(size)
            self._clock = pygame.time.Clock()
        pygame.surfarray.blit_array(self._surface, frame.transpose(1, 0, 2))
        pygame.event.pump()
        pygame.display.flip()
        self._clock.tick(self._fps)

    def keys(self) -> list[str] | None:
        """The keys pressed since the last call, after waiting for a frame's time; None when the window was closed.

        Cursor keys are "up", "down", "left" and "right", the others the character that they type.
        """
        pygame = self._pygame
        self._clock.tick(self._fps)
        found = []
        for event in pygame.event.get():
            if event.type == pygame.QUIT:
                return None
            if event.type == pygame.KEYDOWN:
                name = pygame.key.name(event.key)
                found.append(name if name in ("up", "down", "left", "right") else event.unicode)
        return found

    def close(self) -> None:
        """Closes the window; the next frame would open it again."""
        if self._surface is not None:
            self._pygame.display.quit()
            self._surface = self._clock = None

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._title, self._fps)
