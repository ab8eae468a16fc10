"""From a configuration to units of work, with every value checked."""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.arguments.checks import check_count, check_gamma
from power_metrics.measures.registry import find_measure
from power_metrics.rewards.distributions import PerState, RewardDistribution
from power_metrics.rewards.text import parse_distribution
from power_metrics.sweeps.config import DEFAULTS, SweepConfig
from powerenvs.model.game import TabularGame
from powerenvs.model.labels import closest
from powerenvs.model.mdp import TabularMDP
from powerenvs.sources.by_name import game_name, load_game, load_model


@dataclass(frozen=True)
class Unit:
    """Points that are worked out together: those of one agent that differ in the discount alone, else one point.

    Attributes:
        number: counts units from 0.
        points: the numbers of its points.
        gammas: their discounts.
        settings: all keys of its first point.
        model: the tables.
        seed_policy: (S, A_a) of the second agent; None with one agent.
    """

    number: int
    points: tuple[int, ...]
    gammas: tuple[float, ...]
    settings: Mapping[str, Any]
    model: TabularMDP | TabularGame
    seed_policy: NDArray[np.float64] | None = None

    @property
    def reward(self) -> RewardDistribution | PerState:
        """The distribution."""
        return _reward(self.model, self.settings["reward"])

    @property
    def identical(self) -> list[list[Hashable]] | None:
        """Sets of states that share one reward, by label."""
        return _identical(self.model, self.settings["states_with_identical_rewards"])

    @property
    def num_samples(self) -> int | None:
        """Reward functions; None where the method or a tolerance settles it."""
        value = self.settings["num_samples"]
        return None if value is None else check_count("num_samples", value)

    @property
    def drawn(self) -> dict[str, Any]:
        """The arguments that `power_metrics.power` and `power_metrics.multiagent_power` share."""
        return {
            "reward": self.reward,
            "seed": self.settings["seed"],
            "states_with_identical_rewards": self.identical,
            "allow_all_equal": self.settings["allow_all_equal"],
        }


def make_plan(config: SweepConfig) -> list[Unit]:
    """The units of a sweep, in the order of their first points, with every value of every point checked.

    Raises:
        ValueError: for the first value that does not fit, naming its key.
        OSError: if a file cannot be read.
    """
    groups: dict[str, list[int]] = {}
    points = config.points
    for number, settings in enumerate(points):
        apart = settings if config.kind == "two_agents" else {k: v for k, v in settings.items() if k != "gamma"}
        groups.setdefault(json.dumps(apart, sort_keys=True), []).append(number)
    models: dict[str, TabularMDP | TabularGame] = {}
    units = []
    for number, members in enumerate(groups.values()):
        units.append(_unit(config, number, tuple(members), [points[m] for m in members], models))
    return units


def _unit(
    config: SweepConfig,
    number: int,
    members: tuple[int, ...],
    settings: list[dict[str, Any]],
    models: dict[str, TabularMDP | TabularGame],
) -> Unit:
    first = settings[0]
    own = [*config.environment_keys, *(key for key in ("environment", "without_overlaps", "policy") if key in first)]
    key = json.dumps({name: first[name] for name in own}, sort_keys=True)
    if key not in models:
        models[key] = _model(config, first)
    model = models[key]
    for name in ("allow_all_equal", "without_overlaps"):
        if not isinstance(first.get(name, True), bool):
            raise ValueError(f"{name}: expected true or false, found {first[name]!r}")
    unit = Unit(
        number=number,
        points=members,
        gammas=tuple(check_gamma(one["gamma"], closed=config.kind != "two_agents") for one in settings),
        settings=first,
        model=model,
        seed_policy=_policy(model, "seed_policy", first["seed_policy"]) if isinstance(model, TabularGame) else None,
    )
    check_count("seed", first["seed"], least=0)
    kept = check_count("keep_samples", first["keep_samples"], least=0)
    if isinstance(model, TabularMDP):
        _check_one(unit, model)
        if kept and (first["method"] != "monte_carlo" or first["tolerance"] is not None):
            raise ValueError(
                f"keep_samples: expected 0 unless the method is monte_carlo, without a tolerance, found {kept}"
            )
    else:
        _check_two(unit, model)
    if kept > (unit.num_samples or kept):
        raise ValueError(f"keep_samples: expected at most num_samples={unit.num_samples}, found {kept}")
    return unit


