"""Policies trained on other people's environments: what they see in each state, and which state they are in."""

import pickle

import gymnasium as gym
import numpy as np
import pytest
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

import power_metrics as pm
from powerenvs import compile_env, tabular_model
from tests.own_envs import FromZero, Slide

pytest.importorskip("minigrid")
from minigrid.wrappers import FlatObsWrapper, ImgObsWrapper

QUIET = {"num_samples": 50, "progress": False}


def flat():
    return FlatObsWrapper(gym.make("MiniGrid-Empty-5x5-v0"))


def pictures():
    return ImgObsWrapper(gym.make("MiniGrid-Empty-5x5-v0"))


def short():
    return gym.wrappers.TimeLimit(FromZero(), 30)


def probabilities(model, seen):
    """What a model of Stable-Baselines3 does when it sees something, asked alone."""
    given, _ = model.policy.obs_to_tensor(seen)
    return model.policy.get_distribution(given).distribution.probs.detach().numpy()[0]


@pytest.mark.parametrize(
    ("make", "policy"), [(short, "MultiInputPolicy"), (flat, "MlpPolicy"), (pictures, "MlpPolicy")]
)
def test_tables_are_what_the_model_does_in_each_state(make, policy):
    env = make()
    env.reset(seed=0)
    model = PPO(policy, env, n_steps=64, seed=0)
    mdp = tabular_model(env)
    table = pm.policy_table(model, env)
    np.testing.assert_array_equal(table, pm.policy_table(model, mdp))
    np.testing.assert_array_equal(table, pm.policy_table(model, DummyVecEnv([lambda: env])))
    for state in np.flatnonzero(~mdp.terminal)[::3]:
        copied = mdp.seen.rebuild(state)
        assert mdp.seen.locate(copied, mdp.seen.values if make is not short else copied._see()) == state
        seen = copied._see() if make is short else copied.observation(copied.unwrapped.gen_obs())
        np.testing.assert_allclose(table[state], probabilities(model, seen), atol=1e-6)
    found = pm.compare(model, env, 0.9, **QUIET)
    assert found["learned"].expected_return == pytest.approx(pm.expected_return(mdp, table, 0.9), rel=1e-12)


def walked(env, agent, steps):
    """Discounted visits are left out: how often states are visited, told by comparing observations with the model's."""
    mdp, counts = tabular_model(env), np.zeros(tabular_model(env).available.shape, dtype=int)
    seen, _ = env.reset(seed=0)
    for _ in range(steps):
        action = agent(seen)
        same = [all(np.array_equal(mdp.seen.values[k][s], seen[k]) for k in seen) for s in range(mdp.num_states)]
        counts[same.index(True), action - 1] += 1
        seen, _, terminated, truncated, _ = env.step(action)
        if terminated or truncated:
            seen, _ = env.reset()
    return counts


def test_actions_that_start_at_one():
    env = gym.wrappers.TimeLimit(Slide(), 9)
    env.reset(seed=0)

    def agent(seen):
        return 4 if seen["agent"][0] > 1 else 3 if seen["agent"][1] else 4

    mdp = tabular_model(env)
    assert mdp.action_labels == (1, 2, 3, 4)
    table = pm.policy_table(agent, env)
    for state in np.flatnonzero(~mdp.terminal):
        seen = {name: values[state] for name, values in mdp.seen.values.items()}
        assert table[state].argmax() == agent(seen) - 1
    with pytest.raises(ValueError, match="an action from 1 to 4"):
        pm.policy_table(lambda seen: 0, env)
    np.testing.assert_array_equal(pm.rollout_counts(agent, env, 40), walked(env, agent, 40))
    wrapped = pm.PowerWrapper(env, gamma=0.9, power=np.arange(16.0))
    seen, info = wrapped.reset(seed=0)
    for _ in range(5):
        assert info["power"] == mdp.seen.locate(env, seen)
        seen, *_, info = wrapped.step(agent(seen))
    np.testing.assert_array_equal(wrapped.tracker.counts, walked(env, agent, 5))


def test_callbacks():
    env = VecNormalize(DummyVecEnv([short, short]), norm_obs_keys=["agent"])
    callback = pm.sb3.PowerCallback(eval_every=32, gamma=0.9, power=np.arange(16.0))
    model = PPO("MultiInputPolicy", env, n_steps=32, batch_size=32, n_epochs=1, seed=0).learn(128, callback=callback)
    assert [row["step"] for row in callback.tracker.history] == [0.0, 64.0, 128.0]
    assert callback.tracker.counts.sum() == 128
    np.testing.assert_allclose(callback.tracker.policies[-1], pm.policy_table(model, env), atol=1e-12)
    assert np.abs(callback.tracker.policies[0] - callback.tracker.policies[-1]).max() > 1e-4


