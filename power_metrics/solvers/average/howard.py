"""Howard's policy iteration inside an end component: what its deterministic and its stochastic form share.

The bias h of a policy with gain g solves h = w - g + P h, up to a constant. A policy may have several recurrent
classes; then it keeps one with the largest gain, and the states that do not reach it are led there, which an
end component always allows (Haviv & Puterman 1991). So gains are constant and improvement is by bias alone.
"""

from __future__ import annotations

from power_metrics.solvers.average.solver import EndComponents
from power_metrics.solvers.jit import Floats, Ints, inlined, kernel
from power_metrics.solvers.limits import SWITCH


@kernel
def first_policy(lo: int, hi: int, components: EndComponents, reward: Floats, choice: Ints) -> float:
    """Sets ``choice`` of positions lo to hi - 1 to what pays most at the next step; returns the largest |reward|."""
    largest = 0.0
    for i in range(lo, hi):
        choice[i] = components.choices[i]
        top = 0.0
        for k in range(components.choices[i], components.choices[i + 1]):
            largest = max(largest, abs(reward[i] + components.action_reward[k]))
            q = components.action_reward[k]
            for e in range(components.entries[k], components.entries[k + 1]):
                q += components.probability[e] * reward[components.successor[e]]
            if k == components.choices[i] or q > top:
                top = q
                choice[i] = k
    return largest


@kernel
def improve(
    lo: int, hi: int, components: EndComponents, reward: Floats, gain: float, largest: float, bias: Floats, choice: Ints
) -> tuple[bool, float]:
    """Switches to better choices; returns whether there were any, and the violation of the optimality equation.

    The violation is |max_k [w(k) + Σ P(k, j) h(j)] - h(i) - g| as a share of ``largest`` + |h(i)|.
    """
    switched = False
    error = 0.0
    for i in range(lo, hi):
        scale = largest + abs(bias[i])
        current = _advance(i, choice[i], components, bias)
        top = current
        for k in range(components.choices[i], components.choices[i + 1]):
            q = _advance(i, k, components, bias)
            if q > top:
                top = q
                # A switch must gain more than rounding: so every policy is better than the last.
                if q > current + SWITCH * scale:
                    choice[i] = k
                    switched = True
        violation = abs(reward[i] + top - gain)
        if violation > 0.0:
            error = max(error, violation / scale)
    return switched, error


@inlined
def _advance(i: int, k: int, components: EndComponents, bias: Floats) -> float:
    """What choice k of position i earns and changes in bias. In differences, so that large biases do no harm."""
    total = components.action_reward[k]
    for e in range(components.entries[k], components.entries[k + 1]):
        total += components.probability[e] * (bias[components.successor[e]] - bias[i])
    return total


@kernel
def lead_to(root: int, lo: int, hi: int, components: EndComponents, choice: Ints, mark: Ints) -> None:
    """Leads every position from lo to hi - 1 to the root: those that the policy leads astray change their choice.

    Args:
        root: the position to lead to; it keeps its choice.
        lo: the first position of an end component.
        hi: its last, plus 1.
        components: the choices.
        choice: (S,) the policy, in and out.
        mark: (S,) work space.
    """
    for i in range(lo, hi):
        mark[i] = 0
    mark[root] = 1
    left = hi - lo - 1
    redirect = False
    sweep = 0
    while left > 0:
        before = left
        for step in range(hi - lo):
            i = lo + step if sweep % 2 == 0 else hi - 1 - step
            if mark[i] == 1:
                continue
            if _leads_to_marked(choice[i], components, mark):
                mark[i] = 1
                left -= 1
            elif redirect:
                for k in range(components.choices[i], components.choices[i + 1]):
                    if _leads_to_marked(k, components, mark):
                        choice[i] = k
                        mark[i] = 1
                        left -= 1
                        break
        redirect = left == before  # the policy itself leads no further
        sweep += 1


@inlined
def _leads_to_marked(k: int, components: EndComponents, mark: Ints) -> bool:
    found = False
    for e in range(components.entries[k], components.entries[k + 1]):
        found = found or mark[components.successor[e]] == 1
    return found
