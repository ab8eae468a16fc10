"""Exact observers: how often a policy is right and how long it takes, under each truth; the ideal one first of all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
import scipy.sparse
import scipy.sparse.linalg
from numpy.typing import NDArray

from power_metrics.arguments.checks import as_float64, check_policy
from power_metrics.psych.named import Tables, task as task_named
from power_metrics.results.base import Result
from power_metrics.results.dims import Dims
from power_metrics.solvers.optimal import optimal_policies
from powerenvs.model.mdp import TabularMDP
from powerenvs.model.transforms import restricted
from powerenvs.worlds.psychology.task import FRAMES_PER_SECOND

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Observer(Result):
    """What a subject does whose policy is known, exactly.

    Attributes:
        model: the belief MDP of the task, with S states and A actions.
        task: its name and settings.
        accuracy: the probability that an answer is correct.
        ticks: how long it takes to answer, on average, from when answers count.
        seconds: the same in seconds of the screen.
        reward: what a block pays on average, with costs.
        accuracy_in_block: (T,) the accuracy in each trial of a block.
        accuracy_given: {truth: accuracy}.
        ticks_given: {truth: mean ticks}.
        policy: (S, A).
        versions: the releases that it was made with, by package.

    Example:
        >>> import power_metrics as pm
        >>> found = pm.psych.ideal("MotionDiscrimination", coherence=0.2, bound=4)
        >>> round(found.accuracy, 6), round(found.ticks, 6)
        (0.835052, 13.402062)
    """

    model: TabularMDP
    task: str
    accuracy: float
    ticks: float
    seconds: float
    reward: float
    accuracy_in_block: Annotated[Floats, Dims("trial", column="accuracy")]
    accuracy_given: Mapping[str, float]
    ticks_given: Mapping[str, float]
    policy: Annotated[Floats, Dims("state", "action", least=0)]


@dataclass(frozen=True)
class Tradeoff(Result):
    """Speed against accuracy: the ideal observer at each cost of time.

    Attributes:
        task: its name and settings.
        cost: (C,) of a tick.
        accuracy: (C,) of the ideal observer.
        ticks: (C,) that it takes.
        seconds: (C,) the same in seconds of the screen.
        versions: the releases that it was made with, by package.

    Example:
        >>> import power_metrics as pm
        >>> pm.psych.tradeoff("VisualSearch", costs=[1.0, 0.0]).accuracy.tolist()
        [0.5, 1.0]
    """

    task: str
    ticks: Annotated[Floats, Dims("point")]
    accuracy: Annotated[Floats, Dims("point")]
    seconds: Annotated[Floats, Dims("point")]
    cost: Annotated[Floats, Dims("point")]


def ideal(task: Any, **settings: Any) -> Observer:
    """The ideal observer: the optimal policy of the belief MDP, the fastest where several are optimal.

    Args:
        task: as for `power_metrics.psych.task`.
        **settings: of the task.

    Raises:
        ValueError: for what is no task.

    Example:
        >>> import power_metrics as pm
        >>> found = pm.psych.ideal("VisualSearch", set_size=8)
        >>> found.accuracy, {truth: round(ticks, 6) for truth, ticks in found.ticks_given.items()}
        (1.0, {'present': 4.5, 'absent': 8.0})
    """
    tables = Tables(task_named(task, **settings))
    return evaluate(tables, ideal_policy(tables))


def observer(task: Any, policy: Any, **settings: Any) -> Observer:
    """What a policy does in a task, exactly.

    Args:
        task: as for `power_metrics.psych.task`.
        policy: (S, A) probabilities over the actions of the belief MDP, or "random".
        **settings: of the task.

    Raises:
        ValueError: for what is no task or no policy, and for policies that may never answer.

    Example:
        >>> import power_metrics as pm
        >>> pm.psych.observer("Harlow", "random").accuracy
        0.5
    """
    tables = Tables(task_named(task, **settings))
    if isinstance(policy, str):
        if policy != "random":
            raise ValueError(f"policy: expected an array or 'random', found {policy!r}")
        return evaluate(tables, random_policy(tables))
    return evaluate(tables, check_policy(policy, tables.mdp))


def tradeoff(
    task: Any, costs: Sequence[float] = (0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0), **settings: Any
) -> Tradeoff:
    """The speed-accuracy frontier: no policy is more accurate in the same mean time than those on it.

    Args:
        task: as for `power_metrics.psych.task`.
        costs: of a tick, at least one.
        **settings: of the task.

    Raises:
        ValueError: for what is no task, and no or negative costs.

    Example:
        >>> import power_metrics as pm
        >>> front = pm.psych.tradeoff("MotionDiscrimination", costs=[0.1, 0.001], coherence=0.5)
        >>> bool(front.ticks[0] < front.ticks[1]), bool(front.accuracy[0] < front.accuracy[1])
        (True, True)
    """
    given = as_float64("costs", costs)
    if given.ndim != 1 or not given.size:
        raise ValueError(f"costs: expected a list of numbers, found {costs!r}")
    base = task_named(task, **settings)
    found = [ideal(replace(base, cost=float(cost))) for cost in given]  # type: ignore[type-var]
    ticks, accuracy, seconds = np.array([(one.ticks, one.accuracy, one.seconds) for one in found]).T.copy()
    return Tradeoff(repr(base), ticks, accuracy, seconds, given)


def random_policy(tables: Tables) -> Floats:
    """Every action that does what it says alike."""
    return tables.useful / tables.useful.sum(axis=1, keepdims=True)


def ideal_policy(tables: Tables) -> Floats:
    """(S, A): of the policies of the most reward the fastest, ties split evenly."""
    mdp = tables.mdp
    best = restricted(mdp, (optimal_policies(mdp, None, 1.0)[0].numpy() > 0) & tables.useful)
    ticks = -tables.ticks.reshape(-1)
    rows = np.repeat(np.arange(len(ticks)), np.diff(best.indptr))
    return optimal_policies(best.with_(reward=ticks[rows], performance=ticks[rows]), None, 1.0)[0].numpy()  # type: ignore[no-any-return]


def evaluate(tables: Tables, policy: Floats) -> Observer:
    """The exact numbers of a policy (S, A).

    Of all visits to a state, those under a truth are the share that its posterior says, whatever the policy.
    """
    mdp, task = tables.mdp, tables.task
    S, A = mdp.num_states, mdp.num_actions
    chosen = scipy.sparse.csr_array(
        (policy.reshape(-1), (np.repeat(np.arange(S), A), np.arange(S * A))), shape=(S, S * A)
    )
    chain = scipy.sparse.csc_array((chosen @ mdp.transition_matrix()).T)
    reached = _closure(chain, mdp.initial > 0)
    if (reached & ~_closure(scipy.sparse.csc_array(chain.T), mdp.terminal)).any():
        raise ValueError("policy: expected one that comes to an answer, found one that may go on for ever")
    moving = ~mdp.terminal & reached
    visits = np.zeros(S)
    inside = scipy.sparse.eye_array(int(moving.sum()), format="csc") - chain[moving][:, moving]
    visits[moving] = scipy.sparse.linalg.spsolve(inside, mdp.initial[moving])
    uses = visits[:, None] * policy
    given = np.where(tables.answering, uses, 0.0).sum(axis=1)
    T = int(tables.trial[~mdp.terminal].max()) + 1
    answered = np.bincount(tables.trial, given)[:T]
    correct = np.bincount(tables.trial, (uses * mdp.action_rewards(performance=True)).sum(axis=1))[:T]
    waited = (uses * tables.ticks).sum(axis=1) * tables.open
    accuracy_given, ticks_given = {}, {}
    for name, share in tables.shares.items():
        answers = float(share @ given)
        if answers > 0:
            right = float((uses * tables.correct[name]).sum())
            accuracy_given[name], ticks_given[name] = right / answers, float(share @ waited) / answers
    ticks = float(waited.sum() / answered.sum())
    accuracy = float(correct.sum() / answered.sum())
    reward = float((uses * mdp.action_rewards())[moving].sum())
    return Observer(
        mdp, repr(task), accuracy, ticks, ticks * task.frames_per_tick / FRAMES_PER_SECOND, reward, correct / answered,
        accuracy_given, ticks_given, np.asarray(policy, dtype=np.float64),
    )  # fmt: skip


def _closure(links: scipy.sparse.csc_array, start: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Everything that links lead to, in any number of steps."""
    found = start
    while True:
        grown = found | (links @ found.astype(np.float64) > 0)
        if np.array_equal(grown, found):
            return found
        found = grown
