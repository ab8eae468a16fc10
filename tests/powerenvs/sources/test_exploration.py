"""Tables of other people's environments: chance is refused wherever it hides, and memory that matters is a state."""

from __future__ import annotations

import random

import gymnasium as gym
import minigrid
import numpy as np
import pytest
import torch
from minigrid.core.grid import Grid
from minigrid.core.mission import MissionSpace
from minigrid.core.world_object import Goal
from minigrid.envs import DoorKeyEnv
from minigrid.envs.babyai.core.roomgrid_level import RoomGridLevel
from minigrid.envs.babyai.core.verifier import AndInstr, BeforeInstr, GoToInstr, ObjDesc
from minigrid.envs.babyai.open import OpenDoorsOrder, OpenTwoDoors
from minigrid.minigrid_env import MiniGridEnv
from minigrid.wrappers import ActionBonus

from powerenvs import compile_env, tabular_model
from powerenvs.sources.minigrid import MiniGridMemory

MODULE_RNG = np.random.default_rng(0)


class Corridor(gym.Env):
    """Sixty cells; ``chance`` says where the last step of the last cell leads to."""

    def __init__(self, chance=lambda env: 59, rare=False):
        self.observation_space, self.action_space = gym.spaces.Discrete(60), gym.spaces.Discrete(2)
        self.chance, self.rare, self.steps = chance, rare, 0
        self.own, self.python = np.random.default_rng(1), random.Random(1)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.cell = 0
        return 0, {}

    def step(self, action):
        self.steps += 1
        chance = self.cell == 59 and (action == 1 or not self.rare)
        self.cell = self.chance(self) if chance else min(max(0, self.cell + 2 * action - 1), 59)
        return self.cell, 0.0, False, False, {}


def rarely(draw):
    """To cell 0 once in a thousand times."""
    return lambda env: 0 if draw(env) < 1e-3 else 59


CHANCES = {
    "np_random": lambda env: int(env.np_random.integers(60)),
    "own": lambda env: int(env.own.integers(60)),
    "own_of_python": lambda env: env.python.randrange(60),
    "module": lambda env: int(MODULE_RNG.integers(60)),
    "python": lambda env: random.randrange(60),
    "numpy": lambda env: int(np.random.randint(60)),  # noqa: NPY002  the global generator is what this is about
    "torch": lambda env: int(torch.randint(60, ())),
    "space": lambda env: int(env.observation_space.sample()),
    "rare": rarely(lambda env: env.np_random.random()),
    "rare_own": rarely(lambda env: env.python.random()),
    "rare_numpy": rarely(lambda env: np.random.random()),  # noqa: NPY002
    "rare_high": lambda env: 0 if env.own.random() > 1 - 1e-3 else 59,
    "rare_middle": lambda env: 0 if 0.5 < env.own.random() < 0.503 else 59,
    "rare_whole": lambda env: 0 if env.own.integers(500) == 123 else 59,
    "rare_torch": rarely(lambda env: float(torch.rand(()))),
}


@pytest.mark.parametrize("progress", [True, False, None])
@pytest.mark.parametrize("chance", CHANCES)
def test_chance_is_refused(chance, progress):
    python, numpy, tensor = random.getstate(), np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    with pytest.raises(ValueError, match=r"action 1 in state 59 once led to .* needs a deterministic environment"):
        compile_env(Corridor(CHANCES[chance], rare=True), progress=progress)
    assert random.getstate() == python
    assert np.array_equal(np.random.get_state()[1], numpy)  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), tensor)


def test_numbers_that_are_drawn_for_nothing():
    mdp = compile_env(Corridor(lambda env: 59 if env.np_random.random() < 2 else 0), progress=False)
    assert mdp.successors()[59].tolist() == [59, 59]


