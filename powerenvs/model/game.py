"""`TabularGame`: joint tables of several agents that move at the same time."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from powerenvs.model import folding, overlaps, rows
from powerenvs.model.checks import as_list, mapped
from powerenvs.model.joint import JointTables, agent_position, check_agents
from powerenvs.model.labels import Lookup
from powerenvs.model.mdp import TabularMDP


@dataclass(frozen=True, eq=False, repr=False)
class TabularGame(JointTables):
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

    Example:
        >>> from powerenvs import TabularGame
        >>> game = TabularGame.from_transitions(
        ...     [("apart", (h, a), "together" if h == a else "apart", 1.0) for h in ("l", "r") for a in ("l", "r")],
        ...     terminal=["together"])
        >>> game.num_actions, game.num_joint_actions
        ((2, 2), 4)
        >>> mdp = game.against({"ai": game.uniform_policy("ai")})
        >>> mdp.P[0][0]
        [(0.5, 0, 0.0, False), (0.5, 1, 0.0, True)]
    """

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
        return folding.against(self, policies)

    def fold(self, policies: Mapping[str, Any]) -> TabularGame:
        """The game of the remaining agents, at least two, when some play fixed policies; exact.

        As `against`, but for joint actions: one of the remaining agents leads where the others' policies, restricted
        to what exists together with it and renormalised, lead; it is gone if nothing is left.

        Args:
            policies: {agent: (S, A_i) array or torch tensor}; rows sum to 1 (to 1e-6).

        Raises:
            ValueError: as `against`, and if fewer than two agents remain.
        """
        return folding.fold(self, policies)

    # Worlds without overlaps

    def without_overlaps(self, no_swaps: bool = False) -> TabularGame:
        """The game in which agents never share a cell: what would make them is taken out.

        See `powerenvs.model.overlaps.without_overlaps`.
        """
        return overlaps.without_overlaps(self, no_swaps)

    def with_bumping(self, no_swaps: bool = False) -> TabularGame:
        """The game in which agents never share a cell: a move into another agent stays put.

        See `powerenvs.model.overlaps.with_bumping`.
        """
        return overlaps.with_bumping(self, no_swaps)


def _joint(actions: Any) -> Any:
    """A joint action as a tuple; a string is one label and not a sequence of them."""
    several = isinstance(actions, Iterable) and not isinstance(actions, str) and getattr(actions, "ndim", 1) > 0
    return tuple(actions) if several else (actions,)
