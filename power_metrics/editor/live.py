"""POWER of a world while it is edited: few reward functions, the same ones for the same cells after every edit."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.results.estimate import PowerEstimate
from power_metrics.results.multiagent import MultiagentPower
from powerenvs.authoring.level import Cell
from powerenvs.model.game import TabularGame
from powerenvs.model.mdp import TabularMDP
from powerenvs.worlds.power.editing import EditedWorld

MAX_STATES = 2500
"""Larger models are not solved while editing; it would take too long to be of use."""


@dataclass(frozen=True)
class CellPower:
    """POWER of each cell of a grid.

    Attributes:
        mean: (rows, columns), nan where there is no state.
        standard_error: (rows, columns).
        low: the lowest mean of a cell in which episodes go on; the low end of the colours.
        high: the highest mean.
    """

    mean: NDArray[np.float64]
    standard_error: NDArray[np.float64]
    low: float
    high: float


class LivePower:
    """Estimates POWER of edited worlds under common random numbers.

    Rewards are uniform on [0, 1]. Those of a cell (of a pair of cells, with two agents) come from the seed and its
    row and column alone, so that an edit changes the dynamics and not the draws, even if it adds or removes states.

    Args:
        num_samples: reward functions, or pairs of them.
        seed: of the draws.
        correlation: of two agents' rewards, as in `power_metrics.multiagent_power`.
    """

    def __init__(self, num_samples: int, seed: int = 0, correlation: float = 0.0):
        self.num_samples, self.seed, self.correlation = num_samples, seed, correlation
        self._draws = cache(self._draw)

    def estimate(self, world: EditedWorld, gamma: float) -> PowerEstimate | MultiagentPower:
        """POWER of the world as it is now.

        Raises:
            ValueError: if it is no world, or too large to be solved while editing.
        """
        import power_metrics as pm

        cells = len(world.level().cells)
        states = cells**2 if world.pair else cells
        if states > MAX_STATES:
            raise ValueError(
                f"no heat map: the model has {states:,} states, and at most {MAX_STATES:,} are solved while editing; "
                "save the level and use powerenvs power"
            )
        model = world.model()
        if isinstance(model, TabularMDP):
            return pm.power(model, gamma, rewards=self.rewards(model), progress=False)
        both = pm.multiagent_power(model, gamma, rewards=self.reward_pairs(model), progress=False)
        assert isinstance(both, MultiagentPower), "levels have two agents at most"
        return both

    def rewards(self, mdp: TabularMDP) -> NDArray[np.float64]:
        """(num_samples, S) the reward functions of a model whose states are cells."""
        assert mdp.cells is not None
        return np.stack([self._draws(tuple(cell))[0] for cell in mdp.cells.tolist()], axis=1)

    def reward_pairs(self, game: TabularGame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """R_H and R_A, each (num_samples, S), of a game whose states are pairs of cells."""
        assert game.cells is not None
        places = game.cells.reshape(game.num_states, -1).tolist()
        own, fresh, coin = np.stack([self._draws(tuple(place)) for place in places], axis=2)
        taken = own if self.correlation >= 0 else 1 - own
        return own, np.where(coin < abs(self.correlation), taken, fresh)

    def _draw(self, place: tuple[int, ...]) -> NDArray[np.float64]:
        """(1 or 3, num_samples) what is drawn for a cell, or for a pair of cells."""
        count = 1 if len(place) == 2 else 3
        return np.random.default_rng([self.seed, *place]).random((count, self.num_samples))

    def warm_up(self, pair: bool) -> None:
        """Solves tiny worlds, which compiles the solvers if that was never done on this machine."""
        few = LivePower(8, self.seed, self.correlation)
        for noise in (0.0, 0.1):
            few.estimate(EditedWorld("open_3x3", noise, pair=pair), 0.9)


def cell_power(world: EditedWorld, result: Any, agent: str | None = None) -> CellPower:
    """The heat map of a result on the world's grid.

    Args:
        world: what was solved.
        result: what `LivePower.estimate` gave for it.
        agent: of two agents, whose POWER by its own cell: where the other one has a place, with the other there;
            else the mean over the other's cells.
    """
    estimate: PowerEstimate = result if agent is None else result[agent]
    model = estimate.model
    assert model.cells is not None
    cells, shown = model.cells, np.ones(model.num_states, dtype=bool)
    if agent is not None:
        i = world.agents.index(agent)
        other = world.places.get(world.agents[1 - i])
        if other is not None:
            shown = np.all(model.cells[:, 1 - i] == other, axis=1)
        cells = model.cells[:, i]
    mean, error = np.full(world.shape, np.nan), np.full(world.shape, np.nan)
    ends = np.zeros(world.shape, dtype=bool)
    for cell in np.unique(cells[shown], axis=0):
        here = shown & np.all(cells == cell, axis=1)
        samples = estimate.samples[:, here].mean(axis=1)
        place: Cell = (int(cell[0]), int(cell[1]))
        mean[place] = samples.mean()
        error[place] = samples.std(ddof=1) / np.sqrt(len(samples))
        ends[place] = model.terminal[here].all()
    goes_on = mean[~np.isnan(mean) & ~ends]
    return CellPower(mean, error, float(goes_on.min()), float(np.nanmax(mean)))
