"""Where tabular learners end up: the action values that their updates leave as they are, and how they act on them.

Q-learning has the optimal values of the observed task, whatever it does while it learns. SARSA has the values of its
own behaviour, exploration included, and soft Q-learning those of an agent that is paid for being random. So agents that
explore alike may act differently.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from power_metrics.agents.table import uniform_policy
from power_metrics.arguments.checks import check_gamma, resolve_model
from power_metrics.solvers.optimal import optimal_policies, solve_task
from powerenvs.model.checks import real
from powerenvs.model.labels import closest
from powerenvs.model.mdp import TabularMDP
from powerenvs.model.rows import compress, entry_rows

Floats = NDArray[np.float64]

RULES = ("q_learning", "sarsa", "soft")
BEHAVIOURS = ("epsilon_greedy", "softmax")
ROUNDS = 100_000
CLOSED = 1e-13
"""Iteration ends where a round changes values by at most this share of the largest."""


class QFixedPoint(NamedTuple):
    """Action values that a learner's update does not change on average.

    Attributes:
        values: (S, A) Q; -inf for actions that do not exist.
        policy: (S, A) the behaviour on these values.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.corrupt_reward import corrupt_example_24
        >>> found = pm.q_fixed_point(corrupt_example_24(), epsilon=0.3)
        >>> found.policy[0].round(3).tolist()
        [0.1, 0.45, 0.45]
    """

    values: Floats
    policy: Floats


def q_fixed_point(
    env_or_mdp: Any,
    rule: str = "q_learning",
    behaviour: str = "epsilon_greedy",
    gamma: float = 0.9,
    epsilon: float = 0.1,
    beta: float = 2.0,
) -> QFixedPoint:
    """The fixed point of a tabular learner on the observed rewards of a model's own task, and its behaviour there.

    - "q_learning": Q(s, a) = E[r + γ max_b Q(s', b)], the optimal values.
    - "sarsa": Q(s, a) = E[r + γ Σ_b π(b|s') Q(s', b)], with π the behaviour itself. For ε-greedy behaviour it is the
      optimum of an agent whose choices come true with probability 1 - ε, and unique; for softmax there may be several,
      and this is the one that iteration from the optimal values leads to.
    - "soft": Q(s, a) = E[r + (γ/β) log Σ_b exp(β Q(s', b))], soft Q-learning.

    Args:
        env_or_mdp: an environment or a `powerenvs.TabularMDP` with S states and A actions.
        rule: one of these.
        behaviour: "epsilon_greedy": a best action (ties evenly), or with probability ε any; "softmax": action a with
            probability proportional to exp(β Q(s, a)).
        gamma: discount in [0, 1).
        epsilon: ε.
        beta: β, above 0.

    Raises:
        ValueError: for an argument that does not fit.
        RuntimeError: if softmax SARSA comes to no end.

    Example:
        >>> import gymnasium as gym, powerenvs
        >>> import power_metrics as pm
        >>> env = gym.make("powerenvs/CorruptReward-v0", level="four_goals")
        >>> for rule in ("q_learning", "sarsa"):
        ...     rates = pm.long_run_rates(env, pm.q_fixed_point(env, rule).policy)
        ...     print(f"{rule}: observed {rates.observed:.5f}, true {rates.true:.5f}")
        ...
        q_learning: observed 0.92475, true 0.00843
        sarsa: observed 0.91938, true 0.06922
    """
    mdp, gamma = resolve_model(env_or_mdp), check_gamma(gamma)
    for name, value, known in (("rule", rule, RULES), ("behaviour", behaviour, BEHAVIOURS)):
        if value not in known:
            raise ValueError(f"{name}: unknown {name} {value!r}; {closest(value, known)}")
    epsilon, beta = check_exploration(epsilon, beta)
    greedy = behaviour == "epsilon_greedy"
    if rule == "q_learning" or (rule == "sarsa" and greedy):
        task = _trembling(mdp, epsilon) if rule == "sarsa" else mdp
        values = _action_values(mdp, solve_task(task, gamma).values[0], gamma)
        if greedy:
            best = optimal_policies(task, None, gamma)[0].numpy()
            return QFixedPoint(values, (1.0 - epsilon) * best + epsilon * uniform_policy(mdp))
    else:
        values = _iterated(mdp, gamma, beta, soft=rule == "soft")
        if greedy:
            return QFixedPoint(values, epsilon_greedy_policy(values, epsilon))
    return QFixedPoint(values, softmax_policy(values, beta))


def check_exploration(epsilon: float, beta: float) -> tuple[float, float]:
    """ε in [0, 1] and β above 0.

    Raises:
        ValueError: for anything else.
    """
    if not 0 <= real(epsilon) <= 1:
        raise ValueError(f"epsilon: expected a probability in [0, 1], found {epsilon!r}")
    if not 0 < real(beta) < math.inf:
        raise ValueError(f"beta: expected a number above 0, found {beta!r}")
    return float(epsilon), float(beta)


def softmax_policy(values: Floats, beta: float) -> Floats:
    """(S, A) actions with probability proportional to exp(β Q)."""
    weights = np.exp(beta * (values - values.max(axis=1, keepdims=True)))
    found: Floats = weights / weights.sum(axis=1, keepdims=True)
    return found


def epsilon_greedy_policy(values: Floats, epsilon: float) -> Floats:
    """(S, A) a best action, ties split evenly, or with probability ε any that exists."""
    exists = np.isfinite(values)
    best = values >= values.max(axis=1, keepdims=True) - 1e-10 * np.abs(values[exists]).max(initial=0.0)
    found: Floats = (1.0 - epsilon) * best / best.sum(axis=1, keepdims=True) + epsilon * exists / exists.sum(
        axis=1, keepdims=True
    )
    return found


def _action_values(mdp: TabularMDP, values: Floats, gamma: float) -> Floats:
    """(S, A) E[r + γ V(s')]; -inf for actions that do not exist."""
    q = mdp.action_rewards() + gamma * (mdp.transition_matrix() @ values).reshape(mdp.available.shape)
    return np.where(mdp.available, q, -np.inf)


def _trembling(mdp: TabularMDP, epsilon: float) -> TabularMDP:
    """The model in which every choice comes true with probability 1 - ε, and else any action is taken."""
    S, A = mdp.available.shape
    entry = entry_rows(mdp.indptr)
    state, counts = entry // A, mdp.available.sum(axis=1)
    spread = [np.flatnonzero(mdp.available[s]) + s * A for s in range(S)]
    rows = np.concatenate([entry, *(np.asarray(spread[s]) for s in state.tolist())])
    again = np.repeat(np.arange(len(entry)), counts[state])
    indptr, successor, probability, reward = compress(
        rows,
        S * A,
        np.concatenate([mdp.successor, mdp.successor[again]]),
        np.concatenate([(1.0 - epsilon) * mdp.probability, epsilon * (mdp.probability / counts[state])[again]]),
        np.concatenate([mdp.reward, mdp.reward[again]]),
    )
    return TabularMDP(
        indptr=indptr, successor=successor, probability=probability, reward=reward, available=mdp.available,
        terminal=mdp.terminal, initial=mdp.initial,
    )  # fmt: skip


def _iterated(mdp: TabularMDP, gamma: float, beta: float, soft: bool) -> Floats:
    """(S, A) the values that repeated updates of all actions lead to, from the optimal ones."""
    values = _action_values(mdp, solve_task(mdp, gamma).values[0], gamma)
    for _ in range(ROUNDS):
        if soft:
            following = logsumexp(beta * values, axis=1) / beta
            following[mdp.terminal] = 0.0
        else:
            following = (softmax_policy(values, beta) * np.where(mdp.available, values, 0.0)).sum(axis=1)
        after = _action_values(mdp, following, gamma)
        change = float(np.abs(after[mdp.available] - values[mdp.available]).max())
        values = after
        if change <= CLOSED * (1.0 - gamma) * max(float(np.abs(values[mdp.available]).max()), 1e-300):
            return values
    raise RuntimeError(
        f"q_fixed_point: values still change by {change:g} after {ROUNDS:,} rounds; try a smaller beta or discount"
    )
