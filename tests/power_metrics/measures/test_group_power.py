"""POWER of three agents and more, against brute force that is written anew here."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import power_metrics as pm
from power_metrics.measures.group_power import GroupProblem
from power_metrics.rewards.groups import group_sampler
from power_metrics.solvers.joint.group import Table
from powerenvs import GameWorld, JointOutcome, TabularGame, product_game
from powerenvs.multi import GameEnv
from powerenvs.worlds.power import PowerGrid

NAMES = ("ann", "bob", "cy", "dee")


def random_game(seed, states, counts, missing=0.0):
    """Every combination of available actions leads to some states at random."""
    rng = np.random.default_rng(seed)
    transitions = []
    for s in range(states):
        there = [[a for a in range(n) if a == 0 or rng.random() >= missing] for n in counts]
        for joint in product(*there):
            count = int(rng.integers(1, 4))
            targets = rng.choice(states, count, replace=False)
            chances = rng.dirichlet(np.ones(count))
            transitions += [(s, joint, int(t), float(p)) for t, p in zip(targets, chances, strict=True)]
    labels = {name: range(n) for name, n in zip(NAMES, counts, strict=False)}
    return TabularGame.from_transitions(transitions, NAMES[: len(counts)], range(states), labels)


def chain(game, policies):
    """(S, S) where everybody's policy leads, joint action by joint action."""
    found = np.zeros((game.num_states, game.num_states))
    rows = game.transition_matrix().toarray().reshape(game.num_states, *game.num_actions, game.num_states)
    for joint in product(*map(range, game.num_actions)):
        weight = np.prod([policies[name][:, a] for name, a in zip(game.agents, joint, strict=True)], axis=0)
        found += weight[:, None] * rows[(slice(None), *joint)]
    return found


def follows(game, policies, rewards, gamma):
    """(1 - γ) E[V of what follows]."""
    moves = chain(game, policies)
    return (1 - gamma) * moves @ np.linalg.solve(np.eye(len(moves)) - gamma * moves, rewards)


def best_response(game, policies, name, rewards, gamma):
    """By value iteration over each of the agent's actions, ties split."""
    count = game.num_actions[game.agents.index(name)]
    there = game.available[name]
    moves = []
    for a in range(count):
        only = np.zeros((game.num_states, count))
        only[:, a] = 1.0
        moves.append(chain(game, {**policies, name: only}))
    values = np.zeros(game.num_states)
    for _ in range(4_000):
        ahead = np.where(there.T, np.array(moves) @ values, -np.inf)
        values = rewards + gamma * ahead.max(axis=0)
    best = np.isclose(ahead, ahead.max(axis=0), rtol=0, atol=1e-9).T.astype(float)
    return best / best.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("seed", "counts", "missing", "rounds", "gammas"),
    [(0, (2, 3, 2), 0.0, 1, (0.9, 0.9)), (1, (3, 2, 2), 0.4, 2, (0.7, 0.9)), (2, (2, 2, 2, 2), 0.0, 1, (0.8, 0.8))],
)
def test_brute_force(seed, counts, missing, rounds, gammas):
    game = random_game(seed, 4, counts, missing)
    rng = np.random.default_rng(seed)
    drawn = [rng.random((3, 4)) for _ in counts]
    seeds = {}
    for name in game.agents[1:]:
        table = rng.random((4, game.available[name].shape[1])) * game.available[name]
        seeds[name] = table / table.sum(axis=1, keepdims=True)
    found = pm.multiagent_power(game, *gammas, rewards=tuple(drawn), rounds=rounds, seed_policy=seeds)
    assert isinstance(found, pm.GroupPower)
    assert found.agents == game.agents
    discounts = (gammas[0], *[gammas[1]] * (len(counts) - 1))
    for b in range(3):
        policies, planned = dict(seeds), {}
        policies[game.agents[0]] = game.uniform_policy(game.agents[0])
        for n in range(rounds):
            for i, name in enumerate(game.agents):
                if n == 0 and name == game.agents[-1]:
                    planned[name] = follows(game, policies, drawn[i][b], discounts[i])
                policies[name] = best_response(game, policies, name, drawn[i][b], discounts[i])
                if n == 0 and name != game.agents[-1]:
                    planned[name] = follows(game, policies, drawn[i][b], discounts[i])
        for i, name in enumerate(game.agents):
            expected = follows(game, policies, drawn[i][b], discounts[i])
            np.testing.assert_allclose(found[name].samples[b], expected, atol=1e-12)
            np.testing.assert_allclose(found.baseline[name].samples[b], planned[name], atol=1e-12)
    for i, j in product(range(len(counts)), repeat=2):
        correlation = np.corrcoef(found[game.agents[i]].mean, found[game.agents[j]].mean)[0, 1]
        assert found.alignment[i, j] == pytest.approx(correlation, abs=1e-9)


