"""What the store gives out and takes: pairs to compare, answers, raters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.arguments.checks import check_count
from power_metrics.preferences.schema import LABELS, PREFERENCE
from power_metrics.preferences.segments import Segment


@dataclass(frozen=True)
class Pair:
    """Two segments to compare.

    Attributes:
        id: its number.
        left: number of the segment on the left; `Store.segment` has it.
        right: of that on the right.
        schedule: how it was chosen.
        shown: when it was shown to the rater, in seconds since 1970.
        until: until when it is kept for the rater.

    Example:
        >>> import power_metrics as pm
        >>> pm.preferences.Pair(1, left=1, right=2).left
        1
    """

    id: int
    left: int
    right: int
    schedule: str = ""
    shown: float | None = None
    until: float | None = None


@dataclass(frozen=True, eq=False)
class Comparisons:
    """N answers, in the order in which they were given, without those that were undone.

    Attributes:
        ids: (N,) their numbers.
        pairs: (N,) numbers of pairs.
        left: (N,) numbers of the segments on the left.
        right: (N,) of those on the right.
        labels: (N,) "left", "right", "tie" or "incomparable".
        raters: (N,) who.
        schedules: (N,) how the pairs were chosen.
        shown: (N,) when the pair was shown, in seconds since 1970; nan where nobody knows.
        responded: (N,) when it was answered.
        response_time: (N,) seconds that it took; nan where nobody knows.

    Example:
        >>> import power_metrics as pm
        >>> len(pm.preferences.Store("labels.db").comparisons())
        0
    """

    ids: NDArray[np.int64]
    pairs: NDArray[np.int64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    labels: tuple[str, ...]
    raters: tuple[str, ...]
    schedules: tuple[str, ...]
    shown: NDArray[np.float64]
    responded: NDArray[np.float64]
    response_time: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def preference(self) -> NDArray[np.float64]:
        """(N,) 1 for the left, 0 for the right segment, 0.5 for a tie, nan where a rater could not tell."""
        return np.array([PREFERENCE[label] for label in self.labels], dtype=np.float64)


def agreement_rows(rows: list[tuple[str, str, str, str, int]]) -> list[dict[str, Any]]:
    """What `Store.agreement` gives, from how often two raters chose what."""
    tables: dict[tuple[str, str], NDArray[np.int64]] = {}
    for first, second, one, other, count in rows:
        a, b = LABELS.index(one), LABELS.index(other)
        if first > second:
            first, second, a, b = second, first, b, a
        table = tables.setdefault((first, second), np.zeros((4, 4), dtype=np.int64))
        table[a, b] += count
    found = []
    for raters, table in sorted(tables.items()):
        total, same = int(table.sum()), int(np.trace(table))
        if raters[0] == raters[1]:
            table = table + table.T  # which of the two came first means nothing here
        chance = float(table.sum(axis=0) @ table.sum(axis=1)) / float(table.sum()) ** 2
        kappa = None if chance >= 1.0 else (same / total - chance) / (1.0 - chance)
        found.append({"raters": raters, "pairs": total, "same": same, "agreement": same / total, "kappa": kappa})
    return found


def check_segment(value: Any) -> Segment:
    """The segment, or a ValueError for anything else."""
    if not isinstance(value, Segment):
        raise ValueError(f"segments: expected segments, found {value!r:.80}")
    return value


def two_sides(pair: Any) -> tuple[Any, Any]:
    """Left and right of a pair, each a segment or the number of one, or a ValueError for anything else."""
    try:
        left, right = pair
    except (TypeError, ValueError):
        raise ValueError(f"pairs: expected two segments each, found {pair!r:.80}") from None
    return _side(left), _side(right)


def _side(value: Any) -> Segment | int:
    return value if isinstance(value, Segment) else check_count("pairs", value, 1)


def check_rater(rater: Any) -> str:
    """A rater's name without spaces around it, or a ValueError for what is none."""
    if not isinstance(rater, str) or not rater.strip() or len(rater) > 200:
        raise ValueError(f"rater: expected a name of 1 to 200 signs, found {rater!r:.80}")
    return rater.strip()
