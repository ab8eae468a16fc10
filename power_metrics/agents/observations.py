"""What an agent would see in each state, through the wrappers that it was trained with."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import Any

import gymnasium as gym
import numpy as np

from power_metrics.arguments.checks import resolve_model
from powerenvs.model.mdp import TabularMDP
from powerenvs.model.seen import stacked, taken
from powerenvs.sources.copies import telling
from powerenvs.sources.foreign import is_a, is_exactly
from powerenvs.sources.neutral import NEUTRAL, OF_HISTORY
from powerenvs.sources.wrapped import check_numbering

CHECK_STEPS = 64
"""Steps of the walk that compares what wrappers show with the table."""

MASK = "action_mask"
"""The name of a mask in observations."""

_VEC_ENV = "stable_baselines3.common.vec_env"
_NORMALIZE = f"{_VEC_ENV}:VecNormalize"

_PASS_ON = (f"{_VEC_ENV}:VecMonitor", f"{_VEC_ENV}:VecCheckNan", f"{_VEC_ENV}:VecVideoRecorder")
"""Wrappers of vector environments that pass observations on as they are."""


@dataclass(frozen=True, eq=False)
class StateObservations:
    """The observation of each of a model's S states.

    Attributes:
        mdp: the model.
        values: (S, ...) one observation for each state; a dictionary or a tuple of such arrays where observations are.
        space: their space; None for a model without an environment, where a state's observation is its index.
        normalized: whether a ``VecNormalize`` of Stable-Baselines3 has been applied.
        first_action: what the environment calls the first action.
    """

    mdp: TabularMDP
    values: Any
    space: gym.Space[Any] | None
    normalized: bool = False
    first_action: int = 0

    def part(self, index: Any) -> Any:
        """A copy of the observations of some states, or of one."""
        return taken(self.values, index)

    def without_mask(self) -> StateObservations:
        """Without the mask of actions that is shown beside it, for policies that are given masks in another way."""
        space = self.space
        if not isinstance(space, gym.spaces.Dict) or MASK not in space.spaces or len(space.spaces) != 2:
            return self
        name = next(key for key in space.spaces if key != MASK)
        return replace(self, values=self.values[name], space=space[name])

    @property
    def discrete(self) -> bool:
        """Whether observations are numbers of states rather than arrays."""
        return self.space is None or isinstance(self.space, gym.spaces.Discrete)


def state_observations(env: Any, check: bool = True) -> StateObservations:
    """The observations of all states of an environment, as its wrappers show them.

    Wrappers that are `gymnasium.ObservationWrapper` are applied to the table of the environment below, on copies,
    with running statistics as they are. Then the copies are walked through the model for a few steps: if what they
    show differs from the table, observations depend on more than the state.

    Args:
        env: a Gymnasium environment (single or vector), a `VecEnv` of Stable-Baselines3, or a `TabularMDP`. Those that
            `powerenvs.compile_env` takes show what they did while their model was found.
        check: whether to take that walk, where there are wrappers that could make a difference.

    Raises:
        ValueError: if observations are not a function of the state; the message names the wrapper and what to do.
    """
    if isinstance(env, StateObservations):
        return env
    if isinstance(env, TabularMDP):
        return _of_compiled(env) if env.seen is not None else StateObservations(env, np.arange(env.num_states), None)
    if isinstance(env, gym.vector.VectorEnv):
        return _of_vector(env, check)
    if hasattr(env, "step_async"):
        return _of_vec_env(env, check)
    if (mdp := _compiled(env)) is not None:
        _refuse_history(env)
        return _of_compiled(mdp)
    table = _base_observations(env)
    wrappers = _wrappers(env)
    if not wrappers:
        return table
    chain = _rebuild(table, env.unwrapped, wrappers)
    values = [_show(chain, value) for value in table.values]
    try:
        array = stacked(values)
    except (ValueError, KeyError):
        raise ValueError(
            f"env: expected observations that are arrays of one shape, found {env.observation_space} after "
            f"{_names(wrappers)}"
        ) from None
    shown = StateObservations(table.mdp, array, env.observation_space)
    if check:
        _walk(chain, shown, wrappers)
    return shown


def is_sb3(value: Any) -> bool:
    """Whether something is of Stable-Baselines3 or sb3-contrib, told without importing them."""
    return any(kind.__module__.split(".")[0] in ("stable_baselines3", "sb3_contrib") for kind in type(value).__mro__)


def is_rllib(value: Any) -> bool:
    """Whether something is of RLlib, told without importing it."""
    return any(kind.__module__.startswith("ray.rllib.") for kind in type(value).__mro__)


def _base_observations(env: Any) -> StateObservations:
    base = getattr(env, "unwrapped", env)
    mdp = resolve_model(env)
    table = getattr(base, "observation_table", None)
    if table is not None:
        check_numbering(env, mdp)
        return StateObservations(mdp, table.values, table.space)
    space = getattr(base, "observation_space", None)
    if (
        isinstance(space, gym.spaces.Discrete)
        and space.start == 0
        and mdp.terminal[space.n :].all()
        and hasattr(base, "P")
    ):
        # A state that can be both passed and ended in has a terminal twin at the end of the table; nothing acts there.
        return StateObservations(mdp, np.minimum(np.arange(mdp.num_states), int(space.n) - 1), space)
    raise ValueError(
        f"env: {type(base).__name__} does not say what an agent sees in each state. Environments of powerenvs do, and "
        "Gymnasium's FrozenLake, CliffWalking and Taxi; elsewhere give the policy as an array (S, A), made by asking "
        "the agent in each state, or as counts from rollout_counts(agent, env, num_steps)"
    )


def _wrappers(env: Any) -> list[gym.Wrapper[Any, Any, Any, Any]]:
    """The wrappers that could change what the agent sees, innermost first.

    Raises:
        ValueError: for wrappers that stack frames or change actions.
    """
    _refuse_history(env)
    found: list[gym.Wrapper[Any, Any, Any, Any]] = []
    while isinstance(env, gym.Wrapper):
        name = type(env).__name__
        if isinstance(env, gym.ActionWrapper):
            raise ValueError(
                f"env: {name} changes actions, so the tables of the environment below are not those of the agent's "
                "world. Train without it, or compile the wrapped environment with powerenvs.compile_env"
            )
        read = found and hasattr(type(env), "telling")  # by those outside it
        if read or not (is_exactly(env, *NEUTRAL) or isinstance(env, gym.RewardWrapper)):
            found.append(env)
        env = env.env
    return found[::-1]


def _refuse_history(env: Any) -> None:
    while isinstance(env, gym.Wrapper):
        if is_a(env, *OF_HISTORY):
            raise history_error(type(env).__name__)
        env = env.env


def _compiled(env: Any) -> TabularMDP | None:
    """The model of an environment that has been found by stepping it; None for one that has tables."""
    if hasattr(getattr(env, "unwrapped", env), "observation_table"):
        return None
    mdp = resolve_model(env)
    return None if mdp.seen is None else mdp


def _of_compiled(mdp: TabularMDP) -> StateObservations:
    seen = mdp.seen
    assert seen is not None, "asked for compiled models alone"
    if seen.problem is not None:
        raise ValueError(seen.problem)
    return StateObservations(mdp, seen.values, seen.space, first_action=seen.first_action)


def history_error(name: str) -> ValueError:
    """Why no table can stand for an agent that sees or remembers more than the current state."""
    return ValueError(
        f"{name}: what the agent sees or remembers depends on earlier steps and not on the state alone, so no table "
        "(states, actions) can represent its policy. Count what it does instead: policy_table(rollout_counts(agent, "
        'env, num_steps), env, kind="counts") is its average behaviour in each state'
    )


def _of_vector(env: Any, check: bool) -> StateObservations:
    base = env.unwrapped
    single = base.envs[0] if hasattr(base, "envs") else None
    shown = _base_observations(base) if single is None else state_observations(single, check)
    outer, paid = env, False
    while isinstance(env, gym.vector.VectorWrapper):
        if isinstance(env, (gym.vector.VectorObservationWrapper, gym.vector.VectorActionWrapper)):
            raise ValueError(
                f"env: {type(env).__name__} changes the observations or actions of many copies at once; give one "
                "copy with the same wrapper for single environments instead"
            )
        env, paid = env.env, paid or hasattr(type(env), "shaped_model")
    return replace(shown, mdp=resolve_model(outer)) if paid else shown  # with what the wrappers pay


class _Replay(gym.Env[Any, int]):
    """Walks through a model, showing the observations of a table. Stands below copies of wrappers."""

    def __init__(self, table: StateObservations, base: Any):
        self.table, self.base = table, base
        self.observation_space = base.observation_space
        self.action_space = base.action_space
        self.state = 0
        self._rng = np.random.default_rng(0)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "base":
            raise AttributeError(name)
        return getattr(self.base, name)

    def _see(self) -> tuple[Any, dict[str, Any]]:
        mdp, value = self.table.mdp, self.table.values[self.state]
        info = {"state": self.state, "action_mask": mdp.available[self.state].astype(np.int8), "performance": 0.0}
        return int(value) if self.table.discrete else value.copy(), info

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        self.state = int(self._rng.choice(self.table.mdp.num_states, p=self.table.mdp.initial))
        return self._see()

    def step(self, action: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        mdp = self.table.mdp
        row = slice(*mdp.indptr[self.state * mdp.num_actions + action :][:2])
        entry = int(self._rng.choice(np.arange(row.start, row.stop), p=mdp.probability[row]))
        self.state = int(mdp.successor[entry])
        seen, info = self._see()
        return seen, float(mdp.reward[entry]), bool(mdp.terminal[self.state]), False, info


def _rebuild(table: StateObservations, base: Any, wrappers: list[Any]) -> Any:
    """Copies of the wrappers around a replay of the model; the wrappers themselves are left alone."""
    chain: Any = _Replay(table, base)
    for wrapper in wrappers:
        try:
            told = telling(wrapper, chain)
            copied = copy.deepcopy(wrapper, {id(wrapper.env): chain}) if told is chain else told
        except Exception as error:
            raise ValueError(
                f"env: could not copy {type(wrapper).__name__} to see what it shows in each state ({error}); give the "
                "environment without it if it leaves observations as they are"
            ) from error
        if hasattr(copied, "update_running_mean"):  # NormalizeObservation would go on learning
            copied.update_running_mean = False
        chain = copied
    return chain


def _show(chain: Any, observation: Any) -> Any:
    """An observation of the environment below as the wrappers show it."""
    if isinstance(chain, _Replay):
        return int(observation) if chain.table.discrete else observation.copy()
    below = _show(chain.env, observation)
    return chain.observation(below) if isinstance(chain, gym.ObservationWrapper) else below


def _walk(chain: Any, shown: StateObservations, wrappers: list[Any]) -> None:
    """Compares what the wrappers show on a random walk with the table.

    Raises:
        ValueError: if they differ.
    """
    rng = np.random.default_rng(0)
    seen, info = chain.reset(seed=0)
    for step in range(CHECK_STEPS):
        state = info["state"]
        if not same_observation(seen, shown.part(state)):
            raise ValueError(
                f"env: after {step} steps of a walk, {_names(wrappers)} showed another observation of "
                f"{shown.mdp.describe(state)} than when applied to the table of observations, so observations are "
                "not a function of the state. Wrappers that are a gymnasium.ObservationWrapper without memory or "
                "randomness are understood; otherwise count what the agent does with rollout_counts(agent, env, "
                "num_steps)"
            )
        action = int(rng.choice(np.flatnonzero(shown.mdp.available[state])))
        seen, _, terminated, truncated, info = chain.step(action)
        if terminated or truncated:
            seen, info = chain.reset()


def same_observation(first: Any, second: Any) -> bool:
    """Whether two observations agree, to the precision of float32."""
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same_observation(first[name], second[name]) for name in first)
    if isinstance(first, tuple):
        return len(first) == len(second) and all(map(same_observation, first, second))
    first, second = np.asarray(first), np.asarray(second)
    if first.dtype.kind not in "biuf":
        return bool(np.array_equal(first, second))
    return first.shape == second.shape and bool(np.allclose(first, second, rtol=1e-5, atol=1e-6))


def _names(wrappers: list[Any]) -> str:
    return " and ".join(type(wrapper).__name__ for wrapper in wrappers)


def without_statistics(env: Any) -> StateObservations:
    """The observations of all states as a `VecEnv` shows them, before its ``VecNormalize``, which goes on learning."""
    return _of_vec_env(env, normalize=False)


def _of_vec_env(env: Any, check: bool = True, normalize: bool = True) -> StateObservations:
    """The observations of all states as a `VecEnv` shows them.

    Raises:
        ValueError: for stacked frames, wrappers that are not known, and copies in other processes.
    """
    wrappers = []
    while hasattr(env, "venv"):
        wrappers.append(env)
        env = env.venv
    if hasattr(env, "vector_env"):  # our own
        shown = _of_vector(env.vector_env, check)
    elif hasattr(env, "envs"):
        shown = state_observations(env.envs[0], check)
    else:
        raise ValueError(
            f"env: the copies of {type(env).__name__} run in other processes or are hidden by another library, so that "
            "their tables cannot be read; give one environment made in the same way, wrappers included"
        )
    for wrapper in reversed(wrappers):
        if normalize or not is_exactly(wrapper, _NORMALIZE):
            shown = _through_wrapper(wrapper, shown)
    return shown


def _through_wrapper(wrapper: Any, shown: StateObservations) -> StateObservations:
    name = type(wrapper).__name__
    if is_a(wrapper, f"{_VEC_ENV}:VecFrameStack"):
        raise history_error(name)
    if is_exactly(wrapper, _NORMALIZE):
        return normalized_observations(wrapper, shown)
    if is_exactly(wrapper, f"{_VEC_ENV}:VecTransposeImage"):
        values = wrapper.transpose_observations(shown.values)
        values = np.ascontiguousarray(values) if isinstance(values, np.ndarray) else values
        return replace(shown, values=values, space=wrapper.observation_space)
    if is_exactly(wrapper, f"{_VEC_ENV}:VecExtractDictObs"):
        return replace(shown, values=shown.values[wrapper.key], space=wrapper.observation_space)
    if not is_exactly(wrapper, *_PASS_ON):
        raise ValueError(
            f"env: it is not known what {name} does to observations; give the policy as a callable with kind, which "
            "applies it itself, or use an ObservationWrapper of Gymnasium instead"
        )
    return shown


def normalized_observations(wrapper: Any, shown: StateObservations) -> StateObservations:
    """The observations with the running statistics of a ``VecNormalize``, where it normalises observations."""
    if not wrapper.norm_obs:
        return shown
    values = wrapper.normalize_obs(shown.values)
    return replace(shown, values=values, space=wrapper.observation_space, normalized=True)
