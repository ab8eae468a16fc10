"""Measures cost against S, A, γ and batch, and draws it with the machine's limit: docs/images/performance_*.png.

python docs/make_performance.py     half a minute; also prints the limits and every point

Two limits, both measured here. *Throughput*, a roofline of three ceilings: vector operations per second, bytes per
second from the first-level cache, and bytes per second from wherever the working set lies. *Chain*: a sweep uses each
new value at once, so that in a row of cells every backup waits for the one before it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import NDArray

import power_metrics as pm
from power_metrics.solvers.compiled import solver_tables
from power_metrics.solvers.dispatch import solve_into
from power_metrics.solvers.jit import kernel
from power_metrics.solvers.simd import LANES, fill, larger, load, store
from powerenvs import TabularMDP
from powerenvs.worlds.power import PowerGrid

IMAGES = Path(__file__).with_name("images")
WIDTH = 8 * LANES
"""Bytes of one state's number for LANES reward functions."""

MAZE, FACE, NOISE, LIMIT = "#1b6ca8", "#c8553d", "#5b8e55", "#444444"
BOTH = ("chain", "throughput")
GAMMAS = (0.1, 0.3, 0.6, 0.9, 0.97, 0.99, 0.999, 0.9999)


@kernel
def add_up(array: NDArray[np.float64], rounds: int, out: NDArray[np.float64]) -> None:
    """Reads ``array`` (n, LANES) ``rounds`` times, in four running maxima."""
    a, b, c, d = fill(0.0), fill(0.0), fill(0.0), fill(0.0)
    for _ in range(rounds):
        for i in range(0, array.shape[0] - 3, 4):
            a = larger(load(array, i), a)
            b = larger(load(array, i + 1), b)
            c = larger(load(array, i + 2), c)
            d = larger(load(array, i + 3), d)
    store(out, 0, larger(larger(a, b), larger(c, d)))


