"""Running means and variances, combined block by block."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Moments:
    """Running mean and variance over rows, combined block by block (Chan, Golub & LeVeque 1983)."""

    def __init__(self, width: int) -> None:
        """Starts with no rows of ``width`` numbers."""
        self.count = 0
        self.mean = np.zeros(width)
        self._squares = np.zeros(width)

    @classmethod
    def of(cls, rows: NDArray[np.float64]) -> Moments:
        """The moments of the rows of (n, width)."""
        moments = cls(rows.shape[1])
        moments.count = len(rows)
        moments.mean = rows.mean(axis=0)
        centred = rows - moments.mean
        moments._squares = np.einsum("ij,ij->j", centred, centred)
        return moments

    def add(self, other: Moments) -> None:
        """Takes in the rows of another."""
        count = self.count + other.count
        difference = other.mean - self.mean
        self.mean = self.mean + difference * (other.count / count)
        self._squares += other._squares + difference * difference * (self.count * other.count / count)
        self.count = count

    @property
    def variance(self) -> NDArray[np.float64]:
        """The sample variance (divided by n - 1); nan for a single row."""
        return self._squares / (self.count - 1) if self.count > 1 else np.full(len(self.mean), np.nan)

    @property
    def standard_error(self) -> NDArray[np.float64]:
        """Of the mean; nan for a single row."""
        return np.sqrt(self.variance / self.count)
