"""Comparisons in games: against enumeration, simulation and hand computation; three agents; every kind of policy."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from pettingzoo.utils.conversions import parallel_to_aec
from pettingzoo.utils.wrappers import BaseParallelWrapper

import power_metrics as pm
from power_metrics.comparison.games import best_responses, weighted_correlation
from powerenvs import TabularGame
from powerenvs.multi import GameEnv, power_pair_v0

FAST = {"num_samples": 20, "progress": False}


def random_game(rng, agents, states=3, actions=2):
    """Rewards and transitions at random; every joint action exists."""
    choices = list(itertools.product(range(actions), repeat=len(agents)))
    transitions, rewards = [], {agent: {} for agent in agents}
    for s in range(states):
        for chosen in choices:
            for t, p in enumerate(rng.dirichlet(np.ones(states))):
                transitions.append((s, chosen, t, p))
                for agent in agents:
                    rewards[agent][s, chosen, t] = rng.normal()
    return TabularGame.from_transitions(transitions, agents, initial=0, reward=rewards)


def random_policies(rng, game):
    counts = zip(game.agents, game.num_actions, strict=True)
    return {agent: rng.dirichlet(np.ones(count), size=game.num_states) for agent, count in counts}


def matrix_game(*payoffs):
    """One shot: payoffs[i][a][b] is what agent i gets; both know that it is over afterwards."""
    agents = ("row", "column")
    choices = list(itertools.product(range(len(payoffs[0])), range(len(payoffs[0][0]))))
    reward = {
        name: {("play", (a, b), "over"): table[a][b] for a, b in choices}
        for name, table in zip(agents, payoffs, strict=True)
    }
    return TabularGame.from_transitions(
        [("play", chosen, "over", 1.0) for chosen in choices], agents, initial="play", terminal=["over"], reward=reward
    )


def joint_return(game, policies, agent, gamma):
    """(S,) by adding up joint actions, without folding."""
    S, J = game.num_states, game.num_joint_actions
    chances = np.ones((S, J))
    for i, name in enumerate(game.agents):
        chances *= policies[name][:, game.joint_actions[:, i]]
    weights = np.repeat(chances.ravel(), np.diff(game.indptr)) * game.probability
    sources = np.repeat(np.arange(S * J) // J, np.diff(game.indptr))
    chain, paid = np.zeros((S, S)), np.zeros(S)
    np.add.at(chain, (sources, game.successor), weights)
    np.add.at(paid, sources, weights * game.reward[game.agent_index(agent)])
    return np.linalg.solve(np.eye(S) - gamma * chain, paid), chain


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([("a", "b"), ("a", "b", "c")]))
def test_returns_gaps_and_occupancies_by_enumeration(seed, agents):
    rng, gamma = np.random.default_rng(seed), 0.8
    game = random_game(rng, agents)
    policies = random_policies(rng, game)
    found = pm.compare(policies, game, gamma, **FAST)
    for i, name in enumerate(agents):
        values, chain = joint_return(game, policies, name, gamma)
        assert found.expected_return[0, i] == pytest.approx(values[0], abs=1e-10)
        share = (1 - gamma) * np.linalg.solve(np.eye(game.num_states) - gamma * chain.T, game.initial)
        assert found.occupancies[0] == pytest.approx(share, abs=1e-12)
        every = itertools.product(*[np.eye(game.num_actions[i])] * game.num_states)  # all deterministic policies
        best = max(joint_return(game, {**policies, name: np.array(one)}, name, gamma)[0][0] for one in every)
        assert found.best_response_gap[0, i] == pytest.approx(best - values[0], abs=1e-10)
    assert found.exploitability[0] == pytest.approx(found.best_response_gap[0].mean())
    if found.converged:
        assert found.exploitability[1] <= 1e-7


@pytest.mark.parametrize(
    ("payoffs", "policies", "exploitability"),
    [
        (([[-1, -3], [0, -2]], [[-1, 0], [-3, -2]]), ([0, 1], [0, 1]), 0.0),  # prisoners who both talk
        (([[-1, -3], [0, -2]], [[-1, 0], [-3, -2]]), ([1, 0], [1, 0]), 1.0),  # and who are both silent
        (([[1, -1], [-1, 1]], [[-1, 1], [1, -1]]), ([0.5, 0.5], [0.5, 0.5]), 0.0),  # matching pennies
        (([[1, -1], [-1, 1]], [[-1, 1], [1, -1]]), ([1, 0], [0.5, 0.5]), 0.5),  # the second gains 1
    ],
)
def test_exploitability_of_known_games(payoffs, policies, exploitability):
    game = matrix_game(*payoffs)
    tables = {name: np.array([row, [0.5, 0.5]]) for name, row in zip(game.agents, policies, strict=True)}
    found = pm.compare(tables, game, 0.9, **FAST)
    assert found.exploitability[0] == pytest.approx(exploitability, abs=1e-12)


def test_best_responses_that_go_in_circles_say_so():
    game = matrix_game([[1, -1], [-1, 1]], [[-1, 1], [1, -1]])
    start = np.array([1.0, 0.0])
    pure = {"row": np.array([[1.0, 0.0], [0.5, 0.5]]), "column": np.array([[1.0, 0.0], [0.5, 0.5]])}
    assert best_responses(game, 0.9, start)[1:] == (True, 1)  # nobody gains against one who mixes evenly
    _, converged, rounds = best_responses(game, 0.9, start, pure)
    assert not converged
    assert rounds == 100


def test_alignment_along_the_way_by_hand():
    values = np.array([[0.0, 1.0, 2.0], [1.0, 1.0, 4.0], [3.0, 3.0, 3.0]])
    weights = np.array([0.5, 0.25, 0.25])
    means = (0.75, 1.75)
    covariance = 0.5 * -0.75 * -0.75 + 0.25 * 0.25 * -0.75 + 0.25 * 1.25 * 2.25
    variances = 0.5 * 0.75**2 + 0.25 * 0.25**2 + 0.25 * 1.25**2, 0.5 * 0.75**2 + 0.25 * 0.75**2 + 0.25 * 2.25**2
    found = weighted_correlation(values, weights)
    assert values @ weights == pytest.approx((*means, 3.0))
    assert found[0, 1] == pytest.approx(covariance / np.sqrt(variances[0] * variances[1]))
    assert found[0, 0] == pytest.approx(1.0)
    assert np.isnan(found[2]).all()


def test_each_agent_is_judged_in_the_world_that_the_others_make():
    rng = np.random.default_rng(0)
    game = random_game(rng, ("a", "b", "c"))
    policies = random_policies(rng, game)
    found = pm.compare(policies, game, 0.7, **FAST)
    mdp = game.against({"a": policies["a"], "c": policies["c"]})
    alone = pm.compare({"b": policies["b"]}, mdp, 0.7, **FAST)
    assert found["b"]["b"] == alone["b"]
    seed = pm.power(game.against({n: game.uniform_policy(n) for n in ("a", "c")}), 0.7, **FAST)
    assert np.array_equal(found.random_power["b"].mean, seed.mean)
    assert found.power_seeking[0, 1] == pytest.approx(found.occupancies[0] @ seed.mean)
    given = pm.compare(policies, game, 0.7, found.random_power, **FAST)  # POWER against others than these
    assert given["b"]["b"].power_seeking == pytest.approx(found.power_seeking[0, 1])


def test_kept_and_shown(tmp_path):
    game = random_game(np.random.default_rng(1), ("a", "b"))
    found = pm.compare(random_policies(np.random.default_rng(2), game), game, 0.7, **FAST)
    found.save(tmp_path / "found.npz")
    assert pm.Result.load(tmp_path / "found.npz") == found
    assert list(found.to_frame()["profile"].unique()) == ["learned", "optimal against optimal", "random"]
    assert "exploitability" in str(found)
    assert str(found["a"]).startswith("3 states")
    found.plot(path=tmp_path / "found.png")
    assert (tmp_path / "found.png").stat().st_size > 1000


class Network(torch.nn.Module):
    """Of one-hot observations: logits."""

    def __init__(self, states, actions):
        super().__init__()
        self.layer = torch.nn.Linear(states, actions)

    def forward(self, seen):
        return self.layer(seen)


@pytest.mark.parametrize("make", [lambda env: env, parallel_to_aec], ids=["parallel", "aec"])
def test_policies_are_read_from_what_each_agent_sees(make):
    env = power_pair_v0.parallel_env(level="S..", observation="onehot")
    network = Network(env.game.num_states, 5)
    table = pm.policy_table(network, make(env), agent="ai", kind="logits")
    expected = torch.softmax(network(torch.eye(env.game.num_states)), dim=1).detach().numpy()
    assert table == pytest.approx(expected, abs=1e-6)
    asked = pm.policy_table(lambda seen: int(seen.argmax() % 5), make(env), agent="human")
    assert asked.argmax(axis=1).tolist() == [s % 5 for s in range(env.game.num_states)]
    found = pm.compare({"human": asked, "ai": table}, make(env), 0.6, **FAST)
    assert found.policies["ai"] == pytest.approx(table)


def test_counts_of_a_walk_give_the_joint_occupancy():
    env = GameEnv(random_game(np.random.default_rng(3), ("a", "b")))
    policies = random_policies(np.random.default_rng(4), env.game)
    found = pm.compare(policies, env.game, 0.9, **FAST)
    rng, share = np.random.default_rng(5), np.zeros(env.game.num_states)
    for episode in range(300):
        env.reset(seed=episode)
        for t in range(60):
            state = env.joint_state
            share[state] += 0.1 * 0.9**t / 300
            env.step({name: int(rng.choice(2, p=policies[name][state])) for name in env.game.agents})
    assert share == pytest.approx(found.occupancies[0], abs=0.03)


class Remembers(BaseParallelWrapper):
    """Shows how many steps there have been."""

    def reset(self, seed=None, options=None):
        self.steps = 0
        return self._shown(super().reset(seed=seed, options=options))

    def step(self, actions):
        self.steps += 1
        return self._shown(super().step(actions))

    def _shown(self, found):
        return ({agent: seen + self.steps for agent, seen in found[0].items()}, *found[1:])


class Turned(BaseParallelWrapper):
    """Takes the actions of one agent for those of another."""

    def step(self, actions):
        return super().step({name: (action + 1) % 5 for name, action in actions.items()})


def apart(game):
    """Agents that start apart and never meet."""
    return game.with_(initial=np.eye(game.num_states)[1]).without_overlaps()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda env: pm.compare({"human": env.game.uniform_policy("human")}, env.game, 0.5), "found none of ai"),
        (lambda env: pm.compare({"robot": 0}, env.game, 0.5), "no agent 'robot'"),
        (lambda env: pm.compare(env.game.uniform_policy("ai"), env.game, 0.5), "a mapping from the game's agents"),
        (lambda env: pm.policy_table(lambda seen: 0, env, agent="robot"), "robot"),
        (lambda env: pm.policy_table(lambda seen: 0, env.game, agent=3), "agent"),
        (lambda env: pm.policy_table(lambda seen: 0, Remembers(env), agent="ai"), "not a function of the joint state"),
        (lambda env: pm.policy_table(lambda seen: 0, Turned(env), agent="ai"), "change actions"),
        (
            lambda env: pm.compare(
                {name: env.game.uniform_policy(name) for name in env.game.agents}, apart(env.game), 0.5
            ),
            "with_bumping",
        ),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call(power_pair_v0.parallel_env(level="S..", observation="onehot"))
