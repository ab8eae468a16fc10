"""PowerPair: two agents on one grid, the game that two-agent POWER was first measured on."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, ClassVar

from powerenvs.authoring.game_world import TableGameWorld
from powerenvs.authoring.level import START
from powerenvs.authoring.moves import DIRECTIONS
from powerenvs.model.checks import flag, mapped
from powerenvs.model.game import TabularGame
from powerenvs.model.labels import closest
from powerenvs.model.product import product_game
from powerenvs.worlds.power.grid import GOAL, PowerGrid, shipped_or_text


class PowerPair(TableGameWorld[Any]):
    """A human and an AI move on one grid, at the same time.

    Description:
        Movement, and nothing else: the two agents are alone on the grid, in each other's way at most. It is the
        world of POWERplay's two-agent experiments, in which conflict and alignment come from the rewards alone.

    Level map:
        '#' wall, '.' floor, 'S' start, 'G' goal. Each agent starts on a random 'S', or anywhere in a level
        without one; both may start in the same cell unless ``overlaps`` is False.

    Action space:
        Discrete(5) for each agent: 0 stay, 1 up, 2 down, 3 left, 4 right.

    Rewards:
        Each agent is paid for the cell that it ends a step on: 1 on a goal, 0 elsewhere, unless ``reward`` says
        otherwise. Goals end nothing.

    Episode end:
        Never, but for the limit of cycles.

    Arguments:
        level: the name of a shipped level (see `powerenvs.worlds.power.levels`) or its text.
        overlaps: whether both agents may be in one cell. If not, an agent bumps into the other as into a wall:
            see `powerenvs.model.overlaps.with_bumping`. (For POWERplay's convention, where such a joint action does not
            exist, take the tables with overlaps and call `TabularGame.without_overlaps`.)
        no_swaps: without overlaps, whether trading places is refused too.
        noise: probability, in [0, 1], that is spread over all open directions instead of the chosen one, for each
            agent on its own.
        noise_bias: {direction: share of the noise}; see `powerenvs.authoring.moves.noise_distribution`.
        walls: "bump": a move into a wall exists and is the same as *stay*; "absent": it does not exist. With a
            uniform opponent this changes two-agent POWER; POWERplay's numbers are for "absent".
        reward: {agent: rewards in any form that `PowerGrid` takes}; an agent that is not named keeps the default.

    Raises:
        ValueError: for what `PowerGrid` refuses, an unknown agent, ``no_swaps`` with overlaps, and a level without
            two places to start from when agents must not overlap.
    """

    actions: ClassVar[Mapping[str, tuple[str, ...]]] = dict.fromkeys(("human", "ai"), tuple(DIRECTIONS))
    legend: ClassVar[Mapping[str, str]] = {".": "floor", START: "start", GOAL: "goal"}

    def __init__(
        self,
        level: str | Sequence[str] = "open_3x3",
        overlaps: bool = True,
        no_swaps: bool = False,
        noise: float = 0.0,
        noise_bias: Mapping[str, float] | None = None,
        walls: str = "bump",
        reward: Mapping[str, Any] | None = None,
    ):
        overlaps, no_swaps = flag("overlaps", overlaps), flag("no_swaps", no_swaps)
        if overlaps and no_swaps:
            raise ValueError("no_swaps: expected False where agents may overlap, found True")
        reward = mapped("reward", {} if reward is None else reward, "{agent: rewards}")
        for agent in reward:
            if agent not in self.agents:
                raise ValueError(f"reward: unknown agent {agent!r}; {closest(agent, self.agents)}")
        self.level = shipped_or_text(level)
        starts = self.level.find(START) if START in str(self.level) else self.level.cells
        if len(starts) < 2 and not overlaps:
            raise ValueError(f"level: expected at least two starts {START!r} for agents that never overlap, found one")
        self.overlaps, self.no_swaps = overlaps, no_swaps
        goals: dict[Hashable, float] = {(int(r), int(c)): 1.0 for r, c in self.level.find(GOAL)}
        floor = [row.replace(GOAL, ".") for row in self.level.rows]  # a goal would end the agent's own world
        self._grids = [PowerGrid(floor, noise, noise_bias, walls, reward.get(agent, goals)) for agent in self.agents]

    def tables(self) -> TabularGame:
        """One state for each pair of cells, the human's first."""
        mdps = [grid.tables().with_(board=self.level.rows) for grid in self._grids]  # type: ignore[union-attr]
        game = product_game(*mdps, agents=self.agents)
        return game if self.overlaps else game.with_bumping(self.no_swaps)
