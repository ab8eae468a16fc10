"""What can be seen in a figure: its texts and where they are, and the numbers behind its heat maps."""

from __future__ import annotations

import itertools

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text


def texts(owner, gid):
    """The texts of a kind: "value", "glyph", "state", "label" and the like."""
    return [t for t in owner.findobj(Text) if t.get_gid() == gid]


def note(figure):
    """What is written below the panels, on one line."""
    return " ".join(figure.get_supxlabel().split())


def heat(ax):
    """The image of a panel's cells; under it lies the one of blank cells."""
    return ax.images[1]


def values(ax):
    """The number of each cell, masked where there is none."""
    return heat(ax).get_array()


def scale(ax):
    """The numbers at the two ends of a panel's colours."""
    return heat(ax).norm.vmin, heat(ax).norm.vmax


def shown_texts(figure):
    """(text, box in pixels) of everything written that can be seen, once it is laid out; pixels are not filled."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    with renderer._draw_disabled():
        figure.draw(renderer)
    outside = set()
    for axis in (axis for ax in figure.axes for axis in (ax.xaxis, ax.yaxis)):
        low, high = sorted(axis.get_view_interval())
        for tick in axis.get_major_ticks():  # ticks outside the view are made, but not drawn
            if not low - 1e-9 <= tick.get_loc() <= high + 1e-9:
                outside |= {tick.label1, tick.label2}
    seen = [t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip() and t not in outside]
    return [(t, t.get_window_extent(renderer)) for t in seen]


def overlapping(figure, shown=None):
    """Pairs of texts that cover each other by more than a pixel."""
    boxes = [(t.get_text(), box.padded(-0.5)) for t, box in shown or shown_texts(figure)]
    return [(a, b) for (a, x), (b, y) in itertools.combinations(boxes, 2) if x.overlaps(y)]


def outside(figure, shown=None):
    """The texts that leave the figure by more than two pixels."""
    edges, shown = figure.bbox.padded(2), shown or shown_texts(figure)
    return [t.get_text() for t, box in shown if not (edges.contains(*box.min) and edges.contains(*box.max))]


def unlabelled(figure):
    """Axes without a name: neither of their own, nor at the outer panel of their row or column, nor beside all."""
    axes = [ax for ax in figure.axes if ax.axison and ax.get_visible()]
    written = {t.get_gid() for t in figure.texts}
    found = []
    for ax in axes:
        if hasattr(ax, "_colorbar"):
            bars = [other for other in axes if hasattr(other, "_colorbar")]
            if not any(other.get_ylabel() or other.get_xlabel() for other in bars):
                found.append(f"the scale of colours beside {ax.get_title()!r}")
            continue
        place = ax.get_position()
        column = [other for other in axes if abs(other.get_position().x0 - place.x0) < 0.02]
        row = [other for other in axes if abs(other.get_position().y0 - place.y0) < 0.02]
        if not ("xlabel" in written or any(other.get_xlabel() for other in column)):
            found.append(f"x of {ax.get_title()!r}")
        if not ("ylabel" in written or any(other.get_ylabel() for other in row)):
            found.append(f"y of {ax.get_title()!r}")
    return found


def faults(figure):
    """What is wrong with the texts of a figure."""
    shown = shown_texts(figure)
    return {
        "overlapping": overlapping(figure, shown),
        "outside": outside(figure, shown),
        "unlabelled": unlabelled(figure),
    }
