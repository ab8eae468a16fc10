"""`empowerment`: how much an agent can choose of where it is some steps ahead."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import scipy.sparse
from numpy.typing import NDArray
from scipy.special import xlogy
from tqdm import tqdm

from power_metrics.arguments.checks import check_count, check_progress, resolve_model
from power_metrics.measures.registry import measure
from power_metrics.results.base import Result
from power_metrics.results.dims import Dims
from powerenvs.model.checks import real
from powerenvs.model.mdp import TabularMDP

Floats = NDArray[np.float64]

MAX_ENTRIES = 20_000_000
"""Of the channel from sequences of actions to states."""


FINEST = 1e-12
"""The smallest tolerance: rounding is not far below."""

LEAST = 1e-200
"""The smallest probability of a sequence of actions on the way, from which it can grow again."""


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
    bits: Annotated[Floats, Dims("state", least=0)]
    gap: Annotated[Floats, Dims("state", least=0)]


@measure()
def empowerment(
    env_or_mdp: Any, steps: int = 1, tolerance: float = 1e-6, progress: bool | None = None
) -> Generator[None, None, Empowerment]:
    """The capacity, in bits, of the channel from an agent's next actions to its state after them.

    max_{p(a_1 ... a_n)} I(a_1 ... a_n; s_n) from each state (Klyubin, Polani & Nehaniv 2005; Salge, Glackin & Polani,
    arXiv 1310.1863). The actions are settled beforehand; only sequences count that exist whatever happens. In a
    deterministic model it is log2 of how many states can be reached in exactly n steps; in others it is worked out by
    the algorithm of Blahut and Arimoto, between bounds that close.

    Args:
        env_or_mdp: an environment or a `powerenvs.TabularMDP` with S states.
        steps: n.
        tolerance: the widest gap that is left, in bits.
        progress: True for a progress bar, False for none, None for one in a terminal after two seconds.

    Raises:
        ValueError: for an argument that does not fit, and for more sequences than can be told apart in memory.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.power import PowerGrid
        >>> pm.empowerment(PowerGrid(level="open_3x3"), steps=2).bits[:2].round(3).tolist()
        [2.585, 2.807]
    """
    mdp, steps, show = resolve_model(env_or_mdp), check_count("steps", steps), check_progress(progress)
    if not FINEST <= real(tolerance) < math.inf:
        raise ValueError(f"tolerance: expected a number of bits of at least {FINEST}, found {tolerance!r}")
    yield
    S, A = mdp.available.shape
    moves = [mdp.transition_matrix()[a::A] for a in range(A)]
    if mdp.deterministic:
        edges, reached = sum(moves) > 0, scipy.sparse.eye_array(S, format="csr", dtype=bool)
        for _ in range(steps):
            reached = reached @ edges
        return Empowerment(mdp, steps, np.log2(np.diff(reached.indptr)), np.zeros(S))
    hidden = None if show is None else not show
    states = tqdm(range(S), "empowerment", unit=" states", delay=0 if show else 2, disable=hidden)
    found = [_capacity(_channel(s, steps, moves, mdp.available), tolerance * math.log(2)) for s in states]
    low, high = np.array(found).T / math.log(2)
    return Empowerment(mdp, steps, np.maximum(low, 0.0), high - np.maximum(low, 0.0))


def _channel(s: int, steps: int, moves: list[Any], available: NDArray[np.bool_]) -> Floats:
    """(X, S) where one may be after each sequence of actions; sequences with the same outcome are one."""
    rows = np.eye(len(available))[[s]]
    for _ in range(steps):
        exists = (rows > 0) @ ~available == 0  # (X, A): whatever happened before
        rows = np.unique(np.concatenate([rows[exists[:, a]] @ moves[a] for a in range(len(moves))]), axis=0)
        if rows.size > MAX_ENTRIES:
            raise ValueError(f"steps: expected so few that {MAX_ENTRIES:,} numbers hold the outcomes, found {steps}")
    return rows


def _capacity(channel: Floats, tolerance: float) -> tuple[float, float]:
    """Bounds in nats, at most ``tolerance`` apart (Blahut 1972, theorem 2); 0 where there is nothing to choose."""
    if not len(channel):
        return 0.0, 0.0
    channel = channel[:, channel.any(axis=0)]
    own, share, pace = xlogy(channel, channel).sum(axis=1), np.full(len(channel), 1 / len(channel)), 1.0
    best, kept = -math.inf, (share, own)
    while True:
        divergence = own - channel @ np.log(np.maximum(share @ channel, LEAST))
        low, high = float(share @ divergence), float(divergence.max())
        if high - low <= tolerance:
            return low, high
        # A pace above 1 makes steps longer than Blahut's and Arimoto's, which never lose. It grows while they gain;
        # one that loses is taken back.
        gains = low > best
        if gains or pace == 1.0:
            best, kept = low, (share, divergence)
        pace = 1.5 * pace if gains else 1.0
        share = np.maximum(kept[0] * np.exp(pace * (kept[1] - kept[1].max())), LEAST)
        share = share / share.sum()
