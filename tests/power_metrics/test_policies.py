"""Policy tables: every kind of agent gives the table that its own behaviour has, and what no table can say is refused."""

from __future__ import annotations

import copy
import threading

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import wrappers
from sb3_contrib import QRDQN, MaskablePPO, RecurrentPPO
from stable_baselines3 import A2C, DQN, PPO, SAC
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import (
    DummyVecEnv,
    SubprocVecEnv,
    VecCheckNan,
    VecEnvWrapper,
    VecFrameStack,
    VecNormalize,
)
from torch import nn

import power_metrics as pm
import powerenvs
from power_metrics.observations import state_observations
from powerenvs.worlds.power import turner_figure_1

torch.set_num_threads(1)


def make(**kwargs):
    return gym.make("PowerGrid-v0", **{"level": "maze_7x7", **kwargs})


def model_of(env):
    return env.unwrapped.mdp


def uniform(mdp):
    return mdp.available / mdp.available.sum(axis=1, keepdims=True)


def random_table(mdp, seed=0):
    weights = np.random.default_rng(seed).exponential(size=mdp.available.shape) * mdp.available
    weights[mdp.terminal] = 1.0
    return weights / weights.sum(axis=1, keepdims=True)


class Lookup(nn.Module):
    """Gives a row of a table for each state's index."""

    def __init__(self, table):
        super().__init__()
        self.rows = nn.Embedding.from_pretrained(torch.as_tensor(np.asarray(table), dtype=torch.float64))
        self.dropout = nn.Dropout(0.5)
        self.modes = []

    def forward(self, states):
        self.modes.append(self.training)
        return self.dropout(self.rows(states))


def set_logits(policy, logits):
    """Makes a one-layer actor without hidden layers give these logits for one-hot observations."""
    with torch.no_grad():
        policy.action_net.weight.copy_(torch.as_tensor(np.asarray(logits).T))
        policy.action_net.bias.zero_()


def linear(algorithm, env, **kwargs):
    return algorithm("MlpPolicy", env, policy_kwargs={"net_arch": []}, device="cpu", seed=0, **kwargs)


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


# Stable-Baselines3


@pytest.mark.parametrize("algorithm", [PPO, A2C])
@pytest.mark.parametrize("observation", ["state", "onehot", "board"])
def test_sb3_distribution(algorithm, observation):
    env = make(observation=observation, walls="bump")
    model = algorithm("MlpPolicy", env, device="cpu", seed=0)
    table = pm.policy_table(model, env)
    for state in (0, 17, 30):
        seen, _ = model.policy.obs_to_tensor(env.unwrapped.observation_table.values[state].copy())
        probs = model.policy.get_distribution(seen).distribution.probs.detach().numpy()[0]
        assert table[state] == pytest.approx(probs, abs=1e-6)
    assert np.array_equal(table, pm.policy_table(model.policy, model.get_env()))
    sharp = pm.policy_table(model, env, deterministic=True)
    action, _ = model.predict(env.unwrapped.observation_table.values[17], deterministic=True)
    assert sharp[17, action] == 1.0


def test_sb3_weights_set_by_hand():
    env = make()
    table = random_table(model_of(env))
    model = linear(PPO, env)
    set_logits(model.policy, np.log(table))
    assert pm.policy_table(model, env) == pytest.approx(table, abs=1e-6)


def test_maskable_ppo_has_nothing_on_masked_actions():
    env = make(walls="absent")
    mdp = model_of(env)
    model = linear(MaskablePPO, env)
    set_logits(model.policy, np.random.default_rng(0).normal(size=mdp.available.shape))
    table = pm.policy_table(model, env)
    observations, _ = model.policy.obs_to_tensor(np.arange(31))
    masked = model.policy.get_distribution(observations, mdp.available.copy()).distribution.probs.detach().numpy()
    assert table == pytest.approx(masked, abs=1e-6)


