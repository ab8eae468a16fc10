"""Reward models and queries: the laws that hold in tables, exactly."""

from __future__ import annotations

import math

import gymnasium as gym
import numpy as np
import pytest

import power_metrics as pm
from power_metrics.preferences.logistic import Logistic, loss, probability, slopes
from powerenvs import tabular_model

Segment, RewardModel, SyntheticTeacher = (
    pm.preferences.Segment, pm.preferences.RewardModel, pm.preferences.SyntheticTeacher
)  # fmt: skip


@pytest.fixture(scope="module")
def world():
    rng = np.random.default_rng(0)
    env = pm.TaskReward(gym.make("powerenvs:PowerGrid-v0", level="open_3x3"), rng.random(9))
    pieces = pm.preferences.collect(env, num_segments=300, length=6, seed=0)
    return env, pieces[:150], pieces[150:]


def exact(env, **options):
    return RewardModel(env, "state", members=1, bootstrap=False, scale=None, **{"l2": 0.0, **options})


def centred(values):
    return values - values.mean()


def test_soft_labels_with_the_matching_noise_give_the_reward_back(world):
    env, left, right = world
    mdp = tabular_model(env)
    for noise in (0.0, 0.1):
        teacher = SyntheticTeacher(env, temperature=1.0, noise=noise)
        mu = [teacher.preference(a, b) for a, b in zip(left, right, strict=True)]
        model = exact(env, noise=noise).fit(left, right, mu)
        assert model.fits[0].gradient < 1e-9
        np.testing.assert_allclose(centred(model.rewards()), centred(mdp.reward), atol=1e-7)
        wrong = exact(env, noise=0.1 - noise).fit(left, right, mu)
        assert 0.02 < np.abs(centred(wrong.rewards()) - centred(mdp.reward)).max() < 0.3


def test_hard_labels_have_no_minimum_without_a_regulariser(world):
    env, left, right = world
    teacher = SyntheticTeacher(env)
    mu = np.array([teacher.preference(a, b) for a, b in zip(left, right, strict=True)])
    assert not exact(env, noise=0.0).fit(left, right, mu).fits[0].finite
    counts = np.array([np.bincount(one.states[1:], minlength=9) for one in (*left, *right)], dtype=float)
    problem = Logistic(counts[:150] - counts[150:], mu)
    sizes = [np.linalg.norm(problem.solve(gradient=10.0**-k).weights) for k in (2, 4, 6, 8)]
    assert min(np.diff(sizes)) > 2.0  # they grow with the logarithm of the gradient, for ever
    held = problem.solve(l2=1e-3)
    assert held.finite
    assert held.gradient < 1e-9


def test_gauge_and_lengths(world):
    """A constant changes nothing for equal lengths; segments that end early tell the level."""
    env, left, right = world
    model = exact(env, noise=0.0, l2=0.1)
    teacher = SyntheticTeacher(env)
    mu = [teacher.preference(a, b) for a, b in zip(left, right, strict=True)]
    assert model.fit(left, right, mu).level == "free"
    before = model.preferences(left, right)
    model._weights = model._weights + np.array([0.7] * 9 + [0.0])
    np.testing.assert_allclose(model.preferences(left, right), before, rtol=1e-12)
    scaled = RewardModel(env, "state", members=2).fit(left, right, mu)
    steps = np.concatenate([scaled.step_rewards(one) for one in {*left, *right}])
    assert abs(steps.mean()) < 1e-9
    island = gym.make("powerenvs:powerenvs/IslandNavigation-v0")
    pieces = pm.preferences.collect(island, num_segments=600, length=10, seed=1)
    island_teacher = SyntheticTeacher(island, temperature=20.0)
    mu = [island_teacher.preference(a, b) for a, b in zip(pieces[:300], pieces[300:], strict=True)]
    model = exact(island, noise=0.0).fit(pieces[:300], pieces[300:], mu)
    assert model.level == "data"
    learned = [20.0 * model.step_rewards(one) for one in pieces]
    paid = [one.rewards for one in pieces]
    np.testing.assert_allclose(np.concatenate(learned), np.concatenate(paid), atol=1e-5)
    assert exact(island, lengths="mean", l2=0.1).fit(pieces[:300], pieces[300:], mu).level == "free"


def test_equal_members_differ_in_nothing(world):
    env, left, right = world
    mu = [SyntheticTeacher(env).preference(a, b) for a, b in zip(left, right, strict=True)]
    for kind, options in (("state_action", {}), ("network", {"hidden": (8,), "epochs": 2})):
        same = RewardModel(env, kind, seeds=[4, 4, 4], **options).fit(left, right, mu)
        assert same.variance(left, right).max() == 0.0
        other = RewardModel(env, kind, seeds=[4, 5, 6], **options).fit(left, right, mu)
        assert other.variance(left, right).max() > 1e-6


