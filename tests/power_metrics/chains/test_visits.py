"""Expected visits: elimination and iteration agree, and the bound on what iteration leaves open holds."""

from __future__ import annotations

import importlib
from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings, strategies as st

import power_metrics as pm
from power_metrics.chains import visits as chain_visits
from power_metrics.chains.evaluation import policy_chain
from powerenvs import TabularMDP, product_game
from powerenvs.worlds.power import PowerGrid
from tests.models import mdps, random_table

SEEDS = st.integers(0, 2**32 - 1)
GAMMAS = st.sampled_from([0.1, 0.9, 0.99, 0.9999])
occupancy = importlib.import_module("power_metrics.chains.occupancy")


def random_chain(mdp: TabularMDP, gamma: float, seed: int) -> scipy.sparse.csr_array:
    return gamma * policy_chain(mdp, random_table(mdp, seed))


def lost(chain: scipy.sparse.csr_array) -> np.ndarray:
    return 1.0 - chain.sum(axis=1)


def sparse_chain(n: int, successors: int, gamma: float) -> scipy.sparse.csr_array:
    """Each state leads to some others, anywhere: elimination fills up."""
    target = np.random.default_rng(0).integers(n, size=n * successors)
    ends = np.repeat(np.arange(n), successors), target
    return scipy.sparse.coo_array((np.full(n * successors, gamma / successors), ends), shape=(n, n)).tocsr()


def eliminated_in_long_double(chain: scipy.sparse.csr_array, start: np.ndarray) -> np.ndarray:
    """State reduction (Grassmann, Taksar & Heyman 1985) with what is lost as one more state: no subtraction at all."""
    flow_to = chain.toarray().astype(np.longdouble)
    mass, n = start.astype(np.longdouble), len(start)
    lost = 1 - flow_to.sum(axis=1)
    for k in range(n - 1, -1, -1):
        away = lost[k] + flow_to[k, :k].sum()
        for i in range(k):
            share = flow_to[i, k] / away
            flow_to[i, :k] += share * flow_to[k, :k]
            lost[i] += share * lost[k]
        mass[:k] += mass[k] / away * flow_to[k, :k]
        flow_to[k, k] = away
    visits = np.zeros(n, dtype=np.longdouble)
    for k in range(n):  # all that arrives in k, before it or from states eliminated later, leaves it through `away`
        visits[k] = (mass[k] + visits[:k] @ flow_to[:k, k]) / flow_to[k, k]
    return visits


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(mdps(max_states=12), GAMMAS, SEEDS)
def test_iteration_agrees_with_elimination(mdp, gamma, seed):
    chain = random_chain(mdp, gamma, seed)
    direct = chain_visits.eliminate(chain, mdp.initial, lost(chain))
    visits, error = chain_visits.iterate(chain, mdp.initial, lost(chain))
    assert np.abs(visits - direct).sum() <= 1e-10 * direct.sum()
    assert error <= 1e-13 / (1 - gamma)


@settings(max_examples=60, deadline=None)
@given(mdps(max_states=8), GAMMAS, SEEDS)
def test_bound_holds_against_long_double(mdp, gamma, seed):
    chain = random_chain(mdp, gamma, seed)
    reference = eliminated_in_long_double(chain, mdp.initial)
    visits, error = chain_visits.iterate(chain, mdp.initial, lost(chain))
    assert float(np.abs(visits - reference).sum()) <= error * visits.sum()
    assert visits.min() >= 0


@pytest.mark.parametrize("gamma", [0.9, 0.9999])
def test_bound_holds_where_iteration_stops_early(monkeypatch, gamma):
    """Then the error is far above rounding, and what bounds it is what the solution leaves open."""
    monkeypatch.setattr(chain_visits, "_ROUNDS", 1)
    monkeypatch.setattr(chain_visits, "_REDUCTION", 0.3)
    chain = random_chain(PowerGrid("robot_face_20x20", noise=0.3).tables(), gamma, 0)
    start = np.zeros(chain.shape[0])
    start[0] = 1.0
    visits, error = chain_visits.iterate(chain, start, lost(chain))
    wrong = np.abs(visits - chain_visits.eliminate(chain, start, lost(chain))).sum() / visits.sum()
    assert 1e-6 < wrong <= error


