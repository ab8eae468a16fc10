"""What wrappers do to dynamics, rewards and ends is in the tables, or refused."""

from __future__ import annotations

import gymnasium as gym
import minigrid  # noqa: F401  registers its environments
import numpy as np
import pytest
from gymnasium import wrappers
from gymnasium.utils.env_checker import data_equivalence
from pettingzoo.utils import parallel_to_aec
from pettingzoo.utils.wrappers import BaseParallelWrapper, MultiEpisodeParallelEnv
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnvWrapper, VecMonitor

import power_metrics as pm
from powerenvs import tabular_model
from powerenvs.multi import power_pair_v0


def lake(**kwargs):
    return gym.make("FrozenLake-v1", **kwargs)


class NoDeath(gym.Wrapper):
    """Holes cost 1 and end nothing."""

    def step(self, action):
        seen, reward, terminated, truncated, info = self.env.step(action)
        hole = self.unwrapped.desc[divmod(int(seen), 4)] == b"H"
        return seen, -1.0 if hole else reward, terminated and not hole, truncated, info


class SecondVisit(gym.Wrapper):
    """The goal pays twice as much if cell 4 was visited."""

    def reset(self, **kwargs):
        self.visited = False
        return self.env.reset(**kwargs)

    def step(self, action):
        seen, reward, *rest = self.env.step(action)
        self.visited |= int(seen) == 4
        return seen, reward * (1 + self.visited), *rest


class Slips(gym.ActionWrapper):
    """Sometimes goes left."""

    def action(self, action):
        return action if self.np_random.random() < 0.9 else 0


class Twice(gym.Wrapper):
    """Takes every action twice."""

    def step(self, action):
        self.env.step(action)
        return self.env.step(action)


class BackToTheStart(gym.Wrapper):
    """Puts the environment below back to its start instead of into a hole."""

    def step(self, action):
        seen, reward, terminated, truncated, info = self.env.step(action)
        if self.unwrapped.desc[divmod(int(seen), 4)] == b"H":
            self.unwrapped.s, seen, terminated = 0, 0, False
        return seen, reward, terminated, truncated, info


class Elsewhere(gym.Wrapper):
    """Begins in another state."""

    def reset(self, **kwargs):
        _, info = self.env.reset(**kwargs)
        self.unwrapped.s = 10
        return 10, info


class Observed(gym.ObservationWrapper):
    """The same, as a wrapper for observations."""

    reset = Elsewhere.reset

    def observation(self, observation):
        return observation


class OneStepAhead(gym.Wrapper):
    """Takes a step before the episode begins."""

    def reset(self, **kwargs):
        self.env.reset(**kwargs)
        return self.env.step(1)[0], {}


class Melts(gym.Wrapper):
    """Changes the map on the way."""

    def step(self, action):
        self.unwrapped.desc = self.unwrapped.desc.copy()
        return self.env.step(action)


class Options(gym.Wrapper):
    """Begins where it says."""

    def reset(self, **kwargs):
        return self.env.reset(**kwargs | {"options": {"state": (2, 2)}})


def frequencies(env, mdp, steps=4000):
    """How often episodes do what their table says, as the largest difference of a frequency from its probability."""
    rng, counts = np.random.default_rng(0), {}
    seen, _ = env.reset(seed=0)
    for _ in range(steps):
        action = int(rng.integers(mdp.num_actions))
        after, reward, terminated, truncated, _ = env.step(action)
        row = counts.setdefault((seen, action), {})
        row[after, reward, terminated] = row.get((after, reward, terminated), 0) + 1
        seen = env.reset()[0] if terminated or truncated else after
    worst = 0.0
    for (state, action), row in counts.items():
        total = sum(row.values())
        if total > 50:
            tabled = {(target, reward, ended): p for p, target, reward, ended in mdp.P[state][action]}
            assert row.keys() <= tabled.keys()
            worst = max(worst, *(abs(row.get(entry, 0) / total - p) * np.sqrt(total) for entry, p in tabled.items()))
    return worst


@pytest.mark.parametrize("slippery", [False, True])
@pytest.mark.parametrize(
    "wrap",
    [
        NoDeath,
        lambda env: wrappers.TransformReward(env, lambda reward: 3 * reward - 1),
        lambda env: wrappers.ClipReward(env, 0, 0.5),
        lambda env: wrappers.TransformAction(env, lambda action: 3 - action, env.action_space),
        lambda env: wrappers.TransformAction(env, lambda action: 2 - action, gym.spaces.Discrete(2)),
        lambda env: NoDeath(wrappers.TimeLimit(wrappers.RecordEpisodeStatistics(env), 50)),
        BackToTheStart,
    ],
    ids=["no_death", "reward", "clip", "action", "fewer_actions", "inside", "back"],
)
def test_episodes_follow_the_tables(wrap, slippery):
    env = wrap(lake(is_slippery=slippery))
    mdp = tabular_model(env)
    assert mdp.num_states == 16
    assert frequencies(env, mdp) < 4  # standard errors of at most a half


def test_holes_that_cost():
    def down_the_hole(state):
        return 2 if state == 4 else 1

    env = NoDeath(lake(is_slippery=False))
    mdp = tabular_model(env)
    assert (mdp.num_states, int(mdp.terminal.sum())) == (16, 1)
    learned = pm.compare(down_the_hole, env, gamma=0.9, num_samples=50, progress=False)["learned"]
    assert learned.expected_return == pytest.approx(-0.9 / 0.1)  # from the second step on, for ever


def test_wrappers_that_remember_split_states():
    env = SecondVisit(lake(is_slippery=False))
    mdp = tabular_model(env)
    assert {label[1] for label in mdp.state_labels[16:]} == {"memory 1"}
    assert sorted(set(mdp.reward.tolist())) == [0.0, 1.0, 2.0]
    with pytest.raises(ValueError, match=r"does not say what an agent sees|its wrappers make"):
        pm.policy_table(lambda state: 0, env)


