"""RLlib: tables equal to forward passes one state at a time, results equal to the tracker, counts of what was done."""

from __future__ import annotations

import functools
import importlib
import re
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import gymnasium as gym
import numpy as np
import pytest
import torch

import power_metrics as pm
from powerenvs.extras import install_line

pytestmark = pytest.mark.filterwarnings(
    "ignore"
)  # RLlib warns of its own deprecations, and registers environments anew

POWER = np.linspace(0.5, 0.9, 9)
GRID = {"level": "open_3x3", "observation": "onehot", "max_episode_steps": 9}


def make(**kwargs):
    return gym.make("powerenvs:PowerGrid-v0", **{**GRID, **kwargs})


class Witness(gym.Wrapper):
    """Counts states and actions from inside the environment, all copies together."""

    counts = np.zeros((17, 5), dtype=int)

    def where(self):
        return self.unwrapped.s if hasattr(self.unwrapped, "s") else self.unwrapped.state

    def step(self, action):
        Witness.counts[self.where(), action] += 1
        return self.env.step(action)


@pytest.fixture(scope="module")
def rllib():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ray = pytest.importorskip("ray")
        pytest.importorskip("ray.rllib")
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
        yield importlib.import_module("power_metrics.training.rllib")
        ray.shutdown()


@pytest.fixture
def build(rllib):
    """Builds algorithms, and stops them."""
    from ray.rllib.algorithms.dqn import DQNConfig
    from ray.rllib.algorithms.ppo import PPOConfig
    from ray.tune.registry import register_env

    built = []

    def build(algorithm="PPO", env=make, *, callback=None, runners=None, training=None, module=None,
              evaluation_interval=None, **kwargs):  # fmt: skip
        register_env("world", lambda config: env(**config))
        if algorithm == "PPO":
            config = PPOConfig().training(train_batch_size=32, minibatch_size=32, num_epochs=1)
        else:
            config = DQNConfig().reporting(min_sample_timesteps_per_iteration=32, min_time_s_per_iteration=0)
            config = config.training(
                num_steps_sampled_before_learning_starts=8,
                replay_buffer_config={"type": "EpisodeReplayBuffer", "capacity": 500},
            )
        config = (
            config.environment("world", env_config=kwargs)
            .env_runners(**{"num_env_runners": 0, **(runners or {})})
            .training(gamma=0.8, **(training or {}))
            .rl_module(**(module or {}))
            .evaluation(evaluation_interval=evaluation_interval, evaluation_duration=2)
            .debugging(seed=0, log_level="ERROR")
        )
        built.append(config.callbacks(callback).build_algo())
        return built[-1]

    yield build
    for algorithm in built:
        algorithm.stop()


def flattened(env, spaces, device):
    from ray.rllib.connectors.env_to_module import FlattenObservations

    return FlattenObservations()


FLAT = {"env_to_module_connector": flattened}


def callback_of(algorithm):
    return algorithm.callbacks[0]


def one_by_one(module, inputs, key="action_dist_inputs"):
    """(S, A) what a module gives for each input alone."""
    with torch.no_grad():
        rows = [module.forward_inference({"obs": torch.as_tensor(row[None])})[key][0] for row in inputs]
    return torch.stack(rows).double().numpy()


def softmax(logits, available=True):
    weights = np.exp(np.where(available, logits, -np.inf))
    return weights / weights.sum(axis=1, keepdims=True)


CORRUPT = {"id": "powerenvs:powerenvs/CorruptReward-v0", "level": "CA", "observation": "onehot", "max_episode_steps": 4}


class Returns(gym.Wrapper):
    """Adds up what episodes pay and what that is worth, from inside the environment."""

    seen: tuple[list[float], list[float]] = ([], [])

    def reset(self, **kwargs):
        self.sums = [0.0, 0.0]
        return self.env.reset(**kwargs)

    def step(self, action):
        found = self.env.step(action)
        self.sums = [self.sums[0] + found[1], self.sums[1] + found[4]["performance"]]
        if found[2] or found[3]:
            for seen, total in zip(Returns.seen, self.sums, strict=True):
                seen.append(total)
        return found


