"""Enumerating environments by stepping copies of them."""

from __future__ import annotations

import copy

import gymnasium as gym
import minigrid  # noqa: F401  registers its environments
import numpy as np
import pytest

from powerenvs import compile_env, tabular_model
from powerenvs.sources.minigrid import MiniGridState


class Counter(gym.Env):
    """Counts to five; ``random`` makes the last step a coin toss, ``shift`` moves the first action's number."""

    def __init__(self, random: bool = False, shift: int = 0):
        self.observation_space = gym.spaces.Box(0, 5, (1,), np.int64)
        self.action_space = gym.spaces.Discrete(2, start=shift)
        self.random, self.shift, self.count = random, shift, 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.count = 0
        return np.array([0]), {}

    def step(self, action):
        self.count += int(action) - self.shift
        if self.random and self.count == 4:
            self.count += int(self.np_random.integers(2))
        self.count = min(self.count, 5)
        return np.array([self.count]), float(self.count == 5), self.count == 5, False, {}


def test_observations_are_states_by_default():
    mdp = compile_env(Counter())
    assert mdp.state_labels == tuple((i,) for i in range(6))
    assert mdp.terminal.tolist() == [False] * 5 + [True]
    assert mdp.P[4][1] == [(1.0, 5, 1.0, True)]


def test_key_and_cell_say_what_a_state_is():
    mdp = compile_env(Counter(), key=lambda env: env.unwrapped.count, cell=lambda env: (0, env.unwrapped.count))
    assert mdp.state_labels == tuple(range(6))
    assert mdp.cells.tolist() == [[0, i] for i in range(6)]


def test_action_spaces_that_do_not_start_at_zero():
    assert compile_env(Counter(shift=3)).num_states == 6


def test_randomness_is_noticed():
    with pytest.raises(ValueError, match=r"action 1 in state \(3,\) once led to .* needs a deterministic environment"):
        compile_env(Counter(random=True))


@pytest.mark.parametrize(
    ("env", "kwargs", "message"),
    [
        (gym.make("Pendulum-v1"), {}, "expected a Discrete action space, found Box"),
        (Counter(), {"max_states": 3}, "Counter: found more than max_states=3 states"),
        (Counter(), {"key": lambda env: [env.unwrapped.count]}, "key: expected a hashable state, found list"),
    ],
)
def test_errors(env, kwargs, message):
    with pytest.raises(ValueError, match=message):
        compile_env(env, **kwargs)


class TestMiniGrid:
    def test_empty_room(self):
        mdp = tabular_model(gym.make("MiniGrid-Empty-5x5-v0"))
        assert mdp.num_states == 9 * 4 - 2  # the goal is entered facing right or down only
        assert mdp.terminal.sum() == 2
        assert mdp.action_labels == ("left", "right", "forward", "pickup", "drop", "toggle", "done")
        assert mdp.board[3] == "#..G#"
        assert mdp.find(agent=(1, 1), facing="right").tolist() == [0]

    def test_the_environment_is_left_alone(self):
        env = gym.make("MiniGrid-Empty-5x5-v0")
        env.reset(seed=3)
        before = copy.deepcopy(env.unwrapped.grid.encode())
        tabular_model(env)
        assert env.unwrapped.agent_pos == (1, 1)
        assert env.unwrapped.step_count == 0
        np.testing.assert_array_equal(env.unwrapped.grid.encode(), before)

    @pytest.mark.slow
    def test_the_episode_under_way_or_that_of_a_seed(self):
        env = gym.make("MiniGrid-Empty-Random-5x5-v0")
        starts = set()
        for seed in range(6):
            env.reset(seed=seed)
            mdp = tabular_model(env)
            assert mdp == compile_env(env, seed=seed)
            assert mdp.state_labels[0].agent == env.unwrapped.agent_pos[::-1]
            starts.add(mdp.state_labels[0])
        assert len(starts) > 1

    @pytest.mark.slow
    def test_keys_doors_and_what_is_carried(self):
        env = gym.make("MiniGrid-DoorKey-5x5-v0")
        env.reset(seed=0)
        mdp = tabular_model(env)
        carrying = [label for label in mdp.state_labels if label.carrying]
        assert {label.carrying for label in carrying} == {"yellow key"}
        assert len({label.layout for label in mdp.state_labels}) > 2

    @pytest.mark.slow
    def test_random_episodes_follow_the_table(self):
        env = gym.make("MiniGrid-DoorKey-5x5-v0")
        env.reset(seed=1)
        mdp = tabular_model(env)
        rng = np.random.default_rng(1)
        state = 0
        for _ in range(400):
            action = int(rng.integers(7))
            _, reward, terminated, truncated, _ = env.step(action)
            [(_, state, expected, ended)] = mdp.P[state][action]
            assert ended == terminated
            assert (reward > 0) == (expected > 0)
            column, row = env.unwrapped.agent_pos
            assert mdp.state_labels[state].agent == (row, column)
            if terminated or truncated:
                break

    def test_walls_anywhere(self):
        env = gym.make("MiniGrid-SimpleCrossingS9N1-v0")
        env.reset(seed=0)
        mdp = tabular_model(env)
        free = sum(row.count(".") for row in mdp.board)
        assert isinstance(mdp.state_labels[0], MiniGridState)
        assert mdp.num_states == 4 * free + int(mdp.terminal.sum())
        assert (mdp.cells >= 0).all()
