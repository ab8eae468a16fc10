"""What the vector intrinsics of `power_metrics.solvers.simd` are worth: against plain loops over the lanes.

Run with ``python tests/benchmarks/bench_simd.py``. Both kernels sweep until nothing changes, and give the same bits.
Times are CPU times for one reward function on one thread, the median of rounds that alternate.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from common import interleaved

from power_metrics.results.machine import machine
from power_metrics.solvers.compiled import solver_tables
from power_metrics.solvers.jit import Floats, kernel
from power_metrics.solvers.simd import LANES, any_above, fill, larger, load, store
from power_metrics.solvers.solver import Table
from powerenvs.worlds.power import PowerGrid

GAMMA = 0.99


@kernel
def with_intrinsics(reward: Floats, gamma: float, table: Table, value: Floats) -> None:
    """Sets ``value`` (n, S, LANES) to the optimal values of a model in which every state can stay."""
    S = table.order.shape[0]
    for block in range(reward.shape[0]):
        rewards, values = reward[block], value[block]
        for i in range(S):
            store(values, i, load(rewards, i) / fill(1.0 - gamma))
        changed = True
        sweep = 0
        while changed:
            changed = False
            for step in range(S):
                i = step if sweep % 2 == 0 else S - 1 - step
                old = load(values, i)
                top = old
                for k in range(table.choices[i], table.choices[i + 1]):
                    top = larger(load(values, table.successor[k]), top)
                new = load(rewards, i) + gamma * top
                if any_above(new, old):
                    store(values, i, larger(new, old))
                    changed = True
            sweep += 1


@kernel
def with_loops(reward: Floats, gamma: float, table: Table, value: Floats) -> None:
    """The same with a loop over the lanes for each operation."""
    S = table.order.shape[0]
    top = np.empty(LANES)
    for block in range(reward.shape[0]):
        rewards, values = reward[block], value[block]
        for i in range(S):
            for lane in range(LANES):
                values[i, lane] = rewards[i, lane] / (1.0 - gamma)
        changed = True
        sweep = 0
        while changed:
            changed = False
            for step in range(S):
                i = step if sweep % 2 == 0 else S - 1 - step
                for lane in range(LANES):
                    top[lane] = values[i, lane]
                for k in range(table.choices[i], table.choices[i + 1]):
                    s = table.successor[k]
                    for lane in range(LANES):
                        top[lane] = values[s, lane] if values[s, lane] > top[lane] else top[lane]
                risen = False
                for lane in range(LANES):
                    old = values[i, lane]
                    new = rewards[i, lane] + gamma * top[lane]
                    risen = risen | (new > old)
                    values[i, lane] = new if new > old else old
                changed = changed | risen
            sweep += 1


def main() -> None:
    """Measures both and prints their ratio."""
    print(machine())
    for name, blocks in (("maze_7x7", 1000), ("robot_face_20x20", 200)):
        tables = solver_tables(PowerGrid(name).tables())
        table = tables.table(GAMMA)
        reward = np.random.default_rng(0).random((blocks, tables.num_states, LANES))
        values = {"intrinsics": np.empty_like(reward), "loops": np.empty_like(reward)}
        calls = {
            "intrinsics": partial(with_intrinsics, reward, GAMMA, table, values["intrinsics"]),
            "loops": partial(with_loops, reward, GAMMA, table, values["loops"]),
        }
        seconds = interleaved(calls, rounds=15)
        assert np.array_equal(values["intrinsics"], values["loops"])
        micro = {key: 1e6 * time / (blocks * LANES) for key, time in seconds.items()}
        ratio = micro["loops"] / micro["intrinsics"]
        print(f"  {name:18} intrinsics {micro['intrinsics']:.3g} µs, plain loops {micro['loops']:.3g} µs, ×{ratio:.2f}")


if __name__ == "__main__":
    main()
