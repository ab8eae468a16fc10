"""What an agent sees that stands in a level: scenes of walls, floors, doors and things, and views of them."""

from powerenvs.render.first_person.scene import COLOURS, KINDS, Door, Scene, Sprite, Viewpoints

__all__ = ["COLOURS", "KINDS", "Door", "Scene", "Sprite", "Viewpoints"]
