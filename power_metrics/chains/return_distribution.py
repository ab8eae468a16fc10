"""The distribution of a policy's return, on evenly spaced points: what a categorical learner should find.

The distributional Bellman operator followed by the projection of Bellemare, Dabney & Munos (2017, arXiv 1707.06887,
eq. 7) is linear in the probabilities and contracts, so that iterating it finds its fixed point to the last digits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import scipy.sparse
import scipy.sparse.linalg
from numpy.typing import ArrayLike, NDArray

from power_metrics.arguments.checks import check_count, check_gamma, check_policy, resolve_model
from power_metrics.chains.spans import return_span
from power_metrics.results.base import Result
from power_metrics.results.dims import Dims
from powerenvs.model.mdp import TabularMDP

Floats = NDArray[np.float64]
MAX_UNKNOWNS = 1_000_000


@dataclass(frozen=True, eq=False, repr=False)
class ReturnDistribution(Result):
    """The distribution of the discounted return from each state; `power_metrics.return_distribution` makes it.

    Attributes:
        model: the model, with S states.
        gamma: the discount.
        probabilities: (S, K) of each point.
        atoms: (K,) the points.
        means: (S,) expected returns: the policy's values, as projection keeps means.
        bound: how far the distribution functions are from the true ones, at most: the root of the integral of their
            squared difference, in any state (Rowland et al. 2018, arXiv 1802.08163, proposition 3).
        versions: the releases that it was made with, by package.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs import TabularMDP
        >>> coin = TabularMDP.from_transitions([("start", 0, "won", 0.5), ("start", 0, "lost", 0.5)],
        ...                                    terminal=["won", "lost"], reward={("start", 0, "won"): 1.0})
        >>> found = pm.return_distribution(coin, [[1.0]] * 3, gamma=0.9, num_atoms=3, support=(0, 1))
        >>> found.probabilities[0].tolist()
        [0.5, 0.0, 0.5]
    """

    model: TabularMDP
    gamma: float
    probabilities: Annotated[Floats, Dims("state", "atom", column="probability", least=0)]
    atoms: Annotated[Floats, Dims("atom", column="return")]
    means: Annotated[Floats, Dims("state", column="mean")]
    bound: Annotated[float, Dims(least=0)]


def return_distribution(
    env: Any, policy: ArrayLike, gamma: float = 0.9, *, num_atoms: int = 51, support: tuple[float, float] | None = None
) -> ReturnDistribution:
    """The distribution of the return that a policy has from each state, on evenly spaced points.

    It is the fixed point of the projected distributional Bellman operator: what C51, and Rainbow, tend to if they learn
    about this policy. Means are exact. Where all returns that may follow from a state fall on points, so are
    probabilities; elsewhere they are spread over points nearby.

    Args:
        env: an environment with exact tables, or a `TabularMDP` with S states and A actions.
        policy: (S, A) action probabilities.
        gamma: discount in [0, 1).
        num_atoms: K, how many points.
        support: the first and the last point; the range of the world's returns when None.

    Raises:
        ValueError: for an argument that does not fit, a support that leaves out returns, in which means would be wrong,
            and more than a million unknowns.

    Example:
        >>> import gymnasium as gym, numpy as np, powerenvs
        >>> import power_metrics as pm
        >>> env = gym.make("PowerGrid-v0", level="S..G", noise=0.3)
        >>> best = pm.solve_task(env, 0.9)
        >>> found = pm.return_distribution(env, np.eye(5)[best.policy[0]], gamma=0.9)
        >>> bool(abs(found.means - best.values[0]).max() < 1e-9)
        True
    """
    mdp, gamma = resolve_model(env), check_gamma(gamma)
    table = check_policy(policy, mdp)
    if table.ndim != 2:
        raise ValueError(f"policy: expected one policy {mdp.available.shape}, found {table.shape}")
    K = check_count("num_atoms", num_atoms, 2)
    least, most = return_span(mdp, gamma)
    low, high = (least, most) if support is None else (float(support[0]), float(support[1]))
    slack = 1e-9 * max(abs(least), abs(most), 1.0)
    if not (np.isfinite([low, high]).all() and low < high and low <= least + slack and most <= high + slack):
        raise ValueError(
            f"support: expected a range that holds all returns, from {least:g} to {most:g}, found {support!r}"
        )
    S, A = mdp.available.shape
    if S * K > MAX_UNKNOWNS:
        raise ValueError(
            f"num_atoms: expected at most {MAX_UNKNOWNS // S} with {S} states, for a million unknowns, found {K}"
        )
    atoms = np.linspace(low, high, K)
    owner = np.repeat(np.arange(S * A), np.diff(mdp.indptr))
    weight = table.ravel()[owner] * mdp.probability
    kept = np.flatnonzero((weight > 0.0) & ~mdp.terminal[owner // A])
    state, successor = owner[kept] // A, mdp.successor[kept].astype(np.int64)
    # An end has return 0 for sure, whichever atoms of the end the equations would take.
    following = np.where(mdp.terminal[successor][:, None], 0.0, gamma * atoms[None, :])
    place = np.clip((mdp.reward[kept][:, None] + following - low) / (high - low) * (K - 1), 0.0, K - 1.0)
    lower = np.minimum(np.floor(place).astype(np.int64), K - 2)
    share = place - lower
    columns = np.broadcast_to(successor[:, None] * K + np.arange(K), place.shape)
    entries = [(lower, 1.0 - share), (lower + 1, share)]
    matrix = sum(
        scipy.sparse.coo_matrix(
            ((weight[kept][:, None] * part).ravel(), ((state[:, None] * K + row).ravel(), columns.ravel())),
            shape=(S * K, S * K),
        ).tocsr()
        for row, part in entries
    )
    ends = np.zeros((S, K))
    zero = np.clip((0.0 - low) / (high - low) * (K - 1), 0.0, K - 1.0)
    first = min(int(zero), K - 2)
    ends[mdp.terminal, first], ends[mdp.terminal, first + 1] = 1.0 - (zero - first), zero - first
    found = _fixed_point(matrix, ends, gamma)
    found /= found.sum(axis=1, keepdims=True)
    bound = float(np.sqrt((atoms[1] - atoms[0]) / (1.0 - gamma)))
    return ReturnDistribution(mdp, gamma, found, atoms, found @ atoms, bound)


def _fixed_point(matrix: Any, ends: Floats, gamma: float) -> Floats:
    """(S, K) p = M p + ends, with rows of states that sum to 1.

    As a system of equations it is singular where nothing ends, since M keeps the mass of rows. Among distributions the
    operator contracts, by the root of gamma (Rowland et al. 2018), so it is iterated.
    """
    S, K = ends.shape
    found = np.full((S, K), 1.0 / K)
    found[ends.sum(axis=1) > 0.0] = ends[ends.sum(axis=1) > 0.0]
    flat, fixed = found.ravel(), ends.ravel()
    for _ in range(int(np.ceil(4.0 * np.log(1e-17) / np.log(max(gamma, 1e-4)))) + 8):
        new = matrix @ flat + fixed
        if np.abs(new - flat).max() < 1e-16:
            break
        flat = new
    return flat.reshape(S, K)
