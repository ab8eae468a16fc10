"""POWER as exact fractions, against closed forms (Turner et al., arXiv 1912.01683), a second exact algorithm without
pruning, and Monte Carlo.
"""

from __future__ import annotations

import itertools
import math
from fractions import Fraction as F

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import power_metrics as pm
from power_metrics.expectation.closed_form.integrals import mean_of_maximum, pieces, standard_order
from power_metrics.expectation.closed_form.paths import best_shares, corners, independent
from tests.power_metrics.worlds import MAZE, OPEN_3, TURNER, corridor, graph, grid, star

GAMMAS = [F(0), F(1, 10), F(1, 2), F(9, 10), F(1)]


def exact(mdp, gamma, **options):
    """{state: POWER}, as fractions."""
    found = pm.power(mdp, gamma, method="closed_form", **options)
    assert found.mean == pytest.approx([float(value) for value in found.exact], abs=1e-15)
    assert found.method == "closed_form"
    assert not found.standard_error.any()
    assert all(isinstance(value, F) for value in found.exact)
    return dict(zip(mdp.state_labels, found.exact, strict=True))


def complete(n):
    return graph({s: range(n) for s in range(n)})


@pytest.mark.parametrize("gamma", [*GAMMAS, F(1, 3)])
def test_turner_figure_1(gamma):
    l_sw = (F(2, 3) + gamma / 2) / (1 + gamma)
    value = exact(graph(TURNER), gamma)
    assert value["empty"] == F(1, 2)
    assert value["l_sw"] == l_sw
    assert value["l_nw"] == (1 - gamma) / 2 + gamma * l_sw
    assert value["r"] == value["r_se"] == value["r_ne"] == F(2, 3)
    assert value["l"] == l_sw
    assert F(2, 3) < value["star"] < F(5, 6)


def test_turner_figure_1_non_dominated():
    """Of the six recurrent state distributions from the star, five are best for some reward function."""
    names = list(TURNER)
    successors = [[names.index(t) for t in TURNER[s]] for s in names]
    assert len(best_shares(successors, F(1), 1000)[0]) == 5


def test_floats_are_the_decimals_they_are_written_as():
    assert exact(graph(TURNER), 0.5)["l_sw"] == F(11, 18)
    assert exact(graph(TURNER), 0.9)["l_sw"] == (F(2, 3) + F(9, 20)) / F(19, 10)
    assert exact(graph(TURNER), 1)["l_sw"] == F(7, 12)


@pytest.mark.parametrize("gamma", GAMMAS)
@pytest.mark.parametrize("children", [1, 2, 5, 20, 100])
def test_root_with_absorbing_children(children, gamma):
    value = exact(star(children), gamma)
    assert value["root"] == F(children, children + 1)
    assert value["child 0"] == F(1, 2)
    assert exact(star(children, self_loop=True), gamma)["root"] == F(children + 1, children + 2)


@pytest.mark.slow
@pytest.mark.parametrize("gamma", GAMMAS)
@pytest.mark.parametrize("n", [2, 3, 4, 5, 6, 7, 8, 16])
def test_complete_graph_with_loops(n, gamma):
    assert set(exact(complete(n), gamma).values()) == {F(n, n + 1)}


@pytest.mark.slow
@pytest.mark.parametrize("gamma", [*GAMMAS, F(4, 5)])
@pytest.mark.parametrize("steps", [1, 2, 4, 40])
def test_forced_steps_before_a_hub(steps, gamma):
    for children in (3, 6):
        hub = F(children, children + 1)
        assert exact(corridor(steps, children), gamma)["step 0"] == (1 - gamma**steps) / 2 + gamma**steps * hub


@pytest.mark.parametrize(("gamma", "corner", "edge", "centre"), [(0, F(3, 4), F(4, 5), F(5, 6)), (1, *[F(9, 10)] * 3)])
def test_open_grid_at_the_ends(gamma, corner, edge, centre):
    value = exact(grid(), gamma)
    for cell, power in value.items():
        assert power == (corner, edge, centre)[sum(place == 1 for place in cell)]


@pytest.mark.slow
def test_open_grid():
    """All nine states; by symmetry there are three values. Known to three digits."""
    value = exact(grid(), 0.9)
    by_kind = [{value[cell] for cell in value if sum(place == 1 for place in cell) == kind} for kind in range(3)]
    assert [len(kind) for kind in by_kind] == [1, 1, 1]
    assert [float(*kind) for kind in by_kind] == pytest.approx([0.867, 0.877, 0.888], abs=1e-3)
    drawn = pm.power(grid(), 0.9, method="sobol", control_variates=True, num_samples=1 << 15)
    assert np.all(np.abs(drawn.mean - [float(power) for power in value.values()]) < 5 * drawn.standard_error)


