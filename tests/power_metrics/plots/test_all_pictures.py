"""One battery over the pictures of all measures and results: axes have names, and texts can be read."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

import power_metrics as pm
from power_metrics.measures.registry import measures
from powerenvs import TabularMDP, product_game
from powerenvs.worlds.corrupt_reward import CorruptReward
from powerenvs.worlds.power import PowerGrid, turner_figure_1
from powerenvs.worlds.power.pair import PowerPair
from powerenvs.worlds.resources import OneKey
from powerenvs.worlds.side_effects import Vase
from tests.models import random_mdp
from tests.power_metrics.plots.seen import faults
from tests.power_metrics.worlds import graph

ALL = measures()
FEW = {
    "num_samples": 12,
    "num_learners": 6,
    "num_episodes": 200,
    "episodes": 5,
    "num_runs": 3,
    "learner": "boltzmann(0.1)",
    "progress": False,
}
CLEAN = {"overlapping": [], "outside": [], "unlabelled": []}


class Load(NamedTuple):
    agent: tuple[int, int]
    has_key: bool
    door: str


def long_names():
    """A model whose actions and states have long names."""
    actions = [f"a rather long name of the action number {a}" for a in range(6)]
    states = [f"a state with a name that is much longer than others, number {s}" for s in range(5)]
    moves = [(s, a, states[(i + j) % 5], 1.0) for i, s in enumerate(states) for j, a in enumerate(actions)]
    return TabularMDP.from_transitions(moves, state_labels=states, action_labels=actions, reward=np.arange(30.0))


def three_variables():
    """A grid in which states share cells: by a key and by a door."""
    labels = [Load((r, c), k, d) for r in range(3) for c in range(4) for k in (False, True) for d in ("open", "shut")]
    steps = [(label, a, labels[(i + a * 5) % 48], 1.0) for i, label in enumerate(labels) for a in range(3)]
    mdp = TabularMDP.from_transitions(steps, state_labels=labels, action_labels=("left", "right", "stay"))
    return mdp.with_(board=("....",) * 3, cells=[label.agent for label in labels])


SINGLE = {
    "grid": lambda: PowerGrid("open_3x3").tables(),
    "corridor": lambda: PowerGrid("corridor").tables(),
    "large": lambda: PowerGrid("\n".join(["." * 40] * 40)).tables(),
    "graph": turner_figure_1,
    "many": lambda: random_mdp(np.random.default_rng(0), 60, 3),
    "one state": lambda: graph({"here": ["here"]}),
    "long names": long_names,
    "three variables": three_variables,
    "episodes": lambda: Vase().tables(),
    "corrupt": lambda: CorruptReward().tables(),
}
GAMES = {
    "pair": lambda: PowerPair("S..").tables(),
    "room": lambda: PowerPair("open_3x3").tables(),
    "key": lambda: OneKey().tables(),
    "without a board": lambda: product_game(graph({"a": "ab", "b": "ba"}), graph({"x": "xy", "y": "y"})),
}
QUICK = {"graph", "one state", "long names", "pair"}
"""Worlds that take little time."""
NO_NOOP = {"graph", "many", "one state", "long names"}
"""Worlds without an action that does nothing."""
REFUSED = {
    "aup": NO_NOOP,
    "agency_measures": {"large"},
    "coherence": {"large"},  # more policies than numbers can say
    "penalised_learning": NO_NOOP,
    "corrupt_learning": {"corridor", "episodes"},  # these end
    "no_free_lunch": {"corridor", "episodes", "many", "long names"},  # these end, or pay less than 0 or more than 1
    "reward_distance": {"grid", "large", "graph", "one state", "three variables"},  # no rewards, or all the same
    "worst_case_regret": {"graph", "many", "long names"},  # no reward for being in a state, or above 1
}
"""The worlds that a measure does not take."""
NOTHING_BY_POLICY = {"deviation", "penalised_optimum", "side_effect_map"}
"""Measures that take a policy for how nothing is done."""
TOO_LARGE = {
    "deviation": {"large"},
    "penalised_optimum": {"large", "many", "grid"},
    "power_of_policies": {"large"},
    "q_learning_curve": {"large"},
    "reachability": {"large"},
}
"""The worlds of which a measure is not drawn, because it takes too long."""

CASES = [
    pytest.param(name, world, marks=[pytest.mark.slow] if world not in QUICK else [])
    for name, one in ALL.items()
    for world in (GAMES if one.game else SINGLE)
    if world not in REFUSED.get(name, set()) | TOO_LARGE.get(name, set())
]


def asked(name, world):
    """A measure with few samples: the arguments of a call."""
    one = ALL[name]
    of = (GAMES if one.game else SINGLE)[world]()
    given = {key: value for key, value in FEW.items() if key in one.parameters}
    if "steps" in one.parameters:
        given["steps"] = [0, 5] if one.parameters["steps"].several else 2
    arguments = one.arguments(given, of)
    if name in NOTHING_BY_POLICY and "noop" not in of.action_labels:
        arguments["default"] = of.available / of.available.sum(axis=1, keepdims=True)  # what deviations start from
    return {one.subject: of, **arguments}


def result(name, world):
    return ALL[name].call(**asked(name, world))


@pytest.mark.parametrize(("name", "world"), CASES)
def test_pictures_of_measures_can_be_read(name, world):
    assert faults(result(name, world).plot()) == CLEAN


@pytest.mark.parametrize(("name", "world"), [(name, world) for name in REFUSED for world in sorted(REFUSED[name])])
def test_measures_refuse_the_worlds_that_are_left_out(name, world):
    with pytest.raises(ValueError, match=r"^(default|env|low, high|reward): "):
        ALL[name].check(**asked(name, world))


def others(model):
    """Results that no measure gives."""
    random = model.available / model.available.sum(axis=1, keepdims=True)
    yield pm.horizon_optimum(model, 3)
    yield pm.compare({"a rather long name": random}, model, gamma=0.5, num_samples=20, progress=False)
    scores = pm.safety_scores(model, 3, agents={"mine": random})
    yield scores
    yield pm.power_of_unsafe_choices(scores, np.arange(float(model.num_states)))


@pytest.mark.parametrize(
    "world", ["graph", "one state", *(pytest.param(w, marks=pytest.mark.slow) for w in ("grid", "long names"))]
)
def test_pictures_of_other_results_can_be_read(world):
    for found in others(SINGLE[world]()):
        assert faults(found.plot()) == CLEAN, type(found).__name__
    assert faults(pm.safety_scores(SINGLE[world](), 3).plot(title="A title")) == CLEAN


def test_pictures_split_by_features_can_be_read():
    found = pm.power(three_variables(), num_samples=12, progress=False)
    for split in ({"by": "has_key"}, {"by": ("has_key", "door")}, {"where": {"door": "shut"}}):
        assert faults(found.plot(**split)) == CLEAN


def test_unknown_numbers_are_grey_and_everything_can_be_read():
    found = pm.power(PowerGrid("open_3x3").tables(), rewards=np.arange(9.0))  # one reward function: no standard errors
    assert np.isnan(found.standard_error).all()
    assert faults(found.plot()) == CLEAN
    assert faults(pm.power(turner_figure_1(), rewards=np.arange(8.0)).plot()) == CLEAN


@pytest.mark.parametrize("world", ["graph", pytest.param("grid", marks=pytest.mark.slow)])
def test_every_result_prints_a_short_table_and_has_one_for_notebooks(world):
    model = SINGLE[world]()
    results = [*others(model), *(result(*case.values) for case in CASES if case.values[1] == world)]
    for found in results:
        assert 1 < len(str(found).splitlines()) < 40, type(found).__name__
        assert "<table" in found._repr_html_()
        assert len(found.to_frame()) > 0