@pytest.mark.parametrize("algorithm", ["PPO", "DQN"])
def test_hidden_performance_is_logged_beside_what_episodes_pay(rllib, build, algorithm):
    for seen in Returns.seen:
        seen.clear()
    made = build(
        algorithm,
        lambda **kwargs: Returns(gym.make(**CORRUPT)),
        callback=functools.partial(rllib.ReturnsCallback, window=1_000),
    )
    logged = [made.train()["env_runners"] for _ in range(2)]
    observed, true = (np.array(seen) for seen in Returns.seen)
    for k, found in enumerate(logged):  # results are of the episodes of an iteration: eight of four steps each
        ended = slice(8 * k, 8 * k + 8)
        assert found["returns_observed"] == pytest.approx(observed[ended].mean())
        assert found["returns_observed"] == pytest.approx(found["episode_return_mean"])
        assert found["returns_true"] == pytest.approx(true[ended].mean())
        assert found["returns_true"] < found["returns_observed"]  # the corrupt tile pays 1 and is worth nothing


def test_results_are_those_of_the_policy(rllib, build):
    algorithm = build(callback=functools.partial(rllib.PowerCallback, power=POWER, gamma=0.7))
    results = [algorithm.train() for _ in range(2)]
    callback, env = callback_of(algorithm), make()
    tracker = callback.tracker
    assert [found["step"] for found in tracker.history] == [0, 32, 64]
    assert [result["power"]["step"] for result in results] == [32, 64]
    for result, found in zip(results, tracker.history[1:], strict=True):
        assert {name: result["power"][name] for name in found} == found
        assert 0 < result["power"]["overhead"] < 1
    assert len({found["normalised"] for found in tracker.history}) == 3  # it learns

    logits = one_by_one(algorithm.get_module(), np.eye(9, dtype=np.float32))
    table = pm.policy_table(algorithm, env)
    assert table == pytest.approx(softmax(logits), abs=1e-6)
    assert tracker.policies[-1] == pytest.approx(table, abs=1e-12)
    trained = algorithm.learner_group.get_state()["learner"]["rl_module"]["default_policy"]
    now = algorithm.get_module().state_dict()
    assert all(np.array_equal(values.numpy(), trained[name]) for name, values in now.items())

    again = pm.PowerTracker(env, POWER, 0.7)
    again.counts[:] = tracker.counts
    expected = again.evaluate(table, 64)
    logged = results[-1]["power"]
    for name in set(expected) - {"seconds", "visited"}:
        assert logged[name] == pytest.approx(expected[name], abs=1e-12), name
    comparison = pm.compare(algorithm, env, 0.7, POWER)["learned"]
    assert logged["seeking"] == pytest.approx(comparison.power_seeking, abs=1e-12)
    assert logged["return_exact"] == pytest.approx(comparison.expected_return, abs=1e-12)
    assert callback.compare()["learned"].normalised == pytest.approx(comparison.normalised, abs=1e-12)

    module = algorithm.get_module()
    assert np.array_equal(pm.policy_table(module, env), table)
    assert pm.policy_table(algorithm, env, batch_size=4) == pytest.approx(table, abs=1e-6)
    assert pm.policy_table(module, env, deterministic=True).argmax(axis=1).tolist() == logits.argmax(axis=1).tolist()
    assert pm.policy_table(module, env, epsilon=1.0) == pytest.approx(np.full((9, 5), 0.2))
    assert pm.policy_table(module, env, temperature=2.0) == pytest.approx(softmax(logits / 2), abs=1e-6)


@pytest.mark.parametrize("mode", ["sync", "vector_entry_point"])
def test_iterations_without_an_evaluation_repeat_the_last(rllib, build, mode):
    from ray.rllib.algorithms.ppo import PPOConfig

    config = PPOConfig().environment("powerenvs:PowerGrid-v0", env_config=GRID)
    config = config.env_runners(num_env_runners=0, num_envs_per_env_runner=2, gym_env_vectorize_mode=mode)
    config = config.training(train_batch_size=32, minibatch_size=32, num_epochs=1, gamma=0.8)
    algorithm = config.callbacks(functools.partial(rllib.PowerCallback, 2, POWER)).build_algo()
    first, second = algorithm.train()["power"], algorithm.train()["power"]
    callback = callback_of(algorithm)
    algorithm.stop()
    assert (first["step"], second["step"]) == (0, 64)
    assert [found["step"] for found in callback.tracker.history] == [0, 64]
    assert np.isnan(first["visited"])
    visits = callback.tracker.counts.sum(axis=1)
    assert visits.sum() == 64
    assert second["visited"] == pytest.approx(visits @ POWER / 64)
    assert callback.tracker.gamma == 0.8  # the algorithm's own


