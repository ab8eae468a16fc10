"""Models and policies as graphs: states are boxes, actions are named on the arrows that they lead along."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path as Curve
from numpy.typing import NDArray

from power_metrics.plots.layouts import place_states
from power_metrics.plots.panels import LINE, MIN_WIDTH
from power_metrics.plots.style import (
    LARGE,
    LETTER,
    NOTE_COLOUR,
    SMALL,
    Picture,
    saved,
    wrap_note,
)
from powerenvs.model.labels import label_text
from powerenvs.model.mdp import TabularMDP
from powerenvs.model.rows import entry_rows

Floats = NDArray[np.float64]
Rectangle = tuple[float, float, float, float]

MOST_STATES = 40
MAX_LETTERS = 18
STATE, END, EDGE, UNUSED = "#dbe7f3", "#d8d8d4", "0.25", "0.8"
MAX_LINES = 3
"""Of a state's name; what is longer is cut."""
BEND = 0.16
"""How far the arrows of two states that lead to each other bow apart, as a share of their length."""
DETOUR = 0.28
"""The same for an arrow that would otherwise run through the box of a third state."""
SHARES = (0.5, 0.42, 0.58, 0.34, 0.66, 0.27, 0.73)
"""How far along an arrow its label may be: the first of these where there is room."""
WRAP = 16
"""Letters in a line of an arrow's label."""


@saved
def plot_mdp(
    model: TabularMDP,
    *,
    states: Sequence[Hashable] | None = None,
    layout: str | None = None,
    title: str | None = None,
    path: str | os.PathLike[str] | None = None,
) -> Figure:
    """Draws a model as a graph.

    Each arrow names the actions that lead along it, with their probabilities where these are below 1. Names are left
    out of models in which every action has the name of the state that it leads to. Terminal states are grey
    and have no arrows.

    Args:
        model: of one agent.
        states: labels of the states to draw, up to 40; transitions that leave them are left out.
        layout: ``"board"``, ``"layers"``, ``"springs"``, or ``"dot"`` of Graphviz; None for the one that suits.
        title: above the picture.
        path: also save the figure there, whole or not at all; the suffix chooses the format.

    Raises:
        ValueError: for a game, more than 40 states, unknown ones, a layout that is unknown or does not fit, or a
            suffix that names no picture format.

    Example:
        >>> from power_metrics.plots import plot_mdp
        >>> from powerenvs.worlds.power import turner_figure_1
        >>> figure = plot_mdp(turner_figure_1())
        >>> figure.get_suptitle()
        'Transitions'
    """
    heading = "Transitions" if title is None else title
    return draw_graph(model, graph_states(model, states), None, layout, heading)


def graph_states(model: Any, states: Sequence[Hashable] | None) -> NDArray[np.int64]:
    """The indices of the states to draw, at most 40.

    Raises:
        ValueError: for a game, more than 40 states or none, and unknown ones.
    """
    if not isinstance(model, TabularMDP):
        raise ValueError(f"model: expected a TabularMDP, found {model!r}; of a game, draw game.against(policies)")
    found = np.arange(model.num_states) if states is None else np.array([model.index(s) for s in states], dtype=int)
    if not 0 < len(found) <= MOST_STATES:
        raise ValueError(f"states: a graph shows 1 to {MOST_STATES}, found {len(found)}; choose some with states=[...]")
    return found


def draw_graph(
    model: TabularMDP, states: NDArray[np.int64], policy: Floats | None, layout: str | None, heading: str
) -> Figure:
    """A figure with the graph of these states; arrows are as wide as a policy makes them probable.

    Args:
        model: of S states and A actions.
        states: the indices of the states.
        policy: (S, A) probabilities, or None for a picture of the model alone.
        layout: as in `plot_mdp`.
        heading: the title.
    """
    names = [_in_lines(label_text(model.state_labels[s])) for s in states]
    arrows = _arrows(model, states, policy)
    texts = [line for _, label in arrows.values() for line in label.split("\n")]
    lines = max((label.count("\n") + 1 for _, label in arrows.values()), default=1)
    wide, high = np.max([_extent(name) for name in names], axis=0) + (0.2, 0.15)
    size = (float(wide), float(high))
    gaps = (max(0.7, max(map(len, texts), default=0) * LETTER + 0.45), max(1.1, (lines + 2) * LINE + 0.55))
    places, used = place_states(model, states, size, gaps, layout)
    margin = np.array([wide / 2 + 0.7, high / 2 + 0.5 + lines * LINE])
    low, top = places.min(axis=0) - margin, places.max(axis=0) + margin
    note = _note(model, len(states), policy, used)
    width = max(float(top[0] - low[0]), MIN_WIDTH)
    text = wrap_note(note, width)
    below = LINE * (text.count("\n") + 2)
    height = float(top[1] - low[1]) + below + 0.35
    figure: Figure = Picture(figsize=(width, height))
    middle = (low[0] + top[0]) / 2
    ax = figure.add_axes((0, below / height, 1, (top[1] - low[1]) / height))
    ax.set(xlim=(middle - width / 2, middle + width / 2), ylim=(low[1], top[1]))
    ax.set_axis_off()
    boxes = [_box(ax, places[i], size, names[i], bool(model.terminal[s])) for i, s in enumerate(states)]
    taken = [(*place, *size) for place in places.tolist()]
    for (i, j), (weight, label) in arrows.items():
        style = _style(weight, policy is not None)
        if i == j:
            away = [places[k] - places[i] for pair in arrows if i in pair for k in pair if k != i]
            _loop(ax, places[i], size, away, label, style)
        else:
            bend = DETOUR if _blocked(places, i, j, size) else BEND if (j, i) in arrows else 0.0
            _arrow(ax, Course(places[i], places[j], boxes[i], boxes[j], bend), taken, label, style)
    figure.suptitle(heading, y=1 - 0.06 / height, fontsize=LARGE + 1)
    figure.supxlabel(text, y=(below - 0.05) / height, va="top", fontsize=SMALL, color=NOTE_COLOUR)
    return figure


