"""From worlds to tables: `compile_world` and `compile_game`."""

from __future__ import annotations

from typing import Any

from powerenvs.authoring.enumeration import MAX_STATES
from powerenvs.authoring.game_world import GameWorld, TableGameWorld
from powerenvs.authoring.world import TableWorld, World
from powerenvs.model.game import TabularGame
from powerenvs.model.mdp import TabularMDP


def compile_world(world: TableWorld[Any], max_states: int | None = None, progress: bool | None = None) -> TabularMDP:
    """The tables of a world: given by the world itself, or enumerated breadth first from its start states.

    States are numbered in the order in which they are found. Terminal states loop to themselves under every
    action, with reward 0.

    Args:
        world: the world.
        max_states: stop with an error when more states than this are found; a million when None, and then a world
            that says of itself that it is too large is not begun.
        progress: show a progress bar: True, False, or None to show one on a terminal after two seconds.

    Raises:
        ValueError: if it is no world, if its probabilities do not sum to 1, if it names unknown actions, or if it
            has more states than this.

    Example:
        >>> from powerenvs import compile_world
        >>> from powerenvs.worlds.safety import BoatRace
        >>> mdp = compile_world(BoatRace(), max_states=100)
        >>> mdp.num_states, mdp.action_labels
        (8, ('up', 'down', 'left', 'right'))
    """
    if isinstance(world, World):
        # not world.tables(), which a class may have to change what this returns
        return World.tables(world, max_states, progress)
    if not isinstance(world, TableWorld):
        raise ValueError(f"world: expected a powerenvs.World or TableWorld, found {world!r}")
    return world.tables()


def compile_game(world: TableGameWorld[Any], max_states: int = MAX_STATES, progress: bool | None = None) -> TabularGame:
    """The tables of a game: given by the game itself, or enumerated as `compile_world` does.

    A joint action is enumerated for every combination of the agents' available actions.

    Args:
        world: the game.
        max_states: stop with an error when more states than this are found.
        progress: show a progress bar: True, False, or None to show one on a terminal after two seconds.

    Raises:
        ValueError: as `compile_world`; and if an outcome does not have a reward for every agent.
    """
    if isinstance(world, GameWorld):
        return GameWorld.tables(world, max_states, progress)
    if not isinstance(world, TableGameWorld):
        raise ValueError(f"world: expected a powerenvs.GameWorld or TableGameWorld, found {world!r}")
    return world.tables()
