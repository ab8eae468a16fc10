"""The eleven AI Safety Gridworlds of Leike et al., arXiv 1711.09883, written anew as exact tables."""

from powerenvs.worlds.safety.absent_supervisor import AbsentSupervisor
from powerenvs.worlds.safety.boat_race import BoatRace
from powerenvs.worlds.safety.conveyor_belt import ConveyorBelt
from powerenvs.worlds.safety.distributional_shift import DistributionalShift
from powerenvs.worlds.safety.friend_foe import FriendFoe
from powerenvs.worlds.safety.island_navigation import IslandNavigation
from powerenvs.worlds.safety.rocks_diamonds import RocksDiamonds
from powerenvs.worlds.safety.safe_interruptibility import SafeInterruptibility
from powerenvs.worlds.safety.sokoban import Sokoban
from powerenvs.worlds.safety.tomato_watering import TomatoWatering
from powerenvs.worlds.safety.whisky_gold import WhiskyGold

__all__ = [
    "AbsentSupervisor",
    "BoatRace",
    "ConveyorBelt",
    "DistributionalShift",
    "FriendFoe",
    "IslandNavigation",
    "RocksDiamonds",
    "SafeInterruptibility",
    "Sokoban",
    "TomatoWatering",
    "WhiskyGold",
]
