"""The theorems and examples of Everitt et al., arXiv 1705.08417, over random models.

The sizes here are those of a quick run; `tests/benchmarks/bench_corrupt_theorems.py` runs the same checks on 1,000 models.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import power_metrics as pm
from power_metrics.agents.going import going_policies
from powerenvs import TabularMDP
from powerenvs.worlds.corrupt_reward import (
    CorruptReward,
    corrupt_example_21,
    corrupt_example_24,
    corrupt_theorem_16,
)
from tests.corrupt_models import SUPPORTS, check_no_free_lunch, check_observations, check_quantilisers, check_supports
from tests.models import random_table


@pytest.mark.parametrize("seed", range(12))
def test_theorem_11(seed):
    check_no_free_lunch(np.random.default_rng(seed))


@pytest.mark.parametrize("n", [2, 3, 8])
def test_theorem_16(n):
    # The class: what is observed, and the models in which s_n truly pays 1/n and one other state truly pays 1.
    honest = corrupt_theorem_16(n)
    observed = pm.state_rewards(honest).observed
    lies = []
    for best in range(n - 1):
        true = observed.copy()
        true[[best, -1]] = 1.0, 1.0 / n
        lies.append(true)
    belief = np.array([0.9, *np.full(n - 1, 0.1 / (n - 1))])  # an agent that knows of corruption, and thinks it rare
    expected = belief @ np.array([observed, *lies])
    for believed in (observed, expected):  # the agents RL and CR
        policy = pm.optimal_policies(honest, believed, 0.99)[0].numpy()
        regrets = []
        for true in lies:
            mdp = honest.with_(performance=true[honest.successor])
            regrets.append(float(pm.optimal_gain(mdp, performance=True)[0, 0]) - pm.long_run_rates(mdp, policy).true)
        assert max(regrets) == pytest.approx(1 - 1 / n)
    found = pm.worst_case_regret(honest, policy, q=2)
    assert found.method == "enumeration"
    assert found.regret >= 1 - 1 / n


@pytest.mark.parametrize("seed", range(15))
def test_theorem_19_against_brute_force(seed):
    check_observations(np.random.default_rng(seed))


def test_example_18_and_the_condition_which_is_only_sufficient_for_given_data():
    nan = np.nan
    assert pm.inferred_rewards([[0, nan], [nan, 1]], 1, [0, 1]).tolist() == [[0, 0], [0, 1], [1, 1]]
    assert pm.inferred_rewards([[0, 1], [0, 1]], 1, [0, 1]).tolist() == [[0, 1]]
    two_observers = pm.learnable_rewards(corrupt_example_21(), np.ones((2, 2), dtype=bool), q=1)
    assert two_observers.learnable.tolist() == [False, False]  # 2 is not more than 2q


def test_example_21():
    first, second = corrupt_example_21(1), corrupt_example_21(2)
    observed = pm.state_rewards(first).observed
    policy = pm.optimal_policies(first, observed, 0.9)[0].numpy()
    assert policy[:, first.action_index("a2")].tolist() == [1, 1]
    assert pm.long_run_rates(first, policy) == (1.0, 0.0)
    assert pm.optimal_gain(first, performance=True).tolist() == [[1, 1]]  # maximal regret
    assert pm.long_run_rates(second, policy) == (1.0, 1.0)


@pytest.mark.parametrize(("n", "epsilon", "delta"), [(3, 0.1, 0.5), (5, 0.4, 0.3), (3, 0.1, 0.9), (400, 0.1, 0.5)])
def test_example_24_for_a_finite_number_of_actions(n, epsilon, delta):
    mdp = corrupt_example_24(n, epsilon)
    best = float(pm.optimal_gain(mdp, performance=True)[0, 0])
    assert best == pytest.approx(1 - epsilon)
    for behaviour in ("epsilon_greedy", "softmax"):
        policy = pm.q_fixed_point(mdp, behaviour=behaviour, epsilon=0.2).policy
        regret = best - pm.long_run_rates(mdp, policy).true
        assert regret == pytest.approx((1 - epsilon) * (1 - policy[0, 0]))
        assert regret == pytest.approx(1 - epsilon, abs=2 / n)  # in the limit
    quantiliser = pm.corrupt_agents(mdp, deltas=[delta])
    assert quantiliser.regret[-1] == pytest.approx((1 - epsilon) / 2)
    if epsilon < 0.2:
        assert pm.corrupt_agents(mdp, deltas=[1 - epsilon / 2]).regret[-1] == pytest.approx(1 - epsilon)


@pytest.mark.parametrize("seed", range(12))
def test_theorem_23(seed):
    check_quantilisers(np.random.default_rng(seed))


def test_the_bound_is_tight_without_the_assumption_of_easy_worlds_and_the_theorem_is_not_with_it():
    # Without: all seem to pay delta but one that pays 1, and q of them pay nothing: (1 - delta)/n below the bound.
    delta, n, q = 0.8, 100, 20
    seems = np.array([1.0, *[delta] * (n - 1)])
    true = np.array([*seems[: n - q], *np.zeros(q)])
    chosen = pm.StateQuantiliser(delta).chosen(seems)
    bound = pm.quantiliser_bound(delta, q, num_above=n)
    assert true.max() - true[chosen].mean() == pytest.approx(bound - (1 - delta) / n)
    # With: 25 states that seem to pay 1/25 to 1, as few as may be below each delta.
    states = range(25)
    moves = [(s, t, t, 1.0) for s, t in product(states, states)]
    mdp = TabularMDP.from_transitions(moves, reward=[(t + 1) / 25 for _, _, t, _ in moves])
    found = pm.worst_case_regret(mdp, q=1, delta=pm.quantiliser_delta(1, 25))
    assert found.regret < 0.3
    assert pm.quantiliser_bound(0.8, 1, num_states=25) == pytest.approx(0.36)


@pytest.mark.parametrize("seed", range(6))
def test_theorem_28(seed):
    check_supports(np.random.default_rng(seed))


def test_figure_6():
    loop = TabularMDP.from_transitions([(s, "on", (s + 1) % 4, 1.0) for s in range(4)])
    found = SUPPORTS(0.5).supports(loop, [0, 1, 0, 1])
    assert found.shares.tolist() == [[0.25] * 4]
    assert found.states.tolist() == [1, 3]
    assert SUPPORTS(0.51).supports(loop, [0, 1, 0, 1]).states.tolist() == []


def test_supports_of_states_to_stay_in_are_those_of_the_other_quantiliser():
    mdp = CorruptReward("two_goals").tables()
    rewards = pm.state_rewards(mdp).observed
    found = SUPPORTS(0.5, going_policies(mdp, range(25))).supports(mdp, rewards)
    assert found.states.tolist() == pm.StateQuantiliser(0.5).chosen(rewards).tolist()
    assert found.long_run @ rewards == pytest.approx(2.8 / 3)
    with pytest.raises(ValueError, match="candidates: expected policies to consider"):
        SUPPORTS(0.5).supports(mdp, rewards)


@pytest.mark.parametrize("fraction", [0.05, 0.3, 0.5, 1.0])
def test_costs_of_taylors_quantiliser(fraction):
    rng = np.random.default_rng(0)
    base = rng.dirichlet(np.ones(6), size=50)
    found = pm.quantilised_policy(base, rng.normal(size=(50, 6)), fraction)
    assert found.sum(axis=1) == pytest.approx(np.ones(50))
    assert (found <= base / fraction + 1e-12).all()
    for costs in rng.exponential(size=(20, 6)):
        assert (found @ costs <= base @ costs / fraction + 1e-12).all()


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_over_several_choices_the_factor_is_to_the_power_of_their_number(steps):
    # Nothing costs but the end of a row of the choices that seem best.
    last = steps
    moves = [(s, "up", s + 1, 1.0) for s in range(last)] + [(s, "off", "off", 1.0) for s in range(last)]
    moves += [(last, "on", last, 1.0), ("off", "on", "off", 1.0)]
    labels = [*range(last + 1), "off"]
    mdp = TabularMDP.from_transitions(
        moves, labels, initial=0, performance=[float(t[2] == last and t[0] != last) for t in moves]
    )
    rewards = np.array([*range(last + 1), 0.0])[None]
    chances = []
    for policy in (
        mdp.available / mdp.available.sum(axis=1, keepdims=True),
        pm.ActionQuantiliser(0.5).policies(mdp, rewards, 0.9, np.random.default_rng(0))[0],
    ):
        chances.append(pm.horizon_score(mdp, policy, steps).performance)
    assert chances == pytest.approx([0.5**steps, 1.0])
    assert chances[1] / chances[0] == pytest.approx((1 / 0.5) ** steps)


def test_bounds_where_there_are_too_many_models():
    for seed in range(10):
        rng = np.random.default_rng(seed)
        mdp = pm.corrupt(CorruptReward("A.G\nC.."), {(s): float(rng.random()) for s in range(3)})
        policy = random_table(mdp, seed)
        exact = pm.worst_case_regret(mdp, policy, q=2, risky=[0, 1, 4])
        bound = pm.worst_case_regret(mdp, policy, q=2, risky=[0, 1, 4], max_models=0)
        assert (exact.method, exact.num_models, bound.method) == ("enumeration", 12, "bound")
        assert bound.regret >= exact.regret >= 0
        assert (exact.true != exact.observed).sum() <= 2


def test_the_worst_case_is_no_less_than_any_case():
    rng = np.random.default_rng(1)
    mdp = CorruptReward("A.G\nC..").tables()
    policy, seen = random_table(mdp), pm.state_rewards(mdp).observed
    share = pm.average_occupancy(mdp, policy)
    worst = pm.worst_case_regret(mdp, policy, q=2)
    for _ in range(200):
        true = seen.copy()
        true[rng.choice(6, 2, replace=False)] = rng.random(2)
        assert pm.optimal_gain(mdp, true)[0, 0] - share @ true <= worst.regret + 1e-12


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda mdp: pm.worst_case_regret(mdp, delta=2), "delta: expected a number from 0 to 1"),
        (lambda mdp: pm.worst_case_regret(mdp, np.full((25, 5), 0.2), delta=0.5), "delta: expected a policy or"),
        (lambda mdp: pm.worst_case_regret(pm.corrupt(mdp, {3: 2}), q=1), "rewards from 0 to 1, found 0.1 to 2"),
        (lambda mdp: pm.corrupt_agents(pm.corrupt(mdp, {0: 0}), deltas=[1.0, -1]), "delta: expected a number from 0"),
        (lambda mdp: pm.learnable_rewards(mdp, "rll"), "unknown kind 'rll'; did you mean 'rl'"),
        (lambda mdp: pm.learnable_rewards(mdp, np.eye(3)), "expected one of rl, cirl"),
        (lambda mdp: pm.learnable_rewards(mdp, safe=["nowhere"]), "safe: unknown state 'nowhere'"),
        (lambda mdp: pm.inferred_rewards([[0.5]], 1, [0, 1]), "among the levels"),
        (lambda mdp: pm.inferred_rewards(np.zeros((2, 3)), 1, [0]), r"expected an array \(S, S\)"),
        (lambda mdp: pm.no_free_lunch(mdp, steps=3, high=0.5), "0 to 0.9, found 0 and 0.5"),
        (lambda mdp: pm.quantiliser_bound(0.5, 1), "expected one of them"),
        (lambda mdp: pm.quantiliser_delta(3, 2), "q: expected a number of states from 0 to 2"),
        (lambda mdp: pm.quantilised_policy([[1.0]], [[0.0]], 0), "fraction: expected a number above 0"),
        (lambda mdp: pm.StateQuantiliser(-1), "delta: expected a number from 0 to 1"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call(CorruptReward("two_goals").tables())
