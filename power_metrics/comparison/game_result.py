"""`GameComparison`: what agents of a game have learned, each judged in the world that the others make."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.comparison.result import PowerComparison
from power_metrics.results.base import Result
from power_metrics.results.dims import Dims
from power_metrics.results.estimate import PowerEstimate
from powerenvs.model.game import TabularGame
from powerenvs.model.labels import closest
from powerenvs.model.text import text_table

Floats = NDArray[np.float64]

LEARNED, OPTIMAL, RANDOM = "learned", "optimal against optimal", "random"
PROFILES = (LEARNED, OPTIMAL, RANDOM)
"""The joint policies that are compared: what was given, the end of iterated best response, and all uniform."""


@dataclass(frozen=True)
class GameComparison(Result):
    """Joint policies of N agents side by side; printing it gives the tables.

    A profile is a policy for each agent. ``comparison["human"]`` is the `PowerComparison` of one agent in the world
    that the others' learned policies make: there it is normalised between the least and the most power-seeking that it
    could be given the others, and compared with what is optimal for its task given the others.

    Attributes:
        model: the game, with S joint states.
        gamma: discount of occupancies, returns and best responses.
        profiles: "learned", "optimal against optimal" and "random".
        policies: {agent: (S, A_i)} the learned ones.
        optimal_policies: {agent: (S, A_i)} where iterated best response ended.
        converged: whether no agent could gain by another policy there; if not, it went round in circles, and
            "optimal against optimal" is only where it stopped.
        rounds: of best responses.
        occupancies: (P, S) the discounted share of time in each joint state.
        expected_return: (P, N) E[Σ γ^t r_t] of each agent's own reward, from the start.
        expected_performance: (P, N) the same of hidden performance.
        power_seeking: (P, N) Σ_s d(s) POWER(s) with each agent's POWER against uniformly random others, which is the
            same yardstick for all profiles.
        best_response_gap: (P, N) how much more return the agent could have had against the same others.
        exploitability: (P,) the mean of the gaps (Lanctot et al. 2017; times N it is NashConv); 0 at an equilibrium.
        alignment: (N, N) Pearson correlation over joint states of two agents' POWER against random others.
        alignment_visited: (P, N, N) the same, states weighted by how much time the profile spends there; nan where
            POWER does not vary.
        comparisons: {agent: its `PowerComparison` against the learned policies of the others}.
        random_power: {agent: its POWER against uniformly random others}.
        versions: the releases that it was made with, by package.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.power.pair import PowerPair
        >>> game = PowerPair("S..").tables()
        >>> random = {agent: game.uniform_policy(agent) for agent in game.agents}
        >>> found = pm.compare(random, game, 0.6, num_samples=50, progress=False)
        >>> found["human"].learned, found.exploitability.round(3).tolist()  # without rewards nothing can be gained
        (('human',), [0.0, 0.0, 0.0])
    """

    model: TabularGame
    gamma: float
    profiles: tuple[str, ...]
    policies: Mapping[str, Annotated[Floats, Dims("state", "own action", least=0)]]
    optimal_policies: Mapping[str, Annotated[Floats, Dims("state", "own action", least=0)]]
    converged: bool
    rounds: int
    occupancies: Annotated[Floats, Dims("profile", "state", column="occupancy", least=0)]
    expected_return: Annotated[Floats, Dims("profile", "agent", column="return")]
    expected_performance: Annotated[Floats, Dims("profile", "agent", column="performance")]
    power_seeking: Annotated[Floats, Dims("profile", "agent")]
    best_response_gap: Annotated[Floats, Dims("profile", "agent")]
    exploitability: Annotated[Floats, Dims("profile")]
    alignment: Annotated[Floats, Dims("agent", "other", finite=False)]
    alignment_visited: Annotated[Floats, Dims("profile", "agent", "other", finite=False)]
    comparisons: Mapping[str, PowerComparison]
    random_power: Mapping[str, PowerEstimate]

    def coordinates(self, dim: str) -> Sequence[Any] | None:
        """See `power_metrics.Result.coordinates`."""
        if dim == "profile":
            return self.profiles
        return self.model.agents if dim == "other" else super().coordinates(dim)

    def tables(self) -> dict[tuple[str, ...], dict[str, NDArray[Any]]]:
        """{dimensions: {column: array}}, what each profile gives each agent first."""
        found = super().tables()
        first = ("profile", "agent")
        return {first: found[first], **found}

    def __getitem__(self, agent: str) -> PowerComparison:
        """The comparison of one agent in the world that the others make."""
        if agent not in self.comparisons:
            raise KeyError(f"no agent {agent!r}; {closest(agent, self.comparisons)}")
        return self.comparisons[agent]

    def __str__(self) -> str:
        names = self.model.agents
        lines = [["", "", "return", "gap", "power-seeking", "normalised"]]
        for p, profile in enumerate(self.profiles):
            for i, agent in enumerate(names):
                score = self[agent][agent].normalised if profile == LEARNED else math.nan
                numbers = (self.expected_return[p, i], self.best_response_gap[p, i], self.power_seeking[p, i], score)
                lines.append(
                    [profile if i == 0 else "", agent, *("-" if math.isnan(x) else f"{x:.3f}" for x in numbers)]
                )
        parts = [f"{self.model.num_states} joint states, gamma {self.gamma:g}", text_table(lines, right=range(2, 6))]
        for p, profile in enumerate(self.profiles):
            pairs = [
                f"{names[i]} and {names[j]} {_number(self.alignment_visited[p, i, j])}"
                for i in range(len(names))
                for j in range(i)
            ]
            parts.append(
                f"{profile}: exploitability {self.exploitability[p]:.4f}; alignment of POWER along the way: "
                + ", ".join(pairs)
            )
        pairs = [
            f"{names[i]} and {names[j]} {_number(self.alignment[i, j])}" for i in range(len(names)) for j in range(i)
        ]
        how = "converged" if self.converged else "did not converge, and went round in circles"
        return "\n".join(
            [
                *parts,
                f"alignment of POWER over joint states: {', '.join(pairs)}",
                f"iterated best response {how}, after {self.rounds} rounds",
                "gap: what a best response to the same others would add to the return",
                "normalised: 0 for random and 1 for the most power-seeking, given the others' learned policies",
            ]
        )

    __repr__ = __str__


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"
