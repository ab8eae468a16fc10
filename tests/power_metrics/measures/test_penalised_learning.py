"""Learners that pay for side effects beside exact optima, and beside plain learners of the same arithmetic."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

import power_metrics as pm
from power_metrics.cli.main import main
from power_metrics.measures.side_effects import BASELINES
from power_metrics.measures.side_effects_table import CASES
from powerenvs.worlds.power import PowerGrid
from powerenvs.worlds.side_effects import Options, Vase
from tests.power_metrics.worlds import graph


def case(name):
    return gym.make(CASES[name].id, **CASES[name].kwargs)


@pytest.mark.parametrize(
    ("name", "beta", "baseline", "rollouts", "outcome"),
    [
        ("box", 1, "stepwise", True, (1, 1)),
        ("box", 3, "start", False, (0, 0)),
        ("vase", 1, "stepwise", True, (1, 1)),
        ("vase", 1, "inaction", False, (1, 0)),
        ("sushi_goal", 3, "start", False, (1, 0)),
        ("sushi_goal", 3, "stepwise", True, (1, 1)),
    ],
)
def test_relative_reachability_is_learned_as_the_paper_says(name, beta, baseline, rollouts, outcome):
    """The claims of arXiv 1806.01186: who offsets (inaction, vase), who interferes (start, sushi), who does neither."""
    found = pm.penalised_learning(case(name), beta=beta, baseline=baseline, rollouts=rollouts, num_learners=4)
    assert np.median(found.final_returns) == pytest.approx(outcome[0], abs=0.1)
    assert np.median(found.final_performances) == pytest.approx(outcome[1], abs=0.1)
    exact = pm.penalised_optimum(
        case(name), beta=beta, baseline=baseline, rollouts=rollouts, steps=100, finite_horizon=True
    )
    assert exact.return_range == (outcome[0],) * 2
    assert exact.performance_range == (outcome[1],) * 2


def plain_learner(mdp, beta, baseline, episodes, steps, rng):
    """The same learner, with dictionaries, breadth first searches and numpy's random numbers; unreachability."""
    after, paid, scored = mdp.successors(), mdp.action_rewards(), mdp.action_rewards(performance=True)
    S, A = after.shape
    q, known, noop, start = np.zeros((S, A)), {}, mdp.action_index("noop"), 0
    epsilon, last_scores = 1.0, []

    def distance(source, target):
        seen, frontier, far = {source}, [source], 0
        while frontier:
            if target in seen:
                return far
            frontier = [t for s in frontier for t in known.get(s, {}).values() if t not in seen]
            seen |= set(frontier)
            far += 1
        return np.inf

    for _ in range(episodes):
        s = b = start
        score = 0.0
        for step in range(steps):
            best = np.flatnonzero(q[s] == q[s].max())
            a = int(rng.integers(A)) if rng.random() < epsilon else int(rng.choice(best))
            t = int(after[s, a])
            score += scored[s, a]
            if mdp.terminal[t] or step == steps - 1:
                q[s, a] += 0.1 * (paid[s, a] - beta * (1 - 0.99 ** distance(s, b)) - q[s, a])
                break
            known.setdefault(s, {})[a] = t
            moved = {"start": start, "inaction": b, "stepwise": s}[baseline]
            b = moved if baseline == "start" else known.get(moved, {}).get(noop, moved)
            penalised = paid[s, a] - beta * (1 - 0.99 ** distance(t, b))
            q[s, a] += 0.1 * (penalised + 0.99 * q[t].max() - q[s, a])
            s = t
        last_scores.append(score)
        epsilon = max(0.0, epsilon - 1 / episodes)
    return np.mean(last_scores[:100]), np.mean(last_scores[-100:])


@pytest.mark.parametrize("baseline", BASELINES)
def test_against_a_plain_learner(baseline):
    """Early and late performance agree in the mean over learners, within what learners vary."""
    mdp, settings = Vase().tables(), {"beta": 0.3, "baseline": baseline}
    plain = [plain_learner(mdp, **settings, episodes=200, steps=8, rng=np.random.default_rng(i)) for i in range(12)]
    found = pm.penalised_learning(
        mdp, "unreachability", **settings, rollouts=False, steps=8, num_episodes=200, num_learners=400
    )
    for block, mean in ((0, 0), (-1, 1)):
        expected, several = found.performances[:, block], np.array(plain)[:, mean]
        error = np.hypot(expected.std() / 20, several.std() / np.sqrt(12))
        assert expected.mean() == pytest.approx(several.mean(), abs=4 * error + 1e-9)


def test_a_learner_is_its_own_whatever_is_beside_it():
    shared = {"steps": 20, "num_episodes": 300}
    both = pm.penalised_learning(Options(), "attainable_utility", beta=[1.0, 3.0], num_learners=3, threads=2, **shared)
    alone = pm.penalised_learning(Options(), "attainable_utility", beta=3.0, num_learners=2, threads=1, **shared)
    assert np.array_equal(both[1].returns[:2], alone.returns)
    assert np.array_equal(both[1].performances[:2], alone.performances)
    assert [one.beta for one in both] == [1.0, 3.0]


def test_without_a_price_measures_make_no_difference():
    found = [
        pm.penalised_learning(Vase(), measure, beta=beta, steps=20, num_episodes=250, num_learners=2)
        for measure, beta in (("none", 3.0), ("unreachability", 0.0), ("relative_reachability", 0.0))
    ]
    assert found[0].returns.shape == (2, 3)
    assert all(np.array_equal(found[0].returns, one.returns) for one in found)


def test_starts_are_drawn_and_blocks_are_means():
    grid = PowerGrid("S.S")
    found = pm.penalised_learning(grid, "unreachability", beta=0.0, steps=3, num_episodes=101, num_learners=2)
    assert found.returns.shape == (2, 2)
    assert np.all(found.returns == 0)


@pytest.mark.parametrize(
    ("world", "arguments", "message"),
    [
        (Vase(), {"beta": -1}, "beta: expected a number of at least 0"),
        (Vase(), {"num_episodes": 0}, "num_episodes: expected a whole number of at least 1"),
        (Vase(), {"num_learners": 0}, "num_learners: expected a whole number of at least 1"),
        (Vase(), {"learning_rate": 0}, "learning_rate: expected a number above 0 and up to 1, found 0"),
        (Vase(), {"measure": "attainable_utility", "value_discount": 1}, "value_discount: expected a discount below 1"),
        (Vase(), {"default": "wait"}, "default: unknown action 'wait'"),
        (graph({"a": ["a"]}), {}, "default: unknown action 'noop'"),
        (PowerGrid("..", noise=0.5), {}, "found chance; pm.penalised_optimum and pm.SideEffectPenalty take it"),
    ],
)
def test_refusals(world, arguments, message):
    with pytest.raises(ValueError, match=message):
        pm.penalised_learning(world, **{"steps": 10, **arguments})


def test_the_command_has_learners_too(capsys):
    words = ["side-effects", "--learned", "--beta", "1", "--episodes", "300", "--learners", "2"]
    assert main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("What most of 2 Q-learners do after 300 episodes of at most 100 steps")
    assert sum(line.startswith(("relative", "attain", "unreach")) for line in lines) == 20
