"""How the glyphs of a board look: what a family of worlds declares for the meanings that are its own."""

from __future__ import annotations

from typing import NamedTuple

RGB = tuple[int, int, int]


class Style(NamedTuple):
    """How a glyph is drawn: "ground" fills the tile, a "mark" is on the floor, "disc" and "letter" stand on either.

    A letter without a text shows the glyph itself.
    """

    shape: str
    colour: RGB
    text: str = ""


def ground(red: int, green: int, blue: int) -> Style:
    """A tile of one colour, such as water."""
    return Style("ground", (red, green, blue))


def badge(red: int, green: int, blue: int) -> Style:
    """A square of this colour with the glyph in it, for things that stand or lie on the ground."""
    return Style("letter", (red, green, blue))


def disc(red: int, green: int, blue: int) -> Style:
    """A disc of this colour, for what moves by itself."""
    return Style("disc", (red, green, blue))


FLOOR: RGB = (244, 242, 236)

SHARED: dict[str, Style] = {
    "wall": ground(58, 64, 74),
    "floor": Style("ground", FLOOR),
    "goal": ground(96, 178, 104),
    "start": Style("mark", (176, 170, 154)),
    "agent": disc(34, 98, 196),
    "human": disc(222, 124, 32),
}
"""What looks the same in all families, by meaning."""
