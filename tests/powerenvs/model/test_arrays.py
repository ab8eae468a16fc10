"""Models from arrays of other libraries: all forms of one model are the same model."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

import power_metrics as pm
from powerenvs import TabularMDP

# The forest of pymdptoolbox: wait or cut, in three ages of the trees.
WAIT = np.array([[0.1, 0.9, 0.0], [0.1, 0.0, 0.9], [0.1, 0.0, 0.9]])
CUT = np.array([[1.0, 0.0, 0.0]] * 3)
ASS = np.stack([WAIT, CUT])
R = np.array([[0.0, 0.0], [0.0, 1.0], [4.0, 2.0]])
FOREST = TabularMDP.from_arrays(ASS, R)


def test_values_of_the_forest():
    """26.244, 29.484, 33.484 at discount 0.9, as the library's documentation prints."""
    value = np.zeros(3)
    T, rewards = FOREST.to_arrays()
    for _ in range(2000):
        value = (rewards + 0.9 * T @ value).max(axis=1)
    np.testing.assert_allclose(value, [26.244, 29.484, 33.484], atol=1e-9)
    assert pm.expected_return(FOREST, np.eye(2)[[0, 0, 0]], gamma=0.9, initial=0) == pytest.approx(26.244)


@pytest.mark.parametrize(
    ("T", "rewards", "options"),
    [
        (ASS.transpose(1, 0, 2), R, {}),
        (ASS.transpose(1, 0, 2).astype(np.float32), R, {}),
        (ASS.tolist(), R.tolist(), {}),
        (ASS, np.broadcast_to(R.T[:, :, None], (2, 3, 3)), {}),
        ([sparse.csr_matrix(WAIT), sparse.csr_matrix(CUT)], R, {}),
        (sparse.csr_array(ASS.transpose(1, 0, 2).reshape(6, 3)), R, {}),
        (ASS.transpose(1, 0, 2).reshape(6, 3), R.reshape(6), {"pairs": ([0, 0, 1, 1, 2, 2], [0, 1, 0, 1, 0, 1])}),
    ],
    ids=["sas", "float32", "lists", "transition_rewards", "sparse", "one_matrix", "pairs"],
)
def test_every_form_is_the_same_model(T, rewards, options):
    mdp = TabularMDP.from_arrays(T, rewards, **options)
    np.testing.assert_array_equal(mdp.successor, FOREST.successor)
    np.testing.assert_allclose(mdp.probability, FOREST.probability, atol=1e-7)
    np.testing.assert_array_equal(mdp.reward, FOREST.reward)


PUTERMAN = TabularMDP.from_arrays(
    [[[0.5, 0.5], [0.0, 1.0]], [[0.0, 1.0], [0.5, 0.5]]], [[5.0, 10.0], [-1.0, -np.inf]], order="sas"
)


