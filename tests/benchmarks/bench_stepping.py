"""Steps per CPU second, beside FrozenLake, MiniGrid and CartPole in the same run.

Run with ``python tests/benchmarks/bench_stepping.py``. Actions are random, episodes that end start again; rounds of
all environments alternate, and the median round counts.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import gymnasium as gym
import minigrid  # noqa: F401  # registers MiniGrid's ids
import numpy as np
from stable_baselines3.common.vec_env import DummyVecEnv

import powerenvs  # noqa: F401  # registers ours
from power_metrics.results.machine import machine
from power_metrics.training.sb3_vec_env import NativeVecEnv

ROUNDS = 7
BATCHES = 500
NUM_ENVS = 4096


def single(env_id: str, num_steps: int = 100_000, **kwargs: Any) -> Callable[[], float]:
    """A function that steps an environment as gym.make gives it and returns steps per CPU second."""
    env = gym.make(env_id, **kwargs)
    actions = np.random.default_rng(0).integers(int(env.action_space.n), size=num_steps).tolist()  # type: ignore[attr-defined]

    def measure() -> float:
        env.reset(seed=0)
        start = time.process_time()
        for action in actions:
            _, _, terminated, truncated, _ = env.step(action)
            if terminated or truncated:
                env.reset()
        return num_steps / (time.process_time() - start)

    return measure


def vector(env_id: str, **kwargs: Any) -> Callable[[], float]:
    """The same for the native vector environment, in steps of single copies."""
    envs = gym.make_vec(env_id, num_envs=NUM_ENVS, vectorization_mode="vector_entry_point", **kwargs)
    count = int(envs.single_action_space.n)  # type: ignore[attr-defined]
    actions = np.random.default_rng(0).integers(count, size=(BATCHES, NUM_ENVS))

    def measure() -> float:
        envs.reset(seed=0)
        start = time.process_time()
        for batch in actions:
            envs.step(batch)
        return BATCHES * NUM_ENVS / (time.process_time() - start)

    return measure


def for_sb3(native: bool) -> Callable[[], float]:
    """The same for Stable-Baselines3: our vector environment, or its own of as many copies."""
    count = 1024
    options = {"level": "maze_7x7", "max_episode_steps": 50}
    make = partial(gym.make, "PowerGrid-v0", **options)
    envs = NativeVecEnv("PowerGrid-v0", count, **options) if native else DummyVecEnv([make] * count)
    actions = np.random.default_rng(0).integers(5, size=(100 if native else 10, count))

    def measure() -> float:
        envs.seed(0)
        envs.reset()
        start = time.process_time()
        for batch in actions:
            envs.step(batch)
        return actions.size / (time.process_time() - start)

    return measure


def main() -> None:
    """Measures everything and prints the tables."""
    tables = {
        "env.step of gym.make(...)": {
            "PowerGrid-v0": single("PowerGrid-v0"),
            "PowerGrid-v0, noise": single("PowerGrid-v0", noise=0.2),
            "PowerGrid-v0, onehot": single("PowerGrid-v0", observation="onehot"),
            "FrozenLake-v1": single("FrozenLake-v1", num_steps=20_000),
            "MiniGrid-Empty-5x5-v0": single("MiniGrid-Empty-5x5-v0", num_steps=3_000),
        },
        f"envs.step of {NUM_ENVS:,} copies": {
            "PowerGrid-v0": vector("PowerGrid-v0"),
            "PowerGrid-v0, noise": vector("PowerGrid-v0", noise=0.2),
            "PowerGrid-v0, onehot": vector("PowerGrid-v0", observation="onehot"),
            "CartPole-v1": vector("CartPole-v1"),
        },
        "envs.step of 1,024 copies for Stable-Baselines3": {
            "PowerGrid-v0": for_sb3(native=True),
            "PowerGrid-v0, DummyVecEnv": for_sb3(native=False),
        },
    }
    print(machine())
    measured: dict[tuple[str, str], list[float]] = {}
    for _ in range(ROUNDS):
        for title, rows in tables.items():
            for name, measure in rows.items():
                measured.setdefault((title, name), []).append(measure())
    for title, rows in tables.items():
        ours = statistics.median(measured[title, "PowerGrid-v0"])
        print(f"\n{title}, medians of {ROUNDS} rounds\n{'':32}{'steps / CPU s':>16}{'PowerGrid-v0 is':>18}")
        for name in rows:
            rate = statistics.median(measured[title, name])
            print(f"{name:32}{rate:16,.0f}{ours / rate:16.1f} x")


if __name__ == "__main__":
    main()