def test_noisy_answers(world):
    """The better of two far-apart segments is named with probability .95, and no fit says more."""
    env, left, right = world
    teacher = SyntheticTeacher(channel=lambda one: float(one.states[-1]), noise=0.1, seed=3)
    low, high = Segment([0], states=[0, 0]), Segment([4], states=[0, 1])
    said = np.array([teacher(high, low) for _ in range(4000)])
    assert abs((said == "left").mean() - 0.95) < 4 * math.sqrt(0.95 * 0.05 / 4000)
    hard = SyntheticTeacher(env)
    mu = [hard.preference(a, b) for a, b in zip(left, right, strict=True)]
    found = RewardModel(env, noise=0.1, l2=1e-6).fit(left, right, mu).preferences(left, right)
    assert 0.05 <= found.min() < 0.051
    assert 0.949 < found.max() <= 0.95
    rate = exact(env, noise=0.1, l2=1e-9).fit([high] * 2, [low] * 2, [0.95, 0.75])
    assert rate.preferences([high], [low])[0, 0] == pytest.approx(0.85, abs=1e-4)  # the empirical rate


def test_ties_and_what_cannot_be_compared():
    env = gym.make("powerenvs:PowerGrid-v0", level="....")
    one, two, three = (Segment([0], states=[s, s]) for s in range(3))
    model = exact(env, noise=0.0, l2=1e-8).fit([one, one, two], [two, three, three], [0.5, np.nan, 0.75])
    worth = model.returns([one, two, three])[0]
    assert model.num_labels == 2
    assert worth[0] == pytest.approx(worth[1], abs=1e-5)
    assert worth[1] - worth[2] == pytest.approx(math.log(3), abs=1e-5)


def test_derivatives_of_the_loss():
    z, mu, step = np.linspace(-4, 4, 9), np.linspace(0, 1, 9), 1e-5
    for noise in (0.0, 0.1):
        first, second, fisher = slopes(z, mu, noise)
        up, down = loss(z + step, mu, noise), loss(z - step, mu, noise)
        np.testing.assert_allclose(first, (up - down) / (2 * step), atol=1e-8)
        rise = slopes(z + step, mu, noise)[0] - slopes(z - step, mu, noise)[0]
        np.testing.assert_allclose(second, rise / (2 * step), atol=1e-8)
        assert (fisher >= 0).all()
    assert probability(np.array([-800.0, 800.0]), 0.1).tolist() == [0.05, 0.95]


def test_more_dimensions_than_newton_takes(monkeypatch):
    rng = np.random.default_rng(0)
    x, mu = rng.normal(size=(40, 30)), rng.random(40)
    newton = Logistic(x, mu, 0.1).solve(l2=0.01)
    monkeypatch.setattr("power_metrics.preferences.logistic.NEWTON", 1)
    other = Logistic(x, mu, 0.1).solve(l2=0.01, gradient=1e-8)
    np.testing.assert_allclose(other.weights, newton.weights, atol=1e-5)


def test_schedules():
    stepped = pm.preferences.schedule("stepped", 1000, 100, first=0.0)
    harmonic = np.cumsum(1 / np.arange(1, 11))
    np.testing.assert_allclose([stepped(10 * k) for k in range(1, 11)], 1000 * harmonic / harmonic[-1])
    assert stepped(50) == pytest.approx(779.6, abs=0.05)
    continuous = pm.preferences.schedule("hyperbolic", 1000, 100, first=0.0)
    assert continuous(50) == pytest.approx(747.2, abs=0.05)
    mujoco = pm.preferences.schedule("hyperbolic", 700, int(1e7), scale=2e6)
    assert mujoco(0) == 175
    assert mujoco(4e6) == pytest.approx(700 * (0.25 + 0.75 * math.log(3) / math.log(6)))
    assert pm.preferences.schedule("constant", 100, 10, first=0.5)(5) == 75


def test_queries_of_largest_variance(world):
    env, left, right = world
    mu = [SyntheticTeacher(env).preference(a, b) for a, b in zip(left, right, strict=True)]
    model = RewardModel(env).fit(left[:20], right[:20], mu[:20])
    chosen = pm.preferences.choose_pairs([*left, *right], 30, model, seed=1)
    drawn = pm.preferences.choose_pairs([*left, *right], 300, model, queries="uniform", seed=1)
    spread = [model.variance(*zip(*pairs, strict=True)) for pairs in (chosen, drawn)]
    assert (np.diff(spread[0]) <= 0).all()
    np.testing.assert_allclose(spread[0], np.sort(spread[1])[::-1][:30])  # the best tenth of those drawn