@pytest.mark.parametrize("mdp", [FOREST, PUTERMAN], ids=["forest", "missing_action"])
@pytest.mark.parametrize("as_sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("order", ["sas", "ass"])
def test_there_and_back(order, as_sparse, mdp):
    T, rewards = mdp.to_arrays(order, sparse=as_sparse)
    S, A = mdp.available.shape
    if as_sparse:
        assert [sparse.issparse(part) for part in ([T] if order == "sas" else T)] == [True] * (
            1 if order == "sas" else A
        )
    else:
        assert T.shape == ((S, A, S) if order == "sas" else (A, S, S))
    assert TabularMDP.from_arrays(T, rewards, order=order) == mdp


@pytest.mark.parametrize("mdp", [FOREST, PUTERMAN], ids=["forest", "missing_action"])
@pytest.mark.parametrize("as_sparse", [False, True], ids=["dense", "sparse"])
def test_pairs_there_and_back(as_sparse, mdp):
    """Every pair that exists, by state, as QuantEcon's DiscreteDP wants them."""
    T, rewards, states, actions = mdp.to_pairs(sparse=as_sparse)
    assert sparse.issparse(T) == as_sparse
    assert list(zip(states, actions, strict=True)) == list(zip(*np.nonzero(mdp.available), strict=True))
    assert rewards.tolist() == mdp.action_rewards()[mdp.available].tolist()
    assert TabularMDP.from_arrays(T, rewards, pairs=(states, actions)) == mdp


def test_pairs_of_an_action_that_no_state_has():
    mdp = TabularMDP.from_arrays([[1, -1], [0, -1]], action_labels=["go", "never"])
    T, rewards, *pairs = mdp.to_pairs()
    assert TabularMDP.from_arrays(T, rewards, pairs=pairs, action_labels=["go", "never"]) == mdp


def test_sparse_matrices_in_an_array():
    """As pymdptoolbox's documentation makes them."""
    held = np.empty(2, dtype=object)
    held[0], held[1] = sparse.csr_matrix(WAIT), sparse.csr_matrix(CUT)
    assert TabularMDP.from_arrays(held, R) == FOREST


def test_actions_that_do_not_exist():
    """Puterman's example 3.1 as QuantEcon writes it: -inf where an action is missing; -8.57142857 and -20 at 0.95."""
    T = np.array([[[0.5, 0.5], [0.0, 1.0]], [[0.0, 1.0], [0.5, 0.5]]])
    mdp = TabularMDP.from_arrays(T, [[5.0, 10.0], [-1.0, -np.inf]], order="sas")
    assert mdp.available.tolist() == [[True, True], [True, False]]
    values = [pm.expected_return(mdp, [[1, 0], [1, 0]], gamma=0.95, initial=s) for s in (0, 1)]
    assert values == pytest.approx([-60 / 7, -20.0])
    assert TabularMDP.from_arrays(*mdp.to_arrays(), order="sas") == mdp
    assert TabularMDP.from_arrays([[1, -1], [0, 1]]).available.tolist() == [[True, False], [True, True]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"T": np.ones((2, 2, 2)) / 2}, r"order: expected 'sas' .* the shape \(2, 2, 2\) does not tell"),
        ({"T": np.ones((2, 3, 4))}, r"T: expected shape \(S, A, S\) or \(A, S, S\).* found \(2, 3, 4\)"),
        ({"T": ASS, "order": "sas"}, r"T: expected shape \(S, A, S\), found \(2, 3, 3\)"),
        ({"T": ASS, "order": "ssa"}, "order: expected 'sas' or 'ass', found 'ssa'"),
        ({"T": [[1, 5], [0, 0]]}, "T: expected next states 0 to 1, .* found 5 for state 0, action 1"),
        ({"T": ASS, "R": np.ones((2, 3))}, r"R: expected shape \(3,\), \(3, 2\) or \(2, 3, 3\), found \(2, 3\)"),
        ({"T": np.eye(3), "R": [1.0], "pairs": ([0, 1, 2], [0, 0, 0])}, r"R: expected shape \(3,\)"),
        ({"T": ASS * 0.9}, "every row to sum to 1"),
        ({"T": np.where(ASS > 0, np.nan, 0)}, "expected values above 0 and at most 1, found nan in state 0"),
        ({"T": ASS + 0j}, "T: expected an array of numbers, found ndarray .*complex"),
        ({"T": [sparse.csr_matrix(WAIT + 0j)]}, r"T\[0\]: expected real numbers, .* complex"),
        ({"T": [[0, 1], [1]]}, "T: expected an array of numbers"),
        ({"T": sparse.csr_matrix((0, 0))}, r"T: expected a sparse matrix \(S·A, S\)"),
        ({"T": [sparse.eye(3), sparse.eye(2)]}, r"T: expected matrices \(3, 3\), found \(2, 2\) for action 1"),
        ({"T": np.eye(2), "pairs": 5}, r"pairs: expected \(states, actions\), found int"),
        ({"T": np.eye(2), "pairs": ([0, 0.5], [0, 0])}, r"pairs\[0\]: expected 2 whole numbers from 0"),
        ({"T": np.eye(2), "pairs": (["a", "b"], [0, 0])}, r"pairs\[0\]: expected an array of numbers"),
        ({"T": np.eye(2), "pairs": ([0, 0], [0, 0])}, "pairs: expected each once, found state 0, action 0 several"),
        (
            {"T": np.eye(2), "pairs": ([0, 1], [0, 10**9])},
            "actions 0 to 1, found up to 1 and 1000000000; action_labels",
        ),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        TabularMDP.from_arrays(**arguments)


def test_lists_made_of_arrays_are_numbered_as_the_arrays():
    transitions = np.array([[3, 0, 2, 1], [2, 0, 0, 1], [0, 0, 1, 1], [1, 0, 3, 1]], dtype=float)
    from_list = TabularMDP.from_transitions(transitions.tolist())
    assert from_list == TabularMDP.from_transitions(transitions)
    assert from_list.state_labels == (0, 1, 2, 3)
