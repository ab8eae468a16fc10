"""What the keys of a sweep mean: of the environment, of the measure, or of every sweep."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from inspect import Parameter as Signature
from pathlib import Path
from typing import Any

from power_metrics.arguments.parameters import KINDS as VALUES, Parameter
from power_metrics.expectation.sampling import DEFAULT_SAMPLES
from power_metrics.measures.registry import Measure, find_measure
from power_metrics.rewards.distributions import DEFAULT
from powerenvs.model.labels import closest
from powerenvs.sources.by_name import argument_names, game_name
from powerenvs.sources.model_files import suffixes

KINDS: Mapping[str, str] = {"single_agent": "power", "fixed_policy": "power", "two_agents": "multiagent_power"}
"""The kinds of sweeps, and what each measures unless it names a measure."""

ABOUT = ("name", "description", "kind", "measure")
"""Keys that have one value in a sweep."""

KEPT = "keep_samples"
"""Of POWER whether to keep that of each reward function; in a sweep, of how many."""

ENVIRONMENT = "PowerGrid-v0"
OF_ENVIRONMENTS = ("environment", "level")
"""Keys that are never the measure's: the level of a sweep is a map, not that of intervals."""

_GAME: Mapping[str, Mapping[str, Any]] = {
    "single_agent": {},
    "fixed_policy": {"without_overlaps": False, "policy": "uniform"},
    "two_agents": {"without_overlaps": False},
}

_NUMBER_LEFT_OPEN = ("auto", "enumeration", "closed_form")
"""Methods that settle the number of reward functions themselves."""

Lists = Mapping[str, tuple[Any, ...]]


@dataclass(frozen=True)
class Keys:
    """Which keys a sweep has.

    Attributes:
        kind: a key of `KINDS`.
        measure: what is measured at each point.
    """

    kind: str
    measure: Measure

    @classmethod
    def of(cls, given: Mapping[str, Any], environments: tuple[Any, ...]) -> Keys:
        """The keys that go with what is given.

        Args:
            given: the keys of a configuration.
            environments: their values of ``environment``.

        Raises:
            ValueError: for an unknown kind or measure (with the closest), and what does not go together.
        """
        for environment in environments:
            if not isinstance(environment, str):
                raise ValueError(f"environment: expected an id, a game or a file, found {environment!r}")
        kind = _kind(given, environments)
        name = given.get("measure")
        measure = find_measure(KINDS[kind] if name is None else name)
        if measure.game != (kind == "two_agents"):
            wanted = "games" if kind == "two_agents" else "one agent"
            hint = "; `policy` holds the second agent's policy fixed" if kind == "two_agents" else ""
            raise ValueError(f"measure: expected one of {wanted} for {kind}, found {measure.name}{hint}")
        return cls(kind, measure)

    @property
    def of_measure(self) -> dict[str, Parameter]:
        """The measure's parameters that are keys; they go before arguments of the environment of the same name."""
        taken = {*ABOUT, *OF_ENVIRONMENTS, *_GAME[self.kind]}
        return {key: one for key, one in self.measure.settings.items() if key not in taken}

    def is_of_environment(self, key: str) -> bool:
        """Whether a key is an argument of the environment."""
        return key not in ("environment", *_GAME[self.kind], *self.of_measure)

    def is_file(self, key: str) -> bool:
        """Whether a value of the key may be the name of a file with a model or a policy."""
        one = self.of_measure.get(key)
        return key in ("environment", "policy") or (one is not None and one.kind is VALUES["SeedPolicy"])

    def check(self, lists: Lists) -> None:
        """Refuses keys that nothing reads, and the lack of those that have no default.

        Raises:
            ValueError: naming the key, with the closest known one; and for an unknown environment.
        """
        known: set[str] | None = set()
        for environment in lists.get("environment", (ENVIRONMENT,)):
            try:
                names = argument_names(environment)
            except ValueError as error:
                raise ValueError(f"environment: {error}") from None
            known = None if names is None or known is None else known | set(names)
        own = {"environment", *_GAME[self.kind], *self.of_measure}
        for key in lists:
            where = _kinds_with(key)
            if key in own or (not where and (known is None or key in known)):
                continue
            if where and self.kind not in where:
                raise ValueError(f"{key}: goes with the kinds {', '.join(where)} only, and this is {self.kind}")
            raise ValueError(f"{key}: unknown key; {closest(key, [*own, *ABOUT, *(known or [])])}")
        for key, one in self.of_measure.items():
            if one.default is Signature.empty and key not in lists:
                raise ValueError(f"{key}: expected a value, which {self.measure.name} needs, found none")

    def defaults(self, lists: Lists) -> dict[str, Any]:
        """{key: its default} of the keys that are not arguments of the environment, as files say them."""
        found = {"environment": ENVIRONMENT, **_GAME[self.kind]}
        found |= {key: plain_default(one) for key, one in self.of_measure.items()}
        if keeps_samples(self.measure):
            found[KEPT] = 0
        ways = itertools.product(lists.get("method", (None,)), lists.get("tolerance", (None,)))
        if keeps_samples(self.measure) and not any(leaves_number_open(*way) for way in ways):
            found["num_samples"] = DEFAULT_SAMPLES
        return found


def keeps_samples(measure: Measure) -> bool:
    """Whether it is POWER of one agent or of two, of which points can keep samples."""
    return measure.name in KINDS.values()


def leaves_number_open(method: Any, tolerance: Any) -> bool:
    """Whether how many reward functions there are is left to the method or the tolerance."""
    return tolerance is not None or method in _NUMBER_LEFT_OPEN


def plain_default(parameter: Parameter) -> Any:
    """A default as files say it: None for one that they cannot say, which is then left to the measure."""
    default = parameter.default
    if parameter.kind is VALUES["SeedPolicy"] and default is None:
        return "uniform"
    if default == DEFAULT:
        return "uniform(0, 1)"
    if parameter.kind is VALUES["RewardDistribution"]:
        return repr(default)
    return default if isinstance(default, (str, bool, int, float)) else None


def is_left_to_measure(parameter: Parameter, value: Any) -> bool:
    """Whether a value stands for a default that only the signature can say."""
    return value is None and parameter.default is not None and plain_default(parameter) is None


def _kinds_with(key: str) -> list[str]:
    """The kinds of sweeps that have a key, where they name no measure."""
    return [
        kind
        for kind, name in KINDS.items()
        if key in {"environment", *_GAME[kind], *find_measure(name).settings} - {"level"}
    ]


def _kind(given: Mapping[str, Any], environments: tuple[str, ...]) -> str:
    """The kind that is given, or that the environment and the presence of a policy tell."""
    kind = given.get("kind")
    if kind is not None:
        if not isinstance(kind, str) or kind not in KINDS:
            raise ValueError(f"kind: expected one of {', '.join(KINDS)}, found {kind!r}; {closest(kind, KINDS)}")
        return kind
    for environment in environments:
        if environment.endswith(suffixes()) and not Path(environment).is_file():
            raise ValueError(f"environment: there is no file {environment!r}")
    games = [game_name(environment) is not None for environment in environments]
    if any(games) != all(games):
        raise ValueError(
            f"environment: expected games only or none, found the game {environments[games.index(True)]!r} and "
            f"{environments[games.index(False)]!r}"
        )
    if not all(games):
        return "single_agent"
    return "fixed_policy" if "policy" in given else "two_agents"
