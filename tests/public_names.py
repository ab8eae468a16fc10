"""What is public: every function, class and module that a user imports by name."""

from __future__ import annotations

import inspect
from types import ModuleType

import power_metrics as pm
import powerenvs
from power_metrics import plots
from powerenvs import multi, rollout, sources, testing
from powerenvs.render import first_person

NAMES: dict[ModuleType, list[str]] = {
    powerenvs: powerenvs.__all__,
    multi: multi.__all__,
    sources: ["load", "register_format", "register_source", "save"],
    rollout: ["Rollout", "next_states", "rollout"],
    first_person: first_person.__all__,
    testing: ["check_env_against_tables", "check_tabular"],
    pm: pm.__all__,
    pm.games: pm.games.__all__,
    pm.psych: pm.psych.__all__,
    pm.preferences: pm.preferences.__all__,
    plots: plots.__all__,
}


def public() -> dict[str, object]:
    """Each public thing by its full name; constants are left out."""
    found = {f"{module.__name__}.{name}": getattr(module, name) for module, names in NAMES.items() for name in names}
    return {name: thing for name, thing in found.items() if callable(thing) or inspect.ismodule(thing)}
