"""From a configuration to units of work, with every value checked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from power_metrics.arguments.checks import check_count
from power_metrics.arguments.parameters import policy_of
from power_metrics.measures.registry import Measure, find_measure
from power_metrics.sweeps.config import SweepConfig
from power_metrics.sweeps.keys import KEPT, is_left_to_measure, keeps_samples, leaves_number_open
from power_metrics.sweeps.marks import marks
from powerenvs.model.files import read_text
from powerenvs.model.game import TabularGame
from powerenvs.model.mdp import TabularMDP
from powerenvs.sources.by_name import game_name, load_game, load_model

Model = TabularMDP | TabularGame


@dataclass(frozen=True)
class Unit:
    """Points that are worked out together: those that differ in what the measure takes several values of, else one.

    Attributes:
        number: counts units from 0.
        points: the numbers of its points.
        marks: of each of them, what its settings are; see `power_metrics.sweeps.marks`.
        measure: what is measured.
        model: the tables.
        arguments: of the measure, checked; of its parameter ``together`` a list with a value for each point.
        kept: how many reward functions each point keeps.
    """

    number: int
    points: tuple[int, ...]
    marks: tuple[Mapping[str, str], ...]
    measure: Measure
    model: Model
    arguments: Mapping[str, Any]
    kept: int = 0

    @property
    def num_samples(self) -> int | None:
        """Reward functions; None where the measure, its method or a tolerance settles it."""
        count = self.arguments.get("num_samples")
        return None if count is None else check_count("num_samples", count)

    @property
    def is_open(self) -> bool:
        """Whether the method or a tolerance settles the number of reward functions."""
        return leaves_number_open(self.arguments.get("method"), self.arguments.get("tolerance"))


def make_plan(config: SweepConfig) -> list[Unit]:
    """The units of a sweep, in the order of their first points, with every value of every point checked.

    Raises:
        ValueError: for the first value that does not fit, naming its key.
        OSError: if a file cannot be read.
    """
    measure, points = find_measure(config.measure), config.points
    together = measure.together if measure.together in config.measure_keys else None
    groups: dict[str, list[int]] = {}
    for number, settings in enumerate(points):
        apart = {key: value for key, value in settings.items() if key != together}
        groups.setdefault(json.dumps(apart, sort_keys=True), []).append(number)
    models: dict[str, Model] = {}
    units = []
    for number, members in enumerate(groups.values()):
        settings = points[members[0]]
        own = (*config.environment_keys, "environment", "without_overlaps", "policy")
        key = json.dumps({name: settings.get(name) for name in own}, sort_keys=True)
        if key not in models:
            models[key] = _model(config, settings)
        model, arguments, kept = models[key], {}, 0
        for name, one in measure.parameters.items():
            if name == KEPT and keeps_samples(measure):
                kept = check_count(KEPT, settings[KEPT], least=0)
            elif name == together:
                arguments[name] = [one.value(points[member][name], model) for member in members]
            elif name in config.measure_keys and not is_left_to_measure(one, settings[name]):
                arguments[name] = one.value(settings[name], model)
        marked = tuple(marks(config, points[member]) for member in members)
        units.append(_checked(Unit(number, tuple(members), marked, measure, model, arguments, kept)))
    return units


def _checked(unit: Unit) -> Unit:
    """The unit, if its values fit."""
    given, kept = unit.arguments, unit.kept
    if "seed" in given:
        check_count("seed", given["seed"], least=0)  # a fresh one could not be told to the run that goes on
    unit.measure.check(**{unit.measure.subject: unit.model}, **given)
    if kept and (given.get("method", "monte_carlo") != "monte_carlo" or given.get("tolerance") is not None):
        raise ValueError(f"{KEPT}: expected 0 unless the method is monte_carlo, without a tolerance, found {kept}")
    if kept > (unit.num_samples or kept):
        raise ValueError(f"{KEPT}: expected at most num_samples={unit.num_samples}, found {kept}")
    return unit


def _model(config: SweepConfig, settings: Mapping[str, Any]) -> Model:
    name = settings["environment"]
    kwargs = {key: settings[key] for key in config.environment_keys}
    level = kwargs.get("level")
    if isinstance(level, str) and level.endswith(".txt") and "\n" not in level:
        kwargs["level"] = read_text(level)
    game = game_name(name)
    if (game is None) != (config.kind == "single_agent"):
        raise ValueError(
            f"kind: expected {'two agents' if game is None else 'one agent'} in {name!r} for {config.kind}"
        )
    if game is None:
        return load_model(name, kwargs).mdp
    tables, overlaps = load_game(game, kwargs).game, settings["without_overlaps"]
    if tables.num_agents != 2:
        raise ValueError(f"environment: expected a game of two agents, found {tables!r}")
    if not isinstance(overlaps, bool):
        raise ValueError(f"without_overlaps: expected true or false, found {overlaps!r}")
    if overlaps:
        tables = tables.without_overlaps()
    if config.kind == "two_agents":
        return tables
    return tables.against({tables.agents[1]: policy_of("policy", settings["policy"], tables)})