@pytest.mark.parametrize("rows", [MAZE, OPEN_3, (".",), ("." * 20,) * 20])
def test_where_every_state_may_stay(rows):
    """At γ = 1 the best of all states that can be reached; at γ = 0 the best of those one step away."""
    mdp = grid(rows)
    assert set(exact(mdp, 1).values()) == {F(mdp.num_states, mdp.num_states + 1)}
    choices = mdp.available.sum(axis=1)
    assert list(exact(mdp, 0).values()) == [F(int(k), int(k) + 1) for k in choices]


def test_two_by_two_grid():
    """With the others' rewards a and b, the opposite one's d, and the own: paths into d differ in their first step."""
    for gamma in GAMMAS[1:4]:
        vectors = [(1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 1 - gamma, 0, gamma), (0, 0, 1 - gamma, gamma)]
        assert set(exact(grid(("..", "..")), gamma).values()) == {mean_by_splitting(vectors)}


@pytest.mark.slow
@pytest.mark.parametrize("n", [2, 3, 4, 5])
@pytest.mark.parametrize("gamma", [F(1, 10), F(1, 2), F(9, 10)])
def test_corridors(n, gamma):
    """From the end: stay in the first cell, or walk on and stay, later or sooner."""
    walks = [
        tuple(
            (1 - gamma) * gamma ** (k - 1) if k < stop else gamma ** (stop - 1) if k == stop else F(0)
            for k in range(1, n)
        )
        for stop in range(1, n)
    ]
    vectors = [(1, *[0] * (n - 1)), *((F(0), *walk) for walk in walks)]
    value = exact(grid(("." * n,)), gamma)
    assert value[0, 0] == value[0, n - 1] == mean_by_splitting(vectors)


def test_other_intervals():
    assert exact(graph(TURNER), 0.5, reward=pm.Uniform(-1, 0.5))["l_sw"] == -1 + F(3, 2) * F(11, 18)
    plain, scaled = exact(grid(("...",)), 0.3), exact(grid(("...",)), 0.3, reward=pm.Uniform(0.1, 0.4))
    assert scaled == {cell: F(1, 10) + F(3, 10) * power for cell, power in plain.items()}


def mean_by_splitting(vectors):
    """E[max_f f · U], by cutting simplices of equal order of U until one f is best on all corners of each."""
    n = len(vectors[0])
    vectors = list(dict.fromkeys(vectors))
    total = F(0)
    for order in itertools.permutations(range(n)):
        simplex = [tuple(F(int(i in order[k:])) for i in range(n)) for k in range(n + 1)]
        pending = [(simplex, F(1, math.factorial(n)))]
        while pending:
            points, volume = pending.pop()
            values = [[sum(map(F.__mul__, map(F, f), point)) for f in vectors] for point in points]
            best = [{k for k, v in enumerate(row) if v == max(row)} for row in values]
            if set.intersection(*best):
                total += volume * sum(map(max, values)) / (n + 1)
                continue
            f, g = next(
                (f, g)
                for f, g in itertools.permutations(sorted(set.union(*best)), 2)
                if any(row[f] > row[g] for row in values) and any(row[f] < row[g] for row in values)
            )
            pending += halves(points, volume, [a - b for a, b in zip(vectors[f], vectors[g], strict=True)])
    return total


def halves(points, volume, normal):
    """Simplices that make up one, none of them with corners on both sides of a plane through 0."""
    side = [sum(map(F.__mul__, map(F, normal), point)) for point in points]
    a, b = side.index(max(side)), side.index(min(side))
    if side[a] <= 0 or side[b] >= 0:
        return [(points, volume)]
    share = side[a] / (side[a] - side[b])  # of the edge from a to b, where it meets the plane
    middle = tuple(x + share * (y - x) for x, y in zip(points[a], points[b], strict=True))
    upper, lower = [*points[:b], middle, *points[b + 1 :]], [*points[:a], middle, *points[a + 1 :]]
    return [*halves(upper, volume * share, normal), *halves(lower, volume * (1 - share), normal)]


