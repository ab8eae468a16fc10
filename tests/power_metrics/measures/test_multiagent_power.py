"""POWER of two agents: published samples, dense and rational recomputation, laws, and bad input."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import power_metrics as pm
from powerenvs import TabularGame, product_game
from powerenvs.worlds.power.pair import PowerPair
from tests.games import games, random_game, random_policy
from tests.power_metrics.two_agents import NAMES, dense_two_agents, four, pair_game, rational_two_agents
from tests.power_metrics.worlds import MAZE, OPEN_3, TURNER, graph, grid, without_stay

DATA = np.load(Path(__file__).parents[1] / "data" / "powerplay_two_agents.npz")


def agree(found, wanted, tolerance=1e-10):
    for name in NAMES:
        assert np.abs(found[name] - wanted[name]).max() <= tolerance, name


class TestPublished:
    """POWERplay's own runs at 331f1e8, uniform rewards on [0, 1], γ = 0.6."""

    @pytest.mark.parametrize("rho", [0, 1])
    def test_stored_pairs_give_the_stored_samples(self, rho):
        rewards = tuple(DATA[f"joint_rho{rho}_reward_{x}"].astype(float) for x in "ha")
        result = pm.multiagent_power(pair_game(), gamma=0.6, rewards=rewards)
        agree(four(result), {name: DATA[f"joint_rho{rho}_{name}"] for name in NAMES}, 1e-5)
        assert result["human"].method == "given_rewards"
        assert result.correlation is None

    def test_its_seed_policy_as_it_stores_it(self):
        game, rewards = pair_game(), tuple(DATA[f"joint_rho0_reward_{x}"].astype(float) for x in "ha")
        third = game.uniform_policy("ai").astype(np.float32)  # rows of thirds sum to 1.00000003
        result = pm.multiagent_power(game, gamma=0.6, rewards=rewards, seed_policy=third)
        agree(four(result), {name: DATA[f"joint_rho0_{name}"] for name in NAMES}, 1e-5)
        assert np.abs(result.seed_policy.sum(axis=1) - 1).max() < 1e-15

    @pytest.mark.slow
    @pytest.mark.parametrize("rho", [0, 1])
    def test_means_of_large_samples(self, rho):
        result = pm.multiagent_power(pair_game(), gamma=0.6, correlation=rho, num_samples=10_000, seed=1)
        estimates = (result["human"], result["ai"], result.baseline["human"], result.baseline["ai"])
        for name, estimate in zip(NAMES, estimates, strict=True):
            error = np.hypot(estimate.standard_error, DATA[f"joint_rho{rho}_{name}_error"])
            assert np.all(np.abs(estimate.mean - DATA[f"joint_rho{rho}_{name}_mean"]) <= 4 * error), name

    @pytest.mark.slow
    def test_averages_over_states(self):
        # POWERplay: .66625, .82003, .66497, .50024 at correlation 0, each from 20,000 pairs; .91055 at 1.
        result = pm.multiagent_power(pair_game(), gamma=0.6, num_samples=4000, seed=5, keep_samples=True)
        published = dict(zip(NAMES, (0.66625, 0.82003, 0.66497, 0.50024), strict=True))
        for name, samples in four(result).items():
            error = samples.mean(axis=1).std() * np.sqrt(1 / 4000 + 1 / 20_000)
            assert abs(samples.mean() - published[name]) < 4 * error, name
        low, high = result.alignment_interval(0.999)
        assert low < -0.50975 < high
        together = pm.multiagent_power(pair_game(), gamma=0.6, correlation=1, num_samples=4000, keep_samples=True)
        error = together["human"].samples.mean(axis=1).std() * np.sqrt(1 / 4000 + 1 / 20_000)
        assert abs(together.average("human") - 0.91055) < 4 * error
        assert abs(together.alignment - 1) < 1e-12

    def test_fixed_policy(self):
        # A row of three cells; the human must not stay while the AI, which always goes left, is at the far right.
        both = pair_game(("...",))
        right = both.find(ai=(0, 2))
        stay, left = both.action_index("human", "stay"), both.action_index("ai", "left")
        rows = np.repeat(np.arange(both.num_rows), np.diff(both.indptr))
        state, joint = np.divmod(rows, both.num_joint_actions)
        kept = ~(np.isin(state, right) & (both.joint_actions[joint, 0] == stay))
        game = both.with_(
            indptr=np.concatenate([[0], np.cumsum(np.bincount(rows[kept], minlength=both.num_rows))]),
            successor=both.successor[kept],
            probability=both.probability[kept],
            reward=both.reward[:, kept],
            performance=both.performance[:, kept],
        )
        policy = np.zeros((9, 5))
        policy[:, left] = 1
        policy[both.find(ai=(0, 0))] = np.eye(5)[both.action_index("ai", "stay")]
        faced = game.against({"ai": policy})
        given = pm.power(faced, gamma=0.1, rewards=DATA["fixed_reward"].astype(float))
        assert np.abs(given.samples - DATA["fixed_power"]).max() < 1e-5
        drawn = pm.power(faced, gamma=0.1, num_samples=20_000)
        error = np.hypot(drawn.standard_error, DATA["fixed_error"])
        assert np.all(np.abs(drawn.mean - DATA["fixed_mean"]) < 4 * error)


