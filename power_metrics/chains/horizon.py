"""What policies earn in a given number of steps, and what can be earned: the model's own task without a discount.

Backward induction (Puterman 1994, section 4.5) over episodes that end in a terminal state or after ``steps`` steps. The
policies know how many steps are left, as they have to: the best last step is not the best first one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from power_metrics.arguments.checks import check_count, check_policy, resolve_model
from power_metrics.results.base import Result
from power_metrics.results.dims import Dims
from power_metrics.results.shown import Shown
from power_metrics.solvers.differences import Actions
from power_metrics.solvers.optimal import TIE_TOLERANCE
from power_metrics.solvers.steps import optimal_steps
from powerenvs.model.mdp import TabularMDP

if TYPE_CHECKING:
    import pandas

Floats = NDArray[np.float64]

OBJECTIVES = ("reward", "performance")


class _Sums(NamedTuple):
    expected_return: float
    performance: float


class Score(Shown, _Sums):
    """The expected sums over an episode of the observed rewards and of the hidden performance.

    Example:
        >>> import power_metrics as pm
        >>> score = pm.Score(expected_return=1.0, performance=-1.0)
        >>> score.expected_return - score.performance
        2.0
        >>> print(score)
        Score(expected_return=1.0, performance=-1.0)
    """

    __slots__ = ()

    def to_frame(self) -> pandas.DataFrame:
        """One row."""
        import pandas

        return pandas.DataFrame([self._asdict()])

    def __str__(self) -> str:
        return repr(self)


@dataclass(frozen=True)
class HorizonOptimum(Result):
    """The policies that are optimal over a number of steps.

    There may be many. ``score`` is that of the one that splits its choice evenly over the optimal actions of each state
    and step; the ranges are over all of them.

    Attributes:
        model: with S states and A actions.
        steps: T.
        objective: what is maximised, "reward" or "performance".
        actions: (T, S, A) bool, the optimal actions of each step.
        action_values: (S, A) the objective's optimal expected sum after each first action; -inf where unavailable.
        score: of the policy that splits evenly.
        return_range: the lowest and the highest expected return of the optimal policies.
        performance_range: the same for performance.
        versions: the releases that it was made with, by package.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs import TabularMDP
        >>> moves = [("a", "stay", "a", 1.0), ("a", "go", "b", 1.0), ("b", "stay", "b", 1.0)]
        >>> mdp = TabularMDP.from_transitions(moves, initial="a", reward=[0.0, 1.0, 0.0])
        >>> pm.horizon_optimum(mdp, steps=3).policy()[-1]
        array([[0., 1.],
               [1., 0.]])
    """

    model: TabularMDP
    steps: int
    objective: str
    actions: Annotated[NDArray[np.bool_], Dims("step", "state", "action", dtype=np.bool_)]
    action_values: Annotated[Floats, Dims("state", "action", finite=False)]
    score: Score
    return_range: tuple[float, float]
    performance_range: tuple[float, float]

    @property
    def mdp(self) -> TabularMDP:
        """The model."""
        return self.model

    def coordinates(self, dim: str) -> Sequence[Any] | None:
        """See `power_metrics.Result.coordinates`."""
        return range(self.steps) if dim == "step" else super().coordinates(dim)

    def tables(self) -> dict[tuple[str, ...], dict[str, NDArray[Any]]]:
        """{dimensions: {column: array}}: values of first actions, and which of them are optimal; then of all steps."""
        first = {"action_values": self.action_values, "optimal": self.actions[0]}
        return {("state", "action"): first, ("step", "state", "action"): {"actions": self.actions}}

    def summary(self) -> dict[str, Any]:
        """Return and performance of the policy that splits evenly, and their ranges over all optimal policies."""
        found: dict[str, Any] = self.score._asdict()
        for name, (low, high) in (("return", self.return_range), ("performance", self.performance_range)):
            found |= {f"lowest_{name}": low, f"highest_{name}": high}
        return {**found, "steps": self.steps}

    def policy(self) -> Floats:
        """(T, S, A) the policy that splits evenly."""
        return self.actions / self.actions.sum(axis=2, keepdims=True)


def horizon_optimum(env_or_mdp: Any, steps: int | None = None, objective: str = "reward") -> HorizonOptimum:
    """The policies that maximise E[Σ_{t<T} r_t] from the start, exactly; r is the reward or the hidden performance.

    The optimal policies are all that choose optimal actions in every state they reach, so the other one of return and
    performance, in which they may differ, has its extremes by backward induction over optimal actions alone.

    Args:
        env_or_mdp: an environment or a `powerenvs.TabularMDP` with S states and A actions.
        steps: T; the time limit of the environment when None.
        objective: "reward" or "performance".

    Raises:
        ValueError: for an argument that does not fit, and if ``steps`` is None and there is no time limit.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs import TabularMDP
        >>> moves = [("a", "stay", "a", 1.0), ("a", "go", "b", 1.0), ("b", "stay", "b", 1.0)]
        >>> mdp = TabularMDP.from_transitions(moves, initial="a", reward=[0.0, 1.0, 0.0])
        >>> best = pm.horizon_optimum(mdp, steps=3)
        >>> best.score.expected_return
        1.0
        >>> best.actions[:, mdp.index("a")]  # stay or go at each step: at the last one it has to be "go"
        array([[ True,  True],
               [ True,  True],
               [False,  True]])
    """
    if not isinstance(objective, str) or objective not in OBJECTIVES:
        raise ValueError(f"objective: expected 'reward' or 'performance', found {objective!r}")
    steps = check_horizon(env_or_mdp, steps)
    mdp = resolve_model(env_or_mdp)
    matrix, available = mdp.transition_matrix(), mdp.available
    aim = mdp.action_rewards(performance=objective == "performance")
    other = mdp.action_rewards(performance=objective == "reward")
    entry_reward = mdp.performance if objective == "performance" else mdp.reward
    actions = np.zeros((steps, *available.shape), dtype=np.bool_)
    optimal_steps(Actions.of(mdp, 1.0, entry_reward), TIE_TOLERANCE, actions)
    gain = np.stack([aim, other, other, other], axis=-1)
    values = np.zeros((mdp.num_states, 4))  # of the objective; of the other one evenly split, at least, at most
    for t in reversed(range(steps)):
        after = gain + (matrix @ values).reshape(gain.shape)
        aimed = np.where(available, after[..., 0], -np.inf)
        chosen = actions[t]
        values[:, 0] = aimed.max(axis=1)
        values[:, 1] = (after[..., 1] * chosen).sum(axis=1) / chosen.sum(axis=1)
        values[:, 2] = np.where(chosen, after[..., 2], np.inf).min(axis=1)
        values[:, 3] = np.where(chosen, after[..., 3], -np.inf).max(axis=1)
    actions.flags.writeable = aimed.flags.writeable = False
    most, even, low, high = (mdp.initial @ values).tolist()
    if objective == "reward":
        return HorizonOptimum(mdp, steps, objective, actions, aimed, Score(most, even), (most, most), (low, high))
    return HorizonOptimum(mdp, steps, objective, actions, aimed, Score(even, most), (low, high), (most, most))


def horizon_score(env_or_mdp: Any, policy: Any = None, steps: int | None = None) -> Score:
    """The expected return and performance of a policy over T steps, exactly.

    Args:
        env_or_mdp: an environment or a `powerenvs.TabularMDP` with S states and A actions.
        policy: (S, A) action probabilities, or (T, S, A), one table for each step; uniformly random when None.
        steps: T; the time limit of the environment when None.

    Raises:
        ValueError: for an argument that does not fit, and if ``steps`` is None and there is no time limit.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs import TabularMDP
        >>> moves = [("a", "stay", "a", 1.0), ("a", "go", "b", 1.0), ("b", "stay", "b", 1.0)]
        >>> mdp = TabularMDP.from_transitions(moves, initial="a", reward=[0.0, 1.0, 0.0])
        >>> policy = [[0.5, 0.5], [1.0, 0.0]]  # in "a", stay or go with equal probability
        >>> pm.horizon_score(mdp, policy, steps=3)
        Score(expected_return=0.875, performance=0.875)
    """
    steps = check_horizon(env_or_mdp, steps)
    mdp = resolve_model(env_or_mdp)
    given = mdp.available / mdp.available.sum(axis=1, keepdims=True) if policy is None else policy
    policies = check_policy(given, mdp)
    if policies.ndim == 3 and len(policies) != steps:
        raise ValueError(f"policy: expected one table for each of {steps} steps, found {len(policies)}")
    matrix = mdp.transition_matrix()
    gain = np.stack([mdp.action_rewards(), mdp.action_rewards(performance=True)], axis=-1)
    values = np.zeros((mdp.num_states, 2))
    for t in reversed(range(steps)):
        table = policies if policies.ndim == 2 else policies[t]
        values = np.einsum("sa,sak->sk", table, gain + (matrix @ values).reshape(gain.shape))
    return Score(*(mdp.initial @ values).tolist())


def check_horizon(env_or_mdp: Any, steps: int | None) -> int:
    """A number of steps: as given, or the time limit of an environment.

    Raises:
        ValueError: if it is no whole number of at least 1, or there is no time limit.
    """
    if steps is None:
        steps = getattr(getattr(env_or_mdp, "spec", None), "max_episode_steps", None)
        if steps is None:
            raise ValueError("steps: expected a number of steps, because there is no time limit to take it from")
    return check_count("steps", steps)
