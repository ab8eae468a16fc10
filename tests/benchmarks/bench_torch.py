"""The torch engine beside the CPU kernels: time for one reward function, on each device that there is.

Run with ``python tests/benchmarks/bench_torch.py``. The CPU kernels are timed in CPU time on one thread, torch in wall
time after a warm-up (on a graphics card the processor only waits). Values are compared before anything is timed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import power_metrics as pm
from power_metrics.solvers.compiled import solver_tables
from power_metrics.solvers.dispatch import solve_into
from power_metrics.solvers.gpu import check_device, solve_torch
from powerenvs import TabularMDP
from powerenvs.worlds.power import PowerGrid

GAMMAS = (0.1, 0.9, 0.99, 0.9999)
ROUNDS = 3
MODELS: dict[str, tuple[Callable[[], TabularMDP], int, int]] = {
    "7×7 maze": (lambda: PowerGrid("maze_7x7").tables(), 20_000, 1_000_000),
    "robot face": (lambda: PowerGrid("robot_face_20x20").tables(), 2000, 200_000),
    "7×7 maze, noise 0.2": (lambda: PowerGrid("maze_7x7", noise=0.2).tables(), 2000, 100_000),
}
"""What to build, and how many reward functions on the CPU and on a graphics card."""


def least(clock: Callable[[], float], call: Callable[[], Any]) -> float:
    """The least seconds of several calls."""
    times = []
    for _ in range(ROUNDS):
        start = clock()
        call()
        times.append(clock() - start)
    return min(times)


def main() -> None:
    """Measures everything and prints the table."""
    torch.set_num_threads(1)
    devices = ["cpu", *(f"cuda:{n}" for n in range(torch.cuda.device_count()))]
    print("devices: " + ", ".join(torch.cuda.get_device_name(name) if name != "cpu" else "cpu" for name in devices))
    print("µs for one reward function; in brackets, times as fast as the CPU kernels on one core")
    rng = np.random.default_rng(0)
    for name, (build, few, many) in MODELS.items():
        mdp = build()
        tables = solver_tables(mdp)
        rewards = rng.random((few, mdp.num_states))
        out = pm.Solution.empty(few, mdp.num_states)
        for gamma in GAMMAS:
            kernels = least(time.process_time, lambda: solve_into(tables, rewards, gamma, out)) / few  # noqa: B023
            line = f"  {name:20} γ={gamma:<7} kernels {kernels * 1e6:8.2f}"
            for device in map(check_device, devices):
                count = few if device.type == "cpu" else many
                given = torch.from_numpy(rewards).to(device).repeat(-(-count // few), 1)
                found = solve_torch(tables, given, gamma, device)
                gap = (found.values[:few].cpu() - torch.from_numpy(out.values)).abs().max() / np.abs(out.values).max()
                assert float(gap) <= 1e-9
                seconds = least(
                    time.perf_counter,
                    lambda: solve_torch(tables, given, gamma, device).residual.sum().item(),  # noqa: B023
                ) / len(given)
                line += f"   {device} {seconds * 1e6:8.2f} ({kernels / seconds:.2f})"
            print(line)


if __name__ == "__main__":
    main()
