"""Pictures of dynamics of games: fields on the segment, the square and the simplex, and decompositions side by side."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from power_metrics.games.decomposition import Decomposition
from power_metrics.games.flows import Dynamics, dynamics, follow
from power_metrics.games.resting import RestPoint, rest_points
from power_metrics.plots.style import LARGE, NORMAL, SMALL, Picture, name_bar, plain, saved

Floats = NDArray[np.float64]

COLOURS = "viridis"
"""Of speed."""
PATH = "#de7c20"
CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, 3**0.5 / 2]])
"""Of the triangle, in the order of the strategies."""
MARKS: dict[str, dict[str, Any]] = {
    "stable": {"marker": "o", "markerfacecolor": "black"},
    "saddle": {"marker": "D", "markerfacecolor": "0.65"},
    "source": {"marker": "o", "markerfacecolor": "white"},
    "centre": {"marker": "s", "markerfacecolor": "white"},
    "neutral": {"marker": "^", "markerfacecolor": "white"},
}
SIDE = 3.6
"""The side of a panel in inches."""
GRID = 15


@saved
def plot_dynamics(
    field: Dynamics,
    *,
    starts: Sequence[Floats] | None = None,
    time: float = 40.0,
    title: str | None = None,
    path: str | os.PathLike[str] | None = None,
) -> Figure:
    """Draws the field of a game's dynamics with paths and rest points by kind.

    One population of two strategies is a segment with its rate of change above, one of three a triangle; two
    populations of two strategies are a square.

    Args:
        field: what `power_metrics.games.dynamics` makes.
        starts: states that paths begin at; some on a grid when None.
        time: how long paths are followed.
        title: above.
        path: also save the figure there, whole or not at all; the suffix chooses the format.

    Raises:
        ValueError: for other numbers of strategies, which have no plane to be drawn on.

    Example:
        >>> import power_metrics as pm
        >>> from power_metrics.plots import plot_dynamics
        >>> figure = plot_dynamics(pm.games.dynamics(pm.games.named("battle_of_the_sexes")))
        >>> figure.axes[0].get_xlabel()
        'share of opera (row)'
    """
    if field.sizes not in ((2,), (3,), (2, 2)):
        raise ValueError(
            "field: expected one population of two or three strategies, or two populations of two, found sizes "
            f"{field.sizes}; leave out strategies that die out"
        )
    figure = Picture(figsize=(SIDE * 1.45, SIDE * 1.25), layout="constrained")
    ax = figure.subplots()
    points = _rest(field)
    bar = _panel(ax, field, points, starts, time)
    ax.set_title(title or _title(field), fontsize=LARGE)
    if bar is not None:
        name_bar(figure.colorbar(bar, ax=ax, shrink=0.75, pad=0.03), "speed")
    _legend(figure, [points])
    return figure


@saved
def plot_decomposition(
    found: Decomposition,
    kind: str = "replicator",
    *,
    time: float = 40.0,
    path: str | os.PathLike[str] | None = None,
    **options: float,
) -> Figure:
    """Draws an asymmetric game's dynamics beside those of its two counterparts.

    With two strategies each, the game is a square and the counterparts are segments along its sides: its rest points
    with equal supports lie where theirs do. With three, the game's paths are drawn in a triangle for each population.

    Args:
        found: what `power_metrics.games.decompose` returned, of a game with two or three strategies each.
        kind: of dynamics.
        time: how long paths are followed.
        path: also save the figure there, whole or not at all; the suffix chooses the format.
        options: of `power_metrics.games.dynamics`: ``mutation``, ``noise``.

    Raises:
        ValueError: for other numbers of strategies.

    Example:
        >>> import power_metrics as pm
        >>> from power_metrics.plots import plot_decomposition
        >>> figure = plot_decomposition(pm.games.decompose(pm.games.named("battle_of_the_sexes")))
        >>> [ax.get_title() for ax in figure.axes[:3]]
        ['the game', 'counterpart with A', 'counterpart with Bᵀ']
    """
    size = found.square.shape[0]
    if size not in (2, 3):
        raise ValueError(f"found: expected a game of two or three strategies, found one of {size}")
    whole = dynamics(found.square, kind, **options)
    halves = [dynamics(counterpart, kind, **options) for counterpart in found.counterparts]
    count = 3 if size == 2 else 4
    figure = Picture(figsize=(SIDE * count * 1.05, SIDE * (1.2 if size == 2 else 1.35)), layout="constrained")
    axes = figure.subplots(1, count)
    points = [_rest(half) for half in halves]
    if size == 2:
        points.append(_rest(whole))
        bars = [_panel(axes[0], whole, points[-1], None, time)]
        axes[0].set_title("the game", fontsize=LARGE)
    else:
        _shadows(axes[:2], whole, time)
        bars = []
    for ax, half, rest, name in zip(axes[-2:], halves, points[:2], ("A", "Bᵀ"), strict=True):
        bars.append(_panel(ax, half, rest, None, time))
        ax.set_title(f"counterpart with {name}", fontsize=LARGE)
    for ax, bar in zip(axes[[0]] if size == 2 else axes[-2:], filter(None, bars), strict=False):
        where = "bottom" if size == 3 else "right"
        name_bar(figure.colorbar(bar, ax=ax, shrink=0.75, pad=0.03, location=where), "speed")
    _legend(figure, points)
    figure.suptitle(f"{found.game.title or 'Game'}: {_title(whole)}", fontsize=LARGE)
    return figure


def _panel(
    ax: Axes, field: Dynamics, points: Sequence[RestPoint], starts: Sequence[Floats] | None, time: float
) -> ScalarMappable | None:
    """Draws one field, and returns what its colours mean."""
    if field.sizes == (2,):
        _segment(ax, field, points)
        return None
    flat, triangle = _flat(field), field.sizes == (3,)
    states = _inside(field)
    arrows, speeds = [], []
    for state in states:
        change = field(state)
        arrows.append(flat(state + change) - flat(state))
        speeds.append(float(np.linalg.norm(arrows[-1])))
    places, directions, lengths = np.array([flat(state) for state in states]), np.array(arrows), np.array(speeds)
    units = directions / np.maximum(lengths, 1e-300)[:, None]
    scale = Normalize(0.0, float(lengths.max()) or 1.0)
    drawn = ax.quiver(
        *places.T, *units.T, lengths, cmap=COLOURS, norm=scale, angles="xy", scale_units="xy", pivot="mid",
        scale=1.0 / (0.055 if triangle else 0.05), width=0.005, headwidth=4.5, headlength=4.5, headaxislength=4.0,
    )  # fmt: skip
    for start in _starts(field) if starts is None else starts:
        way = np.array([flat(state) for state in follow(field, start, time, times=_times(time)).states])
        ax.plot(*way.T, color=PATH, linewidth=1.3, zorder=3)
    for point in points:
        _mark(ax, flat(point.state), point.kind)
    if triangle:
        _triangle(ax, field.names[0])
    else:
        plain(ax)
        ax.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), aspect="equal")
        labels = [f"share of {names[0]} ({who})" for names, who in zip(field.names, field.populations, strict=True)]
        ax.set_xlabel(labels[0], fontsize=NORMAL)
        ax.set_ylabel(labels[1], fontsize=NORMAL)
    return drawn


def _segment(ax: Axes, field: Dynamics, points: Sequence[RestPoint]) -> None:
    """Two strategies: how fast the share of the first changes, and where to."""
    shares = np.linspace(0.0, 1.0, 401)
    speed = np.array([field(np.array([share, 1.0 - share]))[0] for share in shares])
    ax.axhline(0.0, color="0.4", linewidth=0.8)
    ax.plot(shares, speed, color=PATH, linewidth=1.5)
    reach = float(np.abs(speed).max()) or 1.0
    arrows = np.linspace(0.04, 0.96, 16)
    signs = np.sign([field(np.array([share, 1.0 - share]))[0] for share in arrows])
    moving = signs != 0
    ax.quiver(
        arrows[moving], np.zeros(moving.sum()), 0.04 * signs[moving], np.zeros(moving.sum()), angles="xy",
        scale_units="xy", scale=1.0, pivot="mid", width=0.006, headwidth=5, color="#2f6ea5", zorder=3,
    )  # fmt: skip
    for point in points:
        _mark(ax, np.array([point.state[0], 0.0]), point.kind)
    plain(ax)
    ax.set(xlim=(-0.03, 1.03), ylim=(-1.15 * reach, 1.15 * reach), box_aspect=1)
    ax.set_xlabel(f"share of {field.names[0][0]}", fontsize=NORMAL)
    ax.set_ylabel("rate of change of the share", fontsize=NORMAL)


def _shadows(axes: Sequence[Axes], field: Dynamics, time: float) -> None:
    """Two populations of three strategies: the paths of both, from the same starts, each in its triangle."""
    rng = np.random.default_rng(0)
    for _ in range(12):
        start = field.state(*(rng.dirichlet(np.ones(size)) for size in field.sizes))
        states = follow(field, start, time, times=_times(time)).states
        for ax, part in zip(axes, field.parts, strict=True):
            way = states[:, part] @ CORNERS
            ax.plot(*way.T, color=PATH, linewidth=1.2)
            ax.plot(*way[0], marker=".", color="0.4", markersize=4)
            ax.plot(*way[-1], marker="o", color="black", markersize=4, zorder=4)
    for ax, names, who in zip(axes, field.names, field.populations, strict=True):
        _triangle(ax, names)
        ax.set_title(f"the game: {who} population", fontsize=LARGE)


def _triangle(ax: Axes, names: Sequence[str]) -> None:
    ax.plot(*CORNERS[[0, 1, 2, 0]].T, color="0.3", linewidth=1.0, zorder=2)
    for corner, name, (align, way) in zip(
        CORNERS, names, [("center", -0.05), ("center", -0.05), ("center", 0.04)], strict=True
    ):
        ax.text(corner[0], corner[1] + way, name, ha=align, va="bottom" if way > 0 else "top", fontsize=NORMAL)
    ax.set(xlim=(-0.1, 1.1), ylim=(-0.14, 1.0), aspect="equal")
    ax.axis("off")


def _flat(field: Dynamics) -> Callable[[Floats], Floats]:
    """What takes a state to a point of the plane."""
    return (lambda state: state @ CORNERS) if field.sizes == (3,) else (lambda state: state[[0, 2]])


def _inside(field: Dynamics) -> list[Floats]:
    """States on a grid, away from the border."""
    if field.sizes == (3,):
        steps = GRID + 2
        cells = [(i, j) for i in range(1, steps) for j in range(1, steps - i)]
        return [np.array([i, j, steps - i - j]) / steps for i, j in cells]
    ticks = (np.arange(GRID) + 0.5) / GRID
    return [np.array([x, 1 - x, y, 1 - y]) for x in ticks for y in ticks]


def _times(time: float) -> Floats:
    """When paths are looked at: more often at first, when they are fast."""
    return time * np.linspace(0.0, 1.0, 1500) ** 2


def _starts(field: Dynamics) -> list[Floats]:
    """States that paths begin at."""
    if field.sizes == (3,):
        return [np.array(point) / 10 for point in ((8, 1, 1), (1, 8, 1), (1, 1, 8), (4, 3, 3), (2, 4, 4))]
    return [np.array([x, 1 - x, y, 1 - y]) for x, y in ((0.1, 0.8), (0.8, 0.1), (0.9, 0.25), (0.3, 0.9), (0.5, 0.45))]


def _rest(field: Dynamics) -> list[RestPoint]:
    return [] if field.kind == "best_response" else rest_points(field)


def _mark(ax: Axes, place: Floats, kind: str) -> None:
    ax.plot(*place, markersize=7, color="black", linestyle="none", zorder=5, clip_on=False, **MARKS[kind])


def _legend(figure: Figure, points: Sequence[Sequence[RestPoint]]) -> None:
    kinds = [kind for kind in MARKS if any(point.kind == kind for group in points for point in group)]
    if kinds:
        handles = [Line2D([], [], color="black", linestyle="none", markersize=6, **MARKS[kind]) for kind in kinds]
        figure.legend(
            handles, kinds, loc="outside lower center", ncols=len(kinds), fontsize=SMALL, frameon=False,
            title="rest points", title_fontsize=SMALL,
        )  # fmt: skip


def _title(field: Dynamics) -> str:
    extra = {"mutator": f", mutation {field.mutation:g}", "logit": f", noise {field.noise:g}"}.get(field.kind, "")
    name = {"mutator": "replicator-mutator", "best_response": "best response"}.get(field.kind, field.kind)
    return f"{name} dynamics{extra}"
