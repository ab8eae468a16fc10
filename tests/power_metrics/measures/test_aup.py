"""Agents of attainable utility preservation: the published ablation, and plans against a search through all of them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import power_metrics as pm
from power_metrics.agents.aup import Aup, learn_aup, planned_run
from power_metrics.cli.main import main
from power_metrics.measures.aup import ABLATION, WORLDS, aup_table
from power_metrics.measures.penalised_learning import course_of
from power_metrics.measures.side_effects import BASELINES
from powerenvs.worlds.power import PowerGrid
from powerenvs.worlds.side_effects import Survival, Vase


@pytest.mark.slow
def test_most_agents_pass_and_fail_where_it_was_published():
    """Turner et al., arXiv 1902.09725: which agents of the ablation have the best outcome in which world."""
    table = aup_table(num_learners=5)
    for name, (_, published) in ABLATION.items():
        assert "".join("P" if share > 0.5 else "f" for share in table[name].values()) == published


def best_plan(course, seen, q, rules, baseline, decrease, steps):
    """The worth of the best plan, by trying every sequence of actions, straight from the definition."""

    def reached(actions):
        s = int(np.flatnonzero(course.starts)[0])
        for a in actions:
            s = s if course.terminal[s] else int(course.after[s, a])
        return s

    def attainable(actions):
        return q[seen[reached(actions)]].max(axis=0)

    noop, worths = rules.noop, []
    for actions in itertools.product(range(course.after.shape[1]), repeat=steps):
        total = 0.0
        for t, a in enumerate(actions):
            s, left = reached(actions[:t]), steps - t
            if course.terminal[s]:
                break
            null = {
                "start": attainable(()),
                "inaction": attainable((noop,) * steps),
                "stepwise": q[seen[reached(actions[:t] + (noop,) * left)], noop],
            }[baseline]
            change = attainable(actions[: t + 1] + (noop,) * (left - 1)) - null
            change = np.minimum(change, 0) if decrease else change
            share = np.abs(change) / np.where(null == 0, 1.0, null)
            total += rules.gamma**t * (course.reward[s, a] - rules.price * share.mean())
        worths.append((total, actions))
    top = max(worth for worth, _ in worths)
    ways = [actions for worth, actions in worths if worth > top - 1e-12]
    return {score(course, actions) for actions in ways}


def score(course, actions):
    s, total = int(np.flatnonzero(course.starts)[0]), 0.0
    for a in actions:
        if course.terminal[s]:
            break
        total, s = total + course.performance[s, a], int(course.after[s, a])
    return round(total, 9)


@pytest.mark.parametrize("world", [Survival(), Vase()], ids=["Survival", "Vase"])
@pytest.mark.parametrize("baseline", BASELINES)
@pytest.mark.parametrize("decrease", [False, True])
def test_plans_against_all_plans(world, baseline, decrease):
    mdp = world.tables()
    course, rules = course_of(mdp), Aup(2 / 3, 0.9, 4, 20, 200)
    seen = mdp.observation.astype(np.int32)
    utilities = np.random.default_rng(1).random((seen.max() + 1, 3))
    q, own = np.zeros((len(utilities), 5, 3)), np.zeros((len(utilities), 5))
    learn_aup(course, seen, utilities, rules, np.array([7], dtype=np.uint64), q, own)
    _, performance = planned_run(course, seen, q, rules, baseline, decrease, 4)
    assert round(performance, 9) in best_plan(course, seen, q, rules, baseline, decrease, 4)


def test_learned_values_are_those_of_the_known_world():
    """At the learning rate 1 with enough exploration Q is the optimum: Q(s, a) = u(s') + γ max Q(s', .)."""
    mdp = Vase().tables()
    course, rules = course_of(mdp), Aup(2 / 3, 0.9, 4, 50, 3000)
    seen = np.arange(mdp.num_states, dtype=np.int32)
    utilities = np.random.default_rng(1).random((mdp.num_states, 2))
    q, own = np.zeros((mdp.num_states, 5, 2)), np.zeros((mdp.num_states, 5))
    learn_aup(course, seen, utilities, rules, np.array([7], dtype=np.uint64), q, own)
    after = course.after
    expected = utilities[after] + 0.9 * np.where(mdp.terminal[:, None], 0.0, q.max(axis=1))[after]
    going_on = ~mdp.terminal
    assert q[going_on] == pytest.approx(expected[going_on], abs=1e-6)


@pytest.mark.parametrize(
    ("world", "arguments", "message"),
    [
        (Vase(), {"agent": "planing"}, "agent: expected one of planning, model_free, vanilla.*did you mean 'planning'"),
        (Vase(), {"price": -1}, "expected a number of at least 0, found -1"),
        (Vase(), {"plan_steps": 0}, "plan_steps: expected a whole number of at least 1"),
        (Vase(), {"baseline": "now"}, "baseline: expected one of start"),
        (PowerGrid("..", noise=0.5), {}, "found chance"),
    ],
)
def test_refusals(world, arguments, message):
    with pytest.raises(ValueError, match=message):
        pm.aup(world, **{"steps": 10, **arguments})


def test_the_command(capsys):
    assert main(["side-effects", "--aup", "--learners", "1", "--episodes", "30"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in (*ABLATION, *WORLDS))
    assert main(["side-effects", "--aup", "--learned"]) == 2
    assert main(["side-effects", "--aup", "--learners", "0"]) == 2
