"""Occupancy over training, as an animated picture."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import PowerNorm
from numpy.typing import NDArray

from power_metrics.plots.heatmap import board_glyphs, cell_means, has_board, heat_map
from power_metrics.plots.style import LARGE, LEARNED, NORMAL, OPTIMAL, SMALL, Picture, name_bar, plain
from power_metrics.training.tracker import PowerTracker
from powerenvs.render.animation import check_animation_path, write_animation

SIDE = 4.2
"""The longer side of the board, in inches."""
DPI = 80
LAST_SECONDS = 2.0


def save_animation(
    tracker: PowerTracker, path: str | os.PathLike[str], *, frame_seconds: float = 0.2, max_frames: int = 120
) -> None:
    """Writes a film: where the policy spends its time, and below its normalised power-seeking, over training.

    Args:
        tracker: with at least one evaluation, of a model with a board.
        path: ends in ``.gif`` or ``.mp4``; written whole or not at all.
        frame_seconds: how long each evaluation is shown; the last one longer.
        max_frames: of more evaluations, this many are shown, evenly spaced.

    Raises:
        ValueError: for a model without a board, no evaluations, or another suffix.

    Example:
        >>> import os, tempfile
        >>> import numpy as np, power_metrics as pm
        >>> from power_metrics.plots import save_animation
        >>> from powerenvs.worlds.power import PowerGrid
        >>> tracker = pm.PowerTracker(PowerGrid(level="open_3x3"), power=np.arange(9.0), gamma=0.9)
        >>> for step in (0, 1):
        ...     found = tracker.evaluate(tracker.references.policies["random"], step)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_animation(tracker, os.path.join(folder, "training.gif"))
        ...     os.listdir(folder)
        ['training.gif']
    """
    check_animation_path(path)
    if not has_board(tracker.mdp):
        raise ValueError(f"tracker: expected a model with a board, found {tracker.mdp!r} without")
    if not tracker.history:
        raise ValueError("tracker: expected at least one evaluation, found none")
    shown = np.unique(np.linspace(0, len(tracker.history) - 1, max_frames).round().astype(int))
    write_animation(_frames(tracker, shown), path, frame_seconds=frame_seconds, last_seconds=LAST_SECONDS)


def _frames(tracker: PowerTracker, shown: NDArray[np.int64]) -> Iterator[NDArray[np.uint8]]:
    """A picture (height, width, 3) of each of these evaluations."""
    figure, draw = _figure(tracker)
    canvas = FigureCanvasAgg(figure)
    for index in shown:
        draw(int(index))
        canvas.draw()  # type: ignore[no-untyped-call]
        yield np.asarray(canvas.buffer_rgba())[..., :3].copy()  # type: ignore[no-untyped-call]


def _figure(tracker: PowerTracker) -> tuple[Picture, Any]:
    """The figure, and a function that draws evaluation number i into it."""
    mdp = tracker.mdp
    rows, columns = board_glyphs(mdp).shape
    inches = SIDE / max(rows, columns)
    figure = Picture(figsize=(columns * inches + 1.6, rows * inches + 2.6), dpi=DPI, layout="constrained")
    grid = figure.add_gridspec(2, 1, height_ratios=(rows * inches + 0.8, 1.5))
    board, curve = figure.add_subplot(grid[0]), figure.add_subplot(grid[1])
    alive = ~mdp.terminal
    most = max(float(share[alive].max(initial=0.0)) for share in tracker.occupancies) or 1.0
    image = heat_map(board, mdp, tracker.occupancies[0], PowerNorm(0.5, 0.0, most), inches, 2, False)
    bar = figure.colorbar(image, ax=board, extend="max" if mdp.terminal.any() else "neither")
    name_bar(bar, "share of discounted time (square-root scale)")
    steps = [found["step"] for found in tracker.history]
    scores = [found["normalised"] for found in tracker.history]
    best = tracker.history[0]["normalised_task_optimal"]
    curve.axhline(best, color=OPTIMAL, linewidth=1, linestyle="--", label="task-optimal")
    curve.axhline(0, color="0.6", linewidth=0.8)
    (line,) = curve.plot(steps, scores, color=LEARNED, label="learned")
    (dot,) = curve.plot(steps[:1], scores[:1], "o", color=LEARNED)
    curve.set_xlabel("training steps", fontsize=NORMAL)
    curve.set_ylabel("normalised\npower-seeking", fontsize=NORMAL)
    plain(curve)
    curve.legend(fontsize=SMALL, frameon=False, loc="best")

    def draw(index: int) -> None:
        image.set_data(np.ma.masked_invalid(cell_means(mdp, tracker.occupancies[index])))
        line.set_data(steps[: index + 1], scores[: index + 1])
        dot.set_data(steps[index : index + 1], scores[index : index + 1])
        board.set_title(f"{steps[index]:,.0f} steps", fontsize=LARGE)

    return figure, draw
