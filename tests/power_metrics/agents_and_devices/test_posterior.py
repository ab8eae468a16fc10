"""Agent or device: closed forms, sums over all members written out, and walks whose evidence is known."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.special import logsumexp

import power_metrics as pm
from power_metrics.agents.going import arrival_times
from powerenvs import TabularMDP
from powerenvs.rollout import rollout
from powerenvs.worlds.power import PowerGrid
from tests.models import mdps, uniform

EXACT = 1e-12
FIVE = (0.02, 0.05, 0.1, 0.2, 0.5)
COUNTING = ["nothing", "previous", "previous+walls"]


def open_grid(size):
    """Movement in four directions, blocked at the border."""
    mdp = PowerGrid("\n".join(["." * size] * size)).tables()
    actions = ("up", "right", "down", "left")
    rows, _ = mdp.to_arrays()
    kept = rows[:, [mdp.action_index(a) for a in actions]]
    made = TabularMDP.from_arrays(kept, order="sas", state_labels=mdp.state_labels, action_labels=actions)
    return made.with_(board=mdp.board, cells=mdp.cells)


GRID = open_grid(7)


@pytest.mark.parametrize(
    ("kind", "without", "with_uniform"),
    [
        ("bounce", (-105.94, -28.10), (-106.20, -28.51)),
        ("wall_follower", (-115.40, -41.77), (-115.65, -42.19)),
        ("circle", (-112.33, -29.61), (-112.59, -30.02)),
    ],
)
def test_evidence_of_known_walks(kind, without, with_uniform):
    walk = pm.trajectory(GRID, kind, 60)
    for agents, devices, expected in (
        (pm.GoalAgents(epsilons=FIVE), COUNTING, without),
        (pm.GoalAgents(), ["uniform", *COUNTING], with_uniform),
    ):
        found = pm.agency(GRID, walk, agents, devices)
        assert (round(found.log_agents[-1], 2), round(found.log_devices[-1], 2)) == expected
        assert found.probability[-1] < 1e-22
        assert np.isclose(found.probability[-1], 2.0 ** (found.log_agents[-1] - found.log_devices[-1]), rtol=1e-9)


def test_random_and_goal_seeking_walks_by_their_means():
    agents = pm.GoalAgents(epsilons=FIVE)
    policy = uniform(GRID)
    found = [pm.agency(GRID, rollout(GRID, policy, (3, 3), 60, seed), agents, COUNTING) for seed in range(200)]
    random = np.array([one.probability[-1] for one in found])
    assert abs(random.mean() - 0.27) < 0.06
    assert abs((random > 0.5).mean() - 0.20) < 0.08
    shortest = [
        pm.agency(GRID, pm.trajectory(GRID, start=(0, 0), goal=(6, 5), seed=seed), agents, COUNTING).probability[-1]
        for seed in range(200)
    ]
    assert min(shortest) > 0.47
    assert max(shortest) < 0.98


@pytest.mark.parametrize(("epsilon", "known"), [(0.1, 0.847), (0.3, 0.754), (1.0, 0.246)])
def test_noisy_goal_seekers_by_their_means(epsilon, known):
    """The known means are of 20 draws, whose standard errors are up to 0.06; here are 200."""
    agents = pm.GoalAgents(epsilons=FIVE)
    found = np.array([
        pm.agency(GRID, pm.trajectory(
            GRID, "noisy_goal_seeker", 12, start=(0, 0), goal=(6, 5), epsilon=epsilon, seed=seed
        ), agents, COUNTING).probability[-1]
        for seed in range(200)
    ])  # fmt: skip
    assert abs(found.mean() - known) < 2 * found.std() * (1 / 20 + 1 / 200) ** 0.5


@given(mdps(max_states=6, max_actions=3), st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_an_empty_history_leaves_the_prior_and_posteriors_sum_to_one(mdp, seed):
    assert pm.agency(mdp, [], prior=0.3).probability.tolist() == pytest.approx([0.3], abs=EXACT)
    found = pm.agency(mdp, rollout(mdp, uniform(mdp), None, 12, seed), prior=0.3)
    for one in (found.goals, found.rationality, found.agent_weights, found.device_weights):
        assert one.sum() == pytest.approx(1, abs=EXACT)
        assert one.min() >= 0


@given(mdps(max_states=6, max_actions=3), st.integers(0, 10**6), st.floats(0.01, 0.99))
@settings(max_examples=25, deadline=None)
def test_the_same_policy_in_both_classes_leaves_the_prior(mdp, seed, prior):
    walk = rollout(mdp, uniform(mdp), None, 10, seed)
    rng = np.random.default_rng(seed)
    policy = rng.random(mdp.available.shape) * mdp.available
    policy /= policy.sum(axis=1, keepdims=True)
    found = pm.agency(mdp, walk, [policy], [policy], prior)
    assert np.abs(found.probability - prior).max() < EXACT


@given(mdps(max_states=6, max_actions=3), st.integers(0, 10**6), st.sampled_from([0.0, 0.3]))
@settings(max_examples=30, deadline=None)
def test_goals_and_noise_against_enumeration(mdp, seed, switching):
    """Every sequence of goals and every noise, its probability written out."""
    walk = rollout(mdp, uniform(mdp), None, 4, seed)
    epsilons, betas = (0.1, 0.7), (0.5, 2.0)
    weights = np.random.default_rng(seed).dirichlet(np.ones(mdp.num_states))
    agents = pm.GoalAgents(epsilons=epsilons, betas=betas, switching=switching, weights=weights)
    found = pm.agency(mdp, walk, agents, "uniform")
    policies = noisy_policies(mdp, epsilons, betas)
    by_noise_and_goal = np.zeros((4, mdp.num_states))
    for n, goals in itertools.product(range(4), itertools.product(range(mdp.num_states), repeat=walk.num_steps)):
        chance = 0.25 * np.prod(
            [policies[n][g][s, a] for g, s, a in zip(goals, walk.states, walk.actions, strict=False)]
        )
        for before, after in itertools.pairwise((None, *goals)):
            stays = (1 - switching) * (before == after)
            chance *= weights[after] if before is None else stays + switching * weights[after]
        if goals:
            by_noise_and_goal[n, goals[-1]] += chance
    if walk.num_steps:
        total = by_noise_and_goal.sum()
        assert found.log_agents[-1] == pytest.approx(math.log2(total), abs=1e-10)
        assert np.abs(found.goals - by_noise_and_goal.sum(axis=0) / total).max() < 1e-10
        assert np.abs(found.rationality - by_noise_and_goal.sum(axis=1) / total).max() < 1e-10


@pytest.mark.parametrize("switching", [1e-12, 0.05, 1.0])
def test_goals_that_change_over_long_walks_against_logarithms(switching):
    """The forward algorithm of each noise, in logarithms; noises that a random walk all but rules out come back."""
    epsilons, count = (0.02, 0.5), GRID.num_states
    walk = rollout(GRID, uniform(GRID), (3, 3), 300, 5)
    back = pm.trajectory(GRID, "shortest_path", start=walk.labels()[-1], goal=(0, 0))
    pairs = [
        *zip(walk.labels(), walk.action_labels(), strict=False),
        *zip(back.labels(), back.action_labels(), strict=False),
    ]
    found = pm.agency(GRID, pairs, pm.GoalAgents(epsilons=epsilons, switching=switching), "uniform")
    policies = np.log(np.array(noisy_policies(GRID, epsilons, ())))  # (noise, goal, S, A)
    log = np.full((2, count), -math.log(2 * count))
    for step, (s, a) in enumerate(zip(found.walk.states, found.walk.actions, strict=False)):
        if step:
            drawn = logsumexp(log, axis=1, keepdims=True) + math.log(switching / count)
            log = np.logaddexp(log + np.log1p(-switching), drawn) if switching < 1 else drawn + np.zeros_like(log)
        log = log + policies[:, :, s, a]
    assert found.log_agents[-1] == pytest.approx(logsumexp(log) / math.log(2), rel=1e-12)
    assert np.abs(found.goals - np.exp(log - logsumexp(log)).sum(axis=0)).max() < 1e-10


def noisy_policies(mdp, epsilons, betas):
    """[noise][goal] (S, A), by expected steps to every goal."""
    S, A = mdp.available.shape
    rows, found = mdp.transition_tensor().numpy(), [[] for _ in (*epsilons, *betas)]
    for goal in range(S):
        steps = arrival_times(mdp, [goal])[0]
        score = np.full((S, A), -np.inf)
        for s, a in np.argwhere(mdp.available):
            score[s, a] = -sum(rows[s, a, t] * steps[t] for t in range(S) if rows[s, a, t])
        anything = np.isinf(score).all(axis=1)
        anything[goal] = True
        score[anything] = np.where(mdp.available[anything], 0.0, -np.inf)
        best = score >= score.max(axis=1, keepdims=True) - 1e-9 * np.maximum(1, -score.max(axis=1, keepdims=True))
        for n, epsilon in enumerate(epsilons):
            found[n].append((1 - epsilon) * best / best.sum(axis=1, keepdims=True) + epsilon * uniform(mdp))
        for n, beta in enumerate(betas, start=len(epsilons)):
            found[n].append(np.exp(beta * score - logsumexp(beta * score, axis=1, keepdims=True)))
    return found


@given(mdps(max_states=6, max_actions=3), st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_steps_one_after_the_other_are_the_whole(mdp, seed):
    walk = rollout(mdp, uniform(mdp), None, 15, seed)
    classes = [pm.GoalAgents(switching=0.1), "goals"], ["uniform", "tree(3, walls)", *COUNTING]
    found = pm.agency(mdp, walk, *classes)
    tracker = pm.AgencyTracker(mdp, *classes)
    pairs = [*zip(walk.states.tolist(), walk.actions.tolist(), strict=False)]
    for step, (state, action) in enumerate(pairs):
        tracker.step(state, action)
        assert tracker.probability == pytest.approx(found.probability[step + 1], abs=EXACT)
        whole = pm.agency(mdp, [*pairs[: step + 1], (int(walk.states[step + 1]), None)], *classes)
        assert whole.probability[-1] == pytest.approx(tracker.probability, abs=EXACT)


def test_a_goal_twice_with_half_its_weight_changes_nothing():
    walk = pm.trajectory(GRID, "noisy_goal_seeker", epsilon=0.3)
    once = pm.agency(GRID, walk, pm.GoalAgents(goals=[(6, 6), (0, 6)], weights=[0.6, 0.4]))
    twice = pm.agency(GRID, walk, pm.GoalAgents(goals=[(6, 6), (0, 6), (6, 6)], weights=[0.3, 0.4, 0.3]))
    assert np.abs(once.probability - twice.probability).max() < EXACT
    assert np.abs(once.goals - twice.goals).max() < EXACT


@pytest.mark.parametrize("epsilon", [0.0, 0.1, 1.0])
def test_closed_forms_of_a_single_goal_and_of_the_uniform_device(epsilon):
    walk = pm.trajectory(GRID, start=(3, 0), goal=(3, 6))
    found = pm.agency(GRID, walk, pm.GoalAgents(goals=[(3, 6)], epsilons=[epsilon]), "uniform")
    assert walk.num_steps == 6
    assert found.log_agents[-1] == pytest.approx(6 * math.log2(1 - epsilon + epsilon / 4), abs=EXACT)
    assert found.log_devices[-1] == pytest.approx(-12, abs=EXACT)


def test_reward_functions_act_by_their_optimal_policies_and_values():
    rewards = np.random.default_rng(0).random((5, 9))
    mdp = open_grid(3)
    walk = rollout(mdp, uniform(mdp), None, 8, 3)
    found = pm.agency(mdp, walk, pm.RewardAgents(rewards, epsilons=[0.2], betas=[3.0]), "uniform")
    greedy = 0.8 * pm.optimal_policies(mdp, rewards, 0.9).numpy() + 0.05
    q = rewards[..., None] + 0.9 * pm.optimal_values(mdp, rewards, 0.9).numpy()[:, mdp.successors()]
    soft = np.exp(3 * q) / np.exp(3 * q).sum(axis=-1, keepdims=True)
    chances = np.array([of[:, walk.states[:-1], walk.actions].prod(axis=1) for of in (greedy, soft)])
    assert found.log_agents[-1] == pytest.approx(math.log2(chances.mean()), abs=1e-10)
    assert np.abs(found.functions - chances.sum(axis=0) / chances.sum()).max() < 1e-12
    assert found.goals is None


def tree_chance(symbols, actions, num_actions, depth, context=()):
    """The mixture over all trees below a context, each tree's probability from its leaves."""
    here = [k for k, past in enumerate(symbols) if past[: len(context)] == context]
    counts, leaf = np.full(num_actions, 0.5), 1.0
    for k in here:
        leaf *= counts[actions[k]] / counts.sum()
        counts[actions[k]] += 1
    if len(context) == depth:
        return [(1.0, leaf)]
    longer = sorted({symbols[k][len(context)] for k in here})
    parts = [tree_chance(symbols, actions, num_actions, depth, (*context, symbol)) for symbol in longer]
    split = [
        (0.5 * math.prod(weight for weight, _ in chosen), math.prod(chance for _, chance in chosen))
        for chosen in itertools.product(*parts)
    ]
    return [(0.5, leaf), *split]


