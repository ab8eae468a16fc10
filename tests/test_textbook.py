"""Values printed in textbooks and papers, through public functions, beside an independent computation."""

import itertools
import math
from functools import cache

import gymnasium as gym
import numpy as np
import pytest

import power_metrics as pm
from powerenvs import TabularMDP, tabular_model
from powerenvs.sources.p_dict import read_p
from tests.models import CLIFF


def model(step, states, actions, initial, terminal=()):
    """A model from ``step(state, action) -> [(probability, next state, reward)]``, empty where there is no action."""
    rows = [(s, a, t, p, r) for s in states if s not in terminal for a in actions for p, t, r in step(s, a)]
    return TabularMDP.from_transitions(
        [row[:4] for row in rows],
        state_labels=list(states),
        action_labels=list(actions),
        initial=initial,
        terminal=list(terminal),
        reward=[row[4] for row in rows],
    )


def uniform(mdp):
    """The random policy."""
    return mdp.available / mdp.available.sum(axis=1, keepdims=True)


def iterated(mdp, gamma, policy=None, sweeps=20_000):
    """Optimal values, or those of a policy, by plain value iteration over ``mdp.P``."""
    values = np.zeros(mdp.num_states)
    T, R = mdp.to_arrays()
    for _ in range(sweeps):
        q = R + gamma * (T @ values)
        after = q.max(axis=1) if policy is None else (policy * np.where(mdp.available, q, 0.0)).sum(axis=1)
        if np.array_equal(after, values):
            break
        values = after
    return values


MOVES = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}


def walk(cell, move, height, width, walls=()):
    """Where a move leads on a board; into a wall nowhere."""
    there = cell[0] + MOVES[move][0], cell[1] + MOVES[move][1]
    inside = 0 <= there[0] < height and 0 <= there[1] < width
    return there if inside and there not in walls else cell


def cells(height, width):
    return list(itertools.product(range(height), range(width)))


@cache
def teleports():
    """Sutton and Barto, example 3.5: A leads to A' for 10, B to B' for 5; off the board costs 1."""

    def step(cell, move):
        if cell in ((0, 1), (0, 3)):
            return [(1.0, *(((4, 1), 10.0) if cell == (0, 1) else ((2, 3), 5.0)))]
        there = walk(cell, move, 5, 5)
        return [(1.0, there, -1.0 if there == cell else 0.0)]

    return model(step, cells(5, 5), MOVES, (0, 0))


@cache
def four_by_four():
    """Sutton and Barto, example 4.1: every step costs 1, two corners end it."""
    ends = ((0, 0), (3, 3))
    return model(lambda s, a: [(1.0, walk(s, a, 4, 4), -1.0)], cells(4, 4), MOVES, (0, 1), ends)


@cache
def gambler(heads, least=1):
    """Sutton and Barto, example 4.3: stakes on a coin until 100 are won or all is lost."""

    def step(s, stake):
        if not least <= stake <= min(s, 100 - s):
            return []
        if stake == 0:
            return [(1.0, s, 0.0)]
        return [(heads, s + stake, float(s + stake == 100)), (1.0 - heads, s - stake, 0.0)]

    return model(step, range(101), range(51), 50, (0, 100))


@cache
def russell_and_norvig():
    """The 4x3 world: moves slip sideways with 0.1 each, steps cost 0.04, exits pay 1 and -1."""
    sideways = {"up": ("left", "right"), "down": ("left", "right"), "left": ("up", "down"), "right": ("up", "down")}
    exits = {(0, 3): 1.0, (1, 3): -1.0}

    def step(s, a):
        if s in exits:
            return [(1.0, "out", exits[s])]
        found = [(p, walk(s, move, 3, 4, [(1, 1)])) for p, move in ((0.8, a), *((0.1, m) for m in sideways[a]))]
        return [(p, t, -0.04) for p, t in found]

    return model(step, [*(c for c in cells(3, 4) if c != (1, 1)), "out"], MOVES, (2, 0), ("out",))


@cache
def puterman():
    """Puterman, section 3.1: two states, beta 0.95."""
    moves = {
        ("s1", "a11"): [(0.5, "s1", 5.0), (0.5, "s2", 5.0)],
        ("s1", "a12"): [(1.0, "s2", 10.0)],
        ("s2", "a21"): [(1.0, "s2", -1.0)],
    }
    return model(lambda s, a: moves.get((s, a), []), ("s1", "s2"), ("a11", "a12", "a21"), "s1")


def forest(fire=0.1):
    """pymdptoolbox's forest: three ages; waiting risks fire and pays 4 at the last, cutting pays 0, 1, 2."""
    wait = [[fire, 1 - fire, 0], [fire, 0, 1 - fire], [fire, 0, 1 - fire]]
    return TabularMDP.from_arrays(np.array([wait, [[1, 0, 0]] * 3]), np.array([[0, 0], [0, 1], [4, 2]]), order="ass")


