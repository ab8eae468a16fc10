"""What a page wants to be measured, checked: a source, a measure, its settings; and the Python that does the same."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.agents.text import LEARNERS
from power_metrics.agents_and_devices.trajectories import WALKS
from power_metrics.app import bounds
from power_metrics.app.sources import Source, source_of
from power_metrics.measures.registry import Measure, find_measure
from power_metrics.rewards.text import DISTRIBUTIONS
from powerenvs.model.game import TabularGame
from powerenvs.model.mdp import TabularMDP

KEYS = ("source", "measure", "settings", "keep")
COUNTS = ("num_learners", "num_episodes", "num_runs", "steps", "plan_steps", "rollout_steps", "rounds")
"""Settings that decide how long work takes: they are bounded."""
MAX_COUNT = 10_000_000
KEPT = 2_000_000
"""POWER of so many states and pairs of reward functions is kept."""


@dataclass(frozen=True)
class Request:
    """A measurement.

    Attributes:
        source: what is measured.
        measure: which measure.
        settings: {argument: plain value}.
        keep: whether each cell keeps its rewards over edits: they come from the seed and the cell alone.
        arguments: of the measure's function.
    """

    source: Source
    measure: Measure
    settings: Mapping[str, Any]
    keep: bool
    arguments: Mapping[str, Any]

    def check(self) -> None:
        """Does the checks of the measure, and no work."""
        self.measure.check(**{self.measure.subject: self.source.subject}, **self.arguments)

    def result(self, progress: bool = False) -> Any:
        """What the measure gives."""
        shown: dict[str, Any] = {"progress": progress} if "progress" in self.measure.parameters else {}
        count = self.arguments.get("num_samples")
        keeps = self.measure.game and "keep_samples" in self.measure.parameters and isinstance(count, int)
        if keeps and count * self.source.model.num_states <= KEPT:  # type: ignore[operator]  # it is one
            shown["keep_samples"] = True  # for the errors of means over states
        return self.measure.call(**{self.measure.subject: self.source.subject}, **{**self.arguments, **shown})

    @property
    def gamma(self) -> float | None:
        """The discount, where the measure has one."""
        parameter = self.measure.parameters.get("gamma")
        value = None if parameter is None else self.settings.get("gamma", parameter.default)
        return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def request_of(given: Any) -> Request:
    """The request of a page.

    Raises:
        ValueError: for a source, a measure or a setting that is none.
    """
    given = bounds.mapping("request", given)
    bounds.known_keys("request", given, KEYS)
    measure = find_measure(bounds.text("measure", given.get("measure")))
    settings = bounds.plain("settings", bounds.mapping("settings", given.get("settings", {})))
    for name, value in settings.items():
        _check_setting(measure, name, value)
    source = source_of(given.get("source"))
    is_game = isinstance(source.model, TabularGame)
    if measure.game != is_game:
        has, wants = ("two agents", "one agent") if is_game else ("one agent", "two agents")
        raise ValueError(f"measure: {measure.name} is of {wants}, and this world has {has}; choose another measure")
    if measure.together and isinstance(settings.get(measure.together), list):
        raise ValueError(f"{measure.together}: expected one number for a map, found {settings[measure.together]}")
    settings = {name: value for name, value in settings.items() if value is not None}
    if measure.together and measure.together not in settings:
        default = measure.parameters[measure.together].default
        if isinstance(default, (list, tuple)):
            settings[measure.together] = default[0]
    for parameter in measure.settings.values():
        if parameter.default is parameter.empty and parameter.name not in settings:
            raise ValueError(f"{parameter.name}: expected a value, which {measure.name} needs, found none")
    keep = bounds.flag("keep", given.get("keep", False))
    arguments = measure.arguments(settings, source.model)
    if keep:
        arguments = _kept(measure, source, settings, arguments)
    return Request(source, measure, settings, keep, arguments)


def _check_setting(measure: Measure, name: str, value: Any) -> None:
    """Refuses settings that are not the page's to choose, names of files among them, and counts beyond bounds."""
    if name not in measure.settings or name == "seed_policy":
        measure.arguments({name: value}, None) if name not in measure.parameters else None
        raise ValueError(f"{name}: expected a setting of {measure.name}, found one that a page cannot give")
    if name in COUNTS and isinstance(value, (int, float)) and value > MAX_COUNT:
        raise ValueError(f"{name}: expected at most {MAX_COUNT:,}, found {bounds.shown(value)}")
    if name == "num_samples" and isinstance(value, (int, float)) and value > bounds.MAX_SAMPLES:
        raise ValueError(f"{name}: expected at most {bounds.MAX_SAMPLES:,} on a page, found {bounds.shown(value)}")
    if (measure.name, name) == ("agency", "trajectory"):
        bounds.one_of(name, value, WALKS)
    if name == "max_gib" and isinstance(value, (int, float)) and value > 4:
        raise ValueError(f"{name}: expected at most 4 on a page, found {bounds.shown(value)}")


