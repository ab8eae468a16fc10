"""What chooses the levels of trials: all of them in turn, staircases, QUEST, pairs of two variables."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

import power_metrics as pm
from power_metrics.plots import plot_trials
from tests.power_metrics.psych.subjects import looking, stimuli

TASKS = pm.psych.tasks()


def test_levels():
    fixed = pm.psych.run("VisualSearch", "ideal", trials=5, seed=0, levels=3)
    assert set(fixed.column("set_size")) == {4}
    assert pm.psych.run("VisualSearch", "ideal", trials=5, seed=0).column("difficulty_level").tolist() == [None] * 5
    every = pm.psych.run("VisualSearch", "ideal", trials=300, seed=0, levels="all")
    assert set(every.column("difficulty_level")) == set(range(1, 12))
    for bad in (0, 12, "some"):
        with pytest.raises(ValueError, match="level: expected 1 to 11"):
            pm.psych.run("VisualSearch", "ideal", trials=5, levels=bad)
    with pytest.raises(ValueError, match="levels: expected None with a staircase"):
        pm.psych.run("VisualSearch", "ideal", levels=2, staircase=pm.psych.UpDown(4))
    with pytest.raises(ValueError, match="staircase: expected at most the 11 levels"):
        pm.psych.run("VisualSearch", "ideal", staircase=pm.psych.UpDown(12))
    with pytest.raises(ValueError, match="staircase: expected an UpDown"):
        pm.psych.run("VisualSearch", "ideal", staircase="psychlab")


def test_one_up_two_down_settles_at_the_root_of_a_half():
    """Where P(two in a row) = 1/2; on a grid, the exact chain says where, and walks agree with it."""
    fine = pm.psych.staircase_chain(pm.psych.UpDown(401), np.linspace(1, 0.5, 401))
    assert fine.accuracy == pytest.approx(np.sqrt(0.5), abs=3e-3)
    accuracy = 0.5 + 0.5 * norm.cdf(np.linspace(3, -3, 25))
    exact = pm.psych.staircase_chain(pm.psych.UpDown(25), accuracy)
    assert exact.levels.sum() == pytest.approx(1)
    stairs, rng = pm.psych.UpDown(25), np.random.default_rng(0)
    seen = np.zeros(25)
    for _ in range(20_000):
        level, _ = stairs.next(rng)
        seen[level - 1] += 1
        stairs.record(level, rng.random() < accuracy[level - 1])
    assert np.abs(seen / seen.sum() - exact.levels).max() < 0.03
    assert seen @ accuracy / seen.sum() == pytest.approx(exact.accuracy, abs=0.01)


def test_the_rule_of_psychlab():
    stairs = pm.psych.LevelStaircase(8, promote=0.75, demote=0.5, probe=0.0, start=4)
    for correct in (True, True, True, False):  # three of four: up
        stairs.record(4, correct)
    assert stairs.level == 5
    for correct in (True, True, True, False, False):  # three of five: again
        stairs.record(5, correct)
    assert stairs.level == 5
    for correct in (True, True, False, False, False):  # two of five: down
        stairs.record(5, correct)
    assert stairs.level == 4
    old = pm.psych.LevelStaircase(8, legacy=True, start=3)
    for correct in (True, False, False):  # 1 <= floor(3/2): down
        old.record(3, correct)
    assert old.level == 2
    probing = pm.psych.LevelStaircase(8, probe=0.5, start=6)
    levels = [probing.next(np.random.default_rng(i)) for i in range(400)]
    probes = [level for level, probe in levels if probe]
    assert 150 < len(probes) < 250
    assert set(probes) == set(range(1, 7))
    assert all(level == 6 for level, probe in levels if not probe)
    log = pm.psych.run("MotionDiscrimination", "ideal", trials=150, seed=0, staircase=pm.psych.LevelStaircase(8))
    assert log.column("probe").any()
    assert {name: pm.psych.task(name).staircase for name in TASKS} == dict.fromkeys(TASKS, (0.75, 0.5, 0.1)) | {
        "VisualSearch": (1.0, 0.75, 0.1),
        "MultipleObjectTracking": (1.0, 0.5, 0.1),
    }
    chain = pm.psych.staircase_chain(pm.psych.LevelStaircase(8), np.linspace(1, 0.5, 8))
    assert chain.levels.sum() == pytest.approx(1)
    for wrong in ({"promote": 0.5, "demote": 0.6}, {"probe": 1.0}, {"start": 9}, {"levels": 0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            pm.psych.LevelStaircase(**{"levels": 8, **wrong})
    with pytest.raises(ValueError, match="accuracy: expected 8 numbers"):
        pm.psych.staircase_chain(pm.psych.LevelStaircase(8), [0.5])


def test_quest_finds_the_threshold():
    """Of a Weibull observer, on a fine scale of intensities, within a few per cent after 300 trials."""
    intensities = np.geomspace(1, 0.01, 120)
    found = []
    for i in range(8):
        rng, quest = np.random.default_rng(i), pm.psych.Quest(intensities)
        for _ in range(300):
            level, _ = quest.next(rng)
            p = 0.5 + 0.49 * -np.expm1(-((intensities[level - 1] / 0.1) ** 3.5))
            quest.record(level, rng.random() < p)
        assert quest.belief.sum() == pytest.approx(1)
        found.append(quest.threshold)
    assert np.mean(np.log(found)) == pytest.approx(np.log(0.1), abs=0.05)
    for bad in ([0.1, 0.5], [], [1, 0], [[1, 2]]):
        with pytest.raises(ValueError, match="intensities: expected numbers above 0 that fall"):
            pm.psych.Quest(bad)
    with pytest.raises(ValueError, match="slope: expected a number above 0"):
        pm.psych.Quest([1, 0.5], slope=0)


def test_two_variables_have_levels_in_pairs(tmp_path):
    """Along both at once: fixed, by chance, by a staircase; the same trials for everybody, and one line a pair."""
    ideal, guess = (pm.psych.run("ChangeDetection", who, 60, seed=3, levels="pairs") for who in ("ideal", "random"))
    assert stimuli(ideal) == stimuli(guess)
    assert len(set(ideal.column("delay"))) == 6
    assert ideal.rows[0]["difficulty_level"] == [
        ideal.rows[0]["set_size"], 1 + [1, 2, 4, 8, 16, 32].index(ideal.rows[0]["delay"])
    ]  # fmt: skip
    fixed = pm.psych.run("LandoltC", "ideal", trials=5, levels=(2, 3))
    assert {(row["scale"], row["contrast"]) for row in fixed} == {(0.5, 0.25)}
    seen = pm.psych.run("LandoltC", looking, trials=3, levels=(2, 3), screen={"timeout": 40, "size": 32})
    assert stimuli(seen) == stimuli(fixed)[:3]
    for suffix in (".csv", ".jsonl"):
        ideal.save(tmp_path / f"log{suffix}")
        assert pm.psych.TrialLog.load(tmp_path / f"log{suffix}") == ideal
    with pytest.raises(ValueError, match=r"expected trials of one delay, found 6; take log.where\(delay=1\)"):
        pm.psych.psychometric(ideal)
    with pytest.raises(ValueError, match=r"level: expected a pair of 1 to 6 \(scale\) and 1 to 6 \(contrast\)"):
        pm.psych.run("LandoltC", "ideal", trials=5, levels=(7, 1))
    with pytest.raises(ValueError, match="level: expected a number, as Harlow has one variable"):
        pm.psych.run("Harlow", "ideal", trials=5, levels=(1, 1))
    with pytest.raises(ValueError, match="levels: expected 'all' or a number"):
        pm.psych.run("Harlow", "ideal", trials=5, levels="pairs")
    with pytest.raises(ValueError, match="has one variable"):
        pm.psych.run("Harlow", "ideal", staircase=pm.psych.PairStaircase((1, 1)))
    few = pm.psych.TrialLog([row for row in ideal.rows if row["set_size"] in (2, 8)], ideal.task, "ideal", 3)
    figure = plot_trials(few)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["ideal", *(f"delay {delay}" for delay in few.by("delay"))]


def test_a_staircase_of_pairs_walks_along_the_edge():
    """Of an observer who sees what is large and strong enough together: base right, every advance that leads on wrong."""
    stairs, rng = pm.psych.PairStaircase((6, 6), probe=0.1), np.random.default_rng(0)
    probes = 0
    for _ in range(1_500):
        pair, probe = stairs.next(rng)
        probes += probe
        if not probe:
            stairs.record(pair, sum(pair) <= 7)
        else:
            assert all(1 <= level <= now for level, now in zip(pair, stairs.level, strict=True))
    assert 90 < probes < 220
    assert {sum(pair) for pair in stairs.history[20:]} == {7}  # no further, and never back
    climbing = pm.psych.PairStaircase((2, 3), probe=0.0, trials=1)
    for _ in range(40):
        climbing.record(climbing.next(rng)[0], True)
    assert climbing.level == (2, 3)
    for _ in range(40):
        climbing.record(climbing.next(rng)[0], False)
    assert climbing.level == (1, 1)
    for wrong in (
        {"levels": 6},
        {"levels": (0, 2)},
        {"start": (7, 1)},
        {"probe": 1.0},
        {"trials": 0},
        {"promote": 0.4},
    ):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            pm.psych.PairStaircase(**{"levels": (6, 6), **wrong})