def test_callbacks_of_minigrids():
    callback = pm.sb3.PowerCallback(eval_every=32, gamma=0.9, power=np.arange(34.0))
    PPO("MlpPolicy", flat(), n_steps=32, batch_size=32, n_epochs=1, seed=0).learn(64, callback=callback)
    assert callback.tracker.counts.sum() == 64
    assert callback.compare()["learned"].power_seeking > 0


def test_vectors():
    envs = pm.PowerVectorWrapper(gym.vector.SyncVectorEnv([FromZero] * 3), power=np.arange(16.0), gamma=0.9)
    mdp = envs.tracker.mdp
    seen, infos = envs.reset(seed=0)
    for action in (2, 3, 3):
        places = [tuple(place) for place in seen["agent"]]
        assert [tuple(mdp.seen.values["agent"][int(s)]) for s in infos["power"]] == places
        seen, *_, infos = envs.step(np.full(3, action))
    assert envs.tracker.counts.sum() == 9


def test_other_episodes_are_no_states_of_the_model():
    env = pm.PowerWrapper(ImgObsWrapper(gym.make("MiniGrid-DoorKey-5x5-v0")), power=np.zeros(270), gamma=0.9)
    env.reset(seed=0)

    def visit():
        for seed in range(1, 9):
            env.reset(seed=seed)

    with pytest.raises(ValueError, match="this is another one"):
        visit()


class Blinks(Slide):
    """The same, with a goal that blinks, which changes nothing."""

    def _see(self):
        self.blinks = not getattr(self, "blinks", False)
        return {"agent": self.agent.copy(), "goal": np.full(2, int(self.blinks), np.int64)}


def test_keys_that_hide_what_agents_see():
    env = Blinks()
    mdp = compile_env(env, key=place)
    with pytest.raises(ValueError, match=r"different observations .*key="):
        pm.policy_table(lambda seen: 1, mdp)
    assert pm.policy_table(mdp.available / 4, mdp).shape == mdp.available.shape


def test_models_are_found_once_for_each_episode():
    env = Slide()
    env.reset(seed=0)
    mdp = tabular_model(env)
    env.step(3)
    assert tabular_model(gym.wrappers.TimeLimit(env, 5)) is mdp
    keyed = compile_env(env, key=lambda env: tuple(env.unwrapped.agent.tolist()))
    assert tabular_model(env) is keyed
    mdp = tabular_model(env)
    for seed in (3, 5, 6):  # other starts of the same world leave states their numbers
        env.reset(seed=seed)
        assert tabular_model(env).state_labels == mdp.state_labels
        assert tabular_model(env).initial.argmax() == mdp.index(tuple(env.agent.tolist()))
    env.size = 3  # another world
    assert tabular_model(env).num_states == 9
    copied = pickle.loads(pickle.dumps(mdp))
    assert copied == mdp
    assert copied.seen is None


def place(env):
    return tuple(env.unwrapped.agent.tolist())


@pytest.mark.parametrize(
    ("board", "expected"),
    [
        (None, ("....",) * 4),
        (["S..#"] * 4, ("S..#",) * 4),
        (lambda env: ["." * env.size] * env.size, ("....",) * 4),
    ],
)
def test_boards(board, expected, tmp_path):
    mdp = compile_env(Slide(), cell=place, board=board)
    assert mdp.board == expected
    figure = pm.power(mdp, 0.9, **QUIET).plot()
    assert figure.axes[0].images or figure.axes[0].collections  # a map, not bars


def test_cells_that_are_no_places():
    with pytest.raises(ValueError, match=r"cell: expected pairs"):
        compile_env(Slide(), cell=lambda env: (-1, 0))


def test_sticky_numbers_are_not_those_that_are_told():
    def sticky():
        return gym.wrappers.StickyAction(gym.make("PowerGrid-v0", level="open_3x3"), 0.5)

    mdp = tabular_model(sticky())
    power, last = np.zeros(mdp.num_states), mdp.num_states - 1
    tracker = pm.PowerTracker(sticky(), power=power, gamma=0.9)
    tracker.evaluate(tracker.mdp.available / 5)
    with pytest.raises(ValueError, match="remember something"):
        tracker.update([0], [0])
    pm.PowerTracker(mdp, power=power, gamma=0.9).update([last], [0])
    with pytest.raises(ValueError, match="remember something"):
        pm.PowerVectorWrapper(gym.vector.SyncVectorEnv([sticky]), power=power, gamma=0.9)
