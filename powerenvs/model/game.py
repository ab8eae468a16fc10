"""`TabularGame`: joint tables of several agents that move at the same time."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from powerenvs.model import rows
from powerenvs.model.base import Model
from powerenvs.model.checks import as_list, checked_board, mapped
from powerenvs.model.labels import Lookup, check_labels, closest, decode_label, encode_label, label_text
from powerenvs.model.mdp import TabularMDP


@dataclass(frozen=True, eq=False, repr=False)
class TabularGame(Model):
    """A finite game of N >= 2 agents that move simultaneously, as tables.

    With A_i actions of agent i there are J = A_1·...·A_N joint actions, numbered in C order (the first agent's
    action changes slowest; see `joint_actions`). Row ``s * J + j`` of the compressed rows lists where joint
    action ``j`` leads from state ``s``; an empty row is a joint action that does not exist. Whether an action
    of one agent exists may depend on the joint state, and on what the others do at the same time.

    Arrays are read-only; `with_` makes changed copies. Every invariant below is checked on construction.

    Attributes:
        indptr: (S·J + 1,) int64, row pointers; every state has at least one row with entries.
        successor: (nnz,) int32, next states.
        probability: (nnz,) float64 in (0, 1]; each row sums to 1 (to 1e-12) or is empty.
        num_actions: (A_1, ..., A_N).
        agents: N different names.
        reward: (N, nnz) float64, each agent's observed reward of each transition. Default: zeros.
        performance: (N, nnz) float64, each agent's hidden performance. Default: ``reward``.
        terminal: (S,) bool, absorbing states: every row a self-loop with reward and performance 0.
        initial: (S,) float64, start distribution. Default: uniform over states that are not terminal.
        state_labels: S unique hashables (see `powerenvs.model.labels`). Default: 0 to S - 1.
        action_labels: {agent: its A_i unique hashables}. Default: 0 to A_i - 1.
        board: rows of text that pictures draw states on ('#' is a wall), or None. Not part of the model:
            equality and `fingerprint` leave it and ``cells`` out.
        cells: (S, N, 2) int32, the (row, column) on ``board`` of each agent; -1 where it has none.

    Raises:
        ValueError: naming the field, what was expected and what was found (states and actions by label).
    """

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
        counts = tuple(int(count) for count in self.num_actions)
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
        terminal = np.zeros(num_states, dtype=bool) if self.terminal is None else self.terminal
        put("terminal", rows.frozen("terminal", terminal, np.bool_, (num_states,)))
        initial = rows.start_distribution(self.initial, self.state_labels, self.terminal)
        put("initial", rows.frozen("initial", initial, np.float64, (num_states,)))
        if self.board is not None:
            put("board", checked_board(self.board))
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

    @classmethod
    def from_transitions(
        cls,
        transitions: Iterable[tuple[Hashable, Sequence[Hashable], Hashable, float]],
        agents: Sequence[str] = ("human", "ai"),
        state_labels: Sequence[Hashable] | None = None,
        action_labels: Mapping[str, Sequence[Hashable]] | None = None,
        initial: ArrayLike | Mapping[Hashable, float] | Hashable | None = None,
        terminal: Iterable[Hashable] | None = None,
        reward: Mapping[str, ArrayLike | Mapping[tuple[Hashable, ...], float]] | None = None,
        performance: Mapping[str, ArrayLike | Mapping[tuple[Hashable, ...], float]] | None = None,
    ) -> TabularGame:
        """Builds a game from a list of ``(state, (action of each agent), next state, probability)``.

        States and actions are labels, or indices when labels are given and do not contain them. Without labels
        given, they are numbered in order of first appearance (integers 0 to n - 1 keep their own order). A joint
        action that a state has no transition for does not exist there. Terminal states without transitions loop
        to themselves under every joint action.

        Args:
            transitions: the list; equal transitions add up, and rows that sum to 1 to 1e-6 (float32) are scaled to it.
            agents: the names, in the order of the joint actions.
            state_labels: all states, in order.
            action_labels: {agent: all its actions, in order}.
            initial: start distribution: (S,) array, a state, or {state: probability}.
            terminal: the absorbing states, or a (S,) bool array.
            reward: {agent: one number for each transition in the list, or {(s, actions, s'): reward}}; an agent
                or a transition that is not named gets 0.
            performance: hidden performance in the same form; an agent that is not named has its ``reward``.

        Raises:
            ValueError: for unknown names, wrong lengths, rows that do not sum to 1, and every check of the class.
        """
        agents = check_agents(agents)
        expected = f"tuples (state, actions of {', '.join(agents)}, next state, probability)"
        lists = [as_list("transitions", t, expected) for t in as_list("transitions", transitions, expected)]
        tuples = [(t[0], _joint(t[1]), *t[2:]) if len(t) > 2 else tuple(t) for t in lists]
        listed, source, target, state_labels, mask = rows.read_list(
            tuples, f"actions of {', '.join(agents)}", state_labels, terminal
        )
        wrong = next((t for t in listed if len(t[1]) != len(agents)), None)
        if wrong is not None:
            raise ValueError(f"transitions: expected an action of each of {agents}, found {wrong[1]!r} in {wrong!r}")
        for name, given in (("action_labels", action_labels), ("reward", reward), ("performance", performance)):
            for agent in mapped(name, {} if given is None else given, "a mapping from agents"):
                agent_position(name, agent, agents)
        labels = {}
        joint = np.zeros(len(listed), dtype=np.int64)
        for i, agent in enumerate(agents):
            used = [t[1][i] for t in listed]
            index, labels[agent] = rows.label_indices(f"action of {agent}", used, (action_labels or {}).get(agent))
            joint = joint * len(labels[agent]) + index
        counts = tuple(len(labels[agent]) for agent in agents)
        columns = source, joint, target
        states, lookups = Lookup("state", state_labels), [Lookup("action", labels[agent]) for agent in agents]

        def key(named: tuple[Hashable, tuple[Hashable, ...], Hashable]) -> tuple[int, int, int]:
            s, chosen, t = named
            indices = [actions.index(a) for actions, a in zip(lookups, chosen, strict=True)]
            return states.index(s), int(np.ravel_multi_index(indices, counts)), states.index(t)

        rewards, hidden = [], []
        for agent in agents:
            paid = rows.per_transition("reward", (reward or {}).get(agent), listed, columns, key)
            rewards.append(np.zeros(len(listed)) if paid is None else paid)
            performed = rows.per_transition("performance", (performance or {}).get(agent), listed, columns, key)
            hidden.append(rewards[-1] if performed is None else performed)
        indptr, successor, probability, *merged = rows.compress_list(
            listed, source, joint, target, mask, math.prod(counts), *rewards, *hidden
        )
        return cls(
            indptr=indptr,
            successor=successor,
            probability=probability,
            num_actions=counts,
            agents=agents,
            reward=np.stack(merged[: len(agents)]),
            performance=np.stack(merged[len(agents) :]),
            terminal=mask,
            initial=initial,  # type: ignore[arg-type]
            state_labels=state_labels,
            action_labels=labels,
        )

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

    def against(self, policies: Mapping[str, Any]) -> TabularMDP:
        """The decision process that one agent faces when all others play fixed policies; exact.

        In state s, action a of the remaining agent leads to s' with probability Σ_b w(b | s, a) P(s' | s, a, b)
        over the others' joint actions b, where w is the product of their policies, restricted to the b for
        which (a, b) exists in s and divided by its sum. So where a policy puts probability on actions that the
        joint state lacks, it is renormalised over what is there. Action a is unavailable if no b with positive
        probability goes with it, as a move into a cell that the other agent certainly keeps, in a world where
        agents do not overlap.

        Transitions carry the remaining agent's rewards. Transitions to one state with different rewards stay
        apart, so that the reward's distribution is kept and not only its mean.

        Args:
            policies: {agent: (S, A_i) array or torch tensor} of every agent but one; rows sum to 1 (to 1e-6).

        Returns:
            The remaining agent's model, with its cells, and the state labels, board, start and terminal states
            of the game.

        Raises:
            ValueError: for unknown or missing agents, malformed policies, and a state in which the policies
                leave the remaining agent no action at all; the message names the state.
        """
        from powerenvs.model.folding import against

        return against(self, policies)

    def fold(self, policies: Mapping[str, Any]) -> TabularGame:
        """The game of the remaining agents, at least two, when some play fixed policies; exact.

        As `against`, but for joint actions: one of the remaining agents leads where the others' policies, restricted
        to what exists together with it and renormalised, lead; it is gone if nothing is left.

        Args:
            policies: {agent: (S, A_i) array or torch tensor}; rows sum to 1 (to 1e-6).

        Raises:
            ValueError: as `against`, and if fewer than two agents remain.
        """
        from powerenvs.model.folding import fold

        return fold(self, policies)

    # Worlds without overlaps

    def without_overlaps(self, no_swaps: bool = False) -> TabularGame:
        """The game in which agents never share a cell: what would make them is taken out.

        See `powerenvs.model.overlaps.without_overlaps`.
        """
        from powerenvs.model.overlaps import without_overlaps

        return without_overlaps(self, no_swaps)

    def with_bumping(self, no_swaps: bool = False) -> TabularGame:
        """The game in which agents never share a cell: a move into another agent stays put.

        See `powerenvs.model.overlaps.with_bumping`.
        """
        from powerenvs.model.overlaps import with_bumping

        return with_bumping(self, no_swaps)

    def __repr__(self) -> str:
        kind = "deterministic" if self.deterministic else "stochastic"
        actions = " × ".join(f"{agent} {count}" for agent, count in zip(self.agents, self.num_actions, strict=True))
        return (
            f"TabularGame({self.num_states} states, actions {actions}, {self.num_transitions} transitions, {kind}, "
            f"{int(self.terminal.sum())} terminal, fingerprint {self.fingerprint[:12]})"
        )

    def _header(self) -> dict[str, Any]:
        return {
            "agents": self.agents,
            "state_labels": [encode_label(label) for label in self.state_labels],
            "action_labels": [[encode_label(label) for label in self.action_labels[agent]] for agent in self.agents],
            "board": self.board,
        }

    @classmethod
    def _from_stored(cls, arrays: dict[str, Any], header: Mapping[str, Any]) -> TabularGame:
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


def _joint(actions: Any) -> Any:
    """A joint action as a tuple; a string is one label and not a sequence of them."""
    several = isinstance(actions, Iterable) and not isinstance(actions, str) and getattr(actions, "ndim", 1) > 0
    return tuple(actions) if several else (actions,)
