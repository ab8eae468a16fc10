"""`agency_measures`: policies of one world side by side, by every measure of agency there is here."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.agents_and_devices.members import DEVICES
from power_metrics.agents_and_devices.policies import policy_of
from power_metrics.agents_and_devices.tracker import AgencyTracker
from power_metrics.arguments.checks import check_count, check_gamma, check_seed, resolve_model
from power_metrics.chains.occupancy import expected_return, occupancy
from power_metrics.comparison.judged import sampled_power
from power_metrics.comparison.references import power_values
from power_metrics.measures.coherence import coherence
from power_metrics.measures.empowerment import empowerment
from power_metrics.measures.meg import meg
from power_metrics.measures.policy_agency import policy_agency
from power_metrics.measures.registry import find_measure, measure
from power_metrics.results.base import Result
from power_metrics.results.dims import Dims
from power_metrics.solvers.optimal import optimal_policies
from powerenvs.model.mdp import TabularMDP

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class AgencyMeasures(Result):
    """Measures of agency of N policies of one model.

    Attributes:
        model: the tables.
        names: N names.
        gamma: discount of POWER, empowerment along the way and returns.
        prior: P(agent) beforehand.
        agents: names of the members of one class.
        devices: of the other.
        steps: of each walk, and of the decisions of goal-directedness.
        episodes: walks that are drawn where not all are listed.
        num_samples: reward functions of coherence.
        empowerment_steps: how far empowerment looks ahead.
        seed: of walks and reward functions.
        probability: (N,) expected P(agent) after a walk: see `policy_agency`.
        probability_error: (N,) its standard error; 0 where it is exact.
        exact: (N,) whether all walks were listed, so that this and the evidence are exact.
        agents_bits: (N,) expected log2 evidence of the agents per action.
        devices_bits: (N,) of the devices.
        meg: (N,) nats, goal-directedness towards the task, exactly.
        coherence: (N,) how many times more often it is optimal for something than policies are on average.
        coherence_error: (N,) its standard error.
        empowerment: (N,) bits, of where the policy spends its discounted time.
        power: (N,) POWER of there.
        return_exact: (N,) expected discounted return.
        step: (N,) after how many steps of training each policy was; None for policies that are no stages of one.
        versions: the releases that it was made with, by package.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.power import PowerGrid
        >>> found = pm.agency_measures(PowerGrid("S.G"), num_samples=100)
        >>> found.names
        ('random', 'optimal', 'power-seeking')
    """

    model: TabularMDP
    names: tuple[str, ...]
    gamma: float
    prior: float
    agents: tuple[str, ...]
    devices: tuple[str, ...]
    steps: int
    episodes: int
    num_samples: int
    empowerment_steps: int
    seed: int
    probability: Annotated[Floats, Dims("policy", least=0)]
    probability_error: Annotated[Floats, Dims("policy", finite=False)]
    exact: Annotated[NDArray[np.bool_], Dims("policy", dtype=np.bool_)]
    agents_bits: Annotated[Floats, Dims("policy", finite=False)]
    devices_bits: Annotated[Floats, Dims("policy", finite=False)]
    meg: Annotated[Floats, Dims("policy", least=0)]
    coherence: Annotated[Floats, Dims("policy", least=0)]
    coherence_error: Annotated[Floats, Dims("policy", finite=False)]
    empowerment: Annotated[Floats, Dims("policy", least=0)]
    power: Annotated[Floats, Dims("policy")]
    return_exact: Annotated[Floats, Dims("policy")]
    step: Annotated[Floats | None, Dims("policy")] = None

    def coordinates(self, dim: str) -> Sequence[Any] | None:
        """The names of policies, and what every result has."""
        return self.names if dim == "policy" else super().coordinates(dim)


@measure()
def agency_measures(
    env_or_mdp: Any,
    policies: Any = None,
    agents: str | Any = "goals",
    devices: Sequence[str] | Any = DEVICES,
    prior: float = 0.5,
    *,
    gamma: float = 0.9,
    steps: int = 60,
    episodes: int = 200,
    num_samples: int = 1000,
    empowerment_steps: int = 3,
    power: Any = None,
    seed: int = 0,
) -> Generator[None, None, AgencyMeasures]:
    """How much of an agent policies are, by each measure: P(agent), goal-directedness, coherence, empowerment, POWER.

    What they ask differs. P(agent) and the evidence of both classes (`policy_agency`): is what it does the way to
    something? Goal-directedness (`meg`): does the task tell what it does? Coherence (`coherence`): is it often optimal
    for something? Empowerment and POWER: is it where much can be chosen and reached? The last two are means over the
    policy's discounted occupancy.

    Args:
        env_or_mdp: an environment or a `powerenvs.TabularMDP`.
        policies: {name: policy}, each as for `policy_agency`; random, optimal for the task and most power-seeking when
            None.
        agents: as for `agency`.
        devices: as for `agency`.
        prior: P(agent) before anything is seen.
        gamma: discount in [0, 1) of all that has one.
        steps: of each walk, and decisions of goal-directedness.
        episodes: how many walks are drawn where not all can be listed.
        num_samples: reward functions of coherence.
        empowerment_steps: how far empowerment looks ahead.
        power: (S,) POWER, or a `PowerEstimate`; computed when None.
        seed: of walks and reward functions.

    Raises:
        ValueError: for an argument that does not fit, and what one of the measures refuses.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.power import PowerGrid
        >>> pm.agency_measures(PowerGrid("S.G"), {"mine": "random"}, num_samples=50).coherence.tolist()
        [1.0]
    """
    mdp, steps, count = resolve_model(env_or_mdp), check_count("steps", steps), check_count("num_samples", num_samples)
    gamma, first = check_gamma(gamma), check_seed(seed)
    check_count("episodes", episodes)
    check_count("empowerment_steps", empowerment_steps)
    tracker = AgencyTracker(mdp, agents, devices, prior)
    known = None if power is None else power_values(power, mdp)
    makes = _policies(env_or_mdp, policies, gamma)
    find_measure("coherence").check(mdp, None, gamma, num_samples=count)  # which refuses large models
    yield
    tables = {name: make() for name, make in makes.items()}
    values = sampled_power(mdp, gamma).mean if known is None else known
    if policies is None:
        tables["power-seeking"] = optimal_policies(mdp, values[None], gamma)[0].numpy()
    shares = occupancy(mdp, np.stack(list(tables.values())), gamma)
    seen, exact, directed, coherent = [], [], [], []
    for table in tables.values():
        walks = policy_agency(mdp, table, agents, devices, prior, steps=steps, episodes=episodes, seed=first)
        seen.append((walks.probability, walks.probability_error, walks.agents_bits, walks.devices_bits))
        exact.append(walks.method == "enumerated")
        directed.append(meg(mdp, table, steps=steps).largest)
        found = coherence(mdp, table, gamma, num_samples=count, seed=first)
        coherent.append((found.coherence, found.standard_error))
    probability, error, by_agents, by_devices = np.array(seen).T.copy()
    often, often_error = np.array(coherent).T.copy()
    return AgencyMeasures(
        mdp, tuple(tables), gamma, tracker.prior, tracker.agents.names, tracker.devices.names, steps, int(episodes),
        count, int(empowerment_steps), first, probability, error, np.array(exact), by_agents, by_devices,
        np.array(directed), often, often_error,
        shares @ empowerment(mdp, empowerment_steps, progress=False).bits, shares @ values,
        np.array([expected_return(mdp, table, gamma) for table in tables.values()]),
    )  # fmt: skip


def _policies(env: Any, given: Any, gamma: float) -> dict[str, Callable[[], Floats]]:
    """{name: what gives its table}."""
    if given is None:
        given = {"random": "random", "optimal": "optimal"}
    if not isinstance(given, Mapping) or not given:
        raise ValueError(f"policies: expected {{name: policy}} with at least one, found {given!r}")
    return {str(name): policy_of(env, policy, gamma) for name, policy in given.items()}
