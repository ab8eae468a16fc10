"""What results about several agents of a game have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from power_metrics.results.estimate import PowerEstimate
from powerenvs.model.checks import flag
from powerenvs.model.game import TabularGame
from powerenvs.model.joint import agent_position, check_agents
from powerenvs.model.labels import closest, label_text


class OfAgents:
    """POWER of each agent, and its baseline, by name.

    Attributes:
        agents: their names.
        estimates: {name: POWER}; also as ``result[name]``.
        baseline: {name: POWER without answers}.
    """

    agents: tuple[str, ...]
    estimates: Mapping[str, PowerEstimate]
    baseline: Mapping[str, PowerEstimate]
    _average_errors: Any

    def _check_names(self) -> None:
        """Raises a ValueError unless POWER is that of the agents, and these are of the game."""
        names = check_agents(self.agents)
        for parts in (self.estimates, self.baseline):
            if tuple(parts) != names:
                raise ValueError(f"agents: expected {' and '.join(names)}, found POWER of {' and '.join(parts)}")
        for name in names:
            agent_position("agents", name, self.game.agents)

    def __getitem__(self, agent: str) -> PowerEstimate:
        """POWER of an agent; a ValueError with the closest name if there is none of that name."""
        if not isinstance(agent, str) or agent not in self.estimates:
            raise ValueError(f"unknown agent {agent!r}; {closest(agent, self.agents)}")
        return self.estimates[agent]

    @property
    def game(self) -> TabularGame:
        """The game of the two agents."""
        model = self.estimates[self.agents[0]].model
        if not isinstance(model, TabularGame):
            raise ValueError(f"model: expected a TabularGame, found {model!r}")
        return model

    @property
    def model(self) -> TabularGame:
        """The game of the two agents, as results of other kinds call it."""
        return self.game

    @property
    def num_samples(self) -> int:
        """The number of pairs of reward functions."""
        return self.estimates[self.agents[0]].num_samples

    def average(self, agent: str, *, baseline: bool = False) -> float:
        """The mean over states of an agent's POWER, or of its baseline."""
        estimate = self[agent]
        return float((self.baseline[agent] if flag("baseline", baseline) else estimate).mean.mean())

    def average_error(self, agent: str, *, baseline: bool = False) -> float:
        """The standard error of `average`; nan for a single pair of reward functions."""
        self[agent]  # refuses unknown names
        return float(self._average_errors[len(self.agents) * flag("baseline", baseline) + self.agents.index(agent)])

    def tables(self) -> dict[tuple[str, ...], dict[str, NDArray[Any]]]:
        """{dimensions: {column: array}} of what is shown: by state POWER, standard error and baseline of each agent."""
        columns = {}
        for agent in self.agents:
            columns[agent] = self.estimates[agent].mean
            columns[f"{agent} standard error"] = self.estimates[agent].standard_error
            columns[f"{agent} baseline"] = self.baseline[agent].mean
            columns[f"{agent} baseline standard error"] = self.baseline[agent].standard_error
        return {("state",): columns}

    def columns(self) -> list[dict[str, Any]]:
        """For each agent, by state, POWER and its baseline with their standard errors."""
        return [
            {
                "agent": agent,
                "state": [label_text(label) for label in self.game.state_labels],
                "power": self[agent].mean.tolist(),
                "standard_error": self[agent].standard_error.tolist(),
                "baseline": self.baseline[agent].mean.tolist(),
                "baseline_standard_error": self.baseline[agent].standard_error.tolist(),
            }
            for agent in self.agents
        ]
