"""A film of an agent that pays for side effects, beside the baseline that it is compared with."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from power_metrics.arguments.checks import check_count, check_seed, resolve_model
from power_metrics.measures.side_effects import PenalisedOptimum
from power_metrics.plots.films import animate_figures
from power_metrics.plots.style import LARGE, NORMAL, Picture, add_note
from powerenvs.render.animation import check_animation_path
from powerenvs.render.tiles import render_board

SIDE, TILE = 2.9, 32
"""The width of a board in inches, and of its tiles in pixels."""
LAST_SECONDS = 2.0


def film_penalised(
    best: PenalisedOptimum,
    env: Any,
    path: str | os.PathLike[str],
    *,
    steps: int | None = None,
    seed: int | None = 0,
    frame_seconds: float = 0.5,
) -> None:
    """Writes a film of an optimal policy: the world on the left, the baseline state on the right.

    It ends with the episode, after so many steps, or when nothing changes any more. What is paid is less penalties.

    Args:
        best: of `power_metrics.penalised_optimum`.
        env: the environment that it was computed for, or its world, which says what states look like.
        path: ends in ``.gif`` or ``.mp4``; written whole or not at all.
        steps: how many at most; the time limit of ``best`` when None.
        seed: of chance, and of the choice among equally good actions.
        frame_seconds: how long each step is shown; the last one longer.

    Raises:
        ValueError: for an environment with other tables or without boards, and a path that names no animation.

    Example:
        >>> import os, tempfile
        >>> import power_metrics as pm
        >>> from power_metrics.plots import film_penalised
        >>> from powerenvs.worlds.side_effects import Vase
        >>> best = pm.penalised_optimum(Vase(), beta=1.0, steps=20)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     film_penalised(best, Vase(), os.path.join(folder, "vase.gif"))
        ...     os.listdir(folder)
        ['vase.gif']
    """
    check_animation_path(path)
    most, first = best.steps if steps is None else check_count("steps", steps), check_seed(seed)
    if resolve_model(env) != best.model:
        raise ValueError("env: expected the environment that the optimum was computed for, found other tables")
    base = getattr(env, "unwrapped", env)
    world = getattr(base, "world", base)
    if not all(hasattr(world, name) for name in ("board", "legend", "level")):
        raise ValueError(f"env: expected a world with boards, found {type(world).__name__} without")
    last = min(most, best.steps) if best.finite_horizon else most
    figures = _figures(best, world, last, np.random.default_rng(first))
    animate_figures(figures, path, frame_seconds=frame_seconds, last_seconds=LAST_SECONDS)


def _figures(best: PenalisedOptimum, world: Any, steps: int, rng: np.random.Generator) -> Iterator[Figure]:
    """A picture of the start and of each step."""
    policy, mdp = best.policy(), best.mdp
    pair = int(rng.choice(mdp.num_states, p=mdp.initial))
    paid, scored, said = 0.0, 0.0, "start"
    for t in range(steps + 1):
        yield _figure(best, world, pair, f"{said}: {paid:.2f} paid in all, performance {scored:g}")
        if t == steps or mdp.terminal[pair]:
            return
        table = policy[t] if best.finite_horizon else policy
        action = int(rng.choice(mdp.num_actions, p=table[pair]))
        row = pair * mdp.num_actions + action
        entries = np.arange(mdp.indptr[row], mdp.indptr[row + 1])
        entry = int(rng.choice(entries, p=mdp.probability[entries]))
        after = int(mdp.successor[entry])
        if after == pair and mdp.deterministic and not best.finite_horizon:
            return
        paid, scored = paid + float(mdp.reward[entry]), scored + float(mdp.performance[entry])
        said, pair = f"step {t + 1}, {mdp.action_labels[action]}", after


def _figure(best: PenalisedOptimum, world: Any, pair: int, heading: str) -> Figure:
    """The world and the baseline."""
    states: Any = best.mdp.state_labels[pair]
    boards = [render_board(world.board(state), world.legend, TILE, ground=world.level.rows) for state in states]
    height = SIDE * boards[0].shape[0] / boards[0].shape[1]
    figure = Picture(figsize=(2 * SIDE + 0.6, height + 1.1), layout="constrained")
    for axes, board, name in zip(figure.subplots(1, 2), boards, ("world", f"baseline: {best.baseline}"), strict=True):
        axes.imshow(board, interpolation="nearest")
        axes.set_title(name, fontsize=NORMAL)
        axes.axis("off")
    figure.suptitle(heading, fontsize=LARGE)
    add_note(figure, [f"deviation {best.deviations[pair]:.3f} at the price {best.beta:g}"])
    return figure
