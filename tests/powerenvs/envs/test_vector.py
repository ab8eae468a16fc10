"""`TabularVectorEnv` against Gymnasium's vector environment of single ones, and its own errors."""

from __future__ import annotations

import copy
import pickle

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers import TimeLimit
from hypothesis import given, settings, strategies as st

from powerenvs import TabularMDP, tabular_model
from powerenvs.envs import TabularEnv, TabularVectorEnv
from powerenvs.envs.sampling import UniformStreams, choose
from powerenvs.model.rows import cumulative
from powerenvs.worlds.power import PowerGrid, turner_figure_1
from tests.models import mdps

MODES = list(AutoresetMode)


def ending(mdp: TabularMDP, start: np.random.Generator) -> TabularMDP:
    """The model with its last state made terminal and a random start distribution."""
    last = mdp.num_states - 1
    rows = np.repeat(np.arange(len(mdp.indptr) - 1), np.diff(mdp.indptr))
    listed = [
        (int(row) // mdp.num_actions, int(row) % mdp.num_actions, int(s), float(p), float(r), float(h))
        for row, s, p, r, h in zip(rows, mdp.successor, mdp.probability, mdp.reward, mdp.performance, strict=True)
        if row // mdp.num_actions != last
    ]
    if not listed:
        return mdp
    weights = start.dirichlet(np.ones(last)) if start.random() < 0.5 else np.eye(last)[0]
    return TabularMDP.from_transitions(
        [entry[:4] for entry in listed],
        state_labels=range(mdp.num_states),
        action_labels=range(mdp.num_actions),
        initial=np.append(weights, 0.0),
        terminal=[last],
        reward=[entry[4] for entry in listed],
        performance=[entry[5] for entry in listed],
    )


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(mdps(), st.sampled_from(MODES), st.integers(0, 1000), st.sampled_from(["state", "onehot"]))
def test_trajectories_equal_those_of_single_environments(mdp, mode, seed, kind):
    rng = np.random.default_rng(seed)
    mdp = ending(mdp, rng)
    num_envs, limit = int(rng.integers(1, 5)), int(rng.integers(1, 8))
    native = TabularVectorEnv(mdp, num_envs, observation=kind, max_episode_steps=limit, autoreset_mode=mode)
    single = SyncVectorEnv(
        [lambda: TimeLimit(TabularEnv(mdp, observation=kind), limit)] * num_envs, autoreset_mode=mode
    )
    assert native.metadata["autoreset_mode"] is mode
    seen = [envs.reset(seed=seed) for envs in (native, single)]
    for step in range(25):
        assert data_equivalence(*seen, exact=True)
        actions = np.array([rng.choice(np.flatnonzero(mdp.available[s])) for s in native.state])
        if mode is AutoresetMode.DISABLED and step and (ended := seen[0][2] | seen[0][3]).any():
            again = [envs.reset(options={"reset_mask": ended}) for envs in (native, single)]
            assert data_equivalence(*again, exact=True)
            actions = np.array([rng.choice(np.flatnonzero(mdp.available[s])) for s in native.state])
        seen = [envs.step(actions) for envs in (native, single)]


@pytest.mark.parametrize("kind", ["state", "onehot", "board", "rgb"])
@pytest.mark.parametrize("mode", MODES)
def test_every_observation_and_mode(kind, mode):
    kwargs = {"level": "S.G\n.#.", "noise": 0.2, "observation": kind}
    native = gym.make_vec("PowerGrid-v0", num_envs=4, max_episode_steps=6, autoreset_mode=mode.value, **kwargs)
    single = SyncVectorEnv([lambda: gym.make("PowerGrid-v0", max_episode_steps=6, **kwargs)] * 4, autoreset_mode=mode)
    seen = [envs.reset(seed=[3, 1, 4, 1]) for envs in (native, single)]
    for step in range(15):
        assert data_equivalence(*seen, exact=True)
        assert seen[0][0] in native.observation_space
        if step and mode is AutoresetMode.DISABLED and (seen[0][2] | seen[0][3]).any():
            break
        actions = native.action_space.sample()
        seen = [envs.step(actions) for envs in (native, single)]


def test_ended_episodes_are_reported_by_both_conventions():
    next_step = TabularVectorEnv(PowerGrid("SG"), 2)
    next_step.reset(seed=0)
    _, reward, terminated, _, infos = next_step.step([4, 0])
    assert terminated.tolist() == [True, False]
    assert reward.tolist() == [1.0, 0.0]
    assert infos["state"].tolist() == [1, 0]
    observation, reward, terminated, _, infos = next_step.step([4, 4])  # copy 0 starts again, its action is ignored
    assert observation.tolist() == [0, 1]
    assert (reward.tolist(), terminated.tolist()) == ([0.0, 1.0], [False, True])
    assert infos["performance"].tolist() == [0.0, 1.0]

    same_step = TabularVectorEnv(PowerGrid("SG"), 2, autoreset_mode="SameStep")
    same_step.reset(seed=0)
    observation, reward, terminated, _, infos = same_step.step([4, 0])
    assert observation.tolist() == [0, 0]
    assert (reward.tolist(), terminated.tolist()) == ([1.0, 0.0], [True, False])
    assert infos["final_obs"].tolist() == [1, None]
    assert infos["final_info"]["performance"].tolist() == [1.0, 0.0]
    assert infos["final_info"]["_state"].tolist() == infos["_final_info"].tolist() == [True, False]


def test_copies_that_start_again_may_be_given_any_action():
    envs = TabularVectorEnv(PowerGrid("S.\n.#", walls="absent"), 2, max_episode_steps=1)
    envs.reset(seed=0)
    envs.step([4, 2])  # both now stand where "down" and "right" do not exist
    observation, *_ = envs.step([2, 4])
    assert observation.tolist() == [0, 0]


def test_without_a_limit_episodes_go_on():
    for none in (None, -1):
        envs = gym.make_vec("PowerGrid-v0", num_envs=2, level="maze_7x7", max_episode_steps=none)
        envs.reset(seed=0)
        assert not any(envs.step([0, 0])[3].any() for _ in range(150))


def test_illegal_actions_name_copy_state_and_choices_and_change_nothing():
    envs = TabularVectorEnv(PowerGrid(walls="absent", noise=0.1), 3)
    envs.reset(seed=0)
    twin = copy.deepcopy(envs)
    with pytest.raises(
        ValueError, match=r"^actions\[1\]: action: 1 \(up\) .*state 0 .*0 \(stay\), 2 \(down\), 4 \(right\)$"
    ):
        envs.step([0, 1, 0])
    with pytest.raises(ValueError, match=r"^actions\[2\]: action: expected 0 to 4, found -1"):
        envs.step([0, 2, -1])
    with pytest.raises(ValueError, match=r"^actions\[0\]: action: expected 0 to 4, found 5"):
        envs.step([5, 2, 0])
    for actions in ([0.0, 1.0, 0.0], [0, 0], 3, [True, False, True]):
        with pytest.raises(ValueError, match=r"actions: expected an integer array \(3,\), found"):
            envs.step(actions)
    for _ in range(5):
        assert data_equivalence(envs.step([2, 2, 0]), twin.step([2, 2, 0]), exact=True)
        envs.reset()
        twin.reset()


def test_order_is_enforced():
    envs = TabularVectorEnv(PowerGrid("SG"), 2, render_mode="ansi", autoreset_mode="Disabled")
    for call in (
        lambda: envs.step([0, 0]),
        envs.render,
        lambda: envs.reset(options={"reset_mask": np.array([True, False])}),
    ):
        with pytest.raises(ResetNeeded):
            call()
    assert envs.state is None
    envs.reset()
    envs.step([4, 0])
    with pytest.raises(ResetNeeded, match=r"copies \[0\]"):
        envs.step([0, 0])
    _, infos = envs.reset(options={"reset_mask": np.array([True, False])})
    assert infos["_state"].tolist() == [True, False]
    assert envs.step([0, 4])[2].tolist() == [False, True]


def test_reset_to_states():
    envs = TabularVectorEnv(PowerGrid(), 3)
    assert envs.reset(options={"state": (3, 2)})[0].tolist() == [envs.mdp.index((3, 2))] * 3
    assert envs.reset(options={"state": np.array([5, 0, 103])})[0].tolist() == [5, 0, 103]
    assert envs.reset(options={"state": 7, "reset_mask": np.array([False, True, False])})[0].tolist() == [5, 7, 103]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"state": (0, 0)}, "unknown state"),
        ({"state": np.array([0, 1])}, r"array \(3,\) of indices from 0 to 103"),
        ({"state": np.array([0, 1, 104])}, "from 0 to 103"),
        ({"state": np.array([0.0, 1.0, 2.0])}, "from 0 to 103"),
        ({"reset_mask": [1, 0, 1]}, r"expected a bool array \(3,\)"),
        ({"reset_mask": np.array([True])}, r"expected a bool array \(3,\)"),
        ({"mask": None}, "unknown option 'mask'"),
    ],
)
def test_bad_options(options, message):
    envs = TabularVectorEnv(PowerGrid(), 3)
    with pytest.raises(ValueError, match=message):
        envs.reset(options=options)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"num_envs": 0}, "num_envs: expected at least 1, found 0"),
        ({"max_episode_steps": 0}, "max_episode_steps: expected at least 1"),
        ({"autoreset_mode": "next"}, "did you mean 'NextStep'"),
        ({"render_mode": "human"}, "render_mode: unknown mode 'human'"),
        ({"num_env": 3}, "did you mean 'num_envs'"),
    ],
)
def test_bad_arguments(kwargs, message):
    with pytest.raises(ValueError, match=message):
        TabularVectorEnv(PowerGrid, **kwargs)


