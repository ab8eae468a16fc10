"""Folding fixed policies into a game: what one agent faces when the others' behaviour is given."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from powerenvs.model.checks import mapped
from powerenvs.model.joint import AnyJointTables, JointTables
from powerenvs.model.labels import closest
from powerenvs.model.mdp import TabularMDP
from powerenvs.model.policy_checks import checked_policy
from powerenvs.model.rows import compress, entry_rows

BLOCK = 1 << 18
"""Joint actions of states that are folded at a time: sorting them takes little memory beside the game."""


class _Folded(NamedTuple):
    """The rows of what is left: one for each state and joint action of the remaining agents."""

    indptr: NDArray[np.int64]
    successor: NDArray[np.int32]
    probability: NDArray[np.float64]
    reward: NDArray[np.float64]
    performance: NDArray[np.float64]


def against(game: JointTables, policies: Mapping[str, Any]) -> TabularMDP:
    """`TabularGame.against`."""
    rest = _remaining(game, policies)
    if len(rest) != 1:
        raise ValueError(f"policies: expected those of all agents of {game.agents} but one, found {list(policies)}")
    left, agent = rest[0], game.agents[rest[0]]
    rows = _fold(game, policies, rest)
    return TabularMDP(
        indptr=rows.indptr,
        successor=rows.successor,
        probability=rows.probability,
        available=(np.diff(rows.indptr) > 0).reshape(game.num_states, -1),
        reward=rows.reward[0],
        performance=rows.performance[0],
        terminal=game.terminal,
        initial=game.initial,
        state_labels=game.state_labels,
        action_labels=game.action_labels[agent],
        board=game.board,
        cells=None if game.cells is None else game.cells[:, left],
    )


def fold(game: AnyJointTables, policies: Mapping[str, Any]) -> AnyJointTables:
    """`TabularGame.fold`."""
    rest = _remaining(game, policies)
    if len(rest) < 2:
        raise ValueError(
            f"policies: expected to leave at least two agents of {game.agents}, found policies of {list(policies)}; "
            "game.against(...) gives the model of one"
        )
    if not policies:
        return game
    rows = _fold(game, policies, rest)
    agents = tuple(game.agents[i] for i in rest)
    return game.with_(
        indptr=rows.indptr,
        successor=rows.successor,
        probability=rows.probability,
        num_actions=tuple(game.num_actions[i] for i in rest),
        agents=agents,
        reward=rows.reward,
        performance=rows.performance,
        action_labels={agent: game.action_labels[agent] for agent in agents},
        cells=None if game.cells is None else game.cells[:, rest],
    )


def _remaining(game: JointTables, policies: Mapping[str, Any]) -> list[int]:
    """The positions of the agents without a policy."""
    mapped("policies", policies, "{agent: table}")
    unknown = next((agent for agent in policies if agent not in game.agents), None)
    if unknown is not None:
        raise ValueError(f"policies: unknown agent {unknown!r}; {closest(unknown, game.agents)}")
    return [i for i, agent in enumerate(game.agents) if agent not in policies]


def _fold(game: JointTables, policies: Mapping[str, Any], rest: list[int]) -> _Folded:
    """Takes the expectation over the actions of the agents that have policies."""
    given = {}
    for name in policies:
        position = game.agents.index(name)
        given[position] = checked_policy(game, policies[name], f"policy of {name}", game.action_labels[name], None)
    size = max(1, BLOCK // game.num_joint_actions)
    starts = range(0, game.num_states, size)
    parts = [_fold_states(game, given, rest, range(s, min(s + size, game.num_states))) for s in starts]
    indptr = np.zeros(game.num_states * math.prod(game.num_actions[i] for i in rest) + 1, dtype=np.int64)
    np.cumsum(np.concatenate([np.diff(part.indptr) for part in parts]), out=indptr[1:])
    return _Folded(
        indptr,
        np.concatenate([part.successor for part in parts]),
        np.concatenate([part.probability for part in parts]),
        np.concatenate([part.reward for part in parts], axis=1),
        np.concatenate([part.performance for part in parts], axis=1),
    )


def _fold_states(
    game: JointTables, given: Mapping[int, NDArray[np.float64]], rest: list[int], states: range
) -> _Folded:
    """The rows of some states, numbered from the first of them; ``given`` has policies by position of their agents."""
    count, here = len(states), slice(states.start, states.stop)
    gone = tuple(i + 1 for i in given)
    weights = np.ones((count,) + (1,) * game.num_agents)
    for position, table in given.items():
        shape = [count] + [1] * game.num_agents
        shape[position + 1] = game.num_actions[position]
        weights = weights * table[here].reshape(shape)
    weights = np.where(game.joint_available[here].reshape(count, *game.num_actions), weights, 0.0)
    total = weights.sum(axis=gone, keepdims=True)
    stuck = np.flatnonzero(~np.any(total > 0, axis=tuple(range(1, total.ndim))))
    if stuck.size:
        first = states[int(stuck[0])]
        raise ValueError(
            f"policies: expected to leave {' and '.join(game.agents[i] for i in rest)} an action in every state, found "
            f"none in state {first} ({game.describe(first)}): no joint action there has positive probability under the "
            f"policy of {', '.join(game.agents[i] for i in given)}"
        )
    # divided before it is multiplied, so that probabilities near the smallest number there is lose no precision
    share = np.divide(weights, total, out=np.zeros_like(weights), where=total > 0).ravel()
    indptr = game.indptr[states.start * game.num_joint_actions : states.stop * game.num_joint_actions + 1]
    entries = slice(int(indptr[0]), int(indptr[-1]))
    row = entry_rows(indptr - indptr[0])
    state, joint = np.divmod(row, game.num_joint_actions)
    counts = tuple(game.num_actions[i] for i in rest)
    left = np.ravel_multi_index(tuple(game.joint_actions[:, rest].T), counts)[joint]
    folded, successor, probability, *columns = compress(
        state * math.prod(counts) + left,
        count * math.prod(counts),
        game.successor[entries],
        game.probability[entries] * share[row],
        *game.reward[rest, entries],
        *game.performance[rest, entries],
    )
    half = len(rest)
    return _Folded(folded, successor, probability, np.stack(columns[:half]), np.stack(columns[half:]))
