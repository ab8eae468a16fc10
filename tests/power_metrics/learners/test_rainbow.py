"""Rainbow: its parts against their definitions, its distributions against exact ones, and that it learns."""

from __future__ import annotations

import itertools

import gymnasium as gym
import numpy as np
import pytest
import torch

import power_metrics as pm
import powerenvs
from power_metrics.learners.copies import Step
from power_metrics.learners.rainbow import Rainbow, ReturnNetwork, project
from power_metrics.learners.replay import LEAST, Batch, Replay
from powerenvs import TabularMDP

PARTS = ("double", "dueling", "distributional", "noisy", "prioritised")


def make(**kwargs):
    return gym.make("PowerGrid-v0", **{"level": "S..\n.#.\n..G", "max_episode_steps": 20, **kwargs})


def learner(env, gamma=0.9, **settings):
    return Rainbow(env, powerenvs.tabular_model(env), gamma, **settings)


@pytest.mark.slow
@pytest.mark.parametrize("off", [(), *((part,) for part in PARTS), (*PARTS, "n_step")])
def test_it_learns_with_any_part_switched_off(off):
    settings = {part: 1 if part == "n_step" else False for part in off}
    env = make(walls="absent")
    steps = 8_000 if set(PARTS) <= set(off) else 4_000  # plain DQN settles later
    found = pm.train(env, "rainbow", steps=steps, settings=settings, progress=False, power=np.arange(8.0))
    assert found.score[-1] > 0.95
    assert np.all(found.policies[-1][~found.model.available] == 0.0)


@pytest.mark.slow
def test_its_distributions_are_those_of_its_policy():
    """A coin, and then one that is worse: four courses of events, of which C51 has to learn how likely they are."""
    mdp = TabularMDP.from_transitions(
        [("a", 0, "won", 0.5), ("a", 0, "b", 0.5), ("a", 1, "b", 1.0), ("b", 0, "won", 0.25), ("b", 0, "lost", 0.75),
         ("b", 1, "lost", 1.0)],
        terminal=["won", "lost"], reward={("a", 0, "won"): 1.0, ("b", 0, "won"): 1.0, ("b", 1, "lost"): 0.1},
        initial={"a": 1.0},
    )  # fmt: skip
    env = gym.wrappers.TimeLimit(powerenvs.envs.single.TabularEnv(mdp), 10)
    settings = {"noisy": False, "last_epsilon": 0.3, "num_atoms": 21, "support": (-1.0, 1.0), "buffer_size": 6_000,
                "n_step": 1, "prioritised": False, "batch_size": 256}  # fmt: skip
    run = Rainbow(env, mdp, 0.9, **settings)
    run.learn(0, 12_000, 12_000, 0)
    run._optimizer.param_groups[0]["lr"] = 1e-4
    run.learn(12_000, 18_000, 18_000, 1)
    policy = run.policy()
    assert policy[:2].tolist() == [[1.0, 0.0], [1.0, 0.0]]
    exact = pm.return_distribution(mdp, policy, 0.9, num_atoms=21, support=(-1.0, 1.0))
    for s in (mdp.index("a"), mdp.index("b")):
        assert run.distributions()[s, 0] == pytest.approx(exact.probabilities[s], abs=0.04)
    assert exact.means[mdp.index("a")] == pytest.approx(0.5 + 0.5 * 0.9 * 0.25)


def test_projection_is_that_of_the_definition():
    rng = np.random.default_rng(0)
    atoms = np.linspace(-2.0, 1.0, 7)
    probabilities, points = rng.dirichlet(np.ones(7), 5), rng.uniform(-3.0, 2.0, (5, 7))
    points[0, :3] = [-2.0, 1.0, -0.5]
    expected = np.zeros((5, 7))
    for n, j, i in itertools.product(range(5), range(7), range(7)):
        at = np.clip(points[n, j], -2.0, 1.0)
        expected[n, i] += probabilities[n, j] * np.clip(1.0 - abs(at - atoms[i]) / 0.5, 0.0, 1.0)
    found = project(*(torch.tensor(x) for x in (probabilities, points, atoms)))
    assert found.numpy() == pytest.approx(expected, abs=1e-12)


