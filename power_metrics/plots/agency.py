"""`plot_agency`: walks on their worlds, what each seems to be after, and the running posterior under them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import NDArray

from power_metrics.measures.agency import Agency
from power_metrics.plots.generic import plot
from power_metrics.plots.heatmap import board_glyphs, draw_board, has_board, heat_map, placed_states, states_per_cell
from power_metrics.plots.style import LARGE, LEARNED, NORMAL, SMALL, Picture, add_note, name_bar, plain, saved
from power_metrics.plots.sweep_lines import COLOURS
from powerenvs.model.checks import as_list, real
from powerenvs.model.mdp import TabularMDP

Floats = NDArray[np.float64]

SIDE, WIDTH = 2.6, 2.9
"""The longer side of a board, and the width of a column, in inches."""
LEAST = 1.3
"""The least height of the row of boards, which that of the name of the colour bar is."""
ACROSS = 4
"""Of walks in a row."""
MOST = 8
"""Of walks, and of lines in a panel."""
DEVICES = "#d55e00"
"""The colour of devices; agents have that of what is learned."""
STYLES = ("-", "--", ":", "-.")
PATH, RIM = "white", "black"
Lines = Mapping[str, Agency]


@plot.register(Agency)
@saved
def plot_agency(
    result: Agency | Mapping[str, Agency | Mapping[str, Agency]],
    path: str | os.PathLike[str] | None = None,
    *,
    priors: Sequence[float] | None = None,
    title: str | None = None,
) -> Figure:
    """Draws walks on their boards, over the probability of each state to be the goal, with P(agent) under them.

    At the bottom stands log2 evidence of both classes, from which P(agent) follows by any prior.

    Args:
        result: what `power_metrics.agency` returned; or {name of a walk: it} for walks side by side. Instead of a
            result a walk may have {name: result} of the same walk with other classes or another prior: the first is
            drawn on the board and at the bottom, and all have a line of P(agent).
        priors: of P(agent) beforehand; a line for each. By default that of the result.
        title: above all.
        path: also save the figure there, whole or not at all; the suffix chooses the format.

    Raises:
        ValueError: for no walks or more than 8, what is no result, results of different walks under one name, priors
            that are no probabilities or go with several results of a walk, and a suffix that names no picture format.

    Example:
        >>> import power_metrics as pm
        >>> from power_metrics.plots import plot_agency
        >>> from powerenvs.worlds.power import PowerGrid
        >>> grid = PowerGrid(level="open_3x3")
        >>> figure = plot_agency({kind: pm.agency(grid, kind, steps=12) for kind in ("shortest_path", "circle")})
        >>> [ax.get_title().partition(":")[0] for ax in figure.axes if ax.get_title()]
        ['shortest_path', 'circle']
    """
    walks = _walks(result)
    chosen = None if priors is None else _priors(priors, walks)
    first = {name: next(iter(lines.values())) for name, lines in walks.items()}
    boards = [has_board(one.model) for one in first.values()]
    sizes = [board_glyphs(one.model).shape for one, there in zip(first.values(), boards, strict=True) if there]
    inches = min((SIDE / max(size) for size in sizes), default=0.0)
    height = max(LEAST, *(size[0] * inches for size in sizes)) if sizes else 0.0
    count, rows = len(walks), 3 if any(boards) else 2
    across, blocks = min(count, ACROSS), -(-count // ACROSS)
    tall = (height + 1.0 if any(boards) else 0.0) + 4.0
    figure = Picture(figsize=(WIDTH * across + 1.4, blocks * tall + 0.4), layout="constrained")
    grid = figure.add_gridspec(rows * blocks, across, height_ratios=[height + 0.6, 1.7, 1.5][3 - rows :] * blocks)
    image, bar = None, None
    for number, (name, lines) in enumerate(walks.items()):
        block, column = divmod(number, across)
        top, one = block * rows, first[name]
        posterior = figure.add_subplot(grid[top + rows - 2, column])
        draw_posterior(posterior, lines, chosen, legend=number == 0)
        _draw_evidence(figure.add_subplot(grid[top + rows - 1, column], sharex=posterior), one, legend=number == 0)
        heading = figure.add_subplot(grid[top, column]) if boards[number] else posterior
        if boards[number]:
            image = draw_walk(heading, one, one.num_steps, one.goals, inches) or image
        if image is not None and bar is None and column == across - 1:
            bar = figure.colorbar(image, ax=heading, shrink=0.9)
            name_bar(bar, "P(goal | agent)")
        heading.set_title(f"{name}: {_text(one)}" if name else "", fontsize=NORMAL + 1)
    if title:
        figure.suptitle(title, fontsize=LARGE + 1)
    add_note(figure, _note([one for lines in walks.values() for one in lines.values()], any(boards), any(walks)))
    return figure


def draw_walk(ax: Axes, found: Agency, steps: int, goals: Floats | None, inches: float) -> AxesImage | None:
    """A board with the first so many steps of a walk, over the probability (S,) of each state to be the goal."""
    mdp, image = found.model, None
    if goals is None:
        draw_board(ax, mdp, inches)
    else:
        image = heat_map(ax, mdp, cell_totals(mdp, goals), PowerNorm(0.5, 0.0, 1.0), inches, 2, numbers=False)
    assert mdp.cells is not None, "has_board"
    states = found.walk.states[: steps + 1]
    there = mdp.cells[states][placed_states(mdp)[states]][:, ::-1].astype(np.float64)  # x, y
    if not len(there):
        return image
    size = 72 * inches
    rim = [patheffects.withStroke(linewidth=max(1.4, 0.14 * size), foreground=RIM)]
    ax.plot(*there.T, color=PATH, linewidth=max(0.7, 0.06 * size), path_effects=rim, gid="walk", zorder=3)
    style: dict[str, Any] = {"markeredgecolor": RIM, "markeredgewidth": 0.8, "zorder": 4}
    ax.plot(*there[0], "o", color=PATH, markersize=max(3.0, 0.26 * size), gid="start", **style)
    ax.plot(*there[-1], "s", color=DEVICES, markersize=max(3.0, 0.26 * size), gid="end", **style)
    return image


def draw_posterior(ax: Axes, lines: Lines, priors: Sequence[float] | None, legend: bool) -> None:
    """P(agent) after each step; of one result by several priors, or of several results."""
    if priors is None:
        shown = [(name, one.probability) for name, one in lines.items()]
    else:
        (one,) = lines.values()
        shown = [(f"prior {prior:g}", one.by_prior(prior)) for prior in priors]
    for number, (name, probability) in enumerate(shown):
        style: dict[str, Any] = {"marker": "o", "markersize": 3} if len(probability) == 1 else {}
        colour = LEARNED if len(shown) == 1 else COLOURS[number]
        ax.plot(probability, STYLES[number % len(STYLES)], color=colour, linewidth=1.4, label=name, **style)
    ax.axhline(0.5, color="0.8", linewidth=0.8, zorder=0)
    ax.set_ylim(-0.03, 1.03)
    ax.set_ylabel("P(agent)", fontsize=NORMAL)
    plain(ax)
    if legend and len(shown) > 1:
        ax.legend(fontsize=SMALL, frameon=False, loc="best")


def _draw_evidence(ax: Axes, found: Agency, legend: bool) -> None:
    """log2 evidence of both classes after each step."""
    marker = "o" if len(found.log_agents) == 1 else None
    for name, bits, colour in (("agents", found.log_agents, LEARNED), ("devices", found.log_devices, DEVICES)):
        ax.plot(np.where(np.isfinite(bits), bits, np.nan), color=colour, label=name, marker=marker, markersize=3)
    ax.set_xlabel("steps", fontsize=NORMAL)
    ax.set_ylabel("log2 evidence", fontsize=NORMAL)
    ax.locator_params(axis="x", nbins=5, integer=True)
    ax.locator_params(axis="y", nbins=4)
    plain(ax)
    if legend:
        ax.legend(fontsize=SMALL, frameon=False, loc="lower left")


def cell_totals(mdp: TabularMDP, shares: Floats) -> Floats:
    """(S,) numbers whose mean over the states of a cell is the total of theirs."""
    assert mdp.cells is not None, "has_board"
    placed, total = placed_states(mdp), np.zeros(mdp.num_states)
    cells = tuple(mdp.cells[placed].T)
    total[placed] = shares[placed] * states_per_cell(mdp)[cells]
    return total


def _walks(given: Any) -> dict[str, Lines]:
    """{walk: {line: result}}."""
    named = given if isinstance(given, Mapping) else {"": given}
    if not 0 < len(named) <= MOST:
        raise ValueError(f"result: expected 1 to {MOST} walks, found {len(named)}")
    found: dict[str, Lines] = {}
    for name, one in named.items():
        lines = dict(one) if isinstance(one, Mapping) else {"": one}
        wrong = next((line for line in lines.values() if not isinstance(line, Agency)), None)
        if wrong is not None or not 0 < len(lines) <= MOST:
            raise ValueError(f"result: expected results of agency, 1 to {MOST} of each walk, found {one!r}")
        first = next(iter(lines.values()))
        if any(not _same_walk(first, line) for line in lines.values()):
            raise ValueError(f"result: expected results of one walk under {name!r}, found different walks")
        found[str(name)] = lines
    return found


def _same_walk(one: Agency, other: Agency) -> bool:
    return one.model == other.model and np.array_equal(one.states, other.states)


def _priors(given: Any, walks: Mapping[str, Lines]) -> list[float]:
    listed = as_list("priors", given, "probabilities")
    if not 0 < len(listed) <= MOST or any(not 0 <= real(prior) <= 1 for prior in listed):
        raise ValueError(f"priors: expected 1 to {MOST} probabilities, found {given!r}")
    if any(len(lines) > 1 for lines in walks.values()):
        raise ValueError("priors: expected with one result of each walk, found several")
    return [float(prior) for prior in listed]


def _note(results: Sequence[Agency], boards: bool, named: bool) -> list[str]:
    """The classes, where all results have the same, and what is drawn."""
    classes = {(one.agents, one.devices) for one in results}
    said = []
    if len(classes) == 1:
        ((agents, devices),) = classes
        said += [f"agents: {', '.join(agents)}", f"devices: {', '.join(devices)}"]
    if boards:
        said += ["circle: start, square: end", "colours: square-root scale"]
    own = {one.prior for one in results}
    by = f", from {own.pop():g} beforehand" if len(own) == 1 else ""
    return [*said, f"numbers in titles: P(agent) at the end{by}"] if named else said


def _text(found: Agency) -> str:
    """P(agent) at the end; of what is nearly 1 how much is left."""
    last = float(found.probability[-1])
    return f"{last:.3g}" if last <= 0.999 else f"1 − {1 - last:.1g}" if last < 1 else "1"