@pytest.mark.parametrize("algorithm", [DQN, QRDQN])
def test_q_values(algorithm):
    env = make()
    model = algorithm("MlpPolicy", env, device="cpu", seed=0, buffer_size=10)
    greedy = [int(model.predict(np.array(s), deterministic=True)[0]) for s in range(31)]
    assert np.array_equal(pm.policy_table(model, env), np.eye(5)[greedy])
    assert pm.policy_table(model, env, epsilon=0.1) == pytest.approx(0.9 * np.eye(5)[greedy] + 0.02)
    soft = pm.policy_table(model, env, temperature=1e-6)
    assert np.array_equal(soft.argmax(axis=1), greedy)


def test_images_through_the_transposition_that_sb3_adds():
    env = make(observation="rgb", level="open_3x3")
    model = PPO("CnnPolicy", env, device="cpu", seed=0, n_steps=8, batch_size=8)
    assert type(model.get_env()).__name__ == "VecTransposeImage"
    table = pm.policy_table(model, env)
    assert table == pytest.approx(pm.policy_table(model, model.get_env()), abs=1e-6)
    seen, _ = model.policy.obs_to_tensor(env.unwrapped.observation_table.values[4].copy())
    assert table[4] == pytest.approx(
        model.policy.get_distribution(seen).distribution.probs.detach().numpy()[0], abs=1e-6
    )


def test_running_statistics_of_vec_normalize():
    vec = VecNormalize(VecCheckNan(DummyVecEnv([lambda: make(observation="onehot")])))
    model = PPO("MlpPolicy", vec, device="cpu", seed=0, n_steps=64)
    vec.obs_rms.mean[:] = np.linspace(0, 1, 31)
    before = copy.deepcopy(vec.obs_rms.mean)
    seen = vec.normalize_obs(np.eye(31, dtype=np.float32))
    expected = model.policy.get_distribution(torch.as_tensor(seen)).distribution.probs.detach().numpy()
    assert pm.policy_table(model, vec) == pytest.approx(expected, abs=1e-6)
    assert pm.policy_table(model, make(observation="onehot")) == pytest.approx(expected, abs=1e-6)
    assert np.array_equal(vec.obs_rms.mean, before)


# Environments


def test_gymnasium_tables_and_their_terminal_twins():
    env = gym.make("FrozenLake-v1")
    table = pm.policy_table(lambda s: s % 4, env)
    mdp = powerenvs.tabular_model(env)
    live = ~mdp.terminal
    assert np.array_equal(table[live], np.eye(4)[np.arange(mdp.num_states) % 4][live])
    model = PPO("MlpPolicy", env, device="cpu", seed=0)
    assert pm.policy_table(model, env).shape == mdp.available.shape


@pytest.mark.parametrize(
    "vectorized",
    [
        lambda: gym.make_vec("PowerGrid-v0", 3, vectorization_mode="vector_entry_point", level="maze_7x7"),
        lambda: gym.make_vec("PowerGrid-v0", 3, vectorization_mode="sync", level="maze_7x7"),
    ],
)
def test_vector_environments(vectorized):
    model = PPO("MlpPolicy", make(), device="cpu", seed=0)
    assert np.array_equal(pm.policy_table(model, vectorized()), pm.policy_table(model, make()))
    squeezed = gym.wrappers.vector.DtypeObservation(vectorized(), np.float32)
    with pytest.raises(ValueError, match="DtypeObservation changes the observations"):
        pm.policy_table(model, squeezed)


def test_observation_wrappers_are_applied(tmp_path):
    plain = make(observation="onehot")
    scaled = wrappers.TransformObservation(plain, lambda seen: 2 * seen[::-1].copy(), gym.spaces.Box(0, 2, (31,)))
    logged = Monitor(wrappers.RecordEpisodeStatistics(scaled), str(tmp_path / "log"))
    table = random_table(model_of(plain))

    def agent(seen):
        assert np.all(seen.max(axis=1) == 2)
        return table[30 - seen.argmax(axis=1)]

    assert pm.policy_table(agent, logged, kind="probabilities") == pytest.approx(table)
    assert pm.policy_table(lambda seen: int(30 - seen.argmax()) % 5, logged)[7, 2] == 1.0
    logged.close()


