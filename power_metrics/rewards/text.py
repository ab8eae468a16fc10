"""Distributions of a state's reward from text, such as ``beta(2, 5)``, and back."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

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

    known = {name.lower(): getattr(distributions, name) for name in DISTRIBUTIONS}
    found: RewardDistribution = parse_call(text, known, argument, "uniform(0, 1)", float)
    return found


def parse_call(
    text: Any, known: Mapping[str, Callable[..., Any]], argument: str, example: str, value: Callable[[str], Any]
) -> Any:
    """What one of the ``known`` functions makes of numbers, from text such as ``name(1, key=2)``; ``value`` reads one.

    Raises:
        ValueError: for an unknown name (with the closest), or parameters that the function refuses.
    """
    found = re.fullmatch(r"\s*(\w+)\s*(?:\((.*)\))?\s*", text) if isinstance(text, str) else None
    make = known.get(found[1].lower()) if found else None
    if found is None or make is None:
        advice = closest(found[1].lower() if found else str(text), known)
        raise ValueError(f"{argument}: expected one such as {example}, found {text!r}; {advice}")
    positional: list[Any] = []
    named: dict[str, Any] = {}
    try:
        for part in filter(None, (part.strip() for part in (found[2] or "").split(","))):
            key, equals, given = part.rpartition("=")
            if equals:
                named[key.strip()] = value(given)
            else:
                positional.append(value(given))
        return make(*positional, **named)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{argument}: {text!r} does not fit ({error})") from None
