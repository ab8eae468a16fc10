"""Films of penalised optima: what they show, and where they end."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import power_metrics as pm
from power_metrics.plots import film_penalised
from power_metrics.plots.penalised_film import _figures
from powerenvs.worlds.power import PowerGrid
from powerenvs.worlds.side_effects import Dog, Offset, Vase


def frames(path) -> int:
    with Image.open(path) as image:
        return image.n_frames


@pytest.mark.slow
def test_the_vase_is_put_back(tmp_path):
    """Compared with inaction, the agent ends where nothing differs from the baseline but itself."""
    best = pm.penalised_optimum(Offset(), baseline="inaction", beta=1.0, gamma=0.95, steps=20, finite_horizon=True)
    film_penalised(best, Offset(), tmp_path / "offset.gif", steps=11)
    assert frames(tmp_path / "offset.gif") == 12
    *_, last = _figures(best, Offset(), 11, np.random.default_rng(0))
    assert last.get_suptitle().endswith("performance -1")
    assert [axes.get_title() for axes in last.axes] == ["world", "baseline: inaction"]


def test_it_ends_with_the_episode_or_when_nothing_changes(tmp_path):
    best = pm.penalised_optimum(Vase(), beta=1.0, steps=20)
    film_penalised(best, Vase(), tmp_path / "around.gif")
    assert frames(tmp_path / "around.gif") == 6
    idle = pm.penalised_optimum(Vase(), beta=1e6, steps=20)
    film_penalised(idle, Vase(), tmp_path / "idle.gif")
    assert frames(tmp_path / "idle.gif") == 1


def test_refusals(tmp_path):
    best = pm.penalised_optimum(Vase(), beta=1.0, steps=20)
    with pytest.raises(ValueError, match="env: expected the environment that the optimum was computed for"):
        film_penalised(best, Dog(), tmp_path / "x.gif")
    with pytest.raises(ValueError, match="env: expected a world with boards, found TabularMDP without"):
        film_penalised(best, Vase().tables(), tmp_path / "x.gif")
    with pytest.raises(ValueError, match=r"found .*x\.png"):
        film_penalised(best, Vase(), tmp_path / "x.png")
    grid = pm.penalised_optimum(PowerGrid(".."), beta=1.0, steps=5)
    with pytest.raises(ValueError, match="steps: expected a whole number of at least 1"):
        film_penalised(grid, PowerGrid(".."), tmp_path / "x.gif", steps=0)
