"""Everything that is handed back prints a short table, shows it in notebooks, has a frame and a picture."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from matplotlib.figure import Figure

import power_metrics as pm
from power_metrics.measures.side_effects_table import Row, Rows
from power_metrics.sweeps.logs import _scalars
from powerenvs.worlds.power import PowerGrid
from powerenvs.worlds.power.pair import PowerPair
from powerenvs.worlds.safety import BoatRace

GRID = PowerGrid("open_3x3", walls="absent").tables()
CONFIG = {"name": "grid", "level": "open_3x3", "gamma": [0.1, 0.9], "num_samples": 20}


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    return pm.sweep(CONFIG, tmp_path_factory.mktemp("shown") / "grid", progress=False, figures=False)


@pytest.fixture
def shown(request, swept):
    if request.param == "sweep":
        return swept
    if request.param == "task":
        return pm.solve_task(BoatRace(), gamma=0.9)
    if request.param == "rates":
        return pm.long_run_rates(BoatRace(), np.full((2, 8, 4), 0.25))
    if request.param == "score":
        return pm.horizon_score(BoatRace(), steps=3)
    if request.param == "policies of two":
        return pm.run_policies(pm.multiagent_power(PowerPair("..").tables(), num_samples=5, progress=False), 2)
    return pm.run_policies(pm.power(GRID, num_samples=5, progress=False), 2)


@pytest.mark.parametrize("shown", ["sweep", "score", "policies", "policies of two", "task", "rates"], indirect=True)
def test_tables_and_pictures(shown, tmp_path):
    frame = shown.to_frame()
    assert len(frame)
    assert len(str(shown).splitlines()) < 16
    assert "<table" in shown._repr_html_()
    assert isinstance(shown.plot(path=tmp_path / "shown.png"), Figure)
    assert (tmp_path / "shown.png").stat().st_size > 1000


def test_policies_by_state_and_action():
    found = pm.run_policies(pm.power(GRID, num_samples=5, progress=False), 2)
    frame = found.to_frame()
    assert len(frame) == GRID.available.sum()
    assert frame.groupby("state")["probability"].sum().to_numpy() == pytest.approx(np.ones(9))
    assert frame["reward"].to_numpy() == pytest.approx(found.rewards[np.nonzero(GRID.available)[0]])
    two = pm.run_policies(pm.multiagent_power(PowerPair("..").tables(), num_samples=5, progress=False), 2).to_frame()
    assert two.groupby(["agent", "state"])["probability"].sum().to_numpy() == pytest.approx(np.ones(8))


def test_the_solution_of_a_task_is_still_one():
    found = pm.solve_task(BoatRace(), gamma=0.9)
    values, _, policy, *_ = found
    frame = found.to_frame()
    assert frame["value"].tolist() == values[0].tolist()
    names = BoatRace().tables().action_labels
    assert frame["action"].tolist() == [names[a] for a in policy[0]]
    assert repr(pickle.loads(pickle.dumps(found))) == repr(found)
    assert type(found.part(slice(0, 1))) is pm.Solution


def test_a_score_is_still_a_pair():
    score = pm.Score(1.0, performance=-1.0)
    assert score == (1.0, -1.0)
    assert score._replace(performance=2.0) == pm.Score(1.0, 2.0) == pickle.loads(pickle.dumps(pm.Score(1.0, 2.0)))
    assert score.to_frame().to_dict("records") == [{"expected_return": 1.0, "performance": -1.0}]


def test_pictures_of_a_sweep(swept):
    assert swept.plot("gamma").axes[0].get_xlabel() == swept.plot().axes[0].get_xlabel() == "gamma"
    with pytest.raises(ValueError, match=r"key: expected one with several values, found 'level'"):
        swept.plot("level")
    assert "gamma" in str(swept)


def test_rows_of_side_effects():
    row = Row("unreachability", "truncation", "start", False, (0.1, 1.0), {"box": "SE"})
    rows = Rows((row, row))
    assert len(rows) == 2
    assert rows[0] is row
    assert rows.to_frame()["box"].tolist() == ["SE", "SE"]
    assert "each price of 0.1, 1" in str(rows)


def test_what_there_is_none_of_is_left_out(swept):
    """No choice of a ring costs anything, so there is nothing to correlate; logs hold no nan."""
    scores = pm.safety_scores(GRID, steps=3)
    found = pm.power_of_unsafe_choices(scores, range(9))
    assert (found.num_choices, found.num_parting) == (0, 0)
    assert found.summary() == {"num_choices": 0, "num_parting": 0}
    assert "correlation=nan, num_choices=0" in str(found)

    class Point:
        values, result = {"gamma": 0.5}, type("R", (), {"summary": lambda self: {"a": np.nan, "b": 1.0, "c": None}})()

    assert _scalars(Point()) == {"parameters/gamma": 0.5, "sweep/b": 1.0}
