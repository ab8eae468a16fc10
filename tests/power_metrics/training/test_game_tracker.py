"""Agents of a game while they learn: what the tracker says is what the comparison says, and counts are what was done."""

import copy

import cloudpickle
import gymnasium as gym
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


def walked(env):
    env.reset(seed=0)
    env.step({"human": 4, "ai": 0} if isinstance(env, pm.PowerParallelWrapper) else 4)


@pytest.mark.parametrize(
    "env",
    [
        pm.PowerParallelWrapper(power_pair_v0.parallel_env(level="S.."), POWER),
        pm.PowerWrapper(gym.make("powerenvs:PowerGrid-v0", level="S.."), np.arange(3.0)),
    ],
    ids=["game", "one agent"],
)
def test_copies_by_pickling_count_for_the_original(env, monkeypatch):
    """SuperSuit steps such copies, which nobody sees; a deep copy, which is walked to look at it, counts for itself."""
    of = (
        (lambda one: one.counts["ai"]) if isinstance(env, pm.PowerParallelWrapper) else (lambda one: one.tracker.counts)
    )
    copies = [cloudpickle.loads(cloudpickle.dumps(env)) for _ in range(2)]
    twice = cloudpickle.loads(cloudpickle.dumps(copies[0]))
    for one in (*copies, twice, env):
        walked(one)
    assert of(env).sum() == 4
    assert env.visitation.sum() == 1.0
    apart = copy.deepcopy(env)
    walked(apart)
    walked(cloudpickle.loads(cloudpickle.dumps(apart)))
    assert (of(env).sum(), of(apart).sum()) == (4, 6)
    away = cloudpickle.dumps(env)
    monkeypatch.setattr("os.getpid", lambda: -1)
    walked(cloudpickle.loads(away))
    assert of(env).sum() == 4
    of(env)[:] = 0
    for counts in getattr(env, "counts", {}).values():
        counts[:] = 0
    with pytest.warns(UserWarning, match=r"nothing was counted.*other processes"):
        assert np.isnan(env.visitation).all()


@pytest.mark.parametrize("suffix", ["csv", "npz"])
def test_goes_on_with_what_was_saved(tmp_path, suffix):
    path = tmp_path / f"history.{suffix}"
    whole, first = pm.GameTracker(GAME, POWER, 0.8), pm.GameTracker(GAME, POWER, 0.8)
    parts = [([0, 1, 5], {"human": [0, 1, 2], "ai": [0, 0, 0]}), ([8, 4], {"human": [0, 1], "ai": [4, 4]})]
    for tracker in (whole, first):
        tracker.update(*parts[0])
        tracker.evaluate(policies(), 3)
    first.save(path)
    again = pm.GameTracker(GAME, POWER, 0.8)
    again.resume(path)
    for tracker in (whole, again):
        tracker.update(*parts[1])
        tracker.evaluate(policies(1), 5)
    kept, lost = again.to_frame().drop(columns="seconds"), whole.to_frame().drop(columns="seconds")
    np.testing.assert_array_equal(kept, lost)
    assert again.counts["ai"].sum() == (5 if suffix == "npz" else 2)
    with pytest.raises(ValueError, match="has"):
        again.resume(path)
    if suffix == "npz":
        found = pm.GameTracker.load(path, power_pair_v0.parallel_env(level="S.."))
        assert found.compare()["ai"]["ai"].normalised == pytest.approx(first.history[0]["ai/normalised"])
        with pytest.raises(ValueError, match=r"POWER and discount 0\.7"):
            pm.GameTracker(GAME, POWER, 0.7).resume(path)
        with pytest.raises(ValueError, match="expected the history of"):
            pm.GameTracker.load(path, PowerPair("S..", walls="absent"))
    else:
        (tmp_path / "other.csv").write_text("step,alignment\n0,1\n")
        with pytest.raises(ValueError, match="'human/seeking' in it"):
            pm.GameTracker(GAME, POWER).resume(tmp_path / "other.csv")
    with pytest.raises(ValueError, match=r"ends in \.csv or \.npz"):
        first.save(tmp_path / "history.txt")


def test_seeds_of_a_game_go_into_one_picture():
    runs = []
    for seed in range(3):
        runs.append(pm.GameTracker(GAME, POWER))
        for step in range(2):
            runs[-1].evaluate(policies(3 * step + seed), step)
    figure = pm.plot_training({"mine": runs}, ["ai/normalised", "alignment"])
    first, second = figure.axes
    assert first.get_ylabel().startswith("AI: ")
    assert "power-seeking" in first.get_ylabel()
    learned, best = (line.get_ydata() for line in first.lines[:2])
    assert learned == pytest.approx([np.mean([run.history[k]["ai/normalised"] for run in runs]) for k in range(2)])
    assert best == pytest.approx(
        [np.mean([run.history[k]["ai/normalised_task_optimal"] for run in runs]) for k in range(2)]
    )
    assert second.get_ylabel() == "correlation of the agents' POWER"
    assert len(first.collections) == 1  # the band


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
