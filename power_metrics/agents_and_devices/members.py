"""From names and objects to predictors: the members of both classes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from power_metrics.agents.table import is_array
from power_metrics.agents_and_devices.devices import INPUTS, Counting
from power_metrics.agents_and_devices.goals import GoalAgents, RewardAgents
from power_metrics.agents_and_devices.predictors import Fixed, Mixture, Own, Predictor, Uniform
from power_metrics.agents_and_devices.trees import Tree
from power_metrics.agents_and_devices.wanting import checked_weights
from power_metrics.arguments.checks import check_policy
from power_metrics.rewards.distributions import RewardDistribution, Uniform as UniformRewards
from powerenvs.model.labels import closest
from powerenvs.model.mdp import TabularMDP

DEVICES = ("uniform", "nothing", "previous", "walls", "previous+walls", "observation", "state", "tree(4, walls)")
"""By default, each with the same weight."""
MAX_DEPTH = 64
"""Of a context tree."""

AGENTS: dict[str, GoalAgents | RewardAgents] = {
    "goals": GoalAgents(),
    "switching": GoalAgents(switching=0.05),
    "rewards": RewardAgents(UniformRewards(0, 1)),
}
"""Agents with a name: of fixed goals, of goals that change, of drawn reward functions."""


class Class(NamedTuple):
    """One of the two classes.

    Attributes:
        names: of its members.
        known: what they were made from, names looked up.
        mixture: of their predictors.
    """

    names: tuple[str, ...]
    known: tuple[Any, ...]
    mixture: Mixture


def class_of(argument: str, given: Any, mdp: TabularMDP) -> Class:
    """The members of a class, with their weights.

    Args:
        argument: "agents" or "devices".
        given: a member, a list of members of equal weight, or {member: weight}. A member is a name (see `AGENTS`,
            `INPUTS`, "uniform", "tree(depth, inputs)"), `GoalAgents`, `RewardAgents`, a policy (S, A), or an object
            with ``log_probability(history)``.
        mdp: the tables.

    Raises:
        ValueError: for what is none.
    """
    if isinstance(given, dict):
        listed, weights = list(given), checked_weights(argument, list(given.values()), len(given))
    else:
        listed = list(given) if isinstance(given, (list, tuple)) else [given]
        weights = np.full(len(listed), 1 / max(len(listed), 1))
    if not listed:
        raise ValueError(f"{argument}: expected at least one, found none")
    made = [_member(argument, one, mdp) for one in listed]
    names, mixture = [_name(one) for one in listed], Mixture(made, weights)
    return Class(tuple(names), tuple(AGENTS.get(one, one) if isinstance(one, str) else one for one in listed), mixture)


def _name(given: Any) -> str:
    if isinstance(given, str):
        return given
    return "policy" if is_array(given) else type(given).__name__


def _member(argument: str, given: Any, mdp: TabularMDP) -> Predictor:
    if isinstance(given, str):
        return _named(argument, given, mdp)
    if isinstance(given, GoalAgents | RewardAgents):
        return given.predictor(mdp)
    if callable(getattr(given, "log_probability", None)) and not isinstance(given, type):
        return Own(mdp, given)
    if isinstance(given, RewardDistribution) and not isinstance(given, type):
        return RewardAgents(given).predictor(mdp)
    if is_array(given):
        policy = check_policy(given, mdp, argument)
        if policy.ndim != 2:
            raise ValueError(f"{argument}: expected one policy {mdp.available.shape}, found {policy.shape}")
        return Fixed(policy)
    raise ValueError(
        f"{argument}: expected a name, GoalAgents, RewardAgents, a policy (states, actions), or an object with "
        f"log_probability(history), found {given!r}"
    )


def _named(argument: str, name: str, mdp: TabularMDP) -> Predictor:
    """The member of this name."""
    if name == "uniform":
        return Uniform(mdp)
    if argument == "agents":
        if name not in AGENTS:
            raise ValueError(f"agents: unknown agents {name!r}; {closest(name, [*AGENTS, 'uniform'])}")
        return AGENTS[name].predictor(mdp)
    tree = re.fullmatch(r"\s*tree\((.*)\)\s*", name)
    if tree is not None:
        depth, *inputs = (word.strip() for word in tree[1].split(","))
        if not (depth.isascii() and depth.isdigit() and int(depth) <= MAX_DEPTH):
            raise ValueError(f"devices: expected a depth from 0 to {MAX_DEPTH}, found {depth!r} in {name!r}")
        return Tree(mdp, int(depth), _inputs(name, inputs))
    return Counting(mdp, _inputs(name, [word.strip() for word in name.split("+")]))


def _inputs(name: str, words: Sequence[str]) -> Sequence[str]:
    for word in words:
        if word not in INPUTS:
            known = [*INPUTS, "uniform", "tree(3)"]
            raise ValueError(f"devices: unknown input {word!r} in {name!r}; {closest(word, known)}")
    return words
