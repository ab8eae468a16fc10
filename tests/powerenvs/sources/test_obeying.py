"""Environments as people write them: what fits Gymnasium's words is right, what does not is refused and named."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces

from powerenvs import compile_env, tabular_model


class Walk(gym.Env):
    """Five cells, and 1 at the right end; subclasses show or pay something else."""

    observation_space, action_space = spaces.Discrete(5), spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.cell = 0
        return self.see(), {}

    def see(self):
        return self.cell

    def step(self, action):
        self.cell = min(max(0, self.cell + 2 * int(action) - 1), 4)
        return self.see(), float(self.cell == 4), self.cell == 4, False, {}


def shows(space, see, **attributes):
    """A class of walks with other observations."""
    return type("Shows", (Walk,), {"observation_space": space, "see": see, **attributes})


def reused(self):
    self.held["a"][0] = self.cell
    return self.held


class Repeats(Walk):
    """Pays for the same action again."""

    def reset(self, **kwargs):
        self.last = 0
        return super().reset(**kwargs)

    def step(self, action):
        seen, _, *rest = super().step(action)
        self.last, before = action, self.last
        return seen, float(action == before), *rest


class Sevens(Walk):
    """Truncates after seven steps by itself."""

    def reset(self, **kwargs):
        self.time = 0
        return super().reset(**kwargs)

    def step(self, action):
        self.time += 1
        return *super().step(action)[:3], self.time >= 7, {}


class StartsAgain(Walk):
    """Shows the beginning of the next episode at the end of this one."""

    def step(self, action):
        _, reward, ended, *rest = super().step(action)
        self.cell = 0 if ended else self.cell
        return self.cell, reward, ended, *rest


class FromMinusOne(Walk):
    action_space = spaces.Discrete(2, start=-1)

    def step(self, action):
        return super().step(action + 1)


box = spaces.Box(-np.inf, np.inf, (1,), np.float64)
TAKEN = {
    "array_used_again": (shows(spaces.Dict(a=spaces.Box(0, 5, (1,), np.int64)), reused, held={"a": np.zeros(1)}), 5),
    "text": (shows(spaces.Text(5), lambda self: f"p{self.cell}"), 5),
    "tuple": (
        shows(spaces.Tuple((spaces.Discrete(5), spaces.MultiBinary(1))), lambda self: (self.cell, np.ones(1, np.int8))),
        5,
    ),
    "nested": (
        shows(
            spaces.Dict(x=spaces.Tuple((spaces.Dict(y=spaces.Discrete(5)),))), lambda self: {"x": ({"y": self.cell},)}
        ),
        5,
    ),
    "fractions": (shows(box, lambda self: np.array([self.cell / 3])), 5),
    "float32": (shows(spaces.Box(0, 2, (1,)), lambda self: np.array([self.cell / 3], np.float32)), 5),
    "nan": (shows(box, lambda self: np.array([np.nan if self.cell == 2 else self.cell])), 5),
    "parity": (shows(spaces.Discrete(2), lambda self: self.cell % 2), 5),
    "repeats": (Repeats, 7),
    "truncates": (Sevens, 5),
    "starts_again": (StartsAgain, 5),
    "actions_from_-1": (FromMinusOne, 5),
}


@pytest.mark.parametrize("name", TAKEN)
def test_episodes_follow_the_tables(name):
    make, num_states = TAKEN[name]
    env, mdp, rng = make(), compile_env(make(), progress=False), np.random.default_rng(0)
    assert mdp.num_states == num_states
    ends = 0
    for _ in range(40):
        env.reset(seed=0)
        state = int(mdp.initial.argmax())
        for _ in range(30):
            action = int(rng.integers(2))
            _, reward, ended, truncated, _ = env.step(action + int(env.action_space.start))
            assert [(1.0, reward, ended)] == [(p, r, end) for p, _, r, end in mdp.P[state][action]]
            state, ends = mdp.P[state][action][0][1], ends + ended
            if ended or truncated:
                break
    assert ends > 0


def gives(**changes):
    """A class of walks whose steps give something else under these names."""

    def step(self, action):
        found = dict(zip(("observation", "reward", "ended", "truncated", "info"), Walk.step(self, action), strict=True))
        return tuple(value for value in {**found, **changes}.values() if value is not ...)

    return type("Gives", (Walk,), {"step": step})


class Broken(Walk):
    def step(self, action):
        if self.cell == 2 and action == 1:
            raise RuntimeError("broken gear")
        return super().step(action)


class Paid(Walk):
    """Pays when time is up, which no table without time can hold."""

    def reset(self, **kwargs):
        self.time = 0
        return super().reset(**kwargs)

    def step(self, action):
        self.time += 1
        return *super().step(action)[:1], float(self.time >= 7), False, self.time >= 7, {}


REFUSED = {
    "nan": (
        gives(reward=float("nan")),
        r"finite number as the reward of Gives\.step\(0\), found nan; action 0 in state 0",
    ),
    "inf": (gives(reward=np.float32("inf")), "finite number as the reward .* found .*inf"),
    "list": (gives(reward=np.array([1.0, 2.0])), r"finite number as the reward .* found array\(\[1"),
    "none": (gives(reward=None), "finite number as the reward .* found None"),
    "complex": (gives(reward=1j), "finite number as the reward .* found 1j"),
    "ends": (gives(ended=np.array([True])), "to say whether the episode ends, found array"),
    "four": (gives(truncated=...), r"\(observation, reward, terminated, truncated, info\), .* found 4 things"),
    "one": (type("One", (Walk,), {"step": lambda self, action: 0}), "found a int"),
    "step_raises": (Broken, r"Broken\.step\(1\) raised RuntimeError: broken gear; action 1 in state 2"),
    "old_reset": (type("Old", (Walk,), {"reset": lambda self, seed=None: 0}), r"\(observation, info\), .* found a int"),
    "no_seed": (type("No", (Walk,), {"reset": lambda self: (0, {})}), r"No\.reset\(seed=0\) raised TypeError: .*seed"),
    "paid_for_time": (Paid, r"depending on Paid\.time, which takes more than 100 values"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name):
    make, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        tabular_model(make())
