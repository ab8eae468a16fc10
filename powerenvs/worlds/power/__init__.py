"""Movement worlds and graphs, on which POWER was first measured."""

from powerenvs.authoring.family import Family, GameEntry, WorldEntry
from powerenvs.worlds.power.levels import LEVELS

FAMILY = Family(
    "power",
    "Movement and graphs",
    namespace="powerenvs",
    package=__name__,
    worlds=(WorldEntry(".grid:PowerGrid", "movement on a grid: mazes, rooms, dead ends", id="PowerGrid-v0"),),
    games=(GameEntry("power_pair_v0", ".pair:PowerPair", "a human and an AI move on one grid, at the same time"),),
    graphs={"turner_figure_1": ".turner:turner_figure_1"},
    citation='Turner et al., "Optimal Policies Tend to Seek Power", arXiv 1912.01683',
)

__all__ = ["FAMILY", "LEVELS", *FAMILY.exports]
__getattr__ = FAMILY.load


def __dir__() -> list[str]:
    return __all__
