"""`agency`: is what was seen better described as an agent or as a device?"""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from power_metrics.agents_and_devices.members import DEVICES
from power_metrics.agents_and_devices.tracker import AgencyTracker
from power_metrics.agents_and_devices.trajectories import WALKS, trajectory as walk_of_kind
from power_metrics.agents_and_devices.walks import checked_walk, load_trajectory
from power_metrics.arguments.checks import check_count, check_seed, resolve_model
from power_metrics.measures.registry import measure
from power_metrics.results.base import Result
from power_metrics.results.dims import Dims
from powerenvs.model.checks import real
from powerenvs.model.labels import closest
from powerenvs.model.mdp import TabularMDP
from powerenvs.rollout import Rollout

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
NOTHING = -1
"""Where there is no state or action: after the last."""


@dataclass(frozen=True)
class Agency(Result):
    """Evidence for agents and for devices along a walk of T steps, and what the agent would be.

    Attributes:
        model: the tables, with S states.
        prior: P(agent) beforehand.
        agents: names of the members of one class.
        devices: of the other.
        noises: names of the agents' noises.
        probability: (T + 1,) P(agent) after each number of steps.
        log_agents: (T + 1,) log2 evidence of the agents, so far.
        log_devices: (T + 1,) of the devices.
        states: (T + 1,) where the walk was; -1 where nothing was seen.
        actions: (T + 1,) what was done there; -1 after the last step.
        goals: (S,) of each state, that it is the goal, given an agent; None without agents that have states as goals.
        functions: (G,) of each reward function; None without agents that have some.
        rationality: (N,) of each noise, given an agent that has one; None without such agents.
        agent_weights: (M,) of each member of the agents, given an agent.
        device_weights: (D,) of each device, given a device.
        versions: the releases that it was made with, by package.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.power import PowerGrid
        >>> found = pm.agency(PowerGrid(level="open_3x3"), "circle", steps=40)
        >>> found.probability.shape, bool(found.probability[-1] < 0.01)
        ((41,), True)
    """

    model: TabularMDP
    prior: float
    agents: tuple[str, ...]
    devices: tuple[str, ...]
    noises: tuple[str, ...]
    probability: Annotated[Floats, Dims("time", least=0)]
    log_agents: Annotated[Floats, Dims("time", finite=False)]
    log_devices: Annotated[Floats, Dims("time", finite=False)]
    states: Annotated[Ints, Dims("time", dtype=np.int64)]
    actions: Annotated[Ints, Dims("time", dtype=np.int64)]
    goals: Annotated[Floats | None, Dims("state", least=0)]
    functions: Annotated[Floats | None, Dims("function", least=0)]
    rationality: Annotated[Floats | None, Dims("noise", least=0)]
    agent_weights: Annotated[Floats, Dims("agents", least=0)]
    device_weights: Annotated[Floats, Dims("device", least=0)]

    def coordinates(self, dim: str) -> Sequence[Any] | None:
        """The names of agents, devices and noises, and what every result has."""
        names = {"agents": self.agents, "device": self.devices, "noise": self.noises}
        return names[dim] if dim in names else super().coordinates(dim)

    @property
    def num_steps(self) -> int:
        """T."""
        return len(self.probability) - 1

    def by_prior(self, prior: float) -> Floats:
        """(T + 1,) P(agent) after each step, had this been P(agent) beforehand.

        Raises:
            ValueError: for what is no probability.
        """
        if not 0 <= real(prior) <= 1:
            raise ValueError(f"prior: expected a probability, found {prior!r}")
        if prior in (0.0, 1.0):
            return np.full(len(self.probability), float(prior))
        odds = np.log(prior) - np.log1p(-prior) + np.log(2) * (self.log_agents - self.log_devices)
        found: Floats = expit(odds)
        return found

    @property
    def walk(self) -> Rollout:
        """What was seen."""
        seen = self.states[self.states != NOTHING]
        return Rollout(self.model, seen, self.actions[self.actions != NOTHING])


