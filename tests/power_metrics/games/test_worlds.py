"""Games that worlds play: against simulation, folded values and enumeration; oracles; results of matches."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import power_metrics as pm
from powerenvs import TabularGame
from powerenvs.multi import one_key_v0
from powerenvs.worlds.power.pair import PowerPair
from powerenvs.worlds.resources import OneKey
from tests.games import random_game, random_policy

RNG = np.random.default_rng(0)
WORLDS = {
    "one_key": OneKey().tables(),
    "pair": PowerPair("S..").tables(),
    "random": random_game(np.random.default_rng(1), 4, (2, 3), masked=False),
    "larger": random_game(np.random.default_rng(2), 7, (3, 2), masked=False),
    "deterministic": random_game(np.random.default_rng(3), 5, (2, 2), deterministic=True, masked=False),
}


def matrix_world(game):
    """A world in which the players of a game meet once."""
    m, n = game.shape
    moves = [("play", (i, j), "over", 1.0) for i in range(m) for j in range(n)]
    paid = {"ann": game.A.ravel().tolist(), "bob": game.B.ravel().tolist()}
    return TabularGame.from_transitions(moves, ("ann", "bob"), initial="play", terminal=["over"], reward=paid)


def policies(game, agent, count=2):
    return {f"{agent}{k}": random_policy(RNG, game, agent) for k in range(count)}


def simulated(game, tables, gamma, episodes=3000, steps=40):
    """The mean and standard error of both agents' discounted returns over the first steps, from the tables' rows."""
    rng = np.random.default_rng(0)
    S, J = game.num_states, game.num_joint_actions
    chances = np.einsum("sa,sb->sab", *tables).reshape(S, J).cumsum(axis=1)
    states = rng.choice(S, size=episodes, p=game.initial)
    total = np.zeros((2, episodes))
    sums = np.concatenate([[0.0], np.cumsum(game.probability)])
    for step in range(steps):
        joint = np.minimum((rng.random(episodes)[:, None] > chances[states]).sum(axis=1), J - 1)
        begin, end = game.indptr[states * J + joint], game.indptr[states * J + joint + 1]
        entry = np.searchsorted(sums, sums[begin] + rng.random(episodes) * (sums[end] - sums[begin]), side="right") - 1
        total += gamma**step * game.reward[:, np.clip(entry, begin, end - 1)]
        states = game.successor[np.clip(entry, begin, end - 1)]
    return total.mean(axis=1), total.std(axis=1) / episodes**0.5


@pytest.mark.parametrize("name", WORLDS)
def test_payoffs_are_what_policies_earn(name):
    world, gamma = WORLDS[name], 0.7
    first, second = world.agents
    rows, columns = policies(world, first), policies(world, second, 3)
    found = pm.games.empirical(world, rows, columns, gamma)
    assert found.game.shape == (2, 3)
    for (i, a), (j, b) in itertools.product(enumerate(rows.values()), enumerate(columns.values())):
        for k, (agent, own, other) in enumerate(((first, a, {second: b}), (second, b, {first: a}))):
            mdp = world.against(other)
            value = pm.policy_values(mdp, own, None, gamma).numpy()[0] @ mdp.initial
            assert found.returns[k, i, j] == pytest.approx(value, abs=1e-10)
            best = pm.solve_task(mdp, gamma).values[0] @ mdp.initial
            assert found.gaps(i, j)[k] == pytest.approx(best - value, abs=1e-10)
            if i == j == 0:
                gap = pm.games.exploitability(world, {first: a, second: b}, gamma)[agent]
                assert gap == pytest.approx(best - value, abs=1e-10)
    mean, error = simulated(world, (rows[f"{first}0"], columns[f"{second}0"]), gamma)
    assert np.all(np.abs(mean - found.returns[:, 0, 0]) <= 5 * error + 1e-4)  # and what comes after the last step


def test_payoffs_in_power():
    world = WORLDS["random"]
    first, second = world.agents
    rows, columns = policies(world, first), policies(world, second)
    values = {name: RNG.random(world.num_states) for name in world.agents}
    found = pm.games.empirical(world, rows, columns, 0.8, payoff="power", power=values)
    for i, a in enumerate(rows.values()):
        for j, b in enumerate(columns.values()):
            share = pm.occupancy(world.against({second: b}), a, 0.8)
            assert found.returns[:, i, j] == pytest.approx([share @ values[name] for name in world.agents], abs=1e-12)
    computed = pm.games.empirical(world, rows, columns, 0.8, payoff="power", num_samples=50, progress=False)
    own = pm.power(world.against({second: world.uniform_policy(second)}), 0.8, num_samples=50, progress=False).mean
    assert computed.returns[0, 0, 0] == pytest.approx(
        pm.occupancy(world.against({second: columns[f"{second}0"]}), rows[f"{first}0"], 0.8) @ own, abs=1e-12
    )
    with pytest.raises(ValueError, match="payoff: expected reward or performance"):
        computed.gaps(0, 0)


@pytest.mark.parametrize("name", ["battle_of_the_sexes", "matching_pennies", "chicken", "bargaining", "leduc"])
def test_a_world_that_is_a_game_is_that_game(name):
    """With all its pure policies, the equilibria are those of the game and leave nothing to be gained."""
    game = pm.games.named(name)
    world = matrix_world(game)
    pure = [[np.tile(row, (2, 1)) for row in np.eye(size)] for size in game.shape]
    found = pm.games.empirical(world, *pure, gamma=0.9)
    assert np.array_equal(found.game.A, np.round(game.A, 9))
    for x, y in pm.games.equilibria(found.game):
        gaps = pm.games.exploitability(world, {"ann": np.tile(x, (2, 1)), "bob": np.tile(y, (2, 1))}, 0.9)
        assert max(gaps.values()) <= 1e-9
        assert max(found.exploitability(x, y)) <= 1e-9 or len(np.flatnonzero(x)) + len(np.flatnonzero(y)) > 2
    ended = pm.games.double_oracle(world, 0.9)
    assert ended.converged
    assert max(pm.games.exploitability(world, ended.policies, 0.9).values()) <= 1e-9


def test_double_oracle_says_whether_it_converged():
    ended = pm.games.double_oracle(WORLDS["one_key"], 0.9)
    assert ended.converged == (max(ended.exploitability.values()) <= 1e-9)
    assert ended.exploitability == pm.games.exploitability(WORLDS["one_key"], ended.policies, 0.9)
    stopped = pm.games.double_oracle(WORLDS["larger"], 0.9, rounds=1)
    assert stopped.rounds <= 1


def test_environments_and_agents_of_every_kind():
    env = one_key_v0.parallel_env()
    found = pm.games.empirical(env, {"still": lambda state: 0}, [env.game.uniform_policy("ai")], 0.9)
    assert found.game.names == (("still",), ("1",))
    assert found.returns[0, 0, 0] == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"policies_a": {}}, "policies_a: expected at least one policy"),
        ({"policies_b": 3}, "policies_b: expected {name: policy} or a list"),
        ({"gamma": 2}, "gamma: expected a discount"),
        ({"payoff": "profit"}, "payoff: expected one of"),
        ({"power": {}}, "power: expected None"),
        ({"payoff": "power", "power": {}}, "power: expected the POWER of each"),
        ({"game": 3}, "game: expected a TabularGame"),
        ({"game": random_game(np.random.default_rng(0), 2, (2, 2, 2), masked=False)}, "expected two agents, found 3"),
        ({"game": random_game(np.random.default_rng(0), 4, (2, 2))}, "with_bumping"),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    world = WORLDS["random"]
    arguments = {
        "game": world,
        "policies_a": [world.uniform_policy(world.agents[0])],
        "policies_b": [world.uniform_policy(world.agents[1])],
        "gamma": 0.9,
    }
    with pytest.raises(ValueError, match=message):
        pm.games.empirical(**{**arguments, **change})


def results(tmp_path, game, count, noise, seed=0):
    """A file of results of matches about the payoffs of a game."""
    rng = np.random.default_rng(seed)
    lines = ["row,column,payoff_row,payoff_column"]
    for i, row in enumerate(game.names[0]):
        for j, column in enumerate(game.names[1]):
            paid = np.array([game.A[i, j], game.B[i, j]]) + noise * rng.normal(size=(count, 2))
            lines += [f"{row},{column},{a!r},{b!r}" for a, b in paid.tolist()]
    path = tmp_path / "matches.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_results_of_matches(tmp_path):
    game = pm.games.named("battle_of_the_sexes")
    found = pm.games.matches(results(tmp_path, game, 40, 0.3))
    assert found.counts.tolist() == [[40, 40], [40, 40]]
    assert np.abs(found.game.A - game.A).max() < 0.3
    assert found.standard_error == pytest.approx(np.full((2, 2, 2), 0.3 / 40**0.5), rel=0.5)
    likely = found.likely_equilibria(num_draws=100)
    assert [one.frequency for one in likely] == [1, 1, 1]
    low, high = likely[-1].x
    assert low[0] < 0.6 < high[0]
    assert high[0] - low[0] < 0.1


def test_intervals_hold_the_mean_as_often_as_they_say(tmp_path):
    game = pm.games.Bimatrix([[1.0]], [[0.0]])
    held = 0
    for seed in range(200):
        low, high = pm.games.matches(results(tmp_path, game, 5, 1.0, seed)).confidence_interval(0.9)[0, 0, 0]
        held += low <= 1.0 <= high
    assert 165 <= held <= 192  # 180 of 200, within three standard errors


def test_matches_need_two_results(tmp_path):
    with pytest.raises(ValueError, match="at least two results"):
        pm.games.matches(results(tmp_path, pm.games.named("chicken"), 1, 0.0))
