"""The command line: what it prints and writes, and how it refuses."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import power_metrics as pm
import powerenvs
import powerenvs.multi
from power_metrics.cli import main as cli
from power_metrics.rewards.text import parse_distribution
from powerenvs.worlds.power import PowerGrid, turner_figure_1
from tests.power_metrics.cli.running import succeed
from tests.power_metrics.small_sweeps import interrupt_after

ROOT = Path(__file__).parents[3]


# power


def test_power_prints_every_state_with_its_error(run):
    out = succeed(
        run, "power", "PowerGrid-v0", "--level", "open_3x3", "--gamma", "0.5", "--samples", "500", "--seed", "3"
    )
    expected = pm.power(PowerGrid("open_3x3").tables(), 0.5, num_samples=500, seed=3)
    lines = out.split("\n")
    assert lines[0] == "PowerGrid-v0 (level=open_3x3): 9 states, 5 actions, deterministic"
    assert "gamma 0.5, 500 reward functions" in lines[2]
    rows = {line[:6]: line[6:].replace("±", " ").split() for line in lines[4:13]}
    for s, label in enumerate(expected.mdp.state_labels):
        power, error = (float(word) for word in rows[str(label)])
        assert power == pytest.approx(expected.mean[s], abs=5e-5)
        assert error == pytest.approx(expected.standard_error[s], abs=5e-5)
    highest, lowest = (expected.mdp.state_labels[f(expected.mean)] for f in (np.argmax, np.argmin))
    assert f"highest: {highest}" in out
    assert f"lowest:  {lowest}" in out
    assert "Bellman residual" in out
    assert "processor time" in out


def test_power_of_many_states_prints_the_extremes_and_a_count(run):
    out = succeed(run, "power", "PowerGrid-v0", "--samples", "100")
    expected = pm.power(PowerGrid().tables(), 0.9, num_samples=100)
    order = [str(expected.mdp.state_labels[s]) for s in np.argsort(-expected.mean, kind="stable")]
    table = out.split("\n")[4:25]
    assert [line.split("  ")[0] for line in table[:10]] == order[:10]
    assert table[10] == "... 84 states between ..."
    assert [line.split("  ")[0] for line in table[11:]] == order[-10:]


@pytest.mark.slow
def test_power_at_several_discounts_writes_one_picture_one_json_and_a_file_each(run, tmp_path):
    words = "power PowerGrid-v0 --level corridor --gamma 0.1 0.9 --samples 200 --seed 7 --reward-distribution beta(2,5)"
    picture, numbers, saved = tmp_path / "a.png", tmp_path / "a.json", tmp_path / "a.npz"
    out = succeed(run, *words.split(), "--plot", picture, "--json", numbers, "--save", saved)
    assert out.count("highest:") == 2
    expected = [pm.power(PowerGrid("corridor").tables(), g, pm.Beta(2, 5), 200, 7) for g in (0.1, 0.9)]
    content = json.loads(numbers.read_text(encoding="utf-8"))
    assert content["model"] == "PowerGrid-v0"
    assert content["kwargs"] == {"level": "corridor"}
    assert content["powerenvs"] == powerenvs.__version__
    for made, read, name in zip(expected, content["estimates"], ("a_gamma_0.1.npz", "a_gamma_0.9.npz"), strict=True):
        assert (read["gamma"], read["seed"], read["num_samples"]) == (made.gamma, 7, 200)
        assert read["fingerprint"] == made.fingerprint
        assert [state["power"] for state in read["states"]] == made.mean.tolist()
        assert np.array_equal(pm.PowerEstimate.load(tmp_path / name).mean, made.mean)
    with Image.open(picture) as image:
        assert min(image.size) > 400
    assert all(f"wrote {tmp_path / name}" in out for name in ("a.png", "a.json", "a_gamma_0.1.npz", "a_gamma_0.9.npz"))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.json", "a.png", "a_gamma_0.1.npz", "a_gamma_0.9.npz"]


def test_power_at_one_discount_saves_under_the_name_given(run, tmp_path):
    saved = tmp_path / "one.npz"
    succeed(run, "power", "PowerGrid-v0", "--level", "open_3x3", "--samples", "10", "--save", saved)
    assert pm.PowerEstimate.load(saved).num_samples == 10


def test_levels_come_as_names_text_and_files(run, tmp_path):
    text = "S..\n.#G"
    path = tmp_path / "mine.txt"
    path.write_text(text + "\n", encoding="utf-8")
    shown = [succeed(run, "power", "PowerGrid-v0", "--level", level, "--samples", "10") for level in (text, path)]
    tables = [out.split("highest")[0] for out in shown]
    assert tables[0] == tables[1]
    assert "5 states" in tables[0]
    assert tables[0].startswith("PowerGrid-v0 (level=S.. .#G):")


def test_kwargs_are_json_and_bare_words_are_strings(run):
    lake = "power FrozenLake-v1 --samples 10 --kwarg"
    assert "deterministic" in succeed(run, *lake.split(), "is_slippery=false")
    assert "64 states" in succeed(run, *lake.split(), "map_name=8x8")
    assert "4 states" in succeed(run, *lake.split(), 'desc=["SF", "FG"]')
    out = succeed(run, "power", "PowerGrid-v0", "--samples", "10", "--kwarg", "noise=0.5", "--kwarg", "walls=absent")
    assert "stochastic" in out


@pytest.mark.slow
def test_environments_of_other_packages_are_named_with_their_module(run, tmp_path):
    pytest.importorskip("minigrid")
    picture = tmp_path / "grid.png"
    out = succeed(run, "power", "minigrid:MiniGrid-Empty-5x5-v0", "--samples", "20", "--plot", picture)
    assert out.startswith("minigrid:MiniGrid-Empty-5x5-v0:")
    assert picture.exists()


@pytest.mark.slow
def test_models_from_files_get_a_bar_chart(run, tmp_path):
    turner_figure_1().save(tmp_path / "turner.npz")
    out = succeed(run, "power", tmp_path / "turner.npz", "--samples", "50", "--plot", tmp_path / "bars.pdf")
    assert "\nl_sw " in out
    assert (tmp_path / "bars.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("uniform(0,1)", pm.Uniform(0, 1)),
        ("Uniform", pm.Uniform(0, 1)),
        (" uniform( -1 , high=2.5 ) ", pm.Uniform(-1, 2.5)),
        ("beta(2, b=5)", pm.Beta(2, 5)),
        ("bernoulli(0.25)", pm.Bernoulli(0.25)),
        ("pareto(1, 3)", pm.Pareto(1, 3)),
        ("normal(std=1e-1)", pm.Normal(0, 0.1)),
    ],
)
def test_distributions_are_written_as_calls(text, expected):
    assert parse_distribution(text) == expected


# Refusals

BAD = [
    (["pwer"], "command: unknown name 'pwer'; did you mean 'power'?"),
    (["measure", "empowermint", "PowerGrid-v0"], "measure: unknown name 'empowermint'; did you mean 'empowerment'?"),
    (["power", "PowerGrid-v0", "--gama", "0.5"], "unrecognized arguments: --gama 0.5; did you mean --gamma?"),
    (
        ["measure", "empowerment", "PowerGrid-v0", "--stepz=3"],
        "unrecognized arguments: --stepz=3; did you mean --steps?",
    ),
    (["power", "PowerGrid-v0", "--num-samples", "0"], "--samples: expected a whole number of at least 1, found 0"),
    (["power", "PowerGrid-v0", "--top", "0"], "--top: expected a whole number of at least 1, found 0"),
    (
        ["power", "PowerGrid-v0", "--plot", "new/a.png"],
        "--plot: cannot write 'new/a.png', because there is no folder 'new'",
    ),
    (["completion", "tcsh"], "shell: unknown name 'tcsh'"),
    (["list", "--colour"], "unrecognized arguments: --colour; see powerenvs list --help"),
    (["list", "--games", "--measures"], "--measures, --games: expected one of them, found both"),
    (["power"], "required: ID; see powerenvs power --help"),
    (["power", "PowrGrid-v0"], "unknown id 'PowrGrid-v0'; did you mean 'PowerGrid-v0'?"),
    (["show", "MiniGrid-FourRooms-v9"], "needs its module, as in minigrid:MiniGrid-FourRooms-v0"),
    (["power", "power_pare"], "unknown id 'power_pare'; did you mean 'power_pair'?"),
    (["play", "one_key"], "'one_key' is a game of two agents, which power, rollout, show and"),
    (["power", "no_such_module:Some-v0"], "cannot import 'no_such_module'"),
    (["power", ":PowerGrid-v0"], "cannot import ''"),
    (["power", "powerenvs:PowerGrid-v9"], "unknown id 'PowerGrid-v9'; did you mean 'PowerGrid-v0'?"),
    (["power", "CartPole-v1"], "found no tables in CartPoleEnv"),
    (["power", "missing.npz"], "missing.npz: No such file or directory"),
    (["power", "missing.npz", "--level", "x"], "level: a model from a file takes no arguments"),
    (["power", "PowerGrid-v0", "--gamma", "1.5"], "--gamma: expected a discount in [0, 1], found 1.5"),
    (["power", "PowerGrid-v0", "--gamma", "0.9", "-1"], "--gamma: expected a discount in [0, 1], found -1.0"),
    (["power", "PowerGrid-v0", "--gamma", "high"], "--gamma: invalid float value: 'high'"),
    (["power", "PowerGrid-v0", "--gam", "0.5"], "unrecognized arguments: --gam"),
    (["power", "PowerGrid-v0", "--samples", "0"], "--samples: expected a whole number of at least 1"),
    (["power", "PowerGrid-v0", "--samples", "10.5"], "--samples: expected a whole number of at least 1, found 10.5"),
    (["power", "PowerGrid-v0", "--seed", "-1"], "--seed: expected a whole number of at least 0, found -1"),
    (["power", "PowerGrid-v0", "--level", "maze_7x8"], "did you mean 'maze_7x7'?"),
    (["power", "PowerGrid-v0", "--level", "S..\n.."], "found 3 columns in line 1 and 2 in line 2"),
    (["power", "PowerGrid-v0", "--level", "missing.txt"], "missing.txt: No such file or directory"),
    (["power", "PowerGrid-v0", "--noise", "2"], "noise: expected a number from 0 to 1, found 2.0"),
    (["power", "PowerGrid-v0", "--walls", "abset"], "walls: expected 'bump' or 'absent', found 'abset'"),
    (["power", "PowerGrid-v0", "--kwarg", "nois=1"], "did you mean 'noise'?"),
    (["power", "PowerGrid-v0", "--kwarg", "noise"], "--kwarg: expected NAME=VALUE, found 'noise'"),
    (["power", "PowerGrid-v0", "--noise", "0.1", "--kwarg", "noise=0.2"], "--kwarg: noise is given twice"),
    (["power", "PowerGrid-v0", "--kwarg", "reward={0"], "--kwarg: expected JSON, found reward={0"),
    (["power", "FrozenLake-v1", "--kwarg", "is_slippery=False"], "write is_slippery=false"),
    (["power", "FrozenLake-v1", "--level", "maze_7x7"], "level: FrozenLake-v1 has no such argument; known: "),
    (
        ["power", "FrozenLake-v1", "--kwarg", "map_name=9x9"],
        "cannot be made with {'map_name': '9x9'} (KeyError: '9x9')",
    ),
    (["power", "PowerGrid-v0", "--reward-distribution", "betta(1, 2)"], "did you mean 'beta'?"),
    (["power", "PowerGrid-v0", "--reward-distribution", "beta(1"], "--reward-distribution: expected one such as"),
    (["power", "PowerGrid-v0", "--reward-distribution", "beta(1)"], "'beta(1)' does not fit"),
    (["power", "PowerGrid-v0", "--reward-distribution", "beta(1, x)"], "could not convert string to float: 'x'"),
    (["power", "PowerGrid-v0", "--reward-distribution", "uniform(1, 0)"], "a finite number above low=1"),
    (["power", "PowerGrid-v0", "--plot", "picture.txt"], "--plot: expected a picture file (."),
    (["power", "PowerGrid-v0", "--plot", "folder"], "--plot: expected a file, found the folder 'folder'"),
    (["power", "PowerGrid-v0", "--json", "file/a.json"], "--json: cannot write 'file/a.json', because"),
    (["power", "PowerGrid-v0", "--save", "a.npy"], "--save: expected a name that ends in .npz, found 'a.npy'"),
]


@pytest.mark.parametrize(
    ("words", "message"), BAD, ids=lambda value: " ".join(value)[:60] if isinstance(value, list) else ""
)
def test_bad_input_ends_with_status_2_and_one_line(run, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    status, out, err = run(*words)
    assert status == 2
    assert out == ""  # nothing was computed
    assert err.startswith("powerenvs: ")
    assert err.count("\n") == 1
    assert message in err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder"]


def test_a_folder_without_permission_is_refused(run, tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: False)
    status, out, err = run("power", "PowerGrid-v0", "--json", tmp_path / "a.json")
    assert (status, out) == (2, "")
    assert "does not allow it" in err


def test_an_interrupt_ends_with_status_130(run, monkeypatch):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(pm, "power", interrupt)
    status, _, err = run("power", "PowerGrid-v0")
    assert (status, err) == (130, "powerenvs: interrupted\n")


def test_mistakes_of_ours_are_not_passed_off_as_bad_input(run, monkeypatch):
    def broken(*args, **kwargs):
        raise TypeError("ours")

    monkeypatch.setattr(pm, "power", broken)
    with pytest.raises(TypeError, match="ours"):
        run("power", "PowerGrid-v0")


def test_a_reader_that_stops_early_is_no_error():
    command = [sys.executable, "-m", "power_metrics.cli", "show", "PowerGrid-v0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 0


def test_version(run):
    assert succeed(run, "--version") == f"powerenvs {powerenvs.__version__}\n"


@pytest.mark.parametrize("words", [[], *([command.name] for command in cli.COMMANDS)], ids=" ".join)
def test_every_command_has_help_with_an_example(run, words):
    out = succeed(run, *words, "--help")
    assert "example:\n  powerenvs " in out
    assert f"usage: {' '.join(['powerenvs', *words])}" in out


@pytest.mark.parametrize("command", cli.COMMANDS, ids=lambda command: command.name)
def test_the_examples_in_the_help_are_valid(command):
    for line in command.example.split("\n"):
        program, *words = shlex.split(line)
        assert program == "powerenvs"
        assert cli.build_parser().parse_args(words).run is command.run


def test_commands_have_different_names():
    names = [command.name for command in cli.COMMANDS]
    assert len(set(names)) == len(names)
    assert {"list", "show", "power"} <= set(names)


# two agents


@pytest.mark.slow
def test_two_agents_from_the_command_line(run, tmp_path):
    plot, numbers, saved = (tmp_path / f"pair.{kind}" for kind in ("png", "json", "npz"))
    words = ("power_pair", "--level", "open_3x3", "--walls", "absent", "--gamma", "0.6", "--correlation", "1")
    out = succeed(run, "power", *words, "--samples", "50", "--plot", plot, "--json", numbers, "--save", saved)
    mover = PowerGrid("open_3x3", walls="absent").tables()
    game = powerenvs.product_game(mover, mover, agents=("human", "ai"))
    expected = pm.multiagent_power(game, 0.6, correlation=1.0, num_samples=50)
    assert f"{expected.average('human'):.4f}" in out
    assert "alignment: 1.000" in out
    content = json.loads(numbers.read_text(encoding="utf-8"))
    assert content["kwargs"] == {"level": "open_3x3", "walls": "absent"}
    [result] = content["results"]
    assert result["estimates"]["human"]["states"][0]["power"] == pytest.approx(expected["human"].mean[0], rel=1e-12)
    assert pm.MultiagentPower.load(saved)["ai"].num_samples == 50
    assert plot.stat().st_size > 10_000


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("PowerGrid-v0", "--correlation", "1"), "--correlation: goes with two agents only"),
        (("power_pair", "--correlation", "2"), "correlation: expected a number in"),
        (("power_pair", "--gamma", "0.1", "0.2"), "--gamma: expected one discount for two agents, found 2"),
        (("power_pair", "--method", "sobol"), "--method, --tolerance: expected the defaults for two agents"),
        (("power_pair", "--kwarg", "levl=1"), "levl: power_pair_v0 has no such argument; did you mean 'level'?"),
    ],
)
def test_bad_input_for_two_agents(run, words, message):
    status, _, err = run("power", *words)
    assert status == 2
    assert err.startswith(f"powerenvs: {message}")
    assert err.count("\n") == 1


def test_the_command_line_knows_every_game():
    from powerenvs.sources.by_name import game_name, game_names

    assert tuple(map(game_name, game_names())) == powerenvs.multi.GAMES
    assert game_name("powerenvs/one_key_v0") == "one_key_v0"
    assert game_name("PowerGrid-v0") is None


@pytest.mark.slow
def test_several_correlations_from_the_command_line(run, tmp_path):
    plot, numbers, saved = (tmp_path / f"sweep.{kind}" for kind in ("png", "json", "npz"))
    words = ("one_key", "--gamma", "0.5", "--gamma-a", "0.8", "--rounds", "2", "--correlation", "-1", "0.5", "1")
    out = succeed(run, "power", *words, "--samples", "40", "--plot", plot, "--json", numbers, "--save", saved)
    assert out.count("round 2: POWER changed by at most") == 3
    lines = out.split("\n")
    (head,) = [n for n, line in enumerate(lines) if "human, baseline" in line]
    assert [line.split()[0] for line in lines[head + 1 : head + 4]] == ["-1", "0.5", "1"]
    results = json.loads(numbers.read_text(encoding="utf-8"))["results"]
    assert [result["correlation"] for result in results] == [-1, 0.5, 1]
    for result in results:
        loaded = pm.MultiagentPower.load(tmp_path / f"sweep_correlation_{result['correlation']:g}.npz")
        assert f"{loaded.average('human'):.4f}" in out
        assert (loaded["human"].gamma, loaded["ai"].gamma, loaded.rounds) == (0.5, 0.8, 2)
    with Image.open(plot) as picture:
        assert picture.width > 1.5 * picture.height


def test_a_game_from_a_file(run, tmp_path):
    game = powerenvs.product_game(PowerGrid("..").tables(), PowerGrid("..").tables())
    game.save(tmp_path / "game.npz")
    out = succeed(run, "power", tmp_path / "game.npz", "--samples", "20")
    assert "human=(0, 1), ai=(0, 0)" in out
    status, _, err = run("power", tmp_path / "game.npz", "--noise", "0.1")
    assert status == 2
    assert "noise: a game from a file takes no arguments" in err
    PowerGrid("..").tables().save(tmp_path / "one.npz")
    assert "state" in succeed(run, "power", tmp_path / "one.npz", "--samples", "20")


# Comforts


def test_without_a_command_there_is_the_help(run):
    status, out, err = run()
    assert (status, out) == (2, "")
    assert all(f"    {command.name}" in err for command in cli.COMMANDS)


def test_the_states_with_the_most_power_alone(run):
    out = succeed(run, "power", "PowerGrid-v0", "--level", r"S..\n...\n...", "--num-samples", "64", "--top", "2")
    table = out.split("standard error\n")[1].split("highest:")[0].splitlines()
    estimate = pm.power(PowerGrid("S..\n...\n..."), 0.9, num_samples=64, progress=False)
    best = np.argsort(-estimate.mean, kind="stable")[:2]
    assert [line.partition(")")[0] + ")" for line in table] == [
        str(tuple(estimate.mdp.cells[s].tolist())) for s in best
    ]


@pytest.mark.parametrize("command", cli.COMMANDS, ids=lambda command: command.name)
def test_samples_have_one_name_everywhere(command):
    options = cli.build_parser().options_by_command()[command.name]
    assert ("--samples" in options) == ("--num-samples" in options)


def test_shells_complete(run, tmp_path):
    code = succeed(run, "completion", "bash")
    for words, expected in (
        ("powerenvs pow", "power"),
        ("powerenvs power --gam", "--gamma --gamma-a"),
        ("powerenvs power powerenvs/BoatR", "powerenvs/BoatRace-v0"),
        ("powerenvs measure --ste", "--steps"),
        ("powerenvs sweep some_f", "some_file.yaml"),
    ):
        (tmp_path / "some_file.yaml").write_text("")
        script = (
            f"{code}\nCOMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _powerenvs; echo ${{COMPREPLY[*]}}"
        )
        done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == expected
    assert succeed(run, "completion", "zsh").startswith("autoload")
    assert "complete -c powerenvs -n '__fish_seen_subcommand_from power' -l gamma\n" in succeed(
        run, "completion", "fish"
    )


def test_an_interrupted_sweep_says_how_far_it_is(run, tmp_path, monkeypatch):
    (tmp_path / "a.yaml").write_text("name: a\nlevel: S..\nnoise: [0, 0.1, 0.2]\nnum_samples: 8\n")
    with monkeypatch.context() as patch:
        interrupt_after(patch, 2)
        status, _, err = run("sweep", "a.yaml")
    assert (status, err) == (130, "powerenvs: interrupted: 2 of 3 points done; run the same again to go on\n")
    assert "2 of the points were finished by an earlier run" in succeed(run, "sweep", "a.yaml", "--no-figures")