def _model(config: SweepConfig, settings: Mapping[str, Any]) -> TabularMDP | TabularGame:
    name = settings["environment"]
    kwargs = {key: settings[key] for key in config.environment_keys}
    level = kwargs.get("level")
    if isinstance(level, str) and level.endswith(".txt") and "\n" not in level:
        kwargs["level"] = Path(level).read_text(encoding="utf-8")
    game = game_name(name)
    if (game is None) != (config.kind == "single_agent"):
        raise ValueError(
            f"kind: expected {'two agents' if game is None else 'one agent'} in {name!r} for {config.kind}"
        )
    if game is None:
        return load_model(name, kwargs).mdp
    tables = load_game(game, kwargs).game
    if tables.num_agents != 2:
        raise ValueError(f"environment: expected a game of two agents, found {tables!r}")
    if settings["without_overlaps"] is True:
        tables = tables.without_overlaps()
    if config.kind == "two_agents":
        return tables
    return tables.against({tables.agents[1]: _policy(tables, "policy", settings["policy"])})


def _policy(game: TabularGame, key: str, value: Any) -> NDArray[np.float64]:
    """The second agent's policy: "uniform" or that of a file."""
    from powerenvs.model.policy import Policy

    agent = game.agents[1]
    if value == DEFAULTS["two_agents"]["seed_policy"]:
        return game.uniform_policy(agent)
    if not isinstance(value, str) or not value.endswith((".npz", ".gv")):
        raise ValueError(f"{key}: expected uniform, or an .npz or .gv file with a policy, found {value!r}")
    try:
        return Policy.load(value, game, agent).table
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from None


def _state(model: TabularMDP | TabularGame, key: str, text: Any) -> Hashable:
    """The state label that prints as this text."""
    return model.state_labels[model.lookup.index(text, key)]


def _reward(model: TabularMDP | TabularGame, value: Any) -> RewardDistribution | PerState:
    if isinstance(value, str):
        return parse_distribution(value)
    if not isinstance(value, Mapping):
        raise ValueError(f"reward: expected a distribution such as uniform(0, 1), or a mapping, found {value!r}")
    unknown = next((key for key in value if key not in ("default", "states")), None)
    if unknown is not None:
        raise ValueError(f"reward: unknown key {unknown!r}; {closest(unknown, ('default', 'states'))}")
    states, default = value.get("states", {}), value.get("default", DEFAULTS["single_agent"]["reward"])
    if not isinstance(states, Mapping):
        raise ValueError(f"reward: expected a mapping of states to distributions, found {states!r}")
    for text in (default, *states.values()):
        if not isinstance(text, str):
            raise ValueError(f"reward: expected a distribution such as uniform(0, 1) for each state, found {text!r}")
    named = {_state(model, "reward", state): parse_distribution(text) for state, text in states.items()}
    return PerState(named, parse_distribution(default))


def _identical(model: TabularMDP | TabularGame, value: Any) -> list[list[Hashable]] | None:
    key = "states_with_identical_rewards"
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(group, list) for group in value):
        raise ValueError(f"{key}: expected lists of states in a list, in one more list, found {value!r}")
    return [[_state(model, key, text) for text in group] for group in value]


def _check_one(unit: Unit, mdp: TabularMDP) -> None:
    """The checks of `power_metrics.power`, before anything is worked out."""
    settings = {name: unit.settings[name] for name in ("method", "tolerance")}
    find_measure("power").check(mdp, list(unit.gammas), num_samples=unit.num_samples, **settings, **unit.drawn)


def _check_two(unit: Unit, game: TabularGame) -> None:
    """The checks of `power_metrics.multiagent_power`, before anything is worked out."""
    settings = {name: unit.settings[name] for name in ("num_samples", "gamma_a", "correlation", "rounds")}
    check_count("num_samples", settings["num_samples"])
    find_measure("multiagent_power").check(game, unit.gammas[0], seed_policy=unit.seed_policy, **settings, **unit.drawn)