@pytest.mark.parametrize("rounds", [1, 3])
def test_two_agents_are_the_smallest_group(rounds):
    game = random_game(5, 6, (3, 3))
    rng = np.random.default_rng(0)
    rewards = rng.random((20, 2, 6))
    pair = pm.multiagent_power(game, 0.6, 0.9, rewards=(rewards[:, 0], rewards[:, 1]), rounds=rounds)
    seeds = tuple(game.uniform_policy(name) for name in game.agents)
    group = GroupProblem((Table.of(game, 0), Table.of(game, 1)), (0, 1), seeds, (0.6, 0.9), 1e-10)
    found = group.solve(rewards, rounds)
    for k, name in enumerate(game.agents):
        np.testing.assert_allclose(found.powers[:, k, -1], pair[name].samples, atol=1e-13)
        np.testing.assert_allclose(found.baseline[:, k], pair.baseline[name].samples, atol=1e-13)


def test_an_agent_without_choices_changes_nothing():
    game = random_game(7, 5, (2, 3))
    matrix = [
        (s, (*joint, 0), t, p)
        for s in range(5)
        for joint in product(range(2), range(3))
        for t, p in enumerate(game.transition_matrix().toarray()[s * 6 + 3 * joint[0] + joint[1]])
        if p > 0
    ]
    more = TabularGame.from_transitions(matrix, NAMES[:3], range(5))
    two = pm.multiagent_power(game, 0.8, num_samples=300, correlation=0.5, progress=False)
    three = pm.multiagent_power(more, 0.8, num_samples=300, correlation=0.5, progress=False)
    for name in ("ann", "bob"):
        np.testing.assert_allclose(three[name].mean, two[name].mean, atol=1e-12)  # the same draws, too


def test_agents_in_another_order_and_others_that_answer_nobody():
    game = random_game(3, 4, (2, 2, 2, 2))
    fixed = game.uniform_policy("dee")
    folded = pm.multiagent_power(game.fold({"dee": fixed}), 0.8, num_samples=100, progress=False)
    given = pm.multiagent_power(game, 0.8, num_samples=100, others={"dee": "uniform"}, progress=False)
    for name in folded.agents:
        assert np.array_equal(folded[name].mean, given[name].mean)
    turned = pm.multiagent_power(
        game, 0.8, num_samples=100, others={"dee": fixed}, agents=("cy", "ann", "bob"), progress=False
    )
    assert turned.agents == ("cy", "ann", "bob")
    assert turned.coordinates("agent") == ("cy", "ann", "bob")
    pair = pm.multiagent_power(game, 0.8, num_samples=100, others={"dee": fixed, "cy": game.uniform_policy("cy")})
    assert isinstance(pair, pm.MultiagentPower)


@pytest.mark.parametrize("correlation", [0.6, -0.5])
def test_rewards_are_correlated_with_those_of_the_first(correlation):
    game = random_game(0, 4, (2, 2, 2))
    drawn = group_sampler(game, pm.Uniform(0, 1), correlation, 3).block(0, 0)
    for stream in range(1, 30):
        drawn = np.concatenate([drawn, group_sampler(game, pm.Uniform(0, 1), correlation, 3).block(0, stream)])
    flat = drawn.transpose(1, 0, 2).reshape(3, -1)
    found = np.corrcoef(flat)
    error = 4 / np.sqrt(flat.shape[1])
    assert found[0, 1] == pytest.approx(correlation, abs=error)
    assert found[0, 2] == pytest.approx(correlation, abs=error)
    assert found[1, 2] == pytest.approx(correlation**2, abs=error)


