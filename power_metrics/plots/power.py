"""`plot_power` and `plot_powers`: POWER of one or several models, each picture saying how it was computed."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, ScalarFormatter
from numpy.typing import NDArray

from power_metrics.plots.bars import MAX_BARS, StateValues, bar_chart, bar_labels, bar_limits
from power_metrics.plots.heatmap import (
    BEYOND,
    board_glyphs,
    cell_means,
    has_board,
    heat_map,
    placed_states,
    states_per_cell,
)
from power_metrics.plots.panels import Panels, bar_panels, board_panels
from power_metrics.plots.split import By, Where, split
from power_metrics.plots.spread import QUANTITIES, of_quantity, quantity_title
from power_metrics.plots.style import (
    LARGE,
    NORMAL,
    NOTE_COLOUR,
    SMALL,
    beyond_noise,
    drawn_from,
    ends_beyond,
    name_bar,
    rising,
    root_figure,
    saved,
    without_outliers,
    wrap_note,
)
from powerenvs.authoring.level import WALL

if TYPE_CHECKING:
    from power_metrics.results.estimate import PowerEstimate

Scale = tuple[float, float]
"""The lowest and the highest POWER that colours or bars show."""
BAR_STEPS = 5
"""Of the numbers beside a colour bar, at most: more of them are long, and overlap or push its name out."""


@saved
def plot_power(
    estimate: PowerEstimate,
    *,
    quantity: str = "mean",
    by: By | None = None,
    where: Where | None = None,
    ax: Axes | None = None,
    values: bool | None = None,
    title: str | None = None,
    vmin: float | None = None,
    vmax: float | None = None,
    path: str | os.PathLike[str] | None = None,
) -> Figure:
    """Draws the POWER of every state.

    A model with a board becomes a heat map on it; where several states share a cell (facing directions,
    things carried), the cell shows their mean, unless ``by`` tells them apart or ``where`` chooses some. A model
    without one becomes a bar chart with 95 % intervals: of all states in their order, or, if there are more than 40,
    of 40 states at evenly spaced ranks.

    Args:
        estimate: what `power_metrics.power` returned.
        quantity: ``"mean"``, POWER itself; ``"standard deviation"`` or ``"variance"`` of POWER over reward functions,
            which needs an estimate that kept its samples.
        by: what tells panels apart, up to 12 on one scale: a feature of the labels of states, such as ``"has_key"``;
            several; or a function of a label. None for one panel.
        where: which states are shown: {feature: value}, or a function of a label; None for all.
        ax: axes to draw on; a new figure when None.
        values: whether numbers appear in the cells or beside the bars; None for where they are legible.
        title: above the picture; by default the discount.
        vmin: POWER at the low end of the scale; by default 0 for bars, and for colours the lowest value of a
            cell that is not terminal (POWER without any choice is far from all others'), single outliers left out.
        vmax: POWER at its high end; by default the highest, likewise.
        path: also save the figure there, whole or not at all; the suffix chooses the format.

    Returns:
        The figure drawn on.

    Raises:
        ValueError: if vmin is not below vmax, the suffix of ``path`` names no picture format, the quantity is
            unknown or needs samples that were not kept, no state has a feature or a value that is named, ``by`` has
            more than 12 values, or there is no room for its panels on ``ax``.

    Example:
        >>> import power_metrics as pm
        >>> from power_metrics.plots import plot_power
        >>> from powerenvs.worlds.power import PowerGrid
        >>> figure = plot_power(pm.power(PowerGrid(level="open_3x3"), num_samples=50, progress=False))
        >>> figure.axes[0].get_title()
        'POWER, γ = 0.9'
    """
    if ax is not None and by is not None:
        raise ValueError("ax: expected None together with by=, which needs axes for each panel")
    how, heading = _drawn([estimate]), f"{quantity_title(quantity)}, γ = {estimate.gamma:g}"
    return draw_split(
        of_quantity(estimate, quantity), how, heading if title is None else title, QUANTITIES[quantity],
        by=by, where=where, ax=ax, values=values, vmin=vmin, vmax=vmax,
    )  # fmt: skip


def draw_split(
    whole: StateValues,
    how: list[str],
    heading: str,
    label: str,
    *,
    by: By | None = None,
    where: Where | None = None,
    ax: Axes | None = None,
    values: bool | None = None,
    vmin: float | None = None,
    vmax: float | None = None,
) -> Figure:
    """A number for each state, in a panel or, split by a feature of the states, in several on one scale.

    Args:
        whole: the numbers.
        how: the first parts of the note.
        heading: the title.
        label: of the scale.
        by: as in `plot_power`, like all that follow.
        where: which states.
        ax: where to draw; a new figure when None.
        values: whether numbers appear.
        vmin: the low end of the scale.
        vmax: its high end.
    """
    parts, note = split(whole.mdp, by, where)
    shown = [whole] if by is None and where is None else [part.of(whole) for part in parts]
    scales = [power_scale(shown, vmin, vmax)]
    how = [*how, *note]
    if ax is not None:
        panels = _on_axes(ax, shown[0], scales, how)
    else:
        panels = state_panels(shown, scales, how, heading if by is not None else None)
    draw_states(panels, shown, scales, values, label)
    if by is None:
        panels.axes[0].set_title(heading, fontsize=LARGE)
    else:
        for panel, part in zip(panels.axes, parts, strict=True):
            panel.set_title(part.title, fontsize=NORMAL)
    return panels.figure


@saved
def plot_powers(
    estimates: Iterable[PowerEstimate],
    *,
    quantity: str = "mean",
    same_scale: bool = True,
    values: bool | None = None,
    title: str | None = None,
    titles: Sequence[str] | None = None,
    vmin: float | None = None,
    vmax: float | None = None,
    path: str | os.PathLike[str] | None = None,
) -> Figure:
    """Draws several estimates side by side, such as one model at several discounts.

    Args:
        estimates: at least one; all with a board, or all without.
        quantity: what of POWER is drawn, as in `plot_power`.
        same_scale: whether all panels share one scale, which shows how they differ; False for a scale each, which
            shows the pattern within each.
        values: whether numbers appear in the cells or beside the bars; None for where they are legible.
        title: above all panels; by default "POWER".
        titles: one above each panel; by default the discounts.
        vmin: POWER at the low end of the scales; by default the lowest of what they show, as in `plot_power`.
        vmax: POWER at their high end; by default the highest.
        path: also save the figure there, whole or not at all; the suffix chooses the format.

    Raises:
        ValueError: for no estimates, a wrong number of titles, a mix of models with and without a board,
            vmin not below vmax, a suffix that names no picture format, or a quantity that is unknown or needs
            samples that were not kept.

    Example:
        >>> import power_metrics as pm
        >>> from power_metrics.plots import plot_powers
        >>> from powerenvs.worlds.power import PowerGrid
        >>> estimates = pm.power(PowerGrid(level="open_3x3"), [0.1, 0.9], num_samples=50, progress=False)
        >>> figure = plot_powers(estimates)
        >>> [ax.get_title() for ax in figure.axes[:2]]
        ['γ = 0.1', 'γ = 0.9']
    """
    estimates = [of_quantity(estimate, quantity) for estimate in estimates]
    if not estimates:
        raise ValueError("estimates: expected at least one, found none")
    boards = sum(has_board(e.mdp) for e in estimates)
    if 0 < boards < len(estimates):
        raise ValueError(
            f"estimates: expected all models with a board or all without, found {boards} of {len(estimates)} with one"
        )
    titles = [f"γ = {e.gamma:g}" for e in estimates] if titles is None else list(titles)
    if len(titles) != len(estimates):
        raise ValueError(f"titles: expected {len(estimates)}, one for each estimate, found {len(titles)}")
    groups = [estimates] if same_scale else [[e] for e in estimates]
    scales = [power_scale(group, vmin, vmax) for group in groups]
    panels = state_panels(estimates, scales, _drawn(estimates), quantity_title(quantity) if title is None else title)
    draw_states(panels, estimates, scales, values, QUANTITIES[quantity])
    for ax, panel_title in zip(panels.axes, titles, strict=True):
        ax.set_title(panel_title, fontsize=LARGE)
    return panels.figure


def state_panels(
    estimates: Sequence[StateValues], scales: list[Scale], how: list[str], heading: str | None = None
) -> Panels:
    """A figure with a panel for each, as large as what they show needs; one scale for all, or one each.

    Args:
        estimates: all of models with a board, or all without.
        scales: one for all, or one each.
        how: the first parts of the note.
        heading: the title over all panels.
    """
    note = [*how, *_left_out(estimates, scales)]
    if has_board(estimates[0].mdp):
        return board_panels([board_glyphs(e.mdp).shape for e in estimates], note, heading, own_bars=len(scales) > 1)
    labels = [bar_labels(e) for e in estimates]
    longest = max(len(label) for shown in labels for label in shown)
    return bar_panels(max(map(len, labels)), longest, len(estimates), note, heading)


def _on_axes(ax: Axes, estimate: StateValues, scales: list[Scale], how: list[str]) -> Panels:
    """The caller's axes as the only panel, with the note under its label."""
    figure = root_figure(ax)
    box = ax.get_window_extent().transformed(figure.dpi_scale_trans.inverted())
    note = wrap_note([*how, *_left_out([estimate], scales)], box.width)
    style: dict[str, Any] = {"ha": "center", "va": "top", "fontsize": SMALL, "color": NOTE_COLOUR, "gid": "note"}
    ax.annotate(note, (0.5, 0), (0, -4), xycoords=ax.xaxis.label, textcoords="offset points", **style)
    rows, columns = board_glyphs(estimate.mdp).shape if has_board(estimate.mdp) else (1, 1)
    return Panels(figure, [ax], min(box.width / columns, box.height / rows))


def draw_states(
    panels: Panels, estimates: Sequence[StateValues], scales: list[Scale], values: bool | None, label: str
) -> None:
    """Fills each panel with a heat map or a bar chart, and adds the colour bars of heat maps."""
    groups = _groups(estimates, scales)
    decimals = [decimals_shown(group, scale) for group, scale in groups]
    panels_each = len(estimates) // len(groups)
    if not has_board(estimates[0].mdp):
        for i, (ax, e) in enumerate(zip(panels.axes, estimates, strict=True)):
            bar_chart(ax, e, groups[i // panels_each][1], decimals[i // panels_each], values, label)
        return
    norms = [Normalize(*scale) for scale in scales]
    images = [
        heat_map(ax, e.mdp, e.mean, norms[i // panels_each], panels.inches, decimals[i // panels_each], values)
        for i, (ax, e) in enumerate(zip(panels.axes, estimates, strict=True))
    ]
    lines = [ax.get_position().y1 for ax in panels.axes]
    for i, ax in enumerate(panels.axes):
        if i and abs(lines[i] - lines[i - 1]) < 0.01:
            ax.set_ylabel("")  # rows are named once in each line of panels
    for i, (group, scale) in enumerate(groups):
        bar = panels.figure.colorbar(
            images[i * panels_each],
            cax=panels.own_bars[i] if panels.own_bars else panels.colour_bar,
            ax=panels.axes if panels.colour_bar is None and not panels.own_bars else None,
            orientation=panels.orientation,
            extend=ends_beyond(*_beyond(group, scale)),
            ticks=MaxNLocator(BAR_STEPS),
            format=ScalarFormatter(useOffset=False),
        )
        last = i + 1 == len(groups) or abs(lines[i + 1] - lines[i]) > 0.01
        name_bar(bar, label if last else "")


def _groups(estimates: Sequence[StateValues], scales: list[Scale]) -> list[tuple[Sequence[StateValues], Scale]]:
    """The estimates of each scale: all of a single one, or one each."""
    groups = [estimates] if len(scales) == 1 else [[e] for e in estimates]
    return list(zip(groups, scales, strict=True))


def _beyond(estimates: Sequence[StateValues], scale: Scale) -> tuple[bool, bool]:
    """Whether cells lie below, and above, the scale of colours."""
    shown = np.concatenate([cell_means(e.mdp, e.mean).ravel() for e in estimates])
    return bool(np.nanmin(shown) < scale[0]), bool(np.nanmax(shown) > scale[1])


def power_scale(estimates: Sequence[StateValues], vmin: float | None, vmax: float | None) -> Scale:
    """The scale of colours or bars: of what is shown, unless its ends are given, and wide beside its error.

    Cells with nothing but terminal states do not count, unless there are no others: their POWER is that of
    having no choice, so far from the rest that all other differences would vanish. Nor do single outliers.
    """
    if has_board(estimates[0].mdp):
        shown = np.concatenate([_cells_on_scale(e) for e in estimates])
        errors = np.concatenate([e.standard_error for e in estimates])
        return rising(*beyond_noise(*without_outliers(shown), errors), vmin, vmax)
    return rising(*bar_limits(estimates), vmin, vmax)


def _cells_on_scale(estimate: StateValues) -> NDArray[np.float64]:
    """POWER of the cells with a state that is not terminal, or of all cells if there is none."""
    means = cell_means(estimate.mdp, estimate.mean)
    alive = cell_means(estimate.mdp, np.where(estimate.mdp.terminal, 0.0, 1.0)) > 0
    return means[alive] if alive.any() else means[~np.isnan(means)]


def decimals_shown(estimates: Sequence[StateValues], scale: Scale) -> int:
    """Enough to show a hundredth of the scale, but none that lies within two standard errors."""
    decimals = 2 - math.floor(math.log10(scale[1] - scale[0]))
    errors = np.concatenate([e.standard_error for e in estimates])
    if np.any(errors > 0):
        decimals = min(decimals, math.ceil(-math.log10(2 * np.median(errors[errors > 0]))))
    return min(6, max(0, decimals))


def _drawn(estimates: list[PowerEstimate]) -> list[str]:
    """How the numbers were computed."""
    return list(dict.fromkeys(f"{e.num_samples:,} reward functions, {drawn_from(e.reward)}" for e in estimates))


def _left_out(estimates: Sequence[StateValues], scales: list[Scale]) -> list[str]:
    """How large the errors are and what the picture leaves out."""
    parts = []
    errors = np.concatenate([e.standard_error for e in estimates])
    if np.isfinite(errors).any():
        low, high = f"{np.nanmin(errors):.2g}", f"{np.nanmax(errors):.2g}"
        parts.append(f"standard error {low}" + (f" to {high}" if high != low else ""))
    if not has_board(estimates[0].mdp):
        if np.isfinite(errors).any():
            parts.append("lines: 95% confidence intervals")
        most = max(e.mdp.num_states for e in estimates)
        if most > MAX_BARS:
            parts.append(f"{MAX_BARS} of {most:,} states, at evenly spaced ranks")
        return parts
    counts = np.concatenate([states_per_cell(e.mdp).ravel() for e in estimates])
    least, most = counts[counts > 0].min(), counts.max()
    if most > 1:
        parts.append(f"each cell: mean of its {most if least == most else f'{least} to {most}'} states")
    lost = max(int((~placed_states(e.mdp)).sum()) for e in estimates)
    if lost:
        parts.append(f"{lost:,} state{'s' if lost > 1 else ''} without a cell left out")
    if any((board_glyphs(e.mdp) == WALL).any() for e in estimates):
        parts.append("hatched: wall")
    if any((np.isnan(cell_means(e.mdp, e.mean)) & (board_glyphs(e.mdp) != WALL)).any() for e in estimates):
        parts.append("white: no states")
    if len(scales) > 1:
        parts.append("each panel has its own colours")
    beyond = [_beyond(group, scale) for group, scale in _groups(estimates, scales)]
    return parts + [text for text, found in zip(BEYOND, zip(*beyond, strict=True), strict=True) if any(found)]
