"""Labelled, masked and sparse data, and tensors of every kind: right or refused, in every function that takes numbers."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch

import power_metrics as pm
from powerenvs import TabularMDP, tabular_model
from powerenvs.rollout import rollout

STATES, ACTIONS = ("north", "east", "south"), ("on", "back")
MDP = TabularMDP.from_transitions(
    [
        ("north", "on", "east", 1.0),
        ("north", "back", "south", 1.0),
        ("east", "on", "south", 0.5),
        ("east", "on", "north", 0.5),
        ("east", "back", "north", 1.0),
        ("south", "on", "north", 1.0),
        ("south", "back", "south", 1.0),
    ],
    state_labels=STATES,
    action_labels=ACTIONS,
    initial="north",
    reward=[1.0, 0.0, 2.0, 0.5, 0.0, 3.0, 0.0],
)
REWARD = np.array([0.25, 1.0, -0.5])
REWARDS = np.stack([REWARD, REWARD[::-1]])
POLICY = np.array([[0.25, 0.75], [0.5, 0.5], [0.875, 0.125]])
START = np.array([0.5, 0.375, 0.125])
GAME = tabular_model("power_pair")
QUIET = {"progress": False}

# what is given, and a function of it
OF_REWARD = {
    "power": lambda r: pm.power(MDP, 0.9, rewards=r, **QUIET).mean,
    "solve": lambda r: pm.solve(MDP, r, 0.9).values,
    "optimal_values": lambda r: pm.optimal_values(MDP, r, 0.9).numpy(),
    "optimal_policies": lambda r: pm.optimal_policies(MDP, r, 0.9).numpy(),
    "optimal_gain": lambda r: pm.optimal_gain(MDP, r).numpy(),
    "policy_values": lambda r: pm.policy_values(MDP, POLICY, r, 0.9).numpy(),
    "optimality_probability": lambda r: pm.optimality_probability(MDP, 0.9, rewards=r, **QUIET).mean,
}
OF_POWER = {
    "compare": lambda p: pm.compare(POLICY, MDP, 0.9, power=p)["learned"].power_seeking,
    "PowerTracker": lambda p: pm.PowerTracker(MDP, power=p, gamma=0.9).references.power,
}
OF_POLICY = {
    "policy_values": lambda p: pm.policy_values(MDP, p, REWARD, 0.9).numpy(),
    "occupancy": lambda p: pm.occupancy(MDP, p, 0.9),
    "average_occupancy": lambda p: pm.average_occupancy(MDP, p),
    "expected_return": lambda p: pm.expected_return(MDP, p, 0.9),
    "horizon_score": lambda p: pm.horizon_score(MDP, p, steps=5),
    "policy_table": lambda p: pm.policy_table(p, MDP),
    "compare": lambda p: pm.compare(p, MDP, 0.9, power=REWARD)["learned"].power_seeking,
    "evaluate": lambda p: pm.PowerTracker(MDP, power=REWARD, gamma=0.9).evaluate(p)["seeking"],
    "rollout": lambda p: rollout(MDP, p, num_steps=20, seed=1).states,
}
OF_START = {
    "occupancy": lambda s: pm.occupancy(MDP, POLICY, 0.9, initial=s),
    "with_": lambda s: MDP.with_(initial=s).initial,
}
ONE = {(f"reward, {k}"): (REWARD, (STATES,), f) for k, f in OF_REWARD.items()}
ONE |= {(f"power, {k}"): (REWARD, (STATES,), f) for k, f in OF_POWER.items()}
ONE |= {(f"start, {k}"): (START, (STATES,), f) for k, f in OF_START.items()}
TABLES = {f"policy, {k}": (POLICY, (STATES, ACTIONS), f) for k, f in OF_POLICY.items()}
MANY = {f"rewards, {k}": (REWARDS, (STATES,), f) for k, f in OF_REWARD.items()}
EVERY = {**ONE, **MANY, **TABLES}


def shuffled(array, axes):
    """The array with labels, in another order."""
    if array.ndim == 1:
        return pd.Series(array, index=list(axes[0])).iloc[[2, 0, 1]]
    if len(axes) == 1:
        return pd.DataFrame(array, columns=list(axes[0])).iloc[:, [2, 0, 1]]
    return pd.DataFrame(array, index=list(axes[0]), columns=list(axes[1])).iloc[[2, 0, 1], [1, 0]]


def wrongly_labelled(array, axes):
    return shuffled(array, [["a", "b", "c"], *axes[1:]])


def short(array, axes):
    given = shuffled(array, axes)
    return given.iloc[1:] if array.ndim == 1 or len(axes) == 2 else given.iloc[:, 1:]


def twice(array, axes):
    given = shuffled(array, axes)
    return given.set_axis(["north", "north", "east"], axis=0 if array.ndim == 1 or len(axes) == 2 else 1)


def moved(array, axes):
    """Positions as labels, in another order: of this model they say nothing."""
    return pd.Series(array).iloc[[1, 0, 2]] if array.ndim == 1 else pd.DataFrame(array).iloc[:, ::-1]


def masked(array, axes):
    mask = np.zeros(array.shape, bool)
    mask.flat[0] = True
    return np.ma.array(array, mask=mask)


RIGHT = {
    "labels in another order": shuffled,
    "no labels but positions": lambda a, axes: pd.Series(a) if a.ndim == 1 else pd.DataFrame(a),
    "numbers of pandas": lambda a, axes: shuffled(a, axes).astype("Float64"),
    "nothing masked": lambda a, axes: np.ma.array(a),
    "float16": lambda a, axes: torch.tensor(a).half(),
    "bfloat16": lambda a, axes: torch.tensor(a).bfloat16(),
    "gradients": lambda a, axes: torch.tensor(a, requires_grad=True),
    "sparse tensor": lambda a, axes: torch.tensor(a).to_sparse(),
    "list": lambda a, axes: a.tolist(),
}
WRONG = {
    "other labels": wrongly_labelled,
    "a label missing": short,
    "a label twice": twice,
    "positions in another order": moved,
    "masked": masked,
    "meta": lambda a, axes: torch.empty(a.shape, device="meta"),
    "complex": lambda a, axes: torch.tensor(a).to(torch.complex128),
    "missing numbers": lambda a, axes: shuffled(a, axes).astype("Float64").mask(shuffled(a, axes) == a.flat[0]),
    "texts": lambda a, axes: np.full(a.shape, "one"),
}


def assert_same(first, second):
    if isinstance(first, pm.Score):
        assert first == second
    else:
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("given", RIGHT)
@pytest.mark.parametrize("what", EVERY)
def test_right(what, given):
    array, axes, function = EVERY[what]
    assert_same(function(RIGHT[given](array, axes)), function(array))


@pytest.mark.parametrize("given", WRONG)
@pytest.mark.parametrize("what", EVERY)
def test_refused(what, given):
    array, axes, function = EVERY[what]
    with pytest.raises(ValueError, match=r"\w+.*: (expected|unknown)"):
        function(WRONG[given](array, axes))


@pytest.mark.parametrize("what", [*ONE])
def test_lists_of_labelled_functions(what):
    array, axes, function = EVERY[what]
    if "reward" in what:
        assert_same(function([shuffled(array, axes), pd.Series(array[::-1], index=STATES)]), function(REWARDS))


def test_sparse_matrices():
    np.testing.assert_array_equal(
        pm.occupancy(MDP, scipy.sparse.csr_array(POLICY), 0.9), pm.occupancy(MDP, POLICY, 0.9)
    )
    np.testing.assert_array_equal(
        pm.solve(MDP, scipy.sparse.coo_array(REWARDS), 0.9).values, pm.solve(MDP, REWARDS, 0.9).values
    )


def test_games():
    agent, other = GAME.agents
    table = np.random.default_rng(0).dirichlet(np.ones(GAME.num_actions[1]), GAME.num_states)
    labelled = pd.DataFrame(table, index=list(map(tuple, GAME.state_labels)), columns=GAME.action_labels[other])
    order = np.random.default_rng(1).permutation(GAME.num_states)
    against = GAME.against({other: labelled.iloc[order, ::-1]})
    assert against == GAME.against({other: table})
    rewards = [np.random.default_rng(i).random(GAME.num_states) for i in range(2)]
    series = [pd.Series(one, index=labelled.index).iloc[order] for one in rewards]
    first = pm.multiagent_power(GAME, 0.9, rewards=tuple(rewards), **QUIET)
    second = pm.multiagent_power(GAME, 0.9, rewards=tuple(series), **QUIET)
    np.testing.assert_array_equal(first[agent].mean, second[agent].mean)
    assert GAME.num_agents == 2


def test_whole_numbers_as_labels_are_labels():
    mdp = TabularMDP.from_transitions([(2, 0, 0, 1.0), (0, 0, 1, 1.0), (1, 0, 2, 1.0)], state_labels=[2, 0, 1])
    by_label = pd.Series({0: 1.0, 1: 2.0, 2: 3.0})
    np.testing.assert_array_equal(pm.solve(mdp, by_label, 0.0).values, [[3.0, 1.0, 2.0]])


def test_models():
    mask = pd.Series([False, True, False], index=["south", "north", "east"])
    moves = [("east", "on", "north", 1.0), ("south", "on", "north", 1.0)]
    mdp = TabularMDP.from_transitions(moves, state_labels=STATES, terminal=mask)
    assert mdp.terminal.tolist() == [True, False, False]
    T = np.array([[1, 0], [2, 1], [0, 2]])
    R = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])
    assert TabularMDP.from_arrays(torch.tensor(T), torch.tensor(R).bfloat16()) == TabularMDP.from_arrays(T, R)
    with pytest.raises(ValueError, match="masked"):
        TabularMDP.from_arrays(T, np.ma.array(R, mask=R > 4))
    with pytest.raises(ValueError, match="not taken by position"):
        TabularMDP.from_arrays(T, pd.DataFrame(R, index=["a", "b", "c"]))
    assert pm.Empirical(pd.Series([1.0, 2.0, 5.0], index=[7, 3, 1])) == pm.Empirical([1.0, 2.0, 5.0])
    with pytest.raises(ValueError, match="not taken by position"):
        pm.Empirical([1.0, 2.0], probabilities=pd.Series([0.25, 0.75], index=["b", "a"]))