def test_bad_seeds():
    with pytest.raises(ValueError, match="seed: expected an integer or 3 seeds"):
        TabularVectorEnv(PowerGrid(), 3).reset(seed=[1, 2])


def test_results_are_the_callers_own():
    envs, twin = (TabularVectorEnv(PowerGrid("maze_7x7", noise=0.3), 4, max_episode_steps=5) for _ in range(2))
    seen = [both.reset(seed=1) for both in (envs, twin)]
    for _ in range(20):
        assert data_equivalence(*seen, exact=True)
        seen[0][0][:] = 0
        for values in seen[0][-1].values():
            values[:] = 0
        actions = np.array([1, 2, 3, 4])
        seen = [both.step(actions) for both in (envs, twin)]
        actions[:] = 0
        envs.state[:] = 0


@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda envs: pickle.loads(pickle.dumps(envs))], ids=["copy", "pickle"]
)
def test_duplicates_go_on_alike(duplicate):
    envs = TabularVectorEnv(PowerGrid("maze_7x7", noise=0.3), 3, max_episode_steps=5)
    envs.reset(seed=1)
    envs.step([1, 2, 3])
    twin = duplicate(envs)
    ahead = [envs.step([1, 2, 3]) for _ in range(20)]
    assert data_equivalence([twin.step([1, 2, 3]) for _ in range(20)], ahead, exact=True)


