"""IMPALA of RLlib (Espeholt et al. 2018, arXiv 1802.01561) as `power_metrics.train` runs it: here, or on a cluster.

Actors sample in processes of their own while the learner learns, so that runs of one seed differ. What is measured is
the policy of the learner: that of the module in RLlib's own hands is an actor's, and lags behind.
"""

from __future__ import annotations

import copy
import shutil
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.agents.rllib import learned_module
from power_metrics.agents.table import policy_table
from power_metrics.arguments.checks import check_count
from power_metrics.learners.looks import Looks
from powerenvs.model.mdp import TabularMDP

SUFFIX = ".rllib"


def learn(env: Any, mdp: TabularMDP, make: Any, looks: Looks, *, policy: str, settings: Mapping[str, Any]) -> None:
    """Trains from the last look to the end; see `power_metrics.train`."""
    algorithm = build(env, make, looks.tracker.gamma, looks.seed, **settings)
    try:
        if looks.checkpoint is not None:
            _restore(algorithm, looks.checkpoint)

        def table() -> NDArray[np.float64]:
            return policy_table(learned_module(algorithm), env)

        def save(path: Path) -> None:
            with tempfile.TemporaryDirectory() as folder:
                kept = algorithm.save_to_path(str(Path(folder, "kept")))
                shutil.move(shutil.make_archive(str(Path(folder, "all")), "zip", Path(folder, "kept")), path)
                del kept

        if not looks.tracker.history:
            looks.look(0, table(), save, SUFFIX)
        total, done = looks.record["steps"], looks.done
        while looks.done < total:
            found = algorithm.train()
            done = max(done, int(found["env_runners"].get("num_env_steps_sampled_lifetime", done)))
            looks.show(done)
            if done > looks.done and (looks.due(done) or done >= total):
                looks.look(done, table(), save, SUFFIX)
    finally:
        algorithm.stop()


def build(
    env: Any,
    config: Any,
    gamma: float,
    seed: int,
    *,
    address: str | None = None,
    num_env_runners: int = 1,
    num_envs: int = 8,
    num_steps: int = 50,
    hidden: Sequence[int] = (64, 64),
    seconds: float = 1.0,
    **training: Any,
) -> Any:
    """The algorithm.

    Args:
        env: an environment; actors step copies of it.
        config: the class of its configuration.
        gamma: discount.
        seed: of the actors and the weights.
        address: of a Ray cluster, such as "auto" on one of its machines; None for this machine.
        num_env_runners: processes that sample.
        num_envs: copies in each of them.
        num_steps: steps of a copy that are sent to the learner at a time.
        hidden: sizes of layers.
        seconds: how long an iteration of RLlib takes at least, after which a look is possible.
        **training: for ``config.training``.
    """
    from ray.rllib.connectors.env_to_module import FlattenObservations
    from ray.rllib.core.rl_module.default_model_config import DefaultModelConfig
    from ray.tune.registry import register_env

    start_ray(address, check_count("num_env_runners", num_env_runners))
    name = f"power-metrics-{uuid.uuid4().hex}"
    register_env(name, lambda _: copy.deepcopy(env))
    made = (
        config()
        .environment(name)
        .env_runners(
            num_env_runners=num_env_runners,
            num_envs_per_env_runner=check_count("num_envs", num_envs),
            rollout_fragment_length=check_count("num_steps", num_steps),
            env_to_module_connector=lambda *_: FlattenObservations(),
        )
        .learners(num_learners=0, num_aggregator_actors_per_learner=0)
        .training(gamma=gamma, **training)
        .rl_module(model_config=DefaultModelConfig(fcnet_hiddens=list(hidden), vf_share_layers=True))
        .reporting(min_time_s_per_iteration=seconds)
        .debugging(seed=seed, log_level="ERROR")
    )
    return made.build_algo()


def start_ray(address: str | None, num_env_runners: int) -> None:
    """Joins a cluster, or starts Ray here with room for the actors, unless it is running."""
    import os

    import ray

    if ray.is_initialized():
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    options: dict[str, Any] = {"log_to_driver": False}
    if address is None:  # actors wait for most of the time, so they may share cores
        options |= {"num_cpus": max(num_env_runners + 1, os.cpu_count() or 1), "include_dashboard": False}
    else:
        options |= {"address": address}
    ray.init(**options)


def _restore(algorithm: Any, path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        shutil.unpack_archive(path, folder, "zip")
        algorithm.restore_from_path(folder)
