"""`TabularEnv`: any world as a Gymnasium environment."""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property
from itertools import pairwise
from operator import index
from typing import Any, NoReturn

import gymnasium as gym
import numpy as np
from gymnasium.error import ResetNeeded
from numpy.typing import NDArray

from powerenvs.authoring.world import World
from powerenvs.envs.loading import WorldLike, check_options, load_world, refusal, start_state
from powerenvs.envs.memory import EpisodeMemory
from powerenvs.envs.observations import ObservationTable
from powerenvs.envs.rendered import RenderedEnv
from powerenvs.model.mdp import TabularMDP
from powerenvs.model.rows import cumulative
from powerenvs.render import StatePictures

Outcome = tuple[int, Any, float, bool, NDArray[np.int8], float]
"""Next state, its observation (None to look it up), reward, whether it is terminal, its action mask, performance."""
Branches = tuple[list[float], list[Outcome]]
"""What an action may lead to, and for several outcomes the cumulative probability of each."""


class TabularEnv(RenderedEnv):
    """Steps through the tables of a world; there are no dynamics besides them.

    Every ``info`` has ``"state"``, the index of the state; ``"action_mask"``, (A,) int8, 1 for actions
    that exist in it (``env.action_space.sample(info["action_mask"])`` draws one of them); and ``"performance"``, the
    hidden performance of the step, which no observation or reward shows. `action_masks` is what the maskable
    algorithms of sb3-contrib ask for.

    Args:
        world: an import path ``"module:Class"``, a `TableWorld` (class or instance), or a `TabularMDP`.
        observation: what the agent sees: "state", "onehot", "board" or "rgb", and in worlds with a scene also
            "first_person" and others; see `ObservationTable`.
        render_mode: "rgb_array", "ansi", "human" (needs pygame), or None.
        **world_kwargs: arguments of the world's class.

    Attributes:
        mdp: the `TabularMDP` that the environment steps through.
        world: the world that the tables were made from; None when made from a `TabularMDP`.
        observation_table: the observations of all states, `ObservationTable`.

    Raises:
        ValueError: for an unknown argument, observation or render mode, and whatever the world refuses.
    """

    def __init__(
        self, world: WorldLike, *, observation: str = "state", render_mode: str | None = None, **world_kwargs: Any
    ):
        super().__init__(render_mode)
        self.mdp, self.world = load_world(world, world_kwargs, ("observation", "render_mode"))
        self.observation_table = ObservationTable(self.mdp, self.world, observation)
        self.observation_space = self.observation_table.space
        self.action_space = gym.spaces.Discrete(self.mdp.num_actions)
        self._rows = _Rows(self.mdp, self.observation_table)
        self._array_observations = observation != "state"
        starts = np.flatnonzero(self.mdp.initial)
        self._starts = starts.tolist()
        self._start_sums = cumulative(np.array([0, len(starts)]), self.mdp.initial[starts]).tolist()
        remembers = isinstance(self.world, World) and self.world.memory is not None
        self._memory = EpisodeMemory(self.world) if remembers else None  # type: ignore[arg-type]
        self._state: int | None = None
        self._row: dict[int, Branches] = {}  # what the actions of the current state lead to; empty when a reset is due

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Starts an episode.

        Args:
            seed: starts the random numbers afresh.
            options: ``{"state": label or index}`` starts in this state instead of a random start state. In a world
                that remembers, ``{"memory": ...}`` replaces what it does.

        Raises:
            ValueError: for an unknown option or state.
        """
        given = check_options(options, ("state",) if self._memory is None else ("state", "memory"))
        wanted = start_state(self.mdp, given["state"]) if "state" in given else None
        if self._memory is not None:
            last = None if self._state is None else self.mdp.state_labels[self._state]
            self._memory.next_episode(last, seed, given)
        super().reset(seed=seed)
        generator = self.np_random  # made here at the latest, so that step() need not look
        if wanted is not None:
            state = wanted
        elif self._memory is not None:
            state = self.mdp.index(self._memory.draw(generator.random))
        elif len(self._starts) == 1:
            state = self._starts[0]
        else:
            state = self._starts[bisect_right(self._start_sums, generator.random())]
        self._state = state
        self._row = self._rows[state]
        observation = self.observation_table.one(state)
        if self._window is not None:
            self._window.show(self._frame())
        return observation, {"state": state, "action_mask": self._rows.masks[state].copy(), "performance": 0.0}

    def step(self, action: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Takes an action; the third value says whether the next state is terminal, the fourth is False.

        Raises:
            ValueError: for what is no action of the current state; nothing changes then.
            gymnasium.error.ResetNeeded: before the first reset, and after a terminal state.
        """
        try:
            branches = self._row.get(index(action))
        except TypeError:
            branches = None
        if branches is None:
            self._refuse(action)
        sums, outcomes = branches
        outcome = outcomes[bisect_right(sums, self._np_random.random())] if sums else outcomes[0]  # type: ignore[union-attr]
        state, observation, reward, terminated, mask, performance = outcome
        self._state = state
        self._row = {} if terminated else self._rows[state]
        if self._array_observations:
            observation = self.observation_table.one(state) if observation is None else observation.copy()
        if self._window is not None:
            self._window.show(self._frame())
        info = {"state": state, "action_mask": mask.copy(), "performance": performance}
        return observation, reward, terminated, False, info

    @property
    def state(self) -> int | None:
        """The index of the current state; None before the first reset."""
        return self._state

    def action_masks(self) -> NDArray[np.bool_]:
        """(A,) bool: the actions that exist in the current state.

        Raises:
            gymnasium.error.ResetNeeded: before the first reset.
        """
        return self.mdp.available[self._current()].copy()

    @property
    def memory(self) -> Any:
        """What the world carries from episode to episode, as the current episode began with it; None for most."""
        return None if self._memory is None else self._memory.value

    def _frame(self) -> NDArray[np.uint8]:
        return self._pictures.frame(self._current())

    def _text(self) -> str:
        return self._pictures.text(self._current())

    @cached_property
    def _pictures(self) -> StatePictures:
        return StatePictures(self.mdp, self.world)

    def _current(self) -> int:
        if self._state is None:
            raise ResetNeeded("reset() has to come before anything else")
        return self._state

    def _refuse(self, action: Any) -> NoReturn:
        state = self._current()
        if not self._row:
            raise ResetNeeded(
                f"the episode ended in {self.mdp.describe(state)}: reset() has to come before the next step()"
            )
        raise ValueError(refusal(self.mdp, state, action))