def test_generators_and_seeds_are_those_of_single_environments():
    envs = TabularVectorEnv(PowerGrid("maze_7x7"), 3)
    assert envs.np_random_seed == (None, None, None)
    envs.reset(seed=[5, None, 7])
    assert envs.np_random_seed[::2] == (5, 7)
    assert isinstance(envs.np_random_seed[1], int)  # drawn from the system's entropy with the first number
    assert len(envs.np_random) == 3
    again = TabularVectorEnv(PowerGrid("maze_7x7"), 3)
    first, _ = again.reset(seed=list(envs.np_random_seed))
    envs.reset(seed=list(envs.np_random_seed))
    assert np.array_equal(first, envs.state)


def test_render():
    envs = gym.make_vec("PowerGrid-v0", num_envs=2, level="corridor", render_mode="rgb_array")
    envs.reset(seed=0)
    envs.step([4, 0])
    frames = envs.render()
    single = gym.make("PowerGrid-v0", level="corridor", render_mode="rgb_array")
    single.reset(seed=0)
    assert np.array_equal(frames[1], single.render())
    single.step(4)
    assert np.array_equal(frames[0], single.render())
    text = TabularVectorEnv(turner_figure_1(), 2, render_mode="ansi")
    text.reset()
    assert text.render() == ("state 0: star [start with probability 1; actions empty, l, r]",) * 2


def test_render_without_a_mode_warns():
    envs = TabularVectorEnv(PowerGrid(), 2)
    envs.reset()
    with pytest.warns(UserWarning, match="without a render mode"):
        assert envs.render() is None


def test_model_is_found():
    envs = gym.make_vec("PowerGrid-v0", num_envs=2)
    assert tabular_model(envs) == PowerGrid().tables()
    assert envs.observation_table.values.tolist() == list(range(104))


def test_streams_are_what_generators_give():
    streams = UniformStreams(3)
    for i, seed in enumerate((1, 2, 3)):
        streams.seed(i, seed)
    drawn = [[], [], []]
    rng = np.random.default_rng(0)
    for _ in range(900):
        which = np.flatnonzero(rng.random(3) < [0.9, 0.5, 0.1])
        for i, value in zip(which, streams.draw(which), strict=True):
            drawn[i].append(value)
    for seed, values in zip((1, 2, 3), drawn, strict=True):
        assert values == np.random.default_rng(seed).random(len(values)).tolist()
    assert len(drawn[0]) > 3 * 256 > len(drawn[2])


@settings(max_examples=50, deadline=None)
@given(mdps(), st.integers(0, 1000))
def test_bisection_finds_the_first_sum_above(mdp, seed):
    total = cumulative(mdp.indptr, mdp.probability)
    rows = np.flatnonzero(np.diff(mdp.indptr))
    first, last = mdp.indptr[rows], mdp.indptr[rows + 1]
    uniform = np.random.default_rng(seed).random(len(rows))
    uniform[::3] = total[(first + last - 1) // 2][::3] * (1 - 1e-16)  # right below a boundary, or on it
    found = choose(total, first, last - first, np.minimum(uniform, 1 - 2**-53))
    for i, (a, b) in enumerate(zip(first, last, strict=True)):
        assert found[i] == a + np.searchsorted(total[a:b], min(uniform[i], 1 - 2**-53), side="right")
        assert np.allclose(np.diff(total[a:b], prepend=0), mdp.probability[a:b], atol=1e-12)
        assert total[b - 1] == 1.0