def _note(model: TabularMDP, count: int, policy: Floats | None, used: str) -> list[str]:
    note = [f"{_number(model.num_states, 'state')}, {_number(model.num_actions, 'action')}"]
    if count < model.num_states:
        note = [f"{count} of {model.num_states:,} states, with the transitions among them"]
    if policy is not None:
        note.append("width: probability of the transition under the policy; numbers: of the action")
    elif not model.deterministic:
        note.append("numbers: probabilities of transitions")
    if model.terminal.any():
        note.append("grey: terminal")
    return [*note, "layout by Graphviz"] if used == "dot" else note


def _arrows(
    model: TabularMDP, states: NDArray[np.int64], policy: Floats | None
) -> dict[tuple[int, int], tuple[float, str]]:
    """For each arrow (from, to) among these states: its weight, and what is written on it.

    The weight is the probability of the transition under the policy; without one it is 1.
    """
    place = {int(s): i for i, s in enumerate(states)}
    found: dict[tuple[int, int], tuple[float, str]] = {}
    action = entry_rows(model.indptr) % model.num_actions
    names, targets = map(label_text, model.action_labels), map(label_text, model.state_labels)
    obvious = bool(np.all(np.array([*names])[action] == np.array([*targets])[model.successor]))
    for s, i in place.items():
        if model.terminal[s]:
            continue
        leads: dict[int, list[tuple[int, float]]] = {}
        for a, outcomes in model.P[s].items():
            for p, t, _, _ in outcomes:
                leads.setdefault(t, []).append((a, p))
        for t, ways in leads.items():
            if t not in place:
                continue
            if policy is None:
                found[i, place[t]] = 1.0, _label(model, ways, len(model.P[s]), obvious)
                continue
            taken = [(a, float(policy[s, a])) for a, _ in ways if policy[s, a] > 0]
            weight = sum(float(policy[s, a]) * p for a, p in ways)
            found[i, place[t]] = weight, _label(model, taken, len(model.P[s]), obvious)
    return found


def _label(model: TabularMDP, ways: list[tuple[int, float]], count: int, named_by_target: bool) -> str:
    """The actions of an arrow and their numbers: those with equal numbers together, numbers of 1 left out.

    Args:
        model: of the actions.
        ways: (action, number) of each.
        count: how many actions there are where it starts.
        named_by_target: whether every action has the name of where it leads, and goes without saying.
    """
    by_number: dict[float, list[str]] = {}
    for a, number in ways:
        name = label_text(model.action_labels[a])
        by_number.setdefault(round(number, 6), []).append(name)
    parts = []
    for number, actions in by_number.items():
        text = "all actions" if len(actions) == count > 2 else ", ".join(map(_cut, actions))
        text = "" if named_by_target else text
        digits = f"{number:.2g}" if number >= 0.001 else "<0.001"
        parts.append(text if number == 1 else f"{text}: {digits}" if text else digits)
    return "\n".join(line for part in parts for line in textwrap.wrap(part, WRAP))


def _style(weight: float, shaded: bool) -> dict[str, Any]:
    """Width and colour of an arrow: by its weight, where that is the probability of a policy."""
    if not shaded:
        return {"linewidth": 1.0, "color": EDGE}
    return {"linewidth": 0.6 + 3.0 * weight, "color": str(0.65 * (1 - weight)) if weight > 0 else UNUSED}


def _box(ax: Axes, place: Floats, size: tuple[float, float], name: str, terminal: bool) -> FancyBboxPatch:
    box = FancyBboxPatch(
        (place[0] - size[0] / 2, place[1] - size[1] / 2), *size, boxstyle="round,pad=0,rounding_size=0.08",
        facecolor=END if terminal else STATE, edgecolor="0.2", linewidth=0.9, zorder=3, gid="state",
    )  # fmt: skip
    ax.add_patch(box)
    ax.text(place[0], place[1], name, ha="center", va="center", linespacing=1.0, fontsize=SMALL, zorder=4, gid="state")
    return box


