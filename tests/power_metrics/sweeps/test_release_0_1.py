"""Folders that release 0.1 wrote (data/sweeps) load and hold what they held."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import power_metrics as pm

SAVED = Path(__file__).parents[1] / "data" / "sweeps"

pytestmark = pytest.mark.usefixtures("no_figures")


@pytest.mark.parametrize("name", ["one", "two"])
def test_a_folder_loads_and_holds_what_it_held(name):
    result = pm.load_sweep(SAVED / name)
    assert result.config.measure == {"one": "power", "two": "multiagent_power"}[name]
    for made, file in ((result.to_frame(), "results.csv"), (result.summary(), "summary.csv")):
        assert made.to_csv(index=False, lineterminator="\n") == (SAVED / name / file).read_text()
    for point in result.points:
        for agent, samples in point.kept.items():
            own = point.result if agent == "agent" else point.result[agent]
            assert samples.rewards.shape == samples.powers.shape == (2, own.model.num_states)


@pytest.mark.parametrize("name", ["one", "two"])
def test_a_folder_that_is_half_done_is_not_mixed_with_new_numbers(tmp_path, name):
    shutil.copytree(SAVED / name, tmp_path / "out")
    for file in ("results.npz", "points/0001.npz"):
        (tmp_path / "out" / file).unlink()
    with pytest.raises(ValueError, match=r"0000.npz.*made by release 0\.1\.0, this is .*; delete it"):
        pm.sweep(SAVED / name / "config.yaml", tmp_path / "out")
    assert len(pm.load_sweep(tmp_path / "out", partial=True).points) == len(pm.load_sweep(SAVED / name).points) // 2