@settings(max_examples=30, deadline=None)
@given(mdps(), GAMMAS, SEEDS)
def test_all_occupancies_are_the_same_by_iteration(mdp, gamma, seed):
    policy = random_table(mdp, seed)
    expected = pm.occupancy(mdp, policy, gamma), pm.average_occupancy(mdp, policy)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(occupancy, "SHARED_MAX_STATES", 0)
        patch.setattr(chain_visits, "MAX_WIDTH", 0)
        found = pm.occupancy(mdp, policy, gamma), pm.average_occupancy(mdp, policy)
    for ours, direct in zip(found, expected, strict=True):
        assert np.abs(ours - direct).sum() <= 1e-10


def test_episodes_by_iteration(monkeypatch):
    """Without a discount the number of steps before the end is itself found by iteration."""
    mdp = PowerGrid(["S...", "....", "...G"], noise=0.4).tables()
    policy = random_table(mdp, 0)
    expected = pm.occupancy(mdp, policy, 1.0)
    used = []
    monkeypatch.setattr(chain_visits, "MAX_WIDTH", 0)
    monkeypatch.setattr(chain_visits, "eliminate", lambda *_: used.append("elimination"))
    assert pm.occupancy(mdp, policy, 1.0) == pytest.approx(expected, rel=1e-11)
    assert not used


def test_elimination_where_iteration_proves_nothing(monkeypatch):
    """A chain that loses one part in 10^12 at each step: a solution that leaves rounding open says little."""
    monkeypatch.setattr(chain_visits, "MAX_WIDTH", 0)
    loss = 2.0**-40
    chain = scipy.sparse.csr_array(np.array([[0.5, 0.5], [0.5, 0.5 - loss]]))
    start = np.array([1.0, 0.0])
    assert chain_visits.fills_up(chain)
    assert chain_visits.iterate(chain, start, lost(chain))[1] > chain_visits.MAX_ERROR
    # x0 = 1 + (x0 + x1) / 2 and x1 loss = 1, as all is lost from state 1
    assert chain_visits.expected_visits(chain, start, lost(chain)) == pytest.approx([2 + 1 / loss, 1 / loss], rel=1e-11)


def test_no_bound_where_nothing_is_lost():
    swap = scipy.sparse.csr_array(np.array([[0.0, 1.0], [1.0, 0.0]]))
    assert chain_visits.iterate(swap, np.array([1.0, 0.0]), np.zeros(2))[1] == np.inf


def test_which_chains_fill_up():
    plane = random_chain(PowerGrid(["." * 60] * 60, noise=0.1).tables(), 0.9, 0)
    assert not chain_visits.fills_up(plane)
    stars = scipy.sparse.coo_array((np.full(5000, 0.9), (np.arange(5000), np.zeros(5000, int))), shape=(5000, 5000))
    assert not chain_visits.fills_up(stars.tocsr())
    assert not chain_visits.fills_up(sparse_chain(500, 5, 0.9))
    assert chain_visits.fills_up(sparse_chain(4000, 3, 0.9))


@pytest.mark.slow
def test_large_product_by_iteration():
    """10,000 joint states, where elimination takes seconds, against the equation that occupancy solves."""
    part = PowerGrid(["." * 10] * 10, walls="absent", noise=0.1).tables()
    game = product_game(part, part)
    mdp = game.against({"ai": game.uniform_policy("ai")})
    policy, gamma = random_table(mdp, 0), 0.999
    chain = policy_chain(mdp, policy)
    assert chain_visits.fills_up(chain)
    share = pm.occupancy(mdp, policy, gamma)
    assert np.abs((1 - gamma) * mdp.initial + gamma * chain.T @ share - share).sum() <= 1e-15
    long_run = pm.average_occupancy(mdp, policy)
    assert np.abs(chain.T @ long_run - long_run).sum() <= 1e-14


