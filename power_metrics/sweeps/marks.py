"""What every stored point was made with, beside what the configuration in its folder says."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from power_metrics.measures.registry import find_measure
from power_metrics.results.base import Result
from power_metrics.sweeps.config import SweepConfig
from power_metrics.sweeps.keys import leaves_number_open

LONGEST = 64
"""Longer values, such as levels and the distributions of many states, are marked by a digest."""

_TOLD = ("gamma", "correlation", "reward", "num_samples", "seed", "method")
"""What results tell of their settings: all there is to go by in files of releases up to 0.2.0, which have no marks."""


def marks(config: SweepConfig, settings: Mapping[str, Any]) -> dict[str, str]:
    """{key: its value as a short text} of a point: those of equal settings are equal."""
    return {key: _mark(value) for key, value in {"kind": config.kind, "measure": config.measure, **settings}.items()}


def _mark(value: Any) -> str:
    text = json.dumps(value, sort_keys=True)
    return text if len(text) <= LONGEST else f"sha256 {hashlib.sha256(text.encode()).hexdigest()}"


def check_marks(
    config: SweepConfig, number: int, settings: Mapping[str, Any], stored: Mapping[str, str], result: Result
) -> None:
    """Refuses a point that was made with other settings than the configuration says.

    Args:
        config: of the sweep.
        number: of the point.
        settings: of the point, as the configuration has them.
        stored: its `marks`, as its file has them; none in files of old releases.
        result: what was measured.

    Raises:
        ValueError: naming the key.
    """
    wanted = marks(config, settings)
    made = stored or _told(config, settings, result)
    # What a later release added to the measure stands in no file, and has its default unless the configuration says so.
    keys = (key for key in wanted if key in made or (stored and key in config.given))
    for key in (*keys, *(key for key in made if key not in wanted)):
        if made.get(key) != wanted.get(key):
            raise ValueError(
                f"{key}: it says {wanted.get(key, 'nothing')}, but point {number} was made with "
                f"{made.get(key, 'nothing')}: the configuration has been changed since; change it back, run the new "
                "settings into another folder, or fresh=True (--fresh) to delete the results and start anew"
            )


def _told(config: SweepConfig, settings: Mapping[str, Any], result: Result) -> dict[str, str]:
    """The marks of what a result says of its settings itself."""
    estimates = list(getattr(result, "estimates", {}).values())
    facts = {**(estimates[0].facts() if estimates else {}), **result.facts()}
    is_open = leaves_number_open(settings.get("method"), settings.get("tolerance"))
    made = {}
    for key in filter(facts.__contains__, _TOLD):
        plain, was = settings.get(key), facts[key]
        if plain is None or was is None or (is_open and key in ("num_samples", "method")):
            continue
        value = find_measure(config.measure).parameters[key].value(plain, getattr(result, "model", None))
        agrees = str(was).startswith(str(value)) if key == "method" else was in (value, repr(value))
        made[key] = _mark(plain if agrees else was)
    return made
