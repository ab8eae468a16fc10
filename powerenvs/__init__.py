"""Gymnasium and PettingZoo environments that carry their exact tabular models.

Importing this package registers the environments: ``gymnasium.make("PowerGrid-v0")``.
"""

import importlib
from typing import TYPE_CHECKING, Any

from powerenvs.authoring.compile import compile_world
from powerenvs.authoring.family import Family, GameEntry, WorldEntry
from powerenvs.authoring.game_world import GameWorld, JointOutcome
from powerenvs.authoring.gridworld import GridWorld
from powerenvs.authoring.level import Level
from powerenvs.authoring.world import Outcome, TableWorld, World
from powerenvs.model.game import TabularGame
from powerenvs.model.mdp import TabularMDP
from powerenvs.model.policy import Policy
from powerenvs.model.product import product_game
from powerenvs.registry import register, register_families, register_family
from powerenvs.sources import tabular_model
from powerenvs.sources.clone import compile_env
from powerenvs.version import __version__

if TYPE_CHECKING:
    from powerenvs.worlds.power.editing import EditedWorld

__all__ = [
    "EditedWorld",
    "Family",
    "GameEntry",
    "GameWorld",
    "GridWorld",
    "JointOutcome",
    "Level",
    "Outcome",
    "Policy",
    "TableWorld",
    "TabularGame",
    "TabularMDP",
    "World",
    "WorldEntry",
    "__version__",
    "compile_env",
    "compile_world",
    "product_game",
    "register",
    "register_family",
    "tabular_model",
]


def __getattr__(name: str) -> Any:
    if name == "EditedWorld":  # edits two of the worlds, and none is imported before it is used
        return importlib.import_module("powerenvs.worlds.power.editing").EditedWorld
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


register_families()
