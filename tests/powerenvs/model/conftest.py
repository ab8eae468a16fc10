"""Models that several files test."""

from __future__ import annotations

import pytest

from powerenvs import TabularGame
from tests.games import DOOR


@pytest.fixture
def door() -> TabularGame:
    return TabularGame.from_transitions(
        DOOR, reward={"human": {("out", ("go", "wait"), "human in"): 5.0}, "ai": [0, 0, 3, 0, 0, 0]}
    )
