"""The best state of end components in which every state can stay as it is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from power_metrics.solvers.average.howard import lead_to
from power_metrics.solvers.average.solver import ComponentGains, EndComponents, Traits
from power_metrics.solvers.jit import Floats, Ints, kernel
from power_metrics.solvers.ordering import Elimination


class StayPut:
    """The largest reward: an agent walks there and stays, so that comparing is enough."""

    name = "stay_put"
    eliminates = False

    def fits(self, traits: Traits) -> NDArray[np.bool_]:
        """(n,) nodes of which every state can stay as it is."""
        return traits.can_stay

    def solve(
        self, rewards: Floats, nodes: Ints, components: EndComponents, plan: Elimination, out: ComponentGains
    ) -> None:
        """Writes the gains of ``nodes`` to ``out``."""
        solve_stay_put(rewards, nodes, components, out)


@kernel
def solve_stay_put(rewards: Floats, nodes: Ints, components: EndComponents, out: ComponentGains) -> None:
    """Sets the gain of each of the nodes to its largest reward, for each row of ``rewards`` (B, S)."""
    S = components.order.shape[0]
    choice, mark = np.empty(S, np.int32), np.empty(S, np.int32)
    for b in range(rewards.shape[0]):
        for x in nodes:
            lo, hi = components.first[x], components.first[x + 1]
            top = -np.inf
            for i in range(lo, hi):
                top = max(top, rewards[b, components.order[i]])
            out.gain[b, x] = top
            if out.policy.shape[0] > 0:
                best = lo
                while rewards[b, components.order[best]] < top:
                    best += 1
                for i in range(lo, hi):
                    choice[i] = components.choices[i]
                lead_to(best, lo, hi, components, choice, mark)
                _stay_at(best, components, choice)
                out.policy[b, lo:hi] = choice[lo:hi]


@kernel
def _stay_at(i: int, components: EndComponents, choice: Ints) -> None:
    """Sets the choice of position i to one that stays there, if it has one."""
    for k in range(components.choices[i], components.choices[i + 1]):
        entry = components.entries[k]
        if components.entries[k + 1] == entry + 1 and components.successor[entry] == i:
            choice[i] = k
