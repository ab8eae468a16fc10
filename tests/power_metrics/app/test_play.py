"""Episodes that are played: any environment, hidden performance at the end, walks that measures read."""

from __future__ import annotations

import json

import gymnasium as gym
import numpy as np
import pytest

import power_metrics as pm
from power_metrics.app.catalogue import environment_ids, minigrid_ids
from power_metrics.app.play import Episode, image_of
from power_metrics.app.players import numbered
from powerenvs.registry import environments, games

OURS = [entry.id for entry in environments()] + list(games())


def random_actions(episode, rng):
    return [int(rng.choice(np.flatnonzero(mask))) for mask in episode.table.masks()]


@pytest.mark.parametrize("name", OURS)
def test_every_environment_can_be_played(name):
    episode = Episode({"id": name, "kwargs": {}, "seed": 0})
    rng = np.random.default_rng(0)
    for _ in range(3):
        shown = episode.shown()
        assert ("picture" in shown) or shown["text"]
        if "picture" in shown:
            assert shown["picture"].startswith("data:image/png;base64,")
        if episode.over:
            break
        assert "performance" not in shown  # it is hidden
        assert "performance" not in json.dumps(shown)
        episode.act(random_actions(episode, rng), [12.34567] * len(shown["players"]))
        assert episode.log[-1]["response_ms"] == [12.346] * len(shown["players"])
    episode.close()


@pytest.mark.skipif(not minigrid_ids(), reason="MiniGrid is not installed")
def test_what_an_agent_observes_is_a_picture_too():
    episode = Episode({"id": "MiniGrid-Empty-5x5-v0", "kwargs": {}, "seed": 1, "view": "observation"})
    assert episode.shown()["picture"].startswith("data:image/png")
    assert episode.shown()["actions"][0][:3] == ["left", "right", "forward"]
    episode.act([2])
    assert episode.shown()["step"] == 1
    seen = Episode({"id": "powerenvs/Vase-v0", "kwargs": {"observation": "rgb"}, "view": "observation"})
    assert image_of(seen._observation) is not None


def test_psychology_on_the_page():
    """A screen in real time, whose trials are those of everybody else; its answers have names of their own."""
    kwargs = {"observation": "screen", "response": "button", "blocks": 4}
    played = Episode({"id": "powerenvs/GlassPatterns-v0", "kwargs": kwargs, "seed": 5})
    shown = played.shown()
    assert shown["actions"] == [["stay", "up", "down", "left", "right", "press left", "press right"]]
    assert shown["real_time"]
    assert shown["rate"] == 15
    while not played.over:
        played.act([5 if played.log and played.log[-1]["info"]["phase"] == "pattern" else 0])
    trials = [line["info"]["trial"] for line in played.log if "trial" in line["info"]]
    ideal = pm.psych.run("GlassPatterns", "ideal", trials=4, seed=5)
    assert [trial["pattern"] for trial in trials] == ideal.column("pattern").tolist()


def test_walks_are_what_measures_read(tmp_path):
    name = "powerenvs/Vase-v0"
    episode = Episode({"id": name, "kwargs": {}, "seed": 0})
    rng = np.random.default_rng(1)
    with pytest.raises(ValueError, match="not over"):
        episode.saved(".json")
    while not episode.over:
        episode.act(random_actions(episode, rng))
    assert episode.shown()["performance"] == [pytest.approx(sum(one["performance"][0] for one in episode.log))]
    env = gym.make(name)
    for suffix in (".csv", ".jsonl"):
        path = tmp_path / f"walk{suffix}"
        path.write_text(episode.saved(suffix))
        walk = pm.load_trajectory(env, path)
        assert walk.num_steps == len(episode.log)
        assert walk.states.tolist() == episode._visited
    log = json.loads(episode.saved(".json"))
    assert [one["actions"] for one in log["trials"]] == [[label] for label in walk.action_labels()]
    assert log["returns"] == episode.returns
    assert len(log["states"]) == walk.num_steps + 1
    with pytest.raises(ValueError, match="is over"):
        episode.act([0])
    episode.begin(3)
    assert not episode.over
    assert episode.shown()["episode"] == 2


def test_a_game_of_two_players():
    episode = Episode({"id": "stag_hunt_v0", "kwargs": {}, "seed": 0})
    assert len(episode.shown()["players"]) == 2
    with pytest.raises(ValueError, match="expected one for each of"):
        episode.act([0])
    while not episode.over:
        episode.act([0, 0], [1.5, None])
    assert len(episode.shown()["performance"]) == 2
    log = json.loads(episode.saved(".json"))
    assert log["trials"][0]["response_ms"] == [1.5, None]
    with pytest.raises(ValueError, match=r"expected one of \.json"):
        episode.saved(".csv")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"id": "no/such-v0"}, "unknown id"),
        ({"id": "os:system"}, "unknown id"),
        ({"id": "powerenvs/Vase-v0", "kwargs": {"levl": 1}}, "levl"),
        ({"id": "stag_hunt_v0", "kwargs": {"x": 1}}, "x: expected one of"),
        ({"id": "powerenvs/Vase-v0", "seed": -1}, "seed"),
        ({"id": "powerenvs/Vase-v0", "view": "all"}, "view"),
        ({"id": "powerenvs/Vase-v0", "other": 1}, "expected the keys"),
        ({"id": 3}, "id: expected a text"),
    ],
)
def test_refusals(given, message):
    with pytest.raises(ValueError, match=message):
        Episode(given)


def test_actions_of_other_spaces():
    assert numbered(gym.spaces.Discrete(2, start=5)) == [5, 6]
    assert [one.tolist() for one in numbered(gym.spaces.MultiDiscrete([2, 2]))] == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert len(numbered(gym.spaces.MultiBinary(2))) == 4
    for space in (gym.spaces.Box(0, 1), gym.spaces.Discrete(1000), gym.spaces.MultiDiscrete([100, 100])):
        with pytest.raises(ValueError, match="separate actions"):
            numbered(space)


def test_everything_in_the_list_is_registered():
    import powerenvs  # noqa: F401

    assert set(environment_ids()) <= set(gym.registry)
