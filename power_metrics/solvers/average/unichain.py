"""Optimal gains of stochastic end components: policy iteration with exact elimination."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from power_metrics.solvers.average.howard import first_policy, improve, lead_to
from power_metrics.solvers.average.recurrence import Chain, backward, eliminate, forward, make_chain, most_visited
from power_metrics.solvers.average.solver import ComponentGains, EndComponents, Traits
from power_metrics.solvers.jit import Floats, Ints, kernel
from power_metrics.solvers.limits import MAX_ITERATIONS
from power_metrics.solvers.ordering import Elimination


class Unichain:
    """Policy iteration over policies with one recurrent class; gain and bias by state reduction."""

    name = "unichain"
    eliminates = True

    def fits(self, traits: Traits) -> NDArray[np.bool_]:
        """(n,) all end components."""
        return traits.component

    def solve(
        self, rewards: Floats, nodes: Ints, components: EndComponents, plan: Elimination, out: ComponentGains
    ) -> None:
        """Writes the gains of ``nodes`` to ``out``."""
        solve_unichain(rewards, nodes, components, plan, out)


class Policy(NamedTuple):
    """A policy of all positions, and work space to evaluate it.

    Attributes:
        reward: (S,) rewards by position.
        choice: (S,) the policy.
        bias: (S,) its bias.
        earned: (S,) work space: what is earned on the way to the root.
        time: (S,) work space: how long it takes.
        mark: (S,) work space.
        chain: the policy's chain.
    """

    reward: Floats
    choice: Ints
    bias: Floats
    earned: Floats
    time: Floats
    mark: Ints
    chain: Chain


@kernel
def solve_unichain(
    rewards: Floats, nodes: Ints, components: EndComponents, plan: Elimination, out: ComponentGains
) -> None:
    """Sets the gains of stochastic end components for each row of ``rewards`` (B, S)."""
    S = components.order.shape[0]
    policy = Policy(
        np.empty(S), np.empty(S, np.int32), np.empty(S), np.empty(S), np.empty(S), np.empty(S, np.int32),
        make_chain(S, plan),
    )  # fmt: skip
    reward, choice, bias = policy.reward, policy.choice, policy.bias
    for b in range(rewards.shape[0]):
        for i in range(S):
            reward[i] = rewards[b, components.order[i]]
        for x in nodes:
            lo, hi = components.first[x], components.first[x + 1]
            largest = first_policy(lo, hi, components, reward, choice)
            root = -1
            gain = 0.0
            error = 0.0
            iteration = 0
            switched = True
            while switched and iteration < MAX_ITERATIONS:
                iteration += 1
                gain, root = _evaluate(lo, hi, root, components, plan, policy)
                switched, error = improve(lo, hi, components, reward, gain, largest, bias, choice)
            out.gain[b, x] = gain
            out.residual[b] = max(out.residual[b], error)
            out.iterations[b] = max(out.iterations[b], iteration)
            if out.policy.shape[0] > 0:
                out.policy[b, lo:hi] = choice[lo:hi]


@kernel
def _evaluate(
    lo: int, hi: int, root: int, components: EndComponents, plan: Elimination, policy: Policy
) -> tuple[float, int]:
    """Leads all positions to the policy's best recurrent class; sets the bias and returns the gain and the root.

    The bias is 0 at the root. Rounding grows with the mean time between two visits of it, so that a root that
    is visited rarely, or no longer, is replaced by the state with the largest stationary probability.
    """
    reward, choice, bias, earned, time = policy.reward, policy.choice, policy.bias, policy.earned, policy.time
    chain = policy.chain
    joined = chosen = False
    while True:
        for i in range(lo, hi):
            k = choice[i]
            chain.begin[i] = components.entries[k]
            chain.end[i] = components.entries[k + 1]
            chain.away[i] = 0.0
            earned[i] = reward[i] + components.action_reward[k]
            time[i] = 1.0
        roots = eliminate(lo, hi, root, components.successor, components.probability, plan, chain)
        if root >= 0 and roots > 0 and not chosen:  # the old root is in one recurrent class of several: begin anew
            root = -1
            continue
        forward(lo, hi, root, plan, chain, earned)
        forward(lo, hi, root, plan, chain, time)
        if root < 0:
            best = -1
            for i in range(lo, hi):
                if chain.inverse[i] == 0.0 and (best < 0 or earned[i] / time[i] > earned[best] / time[best]):
                    best = i
            if roots > 1 and not joined:
                lead_to(best, lo, hi, components, choice, policy.mark)
                joined = True
            else:
                root = most_visited(lo, best, plan, chain, bias)
                chosen = True
            continue
        backward(lo, hi, plan, chain, earned)
        backward(lo, hi, plan, chain, time)
        total = reward[root] + components.action_reward[choice[root]]
        period = 1.0
        for e in range(chain.begin[root], chain.end[root]):
            total += components.probability[e] * earned[components.successor[e]]
            period += components.probability[e] * time[components.successor[e]]
        if not chosen and period > hi - lo:  # rarer than the average state: another root keeps more digits
            root = -1
            continue
        # Not earned - gain * time: times can be so long that nothing would be left of the difference.
        gain = total / period
        for i in range(lo, hi):
            bias[i] = reward[i] + components.action_reward[choice[i]] - gain
        forward(lo, hi, root, plan, chain, bias)
        backward(lo, hi, plan, chain, bias)
        return gain, root
