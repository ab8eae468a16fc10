"""`GameStepper`: many copies of a game, stepped as array operations, for self-play."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium.error import ResetNeeded
from numpy.typing import ArrayLike, NDArray

from powerenvs.envs.sampling import UniformStreams, choose, seed_list
from powerenvs.model.game import TabularGame
from powerenvs.model.labels import label_text
from powerenvs.model.rows import cumulative

Step = tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, NDArray[Any]]]


class GameStepper:
    """M copies of a game with N agents. Same seeds, same trajectories as M environments of `GameEnv`.

    Copy i draws from its own generator, seeded with ``seed + i``. A copy whose episode ends starts again within the
    same step; where it ended is in ``infos["final_state"]``, for bootstrapping. States are indices: observations are
    a look-up, such as ``env.observation_table.values[states]``. Arrays that `step` returns are new every time.

    Args:
        game: the tables; for a PettingZoo environment, ``powerenvs.tabular_model(env)``.
        num_envs: M.
        max_cycles: truncates episodes of this many steps; None for no limit.

    Attributes:
        game: as given.
        num_envs: as given.
        max_cycles: as given.

    Raises:
        ValueError: for numbers out of range.
    """

    def __init__(self, game: TabularGame, num_envs: int, max_cycles: int | None = None):
        if num_envs < 1:
            raise ValueError(f"num_envs: expected at least 1, found {num_envs}")
        if max_cycles is not None and max_cycles < 1:
            raise ValueError(f"max_cycles: expected at least 1, or None for no limit, found {max_cycles}")
        self.game, self.num_envs, self.max_cycles = game, num_envs, max_cycles
        count = np.diff(game.indptr)
        self._first = np.where(count > 0, game.indptr[:-1], -1)
        self._count = count if count.max() > 1 else None
        self._cumulative = cumulative(game.indptr, game.probability)
        self._strides = np.array(game.num_actions)[::-1].cumprod()[::-1] // np.array(game.num_actions)
        self._reward = np.ascontiguousarray(game.reward.T)
        self._performance = np.ascontiguousarray(game.performance.T)
        self._starts = np.flatnonzero(game.initial)
        self._start_sums = cumulative(np.array([0, len(self._starts)]), game.initial[self._starts])
        self._streams = UniformStreams(num_envs)
        self._state: NDArray[np.int64] | None = None
        self._elapsed = np.zeros(num_envs, dtype=np.int64)

    @property
    def states(self) -> NDArray[np.int64]:
        """(M,) the joint states that the copies are in.

        Raises:
            gymnasium.error.ResetNeeded: before the first reset.
        """
        if self._state is None:
            raise ResetNeeded("reset() has to come before anything else")
        return self._state.copy()

    def reset(self, seed: int | Sequence[int | None] | None = None) -> NDArray[np.int64]:
        """Starts an episode in every copy.

        Args:
            seed: an integer (copy i gets ``seed + i``), or one for each copy; None goes on with the random numbers.

        Returns:
            (M,) the start states.

        Raises:
            ValueError: for a wrong number of seeds.
        """
        for i, value in enumerate(seed_list(seed, self.num_envs)):
            if value is not None:
                self._streams.seed(i, value)
        self._state = self._draw_starts(np.arange(self.num_envs))
        self._elapsed[:] = 0
        return self._state.copy()

    def step(self, actions: Mapping[str, ArrayLike] | ArrayLike) -> Step:
        """Takes an action of every agent in every copy.

        Args:
            actions: {agent: (M,) integers}, or an integer array (M, N) in the order of ``game.agents``.

        Returns:
            States (M,), of the next episode where one has ended; rewards (M, N); terminations (M,); truncations (M,);
            and infos: "performance" (M, N), and "final_state" (M,), the state that the step itself led to.

        Raises:
            ValueError: for wrong shapes, and a joint action that does not exist; nothing changes then in any copy.
            gymnasium.error.ResetNeeded: before the first reset.
        """
        state = self.states
        row = state * self.game.num_joint_actions + self._joint(actions)
        entry = self._first[row]
        if entry.min() < 0:
            i = int(np.flatnonzero(entry < 0)[0])
            joint = self.game.joint_actions[int(row[i]) % self.game.num_joint_actions]
            taken = zip(self.game.agents, joint, strict=True)
            names = ", ".join(f"{agent}={label_text(self.game.action_labels[agent][a])}" for agent, a in taken)
            raise ValueError(
                f"actions[{i}]: the joint action {names} does not exist in {self.game.describe(int(state[i]))}"
            )
        if self._count is not None:
            count = self._count[row]
            random = np.flatnonzero(count > 1)
            if random.size:
                entry[random] = choose(self._cumulative, entry[random], count[random], self._streams.draw(random))
        final = self.game.successor[entry].astype(np.int64)
        self._elapsed += 1
        terminated = self.game.terminal[final]
        limit = np.iinfo(np.int64).max if self.max_cycles is None else self.max_cycles
        truncated = self._elapsed >= limit
        ended = np.flatnonzero(terminated | truncated)
        state = final.copy()
        state[ended] = self._draw_starts(ended)
        self._elapsed[ended] = 0
        self._state = state
        infos = {"performance": self._performance[entry], "final_state": final}
        return state.copy(), self._reward[entry], terminated, truncated, infos

    def action_masks(self) -> dict[str, NDArray[np.bool_]]:
        """{agent: (M, A_i) bool}: the actions that exist in the state of each copy.

        Raises:
            gymnasium.error.ResetNeeded: before the first reset.
        """
        states = self.states
        return {agent: available[states] for agent, available in self.game.available.items()}

    def _draw_starts(self, which: NDArray[np.int64]) -> NDArray[np.int64]:
        """(n,) a start state for each of these copies."""
        if len(self._starts) == 1:
            return np.repeat(self._starts, len(which))
        chosen = np.searchsorted(self._start_sums, self._streams.draw(which), side="right")
        return self._starts[chosen]  # type: ignore[no-any-return]

    def _joint(self, actions: Mapping[str, ArrayLike] | ArrayLike) -> NDArray[np.int64]:
        """(M,) the number of each copy's joint action."""
        if isinstance(actions, Mapping):
            if set(actions) != set(self.game.agents):
                raise ValueError(f"actions: expected those of {self.game.agents}, found those of {tuple(actions)}")
            actions = np.stack([np.asarray(actions[agent]) for agent in self.game.agents], axis=-1)
        array = np.asarray(actions)
        shape = (self.num_envs, self.game.num_agents)
        if array.shape != shape or array.dtype.kind not in "iu":
            raise ValueError(f"actions: expected an integer array {shape}, found {array.dtype} {array.shape}")
        bad = np.argwhere((array < 0) | (array >= self.game.num_actions))
        if bad.size:
            i, k = bad[0]
            raise ValueError(
                f"actions[{i}]: expected 0 to {self.game.num_actions[k] - 1} for {self.game.agents[k]}, "
                f"found {array[i, k]}"
            )
        return array @ self._strides  # type: ignore[no-any-return]
