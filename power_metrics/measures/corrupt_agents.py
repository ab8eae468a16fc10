"""`corrupt_agents`: what agents that believe the observed reward earn, and what they earn in truth; exactly."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.agents.fixed_points import check_exploration, q_fixed_point
from power_metrics.agents.going import going_policies
from power_metrics.agents.quantilisers import StateQuantiliser
from power_metrics.agents.table import uniform_policy
from power_metrics.arguments.checks import check_gamma, resolve_model
from power_metrics.chains.rates import long_run_rates
from power_metrics.measures.registry import measure
from power_metrics.results.base import Result
from power_metrics.results.dims import Dims
from power_metrics.rewards.channels import state_rewards
from power_metrics.solvers.average.gain import optimal_gain
from powerenvs.model.checks import as_list
from powerenvs.model.mdp import TabularMDP

Floats = NDArray[np.float64]

LEARNERS = {
    "q_learning": ("q_learning", "epsilon_greedy"),
    "softmax": ("q_learning", "softmax"),
    "sarsa": ("sarsa", "epsilon_greedy"),
    "soft_q": ("soft", "softmax"),
}
"""{name: rule and behaviour}; see `q_fixed_point`."""


@dataclass(frozen=True)
class CorruptAgents(Result):
    """Average rewards of a step in the long run, observed and true, of agents that learn from what they observe.

    Attributes:
        model: the tables.
        gamma: the discount of learners.
        epsilon: of ε-greedy behaviour.
        beta: of softmax behaviour.
        deltas: of the quantilisers.
        names: of the agents.
        best: the best true rate that there is.
        observed: (n,) of each agent.
        true: (n,) of each; of quantilisers the mean over the states that they may draw.
        regret: (n,) ``best`` less that.
        deviation: (n,) standard deviation of the true rate over the states that a quantiliser may draw; 0 for others.
        observed_deviation: (n,) the same of the observed rate.
        versions: the releases that it was made with, by package.

    Example:
        >>> import gymnasium as gym, powerenvs
        >>> import power_metrics as pm
        >>> found = pm.corrupt_agents(gym.make("powerenvs/CorruptReward-v0", level="two_goals"), deltas=[0.5])
        >>> dict(zip(found.names, found.true.round(5).tolist()))["quantiliser 0.5"]
        0.6
    """

    model: TabularMDP
    gamma: float
    epsilon: float
    beta: float
    deltas: tuple[float, ...]
    names: tuple[str, ...]
    best: float
    observed: Annotated[Floats, Dims("behaviour")]
    true: Annotated[Floats, Dims("behaviour")]
    regret: Annotated[Floats, Dims("behaviour")]
    deviation: Annotated[Floats, Dims("behaviour", least=0)]
    observed_deviation: Annotated[Floats, Dims("behaviour", least=0)]

    def coordinates(self, dim: str) -> Sequence[Any] | None:
        """See `power_metrics.Result.coordinates`."""
        return self.names if dim == "behaviour" else super().coordinates(dim)


@measure()
def corrupt_agents(
    env_or_mdp: Any,
    gamma: float = 0.9,
    epsilon: float = 0.1,
    beta: float = 2.0,
    deltas: Sequence[float] = (),
) -> Generator[None, None, CorruptAgents]:
    """Observed and true reward a step, in the long run, of agents that have learned from what they observe.

    The rows of table 1 of Everitt et al. (arXiv 1705.08417), exactly: the fixed points of Q-learning with ε-greedy and
    with softmax behaviour, of SARSA and of soft Q-learning (see `q_fixed_point`), beside uniform behaviour, and
    quantilisers (see `StateQuantiliser`), which draw one of the states that pay enough and stay there.

    Args:
        env_or_mdp: an environment or a `powerenvs.TabularMDP`.
        gamma: discount in [0, 1).
        epsilon: of ε-greedy behaviour.
        beta: β of softmax behaviour, P(a) ~ exp(β Q).
        deltas: of quantilisers; see `quantiliser_delta`.

    Raises:
        ValueError: for an argument that does not fit, for quantilisers where states pay no single reward (see
            `state_rewards`), and where none pays enough.

    Example:
        >>> import gymnasium as gym, powerenvs
        >>> import power_metrics as pm
        >>> found = pm.corrupt_agents(gym.make("powerenvs/CorruptReward-v0", level="one_goal"))
        >>> found.to_frame().loc["softmax", ["observed", "true"]].round(4).tolist()
        [0.6706, 0.0429]
    """
    mdp, gamma = resolve_model(env_or_mdp), check_gamma(gamma)
    epsilon, beta = check_exploration(epsilon, beta)
    quantilisers = [StateQuantiliser(delta) for delta in as_list("deltas", deltas, "numbers from 0 to 1")]
    seen = state_rewards(mdp).observed if quantilisers else np.empty(0)
    for one in quantilisers:
        if not one.chosen(seen).size:
            raise ValueError(
                f"deltas: expected numbers that some state pays, at most {seen.max():g}, found {float(one.delta):g}"
            )
    yield
    policies = {"random": uniform_policy(mdp)}
    for name, (rule, behaviour) in LEARNERS.items():
        policies[name] = q_fixed_point(mdp, rule, behaviour, gamma, epsilon, beta).policy
    found = np.array(long_run_rates(mdp, np.stack(list(policies.values()))))
    spread = np.zeros(found.shape)
    for one in quantilisers:
        drawn = np.array(long_run_rates(mdp, going_policies(mdp, one.chosen(seen))))
        found = np.column_stack([found, drawn.mean(axis=1)])
        spread = np.column_stack([spread, drawn.std(axis=1)])
    best = float(mdp.initial @ optimal_gain(mdp, performance=True, threads=1).numpy()[0])
    names = (*policies, *(f"quantiliser {float(one.delta):g}" for one in quantilisers))
    settings = gamma, epsilon, beta, tuple(float(one.delta) for one in quantilisers)
    observed, true = found
    return CorruptAgents(mdp, *settings, names, best, observed, true, best - true, spread[1], spread[0])