class TestBruteForce:
    @pytest.mark.slow
    @settings(max_examples=60, deadline=None)
    @given(
        game=games(max_states=5, num_agents=2),
        gammas=st.tuples(st.sampled_from([0.0, 0.1, 0.6, 0.9]), st.sampled_from([0.0, 0.3, 0.95])),
        seed=st.integers(0, 2**32 - 1),
    )
    def test_random_games(self, game, gammas, seed):
        rng = np.random.default_rng(seed)
        rewards = rng.normal(size=(2, 3, game.num_states))
        result = pm.multiagent_power(game, *gammas, rewards=tuple(rewards), rounds=2)
        wanted, history = dense_two_agents(game, *rewards, *gammas, game.uniform_policy("ai"), rounds=2)
        agree(four(result), wanted)
        moved = np.abs(np.diff(history.mean(axis=2), axis=0)).max(axis=2)[0]
        assert np.allclose((result.changes[0].human, result.changes[0].ai), moved, atol=1e-10)
        assert result["human"].residual < 1e-13

    @pytest.mark.slow
    @settings(max_examples=30, deadline=None)
    @given(game=games(max_states=4, num_agents=2), seed=st.integers(0, 2**32 - 1))
    def test_whole_numbered_rewards_have_ties(self, game, seed):
        rewards = np.random.default_rng(seed).integers(0, 2, (2, 4, game.num_states)).astype(float)
        result = pm.multiagent_power(game, 0.7, rewards=tuple(rewards))
        agree(four(result), dense_two_agents(game, *rewards, 0.7, 0.7, game.uniform_policy("ai"))[0])

    @pytest.mark.slow
    @settings(max_examples=30, deadline=None)
    @given(game=games(max_states=5, num_agents=2), seed=st.integers(0, 2**32 - 1), sparse=st.booleans())
    def test_seed_policies(self, game, seed, sparse):
        rng = np.random.default_rng(seed)
        rewards = rng.random((2, 3, game.num_states))
        policy = random_policy(rng, game, "ai", sparse)
        exists = game.joint_available.reshape(game.num_states, *game.num_actions)
        if not np.all(np.any(exists & (policy[:, None, :] > 0), axis=(1, 2))):
            with pytest.raises(
                ValueError, match=r"seed_policy: .* leave human an action in every state, found none in"
            ):
                pm.multiagent_power(game, 0.8, rewards=tuple(rewards), seed_policy=policy)
            return
        result = pm.multiagent_power(game, 0.8, rewards=tuple(rewards), seed_policy=policy)
        agree(four(result), dense_two_agents(game, *rewards, 0.8, 0.8, policy)[0])

    @pytest.mark.slow
    @settings(max_examples=30, deadline=None)
    @given(game=games(max_states=5, num_agents=2), seed=st.integers(0, 2**32 - 1))
    def test_roles_can_be_swapped(self, game, seed):
        rng = np.random.default_rng(seed)
        rewards = rng.random((2, 2, game.num_states))
        S, (A, B) = game.num_states, game.num_actions
        swapped = TabularGame.from_transitions(
            [
                (s, (b, a), int(game.successor[e]), float(game.probability[e]))
                for s in range(S)
                for a in range(A)
                for b in range(B)
                for e in range(game.indptr[(s * A + a) * B + b], game.indptr[(s * A + a) * B + b + 1])
            ],
            agents=("ai", "human"),
            state_labels=range(S),
            action_labels={"ai": range(B), "human": range(A)},
        )
        one = pm.multiagent_power(game, 0.8, 0.6, rewards=tuple(rewards), agents=("ai", "human"))
        other = pm.multiagent_power(swapped, 0.8, 0.6, rewards=tuple(rewards))
        assert one.agents == other.agents == ("ai", "human")
        agree(four(one), four(other), 1e-12)

    @pytest.mark.slow
    @pytest.mark.parametrize("walls", ["absent", "bump"])
    def test_worlds_without_overlaps(self, walls):
        game = PowerPair("..\n.#", walls=walls).tables()
        for one in (game.without_overlaps(), game.without_overlaps(no_swaps=True), game.with_bumping()):
            rewards = np.random.default_rng(1).random((2, 6, one.num_states))
            result = pm.multiagent_power(one, 0.9, rewards=tuple(rewards))
            agree(four(result), dense_two_agents(one, *rewards, 0.9, 0.9, one.uniform_policy("ai"))[0])

    @pytest.mark.parametrize(
        "game",
        [
            pair_game(),
            pair_game(noise=0.3),
            random_game(np.random.default_rng(0), 30, (3, 2)),
            PowerPair("...\n.#.").tables(),
        ],
        ids=["grid", "noise", "random", "bump"],
    )
    def test_large_games_are_solved_iteratively_to_the_same_numbers(self, game, monkeypatch):
        rng = np.random.default_rng(0)
        random = tuple(rng.random((2, 20, game.num_states)))
        whole = tuple(rng.integers(0, 2, (2, 20, game.num_states)).astype(float))
        cases = [(random, 0.95, 1e-11), (whole, 0.95, 1e-11), (whole, 0.9999, 1e-9)]
        direct = [pm.multiagent_power(game, gamma, rewards=rewards, rounds=2) for rewards, gamma, _ in cases]
        monkeypatch.setattr("power_metrics.solvers.joint.tables.DIRECT_MAX_STATES", 0)
        monkeypatch.setattr("power_metrics.solvers.joint.tables._prepared", {})
        for (rewards, gamma, tolerance), expected in zip(cases, direct, strict=True):
            large = pm.multiagent_power(game, gamma, rewards=rewards, rounds=2)
            agree(four(expected), four(large), tolerance)
            assert large["human"].residual < 1e-13


