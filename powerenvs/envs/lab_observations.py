"""DeepMind Lab's observations by its own names."""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from powerenvs.envs.views import SceneViews
from powerenvs.model.labels import closest

UNITS = 100.0
"""Game units along the side of a cell."""
PICTURES = {
    "RGB_INTERLEAVED": ("first_person", (0, 1, 2), False),
    "RGBD_INTERLEAVED": ("rgbd", (0, 1, 2, 3), False),
    "RGB": ("first_person", (0, 1, 2), True),
    "RGBD": ("rgbd", (0, 1, 2, 3), True),
    "BGR_INTERLEAVED": ("first_person", (2, 1, 0), False),
    "BGRD_INTERLEAVED": ("rgbd", (2, 1, 0, 3), False),
    "DEBUG.CAMERA.TOP_DOWN": ("top_down", (0, 1, 2), True),
}
"""{name: (observation, channels in order, whether they come first)}."""
NUMBERS = ("DEBUG.POS.TRANS", "DEBUG.POS.ROT")
TEXTS = ("INSTR", "DEBUG.MAZE.LAYOUT", "DEBUG.MAZE.VARIATION")
NAMES = (*PICTURES, *NUMBERS, *TEXTS)
ABSENT = {
    "FRAMES_REMAINING_AT_60": "time is not part of the state",
    "VEL.TRANS": "the agent jumps from cell to cell",
    "VEL.ROT": "the agent turns by quarters at once",
    "TEAM.SCORE": "there is one agent",
    "DEBUG.PLAYER_ID": "there is one agent",
}
"""What DeepMind Lab has besides, and why it cannot be had here."""