@pytest.mark.parametrize("copies", [1, 3])
def test_counts_are_of_what_was_done(rllib, build, copies):
    callback = functools.partial(rllib.PowerCallback, power=POWER)
    algorithm = build(env=lambda **kw: Witness(make(**kw)), callback=callback,
                      runners={"num_envs_per_env_runner": copies})  # fmt: skip
    Witness.counts[:] = 0
    for _ in range(2):
        algorithm.train()
    counts = callback_of(algorithm).tracker.counts
    assert counts.sum() >= 64
    assert np.array_equal(counts, Witness.counts[:9])
    tracker = callback_of(algorithm).tracker
    assert callback_of(algorithm).seconds > sum(found["seconds"] for found in tracker.history)  # counting, too


def test_dqn_on_frozen_lake(rllib, build):
    """Toy text does not tell its state in ``info``, and its observations are numbers."""
    env = functools.partial(gym.make, "FrozenLake-v1")
    callback = functools.partial(rllib.PowerCallback, gamma=0.5, epsilon=0.1)
    algorithm = build("DQN", lambda: Witness(env()), callback=callback, runners=FLAT)
    Witness.counts[:] = 0
    algorithm.train()
    module, tracker = algorithm.get_module(), callback_of(algorithm).tracker
    with torch.no_grad():
        values = [module.compute_q_values({"obs": torch.eye(16)[s : s + 1]})["qf_preds"][0] for s in range(16)]
    greedy = torch.stack(values).argmax(dim=1).numpy()
    live = ~tracker.mdp.terminal[:16]
    expected = 0.025 + 0.9 * np.eye(4)[greedy]
    assert tracker.policies[-1][:16][live] == pytest.approx(expected[live])
    assert tracker.counts.sum() > 0
    assert np.array_equal(tracker.counts, Witness.counts[: len(tracker.counts), :4])
    assert pm.policy_table(module, env(), epsilon=0.1) == pytest.approx(tracker.policies[-1], abs=1e-12)
    soft = pm.policy_table(algorithm, env(), temperature=0.3)
    assert soft[:16][live] == pytest.approx(softmax(torch.stack(values).double().numpy() / 0.3)[live], abs=1e-5)


def test_running_statistics(rllib, build):
    """What normalises observations goes on with what it has seen, and sees nothing of the evaluation."""
    from ray.rllib.connectors.env_to_module import MeanStdFilter

    algorithm = build(callback=functools.partial(rllib.PowerCallback, power=POWER),
                      runners={"env_to_module_connector": lambda env, spaces, device: MeanStdFilter()})  # fmt: skip
    algorithm.train()
    state = algorithm.env_runner._env_to_module.get_state()
    table = pm.policy_table(algorithm, make())
    assert str(algorithm.env_runner._env_to_module.get_state()) == str(state)
    statistics = algorithm.env_runner._env_to_module.connectors[0]._filters[None].running_stats
    inputs = np.clip((np.eye(9) - statistics.mean) / (statistics.std + 1e-8), -10, 10).astype(np.float32)
    logits = one_by_one(algorithm.get_module(), inputs)
    assert table == pytest.approx(softmax(logits), abs=1e-5)
    assert not np.allclose(inputs, np.eye(9))
    assert callback_of(algorithm).tracker.policies[-1] == pytest.approx(table, abs=1e-12)
    with pytest.raises(ValueError, match="and the algorithm rather than its module"):
        pm.policy_table(algorithm.get_module(), make())


