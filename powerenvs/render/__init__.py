"""States as pictures: RGB tiles, text, and a window. NumPy only, until a window is opened."""

from powerenvs.render.pictures import StatePictures
from powerenvs.render.tiles import render_board

__all__ = ["StatePictures", "render_board"]
