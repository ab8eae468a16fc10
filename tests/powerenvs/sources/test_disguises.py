"""What has tables below it, or beside it, that are not its own is refused rather than looked through."""

import gymnasium as gym
import pytest
from gymnasium.envs.toy_text.frozen_lake import FrozenLakeEnv
from stable_baselines3.common.vec_env import DummyVecEnv

from powerenvs import tabular_model
from powerenvs.envs.single import TabularEnv
from powerenvs.worlds.power import PowerGrid


class NoHoles(FrozenLakeEnv):
    """A subclass whose steps are not those of its P."""

    def step(self, action):
        seen, reward, _, truncated, info = super().step(action)
        return seen, reward, False, truncated, info


class Titled(FrozenLakeEnv):
    """A subclass whose steps are."""

    title = "lake"


class Backwards(TabularEnv):
    """A subclass that steps the other way."""

    def step(self, action):
        return super().step(4 - action)


class Around:
    """A wrapper that passes on whatever is asked of it, but for its steps."""

    def __init__(self, env):
        self.env = env

    def __getattr__(self, name):
        return getattr(self.env, name)

    def step(self, action):
        return self.env.step(0)


def grid(level):
    return lambda: gym.make("PowerGrid-v0", level=level)


REFUSED = [
    (NoHoles, "NoHoles has a step of its own"),
    (lambda: Backwards(PowerGrid("open_3x3")), "Backwards has a step of its own"),
    (lambda: Around(grid("open_3x3")()), "not known what Around does"),
    (lambda: DummyVecEnv([grid("S..G"), grid("S.G.")]), "copy 1 with other tables"),
    (lambda: gym.vector.SyncVectorEnv([grid("S..G"), grid("S.#G\n....")], observation_mode="different"), "copy 1"),
]


@pytest.mark.parametrize(("make", "message"), REFUSED)
def test_refused(make, message):
    with pytest.raises(ValueError, match=message):
        tabular_model(make())


def test_taken():
    assert tabular_model(Titled()) == tabular_model(FrozenLakeEnv())
    assert tabular_model(DummyVecEnv([grid("S..G")] * 2)) == tabular_model(grid("S..G")())
