"""KeysDoors: one key at a time, each for one door, and doors that should not be opened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from powerenvs.authoring.level import Cell
from powerenvs.authoring.world import Outcome
from powerenvs.model.checks import as_list
from powerenvs.model.labels import closest
from powerenvs.render.first_person.scene import Door, Sprite
from powerenvs.worlds.labs.lab_world import LabWorld
from powerenvs.worlds.labs.text import DOORS

KEY, GOAL, NOTHING = "K", "G", "nothing"
KEYS = {"red": "r", "green": "g", "blue": "b", "black": "k", "white": "w"}
GATES = {"red": "R", "green": "E", "blue": "B", "black": "K", "white": "W"}
"""The glyphs of keys and doors on boards, by colour."""
USUAL = {
    "keys_doors_red_herring_key": (("red", "blue"), ("red",)),
    "keys_doors_simple_trap": (("red", "blue", "green"), ("blue", "red", "red")),
    "keys_doors_trap": (("green", "red", "blue"), ("red", "blue", "red")),
}
"""{level: colours of its keys, colours of its doors}, in reading order. Ours: DeepMind Lab's are in no text."""


class Keyring(NamedTuple):
    """Where the agent is and what it faces; the colour of the key that it holds; which keys lie, which doors shut.

    Attributes:
        agent: (row, column).
        heading: "north", "east", "south" or "west".
        held: a colour, or "nothing".
        keys: a bit for each key that lies in its place, in reading order, the first the lowest.
        shut: a bit for each door that is shut.
    """

    agent: Cell
    heading: str
    held: str
    keys: int
    shut: int


class KeysDoors(LabWorld[Keyring]):
    """Keys of several colours, one held at a time and used once: the wrong door shuts the agent out for good.

    Description:
        A key is picked up by walking over it, unless the agent holds one already; nothing can be put down. Walking into
        a shut door with a key of its colour opens the door for good and uses the key up. In the levels with a trap a
        key opens two doors, and spending it on the wrong one makes the goal unreachable; in the one with a red herring
        it is picking up the wrong key.

    Level map:
        '*' wall, ' ' or '.' floor, 'P' where episodes may start, 'K' key, 'H' and 'I' doors, crossed from north to
        south and from east to west, 'G' goal. On boards keys are 'r' red, 'g' green, 'b' blue, 'k' black, 'w' white,
        and doors 'R' red, 'E' green, 'B' blue, 'K' black, 'W' white.

    Action space:
        As in `Lab`: ``actions``, ``strafe``.

    Observation space:
        The board shows which keys lie and which doors are shut, from which follows what the agent holds.

    Rewards:
        1 for a key, 50 for the goal.

    Episode end:
        On the goal; or after the time limit, which is not part of the tables.

    Arguments:
        level: "keys_doors_trap", "keys_doors_simple_trap", "keys_doors_red_herring_key", or text.
        keys: the colours of the keys, in reading order; None for what is usual on a shipped level. (DeepMind Lab's are
            in no text: these are ours.)
        doors: the colours of the doors, in reading order.
        actions: as in `Lab`.
        strafe: as in `Lab`.
        heading: as in `Lab`.
        variations: as in `Lab`.
        walls: as in `Lab`; doors need "full".

    Reference:
        Beattie et al., "DeepMind Lab", arXiv 1612.03801: rooms_keys_doors_puzzle of DMLab-30.

    Raises:
        ValueError: for a malformed level (with line and column), and colours that do not fit it.
    """

    def __init__(
        self,
        level: str | Sequence[str] = "keys_doors_trap",
        keys: Sequence[str] | None = None,
        doors: Sequence[str] | None = None,
        actions: str = "grid",
        strafe: bool = False,
        heading: str | None = None,
        variations: str | Sequence[str] | None = None,
        walls: str | None = None,
    ):
        super().__init__(level, {GOAL: "goal"}, actions, strafe, heading, variations, walls)
        self.legend: Mapping[str, str] = {  # type: ignore[misc]
            **self.legend,
            **{glyph: f"{colour} key" for colour, glyph in KEYS.items()},
            **{glyph: f"{colour} door" for colour, glyph in GATES.items()},
        }
        usual = USUAL.get(level, (None, None)) if isinstance(level, str) else (None, None)
        places = {"keys": self.text.places(KEY), "doors": self.text.places("".join(DOORS))}
        self.keys = _coloured("keys", keys if keys is not None else usual[0], places["keys"])
        self.gates = _coloured("doors", doors if doors is not None else usual[1], places["doors"])

    def initial(self) -> list[tuple[float, Keyring]]:
        """On a spawn, with every key in its place and every door shut."""
        keys, shut = (1 << len(self.keys)) - 1, (1 << len(self.gates)) - 1
        return [(p, Keyring(cell, heading, NOTHING, keys, shut)) for p, cell, heading in self.started(self.spawns())]

    def terminal(self, state: Keyring) -> bool:
        """On the goal."""
        return str(self.text.glyphs[state.agent]) == GOAL

    def step(self, state: Keyring, action: str) -> list[Outcome]:
        """A step, a door that a key opens, and a key that is picked up."""
        agent, heading = self.go(state.agent, state.heading, action)
        _, _, held, keys, shut = state
        reward = 0.0
        for i, (cell, colour) in enumerate(self.gates):
            if agent == cell and shut >> i & 1:
                if held == colour:
                    held, shut = NOTHING, shut & ~(1 << i)
                else:
                    agent = state.agent
        for i, (cell, colour) in enumerate(self.keys):
            if agent == cell and keys >> i & 1 and held == NOTHING:
                held, keys, reward = colour, keys & ~(1 << i), 1.0
        after = Keyring(agent, heading, held, keys, shut)
        return [Outcome(1.0, after, reward + 50.0 * self.terminal(after))]

    def board(self, state: Keyring) -> tuple[str, ...]:
        """The keys that lie, the doors that are shut, and the agent."""
        marks = [(cell, KEYS[colour]) for i, (cell, colour) in enumerate(self.keys) if state.keys >> i & 1]
        marks += [(cell, GATES[colour]) for i, (cell, colour) in enumerate(self.gates) if state.shut >> i & 1]
        return self.drawn(state, marks)

    def sprites(self) -> list[Sprite]:
        """Keys and goals."""
        keys = [Sprite(*cell, "key", colour) for cell, colour in self.keys]
        return keys + [Sprite(*cell, "goal") for cell in self.text.places(GOAL)]

    def present(self, state: Keyring) -> list[bool]:
        """The keys that lie, and the goals."""
        return [bool(state.keys >> i & 1) for i in range(len(self.keys))] + [True] * len(self.text.places(GOAL))

    def doors(self) -> list[Door]:
        """In their colours."""
        return [Door(*cell, str(self.text.glyphs[cell]), colour) for cell, colour in self.gates]

    def opened(self, state: Keyring) -> list[bool]:
        """Those that a key has opened."""
        return [not state.shut >> i & 1 for i in range(len(self.gates))]


def _coloured(name: str, colours: Any, places: Iterable[Cell]) -> tuple[tuple[Cell, str], ...]:
    """The places with their colours."""
    found = tuple(places)
    given = as_list(name, () if colours is None else colours, "colours")
    for colour in given:
        if colour not in KEYS:
            raise ValueError(f"{name}: unknown colour {colour!r}; {closest(colour, KEYS)}")
    if len(given) != len(found):
        raise ValueError(
            f"{name}: expected a colour for each of {len(found)} {name}, in reading order, found {colours!r}"
        )
    return tuple(zip(found, given, strict=True))
