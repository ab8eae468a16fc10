"""Memory for solutions: types by name, and parts that share it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from power_metrics.solvers.average.gain import GainSolution
from power_metrics.solvers.compiled import solver_tables
from power_metrics.solvers.discounted.iterative import Iterative
from power_metrics.solvers.dispatch import solve_into
from power_metrics.solvers.joint.pairs import Responses
from power_metrics.solvers.solution import Solution
from powerenvs.worlds.power import PowerGrid
from tests.models import random_mdp

ROOM = {
    "discounted": Solution.empty(4, 3),
    "average": GainSolution.empty(4, 3),
    "average without policies": GainSolution.empty(4, 3, policies=False),
    "joint": Responses.empty(4, 2, 3),
}


@pytest.mark.parametrize("name", ROOM)
def test_parts_are_the_same_memory(name):
    room = ROOM[name]
    part = room.part(slice(1, 3))
    assert type(part) is type(room)
    for field, whole, some in zip(room._fields, room, part, strict=True):
        assert whole.dtype == (np.int32 if field in ("policy", "iterations") else np.float64)
        assert some.shape == (min(2, len(whole)), *whole.shape[1:])
        assert np.shares_memory(whole, some) == bool(len(whole))


def test_shapes():
    assert [array.shape for array in ROOM["discounted"]] == [(4, 3), (4, 3), (4, 3), (4,), (4,)]
    assert ROOM["average without policies"].policy.shape == (0, 3)
    assert [array.shape for array in ROOM["joint"]] == [
        (4, 2, 3), (4, 2, 3), (4, 1, 3), (4, 1, 3), (4,), (4,), (4, 2),
    ]  # fmt: skip


@pytest.mark.parametrize("sort", ["stay_put", "deterministic", "direct", "iterative"])
def test_continuations_are_the_same_without_policies(sort):
    noise = 0.2 if sort in ("direct", "iterative") else 0.0
    mdp = PowerGrid("...\n.#.\n...", noise=noise).tables()
    if sort == "deterministic":
        mdp = random_mdp(np.random.default_rng(0), 8, 3, deterministic=True)
    tables = solver_tables(mdp)
    if sort == "iterative":
        tables = replace(tables, solvers=(Iterative(),))
    assert tables.method == sort
    rewards = np.random.default_rng(0).random((11, mdp.num_states))
    whole, less = Solution.empty(11, mdp.num_states), Solution.empty(11, mdp.num_states, policies=False)
    for solution in (whole, less):
        solve_into(tables, rewards, 0.9, solution)
    assert np.array_equal(whole.continuation, less.continuation)
    assert np.array_equal(whole.residual, less.residual)
    assert less.values.shape == less.policy.shape == (0, mdp.num_states)
