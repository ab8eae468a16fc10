"""POWERplay's sweep configurations, turned into ours.

POWERplay (github.com/gladstoneai/POWERplay) names a graph, distributions and grids under ``parameters``, each as
``value`` or as ``values`` with ``names``. Its shipped worlds are ours under other names; other graphs stay files.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from power_metrics.rewards.text import parse_distribution
from power_metrics.sweeps.yaml_files import yaml_text
from powerenvs.model.checks import mapped
from powerenvs.model.labels import closest

_GRID = {"environment": "PowerGrid-v0", "walls": "absent"}
_PAIR = {"environment": "power_pair_v0", "walls": "absent"}
WORLDS: Mapping[str, Mapping[str, Any]] = {
    "3x3_gridworld": {**_GRID, "level": "open_3x3"},
    "7x7_gridworld_maze": {**_GRID, "level": "maze_7x7"},
    "20x20_gridworld_robot_face": {**_GRID, "level": "robot_face_20x20"},
    "mdp_from_paper": {"environment": "turner_figure_1"},
    "joint_3x3_gridworld": {**_PAIR, "level": "open_3x3"},
    "joint_7x7_gridworld_maze": {**_PAIR, "level": "maze_7x7"},
    "joint_7x7_gridworld_maze_no_overlaps": {**_PAIR, "level": "maze_7x7", "without_overlaps": True},
}
"""Its shipped graphs, and the keys that give the same tables here."""

STATES = {
    "★": "star", "∅": "empty", "ℓ_◁": "l", "r_▷": "r", "ℓ_↖": "l_nw", "ℓ_↙": "l_sw", "r_↗": "r_ne", "r_↘": "r_se",
}  # fmt: skip
"""The states of mdp_from_paper, and their names in turner_figure_1."""

UNIFORM_POLICIES = tuple(f"{name}_agent_A_uniform_random" for name in WORLDS if name.startswith("joint_"))

_DISTRIBUTIONS = {"uniform": "uniform", "beta": "beta", "pareto": "pareto", "bernoulli": "bernoulli"}
_DISTRIBUTION_NAMES = (*_DISTRIBUTIONS, "uniform_0_1_manual", "jaynes_prior")
_TOP = ("name", "description", "parameters", "program", "method", "project", "entity", "command")
_SAME = {
    "discount_rate": "gamma",
    "discount_rate_agent_A": "gamma_a",
    "reward_correlation": "correlation",
    "num_reward_samples": "num_samples",
    "random_seed": "seed",
}
_DROPPED = {
    "convergence_threshold": "values are exact here",
    "num_workers": "it changes no numbers; use --executor processes --workers N",
}
_GRAPHS = ("mdp_graph", "joint_mdp_graph")
_POLICIES = {"policy_graph_agent_A": "policy", "seed_policy_graph_agent_A": "seed_policy"}
_KNOWN = (*_GRAPHS, *_POLICIES, "reward_distribution", *_SAME, *_DROPPED)


@dataclass(frozen=True)
class Conversion:
    """A configuration for `power_metrics.sweep`, and what to know about it.

    Attributes:
        config: for `SweepConfig.from_dict`.
        notes: what was left out, and where results will differ.
    """

    config: dict[str, Any]
    notes: tuple[str, ...]

    def to_yaml(self) -> str:
        """The configuration as YAML, the notes as comments above it."""
        return "".join(f"# {note}\n" for note in self.notes) + yaml_text(self.config)


def convert(mapping: Mapping[str, Any]) -> Conversion:
    """Converts what a YAML file of POWERplay holds.

    Args:
        mapping: with ``name``, ``description``, ``program`` and ``parameters``.

    Raises:
        ValueError: for an unknown key or distribution, with the closest known one, and for what has no counterpart.
    """
    _check_known("key", mapping, _TOP)
    parameters = mapping.get("parameters")
    if not isinstance(parameters, Mapping):
        raise ValueError(f"parameters: expected a mapping, found {parameters!r}")
    _check_known("parameter", parameters, _KNOWN)
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", str(mapping.get("name", "")))
    notes: list[str] = []
    if name != mapping.get("name", ""):
        notes.append(f"name: was {mapping.get('name')!r}; names have letters, digits, '_' and '-' only")
    if not any(graph in parameters for graph in _GRAPHS):
        raise ValueError(f"parameters: expected one of {', '.join(_GRAPHS)}, found {', '.join(parameters)}")
    config: dict[str, Any] = {"name": name, "description": str(mapping.get("description") or "")}
    for key, given in parameters.items():
        values, several = _values(key, given)
        if key in _GRAPHS:
            config |= _worlds(key, values, several, notes)
        elif key in _POLICIES:
            policies = [_policy(key, value, notes) for value in values]
            config[_POLICIES[key]] = policies if several else policies[0]
        elif key == "reward_distribution":
            config |= _rewards(values, several, notes, _states_of(parameters))
        elif key in _SAME:
            if key == "random_seed" and None in values:
                notes.append("random_seed: null asked for another seed each time; here runs repeat, with seed 0")
                values = list(dict.fromkeys(0 if value is None else value for value in values))
            config[_SAME[key]] = list(values) if several else values[0]
        else:
            notes.append(f"{key}: left out, since {_DROPPED[key]}")
    notes.append("seed: the generator is another one, so reward functions are too; means agree within their errors")
    return Conversion(config, tuple(dict.fromkeys(notes)))


def _check_known(what: str, mapping: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for key in mapping:
        if key not in known:
            raise ValueError(f"{key}: unknown {what} of a POWERplay configuration; {closest(key, known)}")


def _values(key: str, given: Any) -> tuple[list[Any], bool]:
    """The values of a parameter, and whether they are a grid."""
    if not isinstance(given, Mapping) or ("value" in given) == ("values" in given):
        raise ValueError(f"{key}: expected value, or values with names, found {given!r}")
    _check_known(f"entry of {key}", given, ("value", "values", "names"))
    if "value" in given:
        return [given["value"]], False
    if not isinstance(given["values"], list) or not given["values"]:
        raise ValueError(f"{key}: expected a list of values, found {given['values']!r}")
    return given["values"], True


def _states_of(parameters: Mapping[str, Any]) -> Callable[[str], str]:
    """From its names of states to ours."""
    key = next(graph for graph in _GRAPHS if graph in parameters)
    graphs, _ = _values(key, parameters[key])
    if graphs == ["mdp_from_paper"]:
        return lambda state: STATES.get(state, state)
    if key == "joint_mdp_graph":  # those that are not shipped are renamed too, when they are read
        return lambda state: re.sub(r"^(.*)_H\^(.*)_A$", r"human=\1, ai=\2", state)
    return lambda state: state


def _worlds(key: str, values: list[Any], several: bool, notes: list[str]) -> dict[str, Any]:
    found = []
    for value in values:
        if not isinstance(value, str):
            raise ValueError(f"{key}: expected names of graphs, found {value!r}")
        if value not in WORLDS:
            notes.append(f"{key}: {value} is not shipped here; put its graph, {value}.gv, beside this file")
        found.append(dict(WORLDS.get(value, {"environment": f"{value}.gv"})))
    if not several:
        return found[0]
    differing = [
        name
        for name in dict.fromkeys(n for one in found for n in one)
        if len({str(one.get(name)) for one in found}) > 1
    ]
    if len(differing) > 1 or any(set(one) != set(found[0]) for one in found):
        raise ValueError(f"{key}: {', '.join(map(str, values))} differ in more than one key here; split the sweep")
    return {
        name: [one[name] for one in found] if name in (differing or ["environment"]) else found[0][name]
        for name in found[0]
    }


def _policy(key: str, value: Any, notes: list[str]) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{key}: expected names of policies, found {value!r}")
    if value in UNIFORM_POLICIES:
        return "uniform"
    notes.append(f"{key}: put the policy, {value}.gv, beside this file")
    return f"{value}.gv"


def _rewards(values: list[Any], several: bool, notes: list[str], renamed: Callable[[str], str]) -> dict[str, Any]:
    """``reward`` and the two keys that go with it."""
    rewards, extras = [], []
    for value in values:
        if not isinstance(value, Mapping):
            raise ValueError(f"reward_distribution: expected a mapping, found {value!r}")
        known = ("default_dist", "state_dists", "allow_all_equal_rewards", "states_with_identical_rewards")
        _check_known("entry of reward_distribution", value, known)
        default = _distribution(value.get("default_dist"), notes)
        given_states = mapped("state_dists", value.get("state_dists") or {}, "{state: distribution}")
        states = {renamed(str(state)): _distribution(given, notes) for state, given in given_states.items()}
        rewards.append({"default": default, "states": states} if states else default)
        extra: dict[str, Any] = {"allow_all_equal": value.get("allow_all_equal_rewards", True)}
        if value.get("states_with_identical_rewards"):
            groups = value["states_with_identical_rewards"]
            extra["states_with_identical_rewards"] = [[[renamed(str(state)) for state in group] for group in groups]]
        extras.append(extra)
    if any(extra != extras[0] for extra in extras):
        raise ValueError(
            "reward_distribution: expected the same allow_all_equal_rewards and states_with_identical_rewards in all "
            "values; split the sweep"
        )
    return {"reward": rewards if several else rewards[0], **extras[0]}


def _distribution(given: Any, notes: list[str]) -> str:
    """The text form of one of its distributions."""
    if not isinstance(given, Mapping) or "dist_name" not in given:
        raise ValueError(f"reward_distribution: expected dist_name and params, found {given!r}")
    _check_known("entry of a distribution", given, ("dist_name", "params"))
    name, params = given["dist_name"], given.get("params") or []
    if name == "jaynes_prior":
        raise ValueError(
            "reward_distribution: jaynes_prior has no counterpart: 1/(x(1 - x)) is no distribution, since its integral "
            "is infinite, and POWERplay's depends on the 99 points it is cut off at; beta(0.01, 0.01) is a proper one "
            "of its shape"
        )
    if name not in _DISTRIBUTION_NAMES:
        raise ValueError(f"reward_distribution: unknown dist_name {name!r}; {closest(name, _DISTRIBUTION_NAMES)}")
    text = "uniform(0, 1)" if name == "uniform_0_1_manual" else f"{_DISTRIBUTIONS[name]}({', '.join(map(str, params))})"
    if parse_distribution(text, "reward_distribution").support[0] < 0:
        notes.append(
            f"reward: {text} can be negative; POWERplay lets agents stop for a reward of 0 wherever an action is "
            "missing, so its POWER is higher than the true one, which you get here"
        )
    return text