def test_statistics_of_normalize_observation_are_left_alone():
    env = wrappers.NormalizeObservation(make(observation="onehot"))
    env.reset(seed=0)
    for action in (1, 4, 2, 4):
        env.step(action)
    mean, var, count = env.obs_rms.mean.copy(), env.obs_rms.var.copy(), env.obs_rms.count
    seen = []
    pm.policy_table(lambda part: seen.append(part) or np.zeros((len(part), 5)), env, kind="logits")
    assert seen[0] == pytest.approx((np.eye(31) - mean) / np.sqrt(var + env.epsilon), rel=1e-4)
    assert np.array_equal(env.obs_rms.mean, mean)
    assert env.obs_rms.count == count
    assert env.update_running_mean


class Remembers(gym.ObservationWrapper):
    """Shows the previous observation too."""

    def __init__(self, env):
        super().__init__(env)
        self.observation_space = gym.spaces.Box(0, 1, (62,))
        self.last = np.zeros(31, dtype=np.float32)

    def observation(self, seen):
        shown, self.last = np.concatenate([self.last, seen]), seen
        return shown


class Overrides(gym.Wrapper):
    """Changes what step shows without being an ObservationWrapper."""

    def step(self, action):
        seen, *rest = self.env.step(action)
        return 1 - seen, *rest


class Ragged(gym.ObservationWrapper):
    """Shows arrays of different lengths."""

    def observation(self, seen):
        return np.zeros(int(seen.argmax()) % 3)


class Locked(gym.ObservationWrapper):
    """Cannot be copied."""

    def __init__(self, env):
        super().__init__(env)
        self.lock = threading.Lock()

    def observation(self, seen):
        return seen


class Asks(gym.ObservationWrapper):
    """Looks at the environment below, and cuts episodes short."""

    def step(self, action):
        seen, reward, terminated, _, info = super().step(action)
        return seen, reward, terminated, True, info

    def observation(self, seen):
        return seen + np.float32(self.unwrapped.mdp.num_states)


class Halves(VecEnvWrapper):
    """Changes what many copies show."""

    def reset(self):
        return self.venv.reset() / 2

    def step_wait(self):
        seen, *rest = self.venv.step_wait()
        return seen / 2, *rest


def test_wrappers_may_look_at_the_environment_below():
    seen = []
    pm.policy_table(
        lambda part: seen.append(part) or np.zeros((len(part), 5)), Asks(make(observation="onehot")), kind="q"
    )
    assert seen[0] == pytest.approx(np.eye(31) + 31)


def test_observations_can_be_read_once_and_used_again():
    observed = state_observations(make())
    assert state_observations(observed) is observed
    table = random_table(observed.mdp)
    assert np.array_equal(pm.policy_table(table, observed), pm.policy_table(table, make()))


@pytest.mark.parametrize(
    ("wrap", "message"),
    [
        (Ragged, "expected observations that are arrays of one shape.*after Ragged"),
        (Locked, "could not copy Locked"),
        (lambda env: Halves(DummyVecEnv([lambda: env])), "not known what Halves does to observations"),
        (lambda env: wrappers.FrameStackObservation(env, 2), "FrameStackObservation: .*rollout_counts"),
        (wrappers.TimeAwareObservation, "TimeAwareObservation: .*rollout_counts"),
        (lambda env: wrappers.DelayObservation(env, 1), "DelayObservation: .*rollout_counts"),
        (Remembers, "Remembers showed another observation of .*not a function of the state"),
        (Overrides, "Overrides showed another observation"),
        (lambda env: wrappers.TransformAction(env, lambda a: 0, env.action_space), "TransformAction changes actions"),
        (lambda env: VecFrameStack(DummyVecEnv([lambda: env]), 2), "VecFrameStack: .*rollout_counts"),
    ],
)
def test_environments_that_no_table_can_stand_for(wrap, message):
    with pytest.raises(ValueError, match=message):
        pm.policy_table(lambda seen: 0, wrap(make(observation="onehot")))


def test_recurrent_policy_is_refused_and_rollouts_work():
    env = make()
    model = RecurrentPPO("MlpLstmPolicy", env, device="cpu", seed=0, n_steps=16)
    with pytest.raises(ValueError, match=r"RecurrentActorCriticPolicy: .*earlier steps.*rollout_counts"):
        pm.policy_table(model, env)
    counts = pm.rollout_counts(model, env, 60)
    assert counts.shape == (31, 5)
    assert counts.sum() == 60
    table = pm.policy_table(counts, env, kind="counts")
    assert table.sum(axis=1) == pytest.approx(np.ones(31))


