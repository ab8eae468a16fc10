"""The battery that every registered id goes through, and what `TabularEnv` does besides."""

from __future__ import annotations

import copy
import pickle

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env, data_equivalence

import powerenvs
from powerenvs import TabularMDP, tabular_model
from powerenvs.envs import TabularEnv, TabularVectorEnv
from powerenvs.envs.observations import KINDS
from powerenvs.registry import environments
from powerenvs.testing import check_env_against_tables, check_tabular
from powerenvs.worlds.power import LEVELS, PowerGrid, turner_figure_1

FIELD = "\n".join("." * 12 + ("S" if row == 12 else ".") + "." * 12 for row in range(25))
"""So wide that the few unmasked random actions of API checkers never meet its edge."""

CASES = [(entry.id, dict(entry.exact)) for entry in environments()] + [
    *(("PowerGrid-v0", {"level": level}) for level in LEVELS),
    *(("PowerGrid-v0", {"observation": kind}) for kind in KINDS),
    ("PowerGrid-v0", {"level": "corridor", "observation": "rgb"}),
    ("PowerGrid-v0", {"noise": 0.3, "noise_bias": {"up": 0.1}, "level": "maze_7x7"}),
    ("PowerGrid-v0", {"walls": "absent", "level": FIELD}),
    ("PowerGrid-v0", {"reward": {"(1, 2)": 0.5, "(11, 11)": -2}, "noise": 0.1}),
    ("powerenvs/ConveyorBelt-v0", {"variant": "sushi_goal2", "noops": True}),
    ("powerenvs/DistributionalShift-v0", {"is_testing": True, "observation": "board"}),
    ("powerenvs/FriendFoe-v0", {"bandit_type": "adversary", "extra_step": True, "estimate": 0.6}),
    ("powerenvs/Sokoban-v0", {"level": "small", "observation": "rgb"}),
    ("powerenvs/WhiskyGold-v0", {"human_player": True, "quirks": False}),
]
LARGE = {"powerenvs/TomatoWatering-v0"}  # with 1,664 states each test takes a second, not some milliseconds
every_case = pytest.mark.parametrize(
    ("env_id", "kwargs"),
    [
        pytest.param(name, kwargs, id=f"{name}-{i}", marks=[pytest.mark.slow] if name in LARGE else [])
        for i, (name, kwargs) in enumerate(CASES)
    ],
)


def legal_action(rng, info) -> int:
    return int(rng.choice(np.flatnonzero(info["action_mask"])))


def play(env, num_steps: int, seed: int, start=None) -> list:
    """Everything that ``num_steps`` steps of random legal actions return, from a reset or from ``start``."""
    rng = np.random.default_rng(seed)
    seen = [env.reset(seed=seed)] if start is None else [(None, start)]
    for _ in range(num_steps):
        seen.append(env.step(legal_action(rng, seen[-1][-1])))
        if seen[-1][2] or seen[-1][3]:
            seen.append(env.reset())
    return seen[0 if start is None else 1 :]


@every_case
def test_gymnasium_checker(env_id, kwargs):
    check_env(gym.make(env_id, **kwargs).unwrapped)


@every_case
def test_stable_baselines_checker(env_id, kwargs):
    from stable_baselines3.common.env_checker import check_env as check

    check(gym.make(env_id, render_mode="rgb_array", **kwargs), skip_render_check=False)


@every_case
def test_tables(env_id, kwargs):
    check_tabular(gym.make(env_id, **kwargs))


@pytest.mark.slow
@every_case
def test_env_agrees_with_tables(env_id, kwargs):
    check_env_against_tables(gym.make(env_id, **kwargs), num_steps=3000, seed=1)


@every_case
def test_same_seed_same_episode(env_id, kwargs):
    first, second = (gym.make(env_id, **kwargs) for _ in range(2))
    assert data_equivalence(play(first, 150, seed=7), play(second, 150, seed=7), exact=True)


@every_case
@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))], ids=["copy", "pickle"]
)
def test_duplicate_goes_on_alike_and_on_its_own(env_id, kwargs, duplicate):
    env = gym.make(env_id, **kwargs)
    info = play(env, 20, seed=3)[-1][-1]
    twin = duplicate(env)
    ahead = play(env, 60, seed=4, start=info)
    assert data_equivalence(play(twin, 60, seed=4, start=info), ahead, exact=True)
    assert twin.unwrapped.mdp == env.unwrapped.mdp


