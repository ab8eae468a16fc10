"""`deviation`: how far a state is from a baseline state, in what can be reached or attained from it.

The penalties of relative reachability (Krakovna et al., arXiv 1806.01186) and attainable utility preservation (Turner
et al., arXiv 1902.09725) are such deviations; `power_metrics.measures.side_effects` has the agents that pay them.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

import numpy as np
import scipy.sparse
from numpy.typing import NDArray
from scipy.sparse.linalg import splu

from power_metrics.arguments.checks import (
    check_count,
    check_gamma,
    check_policy,
    check_progress,
    check_rewards,
    check_seed,
    resolve_model,
)
from power_metrics.measures.reachability import check_room, reach_table
from power_metrics.measures.registry import measure
from power_metrics.measures.run_policies import drawn_rewards
from power_metrics.results.base import Result
from power_metrics.results.dims import Dims
from power_metrics.rewards.distributions import DEFAULT, PerState, RewardDistribution
from power_metrics.solvers.jit import Ints, kernel
from power_metrics.solvers.optimal import solve
from powerenvs.model.checks import flag
from powerenvs.model.labels import closest, label_text
from powerenvs.model.mdp import TabularMDP

Floats = NDArray[np.float64]

MEASURES = ("relative_reachability", "unreachability", "attainable_utility")
FUNCTIONS = ("truncation", "absolute")
NOOPS = ("noop", "stay")
"""What the action that does nothing is called, here and there."""

UTILITIES = 10
"""Auxiliary reward functions, where no number is given."""


def check_choice(name: str, value: Any, choices: tuple[str, ...]) -> str:
    """One of several words.

    Raises:
        ValueError: for another, with the closest.
    """
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name}: expected one of {', '.join(choices)}, found {value!r}; {closest(value, choices)}")
    return value


def default_policy(mdp: TabularMDP, default: Any) -> Floats:
    """(S, A) the policy of an agent that does nothing.

    Args:
        mdp: with S states and A actions.
        default: a policy (S, A); or the label of an action, where "noop" is the one called so, or else "stay".

    Raises:
        ValueError: for an unknown action, one that some state does not have, and what is no policy.
    """
    if not isinstance(default, str | int | np.integer):
        table = check_policy(default, mdp, "default")
        if table.ndim != 2:
            raise ValueError(f"default: expected an action or one policy {mdp.available.shape}, found {table.shape}")
        return table
    action = default_action(mdp.action_labels, default, f"an action or a policy {mdp.available.shape}")
    lacking = np.flatnonzero(~mdp.available[:, action] & ~mdp.terminal)
    if len(lacking):
        raise ValueError(
            f"default: expected an action that every state has, found {label_text(mdp.action_labels[action])}, which "
            f"{mdp.state_name(int(lacking[0]))} does not have"
        )
    table = mdp.available / mdp.available.sum(axis=1, keepdims=True)
    table[~mdp.terminal] = np.eye(mdp.num_actions)[action]
    return table


def default_action(known: tuple[Any, ...], default: Any, expected: str = "an action") -> int:
    """The number of the action that does nothing: "noop" is the one called so, or else "stay".

    Raises:
        ValueError: for an unknown action.
    """
    names = [name for name in (NOOPS if default == NOOPS[0] else (default,)) if name in known]
    if not names:
        raise ValueError(
            f"default: unknown action {default!r}; {closest(default, known)}; expected {expected} to compare with"
        )
    return known.index(names[0])


def baseline_chain(mdp: TabularMDP, policy: Floats) -> Any:
    """(S, S) sparse: where the world goes by itself; where that would end the episode it stays as it is."""
    S, A = policy.shape
    places = np.arange(S * A)
    chosen = scipy.sparse.csr_array((policy.ravel(), places, np.arange(0, S * A + 1, A)), shape=(S, S * A))
    moves = (chosen @ mdp.transition_matrix()).tocsr()
    going_on = (~mdp.terminal).astype(np.float64)
    ends = moves @ mdp.terminal.astype(np.float64)
    chain = (moves @ scipy.sparse.diags_array(going_on) + scipy.sparse.diags_array(ends)).tocsr()
    chain.eliminate_zeros()
    return chain


def rolled_out(chain: Any, values: Floats, gamma: float) -> Floats:
    """(N, K) averages over what follows: (1 - γ) Σ_k γ^k E[values of the node after k steps].

    Where every node of the chain has one successor, the sum ends as in the original: at the last step before a node
    comes again the world is taken to stay as it is, which changes nothing unless it goes round in a circle.

    Args:
        chain: (N, N) sparse, rows that sum to 1.
        values: (N, K) of the nodes.
        gamma: γ in [0, 1).
    """
    N = len(values)
    if chain.nnz > N:
        system = scipy.sparse.eye_array(N, format="csc") - gamma * chain.tocsc()
        return np.asarray(splu(system).solve((1 - gamma) * values))
    successor = chain.indices
    if np.array_equal(successor, np.arange(N)):
        return values
    inward = np.bincount(successor, minlength=N)
    outer = np.flatnonzero(inward == 0).tolist()
    for node in outer:  # which grows: nodes on no circle, each before its successor
        inward[successor[node]] -= 1
        if inward[successor[node]] == 0:
            outer.append(int(successor[node]))
    found = values.copy()
    for node in np.flatnonzero(inward).tolist():
        circle = [node]
        while (following := int(successor[circle[-1]])) != node:
            circle.append(following)
        if inward[node] and len(circle) > 1:
            powers, places = gamma ** np.arange(len(circle) + 1.0), np.arange(len(circle))
            weights = np.zeros((len(circle), len(circle)))
            for start in places:
                weights[start, (start + places) % len(circle)] = (1 - gamma) * powers[:-1]
                weights[start, start - 1] += powers[-1]
            found[circle] = weights @ values[circle]
            inward[circle] = 0
    for node in reversed(outer):
        found[node] = (1 - gamma) * values[node] + gamma * found[successor[node]]
    return found


@dataclass(frozen=True, eq=False)
class Deviating:
    """What a deviation is of, checked.

    Attributes:
        mdp: with S states.
        measure: one of `MEASURES`, or "none", which is 0 everywhere.
        absolute: whether what is gained counts as well as what is lost.
        rollouts: whether states are compared by what follows when nothing is done.
        gamma: the discount of rollouts.
        value_discount: that of reachability or of auxiliary rewards.
        utilities: (n, S) auxiliary reward functions; of other measures None.
        chain: (S, S) sparse, where the world goes by itself.
        show: whether there is a progress bar.
    """

    mdp: TabularMDP
    measure: str
    absolute: bool
    rollouts: bool
    gamma: float
    value_discount: float
    utilities: Floats | None
    chain: Any
    show: bool | None

    @classmethod
    def checked(
        cls,
        mdp: TabularMDP,
        measure: str,
        function: str,
        rollouts: bool,
        gamma: float,
        value_discount: float,
        default: Any,
        reward: RewardDistribution | PerState,
        num_samples: int | None,
        seed: int | None,
        rewards: Any,
        max_gib: float,
        progress: bool | None,
        *,
        measures: tuple[str, ...] = MEASURES,
    ) -> Deviating:
        """From the arguments of `deviation`, which mean the same wherever deviations are.

        Raises:
            ValueError: for one that does not fit, naming it.
        """
        check_choice("measure", measure, measures)
        absolute = check_choice("function", function, FUNCTIONS) == "absolute"
        first, of_utilities = check_seed(seed), measure == "attainable_utility"
        check_room(mdp, max_gib)
        if of_utilities and rewards is None:
            count = UTILITIES if num_samples is None else check_count("num_samples", num_samples)
            rewards = drawn_rewards(mdp, np.arange(count), reward, first)
        return cls(
            mdp,
            measure,
            absolute,
            flag("rollouts", rollouts),
            check_gamma(gamma),
            check_gamma(value_discount, "value_discount", closed=not of_utilities),
            check_rewards(rewards, mdp) if of_utilities else None,
            baseline_chain(mdp, default_policy(mdp, default)),
            check_progress(progress),
        )

    def between(self, states: Any, baselines: Any) -> Floats:
        """(n,) the deviation of each state from the baseline state beside it."""
        places, others = np.asarray(states, dtype=np.int32), np.asarray(baselines, dtype=np.int32)
        if self.measure == "none":
            return np.zeros(len(places))
        if self.measure == "unreachability":
            return self._unreachable(places, others)
        found = np.empty(len(places))
        columns = np.arange(self.table.shape[1], dtype=np.int32)
        if self.measure == "relative_reachability":
            columns = columns[~self.mdp.terminal]
        _mean_differences(self.table, columns, places, others, self.absolute, found)
        return found

    @cached_property
    def reachable(self) -> Floats:
        """(S, S) see `power_metrics.reachability`."""
        return reach_table(self.mdp, self.value_discount, self.show)

    @cached_property
    def table(self) -> Floats:
        """(S, K) the numbers whose mean differences are deviations: reachabilities of states, or scaled values."""
        if self.utilities is None:
            values = self.reachable
        else:
            paid = np.where(self.mdp.terminal, 0.0, self.utilities)
            values = np.ascontiguousarray(
                (1 - self.value_discount) * solve(self.mdp, paid, self.value_discount).values.T
            )
        return rolled_out(self.chain, values, self.gamma) if self.rollouts else values

    def _unreachable(self, states: Ints, baselines: Ints) -> Floats:
        """(n,) 1 less the reachability of the baseline; by parallel rollouts of both, with noise of their own."""
        if not self.rollouts:
            return 1 - self.reachable[states, baselines]
        S = self.mdp.num_states
        if self.chain.nnz > S:
            return self._unreachable_by_chance[states, baselines]
        successor = self.chain.indices.astype(np.int64)
        codes = np.unique(states.astype(np.int64) * S + baselines)
        while True:  # with all pairs that follow
            after = successor[codes // S] * S + successor[codes % S]
            more = np.union1d(codes, after)
            if len(more) == len(codes):
                break
            codes = more
        places = np.searchsorted(codes, after)
        pairs = scipy.sparse.csr_array(
            (np.ones(len(codes)), places, np.arange(len(codes) + 1)), shape=(len(codes), len(codes))
        )
        found = rolled_out(pairs, 1 - self.reachable[codes // S, codes % S, None], self.gamma)
        return found[np.searchsorted(codes, states.astype(np.int64) * S + baselines), 0]

    @cached_property
    def _unreachable_by_chance(self) -> Floats:
        """(S, S) D = (1 - γ) Σ_k γ^k N^k (1 - R) N'^k, by doubling: 2^k terms make 2^(k + 1)."""
        found = (1 - self.gamma) * (1 - self.reachable)
        moves, weight = self.chain.toarray(), self.gamma
        while weight > np.finfo(np.float64).eps * (1 - self.gamma):
            found = found + weight * (moves @ found @ moves.T)
            moves, weight = moves @ moves, weight * weight
        return found


