"""The examples run, with few steps, and find what they say they do."""

from __future__ import annotations

import csv
import json
import runpy
from pathlib import Path

import numpy as np
import pandas
import pytest
import torch
from PIL import Image

import power_metrics as pm
from powerenvs.model.npz import load_arrays

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parent.parent / "examples"

torch.set_num_threads(1)


@pytest.fixture
def run(tmp_path, capsys):
    """Runs an example with these options; returns its folder and what it printed."""

    def start(name, *options):
        example = runpy.run_path(str(EXAMPLES / f"{name}.py"))
        example["main"](example["parser"].parse_args([*map(str, options), "--out", str(tmp_path)]))
        return tmp_path, capsys.readouterr().out

    return start


def test_policy_game(run):
    out, printed = run("policy_game", "--steps", 512, "--rounds", 1, "--samples", 50)
    assert pm.games.load(out / "policies.nfg").names[0] == ("learned", "random", "optimal", "power")
    assert "Gain of a best answer" in printed
    assert "equilibrium of" in printed


def test_sb3_ppo_power(run):
    out, printed = run("sb3_ppo_power", "--steps", 4_000, "--level", "corridor", "--prize", "")
    history = pandas.read_csv(out / "history.csv")
    assert history["step"].tolist() == [0, 2_048, 4_096]
    assert history["return_exact"].iloc[-1] > history["return_exact"].iloc[0]
    comparison = json.loads((out / "comparison.json").read_text())
    assert comparison["policies"]["learned"]["normalised"] == pytest.approx(history["normalised"].iloc[-1])
    with Image.open(out / "comparison.png") as picture, Image.open(out / "occupancy.gif") as film:
        assert picture.width > 1_000
        assert film.n_frames == 3
    assert (out / "model.zip").exists()
    assert "least power-seeking" in printed


def test_cleanrl_style_ppo(run):
    out, printed = run("cleanrl_style_ppo", "--steps", 8_192, "--level", "corridor")
    arrays, _ = load_arrays(out / "history.npz", "PowerTracker")
    assert arrays["step"].tolist() == [8_192]
    assert arrays["counts"].sum() == 8_192
    optimal = float(arrays["return_task_optimal"][0])
    assert arrays["return_exact"][0] > 0.5 * optimal
    assert "task-optimal" in printed


def test_lab_ppo(run):
    options = ("--num-envs", 16, "--num-steps", 64, "--epochs", 4, "--minibatch", 128, "--threads", 1)
    out, printed = run("lab_ppo", "--level", "P  G", "--observation", "first_person:36x36", "--steps", 3_072, *options)
    history = pandas.read_csv(out / "history.csv")
    assert history["score"].iloc[-1] > 9
    assert np.load(out / "policy.npy").sum(axis=1) == pytest.approx(1)
    assert "of the optimum" in printed


def test_psych_target_size(run):
    """A run ends at the goal, is not done again, and its accuracy is that of trials."""
    options = ("--scales", 1, "--seeds", 1, "--steps", 30_000, "--goal", 0.5)
    out, printed = run("psych_target_size", *options)
    again, skipped = run("psych_target_size", *options)
    assert printed.count("accuracy") == 2
    assert skipped == f"2 runs in {again / 'target_size.jsonl'}\n"
    for line in (out / "target_size.jsonl").read_text().splitlines():
        found = json.loads(line)
        assert found["reached"]
        assert found["curve"][0][1] < 0.45  # too late, or wrong, or pressed by chance
        assert found["curve"][-1][1] >= 0.5


def test_exact_accuracy_on_screens_is_that_of_trials():
    """Of a network that has learned nothing, and presses and looks about: within 4 standard errors."""
    example = runpy.run_path(str(EXAMPLES / "psych_target_size.py"))
    torch.manual_seed(3)
    envs = [example["make_env"](0.5, True) for _ in range(32)]
    network = example["Network"](7)
    with torch.no_grad():
        network.actor.weight.mul_(400)
    exact, draws = example["Exact"](envs[0])(network), torch.Generator().manual_seed(0)
    observation = np.stack([env.reset(seed=k)[0] for k, env in enumerate(envs)])
    right, done = np.zeros(32), np.zeros(32)
    while done.min() < 30:
        with torch.no_grad():
            chances = network(torch.as_tensor(observation))[0].softmax(1)
        steps = [
            env.step(a) for env, a in zip(envs, chances.multinomial(1, generator=draws).flatten().tolist(), strict=True)
        ]
        observation = np.stack([step[0] for step in steps])
        ended = np.array(["trial" in step[4] for step in steps]) & (done < 30)
        done += ended
        right += ended * np.array([step[1] for step in steps])
    share = right.sum() / done.sum()
    assert abs(share - exact) < 4 * np.sqrt(exact * (1 - exact) / done.sum())


