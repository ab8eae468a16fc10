"""`PowerComparison`: policies side by side, as a table, a frame, JSON and a picture."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.arguments.checks import check_level
from power_metrics.comparison.references import MOST, RANDOM, TASK_OPTIMAL, References, normalise
from power_metrics.results.base import Result
from power_metrics.results.dims import Dims
from powerenvs.model.labels import closest, label_text
from powerenvs.model.mdp import TabularMDP
from powerenvs.model.text import text_table

Floats = NDArray[np.float64]

NO_INTERVALS = (
    "POWER was given without samples of independent reward functions, so there are no intervals; compute it with "
    'power(..., method="monte_carlo", keep_samples=True), or let compare compute it'
)
GIVEN_REWARDS = (
    "the reward functions were given, and numbers are exact for them; compare(..., sampled_rewards=True) takes them "
    "for a random sample of more"
)

STATISTICS = {
    "expected_return": "return",
    "expected_performance": "performance",
    "power_seeking": "power-seeking",
    "power_alive": "while alive",
    "normalised": "normalised",
    "entropy": "entropy",
    "distance": "distance",
    "correlation": "correlation",
    "p_value": "p",
    "to_more_power": "to more",
}
"""The fields of a `PolicySummary` and how tables name them."""

WITHOUT_POWER = ("expected_return", "expected_performance", "entropy", "distance")
"""Statistics that the error of POWER leaves alone."""


@dataclass(frozen=True)
class PolicySummary:
    """What is said of one policy.

    Attributes:
        expected_return: E[Σ_t γ^t r_t] of the task's reward, from the start.
        expected_performance: the same of the hidden performance.
        power_seeking: Σ_s d(s) POWER(s) with d the discounted occupancy, in units of reward.
        power_alive: Σ_s d(s) POWER(s) / Σ_s d(s) over states that are not terminal: the mean POWER of where it is
            until an episode's end, however long that takes. nan if it never acts.
        normalised: power-seeking, 0 for the random policy and 1 for the most power-seeking one; nan if they coincide or
            differ by no more than the error of POWER.
        entropy: mean entropy of the action while the episode lasts, in nats.
        distance: total variation between the occupancy and that of the task-optimal policy.
        correlation: Spearman's between occupancy and POWER over states that can be reached and are not terminal; states
            share a rank whose POWER differs by less than three standard errors.
        p_value: of that, as if states were independent; where POWER has errors, of the end of the correlation's 95 %
            interval that is nearer to 0, and 1 if it holds 0.
        to_more_power: share of decisions that go to more POWER than the average available action; those are left out
            that go to the same, or to what differs by less than three standard errors. nan if all do.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.power import PowerGrid
        >>> model = PowerGrid(level="open_3x3").tables()
        >>> random = model.available / model.available.sum(axis=1, keepdims=True)
        >>> comparison = pm.compare({"mine": random}, model, gamma=0.5)
        >>> round(comparison["mine"].distance, 6) == round(comparison["random"].distance, 6)
        True
    """

    expected_return: float
    expected_performance: float
    power_seeking: float
    power_alive: float
    normalised: float
    entropy: float
    distance: float
    correlation: float
    p_value: float
    to_more_power: float


@dataclass(frozen=True)
class PowerComparison(Result):
    """Policies side by side; printing it gives the table.

    Attributes:
        references: the model, the discount, POWER, and the four reference policies.
        policies: (S, A) by name: the learned ones first, then the references.
        occupancies: (S,) of each.
        summaries: a `PolicySummary` of each; also as ``comparison[name]``.
        optimal_range: the smallest and largest power-seeking of policies that are optimal for the task; the error of
            POWER is not in it.
        notes: what a reader has to know besides the numbers.
        standard_error: (S,) of POWER; None where it has none, or none that is known.
        versions: the releases that it was made with, by package.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.power import PowerGrid
        >>> model = PowerGrid(level="open_3x3").tables()
        >>> random = model.available / model.available.sum(axis=1, keepdims=True)
        >>> comparison = pm.compare({"mine": random}, model, gamma=0.5)
        >>> comparison.learned
        ('mine',)
        >>> round(comparison["mine"].normalised, 6)
        0.0
    """

    references: References
    policies: Mapping[str, Annotated[Floats, Dims("state", "action", least=0)]]
    occupancies: Mapping[str, Annotated[Floats, Dims("state")]]
    summaries: Mapping[str, PolicySummary]
    optimal_range: tuple[float, float]
    notes: tuple[str, ...]
    standard_error: Annotated[Floats | None, Dims("state", finite=False, least=0)] = None
    _replicates: Mapping[str, Mapping[str, Floats]] = field(default_factory=dict)
    _why: str | None = NO_INTERVALS

    @property
    def model(self) -> TabularMDP:
        """The model, as results of other kinds call it."""
        return self.references.mdp

    @property
    def mdp(self) -> TabularMDP:
        """The model."""
        return self.references.mdp

    @property
    def gamma(self) -> float:
        """The discount."""
        return self.references.gamma

    @property
    def learned(self) -> tuple[str, ...]:
        """The names of the policies that were compared with the references."""
        return tuple(name for name in self.policies if name not in self.references.policies)

    @property
    def has_intervals(self) -> bool:
        """Whether the error of POWER is known, so that `confidence_interval` has an answer for every policy."""
        return all(name in self._replicates for name in self.summaries)

    def __getitem__(self, name: str) -> PolicySummary:
        """The summary of a policy, e.g. ``comparison["learned"].normalised``."""
        if name not in self.summaries:
            raise KeyError(f"no policy {name!r}; {closest(name, self.summaries)}")
        return self.summaries[name]

    def confidence_interval(self, name: str, statistic: str, level: float = 0.95) -> tuple[float, float]:
        """The interval that the error of POWER leaves for a statistic of a policy.

        Percentiles of a bootstrap over the reward functions that POWER was estimated from. The most and the least
        power-seeking policies lean outwards, because they are found in the noise that they are measured with, so their
        intervals also hold what is found in one half of the reward functions and measured in the other, and need not be
        around the number itself. Correlations and shares of decisions jump where POWER ties; their intervals hold every
        reading of what cannot be told apart, and are nan for the two extremes where draws do not settle which states
        have the same POWER.

        Of behaviour that was counted, the error and the bias of few actions are in the interval too. Everything else
        is exact, so this is the whole error of the number for *this* policy; how training runs differ is not in it.

        Args:
            name: of the policy.
            statistic: such as "normalised"; the name of an attribute of `PolicySummary`.
            level: the probability that the interval covers.

        Raises:
            ValueError: for an unknown policy or statistic, a level outside (0, 1), or POWER given without its samples.
        """
        return interval(self._spread(name, statistic), level)

    def difference(
        self, name: str, other: str = TASK_OPTIMAL, statistic: str = "normalised", level: float = 0.95
    ) -> tuple[float, float, float]:
        """A statistic of a policy less that of another, and the ends of its interval: ``(value, low, high)``.

        The interval is as in `confidence_interval`, and narrower than those of the two suggest: both have the same
        error of POWER, most of which cancels.

        Args:
            name: of the policy.
            other: of the one it is compared with.
            statistic: as in `confidence_interval`.
            level: as there.

        Raises:
            ValueError: as `confidence_interval`.
        """
        first, second = self._spread(name, statistic), self._spread(other, statistic)
        length = max(len(first), len(second))
        low, high = interval(_variants(first, length) - _variants(second, length), level)
        return getattr(self[name], statistic) - getattr(self[other], statistic), low, high

    def _spread(self, name: str, statistic: str) -> Floats:
        """A statistic under resampled POWER in several variants, (V, R); a single number where it has no error."""
        if not isinstance(name, str) or name not in self.summaries:
            raise ValueError(f"name: no policy {name!r}; {closest(name, self.summaries)}")
        value = getattr(self[name], _known(statistic))
        if statistic == "p_value":
            raise ValueError("statistic: a p-value has no interval; ask for that of the correlation")
        if statistic in self._replicates.get(name, {}):
            return self._replicates[name][statistic]
        if statistic in WITHOUT_POWER:
            return np.array([[value]])
        raise ValueError(f"confidence_interval: {self._why}")

    def coordinates(self, dim: str) -> Sequence[Any] | None:
        """See `power_metrics.Result.coordinates`."""
        return tuple(self.summaries) if dim == "policy" else super().coordinates(dim)

    def tables(self) -> dict[tuple[str, ...], dict[str, NDArray[Any]]]:
        """{dimensions: {column: array}}: statistics of each policy, and the ends of intervals where there are any."""
        rows = [self._row(name) for name in self.summaries]
        return {("policy",): {key: np.array([row[key] for row in rows]) for key in rows[0]}}

    def _row(self, name: str) -> dict[str, float]:
        row: dict[str, float] = {}
        for statistic in STATISTICS:
            row[statistic] = getattr(self.summaries[name], statistic)
            if self._varies(statistic):
                row[f"{statistic}_low"], row[f"{statistic}_high"] = self._ends(name, statistic)
        return row

    def _varies(self, statistic: str) -> bool:
        """Whether tables have intervals of a statistic."""
        known = [found[statistic] for found in self._replicates.values() if statistic in found]
        return bool(known) and (statistic not in WITHOUT_POWER or any(found.size > 1 for found in known))

    def _ends(self, name: str, statistic: str) -> tuple[float, float]:
        """The ends of the 95 % interval; nan where there is none."""
        if name in self._replicates or statistic in WITHOUT_POWER:
            return self.confidence_interval(name, statistic)
        return math.nan, math.nan

    def as_dict(self) -> dict[str, Any]:
        """The comparison as JSON values: policies, states with their POWER and visits, notes (None for nan)."""
        labels = [label_text(label) for label in self.mdp.state_labels]
        return {
            "gamma": self.gamma,
            "fingerprint": self.mdp.fingerprint,
            "policies": {
                name: {key: _plain(value) for key, value in self._row(name).items()} for name in self.summaries
            },
            "optimal_range": list(self.optimal_range),
            "notes": list(self.notes),
            "states": [
                {
                    "state": label,
                    "power": float(self.references.power[s]),
                    "occupancy": {name: float(share[s]) for name, share in self.occupancies.items()},
                }
                for s, label in enumerate(labels)
            ],
        }

    def __str__(self) -> str:
        hidden = {"expected_performance"} if np.array_equal(self.mdp.reward, self.mdp.performance) else set()
        hidden |= set() if self.mdp.terminal.any() else {"power_alive"}  # the same as another column
        shown = [statistic for statistic in STATISTICS if statistic not in hidden]
        numbers = {
            name: [_cell(statistic, getattr(summary, statistic)) for statistic in shown]
            for name, summary in self.summaries.items()
        }
        heading = f"{self.mdp.num_states} states, gamma {self.gamma:g}"
        return "\n".join([heading, _table(shown, numbers), *self._findings(), *self._intervals(shown), *self.notes])

    def _intervals(self, shown: Sequence[str]) -> list[str]:
        """A second table, of 95 % intervals; without those statistics that have no error."""
        varying, texts, unknown = [], {}, False
        for statistic in shown:
            if self._varies(statistic):
                ends = {name: self._ends(name, statistic) for name in self.summaries}
                if any(high > low for low, high in ends.values()):
                    varying.append(statistic)
                    texts[statistic] = {name: self._interval(name, statistic, *ends[name]) for name in ends}
                    unknown |= "?" in texts[statistic].values()
        if not varying:
            return []
        rows = {name: [texts[statistic][name] for statistic in varying] for name in self.summaries}
        rest = "what has none is exact" + ", and where there is a ? it is not known" * unknown
        return [f"95 % intervals, from the error of POWER; {rest}:", _table(varying, rows)]

    def _interval(self, name: str, statistic: str, low: float, high: float) -> str:
        if math.isnan(low) and not math.isnan(getattr(self.summaries[name], statistic)):
            return "?"
        return f"{low:.3f} to {high:.3f}" if high > low else "-"

    __repr__ = __str__

    def _findings(self) -> list[str]:
        """In words: how far each learned policy is from the task-optimal one, and optimal ones from each other."""
        lines = []
        for name in self.learned:
            less = self[name].normalised - self[TASK_OPTIMAL].normalised
            if not math.isnan(less):
                _, low, high = self.difference(name) if self.has_intervals else (less, less, less)
                spread = f" (95 % interval {low:+.3f} to {high:+.3f})" if high > low else ""
                lines.append(f"{name} minus {TASK_OPTIMAL}: normalised {less:+.3f}{spread}")
        low, high = (self.scaled(value) for value in self.optimal_range)
        if high - low > 5e-4:
            rest = "" if self.standard_error is None else " (no interval: the error of POWER is not in it)"
            lines.append(f"optimal policies: normalised {low:.3f} to {high:.3f}, by how ties are broken{rest}")
        return lines

    def scaled(self, power_seeking: float) -> float:
        """A power-seeking on the scale from random (0) to most (1); nan where there is no such scale."""
        if math.isnan(self.summaries[MOST].normalised):
            return math.nan
        seeking = {name: self.summaries[name].power_seeking for name in (RANDOM, MOST)}
        return float(normalise(power_seeking, seeking[RANDOM], seeking[MOST], self.references.power))


def _cell(statistic: str, value: float) -> str:
    if math.isnan(value):
        return "-"
    return "<.001" if statistic == "p_value" and value < 0.001 else f"{value:.3f}"


def _table(shown: Sequence[str], rows: Mapping[str, Sequence[str]]) -> str:
    lines = [["", *(STATISTICS[statistic] for statistic in shown)], *([name, *cells] for name, cells in rows.items())]
    return text_table(lines, right=range(1, len(lines[0])))


def _known(statistic: str) -> str:
    if not isinstance(statistic, str) or statistic not in STATISTICS:
        raise ValueError(f"statistic: unknown statistic {statistic!r}; {closest(statistic, STATISTICS)}")
    return statistic


def interval(spread: Floats, level: float) -> tuple[float, float]:
    """What holds the middle ``level`` of resampled numbers in each variant (V, R); nan where there is none."""
    check_level(level)
    known = spread[~np.isnan(spread).all(axis=1)]
    if not len(known):
        return math.nan, math.nan
    low, high = np.nanquantile(known, [0.5 - float(level) / 2, 0.5 + float(level) / 2], axis=1)
    return float(low.min()), float(high.max())


def _variants(spread: Floats, length: int) -> Floats:
    """So many variants of numbers (V, R), the same ones again where there are fewer."""
    return spread[np.arange(length) % len(spread)]


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None
