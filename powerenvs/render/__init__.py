"""States as pictures: RGB tiles, first-person views, text, and a window. Numba and pygame are imported when needed."""

from powerenvs.render.first_person.side_by_side import SideBySide
from powerenvs.render.pictures import StatePictures
from powerenvs.render.tiles import render_board

__all__ = ["SideBySide", "StatePictures", "render_board"]
