"""`reward_regret`: what the policies that are optimal for one reward function lose of another."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.agents.table import uniform_policy
from power_metrics.arguments.checks import check_gamma, check_tolerance, resolve_model
from power_metrics.chains.evaluation import policy_values
from power_metrics.measures.registry import measure
from power_metrics.results.base import Result
from power_metrics.results.dims import Dims
from power_metrics.rewards.transitions import TransitionReward
from power_metrics.solvers.optimal import TIE_TOLERANCE, optimal_policies, solve_task
from powerenvs.model.mdp import TabularMDP
from powerenvs.model.transforms import restricted

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RewardRegret(Result):
    """What is lost of the true reward by policies that are optimal for a learned one.

    Attributes:
        model: the tables.
        gamma: discount.
        num_choices: states in which several actions are optimal for the learned reward.
        worst: the largest loss from the start, over all policies that are optimal for the learned reward.
        even: the loss of the policy that takes each optimal action with the same probability.
        best: the smallest loss.
        optimum: the highest true return from the start.
        random: the true return of the policy that takes each available action with the same probability.
        worst_loss: (S,) the largest loss from each state.
        even_loss: (S,) that of the even split.
        best_loss: (S,) the smallest.
        versions: the releases that it was made with, by package.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.safety import BoatRace
        >>> found = pm.reward_regret(BoatRace(), gamma=0.9)
        >>> found.best <= found.even <= found.worst
        True
    """

    model: TabularMDP
    gamma: float
    num_choices: int
    worst: Annotated[float, Dims()]
    even: Annotated[float, Dims()]
    best: Annotated[float, Dims()]
    optimum: Annotated[float, Dims()]
    random: Annotated[float, Dims()]
    worst_loss: Annotated[Floats, Dims("state")]
    even_loss: Annotated[Floats, Dims("state")]
    best_loss: Annotated[Floats, Dims("state")]

    @property
    def share(self) -> float:
        """The worst loss as a share of what the optimum has over chance; nan where it has nothing over it."""
        gain = self.optimum - self.random
        return self.worst / gain if gain > 1e-12 * max(abs(self.optimum), abs(self.random)) else np.nan


@measure()
def reward_regret(
    env_or_mdp: Any,
    reward: str | Any = "reward",
    true: str | Any = "performance",
    gamma: float = 0.99,
    tie_tolerance: float = TIE_TOLERANCE,
) -> Generator[None, None, RewardRegret]:
    """What policies that are optimal for one reward function lose of another, worst and best over ties, exactly.

    A policy is optimal for a reward from every state just if it takes optimal actions alone, in any shares. So the
    model is restricted to these actions, and solved for the most and for the least of the true reward. An agent that
    learns from the reward may end with any of them.

    Args:
        env_or_mdp: an environment or a `powerenvs.TabularMDP` with S states, A actions and n possible transitions.
        reward: what policies are optimal for: "reward" or "performance" for a channel of the model; or an array (S,),
            paid in the state that one is in, (S, A), (S, A, S), or (n,). Terminal states pay nothing, whatever it says.
        true: what is lost, in the same ways.
        gamma: discount in [0, 1).
        tie_tolerance: as for `optimal_policies`: rewards that were learned by gradients have no exact ties, and this is
            how near actions have to be to count as equally good.

    Raises:
        ValueError: for an argument that does not fit.

    Example:
        >>> import numpy as np
        >>> import power_metrics as pm
        >>> from powerenvs import TabularMDP
        >>> moves = [("a", "stay", "a", 1.0), ("a", "go", "b", 1.0), ("b", "stay", "b", 1.0)]
        >>> mdp = TabularMDP.from_transitions(moves, initial="a", reward=[0.0, 1.0, 0.0])
        >>> found = pm.reward_regret(mdp, np.zeros(2), gamma=0.5)  # a reward that does not care
        >>> found.best, found.worst
        (0.0, 1.0)
    """
    mdp, gamma = resolve_model(env_or_mdp), check_gamma(gamma)
    tolerance = check_tolerance("tie_tolerance", tie_tolerance)
    learned = TransitionReward(mdp, reward, "reward").task()
    wanted = TransitionReward(mdp, true, "true").task()
    yield
    policy = optimal_policies(learned, None, gamma, tie_tolerance=tolerance).numpy()[0]
    chosen = policy > 0
    among = restricted(wanted, chosen)
    highest = solve_task(wanted, gamma).values[0]
    values = {
        "best": solve_task(among, gamma).values[0],
        "even": policy_values(wanted, policy, None, gamma).numpy()[0],
        "worst": -solve_task(among.with_(reward=-among.reward), gamma).values[0],
    }
    # what is negative is rounding: no policy has more than the optimum, nor less than the least
    best, even, worst = (np.maximum(highest - values[name], 0.0) for name in ("best", "even", "worst"))
    even = np.maximum(even, best)
    worst = np.maximum(worst, even)
    random = policy_values(wanted, uniform_policy(mdp), None, gamma).numpy()[0]
    totals = (float(mdp.initial @ each) for each in (worst, even, best, highest, random))
    loses, splits, keeps, optimum, chance = totals
    choices = int((chosen.sum(axis=1) > 1).sum())
    return RewardRegret(mdp, gamma, choices, loses, splits, keeps, optimum, chance, worst, even, best)
