"""`tabular_model`, the one door to the tables: what it understands, and what can be added."""

from __future__ import annotations

from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

import power_metrics as pm
from powerenvs import TabularGame, compile_world, tabular_model
from powerenvs.model import formats
from powerenvs.sources import any_model, load, register_format, register_source, save, sources
from powerenvs.sources.model_files import suffixes
from powerenvs.worlds.power import PowerGrid, turner_figure_1
from powerenvs.worlds.power.pair import PowerPair
from powerenvs.worlds.safety import BoatRace
from tests.models import CLIFF, TAXI

OF_GYMNASIUM_1_2 = [(CLIFF, {"is_slippery": True}), (TAXI, {"is_rainy": True})] if CLIFF.endswith("v1") else []


class TestTabularModel:
    def test_models_and_worlds_are_their_own(self):
        mdp = turner_figure_1()
        assert tabular_model(mdp) is mdp
        assert tabular_model(BoatRace()) == compile_world(BoatRace())

    def test_our_environments_wrapped_and_vectorised(self):
        expected = PowerGrid("maze_7x7", noise=0.1).tables()
        kwargs = {"level": "maze_7x7", "noise": 0.1}
        env = gym.make("PowerGrid-v0", **kwargs)
        assert tabular_model(env) == expected
        assert tabular_model(gym.wrappers.TransformReward(env, lambda r: r)) == expected
        assert tabular_model(gym.make_vec("PowerGrid-v0", num_envs=3, **kwargs)) == expected
        for mode in ("sync", "async"):
            copies = gym.make_vec("PowerGrid-v0", num_envs=2, vectorization_mode=mode, **kwargs)
            assert tabular_model(copies) == expected
            copies.close()

    def test_what_has_no_tables_says_what_to_do(self):
        with pytest.raises(ValueError, match=r"found no tables in CartPoleEnv.*compile_env.*powerenvs.World"):
            tabular_model(gym.make("CartPole-v1"))

    @pytest.mark.parametrize(
        ("name", "kwargs"),
        [
            ("FrozenLake-v1", {}),
            ("FrozenLake-v1", {"map_name": "8x8", "is_slippery": False}),
            (CLIFF, {}),
            (TAXI, {}),
            *OF_GYMNASIUM_1_2,
        ],
    )
    def test_toy_text_tables_agree_with_the_environment(self, name, kwargs):
        """Every step of random episodes is an entry of the table, with its reward and its end."""
        env = gym.make(name, **kwargs)
        mdp = tabular_model(env)
        assert mdp.num_states == env.observation_space.n
        rng = np.random.default_rng(0)
        for episode in range(20):
            state, _ = env.reset(seed=episode)
            assert mdp.initial[state] > 0
            for _ in range(100):
                action = int(rng.integers(env.action_space.n))
                target, reward, terminated, truncated, _ = env.step(action)
                entries = {(t, r, ended) for _, t, r, ended in mdp.P[state][action]}
                assert (target, reward, terminated) in entries
                state = target
                if terminated or truncated:
                    break

    def test_frozen_lake_by_the_rules(self):
        """Slippery ice: the chosen direction and the two beside it, a third each; equal targets add up."""
        mdp = tabular_model(gym.make("FrozenLake-v1"))
        assert mdp.action_labels == ("left", "down", "right", "up")
        corner = mdp.P[0][0]
        assert [(t, pytest.approx(p)) for p, t, _, _ in corner] == [(0, 2 / 3), (4, 1 / 3)]
        assert [mdp.state_labels[s] for s in np.flatnonzero(mdp.terminal)] == [(1, 1), (1, 3), (2, 3), (3, 0), (3, 3)]
        assert mdp.board == ("SFFF", "FHFH", "FFFH", "HFFG")

    def test_taxi_ends_at_the_destination_only(self):
        mdp = tabular_model(gym.make(TAXI))
        ends = [mdp.state_labels[s] for s in np.flatnonzero(mdp.terminal)]
        assert sorted(label.agent for label in ends) == [(0, 0), (0, 4), (4, 0), (4, 3)]
        assert all(label.passenger == label.destination for label in ends)

    @pytest.mark.skipif(not OF_GYMNASIUM_1_2, reason="gymnasium 1.1 has no passengers that change their mind")
    def test_taxi_with_a_fickle_passenger(self):
        with pytest.raises(ValueError, match="fickle_passenger=True changes the destination"):
            tabular_model(gym.make(TAXI, fickle_passenger=True))

    def test_names(self):
        assert tabular_model("PowerGrid-v0") == PowerGrid().tables()
        assert tabular_model("power_pair_v0") == PowerPair().tables()
        assert tabular_model("turner_figure_1") == turner_figure_1()
        with pytest.raises(ValueError, match="unknown id 'PowerGird-v0'; did you mean 'PowerGrid-v0'"):
            tabular_model("PowerGird-v0")

    @pytest.mark.parametrize("suffix", [".npz", ".gv"])
    def test_files(self, tmp_path, suffix):
        path = tmp_path / f"graph{suffix}"
        turner_figure_1().save(path)
        assert tabular_model(path) == tabular_model(str(path)) == turner_figure_1()
        with pytest.raises(FileNotFoundError):
            tabular_model(tmp_path / f"nothing{suffix}")

    def test_measures_take_names(self):
        by_name = pm.power("turner_figure_1", 0.5, num_samples=100, progress=False)
        assert np.array_equal(by_name.mean, pm.power(turner_figure_1(), 0.5, num_samples=100, progress=False).mean)


