"""`policy_agency`: is what a policy does better described as an agent's doing or as a device's?"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.agents_and_devices.expected import expected_evidence, members_that_stay, visits_in
from power_metrics.agents_and_devices.members import DEVICES
from power_metrics.agents_and_devices.policies import policy_of
from power_metrics.agents_and_devices.predictors import log_of
from power_metrics.agents_and_devices.tracker import AgencyTracker
from power_metrics.arguments.checks import check_count, check_gamma, check_seed, resolve_model
from power_metrics.measures.registry import measure
from power_metrics.results.base import Result
from power_metrics.results.dims import Dims
from powerenvs.model.mdp import TabularMDP

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PolicyAgency(Result):
    """What the walks of a policy are expected to say of it; bits are log2 evidence per action.

    Attributes:
        model: the tables, with S states.
        prior: P(agent) beforehand.
        agents: names of the members of one class.
        devices: of the other.
        steps: of each walk, at most.
        method: "enumerated": all walks of the policy were listed, and nothing is an estimate; or "sampled": what has an
            error is one.
        walks: how many different ones were seen.
        probability: the mean of P(agent) after the walk.
        probability_error: its standard error; 0 where it is exact.
        agents_bits: expected evidence of the agents.
        agents_error: its standard error.
        devices_bits: of the devices.
        devices_error: its standard error.
        actions: how many actions the policy is expected to take, exactly.
        own_bits: evidence of the policy itself, exactly; nothing is expected to have more.
        uniform_bits: of uniform behaviour, exactly.
        best_agent: of the agent that the policy is most like, exactly, among those that do the same whatever was seen;
            nan without such agents.
        best_device: likewise.
        goals: (S,) of each state as the goal of an agent with the noise that suits it best, exactly; None without
            agents that keep their goal.
        versions: the releases that it was made with, by package.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.power import PowerGrid
        >>> found = pm.policy_agency(PowerGrid("S..G"))
        >>> found.method, found.own_bits, round(found.best_agent, 3)
        ('enumerated', 0.0, -0.023)
    """

    model: TabularMDP
    prior: float
    agents: tuple[str, ...]
    devices: tuple[str, ...]
    steps: int
    method: str
    walks: int
    probability: Annotated[float, Dims(least=0)]
    probability_error: Annotated[float, Dims(finite=False)]
    agents_bits: Annotated[float, Dims(finite=False)]
    agents_error: Annotated[float, Dims(finite=False)]
    devices_bits: Annotated[float, Dims(finite=False)]
    devices_error: Annotated[float, Dims(finite=False)]
    actions: Annotated[float, Dims(least=0)]
    own_bits: Annotated[float, Dims()]
    uniform_bits: Annotated[float, Dims()]
    best_agent: Annotated[float, Dims(finite=False)]
    best_device: Annotated[float, Dims(finite=False)]
    goals: Annotated[Floats | None, Dims("state", finite=False)]


@measure()
def policy_agency(
    env_or_mdp: Any,
    policy: str | Any = "optimal",
    agents: str | Any = "goals",
    devices: Sequence[str] | Any = DEVICES,
    prior: float = 0.5,
    *,
    steps: int = 60,
    episodes: int = 200,
    gamma: float = 0.9,
    seed: int = 0,
) -> Generator[None, None, PolicyAgency]:
    """What `agency` is expected to say of a policy's walks: P(agent), and the evidence of both classes per action.

    What does the same whatever was seen (a policy, uniform behaviour, an agent with one goal and one noise) has an
    expected evidence that the policy's occupancy over the steps gives exactly, and so has the policy itself. Mixtures
    over unknown goals, and devices that learn, are no such things: theirs is a mean over walks. All walks are listed
    where there are at most ``episodes`` of them, as of a policy without ties in a deterministic world, and then these
    numbers are exact as well; otherwise so many are drawn, and there are standard errors.

    Args:
        env_or_mdp: an environment or a `powerenvs.TabularMDP` with S states.
        policy: "optimal" for the task, ties split evenly, or "random"; a saved model of Stable-Baselines3 (.zip); a
            folder of `power_metrics.train`, whose last policy counts; or an agent that `power_metrics.policy_table`
            reads without further arguments, or the table (S, A) that it makes.
        agents: as for `agency`.
        devices: as for `agency`.
        prior: P(agent) before anything is seen.
        steps: the most of a walk; it ends earlier in a terminal state.
        episodes: how many walks are drawn.
        gamma: the discount of "optimal", in [0, 1).
        seed: of the walks.

    Raises:
        ValueError: for an argument that does not fit, and a policy with walks that no member of either class allows.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.power import PowerGrid
        >>> found = pm.policy_agency(PowerGrid("S..G"), "random", steps=20, episodes=50)
        >>> found.method, round(found.own_bits, 3), round(found.uniform_bits, 3)
        ('sampled', -2.322, -2.322)
    """
    mdp, steps, count = resolve_model(env_or_mdp), check_count("steps", steps), check_count("episodes", episodes)
    gamma, first = check_gamma(gamma), check_seed(seed)
    tracker = AgencyTracker(mdp, agents, devices, prior)
    make = policy_of(env_or_mdp, policy, gamma)
    yield
    table = make()
    visits = visits_in(mdp, table, steps)
    total = float(visits.sum())
    each = total or 1.0  # where episodes end before anything is done, evidence is 0
    kept = [members_that_stay(mdp, one, table, visits) for one in (tracker.agents, tracker.devices)]
    own = float((visits[:, None] * table * np.where(table > 0, log_of(table), 0.0)).sum()) / np.log(2)
    uniform = -float(visits @ np.log2(mdp.available.sum(axis=1)))
    seen = expected_evidence(tracker, table, steps, count, first)
    by_agents, by_devices = seen.agents, seen.devices
    goals = kept[0].goals
    return PolicyAgency(
        mdp, tracker.prior, tracker.agents.names, tracker.devices.names, steps,
        "enumerated" if seen.exact else "sampled", seen.num_walks, *seen.probability,
        by_agents.mean / each, by_agents.error / each, by_devices.mean / each, by_devices.error / each,
        total, float(own) / each, uniform / each, kept[0].best / each, kept[1].best / each,
        None if goals is None else goals / each,
    )  # fmt: skip
