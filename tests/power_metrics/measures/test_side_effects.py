"""Penalised optima against plain recursion over states and baselines, laws, and figures of the original worlds."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import power_metrics as pm
from power_metrics.chains.idling import baseline_chain, default_policy
from power_metrics.measures import deviating
from power_metrics.measures.deviating import MEASURES
from power_metrics.measures.side_effects import BASELINES, ENDING
from powerenvs import TabularMDP
from powerenvs.worlds.power import PowerGrid
from powerenvs.worlds.side_effects import Options, Vase
from tests.models import mdps
from tests.power_metrics.measures.terminal_models import ending_mdps

BOX = gym.make(
    "powerenvs/Sokoban-v0", noops=True, movement_reward=0, goal_reward=1, wall_reward=-1, corner_reward=-1
)  # fmt: skip
SUSHI = gym.make("powerenvs/ConveyorBelt-v0", variant="sushi_goal", noops=True, goal_reward=1)


def by_recursion(mdp, deviations, baseline, beta, gamma, steps, ending="left") -> tuple[float, ...]:
    """The optimal penalised value of the first state over some steps, straight from the definition; and the least and
    largest return, then performance, of all policies that reach it."""
    moves = baseline_chain(mdp, default_policy(mdp, 0)).toarray()

    @cache
    def best(state: int, base: int, left: int) -> tuple[float, ...]:
        if left == 0 or mdp.terminal[state]:
            return (0.0,) * 5
        following = {"start": np.eye(len(moves))[base], "inaction": moves[base], "stepwise": moves[state]}[baseline]
        totals = []
        for a in range(mdp.num_actions):
            row, total = state * mdp.num_actions + a, np.zeros(5)
            for e in range(mdp.indptr[row], mdp.indptr[row + 1]):
                p, after, paid = mdp.probability[e], int(mdp.successor[e]), mdp.reward[e]
                ends = mdp.terminal[after]
                for then in np.flatnonzero(following).tolist():
                    pairs = {"left": (state, base), "entered": (after, then)}
                    pair = pairs.get(ending) if ends else (after, then)
                    penalty = 0.0 if pair is None else beta * deviations[pair]
                    earned = np.array([paid - penalty, paid, paid, mdp.performance[e], mdp.performance[e]])
                    later = np.array(best(after, then, left - 1)) * [gamma, 1, 1, 1, 1]
                    total += p * following[then] * (earned + later)
            totals.append(total)
        good = np.array([total for total in totals if total[0] > max(each[0] for each in totals) - 1e-9])
        return good[0, 0], good[:, 1].min(), good[:, 2].max(), good[:, 3].min(), good[:, 4].max()

    return best(0, 0, steps)


@pytest.mark.slow
@settings(max_examples=60)
@given(
    ending_mdps(max_states=4),
    st.sampled_from(MEASURES),
    st.sampled_from(BASELINES),
    st.booleans(),
    st.floats(0, 5),
    st.sampled_from(ENDING),
)
def test_against_recursion(mdp, measure, baseline, rollouts, beta, ending):
    shared = {"measure": measure, "rollouts": rollouts, "gamma": 0.9, "value_discount": 0.8, "default": 0}
    deviations = pm.deviation(mdp, **shared).values
    settings = {**shared, "baseline": baseline, "beta": beta, "ending": ending}
    found = pm.penalised_optimum(mdp, **settings, steps=4, finite_horizon=True)
    expected = by_recursion(mdp, deviations, baseline, beta, 0.9, 4, ending)
    assert (found.value, *found.return_range, *found.performance_range) == pytest.approx(expected, abs=1e-8)
    longer = pm.penalised_optimum(mdp, **settings, steps=300, finite_horizon=True)
    for_ever = pm.penalised_optimum(mdp, **settings, steps=4)
    assert for_ever.value == pytest.approx(longer.value, abs=1e-9)


@pytest.mark.slow
@given(ending_mdps(), st.sampled_from(MEASURES), st.sampled_from(BASELINES))
def test_without_a_price_it_is_the_plain_task(mdp, measure, baseline):
    found = pm.penalised_optimum(mdp, measure, baseline=baseline, beta=0, gamma=0.9, default=0, steps=5)
    plain = pm.solve_task(mdp, 0.9).values[0]
    assert found.value == pytest.approx(plain[0])
    places = [mdp.index(state) for state, _ in found.mdp.state_labels]
    assert found.values == pytest.approx(plain[places])
    none = pm.penalised_optimum(mdp, "none", gamma=0.9, default=0, steps=5)
    assert none.value == pytest.approx(plain[0])
    assert none.return_range == pytest.approx(found.return_range)
    assert none.performance_range == pytest.approx(found.performance_range)


@pytest.mark.slow
@given(ending_mdps(), st.sampled_from(MEASURES), st.sampled_from(BASELINES))
def test_the_value_falls_and_is_convex_in_the_price(mdp, measure, baseline):
    prices = [0.0, 1.0, 2.0, 3.0, 4.0]
    optima = pm.penalised_optimum(mdp, measure, baseline=baseline, beta=prices, gamma=0.9, default=0, steps=5)
    slopes = [after.value - before.value for before, after in pairwise(optima)]
    assert np.all(np.array(slopes) <= 1e-9)
    assert np.all(np.diff(slopes) >= -1e-9)
    assert [found.beta for found in optima] == prices


@pytest.mark.slow
@given(mdps(max_states=5, max_actions=3, masked=False), st.sampled_from(MEASURES))
def test_inaction_is_the_start_where_nothing_changes_by_itself(mdp, measure):
    stays = [(s, "wait", s, 1.0) for s in range(mdp.num_states)]
    moves = [(s, f"a{a}", t, p) for s, rows in mdp.P.items() for a, row in rows.items() for p, t, *_ in row]
    rewards = np.random.default_rng(0).normal(size=len(stays) + len(moves))
    made = TabularMDP.from_transitions(stays + moves, state_labels=range(mdp.num_states), initial=0, reward=rewards)
    one, other = (
        pm.penalised_optimum(made, measure, baseline=baseline, gamma=0.9, default="wait", steps=5)
        for baseline in ("start", "inaction")
    )
    assert one.value == other.value
    assert one.mdp == other.mdp


@pytest.mark.slow
@settings(max_examples=50)
@given(ending_mdps(max_states=5), st.integers(0, 2**32 - 1), st.sampled_from(BASELINES), st.sampled_from(MEASURES))
def test_relabelling_changes_nothing(mdp, seed, baseline, measure):
    rng = np.random.default_rng(seed)
    order, utilities = rng.permutation(mdp.num_states), rng.random((3, mdp.num_states))
    rows = np.repeat(np.arange(mdp.available.size), np.diff(mdp.indptr))
    moved = TabularMDP.from_transitions(
        [
            (int(order[row // mdp.num_actions]), int(row % mdp.num_actions), int(order[t]), float(p))
            for row, t, p in zip(rows, mdp.successor, mdp.probability, strict=True)
        ],
        state_labels=range(mdp.num_states),
        action_labels=range(mdp.num_actions),
        initial=int(order[0]),
        terminal=order[mdp.terminal].tolist(),
        reward=mdp.reward,
        performance=mdp.performance,
    )
    one, other = (
        pm.penalised_optimum(m, measure, baseline=baseline, gamma=0.9, default=0, steps=6, rewards=paid)
        for m, paid in ((mdp, utilities), (moved, utilities[:, np.argsort(order)]))
    )
    assert other.value == pytest.approx(one.value)
    assert other.mdp.num_states == one.mdp.num_states


SIZES = {"box": (60, 60, 180), "sushi_goal": (365, 373, 1411)}
OPTIMA = [
    ("box", "unreachability", "truncation", "start", False, 0.1, 0.470496509, (0, 0)),
    ("box", "unreachability", "truncation", "stepwise", False, 0.1, 0.856695015, (0, 0)),
    ("box", "relative_reachability", "truncation", "inaction", False, 0.1, 0.836579121, (1, 1)),
    ("box", "relative_reachability", "truncation", "stepwise", True, 1, 0.717818526, (1, 1)),
    ("box", "relative_reachability", "truncation", "stepwise", True, 3, 0.270495279, (1, 1)),
    ("box", "relative_reachability", "truncation", "stepwise", True, 30, 0.0, (0, 0)),
    ("box", "relative_reachability", "absolute", "start", False, 0.1, 0.823472814, (1, 1)),
    ("box", "relative_reachability", "absolute", "stepwise", False, 3, 0.160775441, (1, 1)),
    ("sushi_goal", "unreachability", "truncation", "start", False, 30, -146.06925429, (0, 1)),
    ("sushi_goal", "unreachability", "truncation", "inaction", False, 3, 0.539397226, (1, 1)),
    ("sushi_goal", "unreachability", "truncation", "stepwise", False, 3, 0.808043738, (1, 1)),
    ("sushi_goal", "relative_reachability", "truncation", "start", False, 3, 0.13255737, (0, 0)),
    ("sushi_goal", "relative_reachability", "truncation", "inaction", False, 30, 0.867784478, (1, 1)),
    ("sushi_goal", "relative_reachability", "truncation", "stepwise", False, 1, 0.93819712, (1, 1)),
    ("sushi_goal", "relative_reachability", "truncation", "stepwise", True, 30, 0.898583841, (1, 1)),
    ("sushi_goal", "relative_reachability", "absolute", "inaction", False, 30, 0.79870535, (1, 1)),
    ("sushi_goal", "relative_reachability", "absolute", "stepwise", False, 30, 0.846867609, (1, 1)),
    ("sushi_goal", "relative_reachability", "absolute", "stepwise", True, 3, 0.948790299, (1, 1)),
    ("sushi_goal", "none", "truncation", "start", False, 0, 0.96059601, (0, 1)),
]


@pytest.mark.parametrize(("world", "measure", "function", "baseline", "rollouts", "beta", "value", "scored"), OPTIMA)
def test_figures_of_the_original_worlds(world, measure, function, baseline, rollouts, beta, value, scored):
    found = pm.penalised_optimum(BOX if world == "box" else SUSHI, measure, function, baseline, rollouts, beta)
    assert found.value == pytest.approx(value, abs=1e-6)
    assert found.performance_range == scored
    assert found.return_range == ((0, 0) if value == 0.0 else (1, 1))
    assert found.mdp.num_states == SIZES[world][BASELINES.index(baseline)]


@pytest.mark.parametrize("measure", MEASURES)
def test_what_does_not_fit_is_worked_out_in_parts(measure, monkeypatch):
    """Tables of reachability that are too large are made column by column, to the same bits."""
    settings = {"measure": measure, "rollouts": True, "beta": 1.0, "steps": 100}
    whole = [pm.penalised_optimum(SUSHI, baseline=baseline, **settings) for baseline in BASELINES]
    lost = pm.deviation(Vase(), measure).values
    monkeypatch.setattr(deviating, "TABLE", 8 * 70 * 365)
    parts = [pm.penalised_optimum(SUSHI, baseline=baseline, **settings) for baseline in BASELINES]
    assert parts == whole
    monkeypatch.setattr(deviating, "TABLE", 8 * 5 * 23)
    assert np.array_equal(pm.deviation(Vase(), measure).values, lost)


def test_more_than_fits_is_refused_with_its_size():
    with pytest.raises(ValueError, match=r"max_gib: expected room for all pairs .*found \d+ of them, 0\.0 GiB"):
        pm.penalised_optimum(SUSHI, baseline="inaction", max_gib=1e-4)


def test_the_policy_is_one_of_the_augmented_model():
    found = pm.penalised_optimum(Options(), beta=1.0, steps=30)
    score = pm.horizon_score(found.mdp, found.policy(), 30)
    assert score.performance == pytest.approx(1)
    finite = pm.penalised_optimum(Options(), beta=1.0, steps=30, finite_horizon=True)
    assert finite.policy().shape == (30, *found.policy().shape)
    assert pm.horizon_score(finite.mdp, finite.policy(), 30).performance == pytest.approx(1)


def test_what_steps_pay_that_do_not_end_the_episode():
    """Every deviation on the way costs less, or nothing."""
    values = {
        w: pm.penalised_optimum(Vase(), beta=100, nonterminal=w, steps=20).value for w in ("full", "discount", "none")
    }
    assert values["full"] < values["discount"] < values["none"] < 1


def test_several_starts_each_have_a_baseline_of_their_own():
    grid = PowerGrid("S.S")
    found = pm.penalised_optimum(grid, baseline="start", beta=0.5, steps=5)
    starts = [label for label, p in zip(found.mdp.state_labels, found.mdp.initial, strict=True) if p > 0]
    assert starts == [((0, 0), (0, 0)), ((0, 2), (0, 2))]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"beta": -1}, "beta: expected a number of at least 0, found -1"),
        ({"beta": []}, "beta: expected at least one number, found none"),
        ({"beta": "much"}, "beta: expected a number of at least 0, found 'much'"),
        ({"baseline": "stepwize"}, "baseline: expected one of start, inaction, stepwise.*did you mean 'stepwise'"),
        ({"nonterminal": "half"}, "nonterminal: expected one of full, discount, none"),
        ({"ending": "entred"}, "ending: expected one of left, entered, none.*did you mean 'entered'"),
        ({"averaged": "seen"}, "averaged: expected one of nonterminal, all, reachable"),
        ({"rollout_steps": -1}, "rollout_steps: expected a whole number of at least 0"),
        ({"measure": "nothing"}, "measure: expected one of"),
        ({"measure": "attainable_utility", "value_discount": 1.0}, "value_discount: expected a discount below 1"),
        ({"steps": 0}, "steps: expected a whole number of at least 1"),
        ({"steps": None}, "steps: expected a number of steps, because there is no time limit"),
        ({"finite_horizon": "yes"}, "finite_horizon: expected"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        pm.penalised_optimum(Vase().tables(), **{"steps": 10, **arguments})
