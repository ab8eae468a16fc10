"""Memory for solutions: types by name, and parts that share it."""

from __future__ import annotations

import numpy as np
import pytest

from power_metrics.solvers.average.gain import GainSolution
from power_metrics.solvers.joint.pairs import Responses
from power_metrics.solvers.solution import Solution

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
