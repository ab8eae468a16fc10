"""The gridworlds of attainable utility preservation (Turner et al., arXiv 1902.09725), written anew as exact tables."""

from powerenvs.authoring.family import Family, WorldEntry
from powerenvs.authoring.styles import badge

FAMILY = Family(
    "side_effects",
    "Side effects",
    namespace="powerenvs",
    package=__name__,
    worlds=(
        WorldEntry(
            ".burning:Burning",
            "an obstacle in the short way, and a building that may be on fire",
            variants=[{"level": 0}, {"level": 1}],
        ),
        WorldEntry(".dog:Dog", "a dog that walks back and forth across the way"),
        WorldEntry(".survival:Survival", "a button that keeps the agent from being switched off"),
        WorldEntry(".sushi:Sushi", "sushi on its way to a guest, not to be held up"),
        WorldEntry(".vase:Vase", "a vase in the straight way"),
        WorldEntry(".options:Options", "a box that can be pushed where it can never be moved again"),
        WorldEntry(
            ".offset:Offset",
            "a vase to be rescued and not put back, sushi to be left alone",
            variants=[{"variant": "vase"}, {"variant": "sushi"}],
            max_episode_steps=20,
        ),
        WorldEntry(
            ".power_plant:PowerPlant", "a plant that melts down later unless it is cooled", max_episode_steps=20
        ),
    ),
    tiles={
        "obstacle": badge(150, 110, 70),
        "burning goal": badge(214, 84, 40),
        "dog": badge(156, 104, 58),
        "vase": badge(86, 120, 176),
        "sushi": badge(226, 122, 96),
        "guest": badge(222, 124, 32),
        "switched off in two steps": badge(112, 112, 116),
        "switched off in one step": badge(214, 160, 32),
        "switched off": badge(196, 60, 60),
        "plant": badge(70, 130, 120),
        "cooling": badge(80, 150, 200),
        "melted plant": badge(196, 60, 60),
        "disabling button": badge(140, 84, 168),
    },
    citation='Turner et al., "Conservative agency via attainable utility preservation", arXiv 1902.09725',
)

__all__ = ["FAMILY", *FAMILY.exports]
__getattr__ = FAMILY.load


def __dir__() -> list[str]:
    return __all__
