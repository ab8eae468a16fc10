"""`reward_distance`: how far apart two reward functions are, apart from what no optimal policy depends on."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import scipy.sparse
import scipy.sparse.linalg
from numpy.typing import NDArray

from power_metrics.arguments.checks import check_choice, check_gamma, resolve_model
from power_metrics.measures.registry import measure
from power_metrics.results.base import Result
from power_metrics.results.dims import Dims
from power_metrics.rewards.transitions import EXTENSIONS, TransitionReward
from powerenvs.model import rows
from powerenvs.model.mdp import TabularMDP

Floats = NDArray[np.float64]

METHODS = ("epic", "feasible", "expected")
CONSTANT = 1e-9
"""A canonical reward of a norm of at most this share of the largest reward is rounding."""
CONSTANT_REWARD = (
    "{}: expected a reward that tells something apart, found one that is constant apart from potential shaping, to "
    "which no distance is defined"
)
ROUNDS = 4
"""Solutions of the normal equations, each for what the last has left."""
BLOCK = 4_000_000
"""Transitions that are held at a time."""


@dataclass(frozen=True)
class RewardDistance(Result):
    """The distance of two reward functions.

    Attributes:
        model: the tables.
        gamma: the discount that shaping is by.
        method: "epic", "feasible" or "expected".
        extension: what impossible transitions pay where a reward does not say.
        distance: 0 for rewards that differ by shift, positive scale and shaping alone; 1 for opposite ones.
        correlation: Pearson's, of the canonical rewards: 1 - 2 distance².
        difference: (S, A) where the two differ: ``reward`` less ``other``.
        reward: (S, A) the first canonical reward, of norm 1, on average over what follows an action.
        other: (S, A) the same of the second.
        versions: the releases that it was made with, by package.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.safety import BoatRace
        >>> found = pm.reward_distance(BoatRace(), gamma=0.9)
        >>> 0 < found.distance < 1
        True
    """

    model: TabularMDP
    gamma: float
    method: str
    extension: str
    distance: Annotated[float, Dims(least=0)]
    correlation: Annotated[float, Dims()]
    difference: Annotated[Floats, Dims("state", "action")]
    reward: Annotated[Floats, Dims("state", "action")]
    other: Annotated[Floats, Dims("state", "action")]


@measure()
def reward_distance(
    env_or_mdp: Any,
    reward: str | Any = "reward",
    other: str | Any = "performance",
    gamma: float = 0.99,
    method: str = "epic",
    extension: str = "expected",
) -> Generator[None, None, RewardDistance]:
    """The distance of two reward functions modulo shift, positive scale and potential shaping, exactly.

    Both are brought into a canonical form C, which removes what shaping γφ(s') - φ(s) and shifts add; the distance is
    that of the two, each divided by its norm, halved: sqrt((1 - ρ) / 2) with ρ their correlation.

    - "epic": C(s, a, s') = R(s, a, s') + E[γR(s', A, S') - R(s, A, S') - γR(S, A, S')] with S, A, S' independent and
      uniform, and the norm over all (s, a, s'), uniformly (Gleave et al., arXiv 2006.13900, definitions 4.1 and 4.6).
      Impossible transitions count as much as others. What they pay is up to the reward function; one that is given on
      the possible transitions alone is extended. Then the distance is no longer 0 under shaping, since what shaping
      would pay for impossible transitions is not what the extension says.
    - "feasible": C is what is left of R after least squares over all potentials φ and a shift, on possible transitions
      only: available actions uniformly, what follows by its probability. Nothing is extended.
    - "expected": the same, of what actions pay on average: two rewards that pay the same for each action on average,
      however it depends on what follows, have distance 0, as they have the same returns. Between deterministic
      transitions it equals "feasible".

    The transitions of terminal states count as they are given. So a shift everywhere changes nothing, and a shift that
    leaves the end at 0, which makes episodes longer or shorter, does.

    Args:
        env_or_mdp: an environment or a `powerenvs.TabularMDP` with S states, A actions and n possible transitions.
        reward: one reward function: "reward" or "performance" for a channel of the model; or an array (S,), paid in the
            state that one is in, (S, A), (S, A, S), or (n,), in the order of the table's transitions.
        other: the other; hidden performance by default, so that the distance is that of what is observed to what is
            wanted.
        gamma: discount in [0, 1).
        method: "epic", "feasible" or "expected".
        extension: what impossible transitions pay, of rewards (n,) and of the model's own: "expected", what their
            action pays on average, or "zero".

    Raises:
        ValueError: for an argument that does not fit, and for a reward that is constant apart from shaping, to which
            no distance is defined.

    Example:
        >>> import numpy as np
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.power import PowerGrid
        >>> model, rng = PowerGrid(level="open_3x3").tables(), np.random.default_rng(0)
        >>> R, potential = rng.normal(size=(9, 5, 9)), rng.normal(size=9)
        >>> shaped = 3 * R + 0.9 * potential - potential[:, None, None] + 7
        >>> [round(pm.reward_distance(model, R, one, gamma=0.9).distance, 9) for one in (shaped, -shaped)]
        [0.0, 1.0]
    """
    mdp, gamma = resolve_model(env_or_mdp), check_gamma(gamma)
    method, extension = check_choice("method", method, METHODS), check_choice("extension", extension, EXTENSIONS)
    pair = TransitionReward(mdp, reward, "reward"), TransitionReward(mdp, other, "other")
    for one in pair:
        if one.constant:
            raise ValueError(CONSTANT_REWARD.format(one.name))
    yield
    if method == "epic":
        forms = [Epic(one, gamma, extension) for one in pair]
        squares = sum(
            float(np.square(a / forms[0].norm - b / forms[1].norm).sum())
            for a, b in zip(forms[0].blocks(), forms[1].blocks(), strict=True)
        )
        distance = math.sqrt(squares / mdp.num_actions) / mdp.num_states / 2
        tables = [one.of_actions() for one in forms]
    else:
        found = [_residual(one, gamma, expected=method == "expected") for one in pair]
        weights = _weights(mdp, expected=method == "expected")
        units = [residual / norm for residual, norm in found]
        distance = math.sqrt(float(weights @ np.square(units[0] - units[1]))) / 2
        tables = [_table(mdp, one, expected=method == "expected") for one in units]
    distance = min(distance, 1.0)
    a, b = tables
    return RewardDistance(mdp, gamma, method, extension, distance, 1 - 2 * distance**2, a - b, a, b)


class Epic:
    """The canonically shaped form of a reward function over all (s, a, s')."""

    def __init__(self, reward: TransitionReward, gamma: float, extension: str):
        self._reward, self._gamma, self._extension = reward, gamma, extension
        self._mean = np.concatenate([part.mean(axis=(1, 2)) for part in self._parts()])  # (S,) E[R(s, A, S')]
        S, A = reward.mdp.available.shape
        self.norm = math.sqrt(sum(float(np.square(part).sum()) for part in self.blocks()) / A) / S
        largest = max(float(np.abs(part).max()) for part in self._parts())
        _check_norm(reward, self.norm, largest)

    def _parts(self) -> Iterator[Floats]:
        """R of some states at a time."""
        S, A = self._reward.mdp.available.shape
        step = max(1, BLOCK // (S * A))
        for first in range(0, S, step):
            yield self._reward.dense(first, min(S, first + step), self._extension)

    def blocks(self) -> Iterator[Floats]:
        """(·, A, S) the form, of some states at a time; its mean over all is 0."""
        first, total = 0, self._gamma * self._mean.mean()
        for part in self._parts():
            here = self._mean[first : first + len(part), None, None]
            yield part + self._gamma * self._mean - here - total
            first += len(part)

    def of_actions(self) -> Floats:
        """(S, A) of each action on average over what follows it, divided by the norm; 0 where it is unavailable."""
        mdp = self._reward.mdp
        after = (mdp.transition_matrix() @ self._mean).reshape(mdp.available.shape)
        own = self._reward.of_actions() + self._gamma * (after - self._mean.mean()) - self._mean[:, None]
        return np.where(mdp.available, own, 0.0) / self.norm


def _weights(mdp: TabularMDP, *, expected: bool) -> Floats:
    """How much each available action, or each possible transition, counts: (SA,) or (n,), summing to 1."""
    share = mdp.available.reshape(-1) / mdp.available.sum()
    return share if expected else share[rows.entry_rows(mdp.indptr)] * mdp.probability


def _residual(reward: TransitionReward, gamma: float, *, expected: bool) -> tuple[Floats, float]:
    """What is left of a reward after weighted least squares over potentials and a shift, and its norm.

    Below γ = 1 a shift is the shaping by a constant potential. The normal equations are solved with their own residual
    put in again, which makes up for the square of the condition number, (2 / (1 - γ))².
    """
    mdp = reward.mdp
    S, A = mdp.available.shape
    weights = _weights(mdp, expected=expected)
    row, paid = rows.entry_rows(mdp.indptr), reward.of_transitions()
    count = S * A if expected else len(row)
    after = (
        mdp.transition_matrix()
        if expected
        else scipy.sparse.csr_array((np.ones(count), (np.arange(count), mdp.successor)), shape=(count, S))
    )
    state = np.arange(count) // A if expected else row // A
    before = scipy.sparse.csr_array((np.ones(count), (np.arange(count), state)), shape=(count, S))
    shaping = (gamma * after - before).tocsr()
    left = reward.of_actions().reshape(-1) if expected else paid.copy()
    largest = float(np.abs(left).max())
    weighted = (shaping.T * weights).tocsr()
    solver = scipy.sparse.linalg.splu((weighted @ shaping).tocsc())
    for _ in range(ROUNDS):
        left -= shaping @ solver.solve(weighted @ left)
    norm = math.sqrt(float(weights @ np.square(left)))
    _check_norm(reward, norm, largest)
    return left, norm


def _check_norm(reward: TransitionReward, norm: float, largest: float) -> None:
    if norm <= CONSTANT * largest or largest == 0.0:
        raise ValueError(CONSTANT_REWARD.format(reward.name))


def _table(mdp: TabularMDP, values: Floats, *, expected: bool) -> Floats:
    """(S, A) the mean over what follows an action; 0 where it is unavailable."""
    means = values if expected else rows.row_sums(mdp.indptr, mdp.probability * values)
    return np.where(mdp.available, means.reshape(mdp.available.shape), 0.0)
