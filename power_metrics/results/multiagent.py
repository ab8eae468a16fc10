"""`MultiagentPower`: POWER of two agents in one game, with its errors and where it came from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from power_metrics.expectation.alignment import NUM_REPLICATES
from power_metrics.results.estimate import PowerEstimate, model_bytes, model_from_bytes
from power_metrics.results.stored import json_text, reading, stored_facts, stored_floats
from powerenvs.model.checks import flag, real
from powerenvs.model.game import TabularGame, agent_position, check_agents
from powerenvs.model.labels import closest, label_text
from powerenvs.model.npz import load_arrays, save_arrays

if TYPE_CHECKING:
    import matplotlib.figure
    import pandas

_KIND = "MultiagentPower"
_PARTS = ("human", "ai", "human_baseline", "ai_baseline")
_KINDS: Mapping[str, tuple[type, ...]] = {
    "agents": (list,), "changes": (list,), "correlation": (float, int, type(None)),
    "alignment": (float, type(None)), "alignment_corrected": (float, type(None)),
}  # fmt: skip
_CHANGE: Mapping[str, tuple[type, ...]] = {"human": (float,), "ai": (float,), "settled": (float,)}


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


@dataclass(frozen=True, eq=False, repr=False)
class MultiagentPower:
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
    """

    agents: tuple[str, str]
    estimates: Mapping[str, PowerEstimate]
    baseline: Mapping[str, PowerEstimate]
    correlation: float | None
    alignment: float
    alignment_corrected: float
    seed_policy: NDArray[np.float64]
    changes: tuple[RoundChange, ...]
    _average_errors: NDArray[np.float64]
    _replicates: NDArray[np.float64]

    def __getitem__(self, agent: str) -> PowerEstimate:
        """POWER of an agent; a ValueError with the closest name if there is none of that name."""
        if not isinstance(agent, str) or agent not in self.estimates:
            raise ValueError(f"unknown agent {agent!r}; {closest(agent, self.agents)}")
        return self.estimates[agent]

    @property
    def game(self) -> TabularGame:
        """The game of the two agents."""
        model = self.estimates[self.agents[0]].model
        assert isinstance(model, TabularGame)
        return model

    @property
    def num_samples(self) -> int:
        """The number of pairs of reward functions."""
        return self.estimates[self.agents[0]].num_samples

    @property
    def rounds(self) -> int:
        """How often each agent answered the other."""
        return len(self.changes) + 1

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
        if not 0 < real(level) < 1:
            raise ValueError(f"level: expected a probability between 0 and 1, found {level!r}")
        low, high = np.quantile(self._replicates, (0.5 - float(level) / 2, 0.5 + float(level) / 2))
        return float(low), float(high)

    def average(self, agent: str, *, baseline: bool = False) -> float:
        """The mean over states of an agent's POWER, or of its baseline."""
        estimate = self[agent]
        return float((self.baseline[agent] if flag("baseline", baseline) else estimate).mean.mean())

    def average_error(self, agent: str, *, baseline: bool = False) -> float:
        """The standard error of `average`; nan for a single pair of reward functions."""
        self[agent]  # refuses unknown names
        return float(self._average_errors[2 * flag("baseline", baseline) + self.agents.index(agent)])

    def to_frame(self) -> pandas.DataFrame:
        """A table with one row for each state: POWER, standard error and baseline of each agent."""
        import pandas

        index = pandas.Index([label_text(label) for label in self.game.state_labels], name="state")
        columns = {}
        for agent in self.agents:
            columns[agent] = self.estimates[agent].mean
            columns[f"{agent} standard error"] = self.estimates[agent].standard_error
            columns[f"{agent} baseline"] = self.baseline[agent].mean
            columns[f"{agent} baseline standard error"] = self.baseline[agent].standard_error
        return pandas.DataFrame(columns, index=index)

    def as_dict(self) -> dict[str, Any]:
        """The result as JSON values: how it was made, and one entry for each state (None for nan)."""
        return {
            "agents": list(self.agents),
            "correlation": self.correlation,
            "alignment": _json(self.alignment),
            "alignment_corrected": _json(self.alignment_corrected),
            "alignment_interval_95": [_json(end) for end in self.alignment_interval(0.95)],
            "rounds": self.rounds,
            "changes": [change._asdict() for change in self.changes],
            "estimates": {agent: estimate.as_dict() for agent, estimate in self.estimates.items()},
            "baseline": {agent: estimate.as_dict() for agent, estimate in self.baseline.items()},
        }

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """`as_dict` as JSON text; also written to ``path``, whole or not at all, if one is given."""
        return json_text(self.as_dict(), path)

    def plot(self, **kwargs: Any) -> matplotlib.figure.Figure:
        """POWER of both agents for each place of the second; see `power_metrics.plots.plot_two_agents`."""
        from power_metrics.plots import plot_two_agents

        return plot_two_agents(self, **kwargs)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the result, with its game and any samples, to an ``.npz`` file, whole or not at all.

        Raises:
            ValueError: if ``path`` does not end in ``.npz``, or a state label cannot be stored.
        """
        arrays: dict[str, NDArray[Any]] = {
            "model": model_bytes(self.game),
            "seed_policy": self.seed_policy,
            "average_errors": self._average_errors,
            "replicates": self._replicates,
        }
        header: dict[str, Any] = {
            "agents": self.agents,
            "correlation": self.correlation,
            "alignment": _json(self.alignment),
            "alignment_corrected": _json(self.alignment_corrected),
            "changes": self.changes,
        }
        for part, estimate in zip(_PARTS, [*self.estimates.values(), *self.baseline.values()], strict=True):
            arrays[f"{part}.mean"], arrays[f"{part}.standard_error"] = estimate.mean, estimate.standard_error
            if estimate._samples is not None:
                arrays[f"{part}.samples"] = estimate._samples
            header[part] = estimate.facts()
        save_arrays(path, _KIND, arrays, header)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> MultiagentPower:
        """Reads a result that `save` wrote.

        Raises:
            ValueError: if the file is not a saved result.
        """
        arrays, header = load_arrays(path, _KIND)
        with reading(path, _KIND):
            game = model_from_bytes(arrays["model"], TabularGame.__name__)
            assert isinstance(game, TabularGame)
            parts = [PowerEstimate.stored(game, arrays, header[part], f"{part}.") for part in _PARTS]
            facts = stored_facts(header, _KINDS)
            human, ai = check_agents(facts["agents"])
            position = agent_position("agents", ai, game.agents)
            agent_position("agents", human, game.agents)
            changes = tuple(RoundChange(**stored_facts(_change(change), _CHANGE)) for change in facts["changes"])
            return cls(
                agents=(human, ai),
                estimates={human: parts[0], ai: parts[1]},
                baseline={human: parts[2], ai: parts[3]},
                correlation=facts["correlation"],
                alignment=_number(facts["alignment"]),
                alignment_corrected=_number(facts["alignment_corrected"]),
                seed_policy=stored_floats(
                    arrays, "seed_policy", (game.num_states, game.num_actions[position]), least=0
                ),
                changes=changes,
                _average_errors=stored_floats(arrays, "average_errors", (len(_PARTS),), finite=False, least=0),
                _replicates=stored_floats(arrays, "replicates", (NUM_REPLICATES,), finite=False),
            )

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


def _json(number: float) -> float | None:
    return number if number == number else None


def _change(values: Any) -> dict[str, Any]:
    """The fields of a `RoundChange`, by name, from a list of them."""
    return dict(zip(_CHANGE, values, strict=True))


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