def test_every_row_is_stepped_once(monkeypatch):
    count = 0
    step = Corridor.step

    def counted(self, action):
        nonlocal count
        count += 1
        return step(self, action)

    monkeypatch.setattr(Corridor, "step", counted)
    monkeypatch.setattr("powerenvs.sources.exploration.WALKED", (0, 0))
    compile_env(Corridor(), progress=False)
    assert count == 120


class Room(MiniGridEnv):
    """Three by three cells, the goal in a corner; subclasses remember something."""

    def __init__(self):
        super().__init__(MissionSpace(lambda: "x"), grid_size=5, max_steps=100)

    def _gen_grid(self, w, h):
        self.grid = Grid(w, h)
        self.grid.wall_rect(0, 0, w, h)
        self.put_obj(Goal(), 3, 3)
        self.agent_pos, self.agent_dir = (1, 1), 0
        self.touched, self.fuel, self.moves = False, 12, 0


class Corner(Room):
    """The goal pays only if the agent has been in another corner; nothing depends on the moves that it counts."""

    def step(self, action):
        seen, reward, *rest = super().step(action)
        self.moves += action == 2
        self.touched |= tuple(self.agent_pos) == (3, 1)
        return seen, reward if self.touched else 0.0, *rest


class Fuel(Room):
    """Twelve moves, and that is the end."""

    def step(self, action):
        seen, reward, terminated, *rest = super().step(action)
        self.fuel -= action == 2
        return seen, reward, terminated or self.fuel == 0, *rest


class Clock(Room):
    """Every step burns, and after thirty it is the end."""

    def step(self, action):
        seen, reward, terminated, *rest = super().step(action)
        self.moves += 1
        return seen, reward, terminated or self.moves == 30, *rest


class TwoThings(RoomGridLevel):
    """Go to a ball, and to a key: in this order, or in any."""

    def __init__(self, kind=BeforeInstr, **kwargs):
        self.kind = kind
        super().__init__(room_size=4, num_rows=1, num_cols=2, **kwargs)

    def gen_mission(self):
        self.add_object(0, 0, kind="ball", color="red")
        self.add_object(0, 0, kind="key", color="blue")
        self.place_agent(0, 0)
        self.instrs = self.kind(GoToInstr(ObjDesc("ball", "red")), GoToInstr(ObjDesc("key", "blue")))


class SmallTwoDoors(OpenTwoDoors):
    """Two rows of three rooms of two by two cells, where BabyAI's own has three rows of larger rooms."""

    def __init__(self):
        self.first_color, self.second_color, self.strict = None, None, False
        RoomGridLevel.__init__(self, room_size=4, num_rows=2, max_steps=400)


class SmallDoorsOrder(OpenDoorsOrder):
    """The same rooms."""

    def __init__(self):
        self.num_doors, self.debug = 2, False
        RoomGridLevel.__init__(self, room_size=4, num_rows=2, max_steps=400)


def mismatches(env, mdp, seed, episodes=50, steps=300):
    """In how many random episodes the environment does something else than its table."""
    rng, wrong, ends = np.random.default_rng(0), 0, 0
    for _ in range(episodes):
        env.reset(seed=seed)
        state = int(mdp.initial.argmax())
        for _ in range(steps):
            action = int(rng.choice(7, p=[0.2, 0.2, 0.5, 0.02, 0.02, 0.06, 0]))
            _, reward, terminated, truncated, _ = env.step(action)
            [(_, state, tabled, ended)] = mdp.P[state][action]
            if terminated != ended or (reward > 0) != (tabled > 0):
                wrong += 1
                break
            if terminated:
                ends += 1
            if terminated or truncated:
                break
    assert ends > 0
    return wrong


