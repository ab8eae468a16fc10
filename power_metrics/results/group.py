"""`GroupPower`: POWER of three or more agents in one game, with its errors and where it came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.arguments.checks import check_level
from power_metrics.results.agents import OfAgents
from power_metrics.results.base import Result
from power_metrics.results.dims import Dims
from power_metrics.results.estimate import PowerEstimate
from powerenvs.model.labels import closest

Floats = NDArray[np.float64]
Matrix = Annotated[Floats, Dims("agent", "other", finite=False)]


@dataclass(frozen=True)
class GroupPower(OfAgents, Result):
    """POWER of N agents, each against the policies that the others really play: ``result[agent]``.

    Attributes:
        agents: their names, in the order in which they answer.
        estimates: {name: POWER when all have answered}; also as ``result[name]``.
        baseline: {name: the POWER that it planned for, while those that answer later played their seed policies; of the
            last, when it plays its own}.
        correlation: of each further agent's rewards with those of the first; None where reward functions were given.
        alignment: (N, N) Pearson correlation over states of two agents' POWER, in the order of ``agents``; nan where
            one of them is constant.
        alignment_corrected: (N, N) the same without the noise of the two means; nan where reward functions are too few
            to tell.
        seed_policies: {name: (S, A_i)} of all agents but the first.
        changes: of each round after the first, the largest change of each agent's POWER in any state.
        settled: of each of them, the share of draws for which it changed nothing.
        versions: the releases that it was made with, by package.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs import TabularGame
        >>> game = TabularGame.from_transitions(
        ...     [("start", joint, f"{sum(joint)} voted", 1.0) for joint in ((a, b, c) for a in (0, 1) for b in (0, 1)
        ...      for c in (0, 1))], agents=("ann", "bob", "cy"), terminal=[f"{n} voted" for n in range(4)])
        >>> found = pm.multiagent_power(game, gamma=0.9, num_samples=200, progress=False)
        >>> found.agents, found.alignment.shape, bool(found["cy"].mean[0] > found["ann"].mean[0])  # the last has more
        (('ann', 'bob', 'cy'), (3, 3), True)
    """

    agents: tuple[str, ...]
    estimates: Mapping[str, PowerEstimate]
    baseline: Mapping[str, PowerEstimate]
    correlation: float | None
    alignment: Matrix
    alignment_corrected: Matrix
    seed_policies: Mapping[str, Annotated[Floats, Dims("state", "own action", least=0)]]
    changes: tuple[tuple[float, ...], ...]
    settled: tuple[float, ...]
    _average_errors: Annotated[Floats, Dims("average", finite=False, least=0)]
    _replicates: Annotated[Floats, Dims("replicate", "agent", "other", finite=False, least=np.finfo(np.float64).min)]

    def __post_init__(self) -> None:
        self._check_names()
        super().__post_init__()

    def coordinates(self, dim: str) -> Sequence[Any] | None:
        """See `Result.coordinates`; agents are in the order in which they answer."""
        if dim in ("agent", "other"):
            return self.agents
        if dim == "average":
            return (*self.agents, *(f"{agent} baseline" for agent in self.agents))
        return super().coordinates(dim)

    @property
    def rounds(self) -> int:
        """How often each agent answered the others."""
        return len(self.changes) + 1

    def alignment_interval(self, first: str, second: str, level: float = 0.95) -> tuple[float, float]:
        """``(low, high)``: a bootstrap interval, over reward functions, for the alignment of two agents without noise.

        Args:
            first: an agent.
            second: another.
            level: the probability that the interval is made for.

        Raises:
            ValueError: unless 0 < level < 1, and for unknown agents.
        """
        check_level(level)
        i, j = (self._place(agent) for agent in (first, second))
        low, high = np.quantile(self._replicates[:, i, j], (0.5 - float(level) / 2, 0.5 + float(level) / 2))
        return float(low), float(high)

    def pairs(self) -> list[tuple[str, str, float, float, float, float]]:
        """Of each two agents: their names, the alignment, the same without noise, and its 95 % interval."""
        found = []
        for i, j in combinations(range(len(self.agents)), 2):
            a, b = self.agents[i], self.agents[j]
            plain, corrected = float(self.alignment[i, j]), float(self.alignment_corrected[i, j])
            found.append((a, b, plain, corrected, *self.alignment_interval(a, b)))
        return found

    def moves(self) -> list[tuple[dict[str, float], float]]:
        """Of each round after the first: the largest change of each agent's POWER, and the share of draws settled."""
        rounds = zip(self.changes, self.settled, strict=True)
        return [(dict(zip(self.agents, change, strict=True)), settled) for change, settled in rounds]

    def _place(self, agent: str) -> int:
        if agent not in self.agents:
            raise ValueError(f"unknown agent {agent!r}; {closest(str(agent), self.agents)}")
        return self.agents.index(agent)

    def tables(self) -> dict[tuple[str, ...], dict[str, NDArray[Any]]]:
        """{dimensions: {column: array}}: by state POWER of each agent; by agent and other the alignment."""
        columns = {"alignment": self.alignment, "alignment_corrected": self.alignment_corrected}
        return {**super().tables(), ("agent", "other"): columns}

    def summary(self) -> dict[str, Any]:
        """POWER and baselines averaged over states, with their standard errors, and the alignments."""
        found: dict[str, Any] = {}
        for agent in self.agents:
            for name, baseline in ((agent, False), (f"{agent}_baseline", True)):
                found[name] = self.average(agent, baseline=baseline)
                found[f"{name}_standard_error"] = self.average_error(agent, baseline=baseline)
        for a, b, plain, corrected, low, high in self.pairs():
            name = f"alignment_{a}_{b}"
            found |= {name: plain, f"{name}_corrected": corrected, f"{name}_low": low, f"{name}_high": high}
        return {**found, "num_samples": self.num_samples}

    def as_dict(self) -> dict[str, Any]:
        """The result as JSON values: how it was made, and POWER and baseline of each agent (None for nan)."""
        found = super().as_dict()
        del found["states"]  # they are in the agents' estimates
        return {**found, "rounds": self.rounds}

    def __repr__(self) -> str:
        averages = ", ".join(
            f"{agent} {self.average(agent):.4f} (baseline {self.average(agent, baseline=True):.4f})"
            for agent in self.agents
        )
        aligned = ", ".join(f"{a}-{b} {plain:.3f}" for a, b, plain, *_ in self.pairs())
        gammas = dict.fromkeys(self.estimates[agent].gamma for agent in self.agents)
        drawn = "given" if self.correlation is None else f"correlation {self.correlation:g}"
        return (
            f"GroupPower({self.game.num_states} states, gamma={', '.join(f'{g:g}' for g in gammas)}, "
            f"{self.num_samples:,} draws of reward functions, {drawn}; means over states: {averages}; "
            f"alignment {aligned})"
        )
