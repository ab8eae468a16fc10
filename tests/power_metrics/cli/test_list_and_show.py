"""What `powerenvs list` and `powerenvs show` print."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import gymnasium as gym
import pytest

import powerenvs
import powerenvs.multi
from powerenvs.registry import environments
from powerenvs.worlds.power import PowerGrid, turner_figure_1
from powerenvs.worlds.power.pair import PowerPair
from powerenvs.worlds.resources import OneKey
from tests.power_metrics.cli.running import succeed

ROOT = Path(__file__).parents[3]


def test_list_has_one_line_for_each_id_with_the_sizes_of_its_tables(run):
    lines = succeed(run, "list").split("\n")
    assert lines[0].split()[:3] == ["id", "states", "actions"]
    for entry, line in zip(environments(), lines[1:], strict=False):
        assert line.endswith(entry.summary)
        if entry.exact:
            given = ", ".join(f"{name}={value}" for name, value in entry.exact.items())
            assert line.split()[:3] == [entry.id, "many", "with"]
            assert f" with {given} " in line
            continue
        mdp = powerenvs.tabular_model(gym.make(entry.id))
        kind = "deterministic" if mdp.deterministic else "stochastic"
        assert line.split()[:4] == [entry.id, f"{mdp.num_states:,}", str(mdp.num_actions), kind]


def test_list_has_the_games_too(run):
    out = succeed(run, "list")
    for name, world in (("power_pair", PowerPair()), ("one_key", OneKey())):
        game = world.tables()
        (line,) = [line for line in out.split("\n") if line.startswith(f"{name} ")]
        assert line.split()[:4] == [name, str(game.num_states), "5×5", "deterministic"]


def test_list_of_games_with_power(run):
    """POWER of matrix games is the same everywhere, so that there is no alignment to speak of."""
    lines = succeed(run, "list", "--games").split("\n")
    rows = {line.split()[0]: line.split() for line in lines if line}
    assert float(rows["stag_hunt"][5]) > 0.9
    assert rows["matrix_game"][5] == "-"


def test_list_loads_nothing_heavy():
    heavy = {"torch", "numba", "matplotlib", "pygame", "pandas", "stable_baselines3"}
    code = (
        "import sys\nfrom power_metrics.cli.main import main\nstatus = main(['list'])\n"
        f"print('loaded:', sorted({heavy} & set(sys.modules)), status)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip().split("\n")[-1] == "loaded: [] 0"


def test_show_prints_level_legend_arguments_and_tables(run):
    out = succeed(run, "show", "PowerGrid-v0", "--level", "two_rooms", "--noise", "0.25")
    for row in PowerGrid("two_rooms").level.rows:
        assert f"\n  {row}\n" in out
    assert "# wall, . floor, S start, G goal" in out
    assert "0.25 (default 0.0)" in out
    assert "'two_rooms' (default 'four_rooms')" in out
    assert "probability, in [0, 1], that is spread over all open directions" in out
    assert "maze_7x7" in out.split("shipped levels:")[1]
    mdp = PowerGrid("two_rooms", noise=0.25).tables()
    facts = dict(line.split(maxsplit=1) for line in out.split("\nTables\n")[1].strip().split("\n"))
    assert facts["states"] == str(mdp.num_states)
    assert facts["actions"] == "5: stay, up, down, left, right"
    assert facts["transitions"] == f"{mdp.num_transitions}, stochastic"
    assert facts["start"] == "(3, 1)"
    assert facts["terminal"] == "(3, 9)"
    assert facts["rewards"] == "0 to 1 a step"
    assert mdp.fingerprint.startswith(facts["fingerprint"])


def test_show_counts_unavailable_actions_and_many_starts(run):
    out = succeed(run, "show", "PowerGrid-v0", "--level", "maze_7x7", "--walls", "absent")
    available = PowerGrid("maze_7x7", walls="absent").tables().available
    assert f"{(~available).sum()} of 155 pairs of state and action" in out
    assert "31 states: (0, 0); (0, 1);" in out
    assert "rewards      0 a step" in out


def test_show_works_for_other_packages_and_files(run, tmp_path):
    out = succeed(run, "show", "FrozenLake-v1", "--kwarg", "map_name=8x8")
    assert "  SFFFFFFF\n" in out
    assert "'8x8' (default '4x4')" in out
    turner_figure_1().save(tmp_path / "turner.npz")
    out = succeed(run, "show", tmp_path / "turner.npz")
    assert "Level" not in out
    assert "Arguments" not in out
    assert "start        star" in out


def test_show_works_for_games(run, tmp_path):
    out = succeed(run, "show", "power_pair", "--level", "maze_7x7")
    assert "'maze_7x7' (default 'open_3x3')" in out
    assert "whether both agents may be in one cell" in out
    facts = dict(
        re.split(r"\s{2,}", line.strip(), maxsplit=1) for line in out.split("\nTables\n")[1].strip().split("\n")
    )
    game = PowerPair("maze_7x7").tables()
    assert facts["states"] == str(game.num_states)
    assert facts["actions of ai"] == "5: stay, up, down, left, right"
    assert facts["transitions"] == f"{game.num_transitions:,}, deterministic"
    assert facts["terminal"] == "none"
    OneKey().tables().save(tmp_path / "key.npz")
    out = succeed(run, "show", tmp_path / "key.npz")
    assert "Arguments" not in out
    assert "K" in out.split("Level")[1].split("Tables")[0]
    assert "rewards           0 to 1 a step" in out


@pytest.mark.slow
def test_every_registered_id_can_be_shown(run):
    for entry in environments():
        given = [word for name, value in entry.exact.items() for word in ("--kwarg", f"{name}={value}")]
        out = succeed(run, "show", entry.id, *given)
        assert out.startswith(entry.id)
