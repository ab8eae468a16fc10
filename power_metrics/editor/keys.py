"""What the keys of the editor do, in words."""

from __future__ import annotations

import textwrap

WIDTH = 62
"""Of lines of help, in characters."""
KEYS = (
    ("arrows", "move", "move the cursor; so does the mouse"),
    ("space", "wall / floor", "a wall, or floor again"),
    ("s g", "start, goal", "a start or a goal; again: floor"),
    ("x arrow", "transition", "take an action out of the cell, or put it back; x space is the action stay"),
    ("r R", "row + -", "add a row below the cursor, or remove the cursor's"),
    ("c C", "column + -", "add a column to the right of the cursor, or remove the cursor's"),
    ("- +", "", "a smaller or a larger discount"),
    ("[ ]", "", "less or more noise"),
    ("u U", "undo, redo", "undo and redo, also ctrl+z and ctrl+y"),
    ("ctrl+s", "save", "save the level text, and the model where the text does not say it all"),
    ("ctrl+o", "open", "open a level by its name, or a .txt or .npz file"),
    ("z ? q", "zoom, help, quit", "large cells with numbers, or small ones; this page; quit"),
)
PAIR_KEYS = (
    ("h a", "place human, ai", "let the human or the ai start in this cell; again: anywhere"),
    ("tab", "other agent", "show the other agent's POWER"),
)
"""Only in a world of two agents."""
ABOUT = (
    "Colours and numbers are POWER for rewards that are uniform on [0, 1]. A cell has the same random rewards after "
    "every edit, so that a difference is that of the world and not of the draws. Arrows in a cell are transitions "
    "that were taken out. The heat map is grey while the level is no world; the line at the bottom says why."
)


def key_lines(pair: bool) -> str:
    """The keys for the panel, one short line each."""
    return "\n".join(f"{key:<8}{short}" for key, short, _ in _all(pair) if short)


def help_text(pair: bool) -> str:
    """The keys at length."""
    keys = (textwrap.fill(f"{key:<8} {long}", WIDTH, subsequent_indent=" " * 9) for key, _, long in _all(pair))
    return "\n".join(keys) + f"\n\n{textwrap.fill(ABOUT, WIDTH)}\n\nescape: back"


def _all(pair: bool) -> tuple[tuple[str, str, str], ...]:
    return (*KEYS[:4], *PAIR_KEYS, *KEYS[4:]) if pair else KEYS
