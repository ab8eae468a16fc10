"""Worlds of side effects as exact tables: those of attainable utility preservation, and cases for impact measures."""

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
        WorldEntry(".two_vases:TwoVases", "a vase that has to be broken, and one that does not"),
        WorldEntry(".omelette:Omelette", "an egg that has to be broken, and bread in the way"),
        WorldEntry(".weather:Weather", "weather that every action changes for good"),
        WorldEntry(".supervisor:Supervisor", "a supervisor who can be talked into paying for nothing"),
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
        "second vase": badge(70, 98, 148),
        "egg": badge(206, 176, 120),
        "bread": badge(168, 118, 62),
        "pan": badge(84, 88, 96),
        "sun": badge(214, 160, 32),
        "clouds": badge(140, 146, 156),
        "rain": badge(70, 110, 170),
        "wind": badge(96, 150, 140),
        "fog": badge(112, 112, 116),
        "sound supervisor": badge(70, 120, 180),
        "manipulated supervisor": badge(196, 60, 60),
        "talk": badge(140, 84, 168),
        "disabling button": badge(140, 84, 168),
    },
    citation='Turner et al., "Conservative agency via attainable utility preservation", arXiv 1902.09725',
)

__all__ = ["FAMILY", *FAMILY.exports]
__getattr__ = FAMILY.load


def __dir__() -> list[str]:
    return __all__
