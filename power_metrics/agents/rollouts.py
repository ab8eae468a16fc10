"""What an agent does when it is let loose: visits, for agents that no table can represent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from power_metrics.arguments.checks import check_count, check_seed, resolve_model
from powerenvs.model.checks import flag
from powerenvs.model.mdp import TabularMDP
from powerenvs.sources.wrapped import check_numbering

Counts = NDArray[np.int64]


def rollout_counts(
    agent: Any,
    env: Any,
    num_steps: int = 10_000,
    *,
    seed: int | None = 0,
    deterministic: bool = False,
    blocks: int | None = None,
) -> Counts:
    """How often an agent takes each action in each state, over so many steps of its environment.

    Agents with memory and agents that see stacked frames act on more than the state, and this is what can be said of
    them state by state: ``policy_table(counts, env, kind="counts")`` is their average behaviour, and ``counts.sum(1)``
    their visits. Unlike a policy table it is an estimate.

    Args:
        agent: something with ``predict(observation, state, episode_start, deterministic)``, as models of
            Stable-Baselines3 have it (recurrent and maskable ones too), or a callable observation -> action.
        env: the environment as the agent sees it: Gymnasium, or a `VecEnv` of Stable-Baselines3. It is reset and
            stepped.
        num_steps: how many steps, over all copies of a `VecEnv` together.
        seed: of the environment's resets and of its action space; None for a fresh one.
        deterministic: given on to ``predict``.
        blocks: so many stretches of time, one after the other, are counted for themselves, which tells
            `power_metrics.compare` how much behaviour with memory varies; each should be much longer than the memory.

    Returns:
        (S, A) int64; with ``blocks`` (blocks, S, A).

    Raises:
        ValueError: if the environment does not tell its state, or an argument does not fit.

    Example:
        >>> import gymnasium as gym
        >>> import power_metrics as pm
        >>> env = gym.make("powerenvs:PowerGrid-v0", level="open_3x3", max_episode_steps=20)
        >>> counts = pm.rollout_counts(lambda state: 0, env, num_steps=100)
        >>> counts.shape, int(counts.sum())
        ((9, 5), 100)
    """
    if isinstance(env, gym.vector.VectorEnv):
        raise ValueError(
            "env: expected a single environment or a VecEnv of Stable-Baselines3, found a vector environment of "
            "Gymnasium; power_metrics.sb3.NativeVecEnv(env) makes the latter of one with same-step autoreset, and "
            "PowerVectorWrapper counts while an agent acts in it"
        )
    mdp = resolve_model(env)
    check_numbering(env, mdp)
    if mdp.seen is not None and not hasattr(env, "step_async"):  # the model is that of an episode
        env.reset(seed=check_seed(seed))
        mdp = resolve_model(env)
    num_steps, seed = check_count("num_steps", num_steps), check_seed(seed)
    stretches = 1 if blocks is None else check_count("blocks", blocks, least=2)
    batched, deterministic = hasattr(env, "step_async"), flag("deterministic", deterministic)
    act = _predictor(agent, deterministic) if hasattr(agent, "predict") else _caller(agent, batched)
    counts = np.zeros((stretches, *mdp.available.shape), dtype=np.int64)
    (_roll_vec_env if batched else _roll)(act, env, mdp, num_steps, seed, counts)
    return counts[0] if blocks is None else counts


def current_state(env: Any, info: dict[str, Any], mdp: TabularMDP | None = None, observation: Any = None) -> int:
    """The index of the state that an environment is in: ``info["state"]``, or the ``s`` of Gymnasium's toy text.

    Args:
        env: the environment.
        info: what it told last.
        mdp: its model; one that `powerenvs.compile_env` found tells the state by itself.
        observation: what the environment shows.

    Raises:
        ValueError: if it says neither, and if its model does not have the state that it is in.
    """
    if mdp is not None and mdp.seen is not None:
        return mdp.seen.locate(env, observation)
    state = info.get("state")
    if state is None:
        state = getattr(getattr(env, "unwrapped", env), "s", None)
    if state is None:
        raise ValueError(
            f"env: {type(env.unwrapped).__name__} does not say which state it is in. Environments of powerenvs do "
            '(info["state"]), and Gymnasium\'s FrozenLake, CliffWalking and Taxi'
        )
    return int(state)


Act = Callable[[Any, Any, NDArray[np.bool_], NDArray[np.bool_]], tuple[Any, Any]]
"""(observations, memory, which start an episode, which actions exist) -> actions, memory."""


def first_action(mdp: TabularMDP) -> int:
    """What the environment of a model calls the first action."""
    return 0 if mdp.seen is None else mdp.seen.first_action


def raw_observations(base: Any) -> list[Any]:
    """What each copy in a ``DummyVecEnv`` of Stable-Baselines3 shows, before wrappers of all copies; None elsewhere."""
    if not hasattr(base, "buf_obs"):
        return [None] * base.num_envs
    kept = {name: values.copy() for name, values in base.buf_obs.items()}
    return [kept[None][i] if None in kept else {name: kept[name][i] for name in kept} for i in range(base.num_envs)]


def _caller(agent: Any, batched: bool) -> Act:
    if not callable(agent):
        raise ValueError(f"agent: expected a callable or something with predict(), found {type(agent).__name__}")
    return lambda seen, *_: (np.array([agent(one) for one in seen]) if batched else agent(seen), None)


def _predictor(agent: Any, deterministic: bool) -> Act:
    maskable = "Maskable" in type(agent).__name__

    def act(seen: Any, memory: Any, starts: NDArray[np.bool_], masks: NDArray[np.bool_]) -> tuple[Any, Any]:
        extra = {"action_masks": masks} if maskable else {}
        return agent.predict(seen, state=memory, episode_start=starts, deterministic=deterministic, **extra)

    return act


def _roll(act: Act, env: Any, mdp: TabularMDP, num_steps: int, seed: int, counts: Counts) -> None:
    memory: Any = None
    seen, info = env.reset(seed=seed)
    starts = np.ones(1, dtype=bool)
    for step in range(num_steps):
        state = current_state(env, info, mdp, seen)
        action, memory = act(seen, memory, starts, mdp.available[state].copy())
        action = int(np.asarray(action).item())
        counts[step * len(counts) // num_steps, state, action - first_action(mdp)] += 1
        seen, _, terminated, truncated, info = env.step(action)
        starts[0] = terminated or truncated
        if starts[0]:
            seen, info = env.reset()


def _roll_vec_env(act: Act, env: Any, mdp: TabularMDP, num_steps: int, seed: int, counts: Counts) -> None:
    memory: Any = None
    env.seed(seed)
    seen = env.reset()
    base = env.unwrapped
    infos: list[dict[str, Any]] = list(base.reset_infos)
    starts = np.ones(env.num_envs, dtype=bool)
    rounds = -(-num_steps // env.num_envs)
    for step in range(rounds):
        told = zip(getattr(base, "envs", infos), infos, raw_observations(base), strict=True)
        states = np.array([current_state(copied, info, mdp, shown) for copied, info, shown in told])
        actions, memory = act(seen, memory, starts, mdp.available[states])
        np.add.at(counts[step * len(counts) // rounds], (states, np.asarray(actions)), 1)
        seen, _, starts, infos = env.step(actions)
        infos = [base.reset_infos[i] if starts[i] else info for i, info in enumerate(infos)]