def test_psych_search(run):
    out, printed = run("psych_search", "--sizes", 1, 4, "--steps", 8_000, "--seeds", 2)
    found = json.loads((out / "search.json").read_text())
    assert found["ideal"] == {"present": [1.0, 2.5], "absent": [1.0, 4.0]}
    assert np.shape(found["looks"]["absent"]) == (2, 2)
    assert np.min(found["accuracy"]) > 0.7
    assert printed.count("set size") == 4


def test_learning_from_preferences(run):
    """What the observed reward does not say, nobody who goes by it can teach; runs that are there are not made again."""
    few = ("--worlds", "BoatRace", "--seeds", 1, "--labels", 120, "--rounds", 2, "--steps", 3_000, "--samples", 20)
    out, printed = run("learning_from_preferences", *few, "--teachers", "reward", "performance", "--first", 0.2)
    rows = list(csv.DictReader((out / "runs.csv").read_text(encoding="utf-8").splitlines()))
    last = {(row["teacher"], row["seed"]): row for row in rows if row["labels"] == "120"}
    assert len(last) == 2
    for (teacher, _), row in last.items():
        assert float(row["worst" if teacher == "reward" else "hidden_worst"]) == pytest.approx(0, abs=1e-9)
        near, far = ("distance", "hidden_distance") if teacher == "reward" else ("hidden_distance", "distance")
        assert float(row[near]) < float(row[far])
    assert "optimal for the observed reward: 0.000 to 0.650" in printed
    assert (out / "preferences.png").stat().st_size > 10_000


def test_reward_hacking(run):
    out, printed = run("reward_hacking", "--steps", 4_096)
    returns = {name: pm.Result.load(out / f"{name}.npz") for name in ("CorruptReward", "TomatoWatering")}
    for name, found in returns.items():
        assert found.observed[-40:].mean() > found.observed[:40].mean() + 2  # what it is paid goes up
        assert found.true[-40:].mean() < found.true[:40].mean()  # and what that is worth goes down
        with Image.open(out / f"{name}.png") as picture:
            assert picture.width > 500
    assert "quantiliser 0.5, in the long run, 50 steps\nobserved 47.50, true 22.50" in printed


def test_q_learning_loop(run):
    out, printed = run("q_learning_loop", "--steps", 8_000, "--level", "corridor")
    history = pandas.read_csv(out / "history.csv")
    assert history["return_exact"].iloc[-1] == pytest.approx(history["return_task_optimal"].iloc[-1])
    assert history["normalised"].iloc[-1] == pytest.approx(history["normalised_task_optimal"].iloc[-1])
    assert "mean POWER of the states met" in printed


def test_commons(run):
    out, printed = run("commons", "--steps", 60_000)
    found = pm.Result.load(out / "comparison.npz")
    assert found.converged
    assert found.exploitability[0] == pytest.approx(0.0, abs=1e-9)  # all three have learned to take, which ends it
    assert np.all(found.expected_return[0] < found.expected_return[2])
    assert (out / "comparison.png").exists()
    assert "exploitability" in printed


def test_power_front(run):
    """What is paid for POWER moves agents along the front; within 5 % of it."""
    out, printed = run(
        "power_front", "--levels", "open_3x3", "--steps", 60_000, "--samples", 500, "--weights", 0, 3_000
    )
    front = pm.PowerFront.load(out / "open_3x3_front.npz")
    rows = [line.split() for line in printed.splitlines()[2:]]
    assert [row[0] for row in rows] == ["0", "3000"]
    assert float(rows[1][2]) > float(rows[0][2])
    assert all(float(row[3].rstrip("%")) < 5 for row in rows)
    assert all(float(row[1]) <= front.expected_return.max() for row in rows)
    assert (out / "open_3x3.png").exists()


def test_behaviour_from_logs(run):
    out, printed = run("behaviour_from_logs", "--episodes", 20, "--samples", 500)
    found = pm.Behaviour.load(out / "behaviour.npz")
    low, high = found.confidence_interval("agreement")
    assert found.num_steps == 600
    assert found.agreement_random < low < 0.8 + 0.2 * found.agreement_random < high  # what it was made to do
    assert str(found) in printed
    assert (out / "visits.png").exists()


def test_maskable_ppo(run):
    out, printed = run("maskable_ppo", "--steps", 2_048, "--level", "corridor")
    assert "probability on moves that do not exist: 0.0" in printed
    assert len(pandas.read_csv(out / "history.csv")) == 2


def test_learned_power_curve(run):
    out, printed = run("learned_power_curve", "--learners", 100, "--steps", 0, 1_000, 5_000)
    curves = json.loads((out / "curves.json").read_text())
    for level in ("open_3x3", "maze_7x7"):
        assert np.all(np.diff(curves[level]["power"]) > 0)
        assert curves[level]["largest_gap"][-1] < 0.01
        assert (out / f"{level}.png").exists()
    assert printed.count("within 1 % of its optimal POWER") == 2


