"""How many reward functions each sampling method needs, against plain Monte Carlo with the same standard error.

python tests/benchmarks/bench_sampling.py. Prints, for the maze and the robot face, the variance that plain Monte
Carlo would have with as many reward functions divided by what the method has: the ratio of reward functions for the
same error. Errors of the Sobol methods are averaged over seeds, since 16 scramblings alone tell them to 18 %.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

import power_metrics as pm
from powerenvs import compile_world
from powerenvs.worlds.power import PowerGrid

METHODS = {
    "antithetic": {"method": "antithetic"},
    "sobol": {"method": "sobol"},
    "control variates": {"control_variates": True},
    "sobol, control variates": {"method": "sobol", "control_variates": True},
}


def main() -> None:
    """Prints a table for each world."""
    for level, count, seeds in (("maze_7x7", 16_384, 8), ("robot_face_20x20", 4096, 2)):
        mdp = compile_world(PowerGrid(level=level))
        print(f"\n{level}, {mdp.num_states} states, {count:,} reward functions: fewer than Monte Carlo by")
        print("| γ | " + " | ".join(METHODS) + " | CPU time a reward function, Monte Carlo and the last |")
        for gamma in (0.1, 0.9, 0.99):
            plain = pm.power(mdp, gamma, num_samples=count, progress=False)
            variance = np.mean(plain.standard_error**2) * plain.num_samples
            cells = []
            for options in METHODS.values():
                pm.power(mdp, gamma, num_samples=256, progress=False, **options)  # compiles
                start, found = time.process_time(), []
                for seed in range(seeds):
                    found.append(pm.power(mdp, gamma, num_samples=count, seed=seed, progress=False, **options))
                cost = (time.process_time() - start) / seeds / found[0].num_samples
                ratio = variance / np.mean([np.mean(f.standard_error**2) * f.num_samples for f in found])
                cells.append(f"{ratio:.1f}")
            print(
                f"| {gamma} | " + " | ".join(cells) + f" | {plain.cpu_seconds / count * 1e6:.1f}, {cost * 1e6:.1f} µs |"
            )


if __name__ == "__main__":
    main()
