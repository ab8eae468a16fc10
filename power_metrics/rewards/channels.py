"""The two channels of a model as those of a corrupt reward MDP: what is observed, and what is true.

Everitt et al., arXiv 1705.08417, definition 3: states truly pay Rdot(s), and an agent sees C_s(Rdot(s)). Here the
observed reward is ``TabularMDP.reward`` and the true one ``TabularMDP.performance``, so that every model is one.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from power_metrics.arguments.checks import resolve_model
from powerenvs.model import rows
from powerenvs.model.checks import mapped, real
from powerenvs.model.labels import label_text
from powerenvs.model.mdp import TabularMDP

Floats = NDArray[np.float64]


class StateRewards(NamedTuple):
    """What each state pays, (S,) in each channel.

    Attributes:
        observed: what agents see.
        true: what their designer wants.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.corrupt_reward import corrupt_example_24
        >>> pm.state_rewards(corrupt_example_24()).true.tolist()
        [0.9, 0.0]
    """

    observed: Floats
    true: Floats

    @property
    def corrupt(self) -> NDArray[np.bool_]:
        """(S,) where the two differ. (A corruption that changes nothing at this reward does not show.)"""
        return self.observed != self.true


def corrupt(env_or_mdp: Any, rewards: Mapping[Hashable, float]) -> TabularMDP:
    """A copy of a model in which some states seem to pay something else than they do.

    Whatever leads to such a state, staying and bumping included, is observed to pay the new reward. Hidden performance
    stays what it is; terminal states go on paying nothing once they have been entered.

    Args:
        env_or_mdp: an environment or a `powerenvs.TabularMDP`.
        rewards: {state: observed reward}, states by label, by its text or by index.

    Raises:
        ValueError: for unknown states and what is no finite number.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs import TabularMDP
        >>> moves = [("a", "stay", "a", 1.0), ("a", "go", "b", 1.0), ("b", "stay", "b", 1.0)]
        >>> mdp = pm.corrupt(TabularMDP.from_transitions(moves, reward=[0.5, 0.0, 0.0]), {"b": 1.0})
        >>> mdp.action_rewards().tolist(), mdp.action_rewards(performance=True).tolist()
        ([[0.5, 1.0], [1.0, 0.0]], [[0.5, 0.0], [0.0, 0.0]])
    """
    mdp = resolve_model(env_or_mdp)
    given = mapped("rewards", rewards, "{state: observed reward}")
    seen, source = mdp.reward.copy(), rows.entry_rows(mdp.indptr) // mdp.num_actions
    for state, reward in given.items():
        if not math.isfinite(real(reward)):
            raise ValueError(f"rewards: expected a finite number for {state!r}, found {reward!r}")
        seen[(mdp.successor == mdp.lookup.index(state, "rewards")) & ~mdp.terminal[source]] = float(reward)
    return mdp.with_(reward=seen)


def reversed_rewards(env_or_mdp: Any, low: float = 0.0, high: float = 1.0) -> TabularMDP:
    """A copy in which every step truly pays ``low + high`` less what it did; what is observed stays the same.

    With rewards from 0 to 1 this is the partner that the no-free-lunch theorem pairs a model with (arXiv 1705.08417,
    theorem 11): every agent sees the same, and whatever it gains in one it lacks in the other.

    Args:
        env_or_mdp: an environment or a `powerenvs.TabularMDP` without terminal states.
        low: the least that a step may truly pay.
        high: the most.

    Raises:
        ValueError: for a model with terminal states, where nothing is paid, and for rewards outside these bounds.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.corrupt_reward import corrupt_example_24
        >>> pm.state_rewards(pm.reversed_rewards(corrupt_example_24())).true.round(3).tolist()
        [0.1, 1.0]
    """
    mdp = resolve_model(env_or_mdp)
    if not -math.inf < real(low) <= real(high) < math.inf:
        raise ValueError(f"low, high: expected two numbers in order, found {low!r} and {high!r}")
    low, high = float(low), float(high)
    if mdp.terminal.any():
        ended = label_text(mdp.state_labels[int(np.flatnonzero(mdp.terminal)[0])])
        raise ValueError(f"env: expected a model that goes on for ever, found the terminal state {ended}")
    least, most = float(mdp.performance.min()), float(mdp.performance.max())
    if least < low or most > high:
        raise ValueError(
            f"low, high: expected bounds of what steps truly pay, {least:g} to {most:g}, found {low:g} and {high:g}"
        )
    return mdp.with_(performance=low + high - mdp.performance)


def state_rewards(env_or_mdp: Any) -> StateRewards:
    """What each state pays to an agent that stays in it, in both channels.

    That is the best observed reward, on average, of the actions that surely stay: a bump that pays nothing does not
    count where waiting pays. Where several seem equally good, the true reward is the mean over them. A state without
    such an action pays what every transition into it pays.

    Args:
        env_or_mdp: an environment or a `powerenvs.TabularMDP` with S states.

    Raises:
        ValueError: for a state where that is no single number, in one of the channels.

    Example:
        >>> import gymnasium as gym, powerenvs
        >>> import power_metrics as pm
        >>> found = pm.state_rewards(gym.make("powerenvs/CorruptReward-v0", level="C.G"))
        >>> sorted(zip(found.observed.tolist(), found.true.tolist()))
        [(0.1, 0.1), (0.9, 0.9), (1.0, 0.0)]
    """
    mdp = resolve_model(env_or_mdp)
    S, A = mdp.available.shape
    leaving = mdp.successor != rows.entry_rows(mdp.indptr) // A
    staying = mdp.available & (rows.row_sums(mdp.indptr, leaving.astype(np.float64)).reshape(S, A) == 0)
    paid_for = np.stack([mdp.action_rewards(), mdp.action_rewards(performance=True)])
    found = np.empty((2, S))
    for s in range(S):
        if staying[s].any():
            paid = paid_for[:, s, staying[s]]
            found[:, s] = paid[:, paid[0] == paid[0].max()].mean(axis=1)
            continue
        into = np.flatnonzero(mdp.successor == s)
        paid = np.stack([mdp.reward[into], mdp.performance[into]])
        if not paid.size or np.ptp(paid, axis=1).max() > 0:
            why = "steps lead that pay differently" if paid.size else "nothing leads"
            raise ValueError(
                f"env: expected states that pay one reward for being there, found {mdp.state_name(s)}, in which no "
                f"action surely stays, and to which {why}"
            )
        found[:, s] = paid[:, 0]
    return StateRewards(found[0], found[1])
