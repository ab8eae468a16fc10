"""Signal detection theory: accuracies that a sensitivity d' allows."""

from __future__ import annotations

from scipy.special import ndtr

from power_metrics.arguments.checks import check_count
from powerenvs.model.checks import real
from powerenvs.worlds.psychology.signal import forced_choice


def choice_accuracy(sensitivity: float, alternatives: int = 2) -> float:
    """The accuracy of choosing the one of m alternatives that has the signal: ∫ φ(x - d') Φ(x)^(m-1) dx.

    Φ(d'/√2) for two (Green & Swets 1966).

    Args:
        sensitivity: d'.
        alternatives: m, at least 2.

    Raises:
        ValueError: for numbers out of range.

    Example:
        >>> import power_metrics as pm
        >>> round(pm.psych.choice_accuracy(1.0), 6), round(pm.psych.choice_accuracy(0.0, 8), 6)
        (0.76025, 0.125)
    """
    return forced_choice(_checked(sensitivity), check_count("alternatives", alternatives, 2))


def yes_no_accuracy(sensitivity: float) -> float:
    """The accuracy of saying whether there was a signal, when it is there half the time: Φ(d'/2).

    Args:
        sensitivity: d'.

    Raises:
        ValueError: for what is no number of at least 0.

    Example:
        >>> import power_metrics as pm
        >>> round(pm.psych.yes_no_accuracy(1.0), 6)
        0.691462
    """
    return float(ndtr(_checked(sensitivity) / 2))


def _checked(sensitivity: float) -> float:
    if not 0 <= real(sensitivity) < float("inf"):
        raise ValueError(f"sensitivity: expected a number of at least 0, found {sensitivity!r}")
    return float(sensitivity)