def three_states():
    """The model without discount of pymdptoolbox's issue 37, (A, S, S) and (S, A)."""
    first = [[0.25, 0.25, 0.5], [0.75, 0, 0.25], [0.5, 0.5, 0]]
    second = [[0, 0.25, 0.75], [0.25, 0, 0.75], [0.25, 0.25, 0.5]]
    R = [[0.55, 0.75], [1, 0.8], [1.2, 1]]
    return TabularMDP.from_arrays(np.array([first, second]), np.array(R), order="ass")


@cache
def riverswim():
    """RiverSwim with six states: 0.005 for drifting at the left end, 1 for holding out at the right one."""

    def step(s, a):
        if a == "left":
            return [(1.0, max(s - 1, 0), 0.005 if s == 0 else 0.0)]
        if s == 0:
            return [(0.4, 0, 0.0), (0.6, 1, 0.0)]
        if s == 5:
            return [(0.4, 4, 1.0), (0.6, 5, 1.0)]
        return [(0.05, s - 1, 0.0), (0.6, s, 0.0), (0.35, s + 1, 0.0)]

    return model(step, range(6), ("left", "right"), 0)


@cache
def die():
    """Knuth and Yao: six faces from a fair coin."""
    arrows = {0: (1, 2), 1: (3, 4), 2: (5, 6), 3: (1, "one"), 4: ("two", "three"), 5: ("four", "five"), 6: (2, "six")}
    faces = ("one", "two", "three", "four", "five", "six")
    return model(lambda s, a: [(0.5, t, 1.0) for t in arrows[s]], [*range(7), *faces], ("toss",), 0, faces)


@cache
def windy():
    """Sutton and Barto, example 6.5: wind blows upwards by column; every step costs 1."""
    wind, goal = (0, 0, 0, 1, 1, 1, 2, 2, 1, 0), (3, 7)

    def step(s, a):
        row, column = s[0] + MOVES[a][0] - wind[s[1]], s[1] + MOVES[a][1]
        return [(1.0, (min(max(row, 0), 6), min(max(column, 0), 9)), -1.0)]

    return model(step, cells(7, 10), MOVES, (3, 0), (goal,))


@cache
def dyna_maze():
    """Sutton and Barto, example 8.1: a maze of 6x9, 1 at the goal, discount 0.95."""
    walls = [(1, 2), (2, 2), (3, 2), (4, 5), (0, 7), (1, 7), (2, 7)]
    goal = (0, 8)

    def step(s, a):
        there = walk(s, a, 6, 9, walls)
        return [(1.0, there, float(there == goal))]

    return model(step, [c for c in cells(6, 9) if c not in walls], MOVES, (2, 0), (goal,))


def best(mdp, gamma):
    return pm.solve_task(mdp, gamma).values[0]


GRID_OF_35 = [3.3, 8.8, 4.4, 5.3, 1.5, 1.5, 3.0, 2.3, 1.9, 0.5, 0.1, 0.7, 0.7, 0.4, -0.4]
GRID_OF_35 += [-1.0, -0.4, -0.4, -0.6, -1.2, -1.9, -1.3, -1.2, -1.4, -2.0]
GRID_OF_38 = [22.0, 24.4, 22.0, 19.4, 17.5, 19.8, 22.0, 19.8, 17.8, 16.0, 17.8, 19.8, 17.8, 16.0, 14.4]
GRID_OF_38 += [16.0, 17.8, 16.0, 14.4, 13.0, 14.4, 16.0, 14.4, 13.0, 11.7]
GRID_OF_41 = [0, -14, -20, -22, -14, -18, -20, -20, -20, -20, -18, -14, -22, -20, -14, 0]
WORLD_43 = [0.812, 0.868, 0.918, 1.0, 0.762, 0.660, -1.0, 0.705, 0.655, 0.611, 0.388, 0.0]

# model, discount, whether it is the random policy, values as printed, and to how many digits
PRINTED = {
    "Sutton and Barto, figure 3.2": (teleports, 0.9, True, GRID_OF_35, 1),
    "Sutton and Barto, figure 3.5": (teleports, 0.9, False, GRID_OF_38, 1),
    "Sutton and Barto, figure 4.1": (four_by_four, 1.0, True, GRID_OF_41, 9),
    "Russell and Norvig, 4x3": (russell_and_norvig, 1.0, False, WORLD_43, 3),
    "Puterman, two states": (puterman, 0.95, False, [-8.57142857, -20.0], 8),
    "pymdptoolbox, forest": (forest, 0.9, False, [26.244, 29.484, 33.484], 9),
}


