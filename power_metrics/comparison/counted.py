"""Behaviour that was counted: what few actions leave unknown of a policy, and the bias that they make."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from power_metrics.chains.occupancy import occupancy
from power_metrics.comparison.behaviour import policy_entropy, power_while_alive, total_variation
from power_metrics.comparison.judge import Judge
from power_metrics.comparison.references import MOST, RANDOM, TASK_OPTIMAL
from powerenvs.model.mdp import TabularMDP

Floats = NDArray[np.float64]

REPLICATES = 100

MAX_UNSEEN = 0.25
"""Of a behaviour's discounted time in states that were never visited; beyond that it has no intervals."""

RANGES = {
    "normalised": (-np.inf, 1.0),
    "entropy": (0.0, np.inf),
    "distance": (0.0, 1.0),
    "correlation": (-1.0, 1.0),
    "to_more_power": (0.0, 1.0),
}
"""What numbers cannot leave, whatever is taken off them for bias."""


@dataclass(frozen=True, eq=False)
class Counted:
    """How often each action was taken in each state.

    Attributes:
        counts: (S, A); or (B, S, A) in B stretches of time, such as episodes, that say nothing of each other.
        table: makes a policy (S, A) of counts (S, A).
    """

    counts: Floats
    table: Callable[[Floats], Floats]

    @property
    def total(self) -> Floats:
        """(S, A) of all stretches."""
        return self.counts if self.counts.ndim == 2 else self.counts.sum(axis=0)

    def again(self, mdp: TabularMDP) -> tuple[Floats, Floats]:
        """What might have been counted instead, as policies: (S, A) that it is drawn from, and (R, S, A) drawn.

        Stretches of time are drawn with replacement. Without them, actions are drawn anew in each state, as often as it
        was visited, from shares that half a further action of each kind smooths: an action that was never taken may
        only have been missed. That holds for behaviour without memory, also where it changed over time. In a state that
        was never visited a single action is drawn, since the behaviour may be anything there.
        """
        rng = np.random.default_rng(0)
        kept = self.total * mdp.available
        visits = kept.sum(axis=1)
        if self.counts.ndim == 3:
            blocks = len(self.counts)
            drawn = rng.multinomial(blocks, np.full(blocks, 1 / blocks), REPLICATES)
            source, redrawn = kept, np.tensordot(drawn, self.counts * mdp.available, axes=1)
        else:
            source = kept + 0.5 * mdp.available
            chance = source / source.sum(axis=1, keepdims=True)
            source = chance * visits[:, None]
            redrawn = rng.multinomial(visits.astype(np.int64), chance, (REPLICATES, len(visits))).astype(np.float64)
        unseen = np.flatnonzero(visits == 0)
        even = mdp.available[unseen] / mdp.available[unseen].sum(axis=1, keepdims=True)
        redrawn[:, unseen] = rng.multinomial(1, even, (REPLICATES, len(unseen)))
        return self.table(source), np.stack([self.table(one) for one in redrawn])

    def unseen(self, share: Floats, mdp: TabularMDP) -> float:
        """The part of an occupancy (S,), up to an episode's end, in states that were never visited."""
        acting = np.where(mdp.terminal, 0.0, share)
        return float(acting[self.total.sum(axis=1) == 0].sum() / max(acting.sum(), np.finfo(np.float64).tiny))

    def note(self, name: str, judge: Judge, share: Floats) -> str:
        """How much was seen, and what that means for intervals."""
        acting, visits = judge.counted, self.total.sum(axis=1)
        seen = int((acting & (visits > 0)).sum())
        how = "taken for independent" if self.counts.ndim == 2 else f"in {len(self.counts):,} stretches of time"
        unseen = self.unseen(share, judge.references.mdp)
        then = (
            "its intervals hold the error of that, and of the bias of few actions"
            if unseen <= MAX_UNSEEN
            else f"no intervals, since {unseen:.0%} of its discounted time is in states that were never visited"
        )
        return (
            f"{name}: estimated from {int(visits.sum()):,} actions, {how}, in {seen:,} of {int(acting.sum()):,} states "
            f"(uniform in the others); {then}"
        )


def errors_of(counted: Counted, judge: Judge) -> dict[str, Floats]:
    """{statistic: (R,)} by how much numbers of what might have been counted miss those that it was drawn from."""
    references = judge.references
    mdp, gamma = references.mdp, references.gamma
    policy, policies = counted.again(mdp)
    policies = np.concatenate([policy[None], policies])
    shares = occupancy(mdp, policies, gamma, references.initial)
    gains = {"expected_return": mdp.action_rewards(), "expected_performance": mdp.action_rewards(performance=True)}
    seeking = shares @ references.power
    width = references.power_seeking(references.occupancies[MOST] - references.occupancies[RANDOM])
    pairs = list(zip(policies, shares, strict=True))
    found = {
        name: np.einsum("bs,bsa,sa->b", shares, policies, gain) / (1.0 - gamma) for name, gain in gains.items()
    } | {
        "power_seeking": seeking,
        "power_alive": np.array([float(power_while_alive(share, references.power, mdp)) for share in shares]),
        "normalised": seeking / width if judge.has_scale else np.full(len(seeking), np.nan),
        "entropy": np.array([policy_entropy(policy, share, mdp) for policy, share in pairs]),
        "distance": np.array([total_variation(share, references.occupancies[TASK_OPTIMAL]) for share in shares]),
        "correlation": np.array([judge.correlation(share)[0] for share in shares]),
        "to_more_power": np.array([judge.to_more(policy, share) for policy, share in pairs]),
    }
    return {name: values[1:] - values[0] for name, values in found.items()}


def with_errors(replicates: Mapping[str, Floats], errors: Mapping[str, Floats]) -> dict[str, Floats]:
    """{statistic: (2 V, R)} with the errors of behaviour: reflected, which takes off their bias, and as they are.

    An interval holds both: reflection alone is too short where numbers are at the end of what they can be.
    """
    found = {}
    for name, error in errors.items():
        length = max(replicates[name].shape[1], len(error))
        both = np.concatenate(
            [replicates[name] - np.resize(error, length), replicates[name] + np.resize(error, length)]
        )
        found[name] = np.clip(both, *RANGES.get(name, (-np.inf, np.inf)))
    return found
