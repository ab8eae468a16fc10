"""Agents of a game while they learn: what the tracker says is what the comparison says, and counts are what was done."""

import numpy as np
import pytest

import power_metrics as pm
from powerenvs.multi import power_pair_v0
from powerenvs.worlds.power.pair import PowerPair

GAME = PowerPair("S..").tables()
POWER = {"human": np.linspace(0.0, 1.0, 9), "ai": np.linspace(1.0, 0.0, 9) ** 2}


def policies(seed=0):
    return {agent: np.random.default_rng(seed).dirichlet(np.ones(5), 9) for agent in GAME.agents}


def test_evaluation_is_the_comparison():
    rewards = np.random.default_rng(1).normal(size=GAME.reward.shape)
    game = GAME.with_(reward=rewards)
    tracker = pm.GameTracker(game, POWER, 0.8)
    found = tracker.evaluate(policies(), 5)
    compared = pm.compare(policies(), game, 0.8, POWER, num_samples=20)
    for i, agent in enumerate(game.agents):
        assert found[f"{agent}/normalised"] == pytest.approx(compared[agent][agent].normalised)
        assert found[f"{agent}/seeking"] == pytest.approx(compared[agent][agent].power_seeking)
        assert found[f"{agent}/return_exact"] == pytest.approx(compared.expected_return[0, i])
        assert found[f"{agent}/gap"] == pytest.approx(compared.best_response_gap[0, i])
    assert found["exploitability"] == pytest.approx(compared.exploitability[0])
    share = compared.occupancies[0]
    covariance = np.cov(np.stack([POWER[agent] for agent in game.agents]), aweights=share, ddof=0)
    assert found["alignment"] == pytest.approx(covariance[0, 1] / np.sqrt(np.diag(covariance).prod()))
    assert found["step"] == 5
    assert np.isnan(found["alignment_visited"])
    assert tracker.compare()["ai"]["ai"] == compared["ai"]["ai"]
    assert len(tracker.to_frame()) == 1


def test_visits_since_the_last_evaluation():
    tracker = pm.GameTracker(GAME, POWER)
    tracker.update([0, 1, 5], {"human": [0, 1, 2], "ai": [0, 0, 0]})
    tracker.evaluate(policies())
    tracker.update([8, 4], {"human": [0, 1], "ai": [4, 4]})
    found = tracker.evaluate(policies(1))
    assert found["human/visited"] == pytest.approx(POWER["human"][[8, 4]].mean())
    assert found["alignment_visited"] == pytest.approx(-1.0)  # of two states
    assert found["step"] == 5
    assert tracker.visitation.sum() == pytest.approx(1.0)
    assert tracker.tracker("ai").counts[8, 4] == 1


def test_a_wrapped_environment_counts_for_it():
    env = pm.PowerParallelWrapper(pm.PowerRewardParallel(power_pair_v0.parallel_env(level="S.."), 2.0, POWER), POWER)
    env.reset(seed=0)
    env.step({"human": 4, "ai": 0})
    assert env.joint.counts["human"].sum() == 1
    assert env.joint.evaluate(policies())["ai/return_exact"] > 0  # what is paid for POWER


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda tracker: pm.GameTracker(GAME, {"human": POWER["human"]}), "power: expected the POWER of every agent"),
        (lambda tracker: pm.GameTracker(GAME.against({"ai": GAME.uniform_policy("ai")})), "env: expected a game"),
        (lambda tracker: tracker.update([0], {"human": [0]}), "actions: expected those of"),
        (lambda tracker: tracker.update([0], {"human": [0], "ai": [9]}), "actions 0 to 4"),
        (lambda tracker: tracker.update([0], {"human": [0], "ai": [0, 1]}), "of one shape"),
        (lambda tracker: tracker.evaluate({"human": policies()["human"]}), "policies: expected those of"),
        (lambda tracker: tracker.evaluate(policies(), float("nan")), "step: expected a number"),
        (lambda tracker: tracker.compare(), "nothing has been evaluated yet"),
        (lambda tracker: tracker.tracker("bob"), "bob"),
        (lambda tracker: pm.PowerParallelWrapper(power_pair_v0.env(level="S.."), POWER), "parallel environment"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call(pm.GameTracker(GAME, POWER))