def test_masks(rllib, build):
    from ray.rllib.connectors.connector_v2 import ConnectorV2
    from ray.rllib.core.rl_module.rl_module import RLModuleSpec
    from ray.rllib.examples.rl_modules.classes.action_masking_rlm import ActionMaskingTorchRLModule

    class ShowMask(ConnectorV2):
        def recompute_output_observation_space(self, input_observation_space, input_action_space):
            mask = gym.spaces.Box(0.0, 1.0, (input_action_space.n,), np.float32)
            return gym.spaces.Dict({"action_mask": mask, "observations": input_observation_space})

        def __call__(self, *, rl_module, batch, episodes, **kwargs):
            for episode in episodes:
                mask = episode.get_infos(-1)["action_mask"].astype(np.float32)
                seen = {"action_mask": mask, "observations": episode.get_observations(-1)}
                episode.set_observations(at_indices=-1, new_data=seen)
                episode.observation_space = self.observation_space
            return batch

    algorithm = build(
        callback=functools.partial(rllib.PowerCallback, power=POWER),
        runners={"env_to_module_connector": lambda env, spaces, device: ShowMask()},
        module={"rl_module_spec": RLModuleSpec(module_class=ActionMaskingTorchRLModule)},
        walls="absent",
    )
    algorithm.train()
    tracker, module = callback_of(algorithm).tracker, algorithm.get_module()
    available = tracker.mdp.available
    assert not available.all()
    assert np.all(tracker.counts[~available] == 0)
    assert np.all(tracker.policies[-1][~available] == 0)
    rows = []
    for s in range(9):
        seen = {"action_mask": torch.as_tensor(available[s : s + 1]).float(), "observations": torch.eye(9)[s : s + 1]}
        with torch.no_grad():
            rows.append(module.forward_inference({"obs": seen})["action_dist_inputs"][0].double().numpy())
    assert tracker.policies[-1] == pytest.approx(softmax(np.array(rows), available), abs=1e-6)


def test_runners_in_other_processes(rllib, build):
    algorithm = build(callback=functools.partial(rllib.PowerCallback, power=POWER), runners={"num_env_runners": 1})
    found = algorithm.train()["power"]
    tracker = callback_of(algorithm).tracker
    assert (found["step"], tracker.counts.sum()) == (32, 32)
    logits = one_by_one(algorithm.get_module(), np.eye(9, dtype=np.float32))
    assert tracker.policies[-1] == pytest.approx(softmax(logits), abs=1e-6)
    trained = algorithm.learner_group.get_state()["learner"]["rl_module"]["default_policy"]
    assert np.array_equal(
        algorithm.get_module().state_dict()["pi.net.mlp.0.bias"].numpy(), trained["pi.net.mlp.0.bias"]
    )


@pytest.mark.parametrize("interval", [None, 1])
def test_evaluation_of_rllib_is_not_counted(rllib, build, interval):
    """It samples with the runner of training, unless an interval gives it one of its own."""
    callback = functools.partial(rllib.PowerCallback, power=POWER)
    algorithm = build(callback=callback, evaluation_interval=interval)
    for _ in range(2):
        algorithm.train()
        algorithm.evaluate()
    algorithm.train()
    assert callback_of(algorithm).tracker.counts.sum() == 96


def test_checkpoints(rllib, build, tmp_path):
    from ray.rllib.algorithms.algorithm import Algorithm
    from ray.rllib.core.rl_module.rl_module import RLModule

    algorithm = build(callback=functools.partial(rllib.PowerCallback, power=POWER))
    algorithm.train()
    algorithm.save_to_path(tmp_path)
    table = pm.policy_table(algorithm, make())
    module = RLModule.from_checkpoint(tmp_path / "learner_group" / "learner" / "rl_module" / "default_policy")
    assert np.array_equal(pm.policy_table(module, make()), table)
    restored = Algorithm.from_checkpoint(tmp_path)
    assert np.array_equal(pm.policy_table(restored, make()), table)
    assert restored.train()["power"]["step"] == 64
    assert callback_of(restored).tracker.counts.sum() == 32
    restored.stop()