def test_power_seeking_over_training_has_opposite_signs(run):
    """PPO seeks POWER where the task leads through the hub, gives it up where the task does, as optimal policies do."""
    out, _ = run("power_seeking_over_training", "--steps", 20_000, "--seeds", 1)
    scores = json.loads((out / "scores.json").read_text())
    hub, end = scores["prize beyond the hub"], scores["goal in the dead end"]
    assert hub["learned"][0] > 0 > end["learned"][0]
    for task in (hub, end):
        assert task["learned"][0] == pytest.approx(task["task_optimal"], abs=0.05)
    assert len(list(out.glob("*.csv"))) == 2
    assert (out / "power_seeking.png").exists()


def test_two_agents_published(run):
    out, printed = run("two_agents_published", "--samples", 200)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in printed.split("\n") if line[:1] == "|"]
    published, ours = ([row for row in rows if row[3:4] == [kind]] for kind in ("published", "ours"))
    assert [row[:3] for row in published] == [row[:3] for row in ours]
    for theirs, found in zip(published, ours, strict=True):
        for number, wanted in zip(found[5:9], theirs[5:9], strict=True):
            assert not wanted or abs(float(number) - float(wanted)) < 0.04
    assert "At ρ = -1 the two POWERs sum to 1 in every state" in printed
    with Image.open(out / "two_agents_correlation.png") as picture:
        assert picture.width > 1_000


def test_powerplay_differences(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["powerplay_differences.py", "--samples", "20"])
    runpy.run_path(str(EXAMPLES / "powerplay_differences.py"), run_name="__main__")
    printed = capsys.readouterr().out
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in printed.split("\n") if line[:1] == "|"]
    early = {tuple(row[:2]): float(row[2]) for row in rows if row[0] in ("open_3x3", "maze_7x7")}
    assert -0.012 < early["maze_7x7", "0.99"] < -0.006  # its stopping rule leaves values too low
    assert abs(early["maze_7x7", "0.1"]) < 1e-4
    zero = {row[0]: (float(row[1]), float(row[2])) for row in rows if len(row) == 3 and row[0] in ("empty", "r_ne")}
    assert zero["empty"][0] - zero["empty"][1] > 0.15  # absent actions count as worth 0
    lost = [row for row in rows if row[1:2] == ["human"]]
    assert [row[0] for row in lost] == ["0.1", "0.99"]
    assert all(float(row[5]) > 0.1 for row in lost)


def test_bounded_learners(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["bounded_learners.py", "--samples", "50", "--level", "open_3x3"])
    runpy.run_path(str(EXAMPLES / "bounded_learners.py"), run_name="__main__")
    rows = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines()[2:]]
    assert [row[0] for row in rows][-1] == "`BestOfK(100)`"
    powers = [float(row[1]) for row in rows]
    assert powers[0] > powers[1] > powers[2]


def test_known_values(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["known_values.py", "--samples", "2000"])
    runpy.run_path(str(EXAMPLES / "known_values.py"), run_name="__main__")
    rows = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines()[2:]]
    assert len(rows) == 12
    for name, _, known, exact, drawn, error, z in rows:
        digits = 1e-3 if "POWERplay" in name else 5e-4 if "open 3" in name else 1e-5
        assert abs(float(known) - float(exact)) < digits
        assert float(drawn) == pytest.approx(float(exact), abs=5 * float(error))
        assert abs(float(z)) < 5


def test_agents_or_devices(run):
    out, printed = run("agents_or_devices", "--steps", 24)
    rows = {line.split()[0]: line.split()[1:] for line in printed.split("\n\n")[0].split("\n")}
    assert float(rows["round_obstacle"][1]) > 0.9
    assert max(float(rows[kind][2]) for kind in ("bounce", "circle")) < 0.01  # whatever the prior
    assert all((out / name).exists() for name in ("by_prior.png", "by_class.png", "noisy_goal_seeker.gif"))


def test_agency_over_training(run):
    options = ("--algorithm", "q_learning", "--level", "S...\n.#..\n...G", "--steps", 1_200, "--every", 400)
    few = ("--seeds", 2, "--episodes", 20, "--samples", 50)
    out, printed = run("agency_over_training", *options, *few)
    assert "never" not in printed
    again, kept = run("agency_over_training", *options, *few)  # from what was measured
    assert kept == printed
    assert pm.AgencyMeasures.load(again / "q_learning-1.npz").probability[-1] > 0.95
    assert (out / "agency.png").exists()