@every_case
def test_spec_survives_json(env_id, kwargs):
    env = gym.make(env_id, **kwargs)
    again = gym.make(EnvSpec.from_json(env.spec.to_json()))
    assert again.spec == env.spec
    assert again.unwrapped.mdp == env.unwrapped.mdp
    assert again.observation_space == env.observation_space


@every_case
def test_time_limit(env_id, kwargs):
    env = gym.make(env_id, max_episode_steps=4, **kwargs)
    _, info = env.reset(seed=0)
    for step in range(1, 5):
        _, _, terminated, truncated, info = env.step(legal_action(np.random.default_rng(step), info))
        if terminated:
            return
        assert truncated == (step == 4)


@every_case
def test_vector_env_equals_single_ones(env_id, kwargs):
    native = gym.make_vec(env_id, num_envs=3, vectorization_mode="vector_entry_point", max_episode_steps=11, **kwargs)
    single = gym.make_vec(env_id, num_envs=3, vectorization_mode="sync", max_episode_steps=11, **kwargs)
    assert native.observation_space == single.observation_space
    assert native.action_space == single.action_space
    rng = np.random.default_rng(0)
    seen = [envs.reset(seed=5) for envs in (native, single)]
    for _ in range(60):
        assert data_equivalence(*seen, exact=True)
        actions = np.array([rng.choice(np.flatnonzero(mask)) for mask in seen[0][-1]["action_mask"]])
        seen = [envs.step(actions) for envs in (native, single)]


@every_case
@pytest.mark.parametrize("mode", TabularEnv.metadata["render_modes"])
def test_render(env_id, kwargs, mode, monkeypatch):
    monkeypatch.setitem(TabularEnv.metadata, "render_fps", 1000)  # windows wait between frames
    env = gym.make(env_id, render_mode=mode, **kwargs)
    _, info = env.reset(seed=0)
    before = env.render()
    moving = [a for a in np.flatnonzero(info["action_mask"]) if env.unwrapped.mdp.deterministic]
    changed = False
    for action in moving:
        env.reset(options={"state": info["state"]})
        reached = env.step(action)[4]["state"]
        after = env.render()
        changed |= reached != info["state"]
        if mode == "ansi":
            assert (after == before) == (reached == info["state"])
        elif mode == "rgb_array":
            assert after.dtype == np.uint8
            assert after.shape == before.shape
            assert after.shape[2] == 3
            assert np.array_equal(after, before) == (reached == info["state"])
        else:
            assert after is None
    assert changed or not moving
    env.close()
    env.close()


def test_unwrapped_gives_model_and_world():
    env = gym.make("PowerGrid-v0", level="corridor", noise=0.1)
    assert isinstance(env.unwrapped.world, PowerGrid)
    assert env.unwrapped.mdp == PowerGrid("corridor", noise=0.1).tables()
    assert tabular_model(env) is env.unwrapped.mdp


@pytest.mark.parametrize(
    "world",
    ["powerenvs.worlds.power:PowerGrid", PowerGrid, PowerGrid(), PowerGrid().tables()],
    ids=["path", "class", "world", "model"],
)
def test_every_way_to_name_a_world(world):
    env = TabularEnv(world)
    assert env.mdp == PowerGrid().tables()
    assert (env.world is None) == isinstance(world, TabularMDP)


def test_model_without_a_world():
    env = TabularEnv(turner_figure_1(), render_mode="rgb_array")
    check_env_against_tables(env, num_steps=500)
    frames = []
    for state in ("star", "l", "l_sw"):
        env.reset(options={"state": state})
        frames.append(env.render())
    assert frames[0].shape == frames[1].shape == frames[2].shape
    assert not np.array_equal(frames[0], frames[1])


def test_info_has_state_mask_and_hidden_performance():
    mdp = TabularMDP.from_transitions(
        [("a", "go", "b", 1.0), ("a", "wait", "a", 1.0), ("b", "go", "end", 1.0)],
        terminal=["end"],
        initial="a",
        reward=[1.0, 0.0, 2.0],
        performance=[-1.0, 0.0, 0.5],
    )
    env = TabularEnv(mdp)
    observation, info = env.reset()
    assert (observation, info["state"], info["performance"]) == (0, 0, 0.0)
    assert info["action_mask"].tolist() == [1, 1]
    observation, reward, terminated, truncated, info = env.step(0)
    assert (observation, reward, terminated, truncated) == (1, 1.0, False, False)
    assert (info["state"], info["performance"]) == (1, -1.0)
    assert info["action_mask"].tolist() == [1, 0]
    assert info["action_mask"].dtype == np.int8
    assert env.action_masks().tolist() == [True, False]
    assert {env.action_space.sample(info["action_mask"]) for _ in range(20)} == {0}
    assert env.step(0)[1:3] == (2.0, True)