@pytest.mark.parametrize(("build", "gamma", "random", "printed", "digits"), PRINTED.values(), ids=list(PRINTED))
def test_printed_values(build, gamma, random, printed, digits):
    mdp = build()
    policy = uniform(mdp) if random else None
    found = pm.policy_values(mdp, policy, None, gamma)[0].numpy() if random else best(mdp, gamma)
    np.testing.assert_allclose(found, printed, atol=0.5001 * 10.0**-digits)
    np.testing.assert_allclose(found, iterated(mdp, gamma, policy), rtol=1e-10, atol=1e-10)


class TestGambler:
    @pytest.mark.parametrize("least", [0, 1])
    @pytest.mark.parametrize("heads", [0.25, 0.4, 0.5, 0.55])
    def test_values(self, heads, least):
        mdp = gambler(heads, least)
        found = best(mdp, 1.0)
        np.testing.assert_allclose(found, iterated(mdp, 1.0), atol=1e-12)
        bold, timid = heads, 0.0  # bold play is optimal below a half, stakes of 1 above
        if heads > 0.5:
            ratio = (1 - heads) / heads
            timid = (1 - ratio**50) / (1 - ratio**100)
        assert found[50] == pytest.approx(max(bold, timid), abs=1e-14)

    @pytest.mark.parametrize("heads", [0.25, 0.4])
    def test_ties(self, heads):
        """51: {1, 49} and 64: {11, 14, 36}, as exact arithmetic has it."""
        policy = pm.optimal_policies(gambler(heads), None, 1.0)[0].numpy()
        for capital, stakes in ((50, {50}), (51, {1, 49}), (64, {11, 14, 36}), (75, {25}), (25, {25})):
            assert set(np.flatnonzero(policy[capital])) == stakes

    def test_all_stakes_are_fair_with_a_fair_coin(self):
        mdp = gambler(0.5)
        policy = pm.optimal_policies(mdp, None, 1.0)[0].numpy()
        np.testing.assert_array_equal(policy[1:100] > 0, mdp.available[1:100])

    def test_timid_play(self):
        policy = pm.optimal_policies(gambler(0.55), None, 1.0)[0].numpy()
        assert all(set(np.flatnonzero(policy[s])) == {1} for s in range(1, 100))


class TestAverages:
    @pytest.mark.parametrize(
        ("build", "gain", "digits"), [(three_states, 0.975676, 6), (riverswim, 0.4286, 4), (forest, None, 0)]
    )
    def test_gains(self, build, gain, digits):
        mdp = build()
        found = pm.optimal_gain(mdp)[0].numpy()
        every = [
            np.eye(mdp.num_actions)[list(a)] for a in itertools.product(range(mdp.num_actions), repeat=mdp.num_states)
        ]
        rewards = mdp.action_rewards()
        averages = [pm.average_occupancy(mdp, policy) @ (policy * rewards).sum(axis=1) for policy in every]
        np.testing.assert_allclose(found, max(averages), rtol=1e-13)
        if gain is not None:
            assert found[0] == pytest.approx(gain, abs=0.5 * 10.0**-digits)
        with pytest.raises(ValueError, match=r"can earn .* a step without end from state .*optimal_gain"):
            pm.solve_task(mdp, 1.0)

    def test_riverswim(self):
        weight = np.cumprod([1.0, 0.6 / 0.05, 7.0, 7.0, 7.0, 0.35 / 0.4])  # detailed balance of swimming right
        np.testing.assert_allclose(pm.optimal_gain(riverswim())[0], weight[5] / weight.sum(), rtol=1e-13)

    def test_three_states(self):
        policy = pm.optimal_policies(three_states(), None, 1 - 1e-8)[0].numpy()
        assert policy.argmax(axis=1).tolist() == [1, 0, 0]

    def test_losses_without_end(self):
        mdp = TabularMDP.from_transitions([("a", "on", "a", 1.0)], reward=[-0.25])
        assert pm.optimal_gain(mdp)[0].tolist() == [-0.25]
        with pytest.raises(ValueError, match=r"no policy ends the losses, of 0\.25"):
            pm.solve_task(mdp, 1.0)

    def test_rewards_that_cancel(self):
        moves = [("a", "on", "b", 1.0), ("b", "on", "a", 1.0)]
        with pytest.raises(ValueError, match="cancel each other"):
            pm.solve_task(TabularMDP.from_transitions(moves, reward=[1.0, -1.0]), 1.0)
        with pytest.raises(ValueError, match="returns to state"):
            pm.policy_values(TabularMDP.from_transitions(moves, reward=[1.0, -1.0]), [[1.0], [1.0]], None, 1.0)