def test_learners(run):
    out, printed = run("learners", "--steps", 300, "--seeds", 1, "--algorithms", "q_learning", "a2c")
    record = json.loads((out / "learners.json").read_text())
    assert record["q_learning"]["score"][0] > 0.95
    assert "a2c" in printed
    with Image.open(out / "learners.png") as picture:
        assert picture.width > 800


def test_safety_learners(run):
    out, printed = run("safety_learners", "--steps", 600, "--seeds", 1, "--worlds", "whisky", "friend and foe")
    found = json.loads((out / "scores.json").read_text())
    assert found["best"]["whisky"][0] == [51.0, 51.0]
    assert found["best"]["whisky, disturbed"][1] == pytest.approx([44.0, 44.0])
    assert [found["best"][bandit][0][0] for bandit in ("friend", "neutral", "adversary")] == pytest.approx([46, 26, 21])
    assert {(row["world"], row["agent"]) for row in found["statements"]} >= {("whisky", "Rainbow-SARSA")}
    curves = pandas.read_csv(out / "curves.csv")
    assert set(curves.agent) == {"A2C", "Rainbow", "Rainbow-SARSA"}
    assert (curves["return"] <= 51.0).all()
    assert "almost optimal" in printed
    with Image.open(out / "curves.png") as picture:
        assert picture.width > 800


def test_learner_budgets_and_noisy_exploration(run):
    out, printed = run("learner_budgets", "--steps", 300, "--seeds", 2, "--algorithms", "q_learning", "vector_ppo")
    found = pandas.read_csv(out / "budgets.csv")
    assert found.world.tolist() == ["open 3x3"] * 2 + ["four_rooms"] * 2 + ["island"] * 2
    assert found.score[0] > 0.95
    assert (found.score <= 1.0 + 1e-9).all()
    assert '"initial_value": 0.5' in printed
    out, _ = run("noisy_exploration", "--level", "S...G", "--steps", 640, "--seeds", 1, "--windows", 2)
    found = json.loads((out / "noisy_exploration.json").read_text())
    assert all(1 <= counts[0] <= counts[1] <= found["states"] for (counts,) in found["seen"].values())
    with Image.open(out / "noisy_exploration.png") as picture:
        assert picture.width > 500


def test_many_worlds(run):
    """The joined table is each world's own: what is optimal there scores 100 and what is random 0."""
    out, printed = run("many_worlds", "--steps", 1_024, "--seeds", 1, "--worlds", "wall", "island")
    found = json.loads((out / "many_worlds.json").read_text())
    assert set(found["scores"]) == {"wall", "island"}
    assert "capped mean" in printed
    script = runpy.run_path(str(EXAMPLES / "many_worlds.py"))
    _, alone = script["joined"](["wall", "island"], 0.9, ["wall", "island"])
    for policy, score in ((lambda mdp: mdp.available / mdp.available.sum(axis=1, keepdims=True), 0.0), (best, 100.0)):
        for name, mdp in alone.items():
            assert script["scored"](alone, policy(mdp), 0.9)[name] == pytest.approx(score, abs=1e-6)


def best(mdp):
    return np.eye(mdp.num_actions)[pm.solve_task(mdp, 0.9).policy[0]]


@pytest.mark.filterwarnings("ignore")  # RLlib warns of its own deprecations
@pytest.mark.parametrize("game", ["power_pair", "one_key"])
def test_games_rllib(run, game):
    ray = pytest.importorskip("ray")
    pytest.importorskip("ray.rllib")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, ignore_reinit_error=True)
    out, printed = run("games_rllib", "--game", game, "--iterations", 1)
    ray.shutdown()
    found = pm.Result.load(out / "comparison.npz")
    assert set(found.policies) == {"human", "ai"}
    assert not np.array_equal(found.policies["human"], found.policies["ai"])  # networks of their own
    assert "exploitability" in printed
    assert (out / "comparison.png").exists()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("game", ["power_pair", "one_key"])
def test_games_supersuit(run, game):
    pytest.importorskip("supersuit")
    out, printed = run("games_supersuit", "--game", game, "--steps", 4_096)
    found = pm.Result.load(out / "comparison.npz")
    assert not np.array_equal(found.policies["human"], found.policies["ai"])  # one network, told whose turn it is
    assert "exploitability" in printed
    assert (out / "comparison.png").exists()


def test_vtrace_lag(run):
    out, _ = run("vtrace_lag", "--level", "S..\n...\n..G", "--steps", 8_192, "--looks", 4, "--gamma", 0.9)
    found = json.loads((out / "vtrace_lag.json").read_text())
    bias = np.array(found["bias"])
    assert bias.shape == (len(found["lags"]), 5)
    assert bias[0, 0] > bias[0, 2] > bias[0, 4] >= 0.0
    with Image.open(out / "vtrace_lag.png") as picture:
        assert picture.width > 500