class Coin:
    """What only its own package knows."""

    mdp = "not a model"


@pytest.fixture
def coins(monkeypatch):
    """A table of sources that may be changed."""
    monkeypatch.setattr(any_model, "_sources", list(sources()))
    register_source("coins", lambda value: isinstance(value, Coin), lambda coin: turner_figure_1())


class TestAdditions:
    def test_unknown_things_have_no_tables(self):
        with pytest.raises(ValueError, match="found no tables in Coin"):
            tabular_model(Coin())

    def test_a_source_of_ones_own(self, coins):
        assert tabular_model(Coin()) == turner_figure_1()
        assert pm.optimal_values(Coin(), np.ones(turner_figure_1().num_states), 0.5).shape == (1, 8)

    def test_new_ones_are_asked_first_unless_they_ask_to_be_last(self, coins):
        assert sources()[0].name == "coins"
        register_source("coins", lambda value: True, lambda value: turner_figure_1(), last=True)
        assert [source.name for source in sources()].count("coins") == 1
        assert sources()[-1].name == "coins"
        assert tabular_model(PowerGrid("open_3x3")).num_states == 9
        assert tabular_model(7) == turner_figure_1()


class TestFiles:
    @pytest.mark.parametrize("model", [PowerGrid("open_3x3").tables(), PowerPair().tables()], ids=["mdp", "game"])
    def test_load_knows_the_kind(self, tmp_path, model):
        save(model, tmp_path / "model.npz")
        loaded = load(tmp_path / "model.npz")
        assert type(loaded) is type(model)
        assert loaded == model

    def test_a_format_of_ones_own(self, tmp_path, monkeypatch):
        monkeypatch.setattr(formats, "MODELS", dict(formats.MODELS))
        monkeypatch.setattr("powerenvs.sources.model_files.MODELS", formats.MODELS)
        monkeypatch.setattr("powerenvs.model.base.MODELS", formats.MODELS)
        register_format(
            ".name",
            lambda path: tabular_model(Path(path).read_text()),
            lambda model, path: Path(path).write_text(model),
        )
        assert suffixes()[-1] == ".name"
        (tmp_path / "grid.name").write_text("PowerGrid-v0")
        assert load(tmp_path / "grid.name") == tabular_model(tmp_path / "grid.name") == PowerGrid().tables()
        with pytest.raises(ValueError, match=r"grid.name': expected a TabularGame, found a TabularMDP"):
            TabularGame.load(tmp_path / "grid.name")

    @pytest.mark.parametrize("suffix", ["gv", ".npz"])
    def test_bad_suffixes(self, suffix):
        with pytest.raises(ValueError, match="suffix: expected one such as"):
            register_format(suffix, load, save)

    def test_only_models_are_saved(self, tmp_path):
        with pytest.raises(ValueError, match="model: expected a TabularMDP or a TabularGame, found str"):
            save("PowerGrid-v0", tmp_path / "model.npz")