@measure()
def agency(
    env_or_mdp: Any,
    trajectory: str | Any = "shortest_path",
    agents: str | Any = "goals",
    devices: Sequence[str] | Any = DEVICES,
    prior: float = 0.5,
    *,
    steps: int = 60,
    seed: int = 0,
) -> Generator[None, None, Agency]:
    """The probability that what was seen is an agent's doing, rather than a device's, after every step.

    P(agent | h) = P(agent) M_A(h) / (P(agent) M_A(h) + P(device) M_D(h)), where the evidence M of a class is the
    mixture over its members of the probability of the actions, given the states (Orseau, McGregor McGill & Legg, arXiv
    1805.12387). The answer is relative to both classes and to the prior; those that stand here by default are this
    package's, not the paper's. Exact, in logarithms.

    Args:
        env_or_mdp: an environment or a `powerenvs.TabularMDP` with S states.
        trajectory: pairs (state, action) by label or index, a rollout, a .csv or .jsonl file of `load_trajectory`, or a
            kind of `pm.trajectory`.
        agents: "goals", "switching" (goals that change), "rewards", "uniform"; `GoalAgents`, `RewardAgents`, a policy
            (S, A), or any object with ``log_probability(history)``; or a list of such, or {such: weight}.
        devices: "uniform"; what one reads that counts which actions follow: "nothing", "previous" (the action), "walls"
            (which actions would move it), "observation", "state", or several such as "previous+walls"; "tree(4)" or
            "tree(4, walls)", context-tree weighting over so many symbols of the history; or what agents can be.
        prior: P(agent) before anything is seen.
        steps: the most steps of a kind of trajectory.
        seed: of a kind of trajectory.

    Raises:
        ValueError: for an argument that does not fit, a walk that the model does not have, and one that no member of
            either class allows.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.power import PowerGrid
        >>> grid = PowerGrid(level="open_3x3")
        >>> pm.agency(grid, [((0, 0), "right"), ((0, 1), "right")]).probability.round(2).tolist()
        [0.5, 0.66, 0.73]
    """
    mdp, steps, seed = resolve_model(env_or_mdp), check_count("steps", steps), check_seed(seed)
    tracker = AgencyTracker(mdp, agents, devices, prior)
    walk = _walk(mdp, trajectory, steps, seed)
    yield
    count = walk.num_steps
    probability, by_agents, by_devices = np.zeros(count + 1), np.zeros(count + 1), np.zeros(count + 1)
    probability[0] = tracker.probability
    for step, (state, action) in enumerate(zip(walk.states.tolist(), walk.actions.tolist(), strict=False), start=1):
        tracker.see(state, action)
        probability[step] = tracker.probability
        by_agents[step], by_devices[step] = tracker.log_agents, tracker.log_devices
    states, actions = np.full(count + 1, NOTHING), np.full(count + 1, NOTHING)
    states[: len(walk.states)], actions[:count] = walk.states, walk.actions
    noises = tracker.noises
    return Agency(
        mdp, tracker.prior, tracker.agents.names, tracker.devices.names, tuple(noises),
        probability, by_agents, by_devices, states, actions, tracker.goals, tracker.functions,
        np.array([*noises.values()]) if noises else None,
        tracker.agents.mixture.posterior, tracker.devices.mixture.posterior,
    )  # fmt: skip


def _walk(mdp: TabularMDP, given: Any, steps: int, seed: int) -> Rollout:
    """What was seen, from any of its forms."""
    if isinstance(given, os.PathLike) or (isinstance(given, str) and Path(given).suffix):
        return load_trajectory(mdp, given)
    if isinstance(given, str):
        if given not in WALKS:
            raise ValueError(f"trajectory: expected a file or a kind of walk, found {given!r}; {closest(given, WALKS)}")
        return walk_of_kind(mdp, given, steps, seed=seed)
    return checked_walk(mdp, given)