class TestStickyActions:
    def test_in_a_corridor_by_hand(self):
        """Two steps to the right of three cells: the second is sticky half of the time."""
        env = wrappers.StickyAction(lake(is_slippery=False), 0.5)
        mdp = tabular_model(env)
        right = mdp.index(((0, 1), "right"))
        assert mdp.P[0][2] == [(1.0, right, 0.0, False)]
        ways = {(mdp.state_labels[t], p) for p, t, _, _ in mdp.P[right][0]}
        assert ways == {(((0, 0), "left"), 0.5), (((0, 2), "right"), 0.5)}
        assert pm.power(env, 0.9, num_samples=50, progress=False)[(0, 0)] != pytest.approx(
            pm.power(lake(is_slippery=False), 0.9, num_samples=50, progress=False)[(0, 0)]
        )

    def test_returns_of_episodes(self):
        env = wrappers.StickyAction(lake(is_slippery=False), 0.3, (1, 3))
        mdp = tabular_model(env)
        policy = np.zeros((mdp.num_states, 4))
        policy[:, [1, 2]] = 0.5
        exact = pm.expected_return(mdp, policy, gamma=1.0)
        rng, total, episodes = np.random.default_rng(0), 0.0, 2000
        for episode in range(episodes):
            env.reset(seed=episode)
            done = False
            while not done:
                _, reward, terminated, truncated, _ = env.step(int(rng.integers(1, 3)))
                total += reward
                done = terminated or truncated
        assert total / episodes == pytest.approx(exact, abs=4 * 0.5 / np.sqrt(episodes))

    def test_actions_that_may_not_exist(self):
        env = gym.make("powerenvs:PowerGrid-v0", level="open_3x3", walls="absent")
        with pytest.raises(ValueError, match=r"sticky actions need every action in every state"):
            tabular_model(wrappers.StickyAction(env, 0.5))


@pytest.mark.parametrize(
    ("wrap", "message"),
    [
        (Slips, "once led to .* and once to"),
        (lambda env: wrappers.TransformReward(env, lambda r: r + np.random.normal()), "with reward"),  # noqa: NPY002
        (Twice, "Twice took 2 steps .* which is random"),
        (lambda env: NoDeath(wrappers.StickyAction(env, 0.5)), "put StickyAction outermost"),
        (Elsewhere, r"begins episodes in state 10 \(\(2, 2\)\) where .* in state 0 .*\.with_\(initial=\.\.\.\)"),
        (Observed, "begins episodes in state 10"),
        (OneStepAhead, "begins episodes in state"),
        (Melts, r"changes desc of FrozenLakeEnv, after which its tables are others"),
    ],
)
def test_what_cannot_be_found_is_refused(wrap, message):
    with pytest.raises(ValueError, match=message):
        tabular_model(wrap(lake()))


def test_resets_to_a_state_of_ones_own():
    with pytest.raises(ValueError, match=r"begins episodes in state 8 \(\(2, 2\)\)"):
        tabular_model(Options(gym.make("PowerGrid-v0", level="open_3x3")))


def test_wrappers_of_what_has_no_tables():
    with pytest.raises(ValueError, match="found no tables in CartPoleEnv"):
        tabular_model(wrappers.TransformReward(gym.make("CartPole-v1"), abs))


def test_hidden_performance_is_kept():
    env = gym.make("powerenvs/BoatRace-v0")
    below, above = tabular_model(env), tabular_model(wrappers.TransformReward(env, lambda reward: -reward))
    assert data_equivalence(above.performance, below.performance)
    assert np.array_equal(above.reward, -below.reward)


@pytest.mark.slow
def test_minigrids_are_stepped_with_their_wrappers():
    env = gym.make("MiniGrid-Empty-5x5-v0")
    env.reset(seed=0)
    plain, other = tabular_model(env), tabular_model(wrappers.TransformReward(env, lambda reward: -reward))
    assert np.array_equal(other.reward, -plain.reward)


class Halves(VecEnvWrapper):
    """Halves rewards."""

    def reset(self):
        return self.venv.reset()

    def step_wait(self):
        seen, rewards, *rest = self.venv.step_wait()
        return seen, rewards / 2, *rest


class TestManyAndSeveral:
    def test_vectors(self):
        copies = DummyVecEnv([lambda: lake()])
        assert tabular_model(VecMonitor(copies)) == tabular_model(Monitor(lake())) == tabular_model(lake())
        with pytest.raises(ValueError, match="it is not known what Halves does to dynamics"):
            tabular_model(Halves(copies))
        envs = gym.make_vec("FrozenLake-v1", 2)
        assert tabular_model(wrappers.vector.RecordEpisodeStatistics(envs)) == tabular_model(lake())
        with pytest.raises(ValueError, match="it is not known what TransformReward does"):
            tabular_model(wrappers.vector.TransformReward(envs, lambda reward: 2 * reward))

    def test_games(self):
        env = power_pair_v0.parallel_env(level="..")
        assert tabular_model(BaseParallelWrapper(env)) == env.game
        assert tabular_model(parallel_to_aec(env)) == env.game
        assert tabular_model(power_pair_v0.env(level="..")) == env.game

        class Pays(BaseParallelWrapper):
            """Does something of its own."""

        for wrapped in (Pays(env), parallel_to_aec(Pays(env)), MultiEpisodeParallelEnv(env, 2)):
            with pytest.raises(ValueError, match=r"it is not known what (Pays|MultiEpisodeParallelEnv) does"):
                tabular_model(wrapped)
