"""MiniGrid's environments: what tells their states apart, and their boards."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

from powerenvs.sources.foreign import is_a


class MiniGridState(NamedTuple):
    """A state of a MiniGrid environment. ``layout`` numbers the arrangements of doors and objects, 0 the first."""

    agent: tuple[int, int]
    facing: str
    carrying: str | None
    layout: int


class MiniGridMemory(NamedTuple):
    """A state of a MiniGrid environment that remembers more than it shows, such as which half of a mission is done.

    ``memory`` numbers what differs in states that otherwise look alike, 0 the first.
    """

    agent: tuple[int, int]
    facing: str
    carrying: str | None
    layout: int
    memory: int


NO_MEMORY = ("step_count", "window", "clock", "render_size", "_np_random")
"""Attributes of a MiniGrid that are no part of the state: its clock, on which only the size of a reward depends, and
its pictures."""


def is_minigrid(env: Any) -> bool:
    """Whether an environment, wrapped or not, is one of MiniGrid's."""
    return is_a(getattr(env, "unwrapped", env), "minigrid.minigrid_env:MiniGridEnv")


def minigrid_key() -> Callable[[Any, Any], MiniGridState]:
    """A function of an environment and its observation that gives the state."""
    layouts: dict[Hashable, int] = {}

    def identify(env: Any, observation: Any) -> MiniGridState:
        grid = env.unwrapped.grid
        inside = tuple(_thing(item.contains) for item in grid.grid if item is not None and item.contains is not None)
        layout = layouts.setdefault((grid.encode().tobytes(), inside), len(layouts))
        facing = ("right", "down", "left", "up")[env.unwrapped.agent_dir]
        return MiniGridState(minigrid_cell(env), facing, _thing(env.unwrapped.carrying), layout)

    return identify


def minigrid_cell(env: Any) -> tuple[int, int]:
    """The (row, column) of the agent."""
    column, row = env.unwrapped.agent_pos
    return int(row), int(column)


def minigrid_board(base: Any) -> list[str]:
    """Rows of text for pictures."""
    glyphs = {"wall": "#", "goal": "G", "lava": "~", "door": "D", "key": "K", "ball": "O", "box": "B"}
    items = [[base.grid.get(c, r) for c in range(base.width)] for r in range(base.height)]
    return ["".join("." if item is None else glyphs.get(item.type, ".") for item in row) for row in items]


def unchanging(base: Any) -> list[Any]:
    """The walls, goals and lava of a MiniGrid, which no step changes."""
    if getattr(base, "grid", None) is None:
        return []
    return [item for item in base.grid.grid if item is not None and item.type in ("wall", "goal", "lava")]


def _thing(item: Any) -> str | None:
    """A carried or boxed object in words, such as "yellow key"."""
    if item is None:
        return None
    inside = _thing(item.contains)
    return f"{item.color} {item.type}" + (f" with {inside}" if inside else "")
