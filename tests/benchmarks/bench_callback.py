"""What `PowerCallback` costs: PPO on the 7×7 maze with and without it, evaluated every 2,048 steps.

Run with ``python tests/benchmarks/bench_callback.py``. Runs with and without alternate; CPU time, medians. POWER itself
is computed once, beforehand. The target is less than 5 % of the training time.
"""

from __future__ import annotations

import statistics
import time

import gymnasium as gym
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env

import power_metrics as pm
import powerenvs  # noqa: F401  # registers PowerGrid-v0
from power_metrics.results.machine import machine

ROUNDS = 5
STEPS = 4 * 2_048


def train(copies: int, callback: pm.sb3.PowerCallback | None) -> float:
    """CPU seconds that training takes."""
    envs = make_vec_env(lambda: gym.make("PowerGrid-v0", level="maze_7x7"), copies)
    model = PPO("MlpPolicy", envs, n_steps=2_048 // copies, seed=0, device="cpu")
    start = time.process_time()
    model.learn(STEPS, callback=callback)
    return time.process_time() - start


def main() -> None:
    """Measures and prints one line for each number of copies."""
    torch.set_num_threads(1)
    power = pm.power(gym.make("PowerGrid-v0", level="maze_7x7"), gamma=0.99, num_samples=10_000)
    train(1, pm.sb3.PowerCallback(2_048, power))  # compiles, imports, warms up
    print(machine())
    print(f"PPO, maze_7x7, {STEPS:,} steps, evaluated every 2,048; CPU seconds, medians of {ROUNDS} rounds")
    print(f"{'copies':>6}  {'without':>8}  {'with':>8}  {'difference':>10}  {'own measure':>11}  {'an evaluation':>13}")
    for copies in (1, 8):
        plain, watched, own, each = [], [], [], []
        for _ in range(ROUNDS):
            plain.append(train(copies, None))
            callback = pm.sb3.PowerCallback(2_048, power)
            watched.append(train(copies, callback))
            own.append(callback.overhead)
            each += [found["seconds"] for found in callback.tracker.history]
        without, with_it = statistics.median(plain), statistics.median(watched)
        print(
            f"{copies:>6}  {without:>8.2f}  {with_it:>8.2f}  {with_it / without - 1:>10.1%}  "
            f"{statistics.median(own):>11.2%}  {1e3 * statistics.median(each):>10.2f} ms"
        )


if __name__ == "__main__":
    main()
