"""Howard's policy iteration inside an end component: what its deterministic and its stochastic form share.

The bias h of a policy with gain g solves h = w - g + P h, up to a constant. A policy may have several recurrent
classes; then it keeps one with the largest gain, and the states that do not reach it are led there, which an
end component always allows (Haviv & Puterman 1991). So gains are constant and improvement is by bias alone.
"""

from __future__ import annotations

from power_metrics.solvers.average.components import Floats, Inside
from power_metrics.solvers.average.graph import Ints
from power_metrics.solvers.jit import inlined, kernel
from power_metrics.solvers.limits import SWITCH


@kernel
def first_policy(lo: int, hi: int, inside: Inside, reward: Floats, choice: Ints) -> float:
    """Sets ``choice`` of places lo to hi - 1 to what promises most at the next step; returns the largest |reward|."""
    largest = 0.0
    for i in range(lo, hi):
        choice[i] = inside.choices[i]
        top = 0.0
        for k in range(inside.choices[i], inside.choices[i + 1]):
            largest = max(largest, abs(reward[i] + inside.extra[k]))
            q = inside.extra[k]
            for e in range(inside.entries[k], inside.entries[k + 1]):
                q += inside.probability[e] * reward[inside.successor[e]]
            if k == inside.choices[i] or q > top:
                top = q
                choice[i] = k
    return largest


@kernel
def improve(
    lo: int, hi: int, inside: Inside, reward: Floats, largest: float, gain: float, bias: Floats, choice: Ints
) -> tuple[bool, float]:
    """Switches to better choices; returns whether there were any, and the violation of the optimality equation.

    The violation is |max_k [w(k) + Σ P(k, j) h(j)] - h(i) - g| as a share of ``largest`` + |h(i)|.
    """
    switched = False
    error = 0.0
    for i in range(lo, hi):
        scale = largest + abs(bias[i])
        current = _advance(i, choice[i], inside, bias)
        top = current
        for k in range(inside.choices[i], inside.choices[i + 1]):
            q = _advance(i, k, inside, bias)
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
def _advance(i: int, k: int, inside: Inside, bias: Floats) -> float:
    """What choice k of place i earns and changes in bias. In differences, so that large biases do no harm."""
    total = inside.extra[k]
    for e in range(inside.entries[k], inside.entries[k + 1]):
        total += inside.probability[e] * (bias[inside.successor[e]] - bias[i])
    return total


@kernel
def join(lo: int, hi: int, root: int, inside: Inside, choice: Ints, mark: Ints) -> None:
    """Leads every place from lo to hi - 1 to the root: those that the policy leads astray change their choice.

    Args:
        lo: the first place of an end component.
        hi: its last, plus 1.
        root: the place to lead to; it keeps its choice.
        inside: the choices.
        choice: (S,) the policy, in and out.
        mark: (S,) work space.
    """
    for i in range(lo, hi):
        mark[i] = 0
    mark[root] = 1
    left = hi - lo - 1
    change = False
    sweep = 0
    while left > 0:
        before = left
        for step in range(hi - lo):
            i = lo + step if sweep % 2 == 0 else hi - 1 - step
            if mark[i] == 1:
                continue
            if _leads_to_marked(choice[i], inside, mark):
                mark[i] = 1
                left -= 1
            elif change:
                for k in range(inside.choices[i], inside.choices[i + 1]):
                    if _leads_to_marked(k, inside, mark):
                        choice[i] = k
                        mark[i] = 1
                        left -= 1
                        break
        change = left == before
        sweep += 1


@inlined
def _leads_to_marked(k: int, inside: Inside, mark: Ints) -> bool:
    found = False
    for e in range(inside.entries[k], inside.entries[k + 1]):
        found = found or mark[inside.successor[e]] == 1
    return found
