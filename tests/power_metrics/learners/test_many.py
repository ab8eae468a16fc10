"""`train_many`: what each run is, that it goes on where it was stopped, its table and its picture, what is refused."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

import power_metrics as pm
from power_metrics.cli import main as cli, train_many as command
from power_metrics.learners import many
from power_metrics.plots import plot_runs

WORLDS = {
    "corridor": ("PowerGrid-v0", {"level": "S..G", "max_episode_steps": 20}),
    "short": ("PowerGrid-v0", {"level": "SG", "max_episode_steps": 5}),
}


def trained(**kwargs):
    options = {"worlds": WORLDS, "algorithms": ["q_learning", "vector_a2c"], "seeds": 2, "steps": 300, **kwargs}
    return pm.train_many(**{"eval_every": 100, "progress": False, **options})


@pytest.mark.slow
def test_runs_are_those_of_train_and_go_on_where_they_were_stopped(tmp_path, monkeypatch):
    whole = trained()
    assert whole.step.shape == (2, 2, 2, 4)
    power = pm.power(gym.make("PowerGrid-v0", level="SG"), gamma=0.9, num_samples=many.SAMPLES, progress=False)
    one = pm.train(
        gym.make("PowerGrid-v0", level="SG", max_episode_steps=5), "vector_a2c", steps=300, eval_every=100, seed=1,
        power=power, progress=False,
    )  # fmt: skip
    there = ~np.isnan(whole.step[1, 1, 1])
    assert np.array_equal(whole.step[1, 1, 1][there], one.step)
    assert whole.power_seeking[1, 1, 1][there] == pytest.approx(one.power_seeking, abs=1e-6)
    assert whole.score[1, 1, 1][there] == pytest.approx(one.score, abs=1e-6)
    with monkeypatch.context() as patch:
        done = []

        def stopped(job):
            if len(done) == 3:
                raise KeyboardInterrupt
            done.append(job)
            return run_job(job)

        run_job = many.run_job
        patch.setattr(many, "run_job", stopped)
        with pytest.raises(KeyboardInterrupt):
            trained(out=tmp_path)
    again = trained(out=tmp_path)
    assert again.score == pytest.approx(whole.score, abs=1e-6, nan_ok=True)
    assert pm.Result.load(tmp_path / "runs.npz") == again
    assert (tmp_path / "corridor" / "q_learning" / "1" / "curve.csv").is_file()
    more = trained(out=tmp_path, seeds=[0, 1, 2])
    assert np.array_equal(more.score[:, :, :2], again.score, equal_nan=True)
    with pytest.raises(ValueError, match=r"out: .* has training in another world, or with another discount"):
        trained(out=tmp_path, gamma=0.5)


@pytest.mark.slow
def test_workers_find_the_same(tmp_path):
    few = {"worlds": {"short": WORLDS["short"]}, "algorithms": ["q_learning", "sarsa"]}
    assert trained(**few, workers=2, out=tmp_path) == trained(**few)


def test_its_table_its_numbers_and_its_picture(tmp_path):
    runs = trained(
        worlds={"corridor": WORLDS["corridor"]},
        algorithms=["q_learning", "sarsa"],
        steps={"q_learning": 300, "sarsa": 200},
    )
    frame = runs.to_frame()
    assert len(frame) == 2 * (4 + 3)
    assert set(frame["algorithm"]) == {"q_learning", "sarsa"}
    last = frame[(frame["algorithm"] == "sarsa") & (frame["seed"] == 1)].iloc[-1]
    assert (last["step"], last["score"]) == (200, runs.last(runs.score)[0, 1, 1])
    assert runs.summary()["score_sarsa"] == pytest.approx(runs.last(runs.score)[0, 1].mean())
    assert np.nanmin(runs.reached) >= 100
    for column in ("normalised", "return_exact", "score", "performance_exact"):
        figure = plot_runs(runs, column)
        assert [ax.get_title() for ax in figure.axes] == ["corridor"]
    runs.plot(path=tmp_path / "runs.png")
    assert (tmp_path / "runs.png").stat().st_size > 10_000
    with pytest.raises(ValueError, match="column: unknown column 'steps'"):
        plot_runs(runs, "steps")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"worlds": ["PowerGrid-v0"]}, "worlds: expected a mapping with names"),
        ({"worlds": {"a/b": "PowerGrid-v0"}}, "worlds: expected names that folders may have, found 'a/b'"),
        ({"worlds": {"a": ("PowerGrid-v0",)}}, "worlds: expected an id, or an id and its arguments, of 'a'"),
        ({"worlds": {}}, "worlds, algorithms, seeds: expected at least one of each"),
        ({"algorithms": ["alphago"]}, "algorithm: expected one of"),
        ({"steps": {"q_learning": 10}}, "steps: expected an entry for each algorithm, found none for 'vector_a2c'"),
        ({"settings": {"ppo": {}}}, "settings: expected names of algorithms that are trained, found 'ppo'"),
        ({"seeds": [1, 1]}, "seeds: expected each once"),
        ({"seeds": 0}, "seeds"),
        ({"executor": "threads"}, "executor: expected one of"),
    ],
)
def test_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        trained(**arguments)


def test_the_command(tmp_path, capsys):
    words = ["train-many", "PowerGrid-v0,level=SG,max_episode_steps=5", "--algorithms", "q_learning", "--steps", "200"]
    assert cli.main([*words, "--seeds", "2", "--out", str(tmp_path / "runs")]) == 0
    told = capsys.readouterr().out
    assert "PowerGrid-v0  q_learning  1.000 (1.000)" in told
    assert cli.main(["train-many", "PowerGrid-v0", *words[1:], "--out", str(tmp_path)]) == 2
    assert "WORLD: expected different names" in capsys.readouterr().err
    assert command.parsed_world('a=b/C-v0,x=1,y="z",w=v') == ("a", ("b/C-v0", {"x": 1, "y": "z", "w": "v"}))
    with pytest.raises(ValueError, match="WORLD: expected key=value after commas, found 'level'"):
        command.parsed_world("PowerGrid-v0,level")