def test_masks_are_the_reader_s_own():
    env = TabularEnv(
        TabularMDP.from_transitions([("a", "go", "b", 1.0), ("b", "go", "a", 1.0), ("a", "wait", "a", 1.0)])
    )
    for options, mask in (({"state": "a"}, [1, 1]), ({"state": "b"}, [1, 0])):
        for _ in range(2):
            _, info = env.reset(options=options)
            assert info["action_mask"].tolist() == mask
            info["action_mask"][:] = 7
    for _ in range(2):
        for mask in ([1, 1], [1, 0]):
            info = env.step(0)[-1]
            assert info["action_mask"].tolist() == mask
            info["action_mask"][:] = 7


@pytest.mark.parametrize("action", [1, 3, 5, -1, -5, 2.0, np.float64(2), "down", None, [2]])
def test_refused_action_names_the_legal_ones_and_changes_nothing(action):
    env = gym.make("PowerGrid-v0", walls="absent")
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"^action: .*0 \(stay\), 2 \(down\), 4 \(right\)$"):
        env.step(action)
    assert env.unwrapped.state == 0
    assert env.step(4)[4]["state"] == 1


@pytest.mark.parametrize("action", [2, np.int64(2), np.int32(2), np.array(2), np.uint8(2)])
def test_integers_of_every_kind_are_actions(action):
    env = gym.make("PowerGrid-v0")
    env.reset(options={"state": (1, 1)})
    assert env.unwrapped.mdp.state_labels[env.step(action)[4]["state"]] == (2, 1)


def test_order_is_enforced():
    env = gym.make("PowerGrid-v0", level="SG", render_mode="rgb_array")
    for call in (lambda: env.unwrapped.step(0), env.render, env.unwrapped.action_masks):
        with pytest.raises(ResetNeeded):
            call()
    env.reset()
    assert env.step(4)[2] is True
    assert env.render().shape == (64, 128, 3)
    with pytest.raises(ResetNeeded, match=r"the episode ended in \(0, 1\)"):
        env.step(0)
    env.reset()
    assert env.step(0)[2] is False


@pytest.mark.parametrize("state", [(3, 2), [3, 2], 17])
def test_reset_to_a_state(state):
    env = gym.make("PowerGrid-v0", noise=0.5)
    wanted = 17 if state == 17 else env.unwrapped.mdp.index((3, 2))
    observation, info = env.reset(seed=0, options={"state": state})
    assert observation == info["state"] == wanted


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"state": (0, 0)}, "unknown state"),
        ({"state": 104}, "from 0 to 103, found 104"),
        ({"state": -1}, "from 0 to 103, found -1"),
        ({"state": None}, "unknown state"),
        ({"stat": 3}, "did you mean 'state'"),
    ],
)
def test_reset_refuses_what_is_no_state(options, message):
    env = gym.make("PowerGrid-v0")
    env.reset(seed=0)
    with pytest.raises(ValueError, match=message):
        env.reset(options=options)
    assert env.unwrapped.state == 0


def test_starts_follow_the_start_distribution():
    mdp = TabularMDP.from_transitions(
        [(s, 0, s, 1.0) for s in range(4)], initial=[0.1, 0.0, 0.6, 0.3], state_labels=range(4)
    )
    env = TabularEnv(mdp)
    env.reset(seed=0)
    counts = np.bincount([env.reset()[0] for _ in range(20_000)], minlength=4) / 20_000
    assert counts[1] == 0
    assert np.abs(counts - mdp.initial).max() < 5 * np.sqrt(0.25 / 20_000)


def test_outcomes_with_one_successor_keep_their_own_rewards():
    mdp = TabularMDP.from_transitions([("a", 0, "a", 0.25), ("a", 0, "a", 0.75)], reward=[8.0, 0.0], initial="a")
    assert mdp.deterministic
    env = TabularEnv(mdp)
    env.reset(seed=0)
    rewards = [env.step(0)[1] for _ in range(4000)]
    assert set(rewards) == {0.0, 8.0}
    assert abs(np.mean(rewards) - 2.0) < 5 * 8 * np.sqrt(0.25 * 0.75 / 4000)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"levvel": "maze_7x7"}, "levvel: PowerGrid has no such argument; did you mean 'level'"),
        ({"observatoin": "state"}, "did you mean 'observation'"),
        ({"observation": "boardd"}, "observation: unknown kind 'boardd'; did you mean 'board'"),
        ({"level": "maze"}, "did you mean 'maze_7x7'"),
    ],
)
def test_misspelt_arguments(kwargs, message):
    for make in (gym.make, gym.make_vec):
        with pytest.raises(ValueError, match=message):
            make("PowerGrid-v0", **kwargs)


