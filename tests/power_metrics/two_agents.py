"""Two-agent POWER once more, on dense arrays and in rational numbers: slow, plain, and independent of the solvers."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np

from powerenvs import product_game
from tests.power_metrics.worlds import OPEN_3, grid

NAMES = ("human", "ai", "human_seed", "ai_seed")


def pair_game(rows=OPEN_3, **kwargs):
    """Two agents that walk a level and do not meet."""
    return product_game(grid(rows, **kwargs), grid(rows, **kwargs))


def four(result):
    """The samples of a `MultiagentPower` under the names of `dense_two_agents`."""
    h, a = result.agents
    estimates = (result[h], result[a], result.baseline[h], result.baseline[a])
    return {name: estimate.samples for name, estimate in zip(NAMES, estimates, strict=True)}


def dense(game):
    """(S, A_h, A_a, S) transition probabilities; zeros where a joint action does not exist."""
    P = np.zeros((game.num_rows, game.num_states))
    rows = np.repeat(np.arange(game.num_rows), np.diff(game.indptr))
    np.add.at(P, (rows, game.successor), game.probability)
    return P.reshape(game.num_states, *game.num_actions, game.num_states)


def faced(P, policy, agent):
    """What ``agent`` (0 or 1) faces while the other plays ``policy``: (S, A, S), and which actions it has."""
    exists = P.sum(axis=3) > 0
    weights = exists * (policy[:, None, :] if agent == 0 else policy[:, :, None])
    total = weights.sum(axis=2 - agent, keepdims=True)
    weights = np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)
    return np.einsum("sab,sabt->sat" if agent == 0 else "sab,sabt->sbt", weights, P), total.squeeze(2 - agent) > 0


def best_values(M, available, reward, gamma):
    """The best of all deterministic policies, state by state."""
    S = len(reward)
    every = itertools.product(*(np.flatnonzero(row) for row in available))
    chains = np.array([M[np.arange(S), list(policy)] for policy in every])
    return np.linalg.solve(np.eye(S) - gamma * chains, np.broadcast_to(reward[:, None], (len(chains), S, 1))).max(
        axis=0
    )[:, 0]


def greedy(M, available, value, tolerance):
    """The policy that is uniform over tied actions."""
    q = np.where(available, M @ value, -np.inf)
    tied = q >= q.max(axis=1, keepdims=True) - tolerance * np.abs(value).max()
    return tied / tied.sum(axis=1, keepdims=True)


def expected(M, available, policy, reward, gamma):
    """What follows, in value, under a policy renormalised over the available actions."""
    policy = policy * available
    chain = np.einsum("sa,sat->st", policy / policy.sum(axis=1, keepdims=True), M)
    return chain @ np.linalg.solve(np.eye(len(reward)) - gamma * chain, reward)


def dense_two_agents(game, rewards_h, rewards_a, gamma_h, gamma_a, seed_policy, tolerance=1e-9, rounds=1):
    """{name: (B, S)} of the last round, and the (rounds, 2, B, S) POWER of both agents after each round."""
    P = dense(game)
    found = {name: [] for name in NAMES}
    history = []
    for reward_h, reward_a in zip(rewards_h, rewards_a, strict=True):
        answer, after = seed_policy, []
        for n in range(rounds):
            M, available = faced(P, answer, 0)
            value = best_values(M, available, reward_h, gamma_h)
            plan = greedy(M, available, value, tolerance)
            if n == 0:
                found["human_seed"].append((1 - gamma_h) * np.where(available, M @ value, -np.inf).max(axis=1))
            M, available = faced(P, plan, 1)
            if n == 0:
                found["ai_seed"].append((1 - gamma_a) * expected(M, available, seed_policy, reward_a, gamma_a))
            value = best_values(M, available, reward_a, gamma_a)
            power_a = (1 - gamma_a) * np.where(available, M @ value, -np.inf).max(axis=1)
            answer = greedy(M, available, value, tolerance)
            M, available = faced(P, answer, 0)
            after.append(((1 - gamma_h) * expected(M, available, plan, reward_h, gamma_h), power_a))
        found["human"].append(after[-1][0])
        found["ai"].append(after[-1][1])
        history.append(after)
    return {name: np.array(values) for name, values in found.items()}, np.array(history).transpose(1, 2, 0, 3)


def rational_two_agents(game, reward_h, reward_a, gamma):
    """{name: [Fraction, ...]} of one pair of whole-numbered rewards, and whether a policy was mixed.

    For deterministic games in which every joint action of available actions exists. ``gamma`` is a Fraction, the
    seed policy is uniform, and ties are exact.
    """
    S = game.num_states
    successor = game.successors().reshape(S, *game.num_actions)
    actions = [[np.flatnonzero(game.available[agent][s]).tolist() for s in range(S)] for agent in game.agents]
    uniform = [[{a: Fraction(1, len(own[s])) for a in own[s]} for s in range(S)] for own in actions]

    def chain(plan, answer):
        rows = []
        for s in range(S):
            row = {}
            for (a, p), (b, q) in itertools.product(plan[s].items(), answer[s].items()):
                t = int(successor[s, a, b])
                row[t] = row.get(t, Fraction(0)) + p * q
            rows.append(row)
        return rows

    def values(rows, reward):
        system = [[Fraction(int(s == t)) - gamma * rows[s].get(t, Fraction(0)) for t in range(S)] for s in range(S)]
        right = [Fraction(int(r)) for r in reward]
        for i in range(S):
            pivot = system[i][i]
            for j in range(i + 1, S):
                factor = system[j][i] / pivot
                if factor:
                    system[j] = [x - factor * y for x, y in zip(system[j], system[i], strict=True)]
                    right[j] -= factor * right[i]
        for i in reversed(range(S)):
            right[i] = (right[i] - sum(system[i][j] * right[j] for j in range(i + 1, S))) / system[i][i]
        return right

    def follows(rows, value):
        return [(1 - gamma) * sum(p * value[t] for t, p in row.items()) for row in rows]

    def optimum(agent, other, reward):
        def rows(own):
            return chain(own, other) if agent == 0 else chain(other, own)

        plan = [{own[0]: Fraction(1)} for own in actions[agent]]
        while True:
            value = values(rows(plan), reward)
            q = [
                {a: sum(p * value[t] for t, p in rows(only(agent, plan, s, a))[s].items()) for a in actions[agent][s]}
                for s in range(S)
            ]
            top = [max(row.values()) for row in q]
            better = [s for s in range(S) if top[s] > q[s][next(iter(plan[s]))]]
            if not better:
                tied = [[a for a, x in q[s].items() if x == top[s]] for s in range(S)]
                return value, [{a: Fraction(1, len(row)) for a in row} for row in tied], [(1 - gamma) * x for x in top]
            for s in better:
                plan[s] = {max(q[s], key=q[s].get): Fraction(1)}

    def only(agent, plan, s, a):
        return [{a: Fraction(1)} if t == s else row for t, row in enumerate(plan)]

    _, plan, human_seed = optimum(0, uniform[1], reward_h)
    rows = chain(plan, uniform[1])
    ai_seed = follows(rows, values(rows, reward_a))
    _, answer, ai = optimum(1, plan, reward_a)
    rows = chain(plan, answer)
    human = follows(rows, values(rows, reward_h))
    mixed = any(len(row) > 1 for row in plan)
    return dict(zip(NAMES, (human, ai, human_seed, ai_seed), strict=True)), mixed
