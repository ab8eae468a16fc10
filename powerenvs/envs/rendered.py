"""`RenderedEnv`: rendering, which all single environments share."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from powerenvs.envs.specs import WithSpec
from powerenvs.model.labels import closest
from powerenvs.render.window import Window


class RenderedEnv(WithSpec, gym.Env[Any, int]):  # type: ignore[misc]  # spec is a property
    """An environment with the render modes "ansi", "rgb_array" and "human".

    Args:
        render_mode: one of them, or None.

    Raises:
        ValueError: for an unknown render mode.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["ansi", "rgb_array", "human"], "render_fps": 8}  # type: ignore[misc]

    def __init__(self, render_mode: str | None):
        if render_mode is not None and render_mode not in self.metadata["render_modes"]:
            raise ValueError(
                f"render_mode: unknown mode {render_mode!r}; {closest(render_mode, self.metadata['render_modes'])}"
            )
        self.render_mode = render_mode
        self._window = Window("powerenvs", self.metadata["render_fps"]) if render_mode == "human" else None

    @abstractmethod
    def _frame(self) -> NDArray[np.uint8]:
        """The current state as a picture; an error before the first reset."""

    @abstractmethod
    def _text(self) -> str:
        """The current state as text; an error before the first reset."""

    def render(self) -> Any:
        """The current state as ``render_mode`` has it: an RGB array, text, or on the screen (returns None).

        Raises:
            gymnasium.error.ResetNeeded: before the first reset.
        """
        if self.render_mode is None:
            gym.logger.warn(
                'render() draws nothing without a render mode, such as gym.make(..., render_mode="rgb_array")'
            )
            return None
        if self.render_mode == "ansi":
            return self._text()
        frame = self._frame()
        if self._window is None:
            return frame
        self._window.show(frame)
        return None

    def close(self) -> None:
        """Closes the window if there is one."""
        if self._window is not None:
            self._window.close()