@pytest.mark.parametrize("suffix", ["csv", "npz"])
def test_rllib_checkpoints_go_on_with_the_history(rllib, build, tmp_path, suffix):
    from ray.rllib.algorithms.algorithm import Algorithm

    kept = tmp_path / f"history.{suffix}"
    algorithm = build(callback=functools.partial(rllib.PowerCallback, power=POWER, save_path=kept))
    algorithm.train()
    algorithm.save_to_path(tmp_path / "one")
    rows = callback_of(algorithm).tracker.history
    restored = Algorithm.from_checkpoint(tmp_path / "one")
    restored.train()
    tracker = callback_of(restored).tracker
    assert [row["step"] for row in tracker.history] == [0, 32, 64]
    assert tracker.history[1]["normalised"] == rows[1]["normalised"]
    assert tracker.counts.sum() == (64 if suffix == "npz" else 32)
    restored.stop()
    again = Algorithm.from_checkpoint(tmp_path / "one")
    with pytest.raises(ValueError, match="past the 32 steps of the checkpoint"):
        again.train()
    again.stop()
    with pytest.raises(ValueError, match="save_path"):
        rllib.PowerCallback(save_path="history.txt")


def test_modules_of_ones_own(rllib):
    from ray.rllib.core.rl_module.torch import TorchRLModule

    class Rule(TorchRLModule):
        """Never takes action 3, and any other with the same probability."""

        def _forward(self, batch, **kwargs):
            return {"action_dist_inputs": torch.tensor([0.0, 0, 0, -torch.inf, 0]).expand(len(batch["obs"]), -1)}

    class Silent(TorchRLModule):
        def _forward(self, batch, **kwargs):
            return {"actions": torch.zeros(len(batch["obs"]), dtype=torch.int64)}

    env = make()
    spaces = {"observation_space": env.observation_space, "action_space": env.action_space}
    assert pm.policy_table(Rule(**spaces), env) == pytest.approx(np.tile([0.25, 0.25, 0.25, 0, 0.25], (9, 1)))
    with pytest.raises(ValueError, match=r"agent: expected a module that gives an action distr.*Silent.*\['actions'\]"):
        pm.policy_table(Silent(**spaces), env)


def test_memory_is_refused(rllib, build):
    from ray.rllib.connectors.env_to_module import FlattenObservations, PrevActionsPrevRewards

    with pytest.raises(ValueError, match=r"depends on earlier steps.*rollout_counts"):
        build(callback=rllib.PowerCallback, module={"model_config": {"use_lstm": True, "max_seq_len": 4}})
    remembering = {"env_to_module_connector": lambda *_: [PrevActionsPrevRewards(), FlattenObservations()]}
    with pytest.raises(ValueError, match=r"agent: after 1 steps of a walk its connectors \(PrevActionsPrevRewards and"):
        build(callback=rllib.PowerCallback, runners=remembering)


def test_bad_input(rllib, build):
    with pytest.raises(ValueError, match="eval_every: expected"):
        rllib.PowerCallback(0)
    with pytest.raises(RuntimeError, match="PowerCallback: nothing to measure yet"):
        rllib.PowerCallback().compare()
    with pytest.raises(ValueError, match=r"env: .*CartPole"):
        build(env=lambda: gym.make("CartPole-v1"), callback=rllib.PowerCallback)
    with pytest.raises(ValueError, match="callbacks: expected one PowerCallback, found several"):
        build(callback=[rllib.PowerCallback, rllib.PowerCallback])
    with pytest.raises(ValueError, match="power"):
        build(callback=functools.partial(rllib.PowerCallback, power=POWER[:3]))
    algorithm = build()
    with pytest.raises(ValueError, match=r"agent: trained on observations Box.*the environment shows Discrete\(9\)"):
        pm.policy_table(algorithm, make(observation="state"))
    with pytest.raises(ValueError, match=r"agent: expected actions Discrete\(4\)"):
        pm.policy_table(algorithm, gym.make("FrozenLake-v1"))
    with pytest.raises(ValueError, match=r"kind: expected None for algorithms and modules of RLlib, found 'q'"):
        pm.policy_table(algorithm, make(), kind="q")
    with pytest.raises(ValueError, match="agent: expected an algorithm of RLlib or the RLModule of one agent, found"):
        pm.policy_table(algorithm.learner_group._learner.module, make())


