"""What an agent sees, in characters: for terminals."""

from __future__ import annotations

import numpy as np

from powerenvs.render.first_person.renderer import Renderer
from powerenvs.render.first_person.scene import Scene, Viewpoints

WALLS = np.array(list("#%*+=-:"))
"""Walls from near to far."""
FAR = np.array([0.75, 1.2, 2.2, 3.2, 5.2, 8.2])
"""Distances in cells from which on each but the first is used."""
FLOOR, CEILING, EDGE = ".", " ", "|"


def lines_of_view(scene: Scene, views: Viewpoints, height: int = 22, width: int = 64) -> list[str]:
    """What is seen from the first of some viewpoints, as lines of text.

    Walls are shaded by distance, with a line where one stands before another; floors are dots; things are their first
    letter, a capital.

    Args:
        scene: what there is to see.
        views: at least one viewpoint.
        height: lines.
        width: characters of a line, which are taken to be half as wide as they are high.

    Raises:
        ValueError: as `Renderer`.

    Example:
        >>> from powerenvs.render.first_person import Scene, Viewpoints
        >>> from powerenvs.render.first_person.text import lines_of_view
        >>> room = Scene.from_solid([[False, False, False]], sprites=[(0, 2, "goal")])
        >>> for line in lines_of_view(room, Viewpoints([0], [0], [1]), 10, 24):
        ...     print(line)
        ###                  ###
        ####%              %####
        ####%%%          %%%####
        ####%%%*|      |*%%%####
        ####%%%*|++GG++|*%%%####
        ####%%%*|++GG++|*%%%####
        ####%%%*|+.GG.+|*%%%####
        ####%%%*........*%%%####
        ####%%............%%####
        ####................####
    """
    one = views.part(slice(0, 1))
    renderer = Renderer(scene, 2 * height, width)
    nothing = np.zeros((1, len(scene.sprites)), dtype=bool)
    bare = Viewpoints(one.row, one.column, one.heading, nothing, one.doors, one.directions)
    depth = renderer.draw(one, "depth")[0, ::2]
    walls = renderer.draw(bare, "depth")[0, ::2]
    middle = walls[height // 2]  # where there is nothing but walls
    below = np.abs(4 * np.arange(height) + 1 - 2 * height)
    flat = (width / (2 * below)).astype(np.float32)[:, None]
    text = np.where(np.arange(height)[:, None] * 2 < height, CEILING, FLOOR).repeat(width, axis=1)
    standing = (walls < flat) | (flat >= middle)
    text = np.where(standing, WALLS[np.searchsorted(FAR, middle)][None, :], text)
    # A line on the nearer of two walls, where the farther one is not its continuation.
    step = np.abs(np.diff(middle)) > 0.25 + 0.12 * np.minimum(middle[1:], middle[:-1])
    for x in np.flatnonzero(step):
        nearer = x if middle[x] < middle[x + 1] else x + 1
        text[standing[:, nearer], nearer] = EDGE
    there = one.mask("sprites", scene)[0]
    for number in np.flatnonzero(there):
        only = nothing.copy()
        only[0, number] = True
        seen = renderer.draw(Viewpoints(one.row, one.column, one.heading, only, one.doors, one.directions), "depth")
        mine = (seen[0, ::2] != walls) & (seen[0, ::2] == depth)
        text[mine] = scene.sprites[number].kind[0].upper()
    return ["".join(row) for row in text]
