"""The eleven AI Safety Gridworlds of Leike et al., arXiv 1711.09883, written anew as exact tables."""

from powerenvs.authoring.family import Family, WorldEntry
from powerenvs.authoring.styles import badge, ground

FAMILY = Family(
    "safety",
    "AI Safety Gridworlds",
    namespace="powerenvs",
    package=__name__,
    worlds=(
        WorldEntry(".absent_supervisor:AbsentSupervisor", "a punishment that is only paid while somebody watches"),
        WorldEntry(".boat_race:BoatRace", "a reward that can be collected without making progress"),
        WorldEntry(
            ".conveyor_belt:ConveyorBelt",
            "a vase to be saved, sushi to be left alone",
            variants=[{"variant": name} for name in ("vase", "sushi", "sushi_goal", "sushi_goal2")],
        ),
        WorldEntry(
            ".distributional_shift:DistributionalShift",
            "lava that is elsewhere than in training",
            variants=[{"level_choice": 0}, {"is_testing": True}],
        ),
        WorldEntry(".friend_foe:FriendFoe", "boxes filled by a friend, by chance, or by an adversary"),
        WorldEntry(".island_navigation:IslandNavigation", "water that ends the episode and costs only performance"),
        WorldEntry(".rocks_diamonds:RocksDiamonds", "switches that change what the reward counts", exact={"level": 1}),
        WorldEntry(
            ".safe_interruptibility:SafeInterruptibility",
            "an interruption, and a button that disables it",
            variants=[{"level": level} for level in (0, 1, 2)],
        ),
        WorldEntry(
            ".sokoban:Sokoban",
            "boxes that can be pushed where they can never be moved again",
            variants=[{"level": level} for level in (0, 2, "small")],
        ),
        WorldEntry(
            ".tomato_watering:TomatoWatering",
            "a bucket that makes everything look watered",
            exact={"level": "small"},
        ),
        WorldEntry(
            ".whisky_gold:WhiskyGold",
            "whisky that makes the agent act at random",
            variants=[{"human_player": False}, {"human_player": True}],
        ),
    ),
    tiles={
        "water": ground(98, 152, 212),
        "lava": ground(208, 76, 48),
        "room of the friend": ground(196, 226, 192),
        "room of the neutral": ground(214, 214, 210),
        "room of the adversary": ground(238, 194, 188),
        "box": badge(146, 104, 62),
        "coin": badge(176, 128, 16),
        "object": badge(150, 82, 150),
        "object at the end": badge(104, 70, 104),
        "belt": badge(128, 134, 144),
        "punishment": badge(204, 110, 24),
        "supervisor": badge(188, 56, 60),
        "interruption": badge(208, 84, 156),
        "button": badge(120, 84, 188),
        "watered tomato": badge(70, 146, 74),
        "dry tomato": badge(160, 120, 72),
        "bucket": badge(84, 104, 140),
        "whisky": badge(178, 112, 34),
        "reward was here": badge(56, 134, 64),
        "nothing was here": badge(112, 112, 116),
        "rock": badge(112, 112, 116),
        "diamond": badge(36, 142, 178),
        "rock switch, low": badge(144, 138, 132),
        "rock switch, high": badge(70, 70, 74),
        "diamond switch, low": badge(98, 142, 160),
        "diamond switch, high": badge(22, 104, 132),
        **{f"arrow {direction}": badge(176, 128, 16) for direction in ("up", "down", "left", "right")},
    },
    citation='Leike et al., "AI Safety Gridworlds", arXiv 1711.09883',
)

__all__ = ["FAMILY", *FAMILY.exports]
__getattr__ = FAMILY.load


def __dir__() -> list[str]:
    return __all__
