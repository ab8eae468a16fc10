"""DeepMind Lab's text levels as exact tables, with first-person views."""

from powerenvs.authoring.family import Family, WorldEntry
from powerenvs.authoring.styles import badge
from powerenvs.worlds.labs.actions import EIGHT

COLOURS = {
    "red": (190, 50, 50),
    "green": (50, 140, 70),
    "blue": (50, 90, 190),
    "black": (40, 40, 44),
    "white": (170, 170, 176),
}

FAMILY = Family(
    "labs",
    "Labs",
    namespace="powerenvs",
    package=__name__,
    worlds=(
        WorldEntry(".lab:Lab", "a level of DeepMind Lab: walk, look, pick things up, find the goal"),
        WorldEntry(
            ".lab:Lab",
            "a maze whose goal and start are drawn anew in each episode",
            id="powerenvs/LabRandomGoal-v0",
            kwargs={"level": "small_maze"},
        ),
        WorldEntry(
            ".lab:Lab",
            "an arena with apples to eat and lemons to leave",
            id="powerenvs/LabSeekAvoid-v0",
            kwargs={"level": "seekavoid_arena_01"},
            exact={"level": "small_arena"},
        ),
        WorldEntry(
            ".keys_doors:KeysDoors",
            "one key at a time, each for one door, and doors that should stay shut",
            id="powerenvs/LabKeysDoors-v0",
        ),
        WorldEntry(
            ".obstructed_goals:ObstructedGoals",
            "doors that stay shut for an episode, and always a way around",
            id="powerenvs/LabObstructedGoals-v0",
        ),
        WorldEntry(
            ".skymaze:Skymaze",
            "platforms from which one can only go down",
            id="powerenvs/LabSkymaze-v0",
        ),
        WorldEntry(
            ".object_rewards:ObjectRewards",
            "things of several kinds, good and bad, and nothing shows which",
            id="powerenvs/LabObjectRewards-v0",
            exact={"level": "small_room", "kinds": 2},
        ),
        WorldEntry(
            ".select_object:SelectObject",
            "things that differ, and an instruction that says which one to pick up",
            id="powerenvs/LabSelectObject-v0",
        ),
        WorldEntry(
            ".deferred_effects:DeferredEffects",
            "a box that costs something now and opens the way to more",
            id="powerenvs/LabDeferredEffects-v0",
        ),
        WorldEntry(
            ".watermaze:Watermaze",
            "a pool with a platform that nobody sees",
            id="powerenvs/LabWatermaze-v0",
            exact={"radius": 2, "triggers": 1},
        ),
    ),
    tiles={
        **{f"agent facing {heading}": badge(34, 98, 196) for heading in EIGHT},
        **{f"door from {ends}": badge(146, 104, 62) for ends in ("north to south", "east to west")},
        **{f"{colour} {thing}": badge(*rgb) for colour, rgb in COLOURS.items() for thing in ("key", "door")},
        "apple": badge(196, 58, 52),
        "lemon": badge(196, 170, 20),
        "strawberry": badge(214, 60, 100),
        "fungi": badge(140, 84, 168),
        "watermelon": badge(48, 140, 70),
        "mango": badge(224, 140, 32),
        "cake": badge(206, 120, 160),
    },
    citation='Beattie et al., "DeepMind Lab", arXiv 1612.03801',
)

__all__ = ["FAMILY", *FAMILY.exports]
__getattr__ = FAMILY.load


def __dir__() -> list[str]:
    return __all__
