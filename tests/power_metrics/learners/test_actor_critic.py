"""PPO and A2C on many copies: they learn, the short cuts by states change no number, and what copies see is right."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
import torch

import power_metrics as pm
import powerenvs
from power_metrics.learners.actor_critic import SMALL, Rollout, VectorActorCritic
from power_metrics.learners.copies import Copies, time_limit


def make(**kwargs):
    return gym.make("PowerGrid-v0", **{"level": "S..\n.#.\n..G", "max_episode_steps": 20, **kwargs})


def learner(env, **settings):
    return VectorActorCritic(env, powerenvs.tabular_model(env), 0.9, **settings)


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["vector_ppo", "vector_a2c"])
@pytest.mark.parametrize("world", [{"noise": 0.1}, {"walls": "absent", "observation": "board"}])
def test_they_learn_what_is_optimal(algorithm, world):
    env = make(**world)
    found = pm.train(env, algorithm, steps=20_000, gamma=0.9, progress=False, eval_every=10_000, power=np.arange(8.0))
    assert abs(found.score[0]) < 0.02
    assert found.score[-1] > 0.95
    assert np.all(found.policies[-1][~found.model.available] == 0.0)


def test_a_seed_makes_one_run():
    one, again, other = (learner(make(noise=0.1), seed=seed, num_envs=4, hidden=[8]) for seed in (3, 3, 4))
    assert [run.learn(0, 300, 1_000, run_seed) for run, run_seed in ((one, 7), (again, 7), (other, 7))] == [384] * 3
    assert np.array_equal(one.policy(), again.policy())
    assert not np.array_equal(one.policy(), other.policy())


def test_advantages_are_those_of_the_definition():
    """λ-returns as weighted means of n-step returns, an independent way, at ends of either kind too."""
    env = make(level="S.G", noise=0.2, max_episode_steps=7)
    gamma, weight = 0.9, 0.7
    run = learner(env, num_envs=3, num_steps=12, gae_lambda=weight)
    run._copies.reset(5)
    steps = []
    step = run._copies.step
    run._copies.step = lambda actions: steps.append(step(actions)) or steps[-1]
    with torch.no_grad():
        values = run.critic(run._copies.observations)[:, 0].double().numpy()
    rollout = run._rollout(np.random.default_rng(0))
    states = rollout.states.reshape(12, 3)
    ends = {"terminated": 0, "truncated": 0}
    for i in range(3):
        for t in range(12):
            returns, paid = [], 0.0
            for n, after in enumerate(steps[t:], start=1):
                paid += gamma ** (n - 1) * after.reward[i]
                ended = bool(after.terminated[i] or after.truncated[i])
                returns.append(paid + (0.0 if after.terminated[i] else gamma**n * values[after.reached[i]]))
                if ended:
                    ends["terminated" if after.terminated[i] else "truncated"] += 1
                    break
            last = len(returns) - 1
            weights = [(1 - weight) * weight**k for k in range(last)] + [weight**last]
            expected = np.dot(weights, returns)
            assert rollout.returns.reshape(12, 3)[t, i] == pytest.approx(expected, abs=1e-9)
            assert rollout.advantages.reshape(12, 3)[t, i] == pytest.approx(expected - values[states[t, i]], abs=1e-9)
    assert min(ends.values()) > 0


@pytest.mark.parametrize("clip", [0.2, None])
def test_the_loss_is_that_of_the_paper_step_by_step(clip):
    env = make(walls="absent")
    run, rng = learner(env, clip=clip), np.random.default_rng(1)
    available = powerenvs.tabular_model(env).available.copy()
    states = rng.integers(0, 7, 50)  # the last is the goal
    actions = np.array([rng.choice(np.flatnonzero(available[s])) for s in states])
    batch = Rollout(states, actions, rng.normal(-1.5, 0.5, 50), rng.normal(size=50), rng.normal(size=50))
    loss = run._loss(batch, 0.03)
    advantages = (batch.advantages - batch.advantages.mean()) / (batch.advantages.std() + SMALL)
    total = torch.zeros((), dtype=torch.float64)
    for s, a, old, advantage, target in zip(states, actions, batch.logs, advantages, batch.returns, strict=True):
        seen = torch.eye(8)[s]
        distribution = torch.distributions.Categorical(logits=run.actor(seen)[torch.tensor(available[s])])
        log = distribution.log_prob(torch.tensor(int(available[s, :a].sum())))
        ratio = (log - old).exp()
        clipped = ratio if clip is None else ratio.clamp(0.8, 1.2)
        policy = torch.minimum(ratio * advantage, clipped * advantage) if clip else log * advantage
        value = (run.critic(seen)[0] - target) ** 2
        total = total - policy + 0.5 * value - 0.03 * distribution.entropy()
    assert loss.item() == pytest.approx(total.item() / 50, rel=1e-5)


def test_copies_are_the_environment():
    env = make(noise=0.3, max_episode_steps=6)
    copies = Copies(env, powerenvs.tabular_model(env), 2)
    copies.reset(11)
    singles = [make(noise=0.3, max_episode_steps=6) for _ in range(2)]
    states = [single.reset(seed=11 + i)[1]["state"] for i, single in enumerate(singles)]
    rng = np.random.default_rng(0)
    for _ in range(60):
        assert copies.state.tolist() == states
        actions = rng.integers(0, 5, 2)
        found = copies.step(actions)
        for i, single in enumerate(singles):
            _, reward, terminated, truncated, info = single.step(int(actions[i]))
            assert (found.reached[i], found.reward[i]) == (info["state"], reward)
            assert (found.terminated[i], found.truncated[i]) == (terminated, truncated)
            states[i] = single.reset()[1]["state"] if terminated or truncated else info["state"]


def test_what_a_network_sees_and_how_rewards_are_scaled():
    env = gym.make("powerenvs/IslandNavigation-v0")
    mdp = powerenvs.tabular_model(env)
    copies = Copies(env, mdp, 1)
    assert copies.scale == 1 / np.abs(mdp.reward).max()
    assert Copies(env, mdp, 1, 0.5).scale == 0.5
    board = gym.make("powerenvs/IslandNavigation-v0", observation="board")
    shown = board.unwrapped.observation_table.values.reshape(mdp.num_states, -1)
    assert np.array_equal(Copies(board, mdp, 1).observations.numpy(), shown)
    picture = Copies(gym.make("powerenvs/IslandNavigation-v0", observation="rgb"), mdp, 1).observations
    assert 0.0 <= float(picture.min()) < float(picture.max()) <= 1.0
    assert np.array_equal(Copies(gym.make("FrozenLake-v1"), powerenvs.tabular_model(gym.make("FrozenLake-v1")), 1)
                          .observations.numpy()[:16], np.eye(16))  # fmt: skip
    assert (time_limit(env), time_limit(env.unwrapped)) == (100, None)


def test_worlds_that_remember():
    env = gym.make("powerenvs/FriendFoe-v0")
    copies = Copies(env, powerenvs.tabular_model(env), 2)
    copies.reset(0)
    assert len(copies._envs.memory) == 2

    class Double(gym.RewardWrapper):
        def reward(self, reward):
            return 2 * reward

    changed = Double(env)
    with pytest.raises(ValueError, match="FriendFoe remembers from episode to episode, and wrappers change its tables"):
        Copies(changed, powerenvs.tabular_model(changed), 2)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_envs": 0}, "num_envs"),
        ({"learning_rate": -1.0}, "learning_rate: expected a number of at least 0, found -1.0"),
        ({"gae_lambda": 2.0}, "gae_lambda: expected a number from 0 to 1"),
        ({"clip": 0.0}, "clip: expected a number above 0, or None"),
        ({"optimizer": "sgd"}, "optimizer: expected one of adam, rmsprop, found 'sgd'"),
        ({"reward_scale": 0.0}, "reward_scale: expected a number above 0, or None"),
        ({"num_minibatches": 3, "num_envs": 1, "num_steps": 2}, "num_minibatches"),
        ({"hidden": [0]}, "hidden"),
        ({"normalise": "yes"}, "normalise"),
    ],
)
def test_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        learner(make(), **settings)
