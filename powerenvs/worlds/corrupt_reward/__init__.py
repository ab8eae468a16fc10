"""Worlds whose rewards are not what they seem (Everitt et al., arXiv 1705.08417), written anew as exact tables."""

from powerenvs.authoring.family import Family, WorldEntry
from powerenvs.authoring.styles import badge
from powerenvs.worlds.corrupt_reward.levels import LEVELS

FAMILY = Family(
    "corrupt_reward",
    "Corrupt reward",
    namespace="powerenvs",
    package=__name__,
    worlds=(
        WorldEntry(
            ".corrupt_reward:CorruptReward",
            "a tile that seems better than any goal, and is worth nothing",
            variants=[{"level": level} for level in LEVELS],
        ),
    ),
    graphs={
        f"corrupt_{name}": f".small:corrupt_{name}" for name in ("theorem_16", *map("example_{}".format, (18, 21, 24)))
    },
    tiles={"corrupt": badge(176, 62, 132)},
    citation='Everitt et al., "Reinforcement Learning with a Corrupted Reward Channel", arXiv 1705.08417',
)

__all__ = ["FAMILY", "LEVELS", *FAMILY.exports]
__getattr__ = FAMILY.load


def __dir__() -> list[str]:
    return __all__
