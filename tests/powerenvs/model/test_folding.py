"""Policies folded into games: the tables that are left to the other agents."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from powerenvs import TabularGame, TabularMDP
from tests.games import dense, games, random_game, random_policy
from tests.models import random_mdp

SEEDS = st.integers(0, 2**32 - 1)


class TestAgainst:
    @settings(max_examples=60)
    @given(games(), SEEDS, st.booleans())
    def test_equals_a_dense_computation(self, game, seed, sparse):
        """P'(s' | s, a) = Σ_b w(b | s, a) P(s' | s, a, b), by einsum over dense tensors."""
        rng = np.random.default_rng(seed)
        left = int(rng.integers(game.num_agents))
        others = [agent for i, agent in enumerate(game.agents) if i != left]
        policies = {agent: random_policy(rng, game, agent, sparse) for agent in others}
        T, R, F = dense(game)
        S, shape = game.num_states, game.num_actions
        weights = np.ones((S, 1))
        for i, agent in enumerate(game.agents):
            factor = policies[agent] if i != left else np.ones((S, shape[i]))
            weights = np.einsum("sj,sa->sja", weights, factor).reshape(S, -1)
        weights *= T.sum(axis=2) > 0
        weights = np.moveaxis(weights.reshape(S, *shape), left + 1, 1).reshape(S, shape[left], -1)
        T = np.moveaxis(T.reshape(S, *shape, S), left + 1, 1).reshape(S, shape[left], -1, S)
        R, F = (np.moveaxis(X[left].reshape(S, *shape), left + 1, 1).reshape(S, shape[left], -1) for X in (R, F))
        total = weights.sum(axis=2)
        if not (total > 0).any(axis=1).all():
            stuck = int(np.flatnonzero(~(total > 0).any(axis=1))[0])
            with pytest.raises(ValueError, match=rf"leave {game.agents[left]} an action .* state {stuck} "):
                game.against(policies)
            return
        mdp = game.against(policies)
        weights = np.divide(weights, total[:, :, None], out=np.zeros_like(weights), where=total[:, :, None] > 0)
        assert np.array_equal(mdp.available, total > 0)
        assert np.allclose(mdp.transition_tensor().numpy(), np.einsum("sab,sabt->sat", weights, T), atol=1e-12)
        assert np.allclose(mdp.reward_tensor().numpy(), np.einsum("sab,sab->sa", weights, R), atol=1e-12)
        expected = np.einsum("sab,sab->sa", weights, F)
        assert np.allclose(mdp.reward_tensor(performance=True).numpy(), expected, atol=1e-12)

    @settings(max_examples=60)
    @given(games(), SEEDS)
    def test_rows_sum_to_one(self, game, seed):
        rng = np.random.default_rng(seed)
        mdp = game.against({agent: random_policy(rng, game, agent) for agent in game.agents[1:]})
        sums = np.add.reduceat(mdp.probability, mdp.indptr[:-1][np.diff(mdp.indptr) > 0])
        assert np.abs(sums - 1).max() <= 1e-12

    @settings(max_examples=40)
    @given(SEEDS, st.integers(1, 6), st.integers(1, 4), st.booleans())
    def test_single_agent_is_two_agents_where_the_other_has_one_action(self, seed, num_states, num_actions, second):
        mdp = random_mdp(np.random.default_rng(seed), num_states, num_actions)
        agents = ("ai", "human") if second else ("human", "ai")
        counts = (1, num_actions) if second else (num_actions, 1)
        rewards = (np.zeros(mdp.num_transitions), mdp.reward)[:: 1 if second else -1]
        game = TabularGame(
            indptr=mdp.indptr,
            successor=mdp.successor,
            probability=mdp.probability,
            num_actions=counts,
            agents=agents,
            reward=np.stack(rewards),
            performance=np.stack([mdp.performance] * 2),
            initial=mdp.initial,
            state_labels=mdp.state_labels,
        )
        folded = game.against({"ai": np.ones((num_states, 1))})
        assert folded == mdp.with_(probability=folded.probability)
        assert np.allclose(folded.probability, mdp.probability, rtol=0, atol=1e-12)

    def test_rewards_to_one_state_stay_apart(self):
        game = TabularGame.from_transitions(
            [(0, (0, 0), 0, 1.0), (0, (0, 1), 0, 1.0), (0, (0, 2), 0, 1.0)],
            reward={"human": [1.0, 1.0, 4.0], "ai": [7.0, 8.0, 9.0]},
        )
        mdp = game.against({"ai": [[0.25, 0.25, 0.5]]})
        assert mdp.reward.tolist() == [1.0, 4.0]
        assert mdp.probability.tolist() == [0.5, 0.5]
        assert mdp.deterministic

    def test_probability_on_missing_actions_is_renormalised(self, door):
        mdp = door.against({"ai": np.full((3, 2), 0.5)})
        assert mdp.available.tolist() == [[True, True], [True, False], [True, False]]
        tensor = mdp.transition_tensor().numpy()
        assert tensor[0, 0].tolist() == [0.5 + 0.5 * 0.25, 0, 0.5 * 0.75]
        assert tensor[0, 1].tolist() == [0, 1, 0]  # "go" goes with the AI's "wait" only
        assert tensor[1, 0].tolist() == [0, 1, 0]

    def test_an_action_that_goes_with_nothing_the_other_does_is_unavailable(self, door):
        mdp = door.against({"ai": [[0, 1], [1, 0], [1, 0]]})
        assert mdp.available.tolist() == [[True, False], [True, False], [True, False]]

    def test_tiny_probabilities_lose_no_precision(self):
        game = TabularGame.from_transitions(
            [(0, (0, 0), 0, 0.3), (0, (0, 0), 1, 0.7), (0, (1, 1), 0, 1.0), (1, (0, 0), 1, 1.0)]
        )
        mdp = game.against({"ai": [[1e-320, 1.0], [1.0, 0.0]]})
        assert mdp.probability.tolist() == [0.3, 0.7, 1.0, 1.0]

    def test_a_policy_that_leaves_no_action_is_an_error_that_names_the_state(self, door):
        with pytest.raises(ValueError, match=r"leave human an action .* state 2 \(ai in"):
            door.against({"ai": [[1, 0], [1, 0], [0, 1]]})

    def test_keeps_labels_start_terminal_board_and_own_cells(self):
        game = random_game(np.random.default_rng(3), 3, (2, 3))
        cells = np.arange(12).reshape(3, 2, 2)
        game = game.with_(initial=[0, 1, 0], board=("....",) * 2, cells=cells)
        mdp = game.against({"human": game.uniform_policy("human")})
        assert isinstance(mdp, TabularMDP)
        assert mdp.state_labels == game.state_labels
        assert mdp.action_labels == game.action_labels["ai"]
        assert mdp.initial.tolist() == [0, 1, 0]
        assert mdp.board == game.board
        assert np.array_equal(mdp.cells, cells[:, 1])

    def test_terminal_states_stay_terminal(self):
        game = TabularGame.from_transitions(
            [("a", (i, j), "end", 1.0) for i in (0, 1) for j in (0, 1)], terminal=["end"]
        )
        assert game.against({"ai": game.uniform_policy("ai")}).terminal.tolist() == [False, True]

    def test_torch_policies(self, door):
        policy = torch.tensor([[0.3, 0.7], [1, 0], [1, 0]], dtype=torch.float64, requires_grad=True)
        assert door.against({"ai": policy}) == door.against({"ai": policy.detach().numpy()})

    def test_float32_policies_are_divided_by_their_sums(self, door):
        policy = np.array([[0.3, 0.7], [1, 0], [1, 0]], dtype=np.float32) * np.float32(1 + 3e-7)
        exact = policy.astype(float) / policy.astype(float).sum(axis=1, keepdims=True)
        assert door.against({"ai": policy}) == door.against({"ai": exact})

    def test_uniform_policy(self, door):
        assert door.uniform_policy("human").tolist() == [[0.5, 0.5], [1, 0], [1, 0]]
        with pytest.raises(ValueError, match="unknown agent 'humans'"):
            door.uniform_policy("humans")

    @pytest.mark.parametrize(
        ("policies", "message"),
        [
            ({}, "policies: expected those of all agents of .* but one, found"),
            ({"ai": np.ones((3, 2)) / 2, "human": np.ones((3, 2)) / 2}, "but one"),
            ({"al": np.ones((3, 2)) / 2}, "policies: unknown agent 'al'; did you mean 'ai'"),
            ({"ai": np.ones((2, 2)) / 2}, r"policy of ai: expected shape \(3, 2\), found \(2, 2\)"),
            ({"ai": [[1, 0], [1, 1e-5], [1, 0]]}, r"policy of ai: .* sum to 1 .* in state 1 \(human in"),
            ({"ai": [[1, 0], [1, 0], [-0.5, 1.5]]}, r"policy of ai: .* at least 0, found -0.5 in state 2"),
            ({"ai": np.full((3, 2), np.nan)}, "policy of ai: expected probabilities of at least 0, found nan"),
        ],
    )
    def test_bad_input(self, door, policies, message):
        with pytest.raises(ValueError, match=message):
            door.against(policies)

    @pytest.mark.parametrize("size", [1, 7, 13])
    def test_folding_some_states_at_a_time_changes_nothing(self, size, monkeypatch):
        rng = np.random.default_rng(4)
        game = random_game(rng, 9, (2, 3, 2))
        policies = {agent: random_policy(rng, game, agent) for agent in game.agents[1:]}
        whole = game.against(policies), game.fold({game.agents[2]: policies[game.agents[2]]})
        monkeypatch.setattr("powerenvs.model.folding.BLOCK", size)
        parts = game.against(policies), game.fold({game.agents[2]: policies[game.agents[2]]})
        assert [model.fingerprint for model in parts] == [model.fingerprint for model in whole]