class TestTies:
    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("gamma", "tolerance"), [(Fraction(3, 5), 1e-14), (Fraction(9999, 10_000), 1e-11)], ids=str
    )
    def test_ties_are_those_of_rational_numbers(self, gamma, tolerance):
        # With rewards 0 and 1 most states have ties, which comparing rounded numbers misses.
        game = PowerPair("..\n.#", walls="absent").tables()
        rewards = np.random.default_rng(2).integers(0, 2, (2, 24, game.num_states))
        result = pm.multiagent_power(game, float(gamma), rewards=tuple(rewards.astype(float)))
        exact = [rational_two_agents(game, h, a, gamma) for h, a in zip(*rewards, strict=True)]
        assert sum(mixed for _, mixed in exact) > 12
        wanted = {name: np.array([[float(x) for x in one[name]] for one, _ in exact]) for name in NAMES}
        agree(four(result), wanted, tolerance)

    def test_without_tolerance_rounding_decides(self):
        game = pair_game()
        rewards = tuple(np.random.default_rng(0).integers(0, 2, (2, 16, 81)).astype(float))
        exact = pm.multiagent_power(game, 0.6, rewards=rewards)
        rounded = pm.multiagent_power(game, 0.6, rewards=rewards, tie_tolerance=0.0)
        coarse = pm.multiagent_power(game, 0.6, rewards=rewards, tie_tolerance=1e-8)
        agree(four(exact), four(coarse), 1e-12)
        assert np.abs(exact["human"].samples - rounded["human"].samples).max() > 0.01
        assert np.abs(exact.baseline["human"].samples - rounded.baseline["human"].samples).max() < 1e-12

    @pytest.mark.parametrize("gamma", [1 - 1e-7, 1 - 1e-9])
    def test_near_discount_1_worse_actions_are_not_tied(self, gamma):
        """The human stays or goes between two cells, the AI watches: POWER is that of one agent."""
        places = {("stay", 0): 0, ("go", 0): 1, ("stay", 1): 1, ("go", 1): 0}
        game = TabularGame.from_transitions(
            [(s, (move, "watch"), t, 1.0) for (move, s), t in places.items()], agents=("human", "ai"), initial=0
        )
        alone = game.against({"ai": game.uniform_policy("ai")})
        rewards = np.array([[1.0, 0.991], [0.3, 0.7]])
        found = pm.multiagent_power(game, gamma, rewards=(rewards, rewards))
        assert found["human"].samples == pytest.approx(pm.power(alone, gamma, rewards=rewards).samples, rel=1e-12)
        assert found["human"].samples[0] == pytest.approx([1.0, 1.0], rel=1e-7)

    @pytest.mark.parametrize("slip", [0.0, 0.1])
    @pytest.mark.parametrize("gamma", [0.1, 0.9, 1 - 1e-9])
    def test_the_human_finds_a_far_prize(self, slip, gamma):
        """25 cells in a row, of which the last one pays: everywhere the human has to go right, whatever it is worth."""
        moves = []
        for s in range(25):
            for move, way in (("left", -1), ("right", 1)):
                for step, p in ((way, 1 - slip), (-way, slip)):
                    if p:
                        moves.append((s, (move, "watch"), min(max(s + step, 0), 24), p))
        game = TabularGame.from_transitions(moves, agents=("human", "ai"), initial=0)
        prize = np.eye(25)[[24]]
        found = pm.multiagent_power(game, gamma, rewards=(prize, prize))
        right = np.tile([0.0, 1.0], (25, 1))
        alone = game.against({"ai": game.uniform_policy("ai")})
        values = pm.policy_values(alone, right, prize, gamma).numpy()
        expected = (1 - gamma) / gamma * (values - prize)
        assert found["human"].samples == pytest.approx(expected, rel=1e-6 if gamma > 0.99 else 1e-12, abs=0)

    def test_an_action_listed_twice_counts_twice(self):
        # Two of the AI's actions do the same, a third is as good for it: the human meets them 2 to 1.
        game = TabularGame.from_transitions(
            [("start", ("go", a), t, 1.0) for a, t in (("x", "left"), ("y", "left"), ("z", "right"))]
            + [(s, ("go", a), s, 1.0) for s in ("left", "right") for a in "xyz"]
        )
        rewards = (np.array([0.0, 1.0, 0.0]), np.array([0.0, 1.0, 1.0]))
        result = pm.multiagent_power(game, 0.5, rewards=rewards)
        start = game.index("start")
        assert abs(result["human"].samples[0, start] - 2 / 3) < 1e-15
        assert abs(result["ai"].samples[0, start] - 1) < 1e-15


