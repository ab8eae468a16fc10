"""Worlds by their names, and scripts in them."""

from __future__ import annotations

import numpy as np

from powerenvs.worlds import safety

LETTERS = {"u": "up", "d": "down", "l": "left", "r": "right", "n": "noop"}


def build(name, **kwargs):
    return getattr(safety, name)(**kwargs)


def play(world, moves: str, start: int = 0) -> tuple[float, float]:
    """Return and performance of a script in a world (or a start) without chance, by its most probable outcomes."""
    state = list(world.initial())[start][1]
    total = np.zeros(2)
    for move in moves:
        if world.terminal(state):
            break
        best = max(world.step(state, LETTERS[move]), key=lambda outcome: outcome.probability)
        total += best.reward, best.reward if best.performance is None else best.performance
        state = best.state
    return round(total[0], 9), round(total[1], 9)
