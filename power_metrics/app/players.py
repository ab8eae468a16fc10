"""Environments as a page plays them: one player or several, who choose among numbered actions with names."""

from __future__ import annotations

import itertools
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from powerenvs.authoring.family import load
from powerenvs.model.labels import label_text
from powerenvs.registry import games
from powerenvs.sources.by_name import make_environment

MAX_ACTIONS = 100
REAL_TIME = "real_time"
"""Environments whose ``metadata`` has this as True move on by themselves, ``render_fps`` times a second."""


class Taken(NamedTuple):
    """What a step gave.

    Attributes:
        observation: of the only player, or of the first.
        rewards: of each player.
        performance: hidden, of each.
        terminated: whether the episode is over.
        truncated: whether its time is.
        info: the single values that the environment tells of the step.
    """

    observation: Any
    rewards: list[float]
    performance: list[float]
    terminated: bool
    truncated: bool
    info: dict[str, Any]


class Table(ABC):
    """Where players sit: an environment, whatever its kind.

    Attributes:
        players: their names.
        actions: the names of each player's actions.
        limit: steps of an episode; None where there is no limit.
        rate: steps a second, where the clock runs.
        real_time: whether the clock runs from the start.
        model: the tables; None without.
    """

    players: Sequence[str]
    actions: Sequence[Sequence[str]]
    limit: int | None
    rate: float
    real_time: bool
    model: Any

    @abstractmethod
    def reset(self, seed: int | None) -> Any:
        """Starts an episode; returns what is seen."""

    @abstractmethod
    def step(self, actions: list[int]) -> Taken:
        """Takes an action of each player."""

    @abstractmethod
    def masks(self) -> list[Sequence[bool]]:
        """Which actions each player has now."""

    @abstractmethod
    def picture(self) -> NDArray[np.uint8] | None:
        """The state as a picture; None where there is none."""

    @abstractmethod
    def board(self) -> list[str]:
        """The state as rows of text for who cannot see the picture; empty where there is none."""

    @abstractmethod
    def text(self) -> str:
        """The state as text, where it has no picture."""

    @property
    @abstractmethod
    def state(self) -> Any:
        """The state, for the walk."""

    @abstractmethod
    def close(self) -> None:
        """Lets the environment go."""


def table_of(name: str, kwargs: dict[str, Any], ids: Sequence[str]) -> Table:
    """The environment or the game of this name.

    Raises:
        ValueError: for an unknown name, arguments that it refuses, and actions that cannot be numbered.
    """
    game = next((entry for entry in games().values() if name in entry.names), None)
    if game is not None:
        return Pair(load(game.world)(**_known(game.world, kwargs)), game.name)
    if name not in ids:
        raise ValueError(f"id: unknown id {name!r}; the list of worlds has all that can be played")
    return Single(name, kwargs)