@pytest.mark.parametrize("depth", range(4))
@pytest.mark.parametrize("inputs", ["", ", walls"])
def test_context_trees_against_the_sum_over_all_trees(depth, inputs):
    mdp = PowerGrid("...").tables()
    rng = np.random.default_rng(depth)
    walls = [tuple(row) for row in (mdp.successors() != np.arange(mdp.num_states)[:, None])]
    for _ in range(4):
        walk = rollout(mdp, uniform(mdp), None, 7, int(rng.integers(1000)))
        symbols = []
        for t in range(walk.num_steps):
            past: list[object] = []
            for back in range(t, -4, -1):
                if inputs and back >= 0:
                    past.append(walls[walk.states[back]])
                past.append(int(walk.actions[back - 1]) if back >= 1 else None)
            symbols.append(tuple(str(symbol) for symbol in past[:depth]))
        trees = tree_chance(symbols, walk.actions.tolist(), mdp.num_actions, depth)
        assert sum(weight for weight, _ in trees) == pytest.approx(1)
        found = pm.agency(mdp, walk, "uniform", f"tree({depth}{inputs})")
        expected = math.log2(sum(weight * chance for weight, chance in trees))
        assert found.log_devices[-1] == pytest.approx(expected, abs=1e-10)


class Clock:
    """An agent of one's own: the first action in even steps, anything in odd ones."""

    def log_probability(self, history):
        chances = [1.0 if t % 2 and a == 0 else 0.0 if t % 2 else 0.25 for t, a in enumerate(history.actions)]
        with np.errstate(divide="ignore"):
            return float(np.log(chances).sum())