class _Rows(dict[int, dict[int, Branches]]):
    """{state: {action: branches}} in plain Python numbers, filled in as states are visited. Copies share it."""

    def __init__(self, mdp: TabularMDP, observations: ObservationTable):
        super().__init__()
        self._mdp, self._observations = mdp, observations
        self._cumulative = cumulative(mdp.indptr, mdp.probability)
        self.masks = list(mdp.available.astype(np.int8))

    def __missing__(self, state: int) -> dict[int, Branches]:
        mdp, values, A = self._mdp, self._observations.kept, self._mdp.num_actions
        plain = self._observations.kind == "state"
        if values is not None and values.ndim == 1:
            values = None
        pointers = mdp.indptr[state * A : (state + 1) * A + 1].tolist()
        first, last = pointers[0], pointers[-1]
        successors = mdp.successor[first:last]
        outcomes = [
            (s, s if plain else None if values is None else values[s], reward, terminal, self.masks[s], performance)
            for s, reward, terminal, performance in zip(
                successors.tolist(),
                mdp.reward[first:last].tolist(),
                mdp.terminal[successors].tolist(),
                mdp.performance[first:last].tolist(),
                strict=True,
            )
        ]
        sums = self._cumulative[first:last].tolist()
        row: dict[int, Branches] = {}
        for action, (begin, end) in enumerate(pairwise(pointer - first for pointer in pointers)):
            if begin < end:
                row[action] = (sums[begin:end] if end - begin > 1 else [], outcomes[begin:end])
        self[state] = row
        return row

    def __deepcopy__(self, memo: dict[int, Any]) -> _Rows:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._mdp, self._observations)