def _blocked(places: Floats, i: int, j: int, size: tuple[float, float]) -> bool:
    """Whether the straight line between two states runs through the box of another."""
    others = np.delete(places, [i, j], axis=0)
    steps = places[i] + np.linspace(0, 1, 60)[:, None] * (places[j] - places[i])
    inside = np.abs(steps[:, None] - others) < 0.55 * np.array(size)
    return bool(np.any(np.all(inside, axis=2)))


class Course(NamedTuple):
    """Of an arrow between the middles of two boxes, to the right of the straight line by ``bend``."""

    start: Floats
    end: Floats
    source: FancyBboxPatch
    target: FancyBboxPatch
    bend: float


def _arrow(ax: Axes, course: Course, taken: list[Rectangle], label: str, style: dict[str, Any]) -> None:
    """An arrow; its label is where none other is ``taken``."""
    start, end, source, target, bend = course
    arrow = FancyArrowPatch(
        tuple(start), tuple(end), patchA=source, patchB=target, shrinkA=1, shrinkB=1, arrowstyle="-|>",
        mutation_scale=9 + style["linewidth"], connectionstyle=f"arc3,rad={bend}", zorder=2, gid="arrow", **style,
    )  # fmt: skip
    ax.add_patch(arrow)
    along = end - start
    out = np.array([along[1], -along[0]]) / np.linalg.norm(along)
    wide, high = _extent(label)
    beside = out * (abs(out[0]) * wide / 2 + abs(out[1]) * high / 2 + 0.03) if bend else 0 * out
    spots = []
    for share in SHARES:
        bow = 2 * share * (1 - share) * bend * np.linalg.norm(along)  # of the quadratic Bézier curve, there
        x, y = start + share * along + bow * out + beside  # off the arrow that leads back
        spots.append((float(x), float(y), wide, high))
    spot = next((spot for spot in spots if not any(_overlap(spot, other) for other in taken)), spots[0])
    if label:
        taken.append(spot)
    _write(ax, np.array(spot[:2]), label)


def _overlap(a: Rectangle, b: Rectangle) -> bool:
    """Whether two rectangles (x and y of the middle, width, height) overlap."""
    return abs(a[0] - b[0]) < (a[2] + b[2]) / 2 and abs(a[1] - b[1]) < (a[3] + b[3]) / 2


def _loop(
    ax: Axes, place: Floats, size: tuple[float, float], away: list[Floats], label: str, style: dict[str, Any]
) -> None:
    """An arrow from a state to itself, on the side with the most room."""
    angles = [np.arctan2(y, x) for x, y in away]
    sides = np.pi / 4 * np.array([2, -2, 0, 4, 1, 3, -1, -3])
    room = [min((abs(np.angle(np.exp(1j * (side - angle)))) for angle in angles), default=np.pi) for side in sides]
    side = float(sides[int(np.argmax(np.round(room, 6)))])
    right, up = np.round(np.cos(side), 6), np.round(np.sin(side), 6)
    foot = place + (np.sign(right) * (size[0] / 2 - (0.12 if up else 0.0)), np.sign(up) * size[1] / 2)
    across = np.array([0.0, 0.06]) if not up else np.array([0.09 * (np.sign(right) or 1.0), 0.0])
    tip = np.array([0.5 * right, 0.42 * np.sign(up)])
    points = [foot - across, foot - 2.2 * across + tip, foot + 2.2 * across + tip, foot + across]
    curve = Curve(points, [Curve.MOVETO, Curve.CURVE4, Curve.CURVE4, Curve.CURVE4])
    ax.add_patch(FancyArrowPatch(path=curve, arrowstyle="-|>", mutation_scale=9, zorder=2, gid="arrow", **style))
    width, height = _extent(label)
    _write(ax, foot + 0.75 * tip + (np.sign(right) * (width / 2 + 0.05), np.sign(up) * (height / 2 + 0.05)), label)


def _extent(label: str) -> tuple[float, float]:
    """About how wide and high a label is, in inches."""
    lines = label.split("\n")
    return max(map(len, lines)) * LETTER, len(lines) * LINE


def _write(ax: Axes, place: Floats, label: str) -> None:
    if label:
        box = {"facecolor": "white", "edgecolor": "none", "pad": 0.6}
        ax.text(
            place[0],
            place[1],
            label,
            ha="center",
            va="center",
            fontsize=SMALL,
            linespacing=1.0,
            bbox=box,
            zorder=2.5,
            gid="label",
        )


def _number(count: int, name: str) -> str:
    return f"{count:,} {name}" + ("" if count == 1 else "s")


def _in_lines(text: str) -> str:
    """A name in lines of 18 letters, cut after the third."""
    lines = textwrap.wrap(text, MAX_LETTERS)
    if len(lines) > MAX_LINES:
        lines = [*lines[: MAX_LINES - 1], lines[MAX_LINES - 1][: MAX_LETTERS - 1] + "…"]
    return "\n".join(lines) or text


def _cut(text: str) -> str:
    return text if len(text) <= MAX_LETTERS else text[: MAX_LETTERS - 1] + "…"