def filled(n_step, gamma, alpha, steps=23, rows=10, copies=2):
    """A replay after more steps than it holds, and the steps."""
    rng = np.random.default_rng(3)
    replay, kept = Replay(rows * copies, copies, n_step, gamma, alpha), []
    for t in range(steps):
        state = np.arange(copies) + 100 * t
        step = Step(
            state + 10, state + 100, rng.normal(size=copies), rng.random(copies) < 0.15, rng.random(copies) < 0.2
        )
        action = rng.integers(0, 5, copies)
        replay.add(state, action, step)
        kept.append((state, action, step))
    return replay, kept


@pytest.mark.parametrize("n_step", [1, 3])
def test_replayed_steps_are_those_of_the_definition(n_step):
    replay, kept = filled(n_step, 0.9, 0.0)
    batch = replay.sample(500, 0.0, np.random.default_rng(0))
    seen = set()
    for i in range(500):
        t, copy = divmod(int(batch.states[i]), 100)
        seen.add(t)
        reward, discount = 0.0, 1.0
        for k in range(n_step):
            _, _, step = kept[t + k]
            reward += discount * step.reward[copy]
            discount *= 0.0 if step.terminated[copy] else 0.9
            reached = int(step.reached[copy])
            if step.terminated[copy] or step.truncated[copy]:
                break
        assert (batch.actions[i], batch.reached[i]) == (kept[t][1][copy], reached)
        assert (batch.rewards[i], batch.discounts[i]) == pytest.approx((reward, discount), abs=1e-12)
    assert seen == set(range(23 - 10 + 1, 23 - n_step + 1))  # the oldest row makes room, the last are not complete
    assert batch.weights.tolist() == [1.0] * 500


def test_priorities():
    replay, _ = filled(1, 0.9, 0.5)
    rng = np.random.default_rng(0)
    first = replay.sample(18, 1.0, rng)
    assert sorted(first.states) == sorted({*first.states})  # stratified: each of 18 once, at first alike
    losses = np.where(np.arange(18) == 4, 9.0, 1.0)
    losses[5] = 0.0
    replay.update(first, losses)
    batch = replay.sample(19_000, 0.7, rng)
    share = np.array([(batch.states == state).mean() for state in first.states])
    expected = np.maximum(losses, LEAST) ** 0.5
    assert share == pytest.approx(expected / expected.sum(), abs=1e-3)
    weight = {int(s): w for s, w in zip(batch.states, batch.weights, strict=True)}
    ratio = weight[int(first.states[4])] / weight[int(first.states[0])]
    assert ratio == pytest.approx((expected[4] / expected[0]) ** -0.7)
    assert max(weight.values()) <= 1.0


def test_what_begins_anew_is_not_joined_to_what_was():
    replay, kept = filled(3, 0.9, 0.5, steps=6)
    replay.cut()
    for state, action, step in kept[:4]:
        replay.add(state + 10_000, action, step)
    drawn = replay.sample(2_000, 0.0, np.random.default_rng(0)).states // 100
    assert set(drawn.tolist()) <= {0, 1, 2, 3, 100, 101}


