"""The picture of `power_metrics.measures.side_effects_table`: in each world a tile for each penalty and price."""

from __future__ import annotations

import os
from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from power_metrics.measures.side_effects_table import LETTERS, OTHER, RIGHT, TIE, Row, Rows
from power_metrics.plots.generic import plot
from power_metrics.plots.style import LARGE, NORMAL, SMALL, Picture, add_note, saved

COLOURS = {RIGHT: "#4c9f70", TIE: "#d9d9d9", OTHER: "#a6a6a6", "N": "#e8c468"}
HARM = "#d9705f"
"""Of every other letter: the goal with a side effect."""
TILE, LINE, LABEL, NAME = 0.2, 0.24, 3.6, 0.8
"""The width and the height of a tile, the width of what a line is about, and that of a world's name, in inches."""


@plot.register(Rows)
@saved
def plot_side_effects_table(
    table: Rows, *, title: str | None = None, path: str | os.PathLike[str] | None = None
) -> Figure:
    """Draws what agents do under each penalty and baseline (lines), in each world, at each price (tiles with letters).

    Args:
        table: of `side_effects_table` or `learned_side_effects_table`.
        title: above it.
        path: also save the figure there, whole or not at all; the suffix chooses the format.

    Raises:
        ValueError: for a table without rows, and for a suffix that names no picture format.

    Example:
        >>> from power_metrics.measures.side_effects_table import side_effects_table
        >>> table = side_effects_table([1.0], worlds=["vase"], progress=False)
        >>> [axes.get_title() for axes in plot_side_effects_table(table).axes]
        ['vase']
    """
    if not len(table):
        raise ValueError("expected a table with rows, got none")
    worlds, prices = list(table[0].letters), [f"{beta:g}" for beta in table[0].betas]
    met = [letter for letter in LETTERS if any(letter in row.letters[name].upper() for row in table for name in worlds)]
    width = LABEL + (max(TILE * len(prices), NAME) + 0.15) * len(worlds)
    figure = Picture(figsize=(max(width, 6.0), LINE * (len(table) + len(met)) + 1.6), layout="constrained")
    panels = figure.subplots(1, len(worlds), sharey=True, squeeze=False)[0]
    for axes, name in zip(panels, worlds, strict=True):
        for line, row in enumerate(table):
            for place, letter in enumerate(row.letters[name]):
                colour = COLOURS.get(letter.upper(), HARM)
                axes.add_patch(Rectangle((place - 0.5, line - 0.5), 1, 1, facecolor=colour, edgecolor="white"))
                axes.text(place, line, letter, ha="center", va="center", fontsize=SMALL)
        axes.set(xlim=(-0.5, len(prices) - 0.5), ylim=(len(table) - 0.5, -0.5))
        axes.set_title(name.replace("_", " "), fontsize=NORMAL)
        axes.set_xticks(range(len(prices)), prices, rotation=90, fontsize=SMALL)
        axes.set_yticks(range(len(table)), [_about(row) for row in table], fontsize=SMALL)
        axes.set_xlabel("price β", fontsize=SMALL)
        axes.tick_params(length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)
    figure.suptitle("What penalties for side effects make of agents" if title is None else title, fontsize=LARGE)
    add_note(figure, [f"{letter}: {LETTERS[letter]}" for letter in met] + _lower(table))
    return figure


def _about(row: Row) -> str:
    """The penalty of a line in words."""
    words = f"{row.measure}, {row.function}, {row.baseline}" + " with rollouts" * row.rollouts
    return words.replace("_", " ")


def _lower(table: Sequence[Row]) -> list[str]:
    shown = "".join(letters for row in table for letters in row.letters.values())
    return ["lower case: most learners, not all"] * (shown != shown.upper())
