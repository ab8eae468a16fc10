"""`AgencyTracker`: the posterior while one looks on."""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.agents_and_devices.goals import GoalAgents, RewardAgents
from power_metrics.agents_and_devices.members import DEVICES, class_of
from power_metrics.agents_and_devices.wanting import Wanting
from power_metrics.arguments.checks import resolve_model
from powerenvs.model.checks import real
from powerenvs.model.labels import Lookup, label_text
from powerenvs.model.mdp import TabularMDP

Floats = NDArray[np.float64]


class AgencyTracker:
    """Agent or device, after each step; see `agency` for what the arguments mean.

    Args:
        env_or_mdp: an environment or a `powerenvs.TabularMDP`.
        agents: the members of one class.
        devices: those of the other.
        prior: P(agent) beforehand.

    Attributes:
        model: the tables.
        num_steps: how many were seen.
        log_agents: log2 evidence of the agents.
        log_devices: of the devices.

    Raises:
        ValueError: for an argument that does not fit.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.power import PowerGrid
        >>> tracker = pm.AgencyTracker(PowerGrid(level="open_3x3"))
        >>> tracker.step((0, 0), "down")
        >>> tracker.step((1, 0), "right")
        >>> round(tracker.probability, 3) > 0.5
        True
    """

    def __init__(self, env_or_mdp: Any, agents: Any = "goals", devices: Any = DEVICES, prior: float = 0.5):
        self.model: TabularMDP = resolve_model(env_or_mdp)
        if not 0 <= real(prior) <= 1:
            raise ValueError(f"prior: expected a probability, found {prior!r}")
        self.prior = float(prior)
        self.agents = class_of("agents", agents, self.model)
        self.devices = class_of("devices", devices, self.model)
        self._actions = Lookup("action", self.model.action_labels)
        self.num_steps, self.log_agents, self.log_devices = 0, 0.0, 0.0

    def restart(self) -> None:
        """Forgets what was seen: the prior, for another walk."""
        self.agents.mixture.restart()
        self.devices.mixture.restart()
        self.num_steps, self.log_agents, self.log_devices = 0, 0.0, 0.0

    def step(self, state: Hashable, action: Hashable) -> None:
        """Sees an action in a state, by label or index.

        Raises:
            ValueError: for what the model lacks, and where neither class allows it.
        """
        s, a = self.model.lookup.index(state, "state"), self._actions.index(action, "action")
        if not self.model.available[s, a]:
            at, does = label_text(self.model.state_labels[s]), label_text(self.model.action_labels[a])
            raise ValueError(f"action: expected one that {at} has, found {does}")
        self.see(s, a)

    def see(self, s: int, a: int) -> None:
        """`step` by indices that are known to fit; a ValueError where neither class allows it."""
        self.log_agents += self.agents.mixture.update(s, a) / math.log(2)
        self.log_devices += self.devices.mixture.update(s, a) / math.log(2)
        self.num_steps += 1
        if math.isnan(self.log_odds):
            raise ValueError(
                f"trajectory: expected one that a class with positive prior allows, found step {self.num_steps - 1}, "
                "which none does; let 'uniform' be among the devices, or 1 among epsilons"
            )

    @property
    def log_odds(self) -> float:
        """log2 of P(agent) / P(device); nan where what was seen has no probability."""
        terms = [
            -math.inf if weight == 0 else math.log2(weight) + evidence
            for weight, evidence in ((self.prior, self.log_agents), (1 - self.prior, self.log_devices))
        ]
        return math.nan if terms == [-math.inf, -math.inf] else terms[0] - terms[1]

    @property
    def probability(self) -> float:
        """P(agent)."""
        odds = self.log_odds
        return 1 / (1 + 2**-odds) if odds > -1000 else 0.0 if odds < -1074 else 2**odds

    @property
    def goals(self) -> Floats | None:
        """(S,) of each state, that it is the goal of an agent, given that it is one; None without `GoalAgents`."""
        found = None
        for weight, agents, predictor in self._wanting(GoalAgents):
            found = np.zeros(self.model.num_states) if found is None else found
            np.add.at(found, agents.states(self.model), weight * predictor.posterior.sum(axis=0))
        return found

    @property
    def functions(self) -> Floats | None:
        """(G,) of each reward function, that it is an agent's; one after the other of all `RewardAgents`, else None."""
        found = [weight * predictor.posterior.sum(axis=0) for weight, _, predictor in self._wanting(RewardAgents)]
        return np.concatenate(found) if found else None

    @property
    def noises(self) -> dict[str, float]:
        """Of each noise, that it is an agent's, over all goals."""
        found: dict[str, float] = {}
        for weight, _, predictor in self._wanting((GoalAgents, RewardAgents)):
            for name, share in zip(predictor.noises, predictor.posterior.sum(axis=1).tolist(), strict=True):
                found[name] = found.get(name, 0.0) + weight * share
        return found

    def _wanting(self, kind: Any) -> list[tuple[float, Any, Wanting]]:
        """The members of a kind, each with its posterior weight."""
        mixture = self.agents.mixture
        given = self.agents.known
        return [
            (weight, one, predictor)
            for weight, one, predictor in zip(mixture.posterior.tolist(), given, mixture.members, strict=True)
            if isinstance(one, kind) and isinstance(predictor, Wanting)
        ]