def test_the_l2_of_the_paper_and_files(world, tmp_path):
    env, left, right = world
    teacher = SyntheticTeacher(env, temperature=1.0)
    mu = [{"left": 1.0, "right": 0.0}[teacher(a, b)] for a, b in zip(left, right, strict=True)]
    model = RewardModel(env, "transition").fit(left, right, mu)
    assert all(1.1 <= fit.validation / fit.train <= 1.5 for fit in model.fits)
    model.save(tmp_path / "a.npz")
    again = RewardModel(env, "transition").load(tmp_path / "a.npz")
    np.testing.assert_array_equal(again.rewards(), model.rewards())
    with pytest.raises(ValueError, match="of this kind"):
        RewardModel(env, "state").load(tmp_path / "a.npz")
    small = RewardModel(env, "network", hidden=(8,), epochs=3, dropout=0.1).fit(left, right, mu)
    small.save(tmp_path / "b.npz")
    again = RewardModel(env, "network", hidden=(8,), dropout=0.1).load(tmp_path / "b.npz")
    np.testing.assert_allclose(again.rewards(), small.rewards())


def test_networks_and_features_in_environments_without_tables():
    """Keep the pole up: segments that fall are worse. Both kinds see it; the wrapper pays it."""
    env = gym.make("CartPole-v1")
    pieces = pm.preferences.collect(env, num_segments=60, length=15, seed=0)
    teacher = SyntheticTeacher(channel=lambda one: -float(np.abs(one.observations[:, 2]).mean()), tie=0.0)
    left, right = pieces[:30], pieces[30:]
    mu = [teacher.preference(a, b) for a, b in zip(left, right, strict=True)]

    def tilt(seen, action, after):
        return [abs(after[2])]

    for kind, options in (("network", {"hidden": (32,), "epochs": 150, "learning_rate": 1e-2}), (tilt, {})):
        model = RewardModel(env, kind, lengths="mean", noise=0.0, l2=1e-4, **options).fit(left, right, mu)
        right_ones = (model.preferences(left, right).mean(axis=0) > 0.5) == np.array(mu, dtype=bool)
        assert right_ones.mean() >= 0.9
        paid = pm.preferences.LearnedReward(env, model)
        seen, _ = paid.reset(seed=0)
        after, reward, *_, info = paid.step(1)
        assert reward == pytest.approx(model.reward(seen, 1, after))
        assert info["true_reward"] == 1.0
        with pytest.raises(ValueError, match="tables"):
            model.tables()


def test_the_wrapper_pays_what_the_tables_say(world):
    env, left, right = world
    mu = [SyntheticTeacher(env).preference(a, b) for a, b in zip(left, right, strict=True)]
    model = RewardModel(env).fit(left, right, mu)
    paid = pm.preferences.LearnedReward(env, model)
    mdp = tabular_model(paid)
    np.testing.assert_array_equal(mdp.reward, model.rewards())
    _, info = paid.reset(seed=1)
    for action in (0, 1, 2, 3, 4):
        state = info["state"]
        _, reward, *_, info = paid.step(action)
        assert reward == mdp.P[state][action][0][2]
    model.fit(right, left, mu)
    paid.refresh()
    np.testing.assert_array_equal(tabular_model(paid).reward, model.rewards())


def test_what_a_teacher_sees():
    env = gym.make("powerenvs:powerenvs/AbsentSupervisor-v0")
    pieces = pm.preferences.collect(env, num_segments=200, length=20, seed=0)
    worth = {
        name: np.array([SyntheticTeacher(env, name).value(p) for p in pieces])
        for name in ("reward", "performance", "board")
    }
    assert not np.allclose(worth["reward"], worth["performance"])
    np.testing.assert_allclose(worth["reward"], [piece.rewards.sum() for piece in pieces])
    np.testing.assert_allclose(worth["board"], worth["performance"])  # the supervisor stands on the board


def test_bad_models(world):
    env, left, right = world
    model = RewardModel(env)
    for call, words in (
        (lambda: RewardModel(env, "states"), "unknown"),
        (lambda: RewardModel(env, np.zeros((3, 2))), "shape"),
        (lambda: RewardModel(env, l2="ratio", bootstrap=False), "nothing is left"),
        (lambda: RewardModel(env, noise=1.0), "noise"),
        (lambda: RewardModel(env, seeds=[1]), "expected 3"),
        (lambda: RewardModel(env, hidden=(3,)), "no settings"),
        (lambda: RewardModel(env, "network", layers=3), "expected hidden"),
        (lambda: model.fit(left, right, [1.0]), "preference"),
        (lambda: model.fit(left[:1], right[:1], [2.0]), "from 0 to 1"),
        (lambda: model.fit(left[:1], right[:1], [np.nan]), "found none"),
        (lambda: model.fit([Segment([0], states=[0, 8])], right[:1], [1.0]), "action 0 from state 0 to 8"),
        (lambda: pm.preferences.LearnedReward(env, model), "is fitted"),
        (lambda: pm.preferences.schedule("linear", 1, 1), "kind"),
        (lambda: pm.preferences.choose_pairs(left[:1], 1), "at least two"),
        (lambda: SyntheticTeacher(channel="board"), "env"),
    ):
        with pytest.raises(ValueError, match=words):
            call()