class TestLaws:
    @pytest.mark.parametrize(
        "mdp", [grid(MAZE), without_stay(), grid(noise=0.2), graph(TURNER)], ids=["maze", "no stay", "noise", "graph"]
    )
    def test_one_agent_is_two_of_which_one_has_no_choice(self, mdp):
        idle = graph({"idle": ["idle"]})
        rewards = np.random.default_rng(0).random((2, 40, mdp.num_states))
        for gamma in (0.3, 0.95):
            one = [pm.power(mdp, gamma, rewards=r).samples for r in rewards]
            first = pm.multiagent_power(product_game(mdp, idle), gamma, rewards=tuple(rewards))
            assert np.abs(first["human"].samples - one[0]).max() < 1e-12
            assert np.abs(first.baseline["human"].samples - one[0]).max() < 1e-12
            second = pm.multiagent_power(product_game(idle, mdp), gamma, rewards=tuple(rewards))
            assert np.abs(second["ai"].samples - one[1]).max() < 1e-12

    def test_against_the_seed_policy_the_human_is_a_single_agent(self):
        game = pair_game(MAZE[:4])
        rewards = np.random.default_rng(0).random((2, 12, game.num_states))
        policy = random_policy(np.random.default_rng(1), game, "ai")
        result = pm.multiagent_power(game, 0.9, rewards=tuple(rewards), seed_policy=policy)
        alone = pm.power(game.against({"ai": policy}), 0.9, rewards=rewards[0])
        assert np.abs(result.baseline["human"].samples - alone.samples).max() < 1e-12

    def test_opposed_rewards_sum_to_a_constant(self):
        for game, gamma in ((pair_game(), 0.6), (pair_game(noise=0.1), 0.9), (pair_game().without_overlaps(), 0.9)):
            result = pm.multiagent_power(game, gamma, correlation=-1, reward=pm.Uniform(-1, 3), num_samples=200)
            assert np.abs(result["human"].mean + result["ai"].mean - 2).max() < 1e-12
            assert abs(result.alignment + 1) < 1e-9

    def test_equal_rewards_give_equal_power(self):
        result = pm.multiagent_power(pair_game(), 0.6, correlation=1, num_samples=200)
        assert np.abs(result["human"].mean - result["ai"].mean).max() < 1e-12
        assert np.all(result["ai"].mean >= result.baseline["ai"].mean)

    @settings(max_examples=25, deadline=None)
    @given(game=games(max_states=5, num_agents=2), seed=st.integers(0, 2**32 - 1))
    def test_scale_shift_and_bounds(self, game, seed):
        rewards = np.random.default_rng(seed).random((2, 4, game.num_states))
        plain = four(pm.multiagent_power(game, 0.8, rewards=tuple(rewards)))
        moved = four(pm.multiagent_power(game, 0.8, rewards=(3 * rewards[0] - 2, 0.5 * rewards[1] + 1)))
        for name in NAMES:
            factor, shift = (3, -2) if name.startswith("human") else (0.5, 1)
            assert np.allclose(moved[name], factor * plain[name] + shift, atol=1e-11)
            assert np.all(plain[name] >= -1e-12)
            assert np.all(plain[name] <= 1 + 1e-12)
        assert np.all(plain["ai"] >= plain["ai_seed"] - 1e-12)

    def test_the_wall_convention_matters(self):
        absent, bump = (PowerPair("open_3x3", walls=walls).tables() for walls in ("absent", "bump"))
        rewards = tuple(np.random.default_rng(0).random((2, 50, 81)))
        one, other = (pm.multiagent_power(game, 0.6, rewards=rewards) for game in (absent, bump))
        assert abs(one.average("human", baseline=True) - other.average("human", baseline=True)) > 0.01
        # A uniform seed policy stays more often where walls are bumped into; with that made up for, nothing differs.
        stay = bump.action_index("ai", "stay")
        policy = np.where(absent.available["ai"], absent.uniform_policy("ai"), 0.0)
        same = pm.multiagent_power(bump, 0.6, rewards=rewards, seed_policy=policy)
        assert absent.action_index("ai", "stay") == stay
        assert np.abs(one.baseline["human"].samples - same.baseline["human"].samples).max() < 1e-12
        assert np.abs(one["human"].samples - same["human"].samples).max() < 1e-12

    def test_rounds_settle_where_the_human_has_no_choice(self):
        game = product_game(graph({"idle": ["idle"]}), grid(OPEN_3))
        result = pm.multiagent_power(game, 0.9, num_samples=50, rounds=3)
        assert result.rounds == 3
        assert all(change.settled == 1 and change.human < 1e-12 and change.ai < 1e-12 for change in result.changes)
        contested = pm.multiagent_power(pair_game(), 0.9, num_samples=50, rounds=3)
        assert all(change.settled < 1 and change.human > 0 for change in contested.changes)


