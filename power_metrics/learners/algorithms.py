"""The learners that `power_metrics.train` knows, as data: what makes them, and their settings for small worlds."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Algorithm:
    """One learner.

    Attributes:
        name: as in `power_metrics.train`.
        summary: one line.
        learner: "module:Class" of a class of Stable-Baselines3's kind, or of ours (`power_metrics.learners.own`).
        policy: "module:Class" of its policy, or "" for the usual one.
        settings: arguments of the class that are not its defaults, for worlds of up to some hundred states.
        source: where it comes from.
        extra: the extra that installs it, or "".
    """

    name: str
    summary: str
    learner: str
    source: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    policy: str = ""
    extra: str = ""

    @property
    def run(self) -> str:
        """What trains it, as "module:function"."""
        runs = next((run for start, run in _RUNS.items() if self.learner.startswith(start)), "sb3")
        return f"power_metrics.learners.{runs}:learn"


_RUNS = {"power_metrics.learners.": "own", "ray.rllib.": "impala"}
"""{what a learner's module begins with: the module that trains it}; others are of Stable-Baselines3's kind."""


_SB3 = "Raffin et al. 2021, Stable-Baselines3"
_REPLAY = {
    "learning_rate": 1e-3,
    "buffer_size": 20_000,
    "learning_starts": 500,
    "batch_size": 64,
    "train_freq": 4,
    "target_update_interval": 500,
}
_WITHOUT_EPSILON = {"exploration_initial_eps": 0.0, "exploration_final_eps": 0.0}
_PARTS_OFF = {
    "double": False, "dueling": False, "distributional": False, "noisy": False, "prioritised": False, "n_step": 1
}  # fmt: skip
_NOISY = "power_metrics.learners.noisy_sb3:"

ALGORITHMS: Mapping[str, Algorithm] = {
    one.name: one
    for one in (
        Algorithm(
            "q_learning", "tabular Q-learning", "power_metrics.learners.tabular:TabularLearner", "Watkins & Dayan 1992"
        ),
        Algorithm(
            "sarsa", "tabular SARSA, which learns the value of what it does, exploration included",
            "power_metrics.learners.tabular:TabularLearner", "Rummery & Niranjan 1994", {"on_policy": True},
        ),
        Algorithm(
            "vector_ppo", "proximal policy optimisation on many copies at once, the fastest",
            "power_metrics.learners.actor_critic:VectorActorCritic", "Schulman et al. 2017",
            {"entropy": 0.02, "last_entropy": 0.0},
        ),
        Algorithm(
            "vector_a2c", "advantage actor-critic on many copies at once",
            "power_metrics.learners.actor_critic:VectorActorCritic", "Mnih et al. 2016",
            {
                "num_envs": 16, "num_steps": 8, "epochs": 1, "num_minibatches": 1, "clip": None, "normalise": False,
                "gae_lambda": 1.0, "entropy": 0.02, "last_entropy": 0.0,
            },
        ),
        Algorithm(
            "rainbow", "deep Q-network with all six parts of Rainbow, each with a switch, on many copies at once",
            "power_metrics.learners.rainbow:Rainbow", "Hessel et al. 2018",
        ),
        Algorithm(
            "vector_dqn", "deep Q-network on many copies at once: Rainbow with all parts off",
            "power_metrics.learners.rainbow:Rainbow", "Mnih et al. 2015", _PARTS_OFF,
        ),
        Algorithm(
            "vector_noisy_dqn", "deep Q-network that explores by learned noise, on many copies at once",
            "power_metrics.learners.rainbow:Rainbow", "Fortunato et al. 2018", {**_PARTS_OFF, "noisy": True},
        ),
        Algorithm(
            "ppo", "proximal policy optimisation", "stable_baselines3:PPO", f"Schulman et al. 2017; {_SB3}",
            {"learning_rate": 1e-3, "n_steps": 512, "batch_size": 128, "ent_coef": 0.01},
        ),
        Algorithm(
            "a2c", "advantage actor-critic", "stable_baselines3:A2C", f"Mnih et al. 2016; {_SB3}",
            {"learning_rate": 1e-3, "n_steps": 16, "ent_coef": 0.01},
        ),
        Algorithm(
            "noisy_a2c", "advantage actor-critic that explores by learned noise", "stable_baselines3:A2C",
            f"Fortunato et al. 2018; {_SB3}",
            {"learning_rate": 1e-3, "n_steps": 16, "policy_kwargs": {"sigma": 0.1}},
            f"{_NOISY}NoisyActorCriticPolicy",
        ),
        Algorithm("dqn", "deep Q-network", "stable_baselines3:DQN", f"Mnih et al. 2015; {_SB3}", _REPLAY),
        Algorithm(
            "noisy_dqn", "deep Q-network that explores by learned noise", "stable_baselines3:DQN",
            f"Fortunato et al. 2018; {_SB3}", {**_REPLAY, **_WITHOUT_EPSILON}, f"{_NOISY}NoisyDQNPolicy",
        ),
        Algorithm(
            "qr_dqn", "deep Q-network of quantiles of the return", "sb3_contrib:QRDQN",
            "Dabney et al. 2018; sb3-contrib", {**_REPLAY, "policy_kwargs": {"n_quantiles": 25}}, extra="contrib",
        ),
        Algorithm(
            "impala", "actors that lag behind a learner, which V-trace corrects; on one machine or a cluster",
            "ray.rllib.algorithms.impala:IMPALAConfig", "Espeholt et al. 2018; RLlib",
            {
                "lr": 2e-3, "train_batch_size_per_learner": 500, "grad_clip": 40.0, "vf_loss_coeff": 0.5,
                "entropy_coeff": 0.005,
            },
            extra="rllib",
        ),
    )
}  # fmt: skip


def algorithm_named(name: str) -> Algorithm:
    """The algorithm of this name.

    Raises:
        ValueError: for another name, with those that there are.
    """
    if not isinstance(name, str) or name not in ALGORITHMS:
        raise ValueError(f"algorithm: expected one of {', '.join(ALGORITHMS)}, found {name!r}")
    return ALGORITHMS[name]


def imported(name: str) -> Any:
    """The thing that "module:name" names."""
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)
