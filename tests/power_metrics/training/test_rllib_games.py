"""RLlib with an agent's module each: tables, counts of joint steps, and histories that checkpoints go on with."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch

import power_metrics as pm
from tests.power_metrics.training.rllib_runs import POWER, softmax

pytestmark = pytest.mark.filterwarnings("ignore")  # RLlib warns of its own deprecations

GAME = {"human": POWER, "ai": POWER[::-1] ** 2}


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
        tracker, counted = pm.GameTracker(env, power, 0.9), algorithm.callbacks[0].tracker.counts
        assert {name: counts.sum() for name, counts in counted.items()} == {"human": 40, "ai": 40}
        for name, counts in counted.items():
            tracker.counts[name] += counts
        again = {**tracker.evaluate(policies, 40), "seconds": found["seconds"], "overhead": found["overhead"]}
        assert again == pytest.approx(found)
        assert algorithm.callbacks[0].compare()["ai"].learned == ("ai",)
    finally:
        algorithm.stop()


@pytest.mark.parametrize("suffix", ["csv", "npz"])
def test_games_go_on_from_checkpoints(rllib, tmp_path, suffix):
    from ray.rllib.algorithms.algorithm import Algorithm
    from ray.rllib.algorithms.ppo import PPOConfig
    from ray.rllib.env.wrappers.pettingzoo_env import ParallelPettingZooEnv
    from ray.tune.registry import register_env

    from powerenvs.multi import power_pair_v0

    env = pm.PowerParallelWrapper(power_pair_v0.parallel_env(level="S..", observation="onehot", max_cycles=7), GAME)
    register_env("pair", lambda config: ParallelPettingZooEnv(env))
    kept = tmp_path / f"history.{suffix}"
    config = PPOConfig().environment("pair").env_runners(num_env_runners=0).debugging(seed=0)
    config = config.multi_agent(policies=set(GAME), policy_mapping_fn=lambda agent, *rest, **more: agent)
    config = config.training(gamma=0.8, train_batch_size=40, minibatch_size=20, num_epochs=1)
    callback = functools.partial(rllib.GamePowerCallback, env, power=GAME, save_path=kept)
    algorithm = config.callbacks(callback).build_algo()
    algorithm.train()
    tracker = algorithm.callbacks[0].tracker
    inside = algorithm.env_runner.env.envs[0].unwrapped.par_env  # what was registered is copied
    for agent in GAME:
        apart = inside.counts[agent] - tracker.counts[agent]  # RLlib tries one step when it makes an environment
        assert apart.min() == 0
        assert apart.sum() == 1
    algorithm.save_to_path(tmp_path / "one")
    algorithm.stop()
    restored = Algorithm.from_checkpoint(tmp_path / "one")
    restored.train()
    found = restored.callbacks[0].tracker
    assert [row["step"] for row in found.history] == [0, 40, 80]
    assert found.history[1]["ai/normalised"] == tracker.history[1]["ai/normalised"]
    assert found.counts["human"].sum() == (80 if suffix == "npz" else 40)
    restored.stop()
    again = Algorithm.from_checkpoint(tmp_path / "one")
    with pytest.raises(ValueError, match="past the 40 steps of the checkpoint"):
        again.train()
    again.stop()
    with pytest.raises(ValueError, match="save_path"):
        rllib.GamePowerCallback(env, save_path="history.txt")


@pytest.mark.parametrize("form", ["states, flattened", "masks, flattened", "masks, RLlib's module"])
def test_networks_see_what_they_saw_in_training(rllib, form):
    """Observations that connectors change, and dictionaries with a mask: tables by hand, from single forward passes."""
    from ray.rllib.algorithms.ppo import PPOConfig
    from ray.rllib.connectors.env_to_module import FlattenObservations
    from ray.rllib.core.rl_module.multi_rl_module import MultiRLModuleSpec
    from ray.rllib.core.rl_module.rl_module import RLModuleSpec
    from ray.rllib.env.wrappers.pettingzoo_env import ParallelPettingZooEnv
    from ray.rllib.examples.rl_modules.classes.action_masking_rlm import ActionMaskingTorchRLModule
    from ray.tune.registry import register_env

    from powerenvs.multi import power_pair_v0

    masks = form.startswith("masks")
    options = {"observation": "onehot", "masked": "observations", "walls": "absent"} if masks else {}
    if form == "masks, flattened":
        options["walls"] = "bump"  # these networks have no masks
    env = power_pair_v0.parallel_env(level="S..", max_cycles=9, **options)
    register_env("pair", lambda config: ParallelPettingZooEnv(env))
    config = PPOConfig().environment("pair", disable_env_checking=True).debugging(seed=0)
    config = config.multi_agent(policies=set(GAME), policy_mapping_fn=lambda agent, *rest, **more: agent)
    config = config.training(gamma=0.8, train_batch_size=40, minibatch_size=20, num_epochs=1)
    if "flattened" in form:
        config = config.env_runners(
            num_env_runners=0, env_to_module_connector=lambda *_, **__: FlattenObservations(multi_agent=True)
        )
    else:
        spec = RLModuleSpec(module_class=ActionMaskingTorchRLModule)
        config = config.env_runners(num_env_runners=0).rl_module(
            rl_module_spec=MultiRLModuleSpec(rl_module_specs=dict.fromkeys(GAME, spec))
        )
    algorithm = config.callbacks(functools.partial(rllib.GamePowerCallback, env, power=GAME)).build_algo()
    try:
        algorithm.train()
        for agent in env.possible_agents:
            available, found = env.game.available[agent], pm.policy_table(algorithm, env, agent=agent)
            module, rows = algorithm.get_module(agent), []
            for s in range(9):
                onehot, mask = torch.eye(9)[s : s + 1], torch.as_tensor(available[s : s + 1]).float()
                if form == "states, flattened":
                    seen = onehot
                elif form == "masks, flattened":
                    seen = torch.cat([mask, onehot], dim=1)  # dictionaries go by the order of their names
                else:
                    seen = {"action_mask": mask, "observations": onehot}
                with torch.no_grad():
                    rows.append(module.forward_inference({"obs": seen})["action_dist_inputs"][0].double().numpy())
            assert found == pytest.approx(softmax(np.array(rows), available), abs=1e-6)
            assert algorithm.callbacks[0].tracker.policies[agent] == pytest.approx(found, abs=1e-12)
            assert np.all(algorithm.callbacks[0].tracker.counts[agent][~available] == 0)
    finally:
        algorithm.stop()
