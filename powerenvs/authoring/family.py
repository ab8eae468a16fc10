"""What a family of worlds says of itself: one `Family`, read by everything that lists, names, draws or tests worlds.

The declaration names classes by their paths, so that it can be read without importing a world.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import resolve_name
from typing import Any

from powerenvs.authoring.styles import SHARED, Style

Target = str | Callable[..., Any]
"""A class or function; or where it is: ``"module:name"``, or ``".module:name"`` from the package of the family."""


@dataclass(frozen=True)
class WorldEntry:
    """One world of a family, and the Gymnasium id that it gets.

    Attributes:
        world: the `TableWorld` class, or its path (see `Target`).
        summary: one line for lists.
        id: as given to `gymnasium.make`; the family's namespace, the name of the class and version 0 if empty.
        kwargs: arguments of the world that differ from its defaults.
        exact: further arguments that make the world small enough for tables, where without them it is too large.
        variants: the arguments of each variant that has tables; ``exact`` alone if empty.
        max_episode_steps: the time limit, which is not part of the tables.

    Example:
        >>> entry = WorldEntry("powerenvs.worlds.safety.boat_race:BoatRace", "a race")
        >>> entry.name
        'BoatRace'
    """

    world: Target
    summary: str
    id: str = ""
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    exact: Mapping[str, Any] = field(default_factory=dict)
    variants: Sequence[Mapping[str, Any]] = ()
    max_episode_steps: int | None = 100

    @property
    def name(self) -> str:
        """The name of the class."""
        return name_of(self.world)

    @property
    def short(self) -> str:
        """The id without namespace and version: several ids may have one class."""
        return re.sub(r"-v\d+$", "", self.id.rpartition("/")[2])


@dataclass(frozen=True)
class GameEntry:
    """One game of a family: a module of `powerenvs.multi`, with an id of PettingZoo.

    Attributes:
        name: of the module, with a version: ``"power_pair_v0"``.
        world: the `TableGameWorld` class, or its path (see `Target`).
        summary: one line for lists.
        id: in PettingZoo's registry; the family's namespace and the name if empty.

    Example:
        >>> GameEntry("power_pair_v0", "powerenvs.worlds.power.pair:PowerPair", "two agents on a grid").short
        'power_pair'
    """

    name: str
    world: Target
    summary: str
    id: str = ""

    @property
    def short(self) -> str:
        """The name without its version, as in the shell."""
        return _unversioned(self.name)

    @property
    def names(self) -> tuple[str, ...]:
        """All that it may be called."""
        return self.name, self.short, self.id, _unversioned(self.id)


@dataclass(frozen=True)
class Family:
    """Worlds and games that belong together, with all that other parts have to know of them.

    Attributes:
        name: one word.
        title: a few words.
        worlds: for one agent.
        games: for several agents.
        graphs: {name: function that gives the tables of a small graph, or its path (see `Target`)}.
        tiles: {meaning of a glyph: how it is drawn}, for meanings that not all families share. A glyph with any other
            meaning is a badge with its letter.
        citation: whom to name in a paper.
        namespace: what ids begin with; the name if empty.
        package: where paths with a dot in front start from; ``__name__`` in the file that declares the family.

    Raises:
        ValueError: for two entries of one name, names that are none, paths that cannot be resolved, and tiles that all
            families share.

    Example:
        >>> import powerenvs
        >>> class Gate(powerenvs.GridWorld):
        ...     '''A gate.'''
        >>> family = powerenvs.Family("acme", "Worlds of Acme", worlds=[powerenvs.WorldEntry(Gate, "a gate")])
        >>> family.worlds[0].id
        'acme/Gate-v0'
    """

    name: str
    title: str
    worlds: Sequence[WorldEntry] = ()
    games: Sequence[GameEntry] = ()
    graphs: Mapping[str, Target] = field(default_factory=dict)
    tiles: Mapping[str, Style] = field(default_factory=dict)
    citation: str = ""
    namespace: str = ""
    package: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.isidentifier():
            raise ValueError(f"name: expected one word, found {self.name!r}")
        for meaning in self.tiles:
            if meaning in SHARED:
                raise ValueError(f"tiles: expected meanings that not all families share, found {meaning!r}")
        for game in self.games:
            if not re.fullmatch(r"[a-z]\w*_v\d+", game.name):
                raise ValueError(f'games: expected a name with a version, such as "gate_v0", found {game.name!r}')
        space = self.namespace or self.name
        complete = {
            "namespace": space,
            "worlds": tuple(
                replace(
                    entry,
                    world=self._absolute(entry.world),
                    id=entry.id or f"{space}/{entry.name}-v0",
                    variants=tuple(entry.variants) or (entry.exact,),
                )
                for entry in self.worlds
            ),
            "games": tuple(
                replace(entry, world=self._absolute(entry.world), id=entry.id or f"{space}/{entry.name}")
                for entry in self.games
            ),
            "graphs": {name: self._absolute(graph) for name, graph in self.graphs.items()},
        }
        for attribute, value in complete.items():
            object.__setattr__(self, attribute, value)
        for attribute, names in (("worlds", [w.id for w in self.worlds]), ("games", [g.name for g in self.games])):
            twice = [name for name in names if names.count(name) > 1]
            if twice:
                raise ValueError(f"{attribute}: expected different names, found {twice[0]!r} twice")

    def _absolute(self, target: Target) -> Target:
        """The target with a path that needs no package."""
        if not isinstance(target, str):
            return target
        module, colon, name = target.partition(":")
        if not (module and colon and name) or (module.startswith(".") and not self.package):
            raise ValueError(
                f'{self.name}: expected "module:name", or ".module:name" with the argument package=__name__, found '
                f"{target!r}"
            )
        return f"{resolve_name(module, self.package or None)}:{name}"

    @property
    def exports(self) -> dict[str, Target]:
        """{name: class or function} of all that the family declares."""
        targets = [*(entry.world for entry in self.worlds), *(game.world for game in self.games), *self.graphs.values()]
        return {name_of(target): target for target in targets}

    def load(self, name: str) -> Any:
        """The exported class or function of this name: the ``__getattr__`` of the family's package.

        Raises:
            AttributeError: if the family has none of that name.
        """
        if name not in self.exports:
            raise AttributeError(f"module {self.package!r} has no attribute {name!r}")
        return load(self.exports[name])


def _unversioned(name: str) -> str:
    return re.sub(r"_v\d+$", "", name)


def name_of(target: Target) -> str:
    """The name of a class or function."""
    return target.partition(":")[2] if isinstance(target, str) else target.__name__


def load(target: Target) -> Any:
    """The class or function itself, imported if need be."""
    if not isinstance(target, str):
        return target
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)