def all_shares(successors, start, gamma):
    """Shares of time of every path from a state up to its first repetition, over the states that any of them visits."""
    found = []
    stack = [[t] for t in successors[start]]
    while stack:
        path = stack.pop()
        for following in successors[path[-1]]:
            if following not in path:
                stack.append([*path, following])
                continue
            back = path.index(following)
            shares = dict.fromkeys(path, F(0))
            for t, s in enumerate(path):
                cycle = sum(gamma**k for k in range(len(path) - back))
                shares[s] = gamma**t * (1 - gamma) if t < back else gamma**t / cycle
            assert sum(shares.values()) == 1
            found.append(shares)
    visited = sorted({s for shares in found for s in shares}, key=str)
    return [tuple(shares.get(s, F(0)) for s in visited) for shares in found]


graphs = st.integers(2, 4).flatmap(
    lambda n: st.lists(st.sets(st.integers(0, n - 1), min_size=1, max_size=6 - n), min_size=n, max_size=n)
)


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(graphs, st.sampled_from([*GAMMAS, F(2, 3)]))
def test_against_all_paths(sets, gamma):
    successors = {s: sorted(following) for s, following in enumerate(sets)}
    value = exact(graph(successors), gamma)
    for s in successors:
        assert value[s] == mean_by_splitting(all_shares(successors, s, gamma))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([F(1, 3), F(9, 10), F(1)]))