class TestMoreAgents:
    @settings(max_examples=25, deadline=None)
    @given(game=games(max_states=4, num_agents=3), seed=st.integers(0, 2**32 - 1))
    def test_others_are_folded_in(self, game, seed):
        rng = np.random.default_rng(seed)
        policy = random_policy(rng, game, "third")
        rewards = rng.random((2, 2, game.num_states))
        result = pm.multiagent_power(game, 0.7, rewards=tuple(rewards), others={"third": policy})
        folded = game.fold({"third": policy})
        assert result.game == folded
        assert folded.agents == ("human", "ai")
        agree(four(result), dense_two_agents(folded, *rewards, 0.7, 0.7, folded.uniform_policy("ai"))[0])

    @settings(max_examples=40, deadline=None)
    @given(game=games(max_states=5, num_agents=3), seed=st.integers(0, 2**32 - 1))
    def test_fold_is_the_expectation_over_what_exists(self, game, seed):
        policy = random_policy(np.random.default_rng(seed), game, "ai")
        folded = game.fold({"ai": policy})
        assert folded.agents == ("human", "third")
        rows = np.repeat(np.arange(game.num_rows), np.diff(game.indptr))
        P = np.zeros((game.num_rows, game.num_states))
        np.add.at(P, (rows, game.successor), game.probability)
        P = P.reshape(game.num_states, *game.num_actions, game.num_states)
        weights = policy[:, None, :, None] * (P.sum(axis=4) > 0)
        total = weights.sum(axis=2)
        mean = np.einsum("sabc,sabct->sact", weights, P) / np.where(total > 0, total, 1)[..., None]
        assert np.allclose(folded.transition_matrix().toarray(), mean.reshape(-1, game.num_states), atol=1e-12)
        sums = np.add.reduceat(np.append(folded.probability, 0), folded.indptr[:-1][np.diff(folded.indptr) > 0])
        assert np.allclose(sums, 1, rtol=0, atol=1e-12)

    def test_fold_keeps_what_belongs_to_the_others(self):
        mdp = grid(OPEN_3).with_(board=OPEN_3, cells=[(r, c) for r in range(3) for c in range(3)])
        game = product_game(mdp, mdp, mdp, agents=("a", "b", "c"))
        folded = game.fold({"b": game.uniform_policy("b")})
        assert folded.action_labels == dict.fromkeys("ac", mdp.action_labels)
        assert np.array_equal(folded.cells, game.cells[:, [0, 2]])
        assert folded.board == game.board
        assert np.array_equal(folded.initial, game.initial)
        assert game.fold({}) is game
        with pytest.raises(ValueError, match=r"at least two agents .*game\.against"):
            game.fold({"b": game.uniform_policy("b"), "a": game.uniform_policy("a")})
        with pytest.raises(ValueError, match="unknown agent 'd'"):
            game.fold({"d": None})
