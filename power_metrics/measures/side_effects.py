"""`penalised_optimum`: what an agent does that pays for its side effects, exactly, as the optimum of a finite MDP."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass, field
from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from power_metrics.arguments.checks import check_choice, resolve_model
from power_metrics.chains.horizon import check_horizon
from power_metrics.measures.deviating import MEASURES, Deviating
from power_metrics.measures.registry import measure
from power_metrics.results.base import Result
from power_metrics.results.dims import Dims
from power_metrics.rewards.distributions import DEFAULT, PerState, RewardDistribution
from power_metrics.solvers.jit import Ints, kernel
from power_metrics.solvers.optimal import solve_task
from powerenvs.model.checks import flag, real
from powerenvs.model.mdp import TabularMDP
from powerenvs.model.rows import LARGEST

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

BASELINES = ("start", "inaction", "stepwise")
NONTERMINAL = ("full", "discount", "none")
ENDING = ("left", "entered", "none")
TIES = 1e-11
"""Actions are equally good to this share of the largest value that there could be, the largest reward of a step over
1 - gamma: penalties are computed, and thus rounded."""
PAIR = 250
"""Bytes that a pair of states takes for each action, about, once it is a model."""


@dataclass(frozen=True)
class PenalisedOptimum(Result):
    """The optimal policies of an agent that pays for deviations from a baseline.

    Attributes:
        model: the tables of the world.
        mdp: those of the penalised problem, with P states and A actions: pairs (state, baseline state), and each
            terminal state once, as (state, state).
        measure: of deviations, or "none".
        function: "truncation" or "absolute".
        baseline: "start", "inaction" or "stepwise".
        rollouts: whether deviations compare what follows when nothing is done.
        beta: the price of a deviation of 1.
        gamma: the discount.
        value_discount: that of reachability, or of auxiliary rewards.
        nonterminal: what steps that do not end the episode pay; see `penalised_optimum`.
        steps: T, the time limit.
        finite_horizon: whether the policies are optimal over T steps, and not for ever.
        value: the optimal penalised value of the start.
        return_range: the lowest and the highest expected sum of the world's own rewards over T steps, without a
            discount, of all optimal policies.
        performance_range: the same for hidden performance.
        values: (P,) the optimal penalised values.
        deviations: (P,) of the state from the baseline state; 0 for terminal states, unless to enter them costs.
        rollout_steps: for how many steps nothing is done; None for all.
        averaged: over which states relative reachability is averaged; see `penalised_optimum`.
        ending: what steps that end the episode pay; see `penalised_optimum`.
        versions: the releases that it was made with, by package.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.side_effects import Vase
        >>> best = pm.penalised_optimum(Vase(), beta=1.0, steps=20)
        >>> best.return_range, best.performance_range  # around the vase
        ((1.0, 1.0), (1.0, 1.0))
    """

    model: TabularMDP
    mdp: TabularMDP
    measure: str
    function: str
    baseline: str
    rollouts: bool
    beta: float
    gamma: float
    value_discount: float
    nonterminal: str
    steps: int
    finite_horizon: bool
    value: float
    return_range: tuple[float, float]
    performance_range: tuple[float, float]
    values: Annotated[Floats, Dims("pair", column="value")]
    deviations: Annotated[Floats, Dims("pair", column="deviation", least=0)]
    rollout_steps: int | None = field(default=None, kw_only=True)
    averaged: str = field(default="nonterminal", kw_only=True)
    ending: str = field(default="left", kw_only=True)
    _actions: Annotated[NDArray[np.bool_], Dims("decision", "pair", "action", dtype=np.bool_)]

    def coordinates(self, dim: str) -> Any:
        """See `power_metrics.Result.coordinates`."""
        return self.mdp.state_labels if dim == "pair" else super().coordinates(dim)

    def policy(self) -> Floats:
        """The policy on `mdp` that splits evenly over optimal actions: (P, A), or (T, P, A) for a finite horizon."""
        tables = self._actions / self._actions.sum(axis=2, keepdims=True)
        return tables if self.finite_horizon else tables[0]


@dataclass(frozen=True, eq=False)
class Pairs:
    """The pairs (state, baseline state) that can be reached, and what leads from one to another.

    Attributes:
        mdp: of the pairs, with the world's own rewards.
        state: (P,) the world's state of each.
        baseline: (P,) the baseline state.
        source: (nnz,) the pair that each transition leads from.
    """

    mdp: TabularMDP
    state: Places
    baseline: Places
    source: Places

    @classmethod
    def of(cls, world: TabularMDP, chain: Any, baseline: str, entered: bool, max_gib: float) -> Pairs:
        """All pairs that can be reached, breadth first.

        Args:
            world: with S states.
            chain: (S, S) sparse, where the baseline state goes next.
            baseline: one of `BASELINES`.
            entered: whether terminal states have baseline states of their own, instead of themselves.
            max_gib: what the pairs may take.

        Raises:
            ValueError: where they take more, with what was found up to then.
        """
        S, A = world.available.shape
        start = np.flatnonzero(world.initial > 0)
        found = fresh = start * (S + 1)  # the pair (s, b) has the number s S + b
        while len(fresh):
            _, after, _ = follow(world, chain, baseline, entered, fresh)
            numbers, first = np.unique(after, return_index=True)
            fresh = after[np.sort(first[~np.isin(numbers, found)])]
            found = np.concatenate([found, fresh])
            gib = len(found) * A * PAIR / 2**30
            if gib > max_gib:
                raise ValueError(
                    f"max_gib: expected room for all pairs of states and baseline states, found {len(found):,} of "
                    f"them, {gib:.1f} GiB with what can be done there, and there are more; raise max_gib if memory "
                    "allows, or use a smaller level"
                )
        pair, after, (entry, probability) = follow(world, chain, baseline, entered, found)
        order = np.argsort(found)
        row = pair * A + np.searchsorted(world.indptr, entry, side="right") - 1 - found[pair] // S * A
        state, base = np.divmod(found, S)
        labels = world.state_labels
        initial = np.zeros(len(found))
        initial[: len(start)] = world.initial[start]
        return cls(
            TabularMDP(
                indptr=np.concatenate([[0], np.cumsum(np.bincount(row, minlength=len(found) * A))]),
                successor=order[np.searchsorted(found, after, sorter=order)].astype(np.int32),
                probability=probability,
                reward=world.reward[entry],
                performance=world.performance[entry],
                available=world.available[state],
                terminal=world.terminal[state],
                initial=initial,
                state_labels=tuple((labels[s], labels[b]) for s, b in zip(state.tolist(), base.tolist(), strict=True)),
                action_labels=world.action_labels,
                board=world.board,
                cells=None if world.cells is None else world.cells[state],
            ),
            state,
            base,
            pair,
        )

    def penalties(self, deviations: Floats, weight: float, ending: str) -> Floats:
        """(nnz,) what each transition deviates; ``weight`` is of those that do not end the episode."""
        ends, after = self.mdp.terminal[self.mdp.successor], deviations[self.mdp.successor]
        last = {"left": deviations[self.source], "entered": after, "none": np.zeros(len(after))}[ending]
        return np.where(self.mdp.terminal[self.source], 0.0, np.where(ends, last, weight * after))


def follow(
    world: TabularMDP, chain: Any, baseline: str, entered: bool, pairs: Places
) -> tuple[Places, Places, tuple[Places, Floats]]:
    """What may follow pairs, transition by transition: which pair, the next pair's number, the world's entry and how
    probable it is. The world and the baseline move independently of each other.
    """
    S, A = world.available.shape
    state, base = np.divmod(pairs, S)
    pair, entry = spread(world.indptr[state * A], world.indptr[(state + 1) * A])
    after, probability = world.successor[entry].astype(np.int64), world.probability[entry]
    over = world.terminal[state]
    rests = over[pair] if entered else world.terminal[after]
    if baseline == "start":
        following = base[pair]
    else:
        mover = np.where(rests, 0, (base if baseline == "inaction" else state)[pair])
        ways = np.where(rests, 1, np.diff(chain.indptr)[mover])
        each, place = spread(chain.indptr[mover], chain.indptr[mover] + ways)
        pair, entry, after, rests = pair[each], entry[each], after[each], rests[each]
        probability = probability[each] * np.where(rests, 1.0, chain.data[place])
        following = chain.indices[place]
    return pair, after * S + np.where(rests, base[pair] if entered else after, following), (entry, probability)


def spread(first: Any, last: Any) -> tuple[Places, Places]:
    """The places from each ``first`` up to its ``last``, one after the other, and the number of the range of each."""
    counts = np.asarray(last - first, dtype=np.int64)
    number = np.repeat(np.arange(len(counts)), counts)
    return number, np.arange(counts.sum()) + np.repeat(first - np.cumsum(counts) + counts, counts)


def check_betas(beta: Any) -> tuple[list[float], bool]:
    """One price of at least 0 or several as a list, and whether several were given."""
    several = isinstance(beta, Iterable) and not isinstance(beta, str) and getattr(beta, "ndim", 1) > 0
    betas: list[Any] = list(beta) if several else [beta]
    for price in betas:
        if not 0 <= real(price) <= LARGEST:
            raise ValueError(f"beta: expected a number of at least 0, found {price!r}")
    if not betas:
        raise ValueError("beta: expected at least one number, found none")
    return [float(price) for price in betas], several


@measure(together="beta")
def penalised_optimum(
    env_or_mdp: Any,
    measure: str = "relative_reachability",
    function: str = "truncation",
    baseline: str = "stepwise",
    rollouts: bool = True,
    beta: float | Iterable[float] = 3.0,
    gamma: float = 0.99,
    value_discount: float = 0.99,
    *,
    default: str | Any = "noop",
    steps: int | None = None,
    finite_horizon: bool = False,
    nonterminal: str = "full",
    ending: str = "left",
    rollout_steps: int | None = None,
    averaged: str = "nonterminal",
    reward: RewardDistribution | PerState = DEFAULT,
    num_samples: int | None = None,
    seed: int | None = 0,
    rewards: Any = None,
    max_gib: float = 4.0,
    progress: bool | None = None,
) -> Generator[None, None, PenalisedOptimum | list[PenalisedOptimum]]:
    """The optimum of an agent that is paid reward less beta times the deviation from a baseline state.

    The baseline state starts as the start state and then, in each step, stays that ("start"), goes on by itself
    ("inaction"), or becomes what would have followed if nothing had been done in this step ("stepwise"). A step from
    s with baseline b to s' with baseline b' pays r - beta d(s'; b'), with d as in `deviation`; a step that ends the
    episode pays r - beta d(s; b), since there is nothing to reach from its end, or as ``ending`` says. States and
    baselines together are a finite MDP, so the optimum is exact: Krakovna et al., arXiv 1806.01186, without learning.

    Args:
        env_or_mdp: an environment or a `powerenvs.TabularMDP` with S states and A actions.
        measure: "relative_reachability", "unreachability", "attainable_utility", or "none" for no penalty.
        function: "truncation": only what is lost counts; "absolute": what is gained as well.
        baseline: "start", "inaction" or "stepwise".
        rollouts: whether to compare by what follows when nothing is done.
        beta: the price of a deviation of 1, at least 0; several for a list of results.
        gamma: the discount of the agent and of rollouts, in [0, 1).
        value_discount: of reachability, in [0, 1], or of auxiliary rewards, in [0, 1).
        default: how nothing is done: an action ("noop" may also be called "stay"), or a policy (S, A). Where it would
            end the episode, the baseline stays as it is.
        steps: T, over which return and performance are summed; the time limit of the environment when None.
        finite_horizon: whether the agent acts for T steps and knows how many are left, instead of for ever.
        nonterminal: what a step that does not end the episode pays: "full" beta, (1 - gamma) beta ("discount"), or
            "none".
        ending: what a step that ends the episode pays, from s with baseline b to s' with baseline b': "left" beta
            d(s; b), as the original does; "entered" beta d(s'; b'), like other steps; or "none".
        rollout_steps: how many steps n nothing is done for in rollouts; None for all that follow.
        averaged: over which states relative reachability is averaged: "nonterminal", those that do not end the episode
            (what the original comes to when it has seen all); "all"; or "reachable", those among the first that can
            be reached from the state or from the baseline state.
        reward: the distribution of auxiliary reward functions; terminal states have none.
        num_samples: how many to draw; by default 10.
        seed: of the draws, which are those of `power` with the same seed.
        rewards: (n, S): exactly these auxiliary reward functions instead.
        max_gib: pairs of states and baseline states that take more, in GiB, are refused; tables of reachability are
            made in parts of a quarter of a GiB.
        progress: True for a progress bar, False for none, None for one in a terminal after two seconds.

    Returns:
        The optimum, or a list if several values of ``beta`` were given.

    Raises:
        ValueError: for an argument that does not fit.

    Example:
        >>> import gymnasium, powerenvs
        >>> import power_metrics as pm
        >>> env = gymnasium.make("powerenvs/Options-v0")
        >>> free, paying = pm.penalised_optimum(env, baseline="stepwise", beta=[0.0, 1.0])
        >>> free.performance_range, paying.performance_range  # the box in the corner; or where it can be pushed back
        ((-1.0, -1.0), (1.0, 1.0))
    """
    mdp, steps = resolve_model(env_or_mdp), check_horizon(env_or_mdp, steps)
    betas, several = check_betas(beta)
    check_choice("baseline", baseline, BASELINES)
    check_choice("nonterminal", nonterminal, NONTERMINAL)
    check_choice("ending", ending, ENDING)
    settings = Deviating.checked(
        mdp, measure=measure, function=function, rollouts=rollouts, rollout_steps=rollout_steps, averaged=averaged,
        gamma=gamma, value_discount=value_discount, default=default, reward=reward, num_samples=num_samples, seed=seed,
        rewards=rewards, max_gib=max_gib, progress=progress, measures=(*MEASURES, "none"), whole=False,
    )  # fmt: skip
    finite_horizon, entered = flag("finite_horizon", finite_horizon), ending == "entered" and measure != "none"
    yield
    pairs = Pairs.of(mdp, settings.chain, "start" if measure == "none" else baseline, entered, max_gib)
    judged = np.flatnonzero(~pairs.mdp.terminal | entered)
    deviations = np.zeros(pairs.mdp.num_states)
    deviations[judged] = settings.between(pairs.state[judged], pairs.baseline[judged])
    weight = {"full": 1.0, "discount": 1 - settings.gamma, "none": 0.0}[nonterminal]
    penalties = pairs.penalties(deviations, weight, ending)
    found = []
    for price in betas:
        penalised = pairs.mdp.with_(reward=pairs.mdp.reward - price * penalties, performance=pairs.mdp.performance)
        values, actions, ranges = optimum(penalised, pairs.mdp, settings.gamma, steps, finite_horizon)
        found.append(
            PenalisedOptimum(
                mdp, penalised, measure, function, baseline, settings.rollouts, price, settings.gamma,
                settings.value_discount, nonterminal, steps, finite_horizon, float(penalised.initial @ values), *ranges,
                values, deviations, actions, rollout_steps=settings.rollout_steps, averaged=averaged, ending=ending,
            )
        )  # fmt: skip
    return found if several else found[0]


def optimum(
    penalised: TabularMDP, own: TabularMDP, gamma: float, steps: int, finite: bool
) -> tuple[Floats, NDArray[np.bool_], tuple[tuple[float, float], tuple[float, float]]]:
    """Optimal values, the optimal actions (T, P, A) or (1, P, A), and the ranges of return and performance.

    The optimal policies are all that choose optimal actions in every state they reach, so what else they earn has its
    extremes by backward induction over optimal actions alone.

    Args:
        penalised: what is maximised.
        own: the same with the world's own rewards.
        gamma: the discount.
        steps: T.
        finite: whether there are no more than T steps.
    """
    rows = Rows(penalised.indptr, penalised.successor, penalised.probability)
    paid = penalised.action_rewards()
    tolerance = TIES / (1 - gamma) * max(float(np.abs(paid).max()), np.finfo(np.float64).tiny)
    gain = np.stack([own.action_rewards(), own.action_rewards(performance=True)], axis=-1)
    actions = np.empty((steps if finite else 1, *paid.shape), dtype=np.bool_)
    values, bounds = np.zeros(len(paid)), np.zeros((len(paid), 4))
    if not finite:
        values = solve_task(penalised, gamma).values[0]
        _greedy(rows, paid, gamma, tolerance, values, np.empty(len(paid)), actions[0])
    for t in reversed(range(steps)):
        if finite:
            after, values = values, np.empty(len(paid))
            _greedy(rows, paid, gamma, tolerance, after, values, actions[t])
        later, bounds = bounds, np.empty((len(paid), 4))
        _extremes(rows, gain, actions[t if finite else 0], later, bounds)
    low_return, low, high_return, high = (penalised.initial @ bounds).tolist()
    return values, actions, ((low_return, high_return), (low, high))


class Rows(NamedTuple):
    """The compressed rows of a `TabularMDP`, as kernels read them."""

    indptr: Places
    successor: Ints
    probability: Floats


@kernel
def _greedy(rows: Rows, paid: Floats, gamma: float, tolerance: float, after: Floats, values: Floats, best: Any) -> None:
    """Writes max_a [paid + gamma Σ P after] to ``values`` (P,), and to ``best`` the actions within tolerance of it."""
    P, A = paid.shape
    q = np.empty(A)
    for s in range(P):
        values[s] = -np.inf
        for a in range(A):
            row, total = s * A + a, 0.0
            for e in range(rows.indptr[row], rows.indptr[row + 1]):
                total += rows.probability[e] * after[rows.successor[e]]
            q[a] = paid[s, a] + gamma * total if rows.indptr[row] < rows.indptr[row + 1] else -np.inf
            values[s] = max(values[s], q[a])
        for a in range(A):
            best[s, a] = q[a] >= values[s] - tolerance


@kernel
def _extremes(rows: Rows, gain: Floats, allowed: Any, after: Floats, bounds: Floats) -> None:
    """Writes to ``bounds`` (P, 4) the least and then the largest of two sums over the allowed actions (P, A)."""
    P, A = allowed.shape
    for s in range(P):
        bounds[s, :2], bounds[s, 2:] = np.inf, -np.inf
        for a in range(A):
            if not allowed[s, a]:
                continue
            for k in range(2):
                low = high = gain[s, a, k]
                for e in range(rows.indptr[s * A + a], rows.indptr[s * A + a + 1]):
                    low += rows.probability[e] * after[rows.successor[e], k]
                    high += rows.probability[e] * after[rows.successor[e], k + 2]
                bounds[s, k], bounds[s, k + 2] = min(bounds[s, k], low), max(bounds[s, k + 2], high)