@pytest.mark.parametrize(
    ("world", "kwargs", "message"),
    [
        ("powerenvs", {}, 'import path "module:Class", found'),
        ("powerenvs.wolds.power:PowerGrid", {}, "no module 'powerenvs.wolds'"),
        ("powerenvs.worlds.power:PowerGird", {}, "did you mean 'PowerGrid'"),
        (PowerGrid(), {"level": "maze_7x7"}, "level: unknown argument for a PowerGrid, which is built already"),
        (turner_figure_1(), {"noise": 0.1}, "noise: unknown argument for a TabularMDP"),
        (3, {}, "expected an import path .* found 3"),
        (PowerGrid, {"render_mode": "rbg_array"}, "render_mode: unknown mode 'rbg_array'; did you mean 'rgb_array'"),
    ],
)
def test_bad_worlds(world, kwargs, message):
    with pytest.raises(ValueError, match=message):
        TabularEnv(world, **kwargs)


def test_missing_argument_of_a_world():
    class Needy(PowerGrid):
        def __init__(self, size):
            super().__init__("corridor")

    with pytest.raises(ValueError, match="size: Needy needs this argument"):
        TabularEnv(Needy)


def test_a_module_that_fails_to_import_says_why(tmp_path, monkeypatch):
    (tmp_path / "broken_world.py").write_text("import nowhere_to_be_found\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="nowhere_to_be_found"):
        TabularEnv("broken_world:World")


def test_array_observations_are_the_callers_own():
    env = gym.make("PowerGrid-v0", observation="onehot")
    first, _ = env.reset(seed=0)
    first[:] = 9
    again, _ = env.reset(seed=0)
    assert again.tolist() == [1.0] + [0.0] * 103
    again[:] = 9
    assert env.step(0)[0].sum() == 1


@pytest.mark.slow
def test_maskable_ppo_trains_where_walls_leave_no_action():
    from sb3_contrib import MaskablePPO
    from sb3_contrib.common.maskable.utils import get_action_masks

    env = gym.make("PowerGrid-v0", level="dead_ends", walls="absent")
    model = MaskablePPO("MlpPolicy", env, n_steps=64, batch_size=32, n_epochs=1, seed=0)
    model.learn(192)  # one illegal action would raise
    observation, info = env.reset(seed=0)
    for _ in range(30):
        action, _ = model.predict(observation, action_masks=get_action_masks(env))
        observation, _, terminated, truncated, info = env.step(action)
        if terminated or truncated:
            observation, info = env.reset()
    assert info["state"] == observation


@pytest.mark.parametrize("kind", KINDS)
def test_stable_baselines_trains_on_every_observation(kind):
    from stable_baselines3 import PPO

    env = gym.make("PowerGrid-v0", observation=kind)
    model = PPO("MlpPolicy", env, n_steps=32, batch_size=32, n_epochs=1, policy_kwargs={"net_arch": [8]}, seed=0)
    model.learn(32)
    observation, _ = env.reset(seed=0)
    assert env.action_space.contains(model.predict(observation)[0].item())


def test_worlds_of_ones_own_are_registered():
    mdp = powerenvs.TabularMDP.from_transitions([("a", "go", "b", 1.0), ("b", "go", "a", 1.0)])
    powerenvs.register("OwnTables-v0", mdp, max_episode_steps=3)
    powerenvs.register("OwnWorld-v0", PowerGrid, max_episode_steps=None, level="two_rooms")
    try:
        env = gym.make("OwnTables-v0")
        env.reset(seed=0)
        assert [env.step(0)[3] for _ in range(3)] == [False, False, True]
        assert gym.make("OwnWorld-v0", noise=0.1).unwrapped.mdp == PowerGrid("two_rooms", noise=0.1).tables()
        envs = gym.make_vec("OwnWorld-v0", num_envs=2, vectorization_mode="vector_entry_point")
        assert isinstance(envs, TabularVectorEnv)
        with pytest.raises(ValueError, match="id: expected one that is not registered yet, found 'OwnTables-v0'"):
            powerenvs.register("OwnTables-v0", mdp)
    finally:
        del gym.registry["OwnTables-v0"], gym.registry["OwnWorld-v0"]
