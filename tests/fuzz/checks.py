"""What is looked at in the results of calls."""

from __future__ import annotations

from typing import Any

import numpy as np

import power_metrics as pm
from tests.fuzz.archives import small_mdp


def finite(result: Any) -> None:
    """Numbers alone."""
    assert np.all(np.isfinite(np.asarray(result, dtype=float)))


def sums_to_one(result: Any) -> None:
    table = np.asarray(result, dtype=float)
    assert np.allclose(table.sum(axis=-1), 1)
    assert table.min() >= 0


def estimate(result: Any) -> None:
    for one in result if isinstance(result, list) else [result]:
        assert np.all(np.isfinite(one.mean))
        assert not np.any(one.standard_error < 0)
        assert one.mean.shape == (one.model.num_states,)
        repr(one)
        one.to_json()


def estimates(result: Any) -> None:
    for agent in result.agents:
        estimate(result[agent])
        estimate(result.baseline[agent])
    repr(result)


def distribution(result: Any) -> None:
    """Drawing from it and solving for it works."""
    sampled = pm.power(small_mdp(), 0.5, reward=result, num_samples=8, progress=False)
    estimate(sampled)
    repr(result)


def nothing(result: Any) -> None:
    repr(result)


def statistics(result: Any) -> None:
    """Numbers by name, some of which may be undefined."""
    assert not any(np.isinf(value) for value in result.values())
