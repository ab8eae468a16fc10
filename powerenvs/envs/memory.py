"""`EpisodeMemory`: what a world carries from one episode to the next."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Hashable, Mapping
from typing import Any

from powerenvs.authoring.lazy import running_sums
from powerenvs.authoring.world import World


class EpisodeMemory:
    """The memory of a world in one sequence of episodes, and the start states that follow from it.

    Args:
        world: the world.

    Attributes:
        value: the memory, as the current episode began with it.
    """

    def __init__(self, world: World[Any]):
        self._world = world
        self._set(world.memory)

    def _set(self, value: Any) -> None:
        possible = [(p, state) for p, state in self._world.starts(value) if p != 0]
        where = f"{type(self._world).__name__}.starts({value})"
        self._sums = running_sums((p for p, _ in possible), where)
        self._states = [state for _, state in possible]
        self.value = value

    def next_episode(self, last: Hashable | None, seed: int | None, options: Mapping[str, Any]) -> None:
        """Takes the memory over an episode's end.

        Args:
            last: the state in which the last episode was left; None if there was none.
            seed: of the reset. A seed starts everything afresh, the memory too.
            options: of the reset; "memory" replaces the memory.

        Raises:
            ValueError: if options have something that is no memory of this world; nothing changes then.
        """
        if "memory" in options:
            self._set(options["memory"])
        elif self._world.memory is None:
            return
        elif seed is not None:
            self._set(self._world.memory)
        elif last is not None:
            self._set(self._world.remember(self.value, last))

    def draw(self, uniform: Callable[[], float]) -> Hashable:
        """A start state. ``uniform`` gives a random number in [0, 1), and is not asked where there is only one."""
        return self._states[0] if len(self._states) == 1 else self._states[bisect_right(self._sums, uniform())]
