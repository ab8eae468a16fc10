"""Policy tables from arrays, torch modules and callables: the table that their own behaviour has."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
import torch
from torch import nn

import power_metrics as pm
from powerenvs.worlds.power import turner_figure_1
from tests.models import uniform
from tests.power_metrics.lookup_agents import Lookup, make, model_of, random_table

torch.set_num_threads(1)


# Arrays


def test_array_is_itself_and_terminal_rows_are_uniform():
    mdp = model_of(make(level="four_rooms"))
    table = random_table(mdp)
    given = table.copy()
    given[mdp.terminal] = np.nan  # whatever is there does not matter
    found = pm.policy_table(given, mdp)
    assert found[~mdp.terminal] == pytest.approx(table[~mdp.terminal], abs=1e-15)
    assert found[mdp.terminal] == pytest.approx(np.full((1, 5), 0.2))
    assert np.array_equal(pm.policy_table(torch.as_tensor(table), mdp), pm.policy_table(table, mdp))


def test_probability_on_unavailable_actions_is_spread_in_proportion():
    mdp = model_of(make(walls="absent"))
    table = pm.policy_table(np.tile([0.4, 0.3, 0.1, 0.1, 0.1], (31, 1)), mdp)
    assert np.all(table[~mdp.available] == 0)
    assert table.sum(axis=1) == pytest.approx(np.ones(31))
    corner = mdp.index((0, 0))  # stay, down, right exist
    assert table[corner] == pytest.approx(np.array([0.4, 0, 0.1, 0, 0.1]) / 0.6)


@pytest.mark.parametrize("kind", ["logits", "q", "counts"])
def test_other_kinds_of_arrays(kind):
    mdp = model_of(make(walls="absent"))
    rng = np.random.default_rng(0)
    if kind == "counts":
        counts = rng.integers(0, 9, mdp.available.shape) * mdp.available
        counts[4] = 0
        expected = np.where(
            counts.sum(1, keepdims=True) > 0, counts / np.maximum(counts.sum(1, keepdims=True), 1), uniform(mdp)
        )
        assert pm.policy_table(counts, mdp, kind=kind) == pytest.approx(expected)
        return
    scores = rng.normal(size=mdp.available.shape)
    weights = np.exp(scores / 0.3) * mdp.available
    soft = weights / weights.sum(axis=1, keepdims=True)
    assert pm.policy_table(scores, mdp, kind=kind, temperature=0.3) == pytest.approx(soft)
    if kind == "q":
        best = np.where(mdp.available, scores, -np.inf).argmax(axis=1)
        assert np.array_equal(pm.policy_table(scores, mdp, kind="q"), np.eye(5)[best])


def test_greedy_splits_ties_and_epsilon_mixes():
    mdp = turner_figure_1()
    q = np.zeros(mdp.available.shape)
    star = mdp.index("star")
    q[star, [mdp.action_index("l"), mdp.action_index("r")]] = 2.0
    table = pm.policy_table(q, mdp, kind="q", epsilon=0.3)
    assert table[star, mdp.action_index("l")] == pytest.approx(0.7 / 2 + 0.1)
    assert table[star, mdp.action_index("empty")] == pytest.approx(0.1)
    sharp = pm.policy_table(random_table(mdp), mdp, deterministic=True)
    assert np.array_equal(sharp.max(axis=1), np.ones(8))


# Torch modules and callables


@pytest.mark.parametrize("kind", ["probabilities", "logits", "q"])
def test_module(kind):
    env = make()
    table = random_table(model_of(env))
    module = Lookup({"probabilities": table, "logits": np.log(table), "q": np.log(table)}[kind])
    found = pm.policy_table(module, env, kind=kind, temperature=1.0 if kind == "q" else None, batch_size=7)
    assert found == pytest.approx(table, abs=1e-12)
    assert module.modes == [False] * 5  # evaluation mode, in chunks of 7
    assert module.training
    assert module.dropout.training


def test_module_keeps_mixed_modes_and_the_generator():
    class Noisy(Lookup):
        def forward(self, states):
            return super().forward(states) + 0 * torch.rand(1)

    env = make()
    module = Noisy(random_table(model_of(env)))
    module.dropout.eval()
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    pm.policy_table(module, env, kind="probabilities")
    assert torch.equal(torch.rand(3), expected)
    assert module.training
    assert not module.dropout.training


def test_module_on_arrays_of_its_own_type():
    env = make(observation="board")
    network = nn.Sequential(nn.Flatten(), nn.Linear(int(np.prod(env.observation_space.shape)), 5)).double()
    boards = torch.as_tensor(env.unwrapped.observation_table.values.copy()).double()
    with torch.no_grad():
        expected = torch.softmax(network(boards), dim=1).numpy()
    assert pm.policy_table(network, env, kind="logits") == pytest.approx(expected, abs=1e-12)
    halved = pm.policy_table(network, env, kind="logits", preprocess=lambda part: torch.as_tensor(part).double() / 2)
    with torch.no_grad():
        assert halved == pytest.approx(torch.softmax(network(boards / 2), dim=1).numpy(), abs=1e-12)


def test_callables():
    env = make()
    table = random_table(model_of(env))
    assert pm.policy_table(lambda states: table[states], env, kind="probabilities") == pytest.approx(table)
    assert np.array_equal(pm.policy_table(lambda s: np.int64(s % 5), env), np.eye(5)[np.arange(31) % 5])
    assert np.array_equal(pm.policy_table(lambda s: torch.tensor(s % 5), env), np.eye(5)[np.arange(31) % 5])


def test_sampled_callable_warns_and_estimates():
    env, rng = make(), np.random.default_rng(0)
    table = random_table(model_of(env))
    with pytest.warns(UserWarning, match=r"estimated from 400 actions in each state, .* up to 0\.025"):
        found = pm.policy_table(lambda s: rng.choice(5, p=table[s]), env, num_samples=400)
    assert np.abs(found - table).max() < 5 * 0.025
    with pytest.raises(ValueError, match="acts at random or remembers"):
        pm.policy_table(lambda s: rng.integers(5), env)


# Bad input


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"agent": np.ones((3, 5)) / 5}, r"agent: expected \(31, 5\).*found \(3, 5\)"),
        ({"agent": np.ones((31, 5))}, "agent: expected rows that sum to 1.*found 5.0.*say kind="),
        ({"agent": -np.ones((31, 5))}, "agent: expected probabilities of at least 0, found -1.0 in state 0"),
        ({"agent": np.full((31, 5), np.nan), "kind": "q"}, "agent: expected finite numbers, found nan in state 0"),
        ({"kind": "logit"}, "kind: unknown kind 'logit'; did you mean 'logits'"),
        ({"epsilon": 1.5}, "epsilon: expected a probability"),
        ({"temperature": 0.0}, "temperature: expected a number above 0"),
        ({"temperature": 1.0}, "temperature: expected None for probabilities"),
        ({"agent": nn.Linear(1, 5)}, "kind: expected .* what the torch module gives"),
        ({"agent": nn.Embedding(31, 4), "kind": "q"}, r"expected 31 observations to give .*\(31, 5\).*found \(31, 4\)"),
        ({"agent": lambda s: 5}, "agent: expected an action from 0 to 4 in state 0, found 5"),
        ({"agent": lambda s: np.ones(5)}, "a callable that gives a number for each action needs kind"),
        ({"agent": "ppo"}, "agent: expected a Stable-Baselines3 model"),
        ({"agent": lambda s: 0, "num_samples": 0}, "num_samples: expected a whole number of at least 1"),
        ({"agent": lambda s: 0, "preprocess": np.array}, "preprocess: expected None for a callable without kind"),
        ({"batch_size": 0}, "batch_size"),
    ],
)
def test_bad_input(arguments, message):
    given = {"agent": np.full((31, 5), 0.2), "env": make(), **arguments}
    with pytest.raises(ValueError, match=message):
        pm.policy_table(given.pop("agent"), **given)


def test_nothing_left_on_available_actions():
    env = make(walls="absent")
    with pytest.raises(ValueError, match=r"available actions of state 0 \(\(0, 0\)\).*action masks"):
        pm.policy_table(lambda s: 1, env)  # up does not exist in a corner


class Gives(nn.Module):
    """A network, and what a module makes of its logits."""

    def __init__(self, form):
        super().__init__()
        self.network, self.form = nn.Linear(9, 5), form

    def forward(self, seen):
        return self.form(self.network(seen))


ONEHOT = gym.make("powerenvs:PowerGrid-v0", level="open_3x3", observation="onehot")


@pytest.mark.parametrize(
    ("form", "kind"),
    [
        (lambda logits: torch.distributions.Categorical(logits=logits), None),
        (lambda logits: torch.distributions.OneHotCategorical(logits=logits), "probabilities"),
        (lambda logits: (logits, logits[:, :1]), "logits"),
        (lambda logits: (logits.sum(dim=1), None, logits.softmax(dim=1).double()), "probabilities"),
        (lambda logits: {"action_value": logits}, None),
    ],
    ids=["a distribution", "one of one-hot actions", "with a value", "last of three", "Q-values by name"],
)
def test_what_modules_give(form, kind):
    module = Gives(form)
    with torch.no_grad():
        right = module.network(torch.eye(9)).softmax(dim=1).double().numpy()
    found = pm.policy_table(module, ONEHOT, kind=kind)
    if kind is None and isinstance(form(torch.zeros(1, 5)), dict):
        right = np.eye(5)[right.argmax(axis=1)]  # greedy
    assert found == pytest.approx(right, abs=1e-6)


@pytest.mark.parametrize(
    ("form", "kind", "message"),
    [
        (lambda logits: (logits, logits), "logits", "one array .* in the tuple.* found 2"),
        (lambda logits: (logits[:, :2], None), "logits", "in the tuple.* found 0"),
        (lambda logits: torch.distributions.Normal(logits, 1.0), None, "a distribution over actions"),
        (lambda logits: torch.distributions.Categorical(logits=logits), "q", "for kind='q'"),
        (lambda logits: {"value": logits}, None, "by name, found"),
        (lambda logits: logits, None, "kind: expected"),
    ],
)
def test_what_modules_give_has_to_be_clear(form, kind, message):
    with pytest.raises(ValueError, match=message):
        pm.policy_table(Gives(form), ONEHOT, kind=kind)


def test_actors_of_torchrl():
    modules, tensordict = pytest.importorskip("torchrl.modules"), pytest.importorskip("tensordict.nn")
    network = nn.Linear(9, 5)
    with torch.no_grad():
        right = network(torch.eye(9)).softmax(dim=1).numpy()
    named = tensordict.TensorDictModule(network, in_keys=["observation"], out_keys=["logits"])
    for kind in (torch.distributions.Categorical, modules.OneHotCategorical):
        actor = modules.ProbabilisticActor(named, in_keys=["logits"], distribution_class=kind)
        assert pm.policy_table(actor, ONEHOT) == pytest.approx(right, abs=1e-6)
    assert pm.policy_table(named, ONEHOT) == pytest.approx(right, abs=1e-6)
    values = modules.QValueActor(network, in_keys=["observation"], action_space="one-hot")
    assert np.array_equal(pm.policy_table(values, ONEHOT), np.eye(5)[right.argmax(axis=1)])
