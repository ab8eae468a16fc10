"""RLlib: tables equal to forward passes one state at a time, results equal to the tracker, counts of what was done."""

from __future__ import annotations

import functools

import gymnasium as gym
import numpy as np
import pytest
import torch

import power_metrics as pm
from tests.power_metrics.training.rllib_runs import FLAT, GRID, POWER, callback_of, make, one_by_one, softmax

pytestmark = pytest.mark.filterwarnings(
    "ignore"
)  # RLlib warns of its own deprecations, and registers environments anew


class Witness(gym.Wrapper):
    """Counts states and actions from inside the environment, all copies together."""

    counts = np.zeros((17, 5), dtype=int)

    def where(self):
        return self.unwrapped.s if hasattr(self.unwrapped, "s") else self.unwrapped.state

    def step(self, action):
        Witness.counts[self.where(), action] += 1
        return self.env.step(action)


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
