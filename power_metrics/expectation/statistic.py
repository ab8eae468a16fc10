"""What is averaged over reward functions, and how: a statistic, and the reductions of what it gives.

A statistic is a picklable object that leaves the model to those who run it. It maps a block of reward functions to
named arrays with one row for each of them; a reduction says what becomes of the rows of a name. Reductions have two
halves: ``partial`` makes little of a block where it is solved, perhaps on another machine, and a `Total` adds the
partials up, in the order of the blocks.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from power_metrics.expectation.controls import Controlled
from power_metrics.expectation.draws import Antithetic, Draws, MonteCarlo, Sobol
from power_metrics.expectation.moments import Moments
from power_metrics.rewards.tails import Tails

Rows = NDArray[Any]

CONTROL_ROUNDING = 1e-14
"""Of the expectations of control variates, as a share of the largest mean: integrals of products of S factors."""


class Block(NamedTuple):
    """Some reward functions of a run.

    Attributes:
        draws: the run.
        number: of the block.
        rewards: (n, S) its reward functions; of two agents (n, 2, S) the pairs.
    """

    draws: Draws
    number: int
    rewards: NDArray[np.float64]

    @property
    def start(self) -> int:
        """The number of its first reward function in the run."""
        return self.number * self.draws.rows


class Total(Protocol):
    """What the blocks of a run add up to."""

    def add(self, partial: Any, start: int) -> None:
        """Takes in the partial of the next block, whose first reward function is number ``start``."""


class Reduction(Protocol):
    """What becomes of the rows of one name."""

    def partial(self, rows: Rows, block: Block) -> Any:
        """Of one block: small, and picklable. ``rows`` may be overwritten afterwards."""

    def total(self, draws: Draws) -> Any:
        """A `Total` for the blocks of a run."""


class Statistic(ABC):
    """What is averaged. Frozen and picklable, with all its settings."""

    unit: str = "rewards"
    """What one of the things that are drawn is called in progress bars."""

    @abstractmethod
    def reductions(self, trial: bool) -> Mapping[str, Reduction]:
        """How the rows of each name are reduced; of a ``trial`` only the spread of means is looked at."""

    @abstractmethod
    def __call__(self, model: Any, block: Block) -> Iterable[tuple[str, Rows]]:
        """Named rows (n, ...) for the reward functions of a block; each is reduced before the next is asked for."""

    def shared(self, model: Any) -> Any:
        """What all blocks share, worked out anew; `prepared` keeps it."""
        return None

    def prepared(self, model: Any) -> Any:
        """What `shared` gives, once for each model."""
        kept: dict[str, Any] = vars(self).setdefault("_kept", {})
        if model.fingerprint not in kept:
            kept[model.fingerprint] = self.shared(model)
        return kept[model.fingerprint]

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_kept"}  # workers work out their own

    def blocks_at_a_time(self, model: Any, draws: Draws) -> int:
        """How many blocks are best solved together."""
        return 1

    def partials(
        self, model: Any, draws: Draws, blocks: range, reductions: Mapping[str, Reduction]
    ) -> list[dict[str, Any]]:
        """For each block the partial of each name: what becomes of it does not depend on the other blocks."""
        drawn = [Block(draws, number, draws.block(number)) for number in blocks]
        return [
            {name: reductions[name].partial(rows, block) for name, rows in named if name in reductions}
            for block, named in zip(drawn, self.together(model, drawn), strict=True)
        ]

    def together(self, model: Any, blocks: list[Block]) -> Iterator[Iterable[tuple[str, Rows]]]:
        """What each of several blocks gives."""
        for block in blocks:
            yield self(model, block)


@dataclass(frozen=True)
class Mean:
    """The mean over reward functions of rows (n, k), with its standard error.

    Attributes:
        keep: whether the rows are kept as well.
        controls: control variates that are subtracted before averaging; not from what is kept.
        tails: what is known of the rows before any are drawn; None for nothing.
    """

    keep: bool = False
    controls: Controlled | None = None
    tails: Tails | None = None

    def partial(self, rows: Rows, block: Block) -> tuple[Moments, Rows | None]:
        """See `Reduction`."""
        values = rows if self.controls is None else self.controls.adjusted(block.rewards, rows)
        return block.draws.moments(values, block.number), rows if self.keep else None

    def total(self, draws: Draws) -> Average:
        """See `Reduction`."""
        return Average(draws, self.controls, self.tails)


class Average:
    """A mean over the reward functions of a run.

    Attributes:
        samples: (count, k) the rows, where they are kept.
    """

    def __init__(self, draws: Draws, controls: Controlled | None = None, tails: Tails | None = None) -> None:
        """Of no blocks yet."""
        self._draws, self._controls, self._tails = draws, controls, tails
        self._total: Any = None
        self.samples: NDArray[np.float64] | None = None

    def add(self, partial: tuple[Moments, Rows | None], start: int) -> None:
        """See `Total`."""
        moments, rows = partial
        if self._total is None:
            self._total = self._draws.total(len(moments.mean))
        self._total.add(moments)
        if rows is not None:
            if self.samples is None:
                self.samples = np.empty((self._draws.count, rows.shape[1]))
            self.samples[start : start + len(rows)] = rows

    @property
    def mean(self) -> NDArray[np.float64]:
        """(k,)."""
        return self._total.mean

    @property
    def standard_error(self) -> NDArray[np.float64]:
        """(k,) of the mean, of which three things are made up.

        The spread of the draws; widened where it comes from few of them; and what the draws cannot tell (see
        `power_metrics.rewards.tails`). Control variates can leave no spread at all, but their expectations have errors.
        """
        spread: NDArray[np.float64] = self._total.standard_error
        if np.isnan(spread).all():  # of a single draw
            return spread
        heavy = self._tails is not None and self._tails.index < math.inf
        found: NDArray[np.float64] = spread * self._total.widening(heavy)
        if self._tails is not None and isinstance(self._draws, MonteCarlo | Antithetic | Sobol):
            scale = None if self._controls is None else 1.0 + np.abs(self._controls.multiples).sum(axis=1)
            found = self._tails.error(found, self.mean, self._draws.count, scale)
        if self._controls is not None:
            rounding = CONTROL_ROUNDING * np.abs(self.mean).max()
            found = np.hypot(found, np.maximum(rounding, self._controls.error))
        return found


@dataclass(frozen=True)
class Largest:
    """The largest row, number by number."""

    def partial(self, rows: Rows, block: Block) -> Rows:
        """See `Reduction`."""
        return rows.max(axis=0)

    def total(self, draws: Draws) -> Folded:
        """See `Reduction`."""
        return Folded(np.maximum)


@dataclass(frozen=True)
class Sum:
    """The sum of the rows."""

    def partial(self, rows: Rows, block: Block) -> Rows:
        """See `Reduction`."""
        return rows.sum(axis=0)

    def total(self, draws: Draws) -> Folded:
        """See `Reduction`."""
        return Folded(np.add)


class Folded:
    """What a ufunc makes of the partials of all blocks.

    Attributes:
        value: of the blocks so far; None before the first.
    """

    def __init__(self, ufunc: np.ufunc) -> None:
        """Of no blocks yet."""
        self._ufunc = ufunc
        self.value: Any = None

    def add(self, partial: Rows, start: int) -> None:
        """See `Total`."""
        self.value = partial if self.value is None else self._ufunc(self.value, partial)