class LabObservations(gym.ObservationWrapper[Any, Any, Any]):
    """What the agent sees in a lab, as a dictionary with DeepMind Lab's names (its ``docs/users/observations.md``).

    "RGB_INTERLEAVED": (height, width, 3) uint8. "RGBD_INTERLEAVED": with the distance as a fourth byte, in eighths of a
    cell. "BGR_INTERLEAVED", "BGRD_INTERLEAVED": with blue first. "RGB", "RGBD": with the channels first.
    "DEBUG.CAMERA.TOP_DOWN": the level from above, channels first. "DEBUG.POS.TRANS": (3,) float64, where the agent is
    in game units, 100 a cell, x to the east and y to the north from the lower left corner, z upwards. "DEBUG.POS.ROT":
    (3,) float64, pitch, yaw and roll in degrees; the yaw is 0 in the east and 90 in the north. "INSTR": what the agent
    is told, "" where it is told nothing. "DEBUG.MAZE.LAYOUT", "DEBUG.MAZE.VARIATION": the two layers of the level as
    text. Everything is a function of the state, so that `power_metrics.policy_table` asks agents of such observations
    in each state.

    Args:
        env: an environment of a world with a scene; its observation is that of the state, or a board where the world is
            too large for tables.
        observations: names, in order.
        height: rows of pixels of pictures of what is ahead.
        width: columns of pixels.

    Attributes:
        names: the names.

    Raises:
        ValueError: for names that are unknown, or of what this world does not have; for an environment that shows
            something other than the state, or has no scene.

    Example:
        >>> import gymnasium as gym
        >>> import powerenvs
        >>> from powerenvs.envs import LabObservations
        >>> env = LabObservations(gym.make("powerenvs/Lab-v0"), ["RGB_INTERLEAVED", "DEBUG.POS.ROT"])
        >>> seen, info = env.reset(seed=0)
        >>> seen["RGB_INTERLEAVED"].shape, seen["DEBUG.POS.ROT"].shape
        ((84, 84, 3), (3,))
    """

    def __init__(
        self,
        env: gym.Env[Any, Any],
        observations: Sequence[str] = ("RGB_INTERLEAVED",),
        height: int = 84,
        width: int = 84,
    ):
        super().__init__(env)
        base: Any = env.unwrapped
        self.names = (observations,) if isinstance(observations, str) else tuple(observations)
        if not self.names:
            raise ValueError("observations: expected at least one name, found none")
        for name in self.names:
            if name in ABSENT:
                raise ValueError(f"observations: there is no {name} here: {ABSENT[name]}; known: {', '.join(NAMES)}")
            if name not in NAMES:
                raise ValueError(f"observations: unknown name {name!r}; {closest(name, NAMES)}")
        self._world = getattr(base, "world", None)
        if self._world is None or self._world.scene() is None:
            raise ValueError(f"env: expected a world with a scene, such as those of labs, found {base}")
        self._numbered = hasattr(base, "mdp")
        if self._numbered and not isinstance(env.observation_space, spaces.Discrete):
            raise ValueError(
                f'env: expected one made with observation="state", which is the default, found {env.observation_space}'
            )
        self._states = base.mdp.state_labels if self._numbered else None
        self._scene = self._world.scene()
        sizes = {"top_down": ""}
        self._views = {
            kind: SceneViews(self._world, kind + sizes.get(kind, f":{height}x{width}"))
            for kind in dict.fromkeys(PICTURES[name][0] for name in self.names if name in PICTURES)
        }
        self._tables: dict[str, Any] = {}
        if self._states is not None:
            self._tables = {kind: views.table(self._states) for kind, views in self._views.items()}
        self._layers = self._drawn_layers()
        self.observation_space = spaces.Dict({name: self._space(name) for name in self.names})

    def observation(self, observation: Any) -> dict[str, Any]:
        """What is seen in the state that the environment is in."""
        state = int(observation) if self._numbered else self.unwrapped.state  # type: ignore[attr-defined]
        label = self._states[state] if self._states is not None else state
        pictures = {
            kind: self._tables[kind][state] if self._numbered else views.of([label])[0]
            for kind, views in self._views.items()
        }
        views = self._world.viewpoints([label])  # type: ignore[union-attr]
        return {name: self._one(name, label, pictures, views) for name in self.names}

    def _one(self, name: str, label: Any, pictures: dict[str, NDArray[np.uint8]], views: Any) -> Any:
        if name in PICTURES:
            kind, channels, first = PICTURES[name]
            image = pictures[kind][..., list(channels)]
            return np.ascontiguousarray(image.transpose(2, 0, 1) if first else image)
        if name == "DEBUG.POS.TRANS":
            rows = self._scene.shape[0]
            east, north = views.column[0] + 0.5, rows - views.row[0] - 0.5
            return UNITS * np.array([east, north, 0.5])
        if name == "DEBUG.POS.ROT":
            return np.array([0.0, (90.0 - 360.0 / views.directions * views.heading[0] + 180.0) % 360.0 - 180.0, 0.0])
        if name == "INSTR":
            return str(self._world.instruction(label) or "")  # type: ignore[union-attr]
        return self._layers[name]

    def _space(self, name: str) -> spaces.Space[Any]:
        if name in PICTURES:
            kind, channels, first = PICTURES[name]
            height, width, _ = self._views[kind].space.shape or ()
            shape = (len(channels), height, width) if first else (height, width, len(channels))
            return spaces.Box(0, 255, shape, np.uint8)
        if name == "DEBUG.POS.TRANS":
            rows, columns = self._scene.shape
            return spaces.Box(np.zeros(3), UNITS * np.array([columns, rows, 1.0]), dtype=np.float64)
        if name == "DEBUG.POS.ROT":
            return spaces.Box(-180.0, 180.0, (3,), np.float64)
        length = 256 if name == "INSTR" else len(self._layers[name])
        return spaces.Text(length, min_length=0, charset=string.printable)

    def _drawn_layers(self) -> dict[str, str]:
        """The entity layer and the variations layer, both of the same size."""
        level = self._world.level  # type: ignore[union-attr]
        if level is None:
            if {"DEBUG.MAZE.LAYOUT", "DEBUG.MAZE.VARIATION"} & set(self.names):
                raise ValueError(f"observations: {type(self._world).__name__} has no level as text")
            return {}
        rows, columns = self._scene.shape
        looks = np.where(self._scene.solid, 1, self._scene.floor)
        if level.shape == (2 * rows + 1, 2 * columns + 1):  # thin walls: cells are the characters in odd places
            spread = np.ones(level.shape, dtype=np.int64)
            spread[1::2, 1::2] = looks
            looks = spread
        letters = np.array([".", *string.ascii_uppercase])[looks - 1]
        layout = "\n".join(level.rows).replace("#", "*")
        return {
            "DEBUG.MAZE.LAYOUT": f"{layout}\n",
            "DEBUG.MAZE.VARIATION": "".join("".join(row) + "\n" for row in letters.tolist()),
        }
