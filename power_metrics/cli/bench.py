"""``powerenvs bench``: how fast an environment is solved and stepped on this machine."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from power_metrics.cli.command import Command, number
from power_metrics.cli.models import add_model_arguments, load_model
from power_metrics.results.machine import machine
from powerenvs.model.text import text_table
from powerenvs.progress import progress_bar

if TYPE_CHECKING:
    from powerenvs.model.mdp import TabularMDP
    from powerenvs.sources.by_name import LoadedModel

ROUNDS = 5
SECONDS = 0.2
"""What a round takes, about, unless the number of reward functions is given."""

LEAST, MOST = 8, 100_000
"""Reward functions in a round."""

NUM_ENVS, NUM_STEPS = 4096, 50_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The model, the discounts, and how much is measured."""
    add_model_arguments(parser, default="PowerGrid-v0")
    parser.add_argument(
        "--gamma", metavar="G", type=float, nargs="+", default=[0.1, 0.9, 0.99, 0.9999],
        help="discounts, in [0, 1]; default 0.1 0.9 0.99 0.9999",
    )  # fmt: skip
    parser.add_argument(
        "--num-samples",
        "--samples",
        metavar="N",
        type=number,
        help="reward functions in a round; default what 0.2 seconds take",
    )
    parser.add_argument("--device", metavar="NAME", help="time the torch engine on this device too, such as cuda")


def run(args: argparse.Namespace) -> None:
    """Measures, and prints one table."""
    from power_metrics.arguments.checks import check_count, check_gammas
    from power_metrics.solvers.compiled import solver_tables

    gammas, _ = check_gammas(args.gamma, "--gamma")
    given = None if args.num_samples is None else check_count("--num-samples", args.num_samples)
    if args.device is not None:
        from power_metrics.solvers.gpu import check_device

        check_device(args.device)
        if 1.0 in gammas:
            raise ValueError("--device: expected discounts below 1, which is for the CPU kernels, found 1")
    source = load_model(args)
    mdp = source.mdp
    print(f"{machine()}\n{source.title}: {mdp.num_states:,} states, kernel '{solver_tables(mdp).method}'\n")
    rows = [("gamma", "reward functions", "solver", "pm.power", *([f"torch on {args.device}"] if args.device else []))]
    for gamma in progress_bar(gammas, "bench", None, unit=" discounts"):
        count = _affordable(mdp, gamma) if given is None else given
        rows.append((f"{gamma:g}", f"{count:,}", *(f"{t:.3g}" for t in _solving(mdp, gamma, count, args.device))))
    print(text_table(rows, right=range(len(rows[0]))))
    print(
        f"\nCPU µs for one reward function, the best of {ROUNDS} rounds on one thread. pm.power draws and averages too."
    )
    if args.device:
        print(f"{args.device}: µs by the clock.")
    if source.world is not None:
        one, many = _stepping(source)
        print(f"steps per CPU second: {one:,.0f} by gym.make, {many:,.0f} by {NUM_ENVS:,} copies in gym.make_vec")


def _solving(mdp: TabularMDP, gamma: float, count: int, device: str | None) -> list[float]:
    """Microseconds for one reward function: solved, drawn and averaged too, and on a device."""
    from power_metrics.measures.power import power

    rewards = np.random.default_rng(0).random((count, mdp.num_states))
    shown: dict[str, Any] = {"num_samples": count, "method": "monte_carlo", "threads": 1, "progress": False}
    found = [_best(_solver(mdp, gamma, rewards)), _best(partial(power, mdp, gamma, **shown))]
    if device is not None:
        found.append(
            _best(partial(power, mdp, gamma, rewards=rewards, device=device, progress=False), time.perf_counter)
        )
    return [seconds / count * 1e6 for seconds in found]


def _solver(mdp: TabularMDP, gamma: float, rewards: Any) -> Callable[[], object]:
    """A call that solves the reward functions in memory of its own, as often as it is made."""
    from power_metrics.solvers.average.gain import GainSolution, solve_gain_into
    from power_metrics.solvers.compiled import solver_tables
    from power_metrics.solvers.dispatch import solve_into
    from power_metrics.solvers.solution import Solution

    tables = solver_tables(mdp)
    if gamma == 1.0:
        return partial(
            solve_gain_into, tables, rewards, GainSolution.empty(len(rewards), mdp.num_states, policies=False)
        )
    return partial(solve_into, tables, rewards, gamma, Solution.empty(len(rewards), mdp.num_states))


def _affordable(mdp: TabularMDP, gamma: float) -> int:
    """So many reward functions as are solved in `SECONDS`."""
    solve = _solver(mdp, gamma, np.random.default_rng(0).random((LEAST, mdp.num_states)))
    solve()  # compiles
    return int(np.clip(SECONDS / max(_best(solve), 1e-9) * LEAST, LEAST, MOST))


def _stepping(source: LoadedModel) -> tuple[float, float]:
    """Steps per CPU second of one environment, and of many copies, with random actions."""
    import gymnasium as gym

    env = gym.make(source.name, **source.kwargs)
    rng = np.random.default_rng(0)
    actions = rng.integers(source.mdp.num_actions, size=NUM_STEPS).tolist()

    def alone() -> None:
        env.reset(seed=0)
        for action in actions:
            _, _, terminated, truncated, _ = env.step(action)
            if terminated or truncated:
                env.reset()

    envs = gym.make_vec(source.name, num_envs=NUM_ENVS, vectorization_mode="vector_entry_point", **source.kwargs)
    batches = rng.integers(source.mdp.num_actions, size=(100, NUM_ENVS))

    def together() -> None:
        envs.reset(seed=0)
        for batch in batches:
            envs.step(batch)

    return NUM_STEPS / _best(alone), batches.size / _best(together)


def _best(call: Callable[[], object], clock: Callable[[], float] = time.process_time) -> float:
    """The least seconds of several rounds."""
    found = []
    for _ in range(ROUNDS):
        start = clock()
        call()
        found.append(clock() - start)
    return min(found)


COMMAND = Command(
    "bench",
    "measure how fast an environment is solved and stepped on this machine",
    "powerenvs bench PowerGrid-v0 --level maze_7x7 --gamma 0.9 0.99",
    add_arguments,
    run,
)
