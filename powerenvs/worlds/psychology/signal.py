"""What a sensitivity d' allows: the accuracy of choices, as percepts of models."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr


def forced_choice(sensitivity: float, alternatives: int) -> float:
    """The accuracy of choosing the one of m alternatives that has the signal: ∫ φ(x - d') Φ(x)^(m-1) dx.

    By the trapezoidal rule, which for functions that fall off so fast is exact to rounding.
    """
    if alternatives == 2:
        return float(ndtr(sensitivity / np.sqrt(2)))
    x = np.linspace(-12.0, 12.0, 601)
    density = np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)
    return float((density * ndtr(x + sensitivity) ** (alternatives - 1)).sum() * (x[1] - x[0]))