def _kept(measure: Measure, source: Source, settings: Mapping[str, Any], arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments with reward functions that belong to cells instead of a distribution.

    Raises:
        ValueError: where rewards are not uniform, or states have no cells.
    """
    if measure.name not in ("power", "multiagent_power"):
        raise ValueError(f"keep: expected power or multiagent_power, found {measure.name}")
    for name in settings:
        if name not in ("gamma", "gamma_a", "num_samples", "seed", "correlation", "rounds", "keep_samples"):
            raise ValueError(f"keep: expected rewards that are uniform on [0, 1] and drawn at random, found {name}")
    count = int(settings.get("num_samples", 2000))
    seed = int(settings.get("seed", 0))
    model = source.model
    rest = {name: arguments[name] for name in arguments if name not in ("num_samples", "seed", "correlation")}
    rest.pop("keep_samples", None)  # reward functions that are given keep them in any case
    if isinstance(model, TabularGame):
        return rest | {"rewards": cell_reward_pairs(model, count, seed, float(settings.get("correlation", 0.0)))}
    return rest | {"rewards": cell_rewards(model, count, seed)}


def cell_rewards(mdp: TabularMDP, num_samples: int, seed: int = 0) -> NDArray[np.float64]:
    """Reward functions, uniform on [0, 1], of which each state's come from the seed and its cell alone.

    They are the same after every edit, even one that adds or removes states, so that an edit changes the dynamics and
    not the draws.

    Args:
        mdp: a model whose states are cells, each with one of its own.
        num_samples: how many.
        seed: of the draws.

    Returns:
        (num_samples, S).

    Raises:
        ValueError: for a model without cells.
    """
    if mdp.cells is None or len({tuple(cell) for cell in mdp.cells.tolist()}) != mdp.num_states:
        raise ValueError("keep: expected a model whose states are cells, found another")
    bounds.whole("num_samples", num_samples, 1, bounds.MAX_SAMPLES)
    return np.stack([_drawn(seed, cell, 1, num_samples)[0] for cell in mdp.cells.tolist()], axis=1)


def cell_reward_pairs(
    game: TabularGame, num_samples: int, seed: int = 0, correlation: float = 0.0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """`cell_rewards` of two agents: pairs of reward functions with a correlation, by the cells of both.

    Args:
        game: whose states are pairs of cells.
        num_samples: how many pairs.
        seed: of the draws.
        correlation: of the two rewards of a state, in [-1, 1].

    Returns:
        Those of the first and of the second agent, each (num_samples, S).

    Raises:
        ValueError: for a game without cells, and a correlation that is none.
    """
    if game.cells is None:
        raise ValueError("keep: expected a game whose states are cells, found another")
    if not -1 <= correlation <= 1:
        raise ValueError(f"correlation: expected a number from -1 to 1, found {correlation}")
    bounds.whole("num_samples", num_samples, 1, bounds.MAX_SAMPLES)
    places = game.cells.reshape(game.num_states, -1).tolist()
    own, fresh, coin = np.stack([_drawn(seed, place, 3, num_samples) for place in places], axis=2)
    taken = own if correlation >= 0 else 1 - own
    return own, np.where(coin < abs(correlation), taken, fresh)


def _drawn(seed: int, place: list[int], count: int, num_samples: int) -> NDArray[np.float64]:
    return np.random.default_rng([seed, *place]).random((count, num_samples))


def python_lines(given: Any) -> str:
    """Python that gives the numbers of a page's request.

    Raises:
        ValueError: as `request_of`.
    """
    request = request_of(given)
    name, model = request.measure.name, "env"
    lines = [*request.source.lines]
    simple: list[str] = []
    if request.keep:
        pair = request.measure.game
        made = "cell_reward_pairs" if pair else "cell_rewards"
        words = [f"num_samples={int(request.settings.get('num_samples', 2000))}"]
        words += [f"seed={int(request.settings.get('seed', 0))}"]
        words += [f"correlation={request.settings.get('correlation', 0.0)!r}"] if pair else []
        lines = [f"from power_metrics.app.requests import {made}", *lines]
        simple.append(f"rewards={made}({model}, {', '.join(words)})")
    for setting, value in request.settings.items():
        if request.keep and setting in ("num_samples", "seed", "correlation", "keep_samples"):
            continue
        parameter = request.measure.parameters[setting]
        if parameter.kind.metavar in ("D", "AGENT") and isinstance(value, str):
            simple.append(f"{setting}={_public(repr(request.arguments[setting]))}")
        elif parameter.kind.metavar in ("D", "SETS"):
            simple.append(f"{setting}=find_measure({name!r}).arguments({{{setting!r}: {value!r}}}, model)[{setting!r}]")
        else:
            simple.append(f"{setting}={value!r}")
    if any("find_measure" in word for word in simple):
        lines = ["from power_metrics.measures.registry import find_measure", *lines]
        lines.append("model = powerenvs.tabular_model(env)")
        if "import powerenvs" not in lines:
            lines = ["import powerenvs", *lines]
    first = next(iter(inspect.signature(request.measure.call).parameters))
    given = model if first == request.measure.subject else f"{request.measure.subject}={model}"
    call = f"result = pm.{name}({', '.join([given, *simple])})"
    if len(call) > 110:
        call = "\n".join([f"result = pm.{name}(", f"    {given},", *(f"    {word}," for word in simple), ")"])
    return "\n".join(["import power_metrics as pm", *lines, call, "print(result.to_frame().to_string())", ""])


def _public(text: str) -> str:
    """A repr in which classes are those of ``pm``."""
    names = "|".join([*DISTRIBUTIONS, *(kind.__name__ for kind in LEARNERS.values())])
    return re.sub(rf"\b({names})\(", r"pm.\1(", text)
