"""`GameVectorEnv`: many copies of a game, stepped as array operations, with what each agent sees."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector.utils import batch_space
from numpy.typing import ArrayLike, NDArray

from powerenvs.authoring.game_world import TableGameWorld
from powerenvs.envs.loading import load_game
from powerenvs.envs.observations import ObservationTable
from powerenvs.envs.stepper import GameStepper
from powerenvs.model.game import TabularGame

ByAgent = dict[str, NDArray[Any]]
Infos = dict[str, dict[str, NDArray[Any]]]
Step = tuple[ByAgent, ByAgent, ByAgent, ByAgent, Infos]


class GameVectorEnv:
    """M copies of a game at once: PettingZoo's parallel environments, with an array where they have a number.

    Same seeds, same trajectories as M environments of `GameEnv`; copy i draws from its own generator, seeded with
    ``seed + i``. A copy whose episode ends starts again within the same step: what is observed then is the start of the
    next one, and ``infos[agent]["final_state"]`` is the state that the step itself led to, for bootstrapping:
    ``env.observe(final_state)`` is what was seen there. Every agent's infos have "state" (M,), "action_mask"
    (M, A_i) int8, "performance" (M,) and, of steps, "final_state" (M,). All agents see the whole state.

    Args:
        world: a `TableGameWorld`, or a `TabularGame`.
        num_envs: M.
        observation: what agents see: "state", "onehot", "board" or "rgb"; see `ObservationTable`.
        max_cycles: truncates episodes of this many steps; None for no limit.

    Attributes:
        game: the `TabularGame` that the copies step through.
        world: the world that the tables were made from; None when made from a `TabularGame`.
        num_envs: as given.
        possible_agents: the N agents, in the game's order.
        observation_table: the observations of all states, `ObservationTable`.

    Raises:
        ValueError: for an unknown observation and numbers out of range, and a game in which actions that are each
            available may be impossible together, as for `GameEnv`.

    Example:
        >>> import numpy as np
        >>> from powerenvs.multi import power_pair_v0
        >>> env = power_pair_v0.vector_env(num_envs=1_000, level="maze_7x7", max_cycles=50)
        >>> observations, infos = env.reset(seed=0)
        >>> actions = {agent: np.zeros(1_000, dtype=int) for agent in env.possible_agents}
        >>> observations, rewards, terminations, truncations, infos = env.step(actions)
        >>> rewards["ai"].shape, infos["ai"]["action_mask"].shape
        ((1000,), (1000, 5))
    """

    def __init__(
        self,
        world: TableGameWorld[Any] | TabularGame,
        num_envs: int = 1,
        *,
        observation: str = "state",
        max_cycles: int | None = 100,
    ):
        self.game, self.world = load_game(world)
        self._stepper = GameStepper(self.game, num_envs, max_cycles)
        self.num_envs, self.max_cycles = num_envs, max_cycles
        self.observation_table = ObservationTable(self.game, self.world, observation)
        self.possible_agents = list(self.game.agents)
        self.single_observation_spaces = {
            agent: copy.deepcopy(self.observation_table.space) for agent in self.possible_agents
        }
        counts = zip(self.possible_agents, self.game.num_actions, strict=True)
        self.single_action_spaces: dict[str, gym.spaces.Discrete[Any]] = {
            agent: gym.spaces.Discrete(count) for agent, count in counts
        }
        self._masks = {agent: available.astype(np.int8) for agent, available in self.game.available.items()}
        self._full = {agent: bool(available.all()) for agent, available in self.game.available.items()}

    def observation_space(self, agent: str) -> gym.spaces.Space[Any]:
        """The space of what an agent sees in all copies."""
        return batch_space(self.single_observation_spaces[agent], self.num_envs)

    def action_space(self, agent: str) -> gym.spaces.Space[Any]:
        """The space of an agent's actions in all copies."""
        return batch_space(self.single_action_spaces[agent], self.num_envs)

    def reset(self, seed: int | Sequence[int | None] | None = None) -> tuple[ByAgent, Infos]:
        """Starts an episode in every copy.

        Args:
            seed: an integer (copy i gets ``seed + i``), or one for each copy; None goes on with the random numbers.

        Raises:
            ValueError: for a wrong number of seeds.
        """
        state = self._stepper.reset(seed)
        nothing = np.zeros((self.num_envs, len(self.possible_agents)))
        return self.observe(state), self._infos(state, nothing)

    def step(self, actions: Mapping[str, ArrayLike]) -> Step:
        """Takes an action of every agent in every copy.

        Args:
            actions: {agent: (M,) integers}.

        Returns:
            Observations (M, ...), rewards (M,), terminations (M,), truncations (M,) and infos, each by agent.

        Raises:
            ValueError: for wrong shapes, and an action that does not exist; nothing changes then in any copy.
            gymnasium.error.ResetNeeded: before the first reset.
        """
        state, reward, terminated, truncated, told = self._stepper.step(actions)
        infos = self._infos(state, told["performance"])
        for info in infos.values():
            info["final_state"] = told["final_state"].copy()
        agents = self.possible_agents
        return (
            self.observe(state),
            {agent: np.ascontiguousarray(reward[:, i]) for i, agent in enumerate(agents)},
            {agent: terminated.copy() for agent in agents},
            {agent: truncated.copy() for agent in agents},
            infos,
        )

    def observe(self, states: NDArray[np.int64]) -> ByAgent:
        """{agent: (n, ...)} what each agent sees in joint states (n,)."""
        values = self.observation_table.values
        if values.ndim == 1:
            return {agent: states.copy() for agent in self.possible_agents}
        return {agent: values.take(states, axis=0) for agent in self.possible_agents}

    def state(self) -> NDArray[np.int64]:
        """(M,) the joint states that the copies are in.

        Raises:
            gymnasium.error.ResetNeeded: before the first reset.
        """
        return self._stepper.states

    def close(self) -> None:
        """Nothing: there is no window."""

    def _infos(self, state: NDArray[np.int64], performance: NDArray[np.float64]) -> Infos:
        return {
            agent: {
                "state": state.copy(),
                "action_mask": np.ones((self.num_envs, self._masks[agent].shape[1]), dtype=np.int8)
                if self._full[agent]
                else self._masks[agent].take(state, axis=0),
                "performance": np.ascontiguousarray(performance[:, i]),
            }
            for i, agent in enumerate(self.possible_agents)
        }