@pytest.mark.parametrize(
    ("env", "seed"),
    [
        (Corner(), 0),
        (Fuel(), 0),
        (Clock(), 0),
        (TwoThings(), 3),
        (TwoThings(AndInstr), 3),
        pytest.param(SmallTwoDoors(), 0, marks=pytest.mark.slow),
        pytest.param(SmallDoorsOrder(), 0, marks=pytest.mark.slow),
    ],
    ids=["corner", "fuel", "clock", "before", "and", "two_doors", "order"],
)
def test_what_minigrids_remember_is_part_of_the_state(env, seed):
    mdp = compile_env(env, seed=seed, progress=False)
    assert mismatches(env, mdp, seed) == 0


@pytest.mark.slow
def test_memory_that_matters_is_told_apart_and_no_more():
    mdp = compile_env(Corner(), progress=False)
    assert all(isinstance(label, MiniGridMemory) for label in mdp.state_labels)
    assert {label.memory for label in mdp.state_labels} == {0, 1}
    plain = compile_env(Room(), progress=False)
    assert mdp.num_states < 2 * plain.num_states + 1
    assert not hasattr(plain.state_labels[0], "memory")


def test_counts_without_end_are_refused():
    env = ActionBonus(gym.make("MiniGrid-Empty-5x5-v0"))
    with pytest.raises(ValueError, match=r"depending on ActionBonus.counts, which takes more than 100 values"):
        compile_env(env, progress=False)


class Tank(gym.Env):
    """A ring of three cells; the tank, which is not shown, lasts for five steps."""

    def __init__(self):
        self.observation_space, self.action_space = gym.spaces.Discrete(3), gym.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.cell, self.tank, self.calls = 0, 5, 0
        return 0, {}

    def step(self, action):
        self.cell, self.tank = (self.cell + action) % 3, self.tank - 1
        return self.cell, float(self.tank == 0), self.tank == 0, False, {}


def test_memory_that_observations_hide():
    mdp = compile_env(Tank(), progress=False)
    assert mdp.state_labels[:3] == (0, (0, "memory 1"), 1)
    value = np.zeros(mdp.num_states)
    for _ in range(10):
        value = (mdp.reward_tensor().numpy() + value[mdp.successors()]).max(axis=1)
    assert value[0] == 1  # paid once, when the tank is empty


class TestEpisodes:
    @pytest.mark.slow
    def test_one_made_from_its_class_has_the_table_of_its_episode(self):
        env = DoorKeyEnv(size=5)
        env.reset(seed=3)
        assert tabular_model(env) == compile_env(env, seed=3)
        assert tabular_model(env).state_labels[0].agent == (2, 1)

    @pytest.mark.slow
    @pytest.mark.parametrize("wrap", [lambda env: env, gym.wrappers.OrderEnforcing, minigrid.wrappers.FullyObsWrapper])
    def test_the_table_starts_at_the_beginning(self, wrap):
        env = MiniGridRandom()
        env.reset(seed=5)
        env.reset()  # another episode, without a seed
        begins = env.agent_pos[::-1]
        at_the_beginning = tabular_model(env)
        assert at_the_beginning.state_labels[0].agent == begins
        for action in (2, 1, 2, 2, 0, 2):
            env.step(action)
        assert tabular_model(wrap(env)) == at_the_beginning

    @pytest.mark.slow
    def test_after_the_end(self):
        env = gym.make("MiniGrid-Empty-5x5-v0")
        env.reset(seed=1)
        before = tabular_model(env)
        ended = [env.step(action)[2] for action in (2, 2, 1, 2, 2)]
        assert ended[-1]
        assert tabular_model(env) == before

    def test_what_cannot_be_found(self):
        env = MiniGridRandom()
        env.reset(seed=0)
        env.np_random = np.random.default_rng(7)
        with pytest.raises(ValueError, match=r"whose np_random was set; give seed="):
            tabular_model(env)


class MiniGridRandom(Room):
    """Begins anywhere."""

    def _gen_grid(self, w, h):
        super()._gen_grid(w, h)
        self.agent_pos = (int(self.np_random.integers(1, 3)), int(self.np_random.integers(1, 3)))
        self.agent_dir = int(self.np_random.integers(4))
