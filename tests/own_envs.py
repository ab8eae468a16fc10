"""Environments as people write them: ordinary Gymnasium classes that know nothing of tables."""

import gymnasium as gym
import numpy as np


class Slide(gym.Env):
    """A walk on a board of 4x4 to a corner, with observations as dictionaries and actions from 1."""

    action_space = gym.spaces.Discrete(4, start=1)

    def __init__(self, size=4):
        place = gym.spaces.Box(0, size - 1, (2,), np.int64)
        self.size, self.observation_space = size, gym.spaces.Dict(agent=place, goal=place)

    def _see(self):
        return {"agent": self.agent.copy(), "goal": np.zeros(2, np.int64)}

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.agent = self.np_random.integers(1, self.size, 2)
        return self._see(), {}

    def step(self, action):
        if action not in self.action_space:
            raise ValueError(f"action {action}")
        move = ((0, 1), (1, 0), (0, -1), (-1, 0))[int(action) - 1]
        self.agent = np.clip(self.agent + move, 0, self.size - 1)
        ended = not self.agent.any()
        return self._see(), float(ended), ended, False, {}


class FromZero(Slide):
    """The same with actions from 0, as Stable-Baselines3 has them, always from the far corner."""

    action_space = gym.spaces.Discrete(4)

    def reset(self, *, seed=None, options=None):
        seen = super().reset(seed=seed)
        self.agent = np.array([self.size - 1, self.size - 1])
        return self._see(), seen[1]

    def step(self, action):
        self.action_space, before = Slide.action_space, self.action_space
        found = super().step(int(action) + 1)
        self.action_space = before
        return found
