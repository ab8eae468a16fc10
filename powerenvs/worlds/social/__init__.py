"""Games that everyone knows: in tables of payoffs, repeated, and on grids."""

from powerenvs.authoring.family import Family, GameEntry
from powerenvs.authoring.styles import badge

FAMILY = Family(
    "social",
    "Games that everyone knows",
    namespace="powerenvs",
    package=__name__,
    games=(
        GameEntry("matrix_game_v0", ".matrix_game:MatrixGame", "a table of payoffs, played again and again"),
        GameEntry("stag_hunt_v0", ".stag_hunt:StagHunt", "two hunters, a stag that takes both, and hares"),
        GameEntry("harvest_v0", ".harvest:Harvest", "two agents live off apples that grow while some are left"),
    ),
    tiles={
        "stag": badge(140, 96, 58),
        "hare": badge(150, 138, 120),
        "apple": badge(196, 58, 52),
        "eaten apple": badge(196, 204, 188),
    },
)

__all__ = ["FAMILY", *FAMILY.exports]
__getattr__ = FAMILY.load


def __dir__() -> list[str]:
    return __all__