def test_die():
    mdp = die()
    only = np.ones((mdp.num_states, 1))
    np.testing.assert_allclose(pm.occupancy(mdp, only, 1.0)[7:], 1 / 6, rtol=1e-14)
    assert pm.policy_values(mdp, only, None, 1.0)[0, 0].item() == pytest.approx(11 / 3, rel=1e-14)  # tosses


def test_windy_grid():
    found = best(windy(), 1.0)
    assert found[windy().index((3, 0))] == -15.0
    np.testing.assert_array_equal(found, iterated(windy(), 1.0))


def test_dyna_maze():
    mdp = dyna_maze()
    assert best(mdp, 0.95)[mdp.index((2, 0))] == pytest.approx(0.95**13, rel=1e-13)  # the shortest way has 14 steps
    np.testing.assert_array_equal(best(mdp, 1.0), ~mdp.terminal)


def car_rental(most=20, moved=5):
    """Sutton and Barto, example 4.2, as a model: 441 states, up to 5 cars moved overnight."""
    n = most + 1

    def poisson(mean):
        return np.array([math.exp(-mean) * mean**k / math.factorial(k) for k in range(60)])

    def place(requests, returns):
        """(n, n) from cars in the morning to cars in the evening, and (n,) the cars rented out."""
        asked, back = poisson(requests), poisson(returns)
        matrix, rented = np.zeros((n, n)), np.zeros(n)
        for cars in range(n):
            for wanted, p in enumerate(asked):
                out = min(cars, wanted)
                rented[cars] += p * out
                evening = np.minimum(cars - out + np.arange(len(back)), most)
                np.add.at(matrix[cars], evening, p * back)
        return matrix / matrix.sum(axis=1, keepdims=True), rented

    (first, out1), (second, out2) = place(3, 3), place(4, 2)
    T, R = np.zeros((n * n, 2 * moved + 1, n * n)), np.full((n * n, 2 * moved + 1), -np.inf)
    for (a, b), m in itertools.product(cells(n, n), range(-moved, moved + 1)):
        if -b <= m <= a:
            x, y = min(a - m, most), min(b + m, most)
            T[a * n + b, m + moved] = np.outer(first[x], second[y]).ravel()
            R[a * n + b, m + moved] = 10 * (out1[x] + out2[y]) - 2 * abs(m)
    return T, R


@pytest.mark.slow
def test_car_rental():
    T, R = car_rental()
    mdp = TabularMDP.from_arrays(T, R, order="sas")
    solution = pm.solve_task(mdp, 0.9)
    moved = solution.policy[0].reshape(21, 21) - 5
    assert (moved.min(), moved.max()) == (-4, 5)  # as in the figure
    assert moved[0, 0] == 0
    assert moved[20, 0] == 5
    values, flat = np.zeros(441), np.where(~np.isfinite(R), 0.0, R)
    for _ in range(400):
        values = np.where(~np.isfinite(R), -np.inf, flat + 0.9 * (T @ values)).max(axis=1)
    np.testing.assert_allclose(solution.values[0], values, rtol=1e-12)
    assert solution.values[0].min() == pytest.approx(421.4, abs=0.1)


def test_gymnasium_without_discount():
    assert best(tabular_model(gym.make(CLIFF)), 1.0)[36] == -13.0
    lake = tabular_model(gym.make("FrozenLake-v1"))
    assert best(lake, 1.0)[0] == pytest.approx(14 / 17, abs=1e-13)  # 0.823529
    taxi = tabular_model(gym.make("Taxi-v3"))
    assert best(taxi, 1.0) @ taxi.initial == pytest.approx(7.93, abs=0.005)


def test_shaping_by_potentials_cancels_round_a_cycle():
    """Rewards of a shaped task add up to 0 on every cycle; the best policy still ends."""
    moves = [("a", "go", "b", 1.0), ("b", "back", "a", 1.0), ("b", "go", "end", 1.0)]
    potential = {"a": 0.5, "b": 0.75, "end": 0.0}
    reward = [potential[t] - potential[s] + (t == "end") for s, _, t, _ in moves]
    mdp = TabularMDP.from_transitions(moves, terminal=["end"], initial="a", reward=reward)
    assert best(mdp, 1.0).tolist() == [0.5, 0.25, 0.0]


def test_resting_is_better_than_a_bad_end():
    P = {0: {0: [(1.0, 0, 0.0, False)], 1: [(1.0, 1, -1.0, True)]}, 1: {0: [(1.0, 1, 0.0, True)]}}
    mdp = read_p(P, [1.0, 0.0])
    assert best(mdp, 1.0).tolist() == [0.0, 0.0]
    assert pm.optimal_policies(mdp, None, 1.0)[0, 0].tolist() == [1.0, 0.0]
