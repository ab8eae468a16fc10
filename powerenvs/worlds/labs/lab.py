"""Lab: a level of DeepMind Lab as an exact table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from powerenvs.authoring.enumeration import MAX_STATES, Found
from powerenvs.authoring.level import Cell, Level
from powerenvs.authoring.world import Outcome
from powerenvs.model.checks import as_list, flag, mapped, real
from powerenvs.model.labels import is_integer
from powerenvs.render.first_person.scene import Door, Sprite
from powerenvs.worlds.labs.bulk import Parts, states_of
from powerenvs.worlds.labs.lab_world import LabWorld
from powerenvs.worlds.labs.pickups import Pickup, pickup_of
from powerenvs.worlds.labs.sources import usual
from powerenvs.worlds.labs.text import DOORS, FLOOR, SIDES, SPAWN

GOAL, APPLE = "G", "A"
USUAL = {APPLE: "apple_reward", GOAL: "goal"}
RANDOM = ("spawn", "goal")
MOST_PICKUPS = 62
"""A state has a bit for each."""
MOST_IN_BULK = 4 * MAX_STATES
"""States of the full product, not all of which can come about, that arrays have room for."""


class LabState(NamedTuple):
    """Where the agent is and what it faces; what is left to pick up; and where the goal of this episode is.

    Attributes:
        agent: (row, column).
        heading: "north", "east", "south" or "west"; with eight directions also "northeast" and so on.
        left: a bit for each pickup that is still there, in reading order, the first the lowest.
        goal: (row, column) where the goal is drawn anew for each episode; None elsewhere.
    """

    agent: Cell
    heading: str
    left: int
    goal: Cell | None


class Lab(LabWorld[LabState]):
    """A level of DeepMind Lab: walk, look, pick things up, find the goal.

    Description:
        The agent stands in a cell and faces north, east, south or west. Things are picked up by walking over them. The
        world is a grid where DeepMind Lab's is continuous: a step is one cell or a quarter turn. With
        ``observation="first_person"`` the agent sees what is in front of it, and much looks alike.

    Level map:
        '*' wall, ' ' or '.' floor, 'P' where episodes may start, 'G' goal, 'A' apple; 'H' a door that is crossed from
        north to south, 'I' one that is crossed from east to west. Doors open while the agent is in them or next to
        them. Other letters are floor unless ``pickups`` says what they are. Lines may end early: what they lack is
        wall. With thin walls, cells are the characters in odd lines and columns (from 0), and walls those in between.

    Action space:
        ``actions="grid"``: turn_left, turn_right, forward; with ``strafe`` also backward, strafe_left, strafe_right.
        "impala9": forward, backward, strafe_left, strafe_right, turn_left, turn_right, forward_turn_left,
        forward_turn_right (a step and then a turn), fire (which does nothing).
        "allo": up, down, left, right, on the map; the agent faces where it goes, also into a wall.

    Observation space:
        The board shows everything, with the agent as '^', '>', 'v' or '<', and with eight directions as '9', '3', '1'
        or '7' (as on a number pad) where it looks across corners.

    Rewards:
        Those of what is picked up: apple 1, lemon -1, strawberry 2, fungi -10, goal 10, watermelon_goal 20, mango_goal
        100; 10 for a goal that is drawn anew.

    Episode end:
        On a goal; in a level without one, when everything good has been picked up; or after the time limit, which is
        not part of the tables. (In DeepMind Lab the agent then starts again until the time is up.)

    Arguments:
        level: the name of a shipped level, or text; or the name of a generated one, for any ``seed``, or {setting:
            value} of the generator (these two need the extra ``labs``). `powerenvs.worlds.labs.levels` has the names.
        actions: "grid", "impala9" or "allo".
        strafe: see above.
        randomise: "spawn" to start in any cell, "goal" to draw the goal of each episode (one of the 'G' where there are
            several, else any cell without a thing or a spawn), both, or () for none. None for what is usual on the
            level.
        pickups: {letter: name or reward}; names are "apple_reward", "lemon_reward", "strawberry_reward",
            "fungi_reward", "goal", "watermelon_goal", "mango_goal". None for what is usual on the level: 'A' an
            apple_reward, 'G' a goal.
        num_pickups: only so many of them are there, the first in reading order (goals do not count); all when None.
        renew: whether what is picked up is there again at once, so that it pays whenever the agent enters its cell.
            There are fewer states then.
        min_distance: an episode starts more than so many cells, along the way, from a goal that is drawn anew.
        heading: what the agent faces at the start; any of the four when None.
        variations: the variations layer of a text: 'A' to 'Z' for what walls, floor and ceiling look like.
        walls: "full" or "thin"; None for what is usual on the level, "full" for text.
        seed: of generated levels, and of where apples are scattered.
        scatter: the share of the floor that gets an apple ('A') besides those of the text, from 0 to 1. Where they are
            is drawn once, with ``seed``. DeepMind Lab's nav_maze_random_goal levels have ``scatter=0.1,
            min_distance=4``, and draw places anew in each episode.
        directions: that the agent may face, 4 or 8. With 8 a turn is an eighth, and steps across corners go where the
            way around the corner is free on both sides.

    States:
        Every heading in every cell that can be reached from a spawn, with everything there, and what follows from that.

    Reference:
        Beattie et al., "DeepMind Lab", arXiv 1612.03801; Espeholt et al., "IMPALA", arXiv 1802.01561.

    Raises:
        ValueError: for a malformed level (with line and column), no spawn, and arguments that do not fit.
        ImportError: where a level has to be generated without the extra ``labs``.
    """

    def __init__(
        self,
        level: str | Sequence[str] | Mapping[str, Any] = "corridors",
        actions: str = "grid",
        strafe: bool = False,
        randomise: str | Sequence[str] | None = None,
        pickups: Mapping[str, str | float] | None = None,
        num_pickups: int | None = None,
        renew: bool = False,
        min_distance: int = 0,
        heading: str | None = None,
        variations: str | Sequence[str] | None = None,
        walls: str | None = None,
        seed: int = 0,
        scatter: float = 0.0,
        directions: int = 4,
    ):
        known = usual(level)
        wanted = known.pickups or USUAL if pickups is None else mapped("pickups", pickups, "{letter: name or reward}")
        kinds = {glyph: pickup_of(glyph, kind) for glyph, kind in wanted.items()}
        doors = {"H": "door from north to south", "I": "door from east to west"}
        things = {**doors, GOAL: "goal", **{glyph: kind.meaning for glyph, kind in kinds.items()}}
        super().__init__(level, things, actions, strafe, heading, variations, walls, seed, directions)
        self.randomise = _chosen(known.randomise if randomise is None else randomise)
        self.renew = flag("renew", renew)
        self._doors = self.text.places("".join(DOORS))
        if scatter != 0:
            self._scatter(kinds, scatter, seed)
        self._find_things(kinds, num_pickups)
        self._find_starts(min_distance)
        there = {*self.places, *self.ends}
        absent = [self.text.on_text(cell) for cell in self.text.places("".join(kinds) + GOAL) if cell not in there]
        self.level = Level(self.level.draw((" ", absent)), self.legend, self.level.name)
        if self._size > MAX_STATES:
            drawn = f" and {len(self.goals)} places for the goal" if len(self.goals) > 1 else ""
            self.large = (
                f"up to {self._size:,} states, with {len(self.places)} pickups{drawn}; num_pickups=... has fewer, "
                "renew=True has none to remember"
            )

    def _scatter(self, kinds: Mapping[str, Pickup], share: float, seed: int) -> None:
        """Puts apples on some of the floor that can be reached."""
        if not 0 <= real(share) <= 1:
            raise ValueError(f"scatter: expected a share of the floor from 0 to 1, found {share!r}")
        if APPLE not in kinds:
            raise ValueError(f"scatter: expected pickups with the letter {APPLE!r}, found {', '.join(kinds)} only")
        if not is_integer(seed) or seed < 0:
            raise ValueError(f"seed: expected a whole number of at least 0, found {seed!r}")
        text = self.text
        floor = [c for c in text.reached(text.places(SPAWN) or text.cells) if str(text.glyphs[c]) in FLOOR]
        chosen = np.random.default_rng(int(seed)).permutation(len(floor))[: int(share * len(floor) + 0.5)]
        self.text = text.with_things({floor[i]: APPLE for i in chosen.tolist()})
        self.level = Level(self.text.drawn(self.legend), self.legend, self.text.name)

    def _find_things(self, kinds: Mapping[str, Pickup], num_pickups: int | None) -> None:
        """Goals and other pickups, with their places."""
        text, redrawn = self.text, "goal" in self.randomise
        found = [(cell, kinds[str(text.glyphs[cell])]) for cell in text.cells if str(text.glyphs[cell]) in kinds]
        goals = [(cell, kind) for cell, kind in found if kind.ends]
        marked = text.places(GOAL)
        self.goal_reward = kinds[GOAL].reward if GOAL in kinds else pickup_of(GOAL, "goal").reward
        self.ends = {cell: kind.reward for cell, kind in goals if not (redrawn and cell in marked)}
        taken = [(cell, kind) for cell, kind in found if not kind.ends]
        if num_pickups is not None:
            if not is_integer(num_pickups) or not 0 <= int(num_pickups) <= len(taken):
                raise ValueError(
                    f"num_pickups: expected a whole number from 0 to {len(taken)}, which {text.name} has, found "
                    f"{num_pickups!r}"
                )
            taken = taken[: int(num_pickups)]
        if len(taken) > MOST_PICKUPS and not self.renew:
            raise ValueError(
                f"level: expected at most {MOST_PICKUPS} pickups to remember, found {len(taken)} in {text.name}; "
                "num_pickups=... has fewer of them, renew=True none to remember"
            )
        self.places = tuple(cell for cell, _ in taken)
        self.kinds = tuple(kind for _, kind in taken)
        self.pay = {cell: kind.reward for cell, kind in taken}
        self.bits = {cell: 0 if self.renew else 1 << i for i, cell in enumerate(self.places)}
        self.everything = sum(self.bits.values())
        # without a goal an episode ends when everything good is eaten
        endless = redrawn or bool(self.ends)
        self.good = 0 if endless else sum(self.bits[cell] for cell, reward in self.pay.items() if reward > 0)
        self._shown_goals = tuple((cell, kind.sprite) for cell, kind in goals if cell in self.ends)

    def _find_starts(self, min_distance: int) -> None:
        """Where episodes start, where goals may be, and which cells can be reached."""
        text, anywhere = self.text, "spawn" in self.randomise
        spawns = text.places(SPAWN) if text.places(SPAWN) else () if anywhere else self.spawns()
        self.region = text.reached(spawns or text.cells)
        if not is_integer(min_distance) or int(min_distance) < 0:
            raise ValueError(f"min_distance: expected a whole number of at least 0, found {min_distance!r}")
        if min_distance and "goal" not in self.randomise:
            raise ValueError(f"min_distance: expected 0 where the goal is not drawn anew, found {min_distance!r}")
        free = [c for c in self.region if c not in self.pay and c not in self.ends and c not in self._doors]
        starts = free if anywhere else [c for c in spawns if c not in self.pay]
        marked = [c for c in self.region if str(text.glyphs[c]) == GOAL]
        self.goals: tuple[Cell | None, ...] = (None,)
        if "goal" in self.randomise:
            self.goals = tuple(marked if len(marked) > 1 else [c for c in free if anywhere or c not in spawns])
        self.starts_of: dict[Cell | None, list[Cell]] = {}
        for goal in self.goals:
            allowed = [cell for cell in starts if cell != goal]
            if goal is not None and min_distance:
                steps = text.distances(goal)
                allowed = [cell for cell in allowed if steps.get(cell, 0) > min_distance]
            if not allowed:
                raise ValueError(
                    f"{text.name}: found no cell to start in"
                    + (
                        f" more than {min_distance} steps from a goal in {goal}; use a smaller min_distance"
                        if goal
                        else ""
                    )
                )
            self.starts_of[goal] = allowed

    @property
    def _size(self) -> int:
        return len(self.region) * len(self.compass) * len(self.goals) * (1 << (0 if self.renew else len(self.places)))

    def initial(self) -> list[tuple[float, LabState]]:
        """Spawns and goals, each as likely as any other; every other heading and cell has probability 0."""
        found: list[tuple[float, LabState]] = []
        for goal in self.goals:
            starts = self.starts_of[goal]
            chance = 1 / (len(self.goals) * len(starts) * len(self.headings))
            begins = set(starts)
            for cell in self.region:
                if self.bits.get(cell, 0):
                    continue
                for heading in self.compass:
                    p = chance if cell in begins and heading in self.headings else 0.0
                    found.append((p, LabState(cell, heading, self.everything, goal)))
        return found

    def terminal(self, state: LabState) -> bool:
        """On a goal, or with everything good eaten in a level without one."""
        return state.agent in self.ends or state.agent == state.goal or bool(self.good and not state.left & self.good)

    def step(self, state: LabState, action: str) -> list[Outcome]:
        """A step, and what is picked up by it."""
        agent, heading = self.go(state.agent, state.heading, action)
        left, reward = state.left, 0.0
        if agent != state.agent:
            bit = self.bits.get(agent)
            if bit is not None and (bit == 0 or left & bit):
                left, reward = left & ~bit, self.pay[agent]
            if agent == state.goal:
                reward += self.goal_reward
            reward += self.ends.get(agent, 0.0)
        return [Outcome(1.0, LabState(agent, heading, left, state.goal), reward)]

    def in_bulk(self) -> Found | None:
        """All states at once; None in a class with rules of its own, and where there are far too many."""
        own = [getattr(type(self), name) for name in ("initial", "step", "terminal", "go")]
        same = own == [Lab.initial, Lab.step, Lab.terminal, Lab.go]
        if not same or self._size > MOST_IN_BULK:
            return None
        parts = Parts(
            text=self.text,
            region=self.region,
            moves=self.moves,
            goals=self.goals,
            starts=self.starts_of,
            compass=self.compass,
            headings=self.headings,
            bits=self.bits,
            pay=self.pay,
            ends=self.ends,
            good=self.good,
            goal_reward=self.goal_reward,
            state=LabState,
        )
        return states_of(parts)

    def board(self, state: LabState) -> tuple[str, ...]:
        """What is left, the goal of the episode, and the agent."""
        marks: list[tuple[Cell, str]] = []
        if state.left != self.everything:
            marks = [(cell, " ") for cell, bit in self.bits.items() if bit and not state.left & bit]
        if state.goal is not None:
            marks.append((state.goal, GOAL))
        return self.drawn(state, marks)

    # Views

    def sprites(self) -> list[Sprite]:
        """Pickups, goals that stay, and every place of a goal that is drawn anew."""
        found = [Sprite(*cell, kind.sprite) for cell, kind in zip(self.places, self.kinds, strict=True)]
        found += [Sprite(*cell, sprite) for cell, sprite in self._shown_goals]
        return found + [Sprite(*cell, "goal") for cell in self.goals if cell is not None]

    def present(self, state: LabState) -> list[bool]:
        """What is left, and the goal of the episode."""
        there = [bit == 0 or bool(state.left & bit) for bit in self.bits.values()]
        return there + [True] * len(self._shown_goals) + [goal == state.goal for goal in self.goals if goal is not None]

    def doors(self) -> list[Door]:
        """All of wood."""
        return [Door(*cell, str(self.text.glyphs[cell])) for cell in self._doors]

    def opened(self, state: LabState) -> list[bool]:
        """Those that the agent is in or next to."""
        return [state.agent in near for near in self._near_doors]

    @cached_property
    def _near_doors(self) -> list[set[Cell]]:
        def near(cell: Cell) -> set[Cell]:
            sides = DOORS[str(self.text.glyphs[cell])]
            return {cell, *((cell[0] + SIDES[s][0], cell[1] + SIDES[s][1]) for s in sides)}

        return [near(cell) for cell in self._doors]


def _chosen(randomise: Any) -> tuple[str, ...]:
    """What is drawn anew in each episode."""
    chosen = as_list(
        "randomise", (randomise,) if isinstance(randomise, str) else randomise, "'spawn', 'goal', both or ()"
    )
    for name in chosen:
        if name not in RANDOM:
            raise ValueError(f"randomise: expected 'spawn', 'goal', both or (), found {randomise!r}")
    return tuple(name for name in RANDOM if name in chosen)
