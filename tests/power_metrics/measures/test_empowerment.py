"""Empowerment against published values, capacities in closed form, and a search over all input distributions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.optimize import minimize_scalar

import power_metrics as pm
from powerenvs import TabularMDP
from powerenvs.worlds.power import PowerGrid

WALLS = [
    *[((1, c), (2, c)) for c in range(6)], *[((r, c), (r, c + 1)) for r in (2, 3) for c in (5, 6)],
    ((3, 6), (4, 6)), *[((1, c), (2, c)) for c in (7, 8)], *[((5, c), (6, c)) for c in (2, 3, 4)],
    *[((r, 4), (r, 5)) for r in (6, 7)], ((6, 4), (7, 4)), ((7, 4), (8, 4)), ((8, 3), (8, 4)), ((8, 3), (9, 3)),
]  # fmt: skip
"""Between cells of the 10 x 10 maze of Klyubin, Polani & Nehaniv (2005), figure 2."""


def klyubin_maze() -> TabularMDP:
    closed = {frozenset(pair) for pair in WALLS}
    moves = {"north": (1, 0), "south": (-1, 0), "east": (0, 1), "west": (0, -1), "stay": (0, 0)}
    transitions = []
    for r in range(10):
        for c in range(10):
            for action, (dr, dc) in moves.items():
                target = (r + dr, c + dc)
                inside = 0 <= target[0] < 10 and 0 <= target[1] < 10
                open_way = inside and frozenset({(r, c), target}) not in closed
                transitions.append(((r, c), action, target if open_way else (r, c), 1.0))
    return TabularMDP.from_transitions(transitions)


def channel(*rows) -> TabularMDP:
    """A state whose actions lead to others with these probabilities, which stay as they are."""
    leads = [("s", f"a{a}", f"y{y}", float(p)) for a, row in enumerate(rows) for y, p in enumerate(row) if p > 0]
    stays = [(f"y{y}", "a0", f"y{y}", 1.0) for y in range(len(rows[0])) if any(row[y] > 0 for row in rows)]
    return TabularMDP.from_transitions([*leads, *stays])


def bits(mdp, state="s", **settings) -> float:
    found = pm.empowerment(mdp, progress=False, **settings)
    return float(found.bits[found.model.index(state)])


@pytest.mark.parametrize(("steps", "low", "high"), [(1, 1.0, 2.3219), (2, 1.585, 3.7004), (5, 3.4594, 5.5236)])
def test_the_published_maze(steps, low, high):
    found = pm.empowerment(klyubin_maze(), steps)
    assert (found.bits.min(), found.bits.max()) == pytest.approx((low, high), abs=5e-5)
    assert not found.gap.any()


def test_open_3x3():
    found = pm.empowerment(PowerGrid(level="open_3x3"))
    assert np.exp2(found.bits) == pytest.approx([3, 4, 3, 4, 5, 4, 3, 4, 3])


def test_absent_moves_count_as_little_as_those_into_walls():
    both = (pm.empowerment(PowerGrid(level="maze_7x7", walls=walls), 3).bits for walls in ("bump", "absent"))
    assert np.array_equal(*both)


@pytest.mark.parametrize(
    ("rows", "capacity"),
    [
        ([[0.9, 0.1], [0.1, 0.9]], 0.531004),  # binary symmetric
        ([[1, 0], [0.5, 0.5]], 0.321928),  # Z: log2(5/4)
        ([[0.7, 0.3, 0], [0, 0.3, 0.7]], 0.7),  # binary erasure: 1 - e
        ([[0.5, 0.5], [0.5, 0.5]], 0.0),
        ([[0.25, 0.75]], 0.0),
    ],
)
def test_capacities_in_closed_form(rows, capacity):
    assert bits(channel(*rows), tolerance=1e-9) == pytest.approx(capacity, abs=1e-6)


@settings(max_examples=30)
@given(st.lists(st.lists(st.integers(0, 9), min_size=3, max_size=3).filter(any), min_size=2, max_size=2))
def test_two_actions_against_a_search(weights):
    rows = np.array(weights, dtype=float)
    rows /= rows.sum(axis=1, keepdims=True)

    def information(share):
        joint = rows * np.array([[share], [1 - share]])
        product = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0)
        known = joint > 0
        return -float((joint[known] * np.log2(joint[known] / product[known])).sum())

    best = -minimize_scalar(information, bounds=(1e-9, 1 - 1e-9), method="bounded", options={"xatol": 1e-10}).fun
    assert bits(channel(*rows), tolerance=1e-8) == pytest.approx(best, abs=1e-6)


@pytest.mark.slow
def test_the_gap_is_closed_and_counts_from_below():
    rough = pm.empowerment(PowerGrid(level="two_rooms", noise=0.3), 2, tolerance=0.05, progress=False)
    fine = pm.empowerment(rough.model, 2, tolerance=1e-5, progress=False)
    assert rough.gap.max() <= 0.05
    assert fine.gap.max() <= 1e-5
    assert np.all(fine.bits >= rough.bits - 1e-5)
    assert np.all(fine.bits <= rough.bits + rough.gap + 1e-5)


@pytest.mark.slow
def test_a_little_noise_takes_a_little():
    still, noisy = (
        pm.empowerment(PowerGrid(noise=noise), 2, tolerance=1e-3, progress=False).bits for noise in (0, 1e-6)
    )
    assert noisy == pytest.approx(still, abs=2e-3)


@pytest.mark.parametrize("tolerance", [1e-6, 1e-12])
@pytest.mark.parametrize("noise", [0.3, 1e-3, 1e-9])
def test_outcomes_that_are_all_but_certain_take_no_longer(noise, tolerance):
    """Blahut's and Arimoto's own steps take tens of thousands of rounds here; the bounds close in some dozens."""
    found = pm.empowerment(PowerGrid(level="maze_7x7", noise=noise), 4, tolerance=tolerance, progress=False)
    assert found.gap.max() <= tolerance
    if noise == 1e-9:
        assert found.bits == pytest.approx(pm.empowerment(PowerGrid(level="maze_7x7"), 4).bits, abs=1e-6)


def test_only_sequences_that_exist_whatever_happens():
    leads = [("s", "try", "x", 0.5), ("s", "try", "y", 0.5), ("x", "left", "x", 1.0), ("x", "right", "y", 1.0)]
    mdp = TabularMDP.from_transitions([*leads, ("y", "left", "y", 1.0)])
    assert bits(mdp, "s", steps=2) == 0  # "right" does not exist in y
    assert bits(mdp, "x", steps=1) == pytest.approx(1)


def test_what_would_not_fit_is_refused(monkeypatch):
    monkeypatch.setattr("power_metrics.measures.empowerment.MAX_ENTRIES", 1000)
    with pytest.raises(ValueError, match="steps: expected so few"):
        pm.empowerment(PowerGrid(level="maze_7x7", noise=0.1), 4, progress=False)


@pytest.mark.parametrize(("argument", "value"), [("steps", 0), ("steps", 1.5), ("tolerance", 0), ("tolerance", 1e-15)])
def test_refusals(argument, value):
    with pytest.raises(ValueError, match=f"{argument}: expected"):
        pm.empowerment(PowerGrid(), **{argument: value})
