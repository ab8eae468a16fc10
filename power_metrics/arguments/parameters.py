"""Parameters of measures as text and files have them: from annotations to kinds of values, and from plain values to
arguments.

The kind of a parameter is read from its annotation. A function with a parameter of a kind that stands in `KINDS` can
be called from the command line and from a sweep without another word.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from powerenvs.model.labels import closest

EXECUTION = ("batch_size", "threads", "device", "executor", "workers", "progress")
"""Arguments that say how a result is computed and not what it is; they mean the same in every measure."""

OF_ENVIRONMENTS = ("level", "noise", "walls", "kwarg")
"""Names that mean arguments of environments, on command lines and in files."""


@dataclass(frozen=True)
class Kind:
    """A kind of values.

    Attributes:
        metavar: what help texts call a value.
        of_text: a plain value from a word of a command line.
        of_plain: (argument, plain value, model) to what the function takes; refuses what is no such value.
    """

    metavar: str
    of_text: Callable[[str], Any]
    of_plain: Callable[[str, Any, Any], Any]


@dataclass(frozen=True)
class Parameter:
    """One parameter of a measure.

    Attributes:
        name: of the argument.
        kind: of its values.
        default: what it is where it is not given.
        several: whether it takes a list of such values.
        meaning: from the docstring.
    """

    name: str
    kind: Kind
    default: Any
    several: bool
    meaning: str

    @property
    def key(self) -> str:
        """How files name it: as it is, unless environments have an argument of that name."""
        return f"measure_{self.name}" if self.name in OF_ENVIRONMENTS else self.name

    @property
    def option(self) -> str:
        """How command lines name it."""
        return f"--{self.key.replace('_', '-')}"

    @property
    def empty(self) -> Any:
        """What ``default`` is where there is none."""
        return inspect.Parameter.empty

    def of_words(self, words: str | list[str]) -> Any:
        """A plain value from a word of a command line, or from several.

        Raises:
            ValueError: naming the option, if it is no such value.
        """
        try:
            return self.kind.of_text(words) if isinstance(words, str) else [self.kind.of_text(word) for word in words]
        except ValueError:
            raise ValueError(f"{self.option}: expected a number, found {words!r}") from None

    def value(self, plain: Any, model: Any) -> Any:
        """What the function takes, from a plain value (a text, a number, a list or a mapping).

        Raises:
            ValueError: naming the argument, if it is no such value.
        """
        if plain is None:
            return None
        if self.several and isinstance(plain, list):
            return [self.kind.of_plain(self.name, one, model) for one in plain]
        return self.kind.of_plain(self.name, plain, model)


def parameter_of(parameter: inspect.Parameter, meaning: str) -> Parameter | None:
    """What there is to know of a function's parameter; None if its annotation names no kind that text can have."""
    annotation = parameter.annotation
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    inner = re.findall(r"(?:Iterable|Sequence)\[([^\[\]]+)\]", text)
    words = [word.strip() for part in (re.sub(r"\w+\[.*\]", "", text), *inner) for word in part.split("|")]
    kind = next((KINDS[word] for word in KINDS if word in words), None)
    if kind is None:
        return None
    return Parameter(parameter.name, kind, parameter.default, bool(inner), meaning)


def number_of(text: str) -> float | int:
    """A number from a word: whole where it is written so.

    Raises:
        ValueError: for anything else.
    """
    try:
        return int(text)
    except ValueError:
        return float(text)


def plain_of(text: str) -> Any:
    """What a word stands for: JSON, or else itself."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _as_it_is(argument: str, value: Any, model: Any) -> Any:
    return value


def _flag(argument: str, value: Any, model: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{argument}: expected true or false, found {value!r}")
    return value


def reward_of(argument: str, value: Any, model: Any) -> Any:
    """A distribution from ``uniform(0, 1)``, or from {default: ..., states: {state: ...}}.

    Raises:
        ValueError: for anything else, and for unknown states (with the closest).
    """
    from power_metrics.rewards.distributions import PerState
    from power_metrics.rewards.text import parse_distribution

    if isinstance(value, str):
        return parse_distribution(value, argument)
    if not isinstance(value, Mapping):
        raise ValueError(f"{argument}: expected a distribution such as uniform(0, 1), or a mapping, found {value!r}")
    unknown = next((key for key in value if key not in ("default", "states")), None)
    if unknown is not None:
        raise ValueError(f"{argument}: unknown key {unknown!r}; {closest(unknown, ('default', 'states'))}")
    states, default = value.get("states", {}), value.get("default", "uniform(0, 1)")
    if not isinstance(states, Mapping):
        raise ValueError(f"{argument}: expected a mapping of states to distributions, found {states!r}")
    for text in (default, *states.values()):
        if not isinstance(text, str):
            raise ValueError(
                f"{argument}: expected a distribution such as uniform(0, 1) for each state, found {text!r}"
            )
    named = {_state(model, argument, state): parse_distribution(text) for state, text in states.items()}
    return PerState(named, parse_distribution(default))


def _state(model: Any, argument: str, text: Any) -> Hashable:
    """The state label that prints as this text."""
    label: Hashable = model.state_labels[model.lookup.index(text, argument)]
    return label


def _sets_of_states(argument: str, value: Any, model: Any) -> list[list[Hashable]]:
    if not isinstance(value, list) or not all(isinstance(group, list) for group in value):
        raise ValueError(f"{argument}: expected lists of states in a list, in one more list, found {value!r}")
    return [[_state(model, argument, text) for text in group] for group in value]


def policy_of(argument: str, value: Any, model: Any) -> Any:
    """The policy of a game's second agent: ``uniform``, or that of an .npz or .gv file.

    Raises:
        ValueError: for anything else.
    """
    from powerenvs.model.policy import Policy

    agent = model.agents[1]
    if value == "uniform":
        return model.uniform_policy(agent) if model.num_agents == 2 else None
    if not isinstance(value, str) or not value.endswith((".npz", ".gv")):
        raise ValueError(f"{argument}: expected uniform, or an .npz or .gv file with a policy, found {value!r}")
    try:
        table = Policy.load(value, model, agent).table
    except ValueError as error:
        raise ValueError(f"{argument}: {error}") from None
    return table if model.num_agents == 2 else {agent: table}


def _learner(argument: str, value: Any, model: Any) -> Any:
    from power_metrics.agents.text import parse_learner

    return parse_learner(value, argument)


KINDS: Mapping[str, Kind] = {
    "bool": Kind("true|false", plain_of, _flag),
    "RewardDistribution": Kind("D", plain_of, reward_of),
    "Learner": Kind("AGENT", str, _learner),
    "SeedPolicy": Kind("POLICY", str, policy_of),
    "Identical": Kind("SETS", plain_of, _sets_of_states),
    "int": Kind("N", number_of, _as_it_is),
    "float": Kind("X", number_of, _as_it_is),
    "str": Kind("WORD", str, _as_it_is),
}
"""By the word in the annotation; of several words, the first that stands here."""
