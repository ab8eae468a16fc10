"""`empowerment`: how much an agent can choose of where it is some steps ahead."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import scipy.sparse.linalg
from scipy.special import xlogy

from power_metrics.arguments.checks import check_count, check_progress, check_tolerance, resolve_model
from power_metrics.measures.registry import measure
from power_metrics.results.base import Result
from power_metrics.results.dims import Dims
from powerenvs.model.mdp import TabularMDP
from powerenvs.progress import progress_bar

MAX_ENTRIES = 20_000_000
"""Of the channel from sequences of actions to states."""


@dataclass(frozen=True)
class Empowerment(Result):
    """The n-step empowerment of the S states of a model.

    Attributes:
        model: the tables.
        steps: n.
        bits: (S,) empowerment, from below.
        gap: (S,) bits by which it may be larger at most; 0 where it is exact.
        versions: the releases that it was made with, by package.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.power import PowerGrid
        >>> found = pm.empowerment(PowerGrid(level="open_3x3"), steps=2)
        >>> found.bits.shape, bool(found.gap.max() < 1e-6)
        ((9,), True)
    """

    model: TabularMDP
    steps: int
    bits: Annotated[np.ndarray, Dims("state", least=0)]
    gap: Annotated[np.ndarray, Dims("state", least=0)]


@measure()
def empowerment(
    env_or_mdp: Any, steps: int = 1, tolerance: float = 1e-6, progress: bool | None = None
) -> Generator[None, None, Empowerment]:
    """The capacity, in bits, of the channel from an agent's next actions to its state after them.

    max_{p(a_1 ... a_n)} I(a_1 ... a_n; s_n) from each state (Klyubin, Polani & Nehaniv 2005; Salge, Glackin & Polani,
    arXiv 1310.1863). The actions are settled beforehand; only sequences count that exist whatever happens. In a
    deterministic model it is log2 of how many states can be reached in exactly n steps; in others it is worked out by
    Newton's method, between the bounds of Blahut and Arimoto, which close.

    Args:
        env_or_mdp: an environment or a `powerenvs.TabularMDP` with S states.
        steps: n.
        tolerance: the widest gap that is left, in bits; from 1e-12 on, below 1.
        progress: True for a progress bar, False for none, None for one in a terminal after two seconds.

    Raises:
        ValueError: for an argument that does not fit, and for more sequences than can be told apart in memory.
        RuntimeError: where rounding keeps the bounds apart.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.power import PowerGrid
        >>> pm.empowerment(PowerGrid(level="open_3x3"), steps=2).bits[:2].round(3).tolist()
        [2.585, 2.807]
    """
    mdp, steps, show = resolve_model(env_or_mdp), check_count("steps", steps), check_progress(progress)
    tolerance = check_tolerance("tolerance", tolerance, least=1e-12)  # rounding is not far below
    yield
    moves = [mdp.transition_matrix()[a :: mdp.num_actions] for a in range(mdp.num_actions)]
    if mdp.deterministic:
        reached = scipy.sparse.linalg.matrix_power(sum(moves) > 0, steps)
        return Empowerment(mdp, steps, np.log2(np.diff(reached.indptr)), np.zeros(mdp.num_states))
    states = progress_bar(range(mdp.num_states), "empowerment", show, unit=" states")
    low, high = np.maximum([_capacity(_channel(s, steps, moves, mdp.available), tolerance) for s in states], 0.0).T
    return Empowerment(mdp, steps, low, high - low)


def _channel(s: int, steps: int, moves: list[Any], available: np.ndarray) -> np.ndarray:
    """(X, S) where one may be after each sequence of actions; sequences with the same outcome are one.

    If there are none, nobody goes anywhere.
    """
    rows = first = np.eye(len(available))[[s]]
    for _ in range(steps):
        exists = (rows > 0) @ ~available == 0  # (X, A): whatever happened before
        rows = np.unique(np.concatenate([rows[exists[:, a]] @ moves[a] for a in range(len(moves))]), axis=0)
        if rows.size > MAX_ENTRIES:
            raise ValueError(f"steps: expected so few that {MAX_ENTRIES:,} numbers hold the outcomes, found {steps}")
    return rows if len(rows) else first


def _capacity(channel: np.ndarray, tolerance: float) -> tuple[float, float]:
    """Bounds in bits, at most ``tolerance`` apart: the mean and the largest divergence (Blahut 1972, theorem 2).

    Blahut's and Arimoto's steps towards them take thousands of rounds where outcomes are all but certain. These are
    Newton's, for the information and a barrier, pull · mean of log(share), which is lowered as the bounds close.
    """
    channel = channel[:, channel.any(axis=0)]
    own, share, pull = xlogy(channel, channel).sum(axis=1), np.full(len(channel), 1 / len(channel)), 1.0
    for _ in range(1000):  # a few dozen are usual
        reached = share @ channel
        divergence = own - channel @ np.log(reached)
        low, high = np.array([share @ divergence, divergence.max()]) / np.log(2)
        if high - low <= tolerance:
            return low, high
        pull = max(0.3 * min(pull, high - low), 0.1 * tolerance)
        # The matrix to invert is diagonal but for one of the rank of the outcomes, so one of their size is enough.
        # Dividing by the root of what is reached keeps its eigenvalues above 1.
        weight, scaled = (share**2 * len(share) / pull)[:, None], channel / np.sqrt(reached)
        slope = np.stack([divergence - divergence.max() + pull / len(share) / share, np.ones(len(share))], axis=1)
        inner = np.eye(len(reached)) + scaled.T @ (weight * scaled)
        steps = weight * (slope - scaled @ np.linalg.solve(inner, scaled.T @ (weight * slope)))
        change = steps @ [1, -steps[:, 0].sum() / steps[:, 1].sum()]  # shares still add up to 1
        share = share + change * min(1, 0.95 / max((-change / share).max(), 0.95))
        share /= share.sum()
    raise RuntimeError(f"tolerance: expected one within reach, found {tolerance:g}: {high - low:.2g} bits are left")
