"""Distributions of a state's reward from text, such as ``beta(2, 5)``, and back."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from powerenvs.model.labels import closest

if TYPE_CHECKING:
    from power_metrics.rewards.distributions import RewardDistribution

DISTRIBUTIONS = ("Uniform", "Beta", "Bernoulli", "Pareto", "Normal")


def parse_distribution(text: str, argument: str = "reward") -> RewardDistribution:
    """A distribution from text such as ``beta(2, 5)`` or ``normal(std=2)``.

    Args:
        text: a name and its parameters in brackets, by position or by name.
        argument: what an error calls the text.

    Raises:
        ValueError: for an unknown name (with the closest), or parameters that the distribution refuses.
    """
    from power_metrics.rewards import distributions

    found = re.fullmatch(r"\s*(\w+)\s*(?:\((.*)\))?\s*", text)
    name = {known.lower(): known for known in DISTRIBUTIONS}.get(found[1].lower()) if found else None
    if found is None or name is None:
        known = closest(found[1].lower() if found else text, [d.lower() for d in DISTRIBUTIONS])
        raise ValueError(f"{argument}: expected one such as uniform(0, 1), found {text!r}; {known}")
    positional: list[float] = []
    named: dict[str, float] = {}
    try:
        for part in filter(None, (part.strip() for part in (found[2] or "").split(","))):
            key, equals, value = part.rpartition("=")
            if equals:
                named[key.strip()] = float(value)
            else:
                positional.append(float(value))
        distribution: RewardDistribution = getattr(distributions, name)(*positional, **named)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{argument}: {text!r} does not fit ({error})") from None
    return distribution
