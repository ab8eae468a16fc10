"""RLlib: modules of one's own, what no table can represent, and what is refused."""

from __future__ import annotations

import functools
import importlib
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import gymnasium as gym
import numpy as np
import pytest
import torch

import power_metrics as pm
from powerenvs.extras import install_line
from tests.power_metrics.training.rllib_runs import GRID, POWER, make

pytestmark = pytest.mark.filterwarnings(
    "ignore"
)  # RLlib warns of its own deprecations, and registers environments anew


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