@kernel
def _mean_differences(
    table: Floats, columns: Ints, states: Ints, baselines: Ints, absolute: bool, found: Floats
) -> None:
    """Writes to ``found`` the mean over columns of what the baseline has more than the state; or of either's more."""
    for i in range(len(states)):
        own, base, total = table[states[i]], table[baselines[i]], 0.0
        for column in columns:
            lost = base[column] - own[column]
            if lost > 0.0:
                total += lost
            elif absolute:
                total -= lost
        found[i] = total / max(1, len(columns))


@dataclass(frozen=True)
class Deviations(Result):
    """How far each of S states is from each as a baseline.

    Attributes:
        model: the tables.
        measure: "relative_reachability", "unreachability" or "attainable_utility".
        function: "truncation" or "absolute"; unreachability has only the first.
        rollouts: whether states are compared by what follows when nothing is done.
        gamma: the discount of rollouts.
        value_discount: that of reachability, or of auxiliary rewards.
        values: (S, S) the deviation of each state from each baseline state.
        versions: the releases that it was made with, by package.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.side_effects import Vase
        >>> found = pm.deviation(Vase(), rollouts=False)
        >>> start, on_vase = 0, found.model.P[0][0][0][1]
        >>> bool(found.values[on_vase, start] > found.values[start, on_vase])
        True
    """

    model: TabularMDP
    measure: str
    function: str
    rollouts: bool
    gamma: float
    value_discount: float
    values: Annotated[Floats, Dims("state", "baseline", column="deviation", least=0)]

    def coordinates(self, dim: str) -> Any:
        """See `power_metrics.Result.coordinates`."""
        return self.model.state_labels if dim == "baseline" else super().coordinates(dim)


