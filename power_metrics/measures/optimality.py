"""How likely each action is to be optimal, over reward functions: what theorems about power-seeking speak of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.arguments.checks import check_count, check_gamma, check_rewards, check_seed, resolve_model
from power_metrics.measures.policy_power import reward_functions
from power_metrics.rewards.distributions import DEFAULT, PerState, RewardDistribution
from power_metrics.rewards.sampler import block_rows
from power_metrics.solvers.dispatch import in_order, num_threads
from power_metrics.solvers.optimal import optimal_policies
from powerenvs.model.labels import closest, label_text
from powerenvs.model.mdp import TabularMDP

if TYPE_CHECKING:
    import pandas

Floats = NDArray[np.float64]

TIES = ("count", "split")


@dataclass(frozen=True, eq=False, repr=False)
class OptimalityEstimate:
    """The probability that an action is optimal, of the A actions in each of S states.

    Attributes:
        model: the tables.
        gamma: the discount.
        mean: (S, A) float64; 0 for unavailable actions.
        standard_error: (S, A), of ``mean``; nan for a single reward function.
        ties: "count": an action is optimal if none is better, so rows may sum to more than 1; "split": actions that
            are optimal together share the reward function evenly, so rows sum to 1.
        num_samples: the number of reward functions.
        reward: their distribution, in words.
    """

    model: TabularMDP
    gamma: float
    mean: Floats
    standard_error: Floats
    ties: str
    num_samples: int
    reward: str

    def to_frame(self) -> pandas.DataFrame:
        """One row for each available action: state, action, probability, standard error."""
        import pandas

        mdp = self.model
        pairs = np.argwhere(mdp.available)
        return pandas.DataFrame(
            {
                "state": [label_text(mdp.state_labels[s]) for s, _ in pairs],
                "action": [label_text(mdp.action_labels[a]) for _, a in pairs],
                "probability": self.mean[mdp.available],
                "standard_error": self.standard_error[mdp.available],
            }
        )

    def __repr__(self) -> str:
        return (
            f"OptimalityEstimate({self.model.num_states} states, {self.model.num_actions} actions, gamma={self.gamma}, "
            f"{self.num_samples:,} reward functions, {self.reward}, ties={self.ties!r})"
        )


def optimality_probability(
    env_or_mdp: Any,
    gamma: float = 0.9,
    reward: RewardDistribution | PerState = DEFAULT,
    num_samples: int = 10_000,
    seed: int | None = 0,
    *,
    rewards: Any = None,
    ties: str = "count",
    threads: int | None = None,
) -> OptimalityEstimate:
    """The share of reward functions for which each action is optimal (Turner et al., arXiv 1912.01683, definition 4.3).

    Args:
        env_or_mdp: an environment or a `powerenvs.TabularMDP`, with S states and A actions.
        gamma: discount in [0, 1).
        reward: the distribution of reward functions.
        num_samples: how many to draw.
        seed: of the draws, which are those of `power` with the same seed.
        rewards: (B, S): exactly these reward functions instead.
        ties: "count" or "split"; see `OptimalityEstimate`. Two actions with the same outcome are always tied.
        threads: how many; None for one on each core.

    Raises:
        ValueError: for an argument that does not fit.
    """
    mdp = resolve_model(env_or_mdp)
    gamma = check_gamma(gamma)
    if not isinstance(ties, str) or ties not in TIES:
        raise ValueError(f"ties: expected 'count' or 'split', found {ties!r}; {closest(ties, TIES)}")
    first_seed = check_seed(seed)
    threads = num_threads(None if threads is None else check_count("threads", threads))
    drawn = (
        reward_functions(mdp, reward, num_samples, first_seed)
        if rewards is None
        else check_rewards(rewards, mdp.num_states)
    )
    count, rows = len(drawn), block_rows(mdp.num_states)

    def block(number: int) -> tuple[Floats, Floats]:
        share = optimal_policies(mdp, drawn[number * rows : (number + 1) * rows], gamma, threads=1).numpy()
        if ties == "count":
            share = (share > 0).astype(np.float64)
        return share.sum(axis=0), np.square(share).sum(axis=0)

    total, squares = np.zeros(mdp.available.shape), np.zeros(mdp.available.shape)
    for sums, sums_of_squares in in_order(block, -(-count // rows), threads):
        total += sums
        squares += sums_of_squares
    mean = total / count
    variance = (
        np.maximum(squares / count - mean * mean, 0.0) / (count - 1) if count > 1 else np.full(mean.shape, np.nan)
    )
    return OptimalityEstimate(
        mdp, gamma, mean, np.sqrt(variance), ties, count, repr(reward) if rewards is None else "given"
    )