def _known(world: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
    import inspect

    parameters = inspect.signature(load(world)).parameters
    for argument in kwargs:
        if argument not in parameters:
            raise ValueError(f"{argument}: expected one of {', '.join(parameters)}")
    return kwargs


class Single(Table):
    """A Gymnasium environment with one player."""

    players = ("you",)

    def __init__(self, name: str, kwargs: dict[str, Any]):
        import gymnasium as gym

        modes = self._modes(name)
        mode = next((mode for mode in ("rgb_array", "ansi") if mode in modes), None)
        self._env = make_environment(name, kwargs, render_mode=mode)
        self._mode = mode
        base = self._env.unwrapped
        self.model = getattr(base, "mdp", None)
        self._world = getattr(base, "world", None)
        self._choices = numbered(self._env.action_space)
        self.actions = (self._names(base),)
        self.limit = getattr(self._env.spec, "max_episode_steps", None)
        metadata = getattr(base, "metadata", {}) or {}
        self.rate = float(np.clip(float(metadata.get("render_fps") or 8), 0.5, 60))
        self.real_time = metadata.get(REAL_TIME) is True
        self._info: dict[str, Any] = {}
        assert isinstance(self._env, gym.Env)

    @staticmethod
    def _modes(name: str) -> Sequence[str]:
        import gymnasium as gym
        from gymnasium.envs.registration import load_env_creator

        entry = gym.spec(name).entry_point
        creator = load_env_creator(entry) if isinstance(entry, str) else entry
        return (getattr(creator, "metadata", None) or {}).get("render_modes", ())

    def _names(self, base: Any) -> tuple[str, ...]:
        if self.model is not None:
            return tuple(label_text(label) for label in self.model.action_labels)
        labels = getattr(base, "action_labels", None)
        if labels is not None and len(labels) == len(self._choices):
            return tuple(label_text(label) for label in labels)
        if self._world is not None and len(self._world.actions) == len(self._choices):
            return tuple(self._world.actions)
        kinds = getattr(base, "actions", None)
        if isinstance(kinds, type) and hasattr(kinds, "__members__") and len(kinds) == len(self._choices):  # type: ignore[arg-type]
            return tuple(member.lower() for member in kinds.__members__)
        meanings = getattr(base, "get_action_meanings", None)
        if callable(meanings):
            return tuple(str(one).lower() for one in meanings())
        return tuple(str(choice) for choice in self._choices)

    def reset(self, seed: int | None) -> Any:
        """See `Table`."""
        observation, self._info = self._env.reset(seed=seed)
        return observation

    def step(self, actions: list[int]) -> Taken:
        """See `Table`."""
        observation, reward, terminated, truncated, self._info = self._env.step(self._choices[actions[0]])
        performance = float(self._info.get("performance", reward))
        hidden = ("performance", "action_mask", "state")
        told = plain({name: value for name, value in self._info.items() if name not in hidden})
        return Taken(observation, [float(reward)], [performance], bool(terminated), bool(truncated), told)

    def masks(self) -> list[Sequence[bool]]:
        """See `Table`."""
        mask = self._info.get("action_mask")
        return [[True] * len(self._choices) if mask is None else np.asarray(mask).astype(bool).tolist()]

    def picture(self) -> NDArray[np.uint8] | None:
        """See `Table`."""
        frame = self._env.render() if self._mode == "rgb_array" else None
        return frame if isinstance(frame, np.ndarray) else None

    def board(self) -> list[str]:
        """See `Table`; labels of states are left out, as they may tell what a player must not know."""
        if self._world is None:
            return []
        state = self._info.get("state")
        if state is None:  # as of an environment of pixels
            return []
        found = self._world.board(self.model.state_labels[state] if self.model is not None else state)
        return list(found or ())

    def text(self) -> str:
        """See `Table`."""
        if self._mode == "ansi":
            return re.sub(r"\x1b\[[0-9;]*m", "", str(self._env.render()))[:4000]
        return "\n".join(self.board())

    @property
    def state(self) -> Any:
        """See `Table`."""
        found = self._info.get("state")
        return int(found) if self.model is not None and found is not None else found

    def close(self) -> None:
        """See `Table`."""
        self._env.close()


class Pair(Table):
    """A game of several players who move at the same time."""

    def __init__(self, world: Any, name: str):
        from powerenvs.envs.parallel import GameEnv

        try:
            self._env = GameEnv(world, name=name, render_mode="rgb_array")
        except ValueError:  # of a game without a board
            self._env = GameEnv(world, name=name, render_mode="ansi")
        self._world = world
        self.model = self._env.game
        self.players = tuple(self._env.possible_agents)
        labels = self.model.action_labels
        self.actions = tuple(tuple(label_text(one) for one in labels[agent]) for agent in self.players)
        self.limit = self._env.max_cycles
        self.rate, self.real_time = float(self._env.metadata["render_fps"]), False
        self._infos: dict[str, Any] = {}

    def reset(self, seed: int | None) -> Any:
        """See `Table`."""
        observations, self._infos = self._env.reset(seed=seed)
        return observations[self.players[0]]

    def step(self, actions: list[int]) -> Taken:
        """See `Table`."""
        chosen = dict(zip(self.players, actions, strict=True))
        observations, rewards, ended, cut, self._infos = self._env.step(chosen)
        return Taken(
            observations[self.players[0]],
            [float(rewards[agent]) for agent in self.players],
            [float(self._infos[agent]["performance"]) for agent in self.players],
            any(ended.values()),
            any(cut.values()),
            {},
        )

    def masks(self) -> list[Sequence[bool]]:
        """See `Table`."""
        return [np.asarray(self._infos[agent]["action_mask"]).astype(bool).tolist() for agent in self.players]

    def picture(self) -> NDArray[np.uint8] | None:
        """See `Table`."""
        frame = self._env.render() if self._env.render_mode == "rgb_array" else None
        return frame if isinstance(frame, np.ndarray) else None

    def board(self) -> list[str]:
        """See `Table`."""
        from powerenvs.envs.game_views import GamePictures

        state = self._env.joint_state
        return [] if state is None else GamePictures(self.model, self._world).text(state).split("\n")[:-1]

    def text(self) -> str:
        """See `Table`."""
        return str(self._env.render()) if self._env.render_mode == "ansi" else ""

    @property
    def state(self) -> Any:
        """See `Table`."""
        return self._env.joint_state

    def close(self) -> None:
        """See `Table`."""
        self._env.close()


def numbered(space: Any) -> list[Any]:
    """The actions of a space, in order.

    Raises:
        ValueError: for a space whose actions are not few and separate.
    """
    import gymnasium as gym

    found: list[Any] = []
    if isinstance(space, gym.spaces.Discrete):
        found = [int(space.start) + action for action in range(int(space.n))]
    elif isinstance(space, gym.spaces.MultiDiscrete) and space.nvec.ndim == 1 and np.prod(space.nvec) <= MAX_ACTIONS:
        found = [np.add(one, space.start) for one in itertools.product(*(range(n) for n in space.nvec.tolist()))]
    elif isinstance(space, gym.spaces.MultiBinary) and 2 ** int(np.prod(space.shape)) <= MAX_ACTIONS:
        shape = space.shape
        found = [
            np.array(one, dtype=np.int8).reshape(shape) for one in itertools.product((0, 1), repeat=int(np.prod(shape)))
        ]
    if not 1 <= len(found) <= MAX_ACTIONS:
        raise ValueError(f"play: expected at most {MAX_ACTIONS} separate actions to choose by keys, found {space}")
    return found


def plain(value: Any, depth: int = 3) -> Any:
    """What of an info can be written down: numbers, texts, truth values, and short lists and mappings of them."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, dict) and depth:
        made = {str(name)[:100]: plain(one, depth - 1) for name, one in list(value.items())[:100]}
        return {name: one for name, one in made.items() if one is not None}
    if isinstance(value, (list, tuple)) and depth and len(value) <= 20:
        return [plain(one, depth - 1) for one in value]
    if isinstance(value, str):
        return value[:500].encode("utf-8", "replace").decode()
    if isinstance(value, (bool, int)) or (isinstance(value, float) and np.isfinite(value)):
        return value
    return None
