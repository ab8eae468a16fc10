"""The maximum cycle mean of deterministic end components: Howard's policy iteration."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from power_metrics.solvers.average.howard import first_policy, improve, lead_to
from power_metrics.solvers.average.solver import ComponentGains, EndComponents, Traits
from power_metrics.solvers.jit import Floats, Ints, kernel
from power_metrics.solvers.limits import MAX_ITERATIONS
from power_metrics.solvers.ordering import Elimination


class CycleMean:
    """Policy iteration; a policy is evaluated by following its arrows into their cycles."""

    name = "cycle_mean"
    eliminates = False

    def fits(self, traits: Traits) -> NDArray[np.bool_]:
        """(n,) deterministic end components."""
        return traits.deterministic

    def solve(
        self, rewards: Floats, nodes: Ints, components: EndComponents, plan: Elimination, out: ComponentGains
    ) -> None:
        """Writes the gains of ``nodes`` to ``out``."""
        solve_cycle_mean(rewards, nodes, components, out)


class Walk(NamedTuple):
    """The arrows of a policy, and room to follow them.

    Attributes:
        following: (S,) the next position.
        mark: (S,) where a position was seen from.
        path: (S,) the positions of the present walk.
    """

    following: Ints
    mark: Ints
    path: Ints


@kernel
def solve_cycle_mean(rewards: Floats, nodes: Ints, components: EndComponents, out: ComponentGains) -> None:
    """Sets the gains of deterministic end components for each row of ``rewards`` (B, S)."""
    S = components.order.shape[0]
    reward, bias, choice = np.empty(S), np.empty(S), np.empty(S, np.int32)
    walk = Walk(np.empty(S, np.int32), np.empty(S, np.int32), np.empty(S, np.int32))
    for b in range(rewards.shape[0]):
        for i in range(S):
            reward[i] = rewards[b, components.order[i]]
        for x in nodes:
            lo, hi = components.first[x], components.first[x + 1]
            largest = first_policy(lo, hi, components, reward, choice)
            gain = 0.0
            error = 0.0
            iteration = 0
            switched = True
            while switched and iteration < MAX_ITERATIONS:
                iteration += 1
                gain = _evaluate(lo, hi, components, reward, choice, bias, walk)
                switched, error = improve(lo, hi, components, reward, gain, largest, bias, choice)
            out.gain[b, x] = gain
            out.residual[b] = max(out.residual[b], error)
            out.iterations[b] = max(out.iterations[b], iteration)
            if out.policy.shape[0] > 0:
                out.policy[b, lo:hi] = choice[lo:hi]


@kernel
def _evaluate(
    lo: int, hi: int, components: EndComponents, reward: Floats, choice: Ints, bias: Floats, walk: Walk
) -> float:
    """Leads all positions to the policy's best cycle; sets the bias and returns the gain, its mean."""
    following, mark, path = walk.following, walk.mark, walk.path
    for i in range(lo, hi):
        following[i] = components.successor[components.entries[choice[i]]]
        mark[i] = -1
    cycles = 0
    gain = -np.inf
    root = lo
    for origin in range(lo, hi):
        i = origin
        while mark[i] < 0:
            mark[i] = origin
            i = following[i]
        if mark[i] == origin:  # the walk has met itself: a new cycle
            cycles += 1
            total = 0.0
            length = 0
            j = i
            while length == 0 or j != i:
                total += reward[j] + components.action_reward[choice[j]]
                length += 1
                j = following[j]
            if total / length > gain:
                gain = total / length
                root = i
    if cycles > 1:
        lead_to(root, lo, hi, components, choice, mark)
        for i in range(lo, hi):
            following[i] = components.successor[components.entries[choice[i]]]
    for i in range(lo, hi):
        mark[i] = 0
    mark[root] = 1
    bias[root] = 0.0
    for origin in range(lo, hi):
        i = origin
        length = 0
        while mark[i] == 0:
            mark[i] = 1
            path[length] = i
            length += 1
            i = following[i]
        while length > 0:
            length -= 1
            i = path[length]
            bias[i] = reward[i] + components.action_reward[choice[i]] - gain + bias[following[i]]
    return gain
