"""`film_agency`: a walk, what it seems to be after, and P(agent), step by step."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from numpy.typing import NDArray

from power_metrics.agents_and_devices.members import DEVICES
from power_metrics.agents_and_devices.tracker import AgencyTracker
from power_metrics.arguments.checks import check_count, resolve_model
from power_metrics.measures.agency import Agency, agency
from power_metrics.plots.agency import SIDE, draw_posterior, draw_walk
from power_metrics.plots.heatmap import board_glyphs, has_board
from power_metrics.plots.style import LARGE, LEARNED, NORMAL, Picture, name_bar
from powerenvs.render.animation import check_animation_path, write_animation

DPI = 90
LAST_SECONDS = 2.0


def film_agency(
    env_or_mdp: Any,
    trajectory: str | Any,
    path: str | os.PathLike[str],
    agents: str | Any = "goals",
    devices: Sequence[str] | Any = DEVICES,
    prior: float = 0.5,
    *,
    steps: int = 60,
    seed: int = 0,
    frame_seconds: float = 0.3,
    max_frames: int = 120,
) -> None:
    """Writes a film of a walk over the probability of each state to be its goal, with P(agent) under it.

    Args:
        env_or_mdp: an environment or a `powerenvs.TabularMDP`, with a board.
        trajectory: as for `power_metrics.agency`.
        path: ends in ``.gif`` or ``.mp4``; written whole or not at all.
        agents: as for `power_metrics.agency`.
        devices: as for `power_metrics.agency`.
        prior: P(agent) before anything is seen.
        steps: the most steps of a kind of trajectory.
        seed: of a kind of trajectory.
        frame_seconds: how long each step is shown; the last one longer.
        max_frames: of longer walks so many steps are shown, evenly spaced.

    Raises:
        ValueError: for a model without a board, a path that names no animation, and what `power_metrics.agency`
            refuses.

    Example:
        >>> import os, tempfile
        >>> from power_metrics.plots import film_agency
        >>> from powerenvs.worlds.power import PowerGrid
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     film_agency(PowerGrid(level="open_3x3"), "shortest_path", os.path.join(folder, "walk.gif"))
        ...     os.listdir(folder)
        ['walk.gif']
    """
    check_animation_path(path)
    mdp, most = resolve_model(env_or_mdp), check_count("max_frames", max_frames)
    if not has_board(mdp):
        raise ValueError(f"env: expected a model with a board, found {mdp!r} without")
    found = agency(mdp, trajectory, agents, devices, prior, steps=steps, seed=seed)
    if found.walk.states.size == 0:
        raise ValueError("trajectory: expected at least one state, found none")
    tracker = AgencyTracker(mdp, agents, devices, prior)
    shown = np.unique(np.linspace(0, found.num_steps, most).round().astype(int)).tolist()
    write_animation(_frames(found, tracker, shown), path, frame_seconds=frame_seconds, last_seconds=LAST_SECONDS)


def _frames(found: Agency, tracker: AgencyTracker, shown: Sequence[int]) -> Iterator[NDArray[np.uint8]]:
    """A picture (height, width, 3) after each of these numbers of steps."""
    rows, columns = board_glyphs(found.model).shape
    inches = 1.4 * SIDE / max(rows, columns)
    figure = Picture(figsize=(max(3.4, columns * inches + 1.8), rows * inches + 2.9), dpi=DPI, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    grid = figure.add_gridspec(2, 1, height_ratios=(rows * inches + 0.7, 1.5))
    board, curve = figure.add_subplot(grid[0]), figure.add_subplot(grid[1])
    draw_posterior(curve, {"": found}, None, legend=False)
    curve.set_xlabel("steps", fontsize=NORMAL)
    (line,) = [one for one in curve.lines if one.get_color() == LEARNED]
    (dot,) = curve.plot([0], found.probability[:1], "o", color=LEARNED)
    walk, bar = found.walk, None
    for step in shown:
        while tracker.num_steps < step:
            tracker.see(int(walk.states[tracker.num_steps]), int(walk.actions[tracker.num_steps]))
        board.clear()
        image = draw_walk(board, found, step, tracker.goals, inches)
        if bar is None and image is not None:
            bar = figure.colorbar(image, ax=board)
            name_bar(bar, "P(goal | agent)")
        board.set_title(f"step {step}: P(agent) {found.probability[step]:.3f}", fontsize=LARGE)
        line.set_data(range(step + 1), found.probability[: step + 1])
        dot.set_data([step], [found.probability[step]])
        canvas.draw()  # type: ignore[no-untyped-call]
        yield np.asarray(canvas.buffer_rgba())[..., :3].copy()  # type: ignore[no-untyped-call]