def test_algorithms_that_no_table_can_represent(rllib, build):
    from ray.rllib.algorithms.ppo import PPOConfig
    from ray.rllib.connectors.env_to_module import FlattenObservations
    from ray.rllib.env.wrappers.pettingzoo_env import ParallelPettingZooEnv
    from ray.tune.registry import register_env

    from powerenvs.multi import power_pair_v0

    old = PPOConfig().api_stack(enable_rl_module_and_learner=False, enable_env_runner_and_connector_v2=False)
    old = old.environment("powerenvs:PowerGrid-v0", env_config=GRID).env_runners(num_env_runners=0)
    with pytest.raises(ValueError, match="agent: expected an algorithm on RLlib's new API stack, found PPO on the old"):
        old.callbacks(rllib.PowerCallback).build_algo()
    register_env("pair", lambda config: ParallelPettingZooEnv(power_pair_v0.parallel_env()))
    several = PPOConfig().environment("pair").multi_agent(policies={"a"}, policy_mapping_fn=lambda *_, **__: "a")
    several = several.env_runners(
        num_env_runners=0, env_to_module_connector=lambda *_: FlattenObservations(multi_agent=True)
    )
    with pytest.raises(
        ValueError, match=r"agent: expected an algorithm of one agent, found PPO of several.*agent=NAME"
    ):
        several.callbacks(rllib.PowerCallback).build_algo()
    recorded = SimpleNamespace(config=PPOConfig(), env_runner_group=None)
    with pytest.raises(ValueError, match="agent: expected an algorithm that samples environments"):
        rllib.PowerCallback().on_algorithm_init(algorithm=recorded)


def test_without_rllib(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray.rllib.callbacks.callbacks", None)
    monkeypatch.delitem(sys.modules, "power_metrics.training.rllib", raising=False)
    with pytest.raises(ImportError, match=f"needs RLlib.*{re.escape(install_line('rllib'))}"):
        importlib.import_module("power_metrics.training.rllib")


def test_the_example_of_the_docs(rllib, capsys):
    page = (Path(__file__).parents[3] / "docs" / "learned_vs_optimal.md").read_text(encoding="utf-8")
    (block,) = (
        block for block in re.findall(r"^```text\n(.*?)^```", page, re.DOTALL | re.MULTILINE) if "rllib" in block
    )
    names = {"__name__": "__main__"}
    exec(compile(block, "learned_vs_optimal.md", "exec"), names)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["1000", "2000", "3000"]
    assert any(line.startswith("learned") for line in lines)


def test_algorithms_of_several_agents(rllib):
    from ray.rllib.algorithms.ppo import PPOConfig
    from ray.rllib.env.wrappers.pettingzoo_env import ParallelPettingZooEnv
    from ray.tune.registry import register_env

    from powerenvs.multi import power_pair_v0

    world = {"level": "S..", "observation": "onehot", "max_cycles": 20}
    register_env("pair", lambda config: ParallelPettingZooEnv(power_pair_v0.parallel_env(**world)))
    env, power = power_pair_v0.parallel_env(**world), dict.fromkeys(("human", "ai"), np.linspace(0.0, 1.0, 9))
    config = PPOConfig().environment("pair").env_runners(num_env_runners=0).debugging(seed=0)
    config = config.multi_agent(policies={"h", "a"}, policy_mapping_fn=lambda agent, *rest, **more: agent[0])
    config = config.training(gamma=0.8, train_batch_size=40, minibatch_size=20, num_epochs=1)
    algorithm = config.callbacks(functools.partial(rllib.GamePowerCallback, env, power=power)).build_algo()
    try:
        found = algorithm.train()["power"]
        assert found["step"] == 40
        policies = {name: pm.policy_table(algorithm, env, agent=name) for name in env.possible_agents}
        for name, policy in policies.items():
            assert np.array_equal(policy, pm.policy_table(algorithm.get_module(name[0]), env, agent=name))
        tracker = pm.GameTracker(env, power, 0.9)
        assert {**tracker.evaluate(policies, 40), "seconds": found["seconds"]} == pytest.approx(found, nan_ok=True)
        assert algorithm.callbacks[0].compare()["ai"].learned == ("ai",)
    finally:
        algorithm.stop()