@kernel
def operate(rounds: int, start: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    """8 · ``rounds`` vector additions and as many multiplications, in registers, in 8 independent chains."""
    a, b, c, d = load(start, 0), load(start, 1), load(start, 2), load(start, 3)
    e, f, g, h = load(start, 4), load(start, 5), load(start, 6), load(start, 7)
    scale, shift = load(start, 8), load(start, 9)
    for _ in range(rounds):
        a, b, c, d = a * scale + shift, b * scale + shift, c * scale + shift, d * scale + shift
        e, f, g, h = e * scale + shift, f * scale + shift, g * scale + shift, h * scale + shift
    store(out, 0, a + b + c + d + e + f + g + h)


@kernel
def follow(previous: NDArray[np.int32], gamma: float, rounds: int, value: NDArray[np.float64]) -> None:
    """Backups of a corridor, each of which reads what the one before it has just stored."""
    for _ in range(rounds):
        for i in range(previous.shape[0]):
            old = load(value, i)
            new = fill(1.0) + gamma * larger(load(value, previous[i]), old)
            store(value, i, larger(new, old))


def best_time(call: Callable[[], Any], rounds: int = 5) -> float:
    """The least CPU seconds of several calls, after one that warms up."""
    call()
    times = []
    for _ in range(rounds):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return min(times)


class Limits:
    """What one core of this machine can do, measured by kernels that do nothing else."""

    def __init__(self) -> None:
        out = np.empty((1, LANES))
        start = np.full((10, LANES), 0.5)
        self.operations = 16 * 2_000_000 / best_time(partial(operate, 2_000_000, start, out))
        corridor = np.maximum(np.arange(128, dtype=np.int32) - 1, 0)
        value = np.ones((128, LANES))
        self.chain = best_time(partial(follow, corridor, 0.9, 10_000, value)) / 128 / 10_000
        self.sizes = np.array([2**k for k in range(14, 29, 2)])
        self.rates = np.array([self._read(size, out) for size in self.sizes])

    def _read(self, size: int, out: NDArray[np.float64]) -> float:
        room = np.ones(size // 8 + LANES)
        first = -room.ctypes.data % WIDTH // 8  # vectors that lie across two cache lines take twice as long
        array = room[first : first + size // 8].reshape(-1, LANES)
        rounds = max(1, 2**29 // size)
        return rounds * size / best_time(partial(add_up, array, rounds, out), 3)

    @property
    def cache(self) -> float:
        """Bytes per second from the first-level cache."""
        return float(self.rates.max())

    def bandwidth(self, size: float) -> float:
        """Bytes per second that a working set of ``size`` bytes can be read with."""
        return float(np.exp(np.interp(np.log(size), np.log(self.sizes), np.log(self.rates))))

    def backup(self, num_states: int, choices: float) -> float:
        """Seconds for one backup of a state with some choices, LANES reward functions at once, at the least.

        It loads the reward, the old value and the value of each successor, and stores the new value: choices + 3
        vectors. It takes as many maxima as there are choices, a multiplication, an addition and a comparison. The
        reward, the value, and the table's 4 (choices + 1) bytes come from where the working set lies; values of
        successors are read again from the first-level cache.
        """
        operations = (choices + 3) / self.operations
        cached = (choices + 3) * WIDTH / self.cache
        fresh = 3 * WIDTH + 4 * (choices + 1)
        return max(operations, cached, fresh / self.bandwidth(num_states * (2 * WIDTH + 4 * (choices + 1))))


class Cost(NamedTuple):
    """Measured and least possible CPU seconds for one reward function, and the sweeps it took."""

    measured: float
    throughput: float
    chain: float
    sweeps: float


def cost(limits: Limits, mdp: TabularMDP, gamma: float, batch: int) -> Cost:
    """Solves ``batch`` reward functions. At the least, each sweep and a last look back up each state once."""
    tables = solver_tables(mdp)
    rewards = np.random.default_rng(0).random((batch, mdp.num_states))
    out = pm.Solution.empty(batch, mdp.num_states)
    seconds = best_time(partial(solve_into, tables, rewards, gamma, out)) / batch
    sweeps = float(out.iterations.mean())
    backup = limits.backup(mdp.num_states, len(tables.action) / mdp.num_states)
    states = mdp.num_states * -(-batch // LANES) / batch  # lanes that stay empty cost as much
    return Cost(seconds, (sweeps + 1) * states * backup, sweeps * states * limits.chain, sweeps)


def open_grid(side: int) -> TabularMDP:
    return PowerGrid(["." * side] * side).tables()


def random_table(num_states: int, num_actions: int) -> TabularMDP:
    """Staying, and ``num_actions - 1`` random successors."""
    rng = np.random.default_rng(num_actions)
    successor = rng.integers(num_states, size=(num_states, num_actions))
    successor[:, 0] = np.arange(num_states)
    rows = [(s, a, int(t), 1.0) for s, row in enumerate(successor) for a, t in enumerate(row)]
    return TabularMDP.from_transitions(rows, state_labels=range(num_states), action_labels=range(num_actions))


def draw(axis: Any, xs: Any, costs: list[Cost], colour: str, label: str, limits: tuple[str, ...] = ()) -> None:
    """Measured costs as points, with the named limits below them."""
    axis.plot(xs, [c.measured * 1e6 for c in costs], "o-", color=colour, label=label, markersize=4, linewidth=1.4)
    styles = {"chain": "--", "throughput": ":"}
    for name in limits:
        axis.plot(xs, [getattr(c, name) * 1e6 for c in costs], styles[name], color=colour, linewidth=1.2)
    for x, c in zip(xs, costs, strict=True):
        shares = "".join(
            f", {name} {getattr(c, name) * 1e6:.2f} (×{c.measured / getattr(c, name):.1f})" for name in limits
        )
        print(f"  {label:30} {x:>10,.6g} {c.measured * 1e6:10.2f} µs, {c.sweeps:4.1f} sweeps{shares}")


def cost_figure(limits: Limits) -> None:
    """Four panels: S, A, γ and batch."""
    maze, face = PowerGrid("maze_7x7").tables(), PowerGrid("robot_face_20x20").tables()
    noisy = PowerGrid("maze_7x7", noise=0.2).tables()
    figure, axes = plt.subplots(2, 2, figsize=(8.6, 6.4), layout="constrained")
    by_states, by_actions, by_gamma, by_batch = axes.flat

    grids = [open_grid(side) for side in (3, 6, 10, 18, 32, 56, 100, 178, 316)]
    sizes = [mdp.num_states for mdp in grids]
    batches = [max(LANES, min(4096, 400_000 // size // LANES * LANES)) for size in sizes]
    costs = [cost(limits, mdp, 0.99, batch) for mdp, batch in zip(grids, batches, strict=True)]
    draw(by_states, sizes, costs, MAZE, "open grid, γ = 0.99", BOTH)
    by_states.set(xscale="log", yscale="log", xlabel="states S", title="Cost against S")

    actions = (2, 3, 5, 9, 16, 32, 64)
    costs = [cost(limits, random_table(1000, count), 0.99, 512) for count in actions]
    draw(by_actions, actions, costs, MAZE, "random, S = 1,000, γ = 0.99", BOTH[1:])
    by_actions.set(xscale="log", yscale="log", xlabel="actions A", title="Cost against A")
    by_actions.set_xticks(actions, [str(count) for count in actions], minor=False)
    by_actions.minorticks_off()

    places = [1 / (1 - gamma) for gamma in GAMMAS]
    draw(by_gamma, places, [cost(limits, face, gamma, 2048) for gamma in GAMMAS], FACE, "robot face", BOTH)
    noise = [cost(limits, noisy, gamma, 2048) for gamma in GAMMAS]
    draw(by_gamma, places, noise, NOISE, "maze, noise 0.2 (elimination)")
    draw(by_gamma, places, [cost(limits, maze, gamma, 8192) for gamma in GAMMAS], MAZE, "maze", BOTH)
    by_gamma.set(xscale="log", yscale="log", xlabel="horizon 1 / (1 − γ)", title="Cost against γ", ylim=(0.0002, 8))

    counts = (1, 2, 4, 8, 16, 32, 128, 512, 2048, 8192)
    draw(by_batch, counts, [cost(limits, face, 0.99, count) for count in counts], FACE, "robot face, γ = 0.99", BOTH)
    draw(by_batch, counts, [cost(limits, maze, 0.99, count) for count in counts], MAZE, "maze, γ = 0.99", BOTH)
    by_batch.set(
        xscale="log", yscale="log", xlabel="reward functions in a call", title="Cost against batch", ylim=(0.005, 150)
    )

    for axis in axes.flat:
        axis.grid(alpha=0.25, linewidth=0.6)
        axis.spines[["top", "right"]].set_visible(False)
        if axis is not by_actions:
            axis.plot([], [], "--", color=LIMIT, label="limit: chain of backups")
        axis.plot([], [], ":", color=LIMIT, label="limit: throughput")
        axis.legend(frameon=False, fontsize=8)
        axis.title.set_fontsize(11)
    for axis in axes[:, 0]:
        axis.set_ylabel("CPU µs for one reward function")
    figure.savefig(IMAGES / "performance_cost.png", dpi=110)


def roofline_figure(limits: Limits) -> None:
    """Backups per second against the working set, under the ceilings for a state with five choices."""
    figure, axis = plt.subplots(figsize=(7.4, 4.2), layout="constrained")
    state = 2 * WIDTH + 24  # bytes: reward and value of LANES reward functions, and the table
    sets = np.logspace(11, 28, 100, base=2)
    axis.plot(sets, [LANES / limits.backup(size / state, 5) / 1e9 for size in sets], color=LIMIT, linewidth=1.3)
    ceilings = {
        f"vector operations: {limits.operations / 1e9:.1f} G/s": (LANES * limits.operations / 8, ":"),
        f"chain of backups: {limits.chain * 1e9:.1f} ns each": (LANES / limits.chain, "--"),
    }
    for text, (rate, style) in ceilings.items():
        axis.axhline(rate / 1e9, color=LIMIT, linestyle=style, linewidth=1.2)
        axis.annotate(text, (sets[0], rate / 1e9 * 1.07), fontsize=8, color=LIMIT)
    bandwidths = (
        f"loads: {limits.cache / 1e9:.0f} GB/s from the cache, {limits.bandwidth(sets[-1]) / 1e9:.0f} from memory"
    )
    axis.annotate(bandwidths, (sets[0], LANES / limits.backup(64, 5) / 1e9 * 1.07), fontsize=8, color=LIMIT)
    grids = {f"open {side}×{side}": (open_grid(side), NOISE, "o") for side in (32, 100, 316)}
    worlds = {
        **grids,
        "maze": (PowerGrid("maze_7x7").tables(), MAZE, "^"),
        "robot face": (PowerGrid("robot_face_20x20").tables(), FACE, "s"),
    }
    for name, (mdp, colour, mark) in worlds.items():
        batch = max(LANES, min(4096, 400_000 // mdp.num_states // LANES * LANES))
        found = cost(limits, mdp, 0.99, batch)
        rate = (found.sweeps + 1) * mdp.num_states / found.measured / 1e9
        axis.plot(mdp.num_states * state, rate, mark, color=colour, markersize=6)
        axis.annotate(
            name,
            (mdp.num_states * state, rate * 0.8),
            fontsize=8,
            ha="center",
            color=colour,
        )
        print(f"  {name:14} {rate:6.2f} G backups/s")
    axis.set(xscale="log", yscale="log", ylim=(0.2, 2 * LANES * limits.operations / 8e9))
    axis.set(xlabel="working set, bytes", ylabel="10⁹ backups per second, one core")
    axis.set_title("Sweeps at γ = 0.99 under the measured ceilings", fontsize=11)
    axis.grid(alpha=0.25, linewidth=0.6)
    axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(IMAGES / "performance_roofline.png", dpi=110)


def main() -> None:
    limits = Limits()
    print(f"limits of one core: {limits.operations / 1e9:.1f} G vector operations/s of {LANES} numbers;")
    print(f"  a backup that waits for the one before it: {limits.chain * 1e9:.2f} ns; reading")
    for size, rate in zip(limits.sizes, limits.rates, strict=True):
        print(f"  {size / 2**10:10,.0f} KiB {rate / 1e9:8.1f} GB/s")
    IMAGES.mkdir(exist_ok=True)
    cost_figure(limits)
    roofline_figure(limits)


if __name__ == "__main__":
    main()
