"""Wrappers that take a price for side effects off the reward, for Gymnasium and its vector environments."""

from __future__ import annotations

import inspect
from collections.abc import Hashable
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv, VectorWrapper
from numpy.typing import NDArray

from power_metrics.agents.rollouts import current_state
from power_metrics.rewards.distributions import DEFAULT, PerState, RewardDistribution
from power_metrics.training.side_effect_prices import Places, Price
from powerenvs.model.labels import closest

Floats = NDArray[np.float64]


class SideEffectPenalty(gym.Wrapper[Any, Any, Any, Any], gym.utils.RecordConstructorArgs):
    """Pays an agent reward less beta times the deviation of where it is from where it would be.

    Deviations and baselines are those of `power_metrics.penalised_optimum`, and so are the penalties, step by step: a
    step from s with baseline b to s' with baseline b' costs beta d(s'; b'), one that ends the episode beta d(s; b).
    ``info["deviation"]`` is d, and ``info["baseline"]`` the baseline state, in every reset and step; at the start it
    is the start state. A time limit around or within ends an episode in a step like any other.

    With ``learned`` nothing is taken from the tables, and there need be none: reachability, attainable utility and
    what follows when nothing is done are learned from the steps that are taken, as in the original, which also means
    that penalties change while an agent learns. Every action has to have one result then.

    Args:
        env: an environment that says which state it is in, wrapped or not.
        measure: "relative_reachability", "unreachability" or "attainable_utility".
        function: "truncation": only what is lost counts; "absolute": what is gained as well.
        baseline: "start", "inaction" or "stepwise".
        rollouts: whether to compare by what follows when nothing is done.
        beta: the price of a deviation of 1.
        gamma: discount of rollouts, in [0, 1).
        value_discount: of reachability, in [0, 1], or of auxiliary rewards, in [0, 1).
        default: how nothing is done: an action ("noop" may also be called "stay"), or a policy (S, A).
        nonterminal: what a step that does not end the episode pays: "full" beta, (1 - gamma) beta ("discount"), or
            "none".
        ending: what a step that ends the episode pays: for the state that it leaves ("left", as in the original), for
            the one that it leads to ("entered"), or "none"; see `penalised_optimum`.
        rollout_steps: how many steps nothing is done for in rollouts; None for all that follow.
        averaged: over which states relative reachability is averaged; see `deviation`.
        learned: whether to learn from experience instead of using the tables.
        reward: the distribution of auxiliary reward functions; terminal states have none.
        num_samples: how many to draw; by default 10.
        seed: of the draws.
        rewards: (n, S): exactly these auxiliary reward functions instead.
        max_gib: tables (S, S) above this size, in GiB, are refused before any work.

    Attributes:
        price: what is taken off the reward.

    Raises:
        ValueError: for an argument that does not fit, and for an environment without tables unless ``learned``; when
            stepping, if an action turns out to have two results where they are learned.

    Example:
        >>> import gymnasium as gym
        >>> import power_metrics as pm
        >>> import powerenvs
        >>> env = pm.SideEffectPenalty(gym.make("powerenvs/Vase-v0"), beta=10.0)
        >>> _, info = env.reset(seed=0)
        >>> _, reward, _, _, info = env.step(0)  # over the vase
        >>> round(reward, 3), round(info["deviation"], 3)
        (-4.649, 0.465)
    """

    def __init__(
        self,
        env: gym.Env[Any, Any],
        measure: str = "relative_reachability",
        function: str = "truncation",
        baseline: str = "stepwise",
        rollouts: bool = True,
        beta: float = 3.0,
        gamma: float = 0.99,
        value_discount: float = 0.99,
        *,
        default: str | Any = "noop",
        nonterminal: str = "full",
        ending: str = "left",
        rollout_steps: int | None = None,
        averaged: str = "nonterminal",
        learned: bool = False,
        reward: RewardDistribution | PerState = DEFAULT,
        num_samples: int | None = None,
        seed: int | None = 0,
        rewards: Any = None,
        max_gib: float = 4.0,
    ):
        given = {
            "measure": measure, "function": function, "baseline": baseline, "rollouts": rollouts, "beta": beta,
            "gamma": gamma, "value_discount": value_discount, "default": default, "nonterminal": nonterminal,
            "ending": ending, "rollout_steps": rollout_steps, "averaged": averaged, "learned": learned,
            "reward": reward, "num_samples": num_samples, "seed": seed, "rewards": rewards, "max_gib": max_gib,
        }  # fmt: skip
        self.price = Price.checked(env, **given)
        gym.utils.RecordConstructorArgs.__init__(self, **given)
        gym.Wrapper.__init__(self, env)
        self._rng = np.random.default_rng()
        self._state = self._base = np.zeros(1, dtype=np.int64)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Starts an episode; ``seed`` also starts the random numbers of the baseline afresh."""
        observation, info = self.env.reset(seed=seed, options=options)
        if seed is not None:
            self._rng = np.random.default_rng(seed)
        self._state = self._base = self.price.judge.numbers([told_state(self.env, info)])
        return observation, self._said(info, self._state)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Takes an action, and the price of what it does off the reward."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        price, state = self.price, self._state
        if price.entered or not terminated:
            state = price.judge.numbers([told_state(self.env, info)])
            self._base = price.judge.follow(self._state, self._base, np.array([int(action)]), state, self._rng)
            self._state = state
        info, weight = self._said(info, state), price.last if terminated else price.weight
        return observation, float(reward) - price.beta * weight * info["deviation"], terminated, truncated, info

    def _said(self, info: dict[str, Any], state: Places) -> dict[str, Any]:
        deviation = float(self.price.judge.between(state, self._base)[0])
        return {**info, "deviation": deviation, "baseline": int(self._base[0])}


def told_state(env: Any, info: dict[str, Any]) -> Hashable:
    """The state that an environment is in, as it tells it: its index where it has one."""
    state = info.get("state")
    return (
        state if isinstance(state, Hashable) and not isinstance(state, np.integer | None) else current_state(env, info)
    )


class SideEffectPenaltyVector(VectorWrapper):
    """`SideEffectPenalty` for vector environments: ``infos["deviation"]`` is (N,), that of each copy's state.

    What is learned is learned from all copies together. With same-step autoreset infos are of the state in which the
    next episode starts, where one has ended, and the last deviation is in ``infos["final_info"]``.

    Args:
        env: a vector environment of copies with ``infos["state"]``.
        **settings: as for `SideEffectPenalty`.

    Attributes:
        price: what is taken off the reward.

    Raises:
        ValueError: as for `SideEffectPenalty`.

    Example:
        >>> import gymnasium as gym
        >>> import power_metrics as pm
        >>> import powerenvs
        >>> envs = gym.make_vec("powerenvs/Vase-v0", 2, vectorization_mode="vector_entry_point")
        >>> envs = pm.SideEffectPenaltyVector(envs, beta=10.0)
        >>> _, infos = envs.reset(seed=0)
        >>> _, rewards, _, _, infos = envs.step([0, 2])  # one over the vase, one to the left
        >>> rewards.round(3).tolist()
        [-4.649, -0.074]
    """

    def __init__(self, env: VectorEnv[Any, Any, Any], **settings: Any):
        super().__init__(env)
        defaults = {
            name: one.default for name, one in inspect.signature(SideEffectPenalty).parameters.items() if name != "env"
        }
        unknown = sorted(settings.keys() - defaults.keys())
        if unknown:
            raise ValueError(f"{unknown[0]}: unknown argument; {closest(unknown[0], defaults)}")
        self.price = Price.checked(env, **{**defaults, **settings})
        self._rng = np.random.default_rng()
        self._state: Places = np.zeros(self.num_envs, dtype=np.int64)
        self._base = self._state.copy()
        self._restarting = np.zeros(self.num_envs, dtype=bool)
        self._same_step = env.metadata.get("autoreset_mode") == AutoresetMode.SAME_STEP
        self._waits = env.metadata.get("autoreset_mode") == AutoresetMode.NEXT_STEP

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Starts episodes in all copies, or in those of ``options["reset_mask"]``."""
        observations, infos = self.env.reset(seed=seed, options=options)
        if seed is not None:
            self._rng = np.random.default_rng(seed)
        started = self._present(infos)
        self._restarting &= ~started
        found = np.zeros(self.num_envs)
        found[started] = self._start(started, infos)
        return observations, self._said(infos, found, started)

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Takes an action in every copy, and the price of what it does off the reward."""
        observations, rewards, terminated, truncated, infos = self.env.step(actions)
        price, ended, begun = self.price, terminated | truncated, self._restarting
        present, replaced = self._present(infos), ended & self._same_step
        moved, arrived = ~begun & (price.entered | ~terminated), infos["state"]
        if replaced.any():
            arrived = np.where(replaced, infos["final_info"]["state"], arrived)
        after = price.judge.numbers(arrived[moved])
        self._base[moved] = price.judge.follow(
            self._state[moved], self._base[moved], np.asarray(actions)[moved], after, self._rng
        )
        self._state[moved] = after
        found = np.zeros(self.num_envs)
        found[~begun] = price.judge.between(self._state[~begun], self._base[~begun])
        paid = (
            np.asarray(rewards, dtype=np.float64) - price.beta * np.where(terminated, price.last, price.weight) * found
        )
        paid[begun] = np.asarray(rewards)[begun]
        if replaced.any():
            infos = {**infos, "final_info": self._said(infos["final_info"], np.where(replaced, found, 0.0), replaced)}
        fresh = begun | replaced
        found[fresh] = self._start(fresh, infos)
        self._restarting = ended & self._waits
        return observations, paid, terminated, truncated, self._said(infos, found, present)

    def _present(self, infos: dict[str, Any]) -> NDArray[np.bool_]:
        """(N,) of which copies the state is told."""
        if "state" not in infos:
            raise ValueError(f'env: expected infos["state"], the state of each copy, found only {sorted(infos)}')
        return np.asarray(infos["_state"], dtype=bool)

    def _start(self, fresh: NDArray[np.bool_], infos: dict[str, Any]) -> Floats:
        """The deviations of copies in which an episode starts."""
        self._state[fresh] = self._base[fresh] = self.price.judge.numbers(infos["state"][fresh])
        return self.price.judge.between(self._state[fresh], self._base[fresh])

    def _said(self, infos: dict[str, Any], found: Floats, present: NDArray[np.bool_]) -> dict[str, Any]:
        bases = np.where(present, self._base, 0)
        return {
            **infos, "deviation": found, "_deviation": present.copy(), "baseline": bases, "_baseline": present.copy()
        }  # fmt: skip
