"""What an agent sees that stands in a level: scenes of walls, floors, doors and things, and views of them.

`Renderer` and `render_states` need numba, which is imported when one of them is asked for and not before.
"""

from typing import TYPE_CHECKING, Any

from powerenvs.render.first_person.scene import COLOURS, KINDS, Door, Scene, Sprite, Viewpoints

if TYPE_CHECKING:
    from powerenvs.render.first_person.renderer import Renderer, render_states

__all__ = ["COLOURS", "KINDS", "Door", "Renderer", "Scene", "Sprite", "Viewpoints", "render_states"]


def __getattr__(name: str) -> Any:
    if name not in ("Renderer", "render_states"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from powerenvs.render.first_person import renderer

    return getattr(renderer, name)
