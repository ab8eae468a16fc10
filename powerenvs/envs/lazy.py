"""`LazyEnv`: a world that is too large for tables as a Gymnasium environment."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Hashable
from functools import cached_property
from operator import index
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.error import ResetNeeded
from numpy.typing import NDArray

from powerenvs.authoring.lazy import LazyTable
from powerenvs.envs.loading import check_options
from powerenvs.envs.memory import EpisodeMemory
from powerenvs.envs.observations import BoardEncoder
from powerenvs.envs.rendered import RenderedEnv
from powerenvs.envs.views import VIEW_KINDS, SceneViews, is_view
from powerenvs.model.labels import closest, label_text
from powerenvs.render import SideBySide, render_board

KINDS = ("board", "rgb")


class LazyEnv(RenderedEnv):
    """Steps through the rows of a world's table, each made when it is needed.

    Behaves as `TabularEnv` does, with the states themselves in the place of their indices: in ``info["state"]``,
    `state`, and ``reset(options={"state": ...})``.

    Args:
        table: the rows of the world; environments may share one.
        observation: "board" or "rgb", and in worlds with a scene also "first_person" and others; see
            `ObservationTable`.
        render_mode: "rgb_array", "ansi", "human" (needs pygame), or None.

    Attributes:
        table: as given.
        world: the world.

    Raises:
        ValueError: for an unknown observation or render mode, or a world without a board.
    """

    def __init__(self, table: LazyTable, *, observation: str = "board", render_mode: str | None = None):
        super().__init__(render_mode)
        self.table, self.world = table, table.world
        self._memory = EpisodeMemory(self.world)
        (_, first), *_ = self.world.initial()
        board = self.world.board(first)
        if observation not in KINDS and not is_view(observation):
            raise ValueError(
                f"observation: expected 'board' or 'rgb' in a world too large to number its states, or a view of a "
                f"scene, found {observation!r}; {closest(observation, (*KINDS, *VIEW_KINDS))}"
            )
        if board is None:
            raise ValueError(f"world: expected a board to observe, found none in {type(self.world).__name__}")
        self._ground = None if self.world.level is None else self.world.level.rows
        self._encoder: BoardEncoder | SceneViews
        if is_view(observation):
            self._encoder = SceneViews(self.world, observation)
        else:
            self._encoder = BoardEncoder(observation, board, self.world.legend, self._ground)
        self._kind_of_state = type(first)
        self.observation_space = self._encoder.space
        self.action_space = gym.spaces.Discrete(len(self.world.actions))
        self._state: Hashable = None
        self._ended = True

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Starts an episode.

        Args:
            seed: starts the random numbers afresh.
            options: ``{"state": state}`` starts in this state instead of a random start state. In a world that
                remembers, ``{"memory": ...}`` replaces what it does.

        Raises:
            ValueError: for an unknown option, or what is no state of this world.
        """
        given = check_options(options, ("state",) if self.world.memory is None else ("state", "memory"))
        if "state" in given and not isinstance(given["state"], self._kind_of_state):
            raise ValueError(f"options['state']: expected a {self._kind_of_state.__name__}, found {given['state']!r}")
        self._memory.next_episode(self._state, seed, given)
        super().reset(seed=seed)
        self._state = given["state"] if "state" in given else self._memory.draw(self.np_random.random)
        self._ended = bool(self.world.terminal(self._state))
        return self._observe(), self._info(0.0)

    def step(self, action: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Takes an action; the third value says whether the next state is terminal, the fourth is False.

        Raises:
            ValueError: for what is no action of the current state; nothing changes then.
            gymnasium.error.ResetNeeded: before the first reset, and after a terminal state.
        """
        if self._ended:
            raise ResetNeeded("reset() has to come before step()")
        sums, outcomes = self.table.row(self._state, self._named(action))
        reached = outcomes[bisect_right(sums, self.np_random.random())] if len(sums) > 1 else outcomes[0]
        self._state, self._ended = reached.state, reached.terminal
        return self._observe(), reached.reward, reached.terminal, False, self._info(reached.performance)

    @property
    def state(self) -> Hashable:
        """The current state; None before the first reset."""
        return self._state

    @property
    def memory(self) -> Any:
        """What the world carries from episode to episode, as the current episode began with it; None for most."""
        return self._memory.value

    def action_masks(self) -> NDArray[np.bool_]:
        """(A,) bool: the actions that exist in the current state.

        Raises:
            gymnasium.error.ResetNeeded: before the first reset.
        """
        available = set(self.world.available(self._current()))
        return np.array([action in available for action in self.world.actions])

    def _named(self, action: Any) -> str:
        legal = np.flatnonzero(self.action_masks()).tolist()
        try:
            number = index(action)
        except TypeError:
            number = -1
        if number not in legal:
            names = ", ".join(f"{a} ({self.world.actions[a]})" for a in legal)
            raise ValueError(f"action: expected one of {names} in {label_text(self._state)}, found {action!r}")
        return self.world.actions[number]

    def _board(self) -> tuple[str, ...]:
        return self.world.board(self._current()) or ()

    def _observe(self) -> Any:
        if self._window is not None:
            self._window.show(self._frame())
        if isinstance(self._encoder, SceneViews):
            seen = self._encoder.of([self._current()])[0]
            return str(seen) if self._encoder.kind == "instruction" else seen
        return self._encoder.encode(self._board(), label_text(self._state))

    def _info(self, performance: float) -> dict[str, Any]:
        return {"state": self._state, "action_mask": self.action_masks().astype(np.int8), "performance": performance}

    def _frame(self) -> NDArray[np.uint8]:
        if self._sides is not None:
            return self._sides.frames([self._current()])[0]
        return render_board(self._board(), self.world.legend, ground=self._ground)

    @cached_property
    def _sides(self) -> SideBySide | None:
        return None if self.world.scene() is None else SideBySide(self.world)

    def _text(self) -> str:
        return "\n".join([*self._board(), label_text(self._current())])

    def _current(self) -> Hashable:
        if self._state is None:
            raise ResetNeeded("reset() has to come before anything else")
        return self._state