def test_classes_of_ones_own_and_weights():
    walk = [((0, 0), "right"), ((0, 1), "up"), ((0, 1), "down"), ((1, 1), "right")]
    found = pm.agency(GRID, walk, Clock(), "uniform")
    assert found.log_agents[:4].tolist() == pytest.approx([0, -2, -2, -4])
    assert found.log_agents[-1] == -np.inf
    assert found.probability[-1] == 0
    with pytest.raises(ValueError, match="step 3, which none does"):
        pm.agency(GRID, walk, Clock(), [Clock()])
    one = pm.agency(GRID, walk, devices={"uniform": 0.75, "nothing": 0.25})
    single = [pm.agency(GRID, walk, devices=name).log_devices for name in ("uniform", "nothing")]
    expected = np.log2(0.75 * 2.0 ** single[0] + 0.25 * 2.0 ** single[1])
    assert np.abs(one.log_devices - expected).max() < EXACT


@pytest.mark.parametrize(
    ("trajectory", "message"),
    [
        ([((9, 9), "right")], "step 0: unknown state"),
        ([((0, 0), "rigth")], "step 0: unknown action 'rigth'; did you mean 'right'"),
        ([((0, 0), "right"), ((2, 2), "up")], r"expected what right in \(0, 0\) can lead to, found \(2, 2\)"),
        ([((0, 0), "right", 1)], "expected a pair"),
        ([((0, 0), None), ((0, 0), "up")], "step 0: expected an action before the last state, found none"),
        (3, "expected pairs"),
        ("bounse", "did you mean 'bounce'"),
    ],
)
def test_what_is_no_walk_is_refused(trajectory, message):
    with pytest.raises(ValueError, match=message):
        pm.agency(GRID, trajectory)


