"""`JointTables`: the tables of several agents that move at the same time, without what is made of them."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from powerenvs.model import rows
from powerenvs.model.base import Model
from powerenvs.model.checks import array_of, as_list
from powerenvs.model.labels import check_labels, closest, decode_label, encode_label, label_text

AnyJointTables = TypeVar("AnyJointTables", bound="JointTables")


@dataclass(frozen=True, eq=False, repr=False)
class JointTables(Model):
    """Joint tables of N >= 2 agents; see `powerenvs.model.game.TabularGame` for the fields and what is checked."""

    indptr: NDArray[np.int64]
    successor: NDArray[np.int32]
    probability: NDArray[np.float64]
    num_actions: tuple[int, ...]
    agents: tuple[str, ...] = ("human", "ai")
    reward: NDArray[np.float64] = None  # type: ignore[assignment]  # filled in below
    performance: NDArray[np.float64] = None  # type: ignore[assignment]
    terminal: NDArray[np.bool_] = None  # type: ignore[assignment]
    initial: NDArray[np.float64] = None  # type: ignore[assignment]
    state_labels: tuple[Hashable, ...] = None  # type: ignore[assignment]
    action_labels: Mapping[str, tuple[Hashable, ...]] = None  # type: ignore[assignment]
    board: tuple[str, ...] | None = None
    cells: NDArray[np.int32] | None = None

    content = ("indptr", "successor", "probability", "reward", "performance", "terminal", "initial")
    pictures = ("cells",)

    def __post_init__(self) -> None:
        def put(name: str, value: Any) -> None:
            object.__setattr__(self, name, value)

        agents = check_agents(self.agents)
        counts = tuple(np.atleast_1d(array_of("num_actions", self.num_actions, np.int64)).tolist())
        if len(counts) != len(agents) or min(counts) < 1:
            raise ValueError(f"num_actions: expected a number of actions for each of {agents}, found {counts}")
        put("agents", agents)
        put("num_actions", counts)
        put("indptr", rows.frozen("indptr", self.indptr, np.int64))
        num_states, rest = divmod(len(self.indptr) - 1, self.num_joint_actions)
        if rest or num_states < 1:
            raise ValueError(
                f"indptr: expected {self.num_joint_actions} rows for each state, found {len(self.indptr) - 1} rows"
            )
        labels = range(num_states) if self.state_labels is None else self.state_labels
        put("state_labels", check_labels("state", labels, num_states))
        put("action_labels", self._checked_actions())
        put("successor", rows.frozen("successor", self.successor, np.int32, (np.size(self.successor),)))
        count = len(self.successor)
        put("probability", rows.frozen("probability", self.probability, np.float64, (count,)))
        reward = np.zeros((len(agents), count)) if self.reward is None else self.reward
        put("reward", rows.frozen("reward", reward, np.float64, (len(agents), count)))
        hidden = self.reward if self.performance is None else self.performance
        put("performance", rows.frozen("performance", hidden, np.float64, (len(agents), count)))
        self._freeze_states(num_states)
        if self.cells is not None:
            put("cells", rows.frozen("cells", self.cells, np.int32, (num_states, len(agents), 2)))
        self._check()

    def _checked_actions(self) -> dict[str, tuple[Hashable, ...]]:
        given = self.action_labels
        if given is None:
            return {agent: tuple(range(count)) for agent, count in zip(self.agents, self.num_actions, strict=True)}
        if not isinstance(given, Mapping) or set(given) != set(self.agents):
            found = sorted(map(str, given)) if isinstance(given, Mapping) else type(given).__name__
            raise ValueError(f"action_labels: expected a mapping with the keys {self.agents}, found {found}")
        return {
            agent: check_labels(f"{agent}'s action", given[agent], count)
            for agent, count in zip(self.agents, self.num_actions, strict=True)
        }

    def _check(self) -> None:
        rows.check_rows(self.indptr, self.successor, self.probability, self.num_rows, self.num_states, self.row_name)
        rows.check_range("reward", self.reward)
        rows.check_range("performance", self.performance)
        rows.check_distribution("initial", self.initial)
        dead = np.flatnonzero(~self.joint_available.any(axis=1))
        if dead.size:
            raise ValueError(
                "indptr: expected at least one joint action in every state, found none in "
                f"{self.state_name(int(dead[0]))}" + (f" and {dead.size - 1} more" if dead.size > 1 else "")
            )
        self._check_terminal()

    def _labels(self) -> Mapping[str, tuple[Hashable, ...]]:
        actions = {f"actions of {agent}": labels for agent, labels in self.action_labels.items()}
        return {"states": self.state_labels, "agents": self.agents, **actions}

    def _features(self) -> Mapping[str, NDArray[Any]]:
        return {} if self.cells is None else {agent: self.cells[:, i] for i, agent in enumerate(self.agents)}

    def row_name(self, row: int) -> str:
        """A row for messages: its state and the action of each agent."""
        s, j = divmod(row, self.num_joint_actions)
        taken = zip(self.agents, self.joint_actions[j], strict=True)
        names = (f"{agent}={label_text(self.action_labels[agent][a])}" for agent, a in taken)
        return f"{self.state_name(s)}, joint action {j} ({', '.join(names)})"

    # Sizes, lookups and views

    @property
    def num_agents(self) -> int:
        """N."""
        return len(self.agents)

    @property
    def num_joint_actions(self) -> int:
        """J, the product of the agents' numbers of actions."""
        return math.prod(self.num_actions)

    @cached_property
    def joint_actions(self) -> NDArray[np.int64]:
        """(J, N) the action of each agent in each joint action."""
        return rows.frozen("joint_actions", np.indices(self.num_actions).reshape(self.num_agents, -1).T, np.int64)

    @cached_property
    def joint_available(self) -> NDArray[np.bool_]:
        """(S, J) bool, which joint actions exist."""
        exists = (self.indptr[1:] > self.indptr[:-1]).reshape(self.num_states, -1)
        return rows.frozen("joint_available", exists, np.bool_)

    @cached_property
    def available(self) -> dict[str, NDArray[np.bool_]]:
        """{agent: (S, A_i) bool}: the actions that some existing joint action contains."""
        exists = self.joint_available.reshape(self.num_states, *self.num_actions)
        others = [tuple(k + 1 for k in range(self.num_agents) if k != i) for i in range(self.num_agents)]
        return {
            agent: rows.frozen("available", exists.any(axis=axes), np.bool_)
            for agent, axes in zip(self.agents, others, strict=True)
        }

    @cached_property
    def independent_actions(self) -> bool:
        """Whether every combination of the agents' available actions exists, in every state.

        It does not where agents must not enter the same cell (`without_overlaps`): two moves that are each
        available may be impossible together.
        """
        counts = math.prod(available.sum(axis=1) for available in self.available.values())
        return bool(np.all(counts == self.joint_available.sum(axis=1)))

    def agent_index(self, agent: str) -> int:
        """The position of an agent; a ValueError with the closest name if there is none."""
        return agent_position("agent", agent, self.agents)

    def action_index(self, agent: str, label: Hashable) -> int:
        """The agent's action with this label; a ValueError with the closest one if there is none."""
        labels = self.action_labels[self.agents[self.agent_index(agent)]]
        try:
            return labels.index(label)
        except ValueError:
            raise ValueError(f"unknown action {label!r} of {agent}; {closest(label, labels)}") from None

    def _action_notes(self, state: int) -> list[str]:
        notes = []
        for agent, available in self.available.items():
            if not available[state].all():
                names = (label_text(self.action_labels[agent][a]) for a in np.flatnonzero(available[state]))
                notes.append(f"actions of {agent} {', '.join(names)}")
        return notes

    def successors(self) -> NDArray[np.int32]:
        """(S, J) int32: the one next state of each joint action, -1 where it does not exist; kept, read-only.

        Raises:
            ValueError: if the game is stochastic; the message names a state and joint action.
        """
        return self._successors

    # Fixed policies

    def uniform_policy(self, agent: str) -> NDArray[np.float64]:
        """(S, A_i) the policy that takes each available action of an agent with equal probability."""
        available = self.available[self.agents[self.agent_index(agent)]]
        return available / available.sum(axis=1, keepdims=True)

    def __repr__(self) -> str:
        kind = "deterministic" if self.deterministic else "stochastic"
        actions = " × ".join(f"{agent} {count}" for agent, count in zip(self.agents, self.num_actions, strict=True))
        return (
            f"{type(self).__name__}({self.num_states} states, actions {actions}, {self.num_transitions} transitions, "
            f"{kind}, {int(self.terminal.sum())} terminal, fingerprint {self.fingerprint[:12]})"
        )

    def _header(self) -> dict[str, Any]:
        return {
            "agents": self.agents,
            "state_labels": [encode_label(label) for label in self.state_labels],
            "action_labels": [[encode_label(label) for label in self.action_labels[agent]] for agent in self.agents],
            "board": self.board,
        }

    @classmethod
    def _from_stored(cls: type[AnyJointTables], arrays: dict[str, Any], header: Mapping[str, Any]) -> AnyJointTables:
        actions = [tuple(decode_label(label) for label in labels) for labels in header["action_labels"]]
        return cls(
            **arrays,
            num_actions=tuple(len(labels) for labels in actions),
            agents=tuple(header["agents"]),
            state_labels=tuple(decode_label(label) for label in header["state_labels"]),
            action_labels=dict(zip(header["agents"], actions, strict=True)),
            board=header["board"],
        )


def check_agents(agents: Sequence[str]) -> tuple[str, ...]:
    """The names as a tuple, checked: at least two different strings."""
    names = (agents,) if isinstance(agents, str) else tuple(as_list("agents", agents, "names of agents"))
    if len(names) < 2 or not all(isinstance(name, str) and name for name in names) or len(set(names)) != len(names):
        raise ValueError(f"agents: expected at least two different names, found {agents!r}")
    return names


def agent_position(argument: str, agent: str, agents: tuple[str, ...]) -> int:
    """Where an agent is in the order of agents; a ValueError about ``argument`` if it is not there."""
    if not isinstance(agent, str) or agent not in agents:
        raise ValueError(f"{argument}: unknown agent {agent!r}; {closest(agent, agents)}")
    return agents.index(agent)
