"""`MultiagentPower`: POWER of two agents in one game, with its errors and where it came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from power_metrics.arguments.checks import check_level
from power_metrics.results.agents import OfAgents
from power_metrics.results.base import Result
from power_metrics.results.dims import Dims
from power_metrics.results.estimate import PowerEstimate

Floats = NDArray[np.float64]


class RoundChange(NamedTuple):
    """What one more round of answers changed.

    Attributes:
        human: the largest change of H's POWER in any state.
        ai: of A's.
        settled: the share of reward pairs for which it changed nothing, for either agent.
    """

    human: float
    ai: float
    settled: float


@dataclass(frozen=True)
class MultiagentPower(OfAgents, Result):
    """POWER of two agents, H and A: ``result["human"]``, ``result["ai"]``, or whatever their names are.

    Attributes:
        agents: the names of H and A.
        estimates: {name: POWER when A has answered H's policy}; also as ``result[name]``.
        baseline: {name: POWER without that answer}: of H against A's seed policy, and of A when it plays it.
        correlation: of the two agents' rewards; None where reward functions were given.
        alignment: Pearson correlation over states of the two agents' POWER; nan where one of them is constant.
        alignment_corrected: the same without the noise of the two means, which pulls ``alignment`` towards 0 where
            reward functions are few; nan where they are too few to tell.
        seed_policy: (S, A_a) the policy of A that H prepares for.
        changes: what each round after the first changed.
        versions: the releases that it was made with, by package.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.power.pair import PowerPair
        >>> both = pm.multiagent_power(PowerPair("S.."), 0.6, num_samples=20, progress=False)
        >>> both.agents
        ('human', 'ai')
        >>> both["ai"].mean.shape == both.baseline["ai"].mean.shape
        True
    """

    agents: tuple[str, str]
    estimates: Mapping[str, PowerEstimate]
    baseline: Mapping[str, PowerEstimate]
    correlation: float | None
    alignment: Annotated[float, Dims(finite=False)]
    alignment_corrected: Annotated[float, Dims(finite=False)]
    seed_policy: Annotated[Floats, Dims("state", "action of the second", least=0)]
    changes: tuple[RoundChange, ...]
    _average_errors: Annotated[Floats, Dims("average", finite=False, least=0)]
    _replicates: Annotated[Floats, Dims("replicate", finite=False, least=np.finfo(np.float64).min)]  # nan, but not inf

    def __post_init__(self) -> None:
        self._check_names()
        super().__post_init__()

    def coordinates(self, dim: str) -> Sequence[Any] | None:
        """See `Result.coordinates`; the averages are those of POWER and of the baselines of H and A."""
        if dim == "action of the second":
            return self.game.action_labels[self.agents[1]]
        if dim == "average":
            return (*self.agents, *(f"{agent} baseline" for agent in self.agents))
        return super().coordinates(dim)

    @property
    def rounds(self) -> int:
        """How often each agent answered the other."""
        return len(self.changes) + 1

    def moves(self) -> list[tuple[dict[str, float], float]]:
        """Of each round after the first: the largest change of each agent's POWER, and the share of pairs settled."""
        return [(dict(zip(self.agents, change[:2], strict=True)), change.settled) for change in self.changes]

    def pairs(self) -> list[tuple[str, str, float, float, float, float]]:
        """The two agents, their alignment, the same without noise, and its 95 % interval."""
        return [(*self.agents, self.alignment, self.alignment_corrected, *self.alignment_interval(0.95))]

    @property
    def alignment_error(self) -> float:
        """The bootstrap's standard error of the alignment; nan where reward functions are too few to tell."""
        return float(np.std(self._replicates, ddof=1))

    def alignment_interval(self, level: float = 0.95) -> tuple[float, float]:
        """``(low, high)``: a bootstrap interval, over reward functions, for the alignment without noise.

        It is the percentile interval of ``alignment_corrected``, which it lies around; with few reward functions
        ``alignment`` itself may lie outside, nearer to 0. Nan where reward functions are too few to tell.

        Raises:
            ValueError: unless 0 < level < 1.
        """
        check_level(level)
        low, high = np.quantile(self._replicates, (0.5 - float(level) / 2, 0.5 + float(level) / 2))
        return float(low), float(high)

    def summary(self) -> dict[str, Any]:
        """POWER and baselines averaged over states, with their standard errors, and the alignment with its interval."""
        found: dict[str, Any] = {}
        for agent in self.agents:
            for name, baseline in ((agent, False), (f"{agent}_baseline", True)):
                found[name] = self.average(agent, baseline=baseline)
                found[f"{name}_standard_error"] = self.average_error(agent, baseline=baseline)
        low, high = self.alignment_interval(0.95)
        return found | {
            "alignment": self.alignment,
            "alignment_corrected": self.alignment_corrected,
            "alignment_low": low,
            "alignment_high": high,
            "num_samples": self.num_samples,
        }

    def as_dict(self) -> dict[str, Any]:
        """The result as JSON values: how it was made, and POWER and baseline of each agent (None for nan)."""
        found = super().as_dict()
        interval = [end if end == end else None for end in self.alignment_interval(0.95)]
        changes = [change._asdict() for change in self.changes]
        del found["states"]  # they are in the agents' estimates
        return {**found, "alignment_interval_95": interval, "rounds": self.rounds, "changes": changes}

    def __repr__(self) -> str:
        low, high = self.alignment_interval(0.95)
        averages = ", ".join(
            f"{agent} {self.average(agent):.4f} (baseline {self.average(agent, baseline=True):.4f})"
            for agent in self.agents
        )
        gammas = {self.estimates[agent].gamma: None for agent in self.agents}
        drawn = "given" if self.correlation is None else f"correlation {self.correlation:g}"
        return (
            f"MultiagentPower({self.game.num_states} states, gamma={', '.join(f'{g:g}' for g in gammas)}, "
            f"{self.num_samples:,} pairs of reward functions, {drawn}; means over states: {averages}; "
            f"alignment {self.alignment:.3f}, without noise {self.alignment_corrected:.3f} [{low:.3f}, {high:.3f}])"
        )
