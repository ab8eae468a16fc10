"""Checks of theorems on one random corrupt reward MDP each, for tests and for the benchmark that runs many."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np

import power_metrics as pm
from powerenvs import TabularMDP
from tests.models import random_mdp, random_table

SUPPORTS = pm.SupportQuantiliser
ROUNDING = 1e-9


def check_no_free_lunch(rng: np.random.Generator) -> float:
    """Theorem 11: returns in the pair sum to t; the larger regret is at least half of the worst policy's."""
    mdp = random_mdp(rng, int(rng.integers(2, 7)), int(rng.integers(1, 4)))
    mdp = mdp.with_(performance=rng.integers(0, 11, size=len(mdp.successor)) / 10)
    steps, policy = int(rng.integers(1, 30)), random_table(mdp, int(rng.integers(1 << 30)))
    found = pm.no_free_lunch(mdp, policy, steps)
    assert abs(found.returns.sum() - steps) < ROUNDING
    assert found.worst >= found.least - ROUNDING
    worst = pm.horizon_optimum(pm.reversed_rewards(mdp), steps, "performance")  # the least true return is its opposite
    largest = found.best[0] - (steps - worst.score.performance)
    assert abs(found.least - largest / 2) < ROUNDING
    return float(found.worst / largest) if largest > ROUNDING else 1.0


def check_observations(rng: np.random.Generator) -> int:
    """Theorem 19: the condition holds exactly if the reward is learned under every corruption; by brute force."""
    S, q = int(rng.integers(2, 5)), int(rng.integers(1, 3))
    graph, safe = rng.random((S, S)) < 0.6, rng.random(S) < 0.3
    true = rng.integers(0, 2, size=S).astype(float)
    mdp = random_mdp(rng, S, 2)
    learnable = pm.learnable_rewards(mdp, graph, q, safe).learnable
    always = np.ones(S, dtype=bool)
    risky = np.flatnonzero(~safe).tolist()
    sets = [wrong for k in range(min(q, len(risky)) + 1) for wrong in combinations(risky, k)]
    for wrong in sets:
        shown = [(s, t) for s in wrong for t in range(S) if graph[s, t]]
        for lies in product([0.0, 1.0], repeat=len(shown)):
            data = np.where(graph, true, np.nan)
            for place, lie in zip(shown, lies, strict=True):
                data[place] = lie
            found = pm.inferred_rewards(data, q, [0, 1], safe)
            assert (found == true).all(axis=1).any()  # the truth is never ruled out
            always &= np.ptp(found, axis=0) == 0
    assert (learnable == always).all()
    return int(learnable.sum())


def staying_model(rng: np.random.Generator, num_states: int) -> tuple[TabularMDP, np.ndarray]:
    """A communicating model: a ring with shortcuts, and an action that stays; and what its states seem to pay."""
    moves = [(s, "stay", s, 1.0) for s in range(num_states)]
    moves += [(s, "on", (s + 1) % num_states, 1.0) for s in range(num_states)]
    moves += [(s, "jump", int(rng.integers(num_states)), 1.0) for s in range(num_states)]
    seen = rng.random(num_states) ** float(rng.choice([0.3, 1.0, 3.0]))
    return TabularMDP.from_transitions(moves, reward=[seen[t] for _, _, t, _ in moves]), seen


def check_quantilisers(rng: np.random.Generator) -> float:
    """Theorem 23 and its intermediate bounds, in the worst case of all true rewards that fit; how much of it is used.

    The theorem is of *true* rewards that leave δ|S| states below δ at most, which the corners of the worst case need
    not; they are counted against bound (11) with all models, and against (12) with those that fit.
    """
    S = int(rng.integers(3, 9))
    q = int(rng.integers(1, 3))
    mdp, seen = staying_model(rng, S)
    delta = float(rng.choice([pm.quantiliser_delta(q, S), rng.random()]))
    above = np.flatnonzero(seen >= delta)
    if not above.size:
        return 0.0
    worst = pm.worst_case_regret(mdp, q=q, delta=delta).regret
    bound = pm.quantiliser_bound(delta, min(q, len(above)), num_above=len(above))
    assert worst <= bound + ROUNDING
    if (seen < delta).sum() <= delta * S and delta < 1:
        assert bound <= pm.quantiliser_bound(delta, min(q, S), num_states=S) + ROUNDING
    return worst / bound


def check_supports(rng: np.random.Generator) -> float:
    """Theorem 28: the regret of a quantiliser by supports is within its bound, in every case that the data allow."""
    S, q = int(rng.integers(3, 5)), 1
    mdp, seen = staying_model(rng, S)
    delta = float(rng.uniform(0.2, 0.8))
    found = pm.SupportQuantiliser(delta).supports(mdp, seen)
    if not found.states.size:
        return 0.0
    bound = pm.quantiliser_bound(delta, min(q, len(found.states)), num_above=len(found.states))
    regrets = []
    for wrong in range(S):
        for truly in (0.0, 1.0):
            true = seen.copy()
            true[wrong] = truly
            regrets.append(float(pm.optimal_gain(mdp, true)[0].numpy() @ mdp.initial) - float(found.long_run @ true))
    assert max(regrets) <= bound + ROUNDING
    return max(regrets) / bound