def test_replay_is_ready_and_goes_on_from_what_was_kept():
    replay, kept = filled(3, 0.9, 0.5, steps=6)
    assert replay.ready(8)  # of six steps of two copies, the last two of each are not complete
    assert not replay.ready(9)
    whole, _ = filled(1, 0.9, 0.5)
    assert whole.ready(18)
    replay.update(replay.sample(8, 0.5, np.random.default_rng(1)), np.arange(8.0))
    other = Replay(20, 2, 3, 0.9, 0.5)
    assert not other.ready(1)
    other.set_state(replay.state())
    replay.cut()
    for state, action, step in kept:
        for one in (replay, other):
            one.add(state + 1_000, action, step)
        drawn = [one.sample(50, 0.5, np.random.default_rng(2)) for one in (replay, other)]
        assert all(np.array_equal(a, b) for a, b in zip(*drawn, strict=True))
    assert {int(s) // 100 for s in drawn[0].states} == {3, 10, 11, 12, 13}


def batch_of(states, actions, reached, rewards, discounts):
    count = len(states)
    return Batch(*map(np.asarray, (states, actions, rewards, reached, discounts, np.ones(count), np.arange(count))))


@pytest.mark.parametrize("double", [False, True])
@pytest.mark.parametrize("on_policy", [False, True])
@pytest.mark.parametrize("distributional", [False, True])
def test_losses_are_those_of_the_definition(double, on_policy, distributional):
    env = make(walls="absent")
    settings = {"noisy": False, "last_epsilon": 0.2, "num_atoms": 11, "support": (-1.0, 2.0)}
    run = learner(env, double=double, on_policy=on_policy, distributional=distributional, **settings)
    with torch.no_grad():
        for weights in run._target.parameters():
            weights.add_(0.3 * torch.randn(weights.shape, generator=torch.Generator().manual_seed(1)))
    batch = batch_of([0, 3, 5, 0], [0, 1, 4, 1], [1, 6, 2, 5], [0.3, -0.2, 1.0, 0.1], [0.81, 0.729, 0.0, 0.9])
    found = run.losses(batch).detach().numpy()
    available = powerenvs.tabular_model(env).available
    atoms, eye = run.atoms.double().numpy(), torch.eye(8)
    for i in range(4):
        with torch.no_grad():
            given = run.network(eye[batch.states[i]][None])[0, batch.actions[i]].double().numpy()
            online, target = (net(eye[batch.reached[i]][None])[0].double() for net in (run.network, run._target))
        judge = online if double else target
        means = judge[:, 0].numpy() if not distributional else judge.exp().numpy() @ atoms
        legal = available[batch.reached[i]]
        best = np.where(legal, means, -np.inf).argmax()
        weight = np.eye(5)[best]
        if on_policy:
            weight = 0.8 * weight + 0.2 * legal / legal.sum()
        if distributional:
            mixed = weight @ target.exp().numpy()
            points = batch.rewards[i] + batch.discounts[i] * atoms
            goal = project(*(torch.tensor(x) for x in (mixed[None], points[None], atoms)))[0].numpy()
            expected = -(goal * given).sum()
        else:
            gap = abs(given[0] - batch.rewards[i] - batch.discounts[i] * (weight @ target[:, 0].numpy()))
            expected = 0.5 * gap**2 if gap < 1 else gap - 0.5
        assert found[i] == pytest.approx(expected, abs=1e-5)


def test_the_network():
    torch.manual_seed(0)
    net, seen = ReturnNetwork([4, 8], 3, 5, dueling=True), torch.randn(2, 4)
    assert torch.allclose(net(seen).exp().sum(dim=-1), torch.ones(2, 3))
    values = ReturnNetwork([4, 8], 3, 1, dueling=True)
    hidden = values.body(seen)
    assert torch.allclose(values(seen).mean(dim=1), values.value(hidden), atol=1e-6)
    atoms = torch.linspace(-5.0, 1.0, 5)
    net.start_at_zero(atoms)
    assert float((net(torch.zeros(1, 4)).exp() @ atoms).detach().abs().max()) < 0.5


def test_each_copy_is_led_by_noise_of_its_own():
    for factorised in (True, False):
        torch.manual_seed(0)
        layer = pm.NoisyLinear(3, 2, factorised, sigma=0.5)
        x = torch.randn(3)
        layer.each = True
        rows = layer(x.expand(20_000, 3)).detach()
        assert len(rows.unique(dim=0)) == 20_000
        layer.each = False
        shared = []
        for _ in range(5_000):
            layer.reset_noise()
            shared.append(layer(x).detach())
        shared = torch.stack(shared)
        assert rows.mean(dim=0).numpy() == pytest.approx(shared.mean(dim=0).numpy(), abs=0.05)
        assert torch.cov(rows.T).numpy() == pytest.approx(torch.cov(shared.T).numpy(), rel=0.15, abs=0.03)


def test_states_that_make_the_agent_explore():
    run = learner(make(), noisy=False, exploring=[0.9, *[0.0] * 7])
    assert run._epsilon(1.0) == pytest.approx([0.9, *[0.05] * 7])
    with pytest.raises(ValueError, match="distributions: expected a distributional network"):
        learner(make(), distributional=False).distributions()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"alpha": 2.0}, "alpha: expected a number from 0 to 1, found 2.0"),
        ({"learning_rate": 0.0}, "learning_rate: expected a number above 0"),
        ({"support": (1.0, 1.0)}, "support: expected a number and a larger one"),
        ({"buffer_size": 32}, "buffer_size: expected room for more than 3 steps of 16 copies, found 32"),
        ({"exploring": [0.1]}, "exploring: expected 8 numbers from 0 to 1"),
        ({"num_atoms": 1}, "num_atoms"),
        ({"double": 1}, "double"),
    ],
)
def test_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        learner(make(), **settings)
