"""What is said of a policy by POWER, and what the error of POWER leaves of it.

A plain bootstrap fails for three kinds of number. The largest of many sums is found in the same noise that it is then
measured with, so it leans outwards; ranks and shares of decisions jump where POWER ties; and a score is a share of a
width that may itself be noise. So

- extremes are measured both as found, which leans outwards, and in one half of the reward functions after they were
  found in the other, which leans inwards if at all; intervals hold both;
- extremes take sides where POWER ties: their numbers that jump are also measured with the extremes of POWER in which
  states that cannot be told apart are equal, and have no interval unless it is clear which states these are;
- numbers that jump are of what can be told apart, and their intervals hold the percentiles of these, of the plain
  number, and of the plain number reflected (Davison & Hinkley 1997, section 5.2), which takes off its bias;
- without a width beyond error there is no score.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse
import scipy.stats
from numpy.typing import NDArray

from power_metrics.chains.occupancy import occupancy
from power_metrics.comparison.behaviour import (
    TIES,
    centred_ranks,
    decision_margins,
    power_while_alive,
    rank_correlation,
    share_to_more_power,
)
from power_metrics.comparison.errors import APART, Groups, Noise
from power_metrics.comparison.references import LEAST, MOST, RANDOM, References, normalise
from power_metrics.solvers.optimal import optimal_policies
from powerenvs.model.transforms import reachable_states

Floats = NDArray[np.float64]

SPLITS = 5
"""Ways of halving the groups; the extremes of both halves are looked for."""

STEP_REPLICATES = 100
"""Of numbers that jump; each takes all pairs of states."""


@dataclass(frozen=True, eq=False)
class Extremes:
    """The policies with the most and the least POWER, found in halves of the groups.

    Attributes:
        policies: {name: (K, S, A)}.
        shares: {name: (K, S)} their occupancies.
        seeking: {name: (G,)} the POWER that they are amidst, by group; each group is measured with policies that were
            found without it.
    """

    policies: Mapping[str, Floats]
    shares: Mapping[str, Floats]
    seeking: Mapping[str, Floats]

    @classmethod
    def of(cls, groups: Groups, references: References) -> Extremes:
        """Found and measured, in `SPLITS` ways of halving."""
        rng = np.random.default_rng(1)
        chosen = np.zeros((2 * SPLITS, groups.count), dtype=bool)
        for n in range(SPLITS):
            chosen[n, rng.permutation(groups.count)[: groups.count // 2]] = True
        chosen[SPLITS:] = ~chosen[:SPLITS]
        weights = chosen * groups.weights
        halves = weights @ groups.means / weights.sum(axis=1, keepdims=True)
        policies, shares, seeking = {}, {}, {}
        for name, sign in ((MOST, 1.0), (LEAST, -1.0)):
            policies[name] = optimal_policies(references.mdp, sign * halves, references.gamma).numpy()
            shares[name] = occupancy(references.mdp, policies[name], references.gamma, references.initial)
            seeking[name] = ((groups.means @ shares[name].T) * ~chosen.T).sum(axis=1) / SPLITS
        return cls(policies, shares, seeking)


@dataclass(frozen=True, eq=False)
class Judge:
    """References, and the error of the POWER that they were made from.

    Attributes:
        references: the model, the discount, POWER and the reference policies.
        noise: the error of POWER; None where it has none.
    """

    references: References
    noise: Noise | None = None

    @property
    def groups(self) -> Groups | None:
        """Of reward functions, where they are known."""
        return None if self.noise is None else self.noise.groups

    @cached_property
    def noise_settled(self) -> bool:
        """Whether it is clear which states have the same POWER; see `Noise.settled`."""
        return self.noise is None or self.noise.settled

    @cached_property
    def reached(self) -> NDArray[np.bool_]:
        """(S,) states that can be reached."""
        return reachable_states(self.references.mdp, self.references.initial)

    @cached_property
    def counted(self) -> NDArray[np.bool_]:
        """(S,) states over which correlations are taken: those that can be reached and are not terminal."""
        return self.reached & ~self.references.mdp.terminal

    @cached_property
    def flat(self) -> bool:
        """Whether no two states that can be reached differ in POWER beyond its error."""
        return self.noise is not None and self.noise.flat(self.reached)

    @cached_property
    def has_scale(self) -> bool:
        """Whether the most power-seeking policy is more so than the random one, by more than error."""
        if self.groups is None:
            return not self.flat
        width = self.extremes.seeking[MOST] - self.groups.means @ self.references.occupancies[RANDOM]
        error = np.sqrt((self.groups.deviations(width) ** 2).sum())
        least = scipy.stats.t.ppf(0.975, self.groups.count - 1) * error
        return not self.flat and bool(self.groups.weights @ width > least)

    @cached_property
    def extremes(self) -> Extremes:
        """The most and the least power-seeking policies, found again in halves of the reward functions."""
        assert self.groups is not None
        return Extremes.of(self.groups, self.references)

    def normalised(self, share: Floats) -> float:
        """Power-seeking of an occupancy (S,), 0 for random and 1 for most; nan where there is no such scale."""
        return float(self.references.normalised(share)) if self.has_scale else np.nan

    def correlation(self, share: Floats) -> tuple[float, float]:
        """Spearman's correlation of an occupancy (S,) with POWER, and its p-value; see `rank_correlation`.

        States whose POWER cannot be told apart share a rank. The p-value of POWER with errors is left to its interval.
        """
        if self.noise is None:
            found, p = rank_correlation(share, self.references.power, self.counted)
            return float(found), float(p)
        return (np.nan if self.flat else float(self._with(self._ranks, share)[0])), np.nan

    def to_more(self, policy: Floats, share: Floats) -> float:
        """The share of decisions that go to more POWER, of those of which it can be told; see `share_to_more_power`."""
        if self.noise is None:
            return float(share_to_more_power(policy, share, self.references.power, self.references.mdp))
        return np.nan if self.flat else float(self._settled(policy, share, self.references.power[None])[0])

    def replicates(self, name: str, policy: Floats, share: Floats) -> dict[str, Floats]:
        """{statistic: (V, R)} resampled numbers in several variants; an interval holds the percentiles of each."""
        groups, references = self.groups, self.references
        assert groups is not None
        drawn = groups.drawn
        as_found = groups.means @ share
        measured = self.extremes.seeking.get(name, as_found)
        tops = groups.means @ references.occupancies[MOST], self.extremes.seeking[MOST]
        random = drawn @ (groups.means @ references.occupancies[RANDOM])
        power = drawn @ groups.means
        scores = np.full((4, len(drawn)), np.nan)
        if self.has_scale:
            for n, top in enumerate(tops):
                own = (as_found, measured) if name != MOST else (top, top)
                for m, seeking in enumerate(own):
                    scores[2 * n + m] = normalise(drawn @ seeking, random, drawn @ top, power)
            scores = np.minimum(scores, 1.0)  # no policy has more than the most, which is known without drawing
        found = {
            "power_seeking": np.stack([drawn @ as_found, drawn @ measured]),
            "power_alive": (drawn @ power_while_alive(share, groups.means, references.mdp))[None],
            "normalised": scores,
        }
        if self.flat or (name in self.extremes.shares and not self.noise_settled):
            return found | dict.fromkeys(("correlation", "to_more_power"), np.full((1, 1), np.nan))
        few = power[:STEP_REPLICATES]
        correlations = [rank_correlation(share, few, self.counted)[0], self._with(self._ranks_drawn, share)]
        decisions = [
            share_to_more_power(policy, share, few, references.mdp), self._settled(policy, share, few)
        ]  # fmt: skip
        plain = [
            float(rank_correlation(share, references.power, self.counted)[0]),
            float(share_to_more_power(policy, share, references.power, references.mdp)),
        ]
        correlations.append(np.clip(2.0 * plain[0] - correlations[0], -1.0, 1.0))
        decisions.append(np.clip(2.0 * plain[1] - decisions[0], 0.0, 1.0))
        if name in self.extremes.shares:  # the policy itself would be another one with other reward functions
            others = self.extremes.policies[name], self.extremes.shares[name]
            sideless, pooled = self._pooled
            cases = [(*pair, references.power) for pair in zip(*others, strict=True)] + [(*sideless[name], pooled)]
            again = [float(rank_correlation(one, power, self.counted)[0]) for _, one, power in cases]
            correlations.append(np.resize(again, STEP_REPLICATES))
            again = [float(share_to_more_power(one, at, power, references.mdp)) for one, at, power in cases]
            decisions.append(np.resize(again, STEP_REPLICATES))
        return found | {"correlation": np.stack(correlations), "to_more_power": np.stack(decisions)}

    @cached_property
    def _pooled(self) -> tuple[dict[str, tuple[Floats, Floats]], Floats]:
        """{name: policy (S, A), occupancy (S,)} of extremes of POWER that is equal where it cannot be told apart; it.

        Found in noise, an extreme policy takes sides where POWER ties by symmetry; the true one does not.
        """
        assert self.noise is not None
        pooled, references = self.noise.pooled(), self.references
        found = {}
        for name, sign in ((MOST, 1.0), (LEAST, -1.0)):
            policy = optimal_policies(references.mdp, sign * pooled[None], references.gamma).numpy()
            found[name] = policy[0], occupancy(references.mdp, policy, references.gamma, references.initial)[0]
        return found, pooled

    @cached_property
    def _ranks(self) -> Floats:
        """(1, N) settled ranks of POWER."""
        assert self.noise is not None
        return self.noise.ranks(self.counted)

    @cached_property
    def _ranks_drawn(self) -> Floats:
        """(R, N) the same of resampled POWER."""
        assert self.noise is not None
        assert self.groups is not None
        return self.noise.ranks(self.counted, self.groups.drawn[:STEP_REPLICATES] @ self.groups.means)

    def _with(self, ranks: Floats, share: Floats) -> Floats:
        """(B,) the correlation of an occupancy with ranks (B, N) of POWER."""
        if ranks.shape[1] < 3:
            return np.full(len(ranks), np.nan)
        own = centred_ranks(share[self.counted])
        scale = np.sqrt((own**2).sum() * (ranks**2).sum(axis=1))
        found = np.divide(ranks @ own, scale, out=np.full(len(ranks), np.nan), where=scale > 0)
        return np.clip(found, -1.0, 1.0)

    @cached_property
    def _margins(self) -> scipy.sparse.csr_array:
        return decision_margins(self.references.mdp)

    @cached_property
    def _margin_errors(self) -> Floats:
        """(S * A,) how far the margin of an action has to be from 0 to be told from it."""
        assert self.noise is not None
        errors = self.noise.combined(self._margins)
        return np.maximum(APART * errors, TIES * np.abs(self.noise.power).max())

    def _settled(self, policy: Floats, share: Floats, powers: Floats) -> Floats:
        """(B,) of the decisions whose margins are beyond error under POWER (B, S), the share that go to more."""
        weight = (share[:, None] * policy).reshape(-1)
        margins = (self._margins @ powers.T).T
        above, below = (margins > self._margin_errors) @ weight, (margins < -self._margin_errors) @ weight
        return np.divide(above, above + below, out=np.full(len(powers), np.nan), where=above + below > 0)
