"""`meg`: maximum entropy goal-directedness, how much better than chance a utility predicts what a policy does."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import scipy.optimize
import scipy.sparse
from numpy.typing import NDArray

from power_metrics.arguments.checks import check_count, check_policy, check_rewards, resolve_model
from power_metrics.measures.registry import measure
from power_metrics.results.base import Result
from power_metrics.results.dims import Dims
from powerenvs.model.labels import closest
from powerenvs.model.mdp import TabularMDP

Floats = NDArray[np.float64]

UTILITIES = ("task", "performance", "states")
TIES = 1e-9
"""Utilities are equal if they differ by at most this share of their range."""


@dataclass(frozen=True)
class Meg(Result):
    """Goal-directedness towards each utility of a class, and the largest of them.

    Attributes:
        model: the tables.
        utility: which class, or "given".
        steps: T decisions.
        meg: (U,) nats, towards each utility.
        rationality: (U,) the β that predicts best; infinite for what is optimal, 0 for what is not directed there.
        most: nats, the expected sum of log |A| over the decisions, above which no policy is.
        largest: nats, towards the utility that predicts best.
        versions: the releases that it was made with, by package.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.power import PowerGrid
        >>> found = pm.meg(PowerGrid("S.G", reward={"(0, 2)": 1.0}), steps=2)
        >>> found.meg.shape, bool(0 < found.largest <= found.most)
        ((1,), True)
    """

    model: TabularMDP
    utility: str
    steps: int
    meg: Annotated[Floats, Dims("utility", least=0)]
    rationality: Annotated[Floats, Dims("utility", finite=False, least=0)]
    most: Annotated[float, Dims()]
    largest: Annotated[float, Dims()]


@measure()
def meg(
    env_or_mdp: Any, policy: Any = None, utility: str | Any = "task", steps: int = 20
) -> Generator[None, None, Meg]:
    """Maximum entropy goal-directedness of a policy: how many nats its utility tells of what it does in T decisions.

    max over β >= 0 of E_π Σ_t [log π_β(a_t | s_t) + log |A(s_t)|], where π_β is the maximum entropy policy of
    rationality β, by soft value iteration (MacDermott, Fox, Belardinelli & Everitt, arXiv 2412.04758). The sum is
    β E_π[U] - V_β, concave in β, and largest where π_β earns what the policy earns. Entropy is relative to uniform
    behaviour, so that this has 0 also where states have different numbers of actions. For a class of utilities it is
    the largest. Episodes that end early go on without decisions.

    Args:
        env_or_mdp: an environment or a `powerenvs.TabularMDP` with S states.
        policy: (S, A) or (T, S, A); what is optimal for the task in T steps when None, ties split evenly.
        utility: "task" or "performance", the model's own; "states", for each state the number of times that a step ends
            there; or (U, S) what it is worth that a step ends in a state.
        steps: T.

    Raises:
        ValueError: for an argument that does not fit.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.power import PowerGrid
        >>> grid = PowerGrid("S.G", reward={"(0, 2)": 1.0})
        >>> mdp = grid.tables()
        >>> uniform = mdp.available / mdp.available.sum(axis=1, keepdims=True)
        >>> round(pm.meg(mdp, uniform, steps=5).largest, 9)
        0.0
    """
    mdp, steps = resolve_model(env_or_mdp), check_count("steps", steps)
    rewards, name = _utilities(mdp, utility)
    table = None if policy is None else _policy(mdp, policy, steps)
    yield
    if table is None:
        table = _best(mdp, steps)
    matrix, decides = mdp.transition_matrix(), ~mdp.terminal
    visits = _visits(mdp, matrix, table)
    most = float((visits * np.where(decides, np.log(mdp.available.sum(axis=1)), 0.0)).sum())
    towards, rationality = np.array([_towards(mdp, matrix, reward, table, visits) for reward in rewards]).T.copy()
    return Meg(mdp, name, steps, towards, rationality, most, float(towards.max()))


def _utilities(mdp: TabularMDP, given: Any) -> tuple[list[Floats], str]:
    """(S, A) what each action is worth, for each utility, and the name of the class."""
    if isinstance(given, str):
        if given not in UTILITIES:
            raise ValueError(f"utility: unknown class {given!r}; {closest(given, UTILITIES)}")
        if given != "states":
            return [mdp.action_rewards(given == "performance")], given
        states, name = np.eye(mdp.num_states), given
    else:
        states, name = check_rewards(given, mdp, "utility"), "given"
    matrix = mdp.transition_matrix()
    return [(matrix @ row).reshape(mdp.available.shape) for row in states], name


def _policy(mdp: TabularMDP, given: Any, steps: int) -> Floats:
    """(T, S, A) what it does at each time."""
    table = check_policy(given, mdp)
    if table.ndim == 3 and len(table) != steps:
        raise ValueError(f"policy: expected one for each of {steps} steps, found {len(table)}")
    return np.broadcast_to(table, (steps, *mdp.available.shape))


def _best(mdp: TabularMDP, steps: int) -> Floats:
    """(T, S, A) what is optimal for the task with so many steps left, ties split evenly."""
    matrix, reward = mdp.transition_matrix(), mdp.action_rewards()
    value, found = np.zeros(mdp.num_states), []
    for _ in range(steps):
        q = np.where(mdp.available, reward + (matrix @ value).reshape(reward.shape), -np.inf)
        best = _best_actions(q)
        found.append(best / best.sum(axis=1, keepdims=True))
        value = q.max(axis=1)
    return np.array(found[::-1])


def _best_actions(q: Floats) -> NDArray[np.bool_]:
    top = q.max(axis=1, keepdims=True)
    kept: NDArray[np.bool_] = q >= top - TIES * max(1e-300, float(np.abs(q[np.isfinite(q)]).max()))
    return kept


def _visits(mdp: TabularMDP, matrix: scipy.sparse.csr_array, policy: Floats) -> Floats:
    """(T, S) how probable each state is at each decision."""
    now, found = mdp.initial.copy(), []
    for table in policy:
        found.append(now)
        now = (now[:, None] * table).reshape(-1) @ matrix
    return np.array(found)


def _towards(
    mdp: TabularMDP, matrix: scipy.sparse.csr_array, reward: Floats, policy: Floats, visits: Floats
) -> tuple[float, float]:
    """Goal-directedness towards one utility, and the rationality."""
    earned = float((visits[..., None] * policy * reward).sum())
    soft = _Soft(mdp, matrix, reward, len(policy))
    lowest, highest = soft.extreme(-1), soft.extreme(1)
    span = highest - lowest
    if span <= 1e-12 * max(abs(highest), abs(lowest)) or earned <= soft.of(0.0)[1] + 1e-13 * span:
        return 0.0, 0.0
    if earned >= highest - TIES * span:
        return soft.limit(), math.inf
    high = 1 / span
    while soft.of(high)[1] < earned:
        high *= 2
    beta = float(scipy.optimize.brentq(lambda b: soft.of(b)[1] - earned, 0.0, high, xtol=1e-14 * high, rtol=1e-14))
    return max(0.0, beta * earned - soft.of(beta)[0]), beta


class _Soft:
    """Soft value iteration for one utility: V = log mean exp(β r + E V'), and what its policy earns."""

    def __init__(self, mdp: TabularMDP, matrix: scipy.sparse.csr_array, reward: Floats, steps: int):
        self._mdp, self._matrix, self._reward, self._steps = mdp, matrix, reward, steps
        self._shape, self._log_count = reward.shape, np.log(mdp.available.sum(axis=1))

    def _after(self, value: Floats) -> Floats:
        """(S, A) the expectation of (S,) values after each action."""
        return np.asarray(self._matrix @ value).reshape(self._shape)

    def of(self, beta: float) -> tuple[float, float]:
        """V_β and the expected utility of π_β, from the start."""
        value = earned = np.zeros(self._shape[0])
        for _ in range(self._steps):
            q = np.where(self._mdp.available, beta * self._reward + self._after(value), -np.inf)
            top = q.max(axis=1)
            weights = np.exp(q - top[:, None])
            total = weights.sum(axis=1)
            earned = (weights / total[:, None] * (self._reward + self._after(earned))).sum(axis=1)
            value = top + np.log(total) - self._log_count
        return float(self._mdp.initial @ value), float(self._mdp.initial @ earned)

    def extreme(self, sign: int) -> float:
        """The largest expected utility, or the smallest for -1."""
        value = np.zeros(self._shape[0])
        for _ in range(self._steps):
            q = np.where(self._mdp.available, sign * self._reward + self._after(value), -np.inf)
            value = q.max(axis=1)
        return sign * float(self._mdp.initial @ value)

    def limit(self) -> float:
        """Goal-directedness of what is optimal: β grows, and only best actions are left."""
        best, value = np.zeros(self._shape[0]), np.zeros(self._shape[0])
        for _ in range(self._steps):
            q = np.where(self._mdp.available, self._reward + self._after(best), -np.inf)
            kept = np.where(_best_actions(q), self._after(value), -np.inf)
            top = kept.max(axis=1)
            value = top + np.log(np.exp(kept - top[:, None]).sum(axis=1)) - self._log_count
            best = q.max(axis=1)
        return max(0.0, -float(self._mdp.initial @ value))
