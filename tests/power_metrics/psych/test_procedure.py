"""Trials: whoever does them, whatever chooses the levels; logs, fits and pictures."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.optimize import minimize

import power_metrics as pm
from power_metrics.plots import plot, plot_trials
from power_metrics.psych.weighted import LINKS, fit_many, predicted
from tests.power_metrics.psych.subjects import looking, stimuli

TASKS = pm.psych.tasks()
OWN = ("block", "trial", "reaction_time", "step_count", "response", "correct", "difficulty_level", "probe")


@pytest.mark.parametrize("name", TASKS)
def test_the_same_seed_gives_the_same_trials_to_everybody(name):
    logs = [
        pm.psych.run(name, subject, trials=12, seed=5, levels="all", screen=screen)
        for subject, screen in (
            ("ideal", None),
            ("random", None),
            ("noisy", None),
            (looking, {"timeout": 60, "size": 32}),
        )
    ]
    for log in logs[1:]:
        assert stimuli(log) == stimuli(logs[0])
    assert all(tuple(row)[: len(OWN)] == OWN for log in logs for row in log)
    assert stimuli(pm.psych.run(name, "ideal", trials=12, seed=6, levels="all")) != stimuli(logs[0]) or name == "Harlow"


def test_who_may_be_a_subject(tmp_path):
    import gymnasium as gym
    from stable_baselines3 import PPO

    env = gym.make("powerenvs/Harlow-v0")
    model = PPO("MlpPolicy", env, n_steps=8, batch_size=8, n_epochs=1, seed=0, device="cpu")
    table = pm.policy_table(model, env)
    by_model, by_table = (pm.psych.run("Harlow", subject, trials=60, seed=1) for subject in (model, table))
    assert by_model.rows == by_table.rows
    pixels = gym.make("powerenvs/Harlow-v0", observation="screen", size=40)
    seeing = PPO("CnnPolicy", pixels, n_steps=8, batch_size=8, n_epochs=1, seed=0, device="cpu")
    log = pm.psych.run("Harlow", seeing, trials=2, seed=1, screen={"size": 40, "timeout": 20, "dwell": 1})
    assert log.subject == "PPO"
    from power_metrics.cli.main import main

    files = {name: str(tmp_path / f"{name}.zip") for name in ("knows", "sees")}
    model.save(files["knows"])
    seeing.save(files["sees"])
    options = ["--levels", "own", "--seed", "1", "--subject"]
    assert main(["psych", "Harlow", "--trials", "60", "--log", str(tmp_path / "a.csv"), *options, files["knows"]]) == 0
    assert pm.psych.TrialLog.load(tmp_path / "a.csv").rows == by_model.rows
    screen = ["--screen", "size=40", "--screen", "timeout=20", "--screen", "dwell=1"]
    assert (
        main(["psych", "Harlow", "--trials", "2", "--log", str(tmp_path / "b.csv"), *screen, *options, files["sees"]])
        == 0
    )
    assert pm.psych.TrialLog.load(tmp_path / "b.csv").rows == log.rows
    assert main(["psych", "Harlow", "--subject", str(tmp_path / "none.zip")]) == 2
    for bad in (3, "ideel", None, np.zeros((2, 2))):
        with pytest.raises(ValueError, match="subject"):
            pm.psych.run("Harlow", bad, trials=2)
    with pytest.raises(ValueError, match="screen: expected None"):
        pm.psych.run("Harlow", "ideal", trials=2, screen={"size": 40})


def test_noisy_subjects_are_between_ideal_and_random():
    exact = pm.psych.ideal("MotionDiscrimination", coherence=0.3, bound=5)
    accuracies = []
    for lapse in (0.0, 0.1, 1.0):
        policy = pm.psych.NoisyIdeal(lapse=lapse).policy
        from power_metrics.psych.named import Tables

        tables = Tables(pm.psych.task("MotionDiscrimination", coherence=0.3, bound=5))
        accuracies.append(pm.psych.observer(tables.task, policy(tables)).accuracy)
        soft = pm.psych.NoisyIdeal(lapse=lapse, temperature=0.02).policy(tables)
        assert soft.sum(axis=1) == pytest.approx(1)
    assert accuracies[0] == pytest.approx(exact.accuracy)
    assert accuracies[0] > accuracies[1] > accuracies[2]
    for bad in ({"lapse": 2}, {"temperature": -1}, {"lapse": "x"}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            pm.psych.NoisyIdeal(**bad)


@pytest.mark.parametrize("shape", LINKS)
@pytest.mark.parametrize("lapse", [0.0, 0.03])
def test_fits_are_the_most_likely_functions(shape, lapse):
    """Against SciPy's optimiser from several starts."""
    x = np.array([-1.5, -0.8, -0.2, 0.3, 0.9, 1.6])
    count = np.full(6, 40.0)
    rng = np.random.default_rng(3)
    right = rng.binomial(40, predicted(0.4 + 1.7 * x, shape, 0.25, lapse)[0]).astype(float)
    ours = fit_many(x, right[None], count, shape, 0.25, lapse)

    def cost(beta):
        p = np.clip(predicted(beta[0] + beta[1] * x, shape, 0.25, lapse)[0], 1e-12, 1 - 1e-12)
        return -(right * np.log(p) + (count - right) * np.log1p(-p)).sum()

    best = min((minimize(cost, start, method="Nelder-Mead", options={"xatol": 1e-10, "fatol": 1e-12, "maxiter": 4000})
                for start in ([0, 1], [0.5, 3])), key=lambda found: found.fun)  # fmt: skip
    assert ours.likelihood[0] == pytest.approx(-best.fun, abs=1e-8)
    assert ours.coefficients[0] == pytest.approx(best.x, abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(("shape", "slope"), [("logistic", 12.0), ("weibull", 1.6)])
def test_intervals_of_fits_cover(shape, slope):
    """The 95 % intervals of threshold and slope hold what they should in 90 to 99 % of 200 simulated subjects."""
    x, threshold = np.array([0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6]), 0.18
    eta = slope * (np.log(x / threshold) if shape == "weibull" else x - threshold)
    share = predicted(eta, shape, 0.5, 0.0)[0]
    covered = np.zeros(2)
    for i in range(200):
        right = np.random.default_rng([7, i]).binomial(60, share)
        found = pm.psych.psychometric(x, right, num_trials=[60] * 8, shape=shape, num_bootstrap=200, seed=i)
        for k, (value, (low, high)) in enumerate(
            ((threshold, found.threshold_interval), (slope, found.slope_interval))
        ):
            covered[k] += low <= value <= high
    assert (covered >= 180).all()
    assert (covered <= 198).all()


def test_fits_to_logs():
    log = pm.psych.run("MotionDiscrimination", "ideal", trials=600, seed=0, levels="all", bound=4)
    found = pm.psych.psychometric(log, num_bootstrap=100)
    assert (found.variable, found.guess, found.num_trials.sum()) == ("coherence", 0.5, 600)
    assert found.at(found.threshold)[()] == pytest.approx(0.75)
    assert found.at(found.x) == pytest.approx(found.fitted)
    exact = [pm.psych.ideal(pm.psych.task("MotionDiscrimination", bound=4, coherence=c)).accuracy for c in found.x]
    assert np.abs(found.fitted - exact).max() < 0.12
    free = pm.psych.psychometric(log, num_bootstrap=20, lapse=None, shape="weibull")
    assert 0 <= free.lapse <= 0.1
    assert free.at(free.threshold) == pytest.approx(0.5 + (0.5 - free.lapse) * (1 - np.exp(-1)))
    with pytest.raises(ValueError, match="has a best one"):
        pm.psych.psychometric([1, 2, 3], [10, 10, 10], num_trials=[10] * 3)
    with pytest.raises(ValueError, match="has a best one"):
        pm.psych.psychometric([1, 2, 3, 4], [0, 0, 10, 10], num_trials=[10] * 4, guess=0.0)
    for arguments, message in (
        (([1, 2],), "expected a TrialLog, or intensities"),
        (([1, 2], [3, 4, 5], ), "expected a TrialLog, or intensities"),
        ((log, [1]), "expected None with a log"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            pm.psych.psychometric(*arguments)
    for options, message in (
        ({"shape": "probit"}, "shape"), ({"guess": 1.0}, "guess"), ({"confidence": 1.0}, "confidence"),
        ({"x": "contrast"}, "unknown field 'contrast'"), ({"num_bootstrap": 1}, "num_bootstrap"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            pm.psych.psychometric(log, **options)
    with pytest.raises(ValueError, match="whole numbers"):
        pm.psych.psychometric([1, 2], [11, 3], num_trials=[10, 10])


def test_chronometric_functions_recover_what_made_them():
    rng = np.random.default_rng(0)
    k, bound, rest = 8.0, 0.9, 0.35
    rows = []
    for x in (0.02, 0.05, 0.1, 0.2, 0.4, 0.8):
        for time in rest + bound / (k * x) * np.tanh(bound * k * x) + 0.1 * rng.normal(size=300):
            rows.append(dict.fromkeys(OWN, 0) | {"reaction_time": float(time), "correct": True, "coherence": x})
    found = pm.psych.chronometric(pm.psych.TrialLog(rows, "MotionDiscrimination()"))
    for value, (low, high), estimate in (
        (k, found.sensitivity_interval, found.sensitivity), (bound, found.bound_interval, found.bound),
        (rest, found.rest_interval, found.rest),
    ):  # fmt: skip
        assert low <= value <= high
        assert estimate == pytest.approx(value, rel=0.1)
    assert found.at(found.x) == pytest.approx(found.fitted)
    with pytest.raises(ValueError, match="at least three intensities"):
        pm.psych.chronometric(pm.psych.TrialLog(rows[:500], "MotionDiscrimination()"))


def test_slopes_of_search():
    """A quarter of a second a look: N looks where there is none, (N+1)/2 where there is one, one where it pops out."""
    log = pm.psych.run("VisualSearch", "ideal", trials=1200, seed=0, levels="all")
    found = pm.psych.set_size_slopes(log, num_bootstrap=300)
    assert found.slope["absent"] == pytest.approx(0.25)
    low, high = found.slope_interval["present"]
    assert low < 0.125 < high
    flat = pm.psych.set_size_slopes(pm.psych.run("VisualSearch", "ideal", trials=100, kind="colour", levels="all"))
    assert flat.slope == pytest.approx({"present": 0, "absent": 0}, abs=1e-12)
    with pytest.raises(ValueError, match="at least two set sizes"):
        pm.psych.set_size_slopes(log.where(set_size=8))
    with pytest.raises(ValueError, match="unknown field 'targett'"):
        pm.psych.set_size_slopes(log, by="targett")


@pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
def test_logs_come_back_from_files(tmp_path, suffix):
    log = pm.psych.run("MotionDiscrimination", "noisy", trials=20, seed=2, levels="all")
    path = tmp_path / f"log{suffix}"
    log.save(path)
    again = pm.psych.TrialLog.load(path)
    assert again == log
    assert again.to_frame().equals(log.to_frame())
    path.write_text("nothing\n")
    with pytest.raises(ValueError, match="path: expected a log of trials"):
        pm.psych.TrialLog.load(path)
    with pytest.raises(ValueError, match=r"path: expected a name that ends in .jsonl or .csv"):
        log.save(tmp_path / "log.txt")
    with pytest.raises(ValueError, match=r"rows\[0\]: expected .*found no 'trial'"):
        pm.psych.TrialLog([{"block": 1}])


def test_pictures(tmp_path):
    log = pm.psych.run("MotionDiscrimination", "noisy", trials=120, seed=2, levels="all")
    search = pm.psych.run("VisualSearch", "random", trials=60, seed=2, levels="all")
    figures = [
        plot(pm.psych.psychometric(log, num_bootstrap=20)),
        plot(pm.psych.psychometric(log, num_bootstrap=20, shape="weibull")),
        plot(pm.psych.chronometric(log, num_bootstrap=20)),
        plot(pm.psych.set_size_slopes(search, num_bootstrap=20)),
        plot(pm.psych.tradeoff("MotionDiscrimination", costs=[0.1, 0.01])),
        plot_trials(log),
        plot_trials(search),
        plot_trials(pm.psych.run("Harlow", "ideal", trials=12)),
    ]
    for figure in figures:
        for ax in figure.axes:
            assert ax.get_xlabel()
            assert ax.get_ylabel()
    assert log.plot(path=tmp_path / "log.png").axes
    assert (tmp_path / "log.png").stat().st_size > 5000
    with pytest.raises(ValueError, match="log: expected a TrialLog with trials"):
        plot_trials(pm.psych.TrialLog([]))


def test_a_person_at_a_window(monkeypatch):
    """Keys go in, lines of the log come out; the trials are those of everybody else."""
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    import pygame

    waiting = iter([[]] + [[pygame.K_1], []] * 200)

    def events():
        return [pygame.event.Event(pygame.KEYDOWN, key=key) for key in next(waiting)]

    monkeypatch.setattr(pygame.event, "get", events)
    monkeypatch.setattr(pygame.time, "Clock", lambda: type("Clock", (), {"tick": lambda self, fps: None})())
    log = pm.psych.run("Harlow", "person", trials=6, seed=4)
    assert set(log.column("response")) == {"left"}
    assert stimuli(log) == stimuli(pm.psych.run("Harlow", "ideal", trials=6, seed=4))
    for name in ("VisualSearch", "GlassPatterns"):
        waiting = iter([[]] + [[pygame.K_1], []] * 200)
        log = pm.psych.run(name, "person", trials=4, seed=4, levels="all")
        assert stimuli(log) == stimuli(pm.psych.run(name, "ideal", trials=4, seed=4, levels="all"))
    waiting = iter([[], [pygame.K_ESCAPE]])
    assert len(pm.psych.run("Harlow", "person", trials=6, seed=4)) == 0
    with pytest.raises(ValueError, match="screen: expected gaze='grid'"):
        pm.psych.run("Harlow", "person", trials=6, screen={"gaze": "pixels", "response": "gaze"})


def test_the_command(tmp_path, capsys):
    from power_metrics.cli.main import main

    paths = {name: tmp_path / name for name in ("log.jsonl", "found.json", "found.png")}
    words = ["psych", "VisualSearch", "--trials", "40", "--seed", "3", "--kwarg", "kind=colour", "--log",
             str(paths["log.jsonl"]), "--json", str(paths["found.json"]), "--plot", str(paths["found.png"])]  # fmt: skip
    assert main(words) == 0
    assert "40 trials, seed 3: 100.0% correct" in capsys.readouterr().out
    assert len(pm.psych.TrialLog.load(paths["log.jsonl"])) == 40
    assert json.loads(paths["found.json"].read_text())["lines"][0]["ideal correct"] == 1
    assert paths["found.png"].stat().st_size > 5000
    assert main(["psych"]) == 0
    assert "Harlow" in capsys.readouterr().out
    assert main(["psych", "LandoltC", "--trials", "60", "--staircase", "pairs"]) == 0
    assert "scale  contrast  trials" in capsys.readouterr().out
    for stairs in ("psychlab", "1-up-2-down", "quest"):
        assert main(["psych", "MotionDiscrimination", "--trials", "20", "--staircase", stairs]) == 0
        assert "the staircase is at" in capsys.readouterr().out
    assert main(["psych", "Harlow", "--trials", "12", "--subject", "random", "--levels", "own"]) == 0
    assert "ideal correct" in capsys.readouterr().out
    for bad, message in (
        (["psych", "Hallow"], "did you mean 'Harlow'"),
        (["psych", "Harlow", "--levels", "hard"], "--levels: expected a number"),
        (["psych", "Harlow", "--staircase", "pairs"], "expected one of a single variable for Harlow"),
        (["psych", "Harlow", "--staircase", "quests"], "did you mean 'quest'"),
        (["psych", "Harlow", "--subject", "idea"], "did you mean 'ideal'"),
        (["psych", "Harlow", "--levels", "1", "--staircase", "quest"], "expected one of them"),
        (["psych", "Harlow", "--log", str(tmp_path / "x.txt")], "ends in .jsonl or .csv"),
        (["psych", "Harlow", "--kwarg", "trials"], "--kwarg: expected NAME=VALUE"),
        (["psych", "Harlow", "--screen", "size=True"], "--screen: expected JSON"),
    ):
        assert main(bad) == 2
        assert message in capsys.readouterr().err


def test_interleaved_search_has_the_slopes_of_its_kinds():
    log = pm.psych.run("VisualSearch", "ideal", trials=600, seed=0, levels="all", kind="interleaved")
    assert set(log.column("kind")) == {"conjunction", "colour", "shape"}
    slopes = pm.psych.set_size_slopes(log.where(target="absent"), by="kind", num_bootstrap=20).slope
    assert slopes == pytest.approx({"conjunction": 0.25, "colour": 0, "shape": 0}, abs=1e-12)
    looked = pm.psych.run("VisualSearch", looking, 4, screen={"timeout": 40, "size": 32}, kind="interleaved")
    assert stimuli(looked) == stimuli(pm.psych.run("VisualSearch", "ideal", trials=4, kind="interleaved"))
