"""`TabularVectorEnv`: many copies of a world, stepped as array operations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import ArrayLike, NDArray

from powerenvs.authoring.world import World
from powerenvs.envs.loading import WorldLike, check_options, load_world, refusal, start_state
from powerenvs.envs.memory import EpisodeMemory
from powerenvs.envs.observations import ObservationTable
from powerenvs.envs.sampling import UniformStreams, choose, seed_list
from powerenvs.envs.specs import WithSpec
from powerenvs.model.labels import closest
from powerenvs.model.rows import cumulative
from powerenvs.render import StatePictures

Step = tuple[NDArray[Any], NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]


def check_vector_arguments(num_envs: int, max_episode_steps: int | None, autoreset_mode: AutoresetMode | str) -> None:
    """Raises a ValueError for what a vector environment cannot be made with."""
    if num_envs < 1:
        raise ValueError(f"num_envs: expected at least 1, found {num_envs}")
    if max_episode_steps is not None and max_episode_steps < 1 and max_episode_steps != -1:
        raise ValueError(f"max_episode_steps: expected at least 1, or None for no limit, found {max_episode_steps}")
    modes = {mode.value: mode for mode in AutoresetMode}
    if autoreset_mode not in modes.values() and autoreset_mode not in modes:
        raise ValueError(f"autoreset_mode: unknown mode {autoreset_mode!r}; {closest(autoreset_mode, modes)}")


class TabularVectorEnv(WithSpec, VectorEnv[Any, Any, Any]):
    """N copies of a world. Same seeds, same trajectories as `gymnasium.vector.SyncVectorEnv` of `TabularEnv`.

    Copy i draws from its own generator, seeded with ``seed + i``. Arrays that `step` returns are new every time.
    ``infos`` has "state" (N,), "action_mask" (N, A) int8 and "performance" (N,), each with Gymnasium's mask "_state"
    and so on; with same-step autoreset also "final_obs" and "final_info".

    Args:
        world: as for `TabularEnv`.
        num_envs: N.
        observation: as for `TabularEnv`.
        render_mode: "rgb_array" or "ansi": `render` returns a tuple with one picture or text for each copy.
        max_episode_steps: truncates episodes of this many steps; None or -1 for no limit.
        autoreset_mode: when a copy whose episode has ended starts again: with the next step, whose action is then
            ignored; within the same step; or not by itself ("Disabled": by ``reset(options={"reset_mask": ...})``).
        **world_kwargs: arguments of the world's class.

    Attributes:
        mdp: the `TabularMDP` that the copies step through.
        world: the world that the tables were made from; None when made from a `TabularMDP`.
        observation_table: the observations of all states, `ObservationTable`.

    Raises:
        ValueError: for an unknown argument, observation or mode, a number out of range, and whatever the world refuses.
    """

    metadata: ClassVar[dict[str, Any]] = {  # type: ignore[misc]
        "render_modes": ["ansi", "rgb_array"],
        "render_fps": 8,
        "autoreset_mode": AutoresetMode.NEXT_STEP,
    }

    def __init__(
        self,
        world: WorldLike,
        num_envs: int = 1,
        *,
        observation: str = "state",
        render_mode: str | None = None,
        max_episode_steps: int | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        **world_kwargs: Any,
    ):
        check_vector_arguments(num_envs, max_episode_steps, autoreset_mode)
        if render_mode is not None and render_mode not in self.metadata["render_modes"]:
            raise ValueError(
                f"render_mode: unknown mode {render_mode!r}; {closest(render_mode, self.metadata['render_modes'])}"
            )
        self.num_envs, self.render_mode = num_envs, render_mode
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        self.metadata = {**self.metadata, "autoreset_mode": self.autoreset_mode}  # type: ignore[misc]
        self._limit = None if max_episode_steps == -1 else max_episode_steps
        options = ("num_envs", "observation", "render_mode", "max_episode_steps", "autoreset_mode")
        self.mdp, self.world = load_world(world, world_kwargs, options)
        self.observation_table = ObservationTable(self.mdp, self.world, observation)
        self.single_observation_space = self.observation_table.space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.single_action_space = gym.spaces.Discrete(self.mdp.num_actions)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._lay_out_tables()
        remembers = isinstance(self.world, World) and self.world.memory is not None
        self._memories = [EpisodeMemory(self.world) for _ in range(num_envs)] if remembers else None  # type: ignore[arg-type]
        self._streams = UniformStreams(num_envs)
        self._state: NDArray[np.int64] | None = None
        self._elapsed = np.zeros(num_envs, dtype=np.int64)
        self._ended: NDArray[np.int64] = np.empty(0, dtype=np.int64)  # copies whose episode has ended

    def _lay_out_tables(self) -> None:
        """The model in the types that steps index and return."""
        mdp = self.mdp
        count = np.diff(mdp.indptr)
        self._first = np.where(count > 0, mdp.indptr[:-1], -1)
        self._count = count if count.max() > 1 else None
        self._cumulative = cumulative(mdp.indptr, mdp.probability)
        self._successor = mdp.successor.astype(np.int64)
        self._hidden = not np.array_equal(mdp.performance, mdp.reward)
        self._masks = None if mdp.available.all() else mdp.available.astype(np.int8)
        self._starts = np.flatnonzero(mdp.initial)
        self._start_sums = cumulative(np.array([0, len(self._starts)]), mdp.initial[self._starts])

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[Any], dict[str, Any]]:
        """Starts an episode in every copy.

        Args:
            seed: an integer (copy i gets ``seed + i``), or one for each copy.
            options: "state": the state to start in, a label or an index, or an integer array (N,) of indices;
                "reset_mask": (N,) bool array, which copies to start. The others stay as they are; "memory", in a
                world that remembers: replaces what it does in these copies.

        Raises:
            ValueError: for an unknown option or state, or a wrong number of seeds.
            gymnasium.error.ResetNeeded: if ``reset_mask`` leaves out a copy that has never been started.
        """
        known = ("state", "reset_mask") if self._memories is None else ("state", "reset_mask", "memory")
        given = check_options(options, known)
        seeds = seed_list(seed, self.num_envs)
        mask = self._reset_mask(given.get("reset_mask"))
        wanted = self._wanted(given["state"]) if "state" in given else None
        which = np.flatnonzero(mask)
        self._remember(which, self._state, seeds, given)
        for i in which.tolist():
            self._streams.seed(i, seeds[i])
        state = np.zeros(self.num_envs, dtype=np.int64) if self._state is None else self._state.copy()
        state[which] = self._draw_starts(which) if wanted is None else wanted[which]
        self._state = state
        self._elapsed[which] = 0
        self._ended = self._ended[~mask[self._ended]]
        return self._observe(state), self._infos(state, np.zeros(self.num_envs), mask)

    def step(self, actions: ArrayLike) -> Step:
        """Takes an action in every copy.

        Args:
            actions: (N,) integers. With next-step autoreset, those of copies that start again are ignored.

        Returns:
            Observations (N, ...), rewards (N,), terminations (N,), truncations (N,), infos.

        Raises:
            ValueError: for what is no action of a copy's state; nothing changes then in any copy.
            gymnasium.error.ResetNeeded: before the first reset, and with autoreset disabled after an episode's end.
        """
        restart = self._ended
        if self._state is None or (restart.size and self.autoreset_mode == AutoresetMode.DISABLED):
            raise ResetNeeded("reset() has to come first" + (f" in copies {restart.tolist()}" if restart.size else ""))
        entry = self._entries(self._state, np.asarray(actions), restart)
        state = self._successor.take(entry)
        reward = self.mdp.reward.take(entry)
        performance = self.mdp.performance.take(entry) if self._hidden else reward.copy()
        terminated = self.mdp.terminal.take(state)
        self._elapsed += 1
        if restart.size:
            self._remember(restart, self._state)
            state[restart] = self._draw_starts(restart)
            reward[restart] = performance[restart] = 0.0
            terminated[restart] = False
            self._elapsed[restart] = 0
        truncated = np.zeros(self.num_envs, dtype=bool) if self._limit is None else self._elapsed >= self._limit
        self._ended = np.flatnonzero(terminated | truncated)
        final = {}
        if self._ended.size and self.autoreset_mode == AutoresetMode.SAME_STEP:
            final = self._final(state, performance)
            self._remember(self._ended, state)
            state[self._ended] = self._draw_starts(self._ended)
            performance[self._ended] = 0.0
            self._elapsed[self._ended] = 0
            self._ended = self._ended[:0]
        self._state = state
        infos = self._infos(state, performance, np.ones(self.num_envs, dtype=bool))
        return self._observe(state), reward, terminated, truncated, {**final, **infos}

    def render(self) -> tuple[Any, ...] | None:
        """One RGB array, or one text, for each copy.

        Raises:
            gymnasium.error.ResetNeeded: before the first reset.
        """
        if self.render_mode is None:
            gym.logger.warn(
                'render() draws nothing without a render mode, such as make_vec(..., render_mode="rgb_array")'
            )
            return None
        if self._state is None:
            raise ResetNeeded("reset() has to come before render()")
        draw = self._pictures.text if self.render_mode == "ansi" else self._pictures.frame
        return tuple(draw(s) for s in self._state.tolist())

    @property
    def state(self) -> NDArray[np.int64] | None:
        """(N,) the states that the copies are in; None before the first reset."""
        return None if self._state is None else self._state.copy()

    @property
    def memory(self) -> tuple[Any, ...] | None:
        """What the world carries from episode to episode in each copy; None for most worlds."""
        return None if self._memories is None else tuple(memory.value for memory in self._memories)

    @property  # type: ignore[misc]
    def np_random(self) -> tuple[np.random.Generator, ...]:  # type: ignore[override]
        """The generator of each copy; it may be up to 256 numbers ahead of what has been used."""
        return tuple(self._streams.generator(i) for i in range(self.num_envs))

    @property
    def np_random_seed(self) -> tuple[int | None, ...]:  # type: ignore[override]
        """The seed of each copy; None where none has been given or drawn yet."""
        return tuple(self._streams.seeds)

    @cached_property
    def _pictures(self) -> StatePictures:
        return StatePictures(self.mdp, self.world)

    def _reset_mask(self, mask: Any) -> NDArray[np.bool_]:
        if mask is None:
            return np.ones(self.num_envs, dtype=bool)
        mask = np.asarray(mask)
        if mask.shape != (self.num_envs,) or mask.dtype != bool:
            raise ValueError(
                f"options['reset_mask']: expected a bool array ({self.num_envs},), found {mask.dtype} {mask.shape}"
            )
        if self._state is None and not mask.all():
            raise ResetNeeded("reset() has to come first in all copies, before a reset_mask can leave some as they are")
        return mask  # type: ignore[no-any-return]

    def _wanted(self, state: Any) -> NDArray[np.int64]:
        """(N,) the states that ``reset(options={"state": state})`` names."""
        if not isinstance(state, np.ndarray):
            return np.full(self.num_envs, start_state(self.mdp, state))
        S = self.mdp.num_states
        if state.shape != (self.num_envs,) or state.dtype.kind not in "iu" or state.min() < 0 or state.max() >= S:
            raise ValueError(
                f"options['state']: expected a label, an index, or an array ({self.num_envs},) of indices from 0 to "
                f"{S - 1}, found {state!r}"
            )
        return state.astype(np.int64)

    def _remember(
        self,
        which: NDArray[np.int64],
        last: NDArray[np.int64] | None,
        seeds: Sequence[int | None] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        """Takes the memories of these copies over the end of their episodes, in the states ``last`` (N,)."""
        if self._memories is None:
            return
        for i in which.tolist():
            left = None if last is None else self.mdp.state_labels[last[i]]
            self._memories[i].next_episode(left, None if seeds is None else seeds[i], options or {})

    def _uniform(self, copy: int) -> float:
        return float(self._streams.draw(np.array([copy]))[0])

    def _draw_starts(self, which: NDArray[np.int64]) -> NDArray[np.int64]:
        """(n,) a start state for each of these copies."""
        if self._memories is not None:
            drawn = [self._memories[i].draw(partial(self._uniform, i)) for i in which.tolist()]
            return np.array([self.mdp.index(state) for state in drawn])
        if len(self._starts) == 1:
            return self._starts
        chosen = np.searchsorted(self._start_sums, self._streams.draw(which), side="right")
        return self._starts[chosen]  # type: ignore[no-any-return]

    def _entries(
        self, state: NDArray[np.int64], actions: NDArray[Any], restart: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """(N,) the table entry that each copy moves by; anything valid for copies that start again."""
        A = self.mdp.num_actions
        if actions.shape != (self.num_envs,) or actions.dtype.kind not in "iu":
            raise ValueError(
                f"actions: expected an integer array ({self.num_envs},), found {actions.dtype} {actions.shape}"
            )
        if actions.min() < 0 or actions.max() >= A:
            i = int(np.flatnonzero((actions < 0) | (actions >= A))[0])
            raise ValueError(f"actions[{i}]: {refusal(self.mdp, int(state[i]), actions[i])}")
        row = state * A
        row += actions.astype(np.int64, copy=False)
        entry: NDArray[np.int64] = self._first.take(row)
        if self._masks is not None and entry.min() < 0:
            entry[restart] = 0
            if entry.min() < 0:
                i = int(np.flatnonzero(entry < 0)[0])
                raise ValueError(f"actions[{i}]: {refusal(self.mdp, int(state[i]), actions[i])}")
        if self._count is not None:
            count = self._count.take(row)
            count[restart] = 0
            random = np.flatnonzero(count > 1)
            if random.size:
                drawn = self._streams.draw(random)
                entry[random] = choose(self._cumulative, entry.take(random), count.take(random), drawn)
        return entry

    def _observe(self, state: NDArray[np.int64]) -> NDArray[Any]:
        return self.observation_table.many(state)  # type: ignore[no-any-return]

    def _infos(
        self, state: NDArray[np.int64], performance: NDArray[np.float64], present: NDArray[np.bool_]
    ) -> dict[str, Any]:
        """Gymnasium's infos; like its own, they are zero where a copy has none."""
        A = self.mdp.num_actions
        mask = np.ones((self.num_envs, A), dtype=np.int8) if self._masks is None else self._masks.take(state, axis=0)
        infos: dict[str, NDArray[Any]] = {"state": state.copy(), "action_mask": mask, "performance": performance}
        if not present.all():
            for values in infos.values():
                values[~present] = 0
        return infos | {f"_{name}": present.copy() for name in infos}

    def _final(self, state: NDArray[np.int64], performance: NDArray[np.float64]) -> dict[str, Any]:
        """What same-step autoreset hides: the last observation and info of episodes that ended in this step."""
        ended = np.zeros(self.num_envs, dtype=bool)
        ended[self._ended] = True
        last = np.empty(self.num_envs, dtype=object)
        observations = self.observation_table.many(state[self._ended])
        scalars = self.observation_table.kind == "state"
        for i, observation in zip(self._ended, observations.tolist() if scalars else observations, strict=True):
            last[i] = observation
        info = self._infos(state, performance.copy(), ended)
        return {"final_obs": last, "_final_obs": ended, "final_info": info, "_final_info": ended.copy()}
