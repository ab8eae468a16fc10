"""`GameEnv`: any game as a PettingZoo environment."""

from __future__ import annotations

import copy
from bisect import bisect_right
from collections.abc import Mapping
from functools import cached_property
from operator import index
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.utils.seeding import np_random
from numpy.typing import NDArray
from pettingzoo import ParallelEnv

from powerenvs.authoring.game_world import TableGameWorld
from powerenvs.envs.game_views import GamePictures
from powerenvs.envs.loading import load_game, start_state
from powerenvs.envs.observations import ObservationTable
from powerenvs.envs.stepper import GameStepper
from powerenvs.model.checks import flag
from powerenvs.model.game import TabularGame
from powerenvs.model.labels import closest, label_text
from powerenvs.model.rows import cumulative
from powerenvs.render.window import Window

__all__ = ["GameEnv", "GameStepper"]

Infos = dict[str, dict[str, Any]]

MASKED = ("observation", "observations")
"""What learners call what is seen, beside its "action_mask"."""


class GameEnv(ParallelEnv[str, Any, int]):
    """Steps through the joint tables of a game; there are no dynamics besides them.

    Every agent's ``info`` has ``"state"``, the index of the joint state; ``"action_mask"``, (A_i,) int8, 1 for
    actions that exist in it; and ``"performance"``, the agent's hidden performance of the step, which no
    observation or reward shows. All agents see the whole state. The episode ends for all agents at once.

    Args:
        world: a `TableGameWorld`, or a `TabularGame`.
        name: what PettingZoo calls the environment.
        observation: what agents see: "state", "onehot", "board" or "rgb"; see `ObservationTable`.
        masked: True to show an agent {"observation": that, "action_mask": (A_i,) int8}, as PettingZoo's classic games
            do, for learners that read masks from there; "observations" for that name instead, which RLlib's module
            with masks reads.
        render_mode: "rgb_array", "ansi", "human" (needs pygame), or None.
        max_cycles: truncates episodes of this many steps; None for no limit.

    Attributes:
        game: the `TabularGame` that the environment steps through.
        world: the world that the tables were made from; None when made from a `TabularGame`.
        observation_table: the observations of all states, `ObservationTable`.
        joint_state: the index of the current joint state; None before the first reset.

    Raises:
        ValueError: for an unknown observation or render mode, pictures of a game without a board, and a game in which
            actions that are each available may be impossible together: PettingZoo's masks cannot say so. Use
            `TabularGame.with_bumping` instead of `without_overlaps` there.

    Example:
        >>> from powerenvs.multi import GameEnv
        >>> from powerenvs.worlds.power.pair import PowerPair
        >>> env = GameEnv(PowerPair("open_3x3"), max_cycles=10)
        >>> observations, infos = env.reset(seed=0)
        >>> infos["ai"]["action_mask"].tolist()
        [1, 1, 1, 1, 1]
        >>> _, rewards, *_ = env.step({"human": 0, "ai": 4})
        >>> rewards
        {'human': 0.0, 'ai': 0.0}
    """

    metadata: ClassVar[dict[str, Any]] = {  # type: ignore[misc]
        "name": "game",
        "render_modes": ["ansi", "rgb_array", "human"],
        "render_fps": 8,
        "is_parallelizable": True,
    }

    def __init__(
        self,
        world: TableGameWorld[Any] | TabularGame,
        *,
        name: str = "game",
        observation: str = "state",
        masked: bool | str = False,
        render_mode: str | None = None,
        max_cycles: int | None = 100,
    ):
        modes = self.metadata["render_modes"]
        if render_mode is not None and render_mode not in modes:
            raise ValueError(f"render_mode: unknown mode {render_mode!r}; {closest(render_mode, modes)}")
        if max_cycles is not None and max_cycles < 1:
            raise ValueError(f"max_cycles: expected at least 1, or None for no limit, found {max_cycles}")
        self.game, self.world = load_game(world)
        self.metadata = {**self.metadata, "name": name}  # type: ignore[misc]
        self.render_mode, self.max_cycles = render_mode, max_cycles
        self._pictures = GamePictures(self.game, self.world)
        if render_mode in ("rgb_array", "human") and self._pictures.board(0) is None:
            raise ValueError(f'render_mode: {render_mode!r} needs a board, and this game has none; use "ansi"')
        self._window = Window(name, self.metadata["render_fps"]) if render_mode == "human" else None
        self.observation_table = ObservationTable(self.game, self.world, observation)
        space = self.observation_table.space
        self.state_space = copy.deepcopy(space)  # every space has a random state of its own
        self.possible_agents = list(self.game.agents)
        self.agents: list[str] = []
        if isinstance(masked, str) and masked not in MASKED:
            raise ValueError(f"masked: expected True, False or one of {', '.join(MASKED)}, found {masked!r}")
        self._masked = masked if isinstance(masked, str) else MASKED[0] if flag("masked", masked) else None
        counts = zip(self.possible_agents, self.game.num_actions, strict=True)
        self._action_spaces: dict[str, gym.spaces.Discrete[Any]] = {
            agent: gym.spaces.Discrete(count) for agent, count in counts
        }
        self._masks = {agent: available.astype(np.int8) for agent, available in self.game.available.items()}
        self._observation_spaces = {agent: self._space(agent) for agent in self.possible_agents}
        self._generator: np.random.Generator | None = None
        self.joint_state: int | None = None
        self._cycle = 0

    def _space(self, agent: str) -> gym.spaces.Space[Any]:
        own = copy.deepcopy(self.observation_table.space)
        if self._masked is None:
            return own
        mask = gym.spaces.Box(0, 1, (self._masks[agent].shape[1],), np.int8)
        return gym.spaces.Dict({self._masked: own, "action_mask": mask})

    def observation_space(self, agent: str) -> gym.spaces.Space[Any]:
        """The space of what an agent sees; the same object every time."""
        return self._observation_spaces[agent]

    def action_space(self, agent: str) -> gym.spaces.Discrete[Any]:
        """The space of an agent's actions; the same object every time."""
        return self._action_spaces[agent]

    def reset(self, seed: int | None = None, options: Mapping[str, Any] | None = None) -> tuple[dict[str, Any], Infos]:
        """Starts an episode.

        Args:
            seed: starts the random numbers afresh.
            options: ``{"state": label or index}`` starts in this joint state instead of a random start state; other
                options are ignored, as PettingZoo asks.

        Raises:
            ValueError: for an unknown state.
        """
        wanted = start_state(self.game, options["state"]) if options and "state" in options else None
        if seed is not None or self._generator is None:
            self._generator, _ = np_random(seed)
        if wanted is not None:
            state = wanted
        elif len(self._starts) == 1:
            state = int(self._starts[0])
        else:
            state = int(self._starts[bisect_right(self._start_sums, self._generator.random())])
        self.joint_state, self._cycle = state, 0
        self.agents = list(self.possible_agents)
        if self._window is not None:
            self._window.show(self._pictures.frame(state))
        return self._observe(state), self._infos(state, np.zeros(len(self.agents)))

    def step(
        self, actions: Mapping[str, int]
    ) -> tuple[dict[str, Any], dict[str, float], dict[str, bool], dict[str, bool], Infos]:
        """Takes an action of every agent at the same time.

        Returns:
            Observations, rewards, terminations, truncations and infos, each by agent.

        Raises:
            ValueError: if an agent's action is missing or does not exist in the current state; nothing changes then.
            gymnasium.error.ResetNeeded: before the first reset, and after the end of an episode.
        """
        if not self.agents or self.joint_state is None or self._generator is None:
            raise ResetNeeded("reset() has to come before step(), and after the end of an episode")
        row = self.joint_state * self.game.num_joint_actions + self._joint(actions)
        first, last = int(self.game.indptr[row]), int(self.game.indptr[row + 1])
        entry = first
        if last - first > 1:
            entry += bisect_right(self._cumulative[first:last], self._generator.random())
        state = int(self.game.successor[entry])
        self.joint_state = state
        self._cycle += 1
        terminated = bool(self.game.terminal[state])
        truncated = self.max_cycles is not None and self._cycle >= self.max_cycles
        agents = self.agents
        if terminated or truncated:
            self.agents = []
        if self._window is not None:
            self._window.show(self._pictures.frame(state))
        return (
            self._observe(state),
            dict(zip(agents, self.game.reward[:, entry].tolist(), strict=True)),
            dict.fromkeys(agents, terminated),
            dict.fromkeys(agents, truncated),
            self._infos(state, self.game.performance[:, entry]),
        )

    def state(self) -> NDArray[Any]:
        """The joint state as every agent sees it, for centralised critics.

        Raises:
            gymnasium.error.ResetNeeded: before the first reset.
        """
        return np.array(self.observation_table.values[self._current()])

    def render(self) -> Any:
        """The current state as ``render_mode`` has it: an RGB array, text, or on the screen (returns None).

        Raises:
            gymnasium.error.ResetNeeded: before the first reset.
        """
        if self.render_mode is None:
            gym.logger.warn('render() draws nothing without a render mode, such as parallel_env(render_mode="ansi")')
            return None
        state = self._current()
        if self.render_mode == "ansi":
            return self._pictures.text(state)
        frame = self._pictures.frame(state)
        if self._window is None:
            return frame
        self._window.show(frame)
        return None

    def close(self) -> None:
        """Closes the window if there is one."""
        if self._window is not None:
            self._window.close()

    def _current(self) -> int:
        if self.joint_state is None:
            raise ResetNeeded("reset() has to come before anything else")
        return self.joint_state

    def _joint(self, actions: Mapping[str, int]) -> int:
        """The number of the joint action."""
        if set(actions) != set(self.agents):
            raise ValueError(f"actions: expected an action for each of {self.agents}, found those of {list(actions)}")
        joint = 0
        for agent, count in zip(self.game.agents, self.game.num_actions, strict=True):
            try:
                action = index(actions[agent])
            except TypeError:
                action = -1
            if not 0 <= action < count or not self._masks[agent][self._current(), action]:
                raise ValueError(self._refusal(agent, actions[agent]))
            joint = joint * count + action
        return joint

    def _refusal(self, agent: str, action: Any) -> str:
        labels, state = self.game.action_labels[agent], self._current()
        legal = np.flatnonzero(self._masks[agent][state])
        names = ", ".join(f"{a} ({label_text(labels[a])})" for a in legal)
        return f"action of {agent}: expected one of {names} in {self.game.describe(state)}, found {action!r}"

    def _observe(self, state: int) -> dict[str, Any]:
        values = self.observation_table.values
        seen = {agent: values[state] if values.ndim == 1 else values[state].copy() for agent in self.possible_agents}
        if self._masked is None:
            return seen
        return {
            agent: {self._masked: shown, "action_mask": self._masks[agent][state].copy()}
            for agent, shown in seen.items()
        }

    def _infos(self, state: int, performance: NDArray[np.float64]) -> Infos:
        return {
            agent: {
                "state": state,
                "action_mask": self._masks[agent][state].copy(),
                "performance": float(performance[i]),
            }
            for i, agent in enumerate(self.possible_agents)
        }

    @cached_property
    def _cumulative(self) -> NDArray[np.float64]:
        return cumulative(self.game.indptr, self.game.probability)

    @cached_property
    def _starts(self) -> NDArray[np.int64]:
        return np.flatnonzero(self.game.initial)

    @cached_property
    def _start_sums(self) -> NDArray[np.float64]:
        return cumulative(np.array([0, len(self._starts)]), self.game.initial[self._starts])
