"""Bug reports and examples that people have published about other libraries: here each is right, or refused by name."""

from __future__ import annotations

import gymnasium as gym
import minigrid  # noqa: F401  registers its environments
import numpy as np
import pytest
from gymnasium.wrappers import TimeLimit
from minigrid.wrappers import ActionBonus, NoDeath, StochasticActionWrapper
from pettingzoo.utils.conversions import aec_to_parallel, parallel_to_aec
from sb3_contrib import TRPO
from stable_baselines3 import PPO
from stable_baselines3.common.evaluation import evaluate_policy

import power_metrics as pm
from powerenvs import TabularMDP, tabular_model
from powerenvs.multi import power_pair_v0
from powerenvs.sources.graphviz.files import load_gv
from tests.models import CLIFF, TAXI


def backward(mdp, steps):
    """The best total reward in so many steps from the start, by a loop over ``P``."""
    values = np.zeros(mdp.num_states)
    for _ in range(steps):
        values = np.array(
            [max(sum(p * (r + values[t]) for p, t, r, _ in row) for row in mdp.P[s].values()) for s in mdp.P]
        )
    return float(mdp.initial @ values)


def small():
    """pymdptoolbox's ``small()``, about which policy and value iteration once differed."""
    T = np.array([[[0.5, 0.5], [0.8, 0.2]], [[0.0, 1.0], [0.1, 0.9]]])
    mdp = TabularMDP.from_arrays(T, np.array([[5, 10], [-1, 2]]), order="ass")
    solution = pm.solve_task(mdp, 0.99)
    return [*solution.values[0], *solution.policy[0]], [392.29910714, 386.16071429, 1, 0]


def rewards_in_states():
    """aima-python's CustomMDP: rewards of states, and a terminal state that has no transitions."""
    moves = [
        ("a", "right", "b", 0.5),
        ("a", "right", "a", 0.5),
        ("b", "right", "flames", 0.3),
        ("b", "right", "a", 0.7),
    ]
    moves += [("a", "left", "a", 1.0), ("b", "left", "a", 1.0)]
    mdp = TabularMDP.from_transitions(moves, terminal=["flames"])
    reward, value = np.array([-0.1, 0.2, -2.0]), np.zeros(3)
    T, _ = mdp.to_arrays()
    for _ in range(500):
        value = reward + 0.9 * np.einsum("sat,t->sa", T, value).max(axis=1, where=mdp.available, initial=-99)
    return pm.optimal_values(mdp, reward, 0.9)[0].numpy(), value


def lake_of_a_hundred_steps():
    """The best chance on FrozenLake within the 100 steps that Gymnasium gives; 0.744190."""
    mdp = tabular_model(gym.make("FrozenLake-v1"))
    found = pm.horizon_optimum(mdp, steps=100).return_range[1]
    return [found, backward(mdp, 100)], [0.744190, 0.744190]


def lake_of_ones_own():
    """A map of one's own."""
    mdp = tabular_model(gym.make("FrozenLake-v1", desc=["SF", "HG"], is_slippery=True))
    return [pm.horizon_optimum(mdp, steps=7).return_range[1]], [backward(mdp, 7)]


def rounded_probabilities():
    """PRISM's exports and AI-Toolbox's: 0.06 + 0.94 is not 1 in floating point."""
    mdp = TabularMDP.from_transitions([(0, 0, 0, 0.06), (0, 0, 1, 0.94), (1, 0, 1, 1.0)])
    return mdp.probability, [0.06, 0.94, 1.0]


def evaluations():
    """What Stable-Baselines3's `evaluate_policy` averages is what is computed, within its error."""
    env = TimeLimit(gym.make("FrozenLake-v1", is_slippery=True).unwrapped, 20)
    agent = PPO("MlpPolicy", env, seed=0, n_steps=64, device="cpu")
    exact = pm.horizon_score(env, pm.policy_table(agent, env), steps=20).expected_return
    episodes = 50
    mean, _ = evaluate_policy(agent, env, episodes, deterministic=False, warn=False)
    return [(mean - exact) / np.sqrt(exact * (1 - exact) / episodes) / 4], [0.0, 1.0]