def test_long_run_of_a_chain_that_rarely_returns_to_its_first_state(monkeypatch):
    """A walk that drifts up: in state k a share proportional to 9^k. Between two returns to state 0, 9^59 steps."""
    n = 60
    moves = [(k, 0, min(k + 1, n - 1), 0.9) for k in range(n)] + [(k, 0, max(k - 1, 0), 0.1) for k in range(n)]
    mdp = TabularMDP.from_transitions(moves, state_labels=range(n), initial=0)
    monkeypatch.setattr(chain_visits, "MAX_WIDTH", 0)
    monkeypatch.setattr(chain_visits, "eliminate", None)
    share = pm.average_occupancy(mdp, np.ones((n, 1)))
    expected = 9.0 ** np.arange(n)
    assert np.abs(share - expected / expected.sum()).sum() <= 1e-12


def exact_occupancy(mdp: TabularMDP, gamma: float) -> list[Fraction]:
    """Of the only policy, in fractions; rows are taken to sum to 1."""
    size = mdp.num_states
    chance = [[Fraction(p) for p in row] for row in mdp.transition_matrix().toarray().tolist()]
    discount = Fraction(gamma)
    system = [
        [(s == t) - discount * chance[s][t] / sum(chance[s]) for s in range(size)] + [Fraction(float(mdp.initial[t]))]
        for t in range(size)
    ]
    for k in range(size):
        system[k] = [x / system[k][k] for x in system[k]]
        for t in range(size):
            if t != k:
                system[t] = [x - system[t][k] * y for x, y in zip(system[t], system[k], strict=True)]
    return [(1 - discount) * row[-1] for row in system]


@pytest.mark.parametrize("gamma", [0.9, 1 - 1e-6, 1 - 1e-9])
def test_occupancy_keeps_its_digits_at_every_discount(gamma):
    rng = np.random.default_rng(0)
    for _ in range(5):
        moves = [(s, 0, t, p) for s, row in enumerate(rng.dirichlet([0.3] * 5, size=5)) for t, p in enumerate(row)]
        mdp = TabularMDP.from_transitions(moves, reward=rng.random(25), initial=0)
        policy, expected = np.ones((5, 1)), exact_occupancy(mdp, gamma)
        share = pm.occupancy(mdp, policy, gamma)
        assert share == pytest.approx([float(x) for x in expected], rel=2e-15, abs=0)
        earned = sum(x * Fraction(r) for x, r in zip(expected, mdp.action_rewards()[:, 0].tolist(), strict=True))
        returns = float(earned / (1 - Fraction(gamma)))
        assert pm.expected_return(mdp, policy, gamma) == pytest.approx(returns, rel=4e-15, abs=0)


@pytest.mark.parametrize("link", [1e-13, 1e-17, 1e-200])
def test_blocks_that_are_hardly_joined(link):
    """Two pairs of states with a rare way there, and one back that is three times as rare."""
    pairs = [(0, 0, 1, 0.5), (0, 0, 0, 0.5), (1, 0, 0, 0.5), (1, 0, 1, 0.5), (1, 0, 2, link)]
    pairs += [(2, 0, 3, 0.5), (2, 0, 2, 0.5), (3, 0, 2, 0.5), (3, 0, 3, 0.5), (3, 0, 1, link / 3)]
    share = pm.average_occupancy(TabularMDP.from_transitions(pairs, initial=0), np.ones((4, 1)))
    assert share == pytest.approx([1 / 8, 1 / 8, 3 / 8, 3 / 8], rel=4e-13 if link == 1e-13 else 1e-14, abs=0)


@pytest.mark.parametrize("leave", [1e-13, 1e-17, 1e-200])
def test_episodes_that_hardly_end(leave):
    moves = [("on", 0, "on", 1.0), ("on", 0, "end", leave), ("end", 0, "end", 1.0)]
    mdp = TabularMDP.from_transitions(moves, initial="on", terminal=["end"], reward=[0.0, 1.0, 0.0])
    policy = np.ones((2, 1))
    assert pm.average_occupancy(mdp, policy).tolist() == [0.0, 1.0]
    assert pm.occupancy(mdp, policy, 1.0) == pytest.approx([1 / leave, 1.0], rel=1e-14, abs=0)
    assert pm.expected_return(mdp, policy, 1.0) == pytest.approx(1.0, rel=1e-14)
