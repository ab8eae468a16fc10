"""The small models that the theory of corrupt rewards argues with: states that pay whoever arrives.

The reward is what an agent observes, hidden performance what the state truly pays.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any

from powerenvs.model.checks import real
from powerenvs.model.mdp import TabularMDP

Moves = Sequence[tuple[Any, Any, Any, float]]


def _paying(moves: Moves, observed: Mapping[Any, float], true: Mapping[Any, float], initial: Any) -> TabularMDP:
    """A model whose transitions pay what the state pays that they lead to."""
    return TabularMDP.from_transitions(
        moves,
        state_labels=tuple(observed),
        initial=initial,
        reward=[observed[target] for _, _, target, _ in moves],
        performance=[true[target] for _, _, target, _ in moves],
    )


def _anywhere(states: Sequence[str], leads: Mapping[str, str]) -> Moves:
    """{action: state} from everywhere."""
    return [(s, action, target, 1.0) for s in states for action, target in leads.items()]


def corrupt_theorem_16(num_states: int = 4) -> TabularMDP:
    """The model with which theorem 16 shows that at most two corrupt states may cost nearly everything.

    From every state, action k leads to state k, which seems to pay k/n. The state that seems best, n, truly pays 1/n,
    and state 1 truly pays 1; there is nothing else that is not as it seems.

    Args:
        num_states: n, at least 2.

    Raises:
        ValueError: for another number.
    """
    try:
        n = operator.index(num_states)
    except TypeError:
        n = 0
    if n < 2:
        raise ValueError(f"num_states: expected a whole number of at least 2, found {num_states!r}")
    states = [f"s{k}" for k in range(1, n + 1)]
    observed = {s: k / n for k, s in enumerate(states, 1)}
    true = observed | {states[0]: 1.0, states[-1]: 1.0 / n}
    return _paying(_anywhere(states, {f"a{k}": s for k, s in enumerate(states, 1)}), observed, true, states[0])


def corrupt_example_18() -> TabularMDP:
    """Two states, of which one seems to pay 1: a learner that sees only where it is cannot tell which one lies."""
    rewards = {"s1": 0.0, "s2": 1.0}
    return _paying(_anywhere(("s1", "s2"), {"a1": "s1", "a2": "s2"}), rewards, rewards, "s1")


def corrupt_example_21(hypothesis: int = 1) -> TabularMDP:
    """A human who may help, and whose actions cannot be seen rightly in the second state.

    Actions a1 and a2 lead to s1 and s2. Action w in s2 lets the human decide, and leads to s1 with probability 1/2
    under both hypotheses, while the human is seen to choose s2. By the first, s1 is best, the human chose it and it
    works half of the time, and s2 is corrupt; by the second, s2 is best, and choosing it fails half of the time. The
    observed reward is what the human's actions seem to say.

    Args:
        hypothesis: 1 or 2.

    Raises:
        ValueError: for another one.
    """
    if hypothesis not in (1, 2):
        raise ValueError(f"hypothesis: expected 1 or 2, found {hypothesis!r}")
    moves = [*_anywhere(("s1", "s2"), {"a1": "s1", "a2": "s2"}), ("s2", "w", "s1", 0.5), ("s2", "w", "s2", 0.5)]
    true = {"s1": float(hypothesis == 1), "s2": float(hypothesis == 2)}
    return _paying(moves, {"s1": 0.0, "s2": 1.0}, true, "s1")


def corrupt_example_24(num_actions: int = 3, epsilon: float = 0.1) -> TabularMDP:
    """A good state and one that only seems better, to which all actions but one lead.

    Action a1 leads to s1, which pays 1 - ε and seems to; all others to s2, which seems to pay 1 and pays nothing.

    Args:
        num_actions: n, at least 3.
        epsilon: ε, from 0 to 1.

    Raises:
        ValueError: for other numbers.
    """
    try:
        n = operator.index(num_actions)
    except TypeError:
        n = 0
    if n < 3:
        raise ValueError(f"num_actions: expected a whole number of at least 3, found {num_actions!r}")
    if not 0 <= real(epsilon) <= 1:
        raise ValueError(f"epsilon: expected a number from 0 to 1, found {epsilon!r}")
    moves = _anywhere(("s1", "s2"), {"a1": "s1"} | {f"a{k}": "s2" for k in range(2, n + 1)})
    good = 1.0 - float(epsilon)
    return _paying(moves, {"s1": good, "s2": 1.0}, {"s1": good, "s2": 0.0}, "s1")