@measure()
def deviation(
    env_or_mdp: Any,
    measure: str = "relative_reachability",
    function: str = "truncation",
    rollouts: bool = True,
    gamma: float = 0.99,
    value_discount: float = 0.99,
    default: str | Any = "noop",
    *,
    reward: RewardDistribution | PerState = DEFAULT,
    num_samples: int | None = None,
    seed: int | None = 0,
    rewards: Any = None,
    max_gib: float = 4.0,
    progress: bool | None = None,
) -> Generator[None, None, Deviations]:
    """How far each state is from each other as a baseline, in what can be reached or attained from it.

    R is reachability (`reachability`), V_i the optimal values of auxiliary reward functions, g the value discount,
    and f(x) is max(0, x) for truncation and |x| for absolute. The deviation of s from b is

    - for "unreachability" 1 - R(s, b);
    - for "relative_reachability" the mean over states x that are not terminal of f(R(b, x) - R(s, x));
    - for "attainable_utility" 1 - g times the mean over i of f(V_i(b) - V_i(s)). Without f, with the draws of `power`
      at discount g and in a model without terminal states, it would be g times the POWER that is lost plus 1 - g times
      the mean reward that is lost.

    With rollouts, R(s, .) and V(s) are averages over what follows from s when nothing is done, and unreachability is
    the average of 1 - R over what follows from both s and b; weights are (1 - gamma) gamma^k.

    Args:
        env_or_mdp: an environment or a `powerenvs.TabularMDP` with S states and A actions.
        measure: "relative_reachability", "unreachability" or "attainable_utility".
        function: "truncation": only what is lost counts; "absolute": what is gained as well.
        rollouts: whether to compare by what follows when nothing is done.
        gamma: discount of rollouts, in [0, 1).
        value_discount: of reachability, in [0, 1], or of auxiliary rewards, in [0, 1).
        default: how nothing is done: an action ("noop" may also be called "stay"), or a policy (S, A). Where it would
            end the episode, the world stays as it is.
        reward: the distribution of auxiliary reward functions; terminal states have none.
        num_samples: how many to draw; by default 10.
        seed: of the draws, which are those of `power` with the same seed.
        rewards: (n, S): exactly these auxiliary reward functions instead.
        max_gib: tables (S, S) above this size, in GiB, are refused before any work.
        progress: True for a progress bar, False for none, None for one in a terminal after two seconds.

    Raises:
        ValueError: for an argument that does not fit.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.power import PowerGrid
        >>> pm.deviation(PowerGrid(".."), value_discount=0.5).values.tolist()
        [[0.0, 0.25], [0.25, 0.0]]
    """
    mdp = resolve_model(env_or_mdp)
    settings = Deviating.checked(
        mdp, measure, function, rollouts, gamma, value_discount, default, reward, num_samples, seed, rewards, max_gib,
        progress,
    )  # fmt: skip
    yield
    S = mdp.num_states
    places = np.divmod(np.arange(S * S), S)
    values = settings.between(*places).reshape(S, S)
    return Deviations(mdp, measure, function, settings.rollouts, settings.gamma, settings.value_discount, values)
