"""What one agent of a game would see in each joint state, through the wrappers that it was trained with."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from pettingzoo import AECEnv, ParallelEnv

from power_metrics.agents.observations import CHECK_STEPS, StateObservations, same_observation
from powerenvs.authoring.game_world import TableGameWorld
from powerenvs.model.game import TabularGame
from powerenvs.model.joint import agent_position
from powerenvs.model.mdp import TabularMDP
from powerenvs.model.seen import stacked


def game_of(env: Any) -> TabularGame | None:
    """The game of a game's environment or world, or itself; None for what has one agent.

    Raises:
        ValueError: for a game whose wrappers may change more than what agents see.
    """
    if isinstance(env, TabularGame):
        return env
    if not isinstance(env, (AECEnv, ParallelEnv, TableGameWorld)):
        return None
    from powerenvs.sources import tabular_model

    model = tabular_model(env)
    return model if isinstance(model, TabularGame) else None


def parallel_game(env: Any) -> TabularGame:
    """The game of a parallel environment of PettingZoo.

    Raises:
        ValueError: for anything else.
    """
    game = getattr(getattr(env, "unwrapped", env), "game", None)
    if not isinstance(game, TabularGame) or not hasattr(env, "possible_agents") or hasattr(env, "agent_iter"):
        raise ValueError(
            f"env: expected a parallel environment of powerenvs, found {type(env).__name__}; parallel_to_aec of "
            "PettingZoo goes around the wrapper"
        )
    return game


def joint_observations(env: Any, agent: str, check: bool = True) -> StateObservations:
    """The observations of all joint states as an agent sees them.

    A copy of the environment is started in every state, so wrappers show what they would at an episode's start. Then
    the copy is walked for a few steps: if it shows something else, observations depend on more than the state.

    Args:
        env: an environment of PettingZoo around a game of powerenvs, parallel or AEC, wrapped or not; or a
            `TabularGame`, in which the observation of a state is its index.
        agent: its name.
        check: whether to take that walk.

    Returns:
        The observations (S, ...); their model is that of the agent among others who act uniformly at random, whose
        states and available actions are those of the game.

    Raises:
        ValueError: for an environment without a game of powerenvs, an unknown agent, and observations that are not a
            function of the joint state.
    """
    base = getattr(env, "unwrapped", env)
    game = env if isinstance(env, TabularGame) else getattr(base, "game", None)
    if not isinstance(game, TabularGame):
        raise ValueError(f"env: expected an environment of a game, to see it as {agent!r} does, found {env!r}")
    agent_position("agent", agent, game.agents)
    mdp = among_random(game, agent)
    if env is game:
        return StateObservations(mdp, np.arange(game.num_states), None)
    try:
        shown: Any = copy.deepcopy(env)
    except Exception as error:
        raise ValueError(
            f"env: could not copy {type(env).__name__} to see what it shows in each state ({error}); make it without a "
            "render mode"
        ) from error
    view = _View(shown, agent)
    try:
        values = stacked([view.start(state) for state in range(game.num_states)])
    except (ValueError, KeyError):
        raise ValueError(
            f"env: expected observations that are arrays of one shape, or dictionaries of such, found "
            f"{env.observation_space(agent)}"
        ) from None
    observed = StateObservations(mdp, values, env.observation_space(agent))
    if check:
        view.walk(game, observed)
    return observed


def among_random(game: TabularGame, agent: str) -> TabularMDP:
    """What one agent faces when all others act uniformly at random."""
    return game.against({other: game.uniform_policy(other) for other in game.agents if other != agent})


class _View:
    """An environment of a game as one of its agents sees it."""

    def __init__(self, env: Any, agent: str):
        self.env, self.agent = env, agent

    @property
    def state(self) -> int:
        """The index of the joint state that the game is in."""
        return int(self.env.unwrapped.joint_state)

    def start(self, state: int | None = None) -> Any:
        """What the agent sees when an episode starts, in a state if one is given."""
        options = None if state is None else {"state": state}
        found = self.env.reset(seed=0, options=options)
        if state is not None and self.state != state:
            raise ValueError(
                f"env: expected its wrappers to hand reset(options=...) on, to see what they show of state {state}, "
                f"found state {self.state} after it"
            )
        return self.env.observe(self.agent) if isinstance(self.env, AECEnv) else found[0][self.agent]

    def step(self, actions: dict[str, int]) -> tuple[Any, bool]:
        """What the agent sees after all have acted, and whether the episode is over."""
        if not isinstance(self.env, AECEnv):
            seen, _, terminated, truncated, _ = self.env.step(actions)
            return seen.get(self.agent), not self.env.agents or any(terminated.values()) or any(truncated.values())
        for agent, action in actions.items():
            if self.env.agents and self.env.agent_selection == agent:
                self.env.step(action)
        over = not self.env.agents or any(self.env.terminations.values()) or any(self.env.truncations.values())
        return None if over else self.env.observe(self.agent), over

    def walk(self, game: TabularGame, observed: StateObservations) -> None:
        """Compares a random walk with the table.

        Raises:
            ValueError: if the agent sees something else in a state, or actions do not do what they do in the game.
        """
        rng = np.random.default_rng(0)
        seen = self.start()
        for step in range(CHECK_STEPS):
            state = self.state
            if not same_observation(seen, observed.part(state)):
                raise ValueError(
                    f"env: after {step} steps of a walk {self.agent} saw another observation of "
                    f"{game.describe(state)} than at the start of an episode, so observations are not a function of "
                    "the joint state. Give the environment without what remembers or is random, or the policy as an "
                    "array (S, A)"
                )
            joint = int(rng.choice(np.flatnonzero(game.joint_available[state])))
            seen, over = self.step(dict(zip(game.agents, game.joint_actions[joint].tolist(), strict=True)))
            row = state * game.num_joint_actions + joint
            if self.state not in game.successor[game.indptr[row] : game.indptr[row + 1]]:
                raise ValueError(
                    f"env: its wrappers change actions: {game.describe(state)} was followed by "
                    f"{game.describe(self.state)}, where the game does not lead; give the environment without them"
                )
            if over or seen is None:
                seen = self.start()
