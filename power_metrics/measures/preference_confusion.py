"""`preference_confusion`: how often one reward function orders two segments of behaviour unlike another."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from power_metrics.agents.table import uniform_policy
from power_metrics.arguments.checks import check_choice, check_count, check_policy, check_seed, resolve_model
from power_metrics.measures.registry import measure
from power_metrics.results.base import Result
from power_metrics.results.dims import Dims
from power_metrics.rewards.transitions import TransitionReward
from powerenvs.model import rows
from powerenvs.model.checks import as_list
from powerenvs.model.mdp import TabularMDP

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STARTS = ("uniform", "initial")
ORDERS = ("first", "equal", "second")
EQUAL = 1e-9
"""Returns that differ by at most this share of the largest that there may be are equal: sums of floats round."""
MOST_WAYS = 300_000
"""Kinds of segments that are followed at the same time, at most; beyond, pairs are drawn."""
MOST_RETURNS = 10_000
"""Different pairs of returns of which all pairs are compared."""


@dataclass(frozen=True)
class PreferenceConfusion(Result):
    """How two reward functions order pairs of segments.

    Attributes:
        model: the tables.
        length: steps of a segment.
        start: where segments begin; "given" for segments that were given.
        method: "enumeration", exact; or "sampling".
        num_pairs: that were drawn, or are among the given; 0 where all were weighed by their probability.
        reversed: of pairs that the true reward orders, the share that the other one orders the other way round.
        undecided: of these, the share to whose segments the other reward gives the same return.
        invented: of pairs whose true returns are the same, the share that the other reward orders.
        standard_error: of ``reversed``; 0 where it is exact.
        table: (3, 3) the probabilities of pairs, by which of the two the true reward prefers and which the other does.
        versions: the releases that it was made with, by package.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.safety import BoatRace
        >>> found = pm.preference_confusion(BoatRace(), length=3)
        >>> found.method, bool(0 < found.reversed < 1), round(float(found.table.sum()), 12)
        ('enumeration', True, 1.0)
    """

    model: TabularMDP
    length: int
    start: str
    method: str
    num_pairs: int
    reversed: Annotated[float, Dims(finite=False)]
    undecided: Annotated[float, Dims(finite=False)]
    invented: Annotated[float, Dims(finite=False)]
    standard_error: Annotated[float, Dims(finite=False)]
    table: Annotated[Floats, Dims("true", "learned", column="probability", least=0)]

    def coordinates(self, dim: str) -> Sequence[Any] | None:
        """See `power_metrics.Result.coordinates`."""
        return ORDERS if dim in ("true", "learned") else super().coordinates(dim)


@measure()
def preference_confusion(
    env_or_mdp: Any,
    reward: str | Any = "reward",
    true: str | Any = "performance",
    length: int = 25,
    start: str = "uniform",
    policy: Any = None,
    segments: Any = None,
    num_pairs: int = 100_000,
    seed: int | None = 0,
) -> Generator[None, None, PreferenceConfusion]:
    """How often one reward function orders two segments of behaviour unlike another.

    Two segments are drawn independently, and each reward function prefers that with the higher sum, undiscounted as in
    arXiv 1706.03741. All segments are weighed by their probabilities, those with the same end and the same sums
    together, as long as there are no more than 300,000 kinds; else pairs are drawn. A segment ends where the task does.

    Args:
        env_or_mdp: an environment or a `powerenvs.TabularMDP` with S states, A actions and n possible transitions.
        reward: what is judged: "reward" or "performance" for a channel of the model; or an array (S,), paid in the
            state that one is in, (S, A), (S, A, S), or (n,). Terminal states pay nothing.
        true: what it is compared with, in the same ways.
        length: steps of a segment.
        start: where segments begin: "uniform", in any state that is not terminal, or "initial".
        policy: (S, A) action probabilities; uniformly random when None.
        segments: a sequence of `power_metrics.preferences.Segment`; then all pairs of different ones count, and
            ``length``, ``start`` and ``policy`` do not.
        num_pairs: to draw, where they are drawn.
        seed: of what is drawn.

    Raises:
        ValueError: for an argument that does not fit.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.safety import BoatRace
        >>> same = pm.preference_confusion(BoatRace(), "reward", "reward", length=3)
        >>> same.reversed, same.undecided, same.invented
        (0.0, 0.0, 0.0)
    """
    mdp, length = resolve_model(env_or_mdp), check_count("length", length)
    check_choice("start", start, STARTS)
    pairs, first = check_count("num_pairs", num_pairs, least=2), check_seed(seed)
    pair = TransitionReward(mdp, true, "true"), TransitionReward(mdp, reward, "reward")
    table = check_policy(uniform_policy(mdp) if policy is None else policy, mdp)
    if table.ndim != 2:
        raise ValueError(f"policy: expected one {mdp.available.shape}, found {table.shape}")
    given = None if segments is None else [*_walked(mdp, segments)]
    yield
    paid = np.stack([one.task().reward for one in pair])
    if given is not None:
        sums = np.array([paid[:, entries].sum(axis=1) for entries in given])
        longest = max(map(len, given))
        probability = _compared(sums, np.ones(len(given)), _tolerance(paid, longest), apart=True)
        count = len(given) * (len(given) - 1) // 2
        return _result(mdp, longest, "given", "enumeration", count, probability, exact=True)
    walk = Walk(mdp, table, mdp.initial if start == "initial" else ~mdp.terminal / (~mdp.terminal).sum(), length)
    known = _all_returns(walk, paid)
    if known is not None:
        probability = _compared(known.sums, known.probability, _tolerance(paid, length))
        return _result(mdp, length, start, "enumeration", 0, probability, exact=True)
    drawn = _drawn_returns(walk, paid, 2 * pairs, np.random.default_rng(first))
    signs = _signs(drawn[:pairs] - drawn[pairs:], _tolerance(paid, length))
    counts = np.zeros((3, 3))
    np.add.at(counts, (signs[:, 0], signs[:, 1]), 1.0 / pairs)
    return _result(mdp, length, start, "sampling", pairs, counts, exact=False)


class Walk(NamedTuple):
    """How segments come about."""

    mdp: TabularMDP
    policy: Floats
    start: Floats
    length: int


class Returns(NamedTuple):
    """All pairs of returns, (K, 2), with their probabilities (K,)."""

    sums: Floats
    probability: Floats


def _tolerance(paid: Floats, length: int) -> Floats:
    """(2,) differences of returns that are rounding."""
    found: Floats = EQUAL * length * np.abs(paid).max(axis=1)
    return found


def _all_returns(walk: Walk, paid: Floats) -> Returns | None:
    """Every pair of returns that a segment may have; None if they are too many."""
    mdp, tolerance = walk.mdp, _tolerance(paid, walk.length)
    state: Ints = np.flatnonzero(walk.start)
    weight, sums = walk.start[state], np.zeros((len(state), 2))
    odds = walk.policy.reshape(-1)[rows.entry_rows(mdp.indptr)] * mdp.probability
    A = mdp.num_actions
    first, count = mdp.indptr[:-1:A], mdp.indptr[A::A] - mdp.indptr[:-1:A]
    for _ in range(walk.length):
        ways = count[state]
        if ways.sum() > 8 * MOST_WAYS:
            return None
        source = np.repeat(np.arange(len(state)), ways)
        entry = first[state][source] + np.arange(len(source)) - np.repeat(np.cumsum(ways) - ways, ways)
        likely = odds[entry] > 0
        source, entry = source[likely], entry[likely]
        merged = _merged(mdp.successor[entry], sums[source] + paid[:, entry].T, weight[source] * odds[entry], tolerance)
        if merged is None:
            return None
        state, sums, weight = merged
    whole = _merged(np.zeros(len(state), dtype=np.int64), sums, weight, tolerance)
    return None if whole is None or len(whole[1]) > MOST_RETURNS else Returns(whole[1], whole[2])


def _merged(state: Any, sums: Floats, weight: Floats, tolerance: Floats) -> tuple[Ints, Floats, Floats] | None:
    """Segments with the same end and the same sums, as one."""
    steps = np.where(tolerance > 0, tolerance, 1.0)
    keys = np.column_stack([state, np.rint(sums / steps)]).astype(np.int64)
    order = np.lexsort(keys.T)
    ordered = keys[order]
    new = np.concatenate([[True], (ordered[1:] != ordered[:-1]).any(axis=1)])
    if new.sum() > MOST_WAYS:
        return None
    begin = np.flatnonzero(new)
    return keys[order[begin], 0], sums[order[begin]], np.add.reduceat(weight[order], begin)


def _signs(differences: Floats, tolerance: Floats) -> Ints:
    """0 where the first is larger, 1 where both are equal, 2 where the second is."""
    return np.where(np.abs(differences) <= tolerance, 1, np.where(differences > 0, 0, 2))


def _compared(sums: Floats, weight: Floats, tolerance: Floats, *, apart: bool = False) -> Floats:
    """(3, 3) the probabilities of pairs of segments by how both orders see them; of different ones if ``apart``."""
    counts, K = np.zeros(9), len(sums)
    for begin in range(0, K, max(1, 4_000_000 // K)):
        here = slice(begin, begin + max(1, 4_000_000 // K))
        signs = _signs(sums[here, None] - sums[None], tolerance)
        both = weight[here, None] * weight[None]
        if apart:
            both[np.arange(len(both)), begin + np.arange(len(both))] = 0.0
        counts += np.bincount((3 * signs[..., 0] + signs[..., 1]).reshape(-1), both.reshape(-1), minlength=9)
    return (counts / counts.sum()).reshape(3, 3)


def _drawn_returns(walk: Walk, paid: Floats, count: int, rng: np.random.Generator) -> Floats:
    """(count, 2) the returns of segments that are drawn."""
    mdp = walk.mdp
    actions = walk.policy.cumsum(axis=1)
    actions /= actions[:, -1:]
    # the row's number is added, so that one sorted array has all rows' probabilities one after the other
    ways = rows.entry_rows(mdp.indptr) + rows.cumulative(mdp.indptr, mdp.probability)
    state = rng.choice(mdp.num_states, size=count, p=walk.start)
    sums = np.zeros((count, 2))
    for _ in range(walk.length):
        action = (rng.random((count, 1)) >= actions[state]).sum(axis=1)
        row = state * mdp.num_actions + action
        entry = np.searchsorted(ways, row + rng.random(count), side="right")
        entry = np.clip(entry, mdp.indptr[row], mdp.indptr[row + 1] - 1)
        sums += paid[:, entry].T
        state = mdp.successor[entry].astype(np.int64)
    return sums


def _walked(mdp: TabularMDP, segments: Any) -> Iterator[Ints]:
    """The transitions of each segment, as numbers of entries of the table."""
    listed = as_list("segments", segments, "segments with states and actions")
    if len(listed) < 2:
        raise ValueError(f"segments: expected at least two, found {len(listed)}")
    for number, one in enumerate(listed):
        states, actions = getattr(one, "states", None), getattr(one, "actions", None)
        if states is None or actions is None or np.ndim(actions) != 1 or len(states) != len(actions) + 1:
            raise ValueError(f"segments: expected states (T + 1,) and actions (T,) in each, found others in {number}")
        entries = []
        for s, a, after in zip(np.asarray(states).tolist(), np.asarray(actions).tolist(), states[1:], strict=False):
            row = s * mdp.num_actions + a
            inside = 0 <= s < mdp.num_states and 0 <= a < mdp.num_actions
            here = range(int(mdp.indptr[row]), int(mdp.indptr[row + 1])) if inside else range(0)
            entry = next((e for e in here if mdp.successor[e] == after), None)
            if entry is None:
                raise ValueError(
                    f"segments: expected transitions of the model, found none from state {s} by action {a} to state "
                    f"{int(after)}, in segment {number}"
                )
            entries.append(entry)
        yield np.array(entries, dtype=np.int64)


def _result(
    mdp: TabularMDP, length: int, start: str, method: str, pairs: int, table: Floats, *, exact: bool
) -> PreferenceConfusion:
    ordered, tied = float(table[0].sum() + table[2].sum()), float(table[1].sum())
    wrong = float(table[0, 2] + table[2, 0]) / ordered if ordered else math.nan
    open_ = float(table[0, 1] + table[2, 1]) / ordered if ordered else math.nan
    made = float(table[1, 0] + table[1, 2]) / tied if tied else math.nan
    spread = 0.0 if exact else math.sqrt(wrong * (1 - wrong) / (ordered * pairs)) if ordered else math.nan
    return PreferenceConfusion(mdp, length, start, method, pairs, wrong, open_, made, spread, table)