@pytest.mark.parametrize("vectorized", [False, True])
def test_rollout_counts_follow_the_policy(vectorized):
    env = make(level="open_3x3", max_episode_steps=20)
    table = random_table(model_of(env))
    rng = np.random.default_rng(0)
    venv = DummyVecEnv([lambda: make(level="open_3x3", max_episode_steps=20)] * 4) if vectorized else env
    counts = pm.rollout_counts(lambda s: rng.choice(5, p=table[s]), venv, 8_000, seed=3)
    visits = counts.sum(axis=1)
    error = np.sqrt(table * (1 - table) / visits[:, None])
    assert counts.sum() == 8_000
    assert np.all(np.abs(counts / visits[:, None] - table) < 5 * error)


def test_rollouts_of_frames_masks_and_toy_text():
    env = wrappers.FrameStackObservation(make(observation="onehot"), 2)
    model = PPO("MlpPolicy", env, device="cpu", seed=0)
    assert pm.rollout_counts(model, env, 30).sum() == 30
    masked = make(walls="absent")
    counts = pm.rollout_counts(MaskablePPO("MlpPolicy", masked, device="cpu", seed=0), masked, 200)
    assert np.all(counts[~model_of(masked).available] == 0)
    assert pm.rollout_counts(lambda s: 1, gym.make("FrozenLake-v1"), 50)[:, 1].sum() == 50


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
    with pytest.raises(ValueError, match=message):
        pm.policy_table(**{"agent": np.full((31, 5), 0.2), "env": make(), **arguments})


def test_nothing_left_on_available_actions():
    env = make(walls="absent")
    with pytest.raises(ValueError, match=r"available actions of state 0 \(\(0, 0\)\).*action masks"):
        pm.policy_table(lambda s: 1, env)  # up does not exist in a corner


def test_model_of_other_observations_or_actions():
    model = PPO("MlpPolicy", make(observation="onehot"), device="cpu")
    with pytest.raises(
        ValueError, match=r"agent: trained on observations Box.*environment shows Discrete\(31\).*same level"
    ):
        pm.policy_table(model, make())
    with pytest.raises(ValueError, match=r"agent: trained on observations Box.*\(9,\)"):
        pm.policy_table(
            PPO("MlpPolicy", make(level="open_3x3", observation="onehot"), device="cpu"), make(observation="onehot")
        )
    with pytest.raises(
        ValueError, match=r"agent: expected actions Discrete\(4\).*found a model trained with Discrete\(5\)"
    ):
        pm.policy_table(model, gym.make("FrozenLake-v1"))
    with pytest.raises(ValueError, match="kind: expected None for Stable-Baselines3"):
        pm.policy_table(model, make(observation="onehot"), kind="logits")


def test_rollouts_need_a_state_and_an_agent():
    with pytest.raises(ValueError, match="agent: expected a callable or something with predict"):
        pm.rollout_counts("agent", make(), 5)
    with pytest.raises(ValueError, match="does not say which state it is in"):
        pm.rollout_counts(lambda seen: 0, gym.make("minigrid:MiniGrid-Empty-5x5-v0"), 5)


def test_policies_without_discrete_probabilities_are_refused():
    model = SAC("MlpPolicy", gym.make("Pendulum-v1"), device="cpu", buffer_size=10)
    with pytest.raises(ValueError, match=r"agent: expected actions Discrete\(5\).*found a model trained with Box"):
        pm.policy_table(model, make())


def test_environments_that_cannot_be_read():
    with pytest.raises(ValueError, match="found no tables in CartPoleEnv"):
        pm.policy_table(lambda seen: 0, gym.make("CartPole-v1"))
    remote = SubprocVecEnv([make])
    try:
        with pytest.raises(ValueError, match="run in other processes"):
            pm.policy_table(lambda seen: 0, remote)
    finally:
        remote.close()
    with pytest.raises(ValueError, match="does not say what an agent sees"):
        pm.policy_table(lambda seen: 0, gym.make("minigrid:MiniGrid-Empty-5x5-v0"))