def test_walks_out_of_terminal_states_and_by_missing_actions_are_refused():
    ends = PowerGrid("S.G").tables()
    with pytest.raises(ValueError, match="expected the walk to end in the terminal state"):
        pm.agency(ends, [((0, 1), "right"), ((0, 2), "right")])
    without = PowerGrid("...", walls="absent").tables()
    with pytest.raises(ValueError, match=r"expected an action that \(0, 0\) has, found left"):
        pm.agency(without, [((0, 0), "left")])
    with pytest.raises(ValueError, match=r"expected \(state, None\) at its end"):
        pm.agency(PowerGrid("...", noise=0.5).tables(), [((0, 0), "right")])


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"agents": "goalz"}, "did you mean 'goals'"),
        ({"agents": pm.GoalAgents(goals=[(9, 9)])}, "goals: unknown state"),
        ({"agents": pm.GoalAgents(weights=[1.0])}, "weights: expected 49 numbers"),
        ({"agents": []}, "agents: expected at least one"),
        ({"devices": "wals"}, "did you mean 'walls'"),
        ({"devices": "tree(x)"}, "expected a depth"),
        ({"devices": 3}, "devices: expected a name"),
        ({"prior": 1.5}, "prior: expected a probability"),
    ],
)
def test_classes_that_are_none_are_refused(settings_, message):
    with pytest.raises(ValueError, match=message):
        pm.agency(GRID, "circle", **settings_)
    for wrong in ({"epsilons": [2]}, {"betas": [-1]}, {"epsilons": []}, {"switching": 2}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            pm.GoalAgents(**wrong)