RIGHT = [small, rewards_in_states, lake_of_a_hundred_steps, lake_of_ones_own, rounded_probabilities]


@pytest.mark.parametrize("case", RIGHT)
def test_right(case):
    found, expected = case()
    np.testing.assert_allclose(found, expected, atol=5e-7)


@pytest.mark.slow
def test_evaluations_agree():
    (error,), (least, most) = evaluations()
    assert least <= abs(error) <= most


GRID = "MiniGrid-Empty-5x5-v0"
REFUSED = {
    "rounded too far": (
        lambda: TabularMDP.from_transitions([(0, 0, 0, 0.9999)]),
        r"sum to 1 .* found 0\.9999 in state 0",
    ),
    "moving obstacles": (lambda: tabular_model(gym.make("MiniGrid-Dynamic-Obstacles-5x5-v0")), "once led to"),
    "stochastic actions": (lambda: tabular_model(StochasticActionWrapper(gym.make(GRID))), "once led to"),
    "bonus by action": (lambda: tabular_model(ActionBonus(gym.make(GRID))), r"depending on ActionBonus\.counts"),
    "cart": (lambda: tabular_model(gym.make("CartPole-v1")), "found no tables in CartPoleEnv"),
    "blackjack": (lambda: tabular_model(gym.make("Blackjack-v1")), "once led to|found no tables|draw"),
}
if CLIFF.endswith("v1"):  # Gymnasium 1.2 and newer
    REFUSED["fickle passenger"] = (lambda: tabular_model(gym.make(TAXI, fickle_passenger=True)), "fickle_passenger")


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    ask, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        ask()


LEVELS = {
    "lava that costs": lambda: NoDeath(gym.make("MiniGrid-LavaGapS5-v0"), no_death_types=("lava",), death_cost=-1.0),
    "memory": lambda: gym.make("MiniGrid-MemoryS7-v0"),
}


@pytest.mark.parametrize("name", LEVELS)
def test_random_episodes_follow_the_tables_of_minigrid(name):
    env, rng = LEVELS[name](), np.random.default_rng(0)
    env.reset(seed=2)
    mdp = tabular_model(env)
    for _ in range(10):
        env.reset(seed=2)
        state = int(mdp.initial.argmax())
        for _ in range(100):
            action = int(rng.integers(7))
            _, reward, ended, truncated, _ = env.step(action)
            [(_, after, tabled, over)] = mdp.P[state][action]
            assert (ended, reward > 0, reward < 0) == (over, tabled > 0, tabled < 0)
            state = after
            if ended or truncated:
                break


def test_conversions_of_pettingzoo_keep_the_game():
    game = tabular_model(power_pair_v0.parallel_env())
    assert tabular_model(parallel_to_aec(power_pair_v0.parallel_env())) == game
    assert tabular_model(aec_to_parallel(parallel_to_aec(power_pair_v0.parallel_env()))) == game


def test_agents_of_sb3_contrib():
    env = gym.make("PowerGrid-v0", level="open_3x3", observation="onehot")
    table = pm.policy_table(TRPO("MlpPolicy", env, seed=0, device="cpu"), env)
    assert table.sum(axis=1) == pytest.approx(np.ones(9))


FOREIGN = {
    "html": ("digraph { a [label=<<b>x</b>>]; a -> a }", "line 1: expected a name.* found '<'"),
    "port": ("digraph { a:n -> a }", "line 1: expected a name.* found ':'"),
    "sink": ("digraph { a -> b }", "b"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_dot_files_of_other_tools(name, tmp_path):
    text, message = FOREIGN[name]
    (tmp_path / "graph.gv").write_text(text)
    with pytest.raises(ValueError, match=message):
        load_gv(tmp_path / "graph.gv")