def test_sampling_methods_agree_and_processes_give_the_same_bits(tmp_path):
    game = random_game(11, 4, (2, 2, 2))
    plain = pm.multiagent_power(game, 0.9, num_samples=4_000, progress=False, threads=1)
    sobol = pm.multiagent_power(game, 0.9, num_samples=4_096, method="sobol", progress=False)
    for name in plain.agents:
        error = np.hypot(plain[name].standard_error, sobol[name].standard_error)
        assert (np.abs(plain[name].mean - sobol[name].mean) < 5 * error).all()
    again = pm.multiagent_power(game, 0.9, num_samples=4_000, progress=False, threads=2)
    assert all(np.array_equal(again[name].mean, plain[name].mean) for name in plain.agents)
    low, high = plain.alignment_interval("ann", "cy")
    assert low <= plain.alignment_corrected[0, 2] <= high
    plain.save(tmp_path / "found.npz")
    assert pm.Result.load(tmp_path / "found.npz") == plain
    frame = plain.to_frame()
    assert list(frame.columns[:2]) == ["ann", "ann standard error"]
    assert plain.summary()["alignment_ann_cy"] == plain.alignment[0, 2]


def test_three_movers_and_wrappers():
    part = PowerGrid("S..").tables()
    game = product_game(part, part, part, agents=("ann", "bob", "cy"))
    found = pm.multiagent_power(game, 0.6, num_samples=500, progress=False)
    assert found["cy"].mean.shape == (27,)
    env = pm.PowerParallelWrapper(GameEnv(game, max_cycles=4), found)
    _, infos = env.reset(seed=0)
    assert {name: info["power"] for name, info in infos.items()} == {
        name: found[name].mean[infos["ann"]["state"]] for name in game.agents
    }
    env.step(dict.fromkeys(game.agents, 0))
    compared = pm.compare(
        {name: game.uniform_policy(name) for name in game.agents}, game, 0.6, power=found, num_samples=200
    )
    assert compared["bob"]["bob"].power_seeking == pytest.approx(compared.occupancies[0] @ found["bob"].mean)


def test_worlds_have_as_many_agents_as_they_have_actions_for():
    class Votes(GameWorld[int]):
        actions = dict.fromkeys(("x", "y", "z"), ("no", "yes"))

        def initial(self):
            return [(1.0, 0)]

        def step(self, state, actions):
            return [JointOutcome(1.0, (state + sum(a == "yes" for a in actions)) % 3, (0.0,) * 3)]

    assert Votes().tables().agents == ("x", "y", "z")
    assert pm.multiagent_power(Votes(), 0.9, num_samples=20, progress=False).agents == ("x", "y", "z")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed_policy": np.full((4, 2), 0.5)}, "mapping from agents"),
        ({"seed_policy": {"ann": np.full((4, 2), 0.5)}}, "agents after the first"),
        ({"seed_policy": {"cy": np.full((4, 3), 0.5)}}, "seed_policy"),
        ({"rewards": (np.zeros((1, 4)),) * 2}, "expected a tuple of 3"),
        ({"rewards": (np.zeros((1, 4)), np.zeros((1, 4)), np.zeros((2, 4)))}, "as many reward functions"),
        ({"agents": ("ann", "bob")}, "others"),
        ({"agents": ("ann", "ann", "bob")}, "different names"),
        ({"correlation": 2}, "correlation"),
    ],
)
def test_refusals(options, message):
    with pytest.raises(ValueError, match=message):
        pm.multiagent_power(random_game(0, 4, (2, 2, 2)), 0.9, **options)


def test_games_in_which_moves_are_impossible_together_are_refused():
    part = PowerGrid("S..").tables().with_(initial=np.full(3, 1 / 3))
    game = product_game(part, part, part, agents=("ann", "bob", "cy")).without_overlaps()
    with pytest.raises(ValueError, match="with_bumping"):
        pm.multiagent_power(game, 0.9)


def test_the_picture_names_all_agents():
    found = pm.multiagent_power(random_game(0, 4, (2, 2, 2)), 0.9, num_samples=200, progress=False)
    figure = found.plot()
    assert figure.axes[6].get_xlabel() == "POWER of ann"
    assert len(figure.axes) == 9


def test_the_command(tmp_path, capsys):
    from power_metrics.cli.main import main

    random_game(0, 4, (2, 2, 2)).save(tmp_path / "game.npz")
    main(["power", str(tmp_path / "game.npz"), "--samples", "100", "--rounds", "2", "--correlation", "0", "0.5"])
    printed = capsys.readouterr().out
    assert "alignment of bob and cy" in printed
    assert "against the seed policies of bob and cy" in printed
    assert "round 2: POWER changed by at most" in printed
