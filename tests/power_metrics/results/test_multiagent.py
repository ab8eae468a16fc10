"""`MultiagentPower`: looking up, tables, JSON, storing."""

from __future__ import annotations

import json

import numpy as np
import pytest

import power_metrics as pm
from powerenvs import product_game
from tests.power_metrics.worlds import MAZE, OPEN_3, graph, grid


@pytest.fixture(scope="module")
def result():
    game = product_game(grid(OPEN_3), grid(("..",)))
    return pm.multiagent_power(game, 0.9, 0.5, correlation=0.25, num_samples=600, rounds=2, seed=3, keep_samples=True)


def test_agents_are_looked_up_by_name(result):
    assert result.agents == ("human", "ai")
    assert result["human"] is result.estimates["human"]
    assert list(result.baseline) == ["human", "ai"]
    with pytest.raises(ValueError, match="unknown agent 'humna'; did you mean 'human'"):
        result["humna"]


def test_averages(result):
    assert result.average("ai") == result["ai"].mean.mean()
    assert result.average("ai", baseline=True) == result.baseline["ai"].mean.mean()
    with pytest.raises(ValueError, match="unknown agent"):
        result.average("robot", baseline=True)


def test_policies_are_counted_for_each_agent():
    """A human on a ring has one policy; an AI in a maze tries several; playing the seed policy takes one evaluation."""
    game = product_game(graph({"a": ["b"], "b": ["a"]}), grid(MAZE))
    both = pm.multiagent_power(game, 0.9, num_samples=64)
    for ring in (both["human"], both.baseline["human"], both.baseline["ai"]):
        assert (ring.max_iterations, ring.mean_iterations) == (1, 1.0)
    assert 1 < both["ai"].mean_iterations <= both["ai"].max_iterations < 20


def test_frame(result):
    frame = result.to_frame()
    assert list(frame.columns[:4]) == [
        "human",
        "human standard error",
        "human baseline",
        "human baseline standard error",
    ]
    assert len(frame) == 18
    assert frame.index[0] == "human=(0, 0), ai=(0, 0)"
    assert np.array_equal(frame["ai baseline"], result.baseline["ai"].mean)


def test_json(result, tmp_path):
    text = result.to_json(tmp_path / "both.json")
    content = json.loads(text)
    assert json.loads((tmp_path / "both.json").read_text()) == content
    assert content["agents"] == ["human", "ai"]
    assert content["correlation"] == 0.25
    assert content["rounds"] == 2
    assert set(content["changes"][0]) == {"human", "ai", "settled"}
    assert content["alignment_interval_95"] == list(result.alignment_interval())
    assert content["estimates"]["ai"]["states"][3]["power"] == result["ai"].mean[3]
    assert content["baseline"]["human"]["gamma"] == 0.9


def test_json_has_no_nan():
    single = pm.multiagent_power(product_game(grid(("..",)), grid(("..",))), rewards=(np.zeros(4), np.ones(4)))
    content = json.loads(single.to_json(), parse_constant=pytest.fail)
    assert content["alignment"] is None
    assert content["alignment_interval_95"] == [None, None]
    assert content["correlation"] is None


def test_repr(result):
    text = repr(result)
    assert "gamma=0.9, 0.5" in text
    assert "correlation 0.25" in text
    assert f"human {result.average('human'):.4f} (baseline {result.average('human', baseline=True):.4f})" in text
    assert f"alignment {result.alignment:.3f}" in text


def test_storing(result, tmp_path):
    result.save(tmp_path / "both.npz")
    loaded = pm.MultiagentPower.load(tmp_path / "both.npz")
    assert repr(loaded) == repr(result)
    assert loaded.game == result.game
    assert loaded.changes == result.changes
    assert loaded.as_dict() == result.as_dict()
    assert np.array_equal(loaded.seed_policy, result.seed_policy)
    for agent in result.agents:
        assert np.array_equal(loaded[agent].samples, result[agent].samples)
        assert np.array_equal(loaded.baseline[agent].samples, result.baseline[agent].samples)


def test_an_estimate_can_be_stored_on_its_own(result, tmp_path):
    result["ai"].save(tmp_path / "ai.npz")
    loaded = pm.PowerEstimate.load(tmp_path / "ai.npz")
    assert loaded.model == result.game
    assert np.array_equal(loaded.mean, result["ai"].mean)
    with pytest.raises(ValueError, match="expected POWER in a model of one agent, found TabularGame"):
        loaded.mdp  # noqa: B018


def test_other_files_are_refused(result, tmp_path):
    result["ai"].save(tmp_path / "ai.npz")
    with pytest.raises(ValueError, match="expected a MultiagentPower, found a PowerEstimate"):
        pm.MultiagentPower.load(tmp_path / "ai.npz")
    result.save(tmp_path / "both.npz")
    with np.load(tmp_path / "both.npz") as archive:
        arrays = {name: archive[name] for name in archive.files if name != "estimates.0.mean"}
    np.savez(tmp_path / "part.npz", **arrays)
    with pytest.raises(ValueError, match=r"expected a complete MultiagentPower, found no 'estimates\.0\.mean"):
        pm.MultiagentPower.load(tmp_path / "part.npz")
