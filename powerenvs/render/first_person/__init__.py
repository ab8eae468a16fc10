"""What an agent sees that stands in a level: scenes of walls, floors, doors and things, and views of them.

`Renderer` and `render_states` need numba, which is imported when one of them is asked for and not before.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from powerenvs.render.first_person.scene import COLOURS, KINDS, Door, Scene, Sprite, Viewpoints

if TYPE_CHECKING:
    from powerenvs.render.first_person.renderer import Renderer, render_states
    from powerenvs.render.first_person.side_by_side import SideBySide
    from powerenvs.render.first_person.top_down import TopDown

__all__ = [
    "COLOURS",
    "KINDS",
    "Door",
    "Renderer",
    "Scene",
    "SideBySide",
    "Sprite",
    "TopDown",
    "Viewpoints",
    "render_states",
]

_LATE = {"Renderer": "renderer", "SideBySide": "side_by_side", "TopDown": "top_down", "render_states": "renderer"}
"""Modules of what is imported when it is asked for."""


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LATE[name]}"), name)