def test_best_shares_leave_nothing_out(seed, gamma):
    """On any reward function they are as good as all paths are, and none of them can go."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(3, 7))
    successors = [sorted(set(rng.integers(0, n, rng.integers(1, 4)).tolist())) for _ in range(n)]
    found = best_shares(successors, gamma, 10**6)
    for s in range(n):
        paths = np.array(all_shares(successors, s, gamma), dtype=float)
        visited = sorted({t for shares in found[s] for t, _ in shares} | set(_reached(successors, s)))
        best = np.array([[float(dict(shares).get(t, 0)) for t in visited] for shares in found[s]])
        rewards = rng.choice([rng.random((len(visited), 400)), rng.integers(0, 2, (len(visited), 400))])
        assert np.allclose((paths @ rewards).max(axis=0), (best @ rewards).max(axis=0), rtol=1e-12)
        assert corners(found[s]) == sorted(found[s])


def _reached(successors, start):
    seen, ahead = set(), list(successors[start])
    while ahead:
        s = ahead.pop()
        if s not in seen:
            seen.add(s)
            ahead += successors[s]
    return sorted(seen)


def random_graph(seed):
    rng = np.random.default_rng(seed)
    n = 3 + seed % 3
    return graph({s: rng.choice(n, rng.integers(1, 4), replace=False).tolist() for s in range(n)})


@pytest.mark.slow
@pytest.mark.parametrize("gamma", [0.3, 0.9, 1.0])
@pytest.mark.parametrize(
    "mdp", [*map(random_graph, range(4)), graph(TURNER), grid(("...", "..."))], ids=lambda mdp: mdp.fingerprint[:4]
)
def test_against_monte_carlo(mdp, gamma):
    closed = exact(mdp, gamma)
    drawn = pm.power(mdp, gamma, num_samples=100_000)
    assert np.all(np.abs(np.array(list(closed.values()), dtype=float) - drawn.mean) < 5 * drawn.standard_error)


def test_corners():
    def shares(*numbers):
        return tuple((s, F(number, 12)) for s, number in enumerate(numbers) if number)

    units = [shares(12), shares(0, 12), shares(0, 0, 12)]
    assert corners([*units, shares(4, 4, 4), shares(6, 6), shares(11, 1)]) == sorted(units)
    assert corners([units[0], shares(6, 6), shares(3, 9)]) == sorted([units[0], shares(3, 9)])
    assert corners([shares(6, 6), shares(6, 6)]) == [shares(6, 6)]
    assert len(corners([shares(1, 11), shares(5, 2, 5), shares(11, 1)])) == 3


def test_independent_sets():
    half = F(1, 2)
    first, second = ((0, half), (1, half)), ((0, half), (2, half))
    assert independent([first, second]) == (half, [[((1, F(1)),)], [((2, F(1)),)]])
    assert independent([first]) == (1, [])
    third = ((1, half), (3, half))
    common, sets = independent([first, third, ((2, F(1)),)])
    assert common == 0
    assert sorted(map(len, sets)) == [1, 2]


def _vectors(n):
    """Vectors of n whole numbers that sum to 4."""
    vector = st.lists(st.integers(0, n - 1), min_size=4, max_size=4).map(
        lambda units: [units.count(k) for k in range(n)]
    )
    return st.lists(vector, min_size=1, max_size=5)


integer_vectors = st.integers(2, 4).flatmap(_vectors)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(integer_vectors)
def test_mean_of_maximum(rows):
    """Vectors of any kind, also with mixtures among them; alone, and beside an independent coordinate."""
    vectors = tuple({tuple(row) for row in rows})
    shares = [tuple(F(c, 4) for c in vector) for vector in vectors]
    assert sum(pieces(vectors).values()) == 1
    assert mean_of_maximum([vectors]) == mean_by_splitting(shares)
    if len(vectors[0]) < 4:
        beside = [(*vector, F(0)) for vector in shares] + [(*[F(0)] * len(shares[0]), F(1))]
        assert mean_of_maximum([vectors, ((4,),)]) == mean_by_splitting(beside)


def test_mean_of_maximum_of_two_sets():
    one, other = ((3, 1), (1, 3)), ((2, 0), (0, 2))
    beside = [(F(3, 4), F(1, 4), 0, 0), (F(1, 4), F(3, 4), 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)]
    assert mean_of_maximum([one, other]) == mean_by_splitting(beside)


@settings(max_examples=60, deadline=None)
@given(integer_vectors, st.randoms())
def test_standard_order(rows, random):
    vectors = tuple({tuple(row) for row in rows})
    order = list(range(len(vectors[0])))
    random.shuffle(order)
    shuffled = standard_order(tuple(tuple(vector[k] for k in order) for vector in vectors))
    assert mean_of_maximum([shuffled]) == mean_of_maximum([vectors])
    arrangements = {
        tuple(sorted(zip(*columns, strict=True))) for columns in itertools.permutations(zip(*vectors, strict=True))
    }
    assert shuffled in arrangements


def test_standard_order_finds_symmetry():
    """The four corners of an open grid have the same paths, seen from each."""
    shares = best_shares(
        [[j for j in range(9) if abs(i // 3 - j // 3) + abs(i % 3 - j % 3) <= 1] for i in range(9)], F(1, 2), 10**5
    )
    corner, other, edge = (
        standard_order(tuple(tuple(int(256 * dict(vector).get(s, 0)) for s in range(9)) for vector in shares[start]))
        for start in (0, 8, 1)
    )
    assert corner == other != edge


def test_fractions_are_saved(tmp_path):
    found = pm.power(graph(TURNER), F(1, 3), method="closed_form")
    found.save(tmp_path / "exact.npz")
    assert pm.PowerEstimate.load(tmp_path / "exact.npz").exact == found.exact


@pytest.mark.parametrize(
    ("mdp", "gamma", "method"),
    [
        (graph(TURNER), 0.5, "closed_form"),
        (complete(8), 0.9, "closed_form"),
        (grid(("..", "..")), 0.9, "closed_form"),
        (grid(MAZE), 1.0, "closed_form"),
        (grid(MAZE), 0.0, "closed_form"),
        (grid(), 0.5, "sobol with control variates"),
        (grid(MAZE), 0.9, "sobol with control variates"),
    ],
)
def test_automatic_choice_takes_what_is_quick(mdp, gamma, method):
    assert pm.power(mdp, gamma, method="auto", num_samples=64).method == method


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mdp", "reward", "message"),
    [
        (grid(MAZE), pm.Uniform(), "method: expected paths of at most 20,000 steps .* found more in the 31 states at gamma"),
        (grid(("....",) * 3), pm.Uniform(), r"at most 8 rewards together, 40 .* found 11 rewards and .* from \(0, 0\)"),
        (graph({s: [(s + 1) % 50_000] for s in range(50_000)}), pm.Uniform(), "found more in the 50,000 states"),
        (grid(noise=0.2), pm.Uniform(), "expected a deterministic model for 'closed_form', found a stochastic"),
        (star(2), pm.Beta(2, 1), "independent and uniform on one interval, found Beta"),
        (star(2), pm.PerState({"root": pm.Uniform(0, 2)}), r"found Uniform\(low=0, high=2\), Uniform\(low=0.0"),
    ],
)  # fmt: skip
def test_what_has_none(mdp, reward, message):
    with pytest.raises(ValueError, match=message):
        pm.power(mdp, 0.5, reward, method="closed_form")


def test_shared_rewards_have_none():
    with pytest.raises(ValueError, match="some of them shared"):
        pm.power(star(2), 0.5, method="closed_form", states_with_identical_rewards=[["child 0", "child 1"]])
