"""Deviations against sums over rollouts step by step, laws, and figures of the original."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

import power_metrics as pm
from power_metrics.chains.idling import baseline_chain, default_policy, rolled_out
from power_metrics.measures.deviating import MEASURES
from powerenvs import TabularMDP
from powerenvs.worlds.power import PowerGrid
from powerenvs.worlds.safety import ConveyorBelt, Sokoban
from powerenvs.worlds.side_effects import Dog, Survival, Vase
from tests.models import mdps
from tests.power_metrics.measures.terminal_models import ending_mdps

FEW = {"num_samples": 4, "default": 0}
FUNCTIONS = ("truncation", "absolute")

RR, UR = "relative_reachability", "unreachability"
ORIGINAL = [
    ("box", RR, "truncation", 0.99, (33.14088941082828, 2.587325789714599, 2.587325789714599)),
    ("box", RR, "absolute", 0.99, (33.88106685281252, 2.782455156996487, 2.782455156996487)),
    ("box", UR, "truncation", 0.99, (51.0299, 7.14, None)),
    ("box", RR, "truncation", 1.0, (106 / 3, 23 / 9, 23 / 9)),
    ("vase", RR, "truncation", 0.99, (218.72322290085992, 8.71818466857842, 8.527519898692733)),
    ("vase", RR, "absolute", 0.99, (221.39160127366435, 18.880244761246132, 12.897055232937607)),
    ("vase", UR, "truncation", 0.99, (369.0, 78.02572768228931, None)),
    ("vase", RR, "truncation", 1.0, (235.34324324324322, 7.4, 7.207885951351352)),
    ("vase", RR, "absolute", 1.0, (235.34324324324322, 16.397297297297296, 9.907337581081082)),
]
"""World, measure, function, value discount, and what deviations add up to: of all states from the start; of what each
action leads to from what doing nothing leads to, without rollouts and with them."""


def model(world: str) -> TabularMDP:
    return (Sokoban(noops=True) if world == "box" else ConveyorBelt("vase", noops=True)).tables()


@pytest.mark.slow
@given(ending_mdps(), st.sampled_from(MEASURES), st.sampled_from(FUNCTIONS), st.booleans())
def test_nothing_deviates_from_itself(mdp, measure, function, rollouts):
    found = pm.deviation(mdp, measure, function, rollouts, **FEW).values
    by_chance = (
        measure == "unreachability" and rollouts and baseline_chain(mdp, default_policy(mdp, 0)).nnz > len(found)
    )
    if not by_chance:  # where both go on with noise of their own, they part
        assert np.diag(found) == pytest.approx(0, abs=1e-12)
    assert np.all(found >= -1e-12)
    assert np.all(found <= 1 + 1e-12)


@pytest.mark.slow
@given(ending_mdps(), st.sampled_from(MEASURES), st.booleans())
def test_truncation_is_at_most_absolute(mdp, measure, rollouts):
    truncated, absolute = (pm.deviation(mdp, measure, f, rollouts, **FEW).values for f in FUNCTIONS)
    assert np.all(truncated <= absolute + 1e-12)
    if measure != "unreachability":  # what one has more and what the other has more
        assert truncated + truncated.T == pytest.approx(absolute, abs=1e-12)


@pytest.mark.slow
@given(ending_mdps(deterministic=True))
def test_lost_states_are_counted_without_a_discount(mdp):
    found = pm.deviation(mdp, rollouts=False, value_discount=1.0, default=0).values * np.count_nonzero(~mdp.terminal)
    assert found == pytest.approx(np.rint(found), abs=1e-9)


@pytest.mark.slow
@given(mdps(max_states=5, max_actions=3), st.integers(0, 2**32 - 1))
def test_the_signed_mean_is_lost_power_and_lost_utility(mdp, seed):
    """Without f: g times the POWER that is lost and 1 - g times the mean reward that is lost."""
    g, count = 0.9, 50
    power = pm.power(mdp, g, num_samples=count, seed=seed, method="monte_carlo", progress=False).mean
    mean = pm.drawn_rewards(mdp, np.arange(count), seed=seed).mean(axis=0)
    settings = {"num_samples": count, "seed": seed, "value_discount": g, "rollouts": False}
    uniform = mdp.available / mdp.available.sum(axis=1, keepdims=True)
    lost = pm.deviation(mdp, "attainable_utility", **settings, default=uniform).values
    signed = lost - lost.T
    assert signed == pytest.approx(
        g * (power[None] - power[:, None]) + (1 - g) * (mean[None] - mean[:, None]), abs=1e-9
    )


@pytest.mark.slow
@given(ending_mdps(deterministic=True), st.sampled_from([0.0, 0.5, 0.9]))
def test_rollouts_step_by_step(mdp, gamma):
    """Until a state, or a pair, comes again; the last before that counts for all that follows."""
    chain = baseline_chain(mdp, default_policy(mdp, 0))
    step = chain.indices.tolist()
    reach = pm.reachability(mdp, 0.9).values

    def average(values, start, follow):
        seen = [start]
        while (after := follow(seen[-1])) not in seen:
            seen.append(after)
        summed = sum((1 - gamma) * gamma**k * values(node) for k, node in enumerate(seen))
        return summed + gamma ** len(seen) * values(seen[-1])

    states = range(mdp.num_states)
    rolled = np.array([average(lambda s: reach[s], s, step.__getitem__) for s in states])
    going_on = ~mdp.terminal
    lost = np.maximum(0, rolled[None] - rolled[:, None])[..., going_on].sum(axis=2) / going_on.sum()
    found = pm.deviation(mdp, gamma=gamma, value_discount=0.9, default=0).values
    assert found == pytest.approx(lost, abs=1e-12)
    pairs = [
        [average(lambda n: 1 - reach[n], (s, b), lambda n: (step[n[0]], step[n[1]])) for b in states] for s in states
    ]
    found = pm.deviation(mdp, "unreachability", gamma=gamma, value_discount=0.9, default=0).values
    assert found == pytest.approx(np.array(pairs), abs=1e-12)


@pytest.mark.slow
@given(ending_mdps(), st.sampled_from(MEASURES), st.sampled_from(FUNCTIONS), st.integers(0, 4))
def test_rollouts_of_some_steps(mdp, measure, function, steps):
    """Expectations after each step of doing nothing, of which the last counts for all that follows."""
    gamma, few = 0.7, {**FEW, "gamma": 0.7, "value_discount": 0.8}
    moves = baseline_chain(mdp, default_policy(mdp, 0)).toarray()
    powers = [np.linalg.matrix_power(moves, k) for k in range(steps + 1)]
    weights = [(1 - gamma) * gamma**k for k in range(steps)] + [gamma**steps]
    found = pm.deviation(mdp, measure, function, rollout_steps=steps, **few).values
    if measure == "unreachability":
        apart = 1 - pm.reachability(mdp, 0.8).values
        expected = sum(w * (power @ apart @ power.T) for w, power in zip(weights, powers, strict=True))
    else:
        if measure == "attainable_utility":
            paid = pm.drawn_rewards(mdp, np.arange(4), seed=0) * ~mdp.terminal
            table = 0.2 * pm.optimal_values(mdp, paid, 0.8).numpy().T
        else:
            table = pm.reachability(mdp, 0.8).values[:, ~mdp.terminal]
        rolled = sum(w * (power @ table) for w, power in zip(weights, powers, strict=True))
        lost = rolled[None] - rolled[:, None]
        expected = (np.maximum(lost, 0) if function == "truncation" else abs(lost)).mean(axis=2)
    assert found == pytest.approx(expected, abs=1e-9)
    if steps == 0:
        assert found == pytest.approx(pm.deviation(mdp, measure, function, False, **few).values, abs=1e-12)


@pytest.mark.slow
@given(ending_mdps(), st.sampled_from(FUNCTIONS))
def test_over_which_states_reachability_is_averaged(mdp, function):
    reach = pm.reachability(mdp, 0.8).values
    lost = reach[None] - reach[:, None]
    lost = np.maximum(lost, 0) if function == "truncation" else abs(lost)
    here = np.broadcast_to(~mdp.terminal, lost.shape)
    counted = {"nonterminal": here, "all": here | True, "reachable": here & ((reach[None] > 0) | (reach[:, None] > 0))}
    for averaged, states in counted.items():
        expected = (lost * states).sum(axis=2) / np.maximum(states.sum(axis=2), 1)
        found = pm.deviation(
            mdp, function=function, rollouts=False, averaged=averaged, value_discount=0.8, default=0
        ).values
        assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.slow
@given(ending_mdps(deterministic=False))
def test_rollouts_by_chance_are_expectations(mdp):
    gamma = 0.7
    chain = baseline_chain(mdp, default_policy(mdp, 0))
    moves, reach = chain.toarray(), pm.reachability(mdp, 0.9).values
    assert moves.sum(axis=1) == pytest.approx(1)
    if chain.nnz == mdp.num_states:
        return
    table, apart, power = 0.0, 0.0, np.eye(len(moves))
    for k in range(100):
        table = table + (1 - gamma) * gamma**k * (power @ reach)
        apart = apart + (1 - gamma) * gamma**k * (power @ (1 - reach) @ power.T)
        power = power @ moves
    assert rolled_out(chain, reach, gamma) == pytest.approx(table, abs=1e-9)
    found = pm.deviation(mdp, "unreachability", gamma=gamma, value_discount=0.9, default=0).values
    assert found == pytest.approx(apart, abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(("world", "measure", "function", "discount", "sums"), ORIGINAL)
def test_figures_of_the_original(world, measure, function, discount, sums):
    mdp = model(world)
    going_on = np.flatnonzero(~mdp.terminal)
    after, noop = mdp.successors()[going_on], mdp.successors()[going_on, 4]
    states, baselines = after.ravel(), np.repeat(noop, 5)
    kept = ~mdp.terminal[states]
    for rollouts, expected in ((False, sums[1]), (True, sums[2])):
        found = pm.deviation(mdp, measure, function, rollouts, value_discount=discount).values
        if not rollouts:
            assert found[going_on, 0].sum() == pytest.approx(sums[0], abs=1e-9)
        if expected is not None:
            assert found[states[kept], baselines[kept]].sum() == pytest.approx(expected, abs=1e-9)


def test_a_dog_that_walks_by_itself_is_no_deviation():
    mdp = Dog().tables()
    start = int(np.flatnonzero(mdp.initial)[0])
    after = mdp.successors()[start, 4]
    assert pm.deviation(mdp, value_discount=1.0).values[after, start] == 0
    stepped = next(i for i, label in enumerate(mdp.state_labels) if label.dog is None)
    assert pm.deviation(mdp, value_discount=1.0).values[stepped, start] > 0.5


def test_where_nothing_would_end_the_episode_the_world_stays_as_it_is():
    mdp = Survival().tables()
    chain = baseline_chain(mdp, default_policy(mdp, "noop"))
    last = next(i for i, label in enumerate(mdp.state_labels) if label.left == 1)
    assert chain[[last]].indices.tolist() == [last]


def test_ways_to_do_nothing():
    grid = PowerGrid(level="open_3x3")
    mdp = grid.tables()
    stay = np.zeros(mdp.available.shape)
    stay[:, 0] = 1
    found = [pm.deviation(grid, default=default).values for default in ("noop", "stay", stay)]
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"measure": "relative_reachabilty"}, "measure: expected one of .*did you mean 'relative_reachability'"),
        ({"function": "squared"}, "function: expected one of truncation, absolute, found 'squared'"),
        (
            {"measure": "attainable_utility", "value_discount": 1},
            "value_discount: expected a discount below 1, found 1",
        ),
        ({"gamma": 1}, "gamma: expected a discount below 1"),
        ({"default": "nop"}, "default: unknown action 'nop'; did you mean 'noop'"),
        ({"default": np.ones((2, 2))}, r"default: expected shape \(23, 5\)"),
        ({"rollouts": 3}, "rollouts: expected"),
        ({"max_gib": 1e-9}, "23 by 23 states"),
        ({"measure": "attainable_utility", "num_samples": 0}, "num_samples: expected a whole number of at least 1"),
    ],
)
def test_refusals(settings, message):
    with pytest.raises(ValueError, match=message):
        pm.deviation(Vase(), **settings)


def test_an_action_that_some_state_lacks_is_no_default():
    mdp = TabularMDP.from_transitions([("a", "wait", "a", 1.0), ("a", "go", "b", 1.0), ("b", "go", "a", 1.0)])
    with pytest.raises(ValueError, match="default: expected an action that every state has, found wait, which state 1"):
        pm.deviation(mdp, default="wait")
