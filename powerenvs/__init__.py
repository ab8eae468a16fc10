"""Gymnasium and PettingZoo environments that carry their exact tabular models.

Importing this package registers the environments: ``gymnasium.make("PowerGrid-v0")``.
"""

from powerenvs.clone import compile_env
from powerenvs.compile import compile_world, tabular_model
from powerenvs.editing import EditedWorld
from powerenvs.game import TabularGame
from powerenvs.game_world import GameWorld, JointOutcome
from powerenvs.gridworld import GridWorld
from powerenvs.level import Level
from powerenvs.mdp import TabularMDP
from powerenvs.policy import Policy
from powerenvs.product import product_game
from powerenvs.registry import register, register_environments
from powerenvs.version import __version__
from powerenvs.world import Outcome, TableWorld, World

__all__ = [
    "EditedWorld",
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
    "__version__",
    "compile_env",
    "compile_world",
    "product_game",
    "register",
    "tabular_model",
]

register_environments()
