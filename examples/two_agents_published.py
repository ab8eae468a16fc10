"""POWER of two agents beside POWERplay's published figures, and a picture against the correlation of rewards.

    python examples/two_agents_published.py --samples 20000

Prints the table in docs/two_agents.md. Published averages are over all joint states of the 3×3 grid at γ = 0.6.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import power_metrics as pm
import powerenvs
from power_metrics.plots import plot_correlation_sweep
from powerenvs.worlds.power import PowerGrid

PUBLISHED = {
    0.0: (0.66625, 0.82003, 0.66497, 0.50024, -0.510),
    1.0: (0.91055, 0.91055, None, None, 1.0),
}
CORRELATIONS = (-1.0, -0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=20_000, help="pairs of reward functions for each correlation")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plot", type=Path, help="also draw POWER and alignment against the correlation there")
    settings = parser.parse_args()

    mover = PowerGrid("open_3x3", walls="absent").tables()
    game = powerenvs.product_game(mover, mover, agents=("human", "ai"))
    results = {
        rho: pm.multiagent_power(game, 0.6, correlation=rho, num_samples=settings.samples, seed=settings.seed)
        for rho in (CORRELATIONS if settings.plot else (-1.0, 0.0, 1.0))
    }
    print("| correlation | | human | ai | human, ai at random | ai at random | alignment (95 % interval) |")
    print("|---|---|---|---|---|---|---|")
    for rho in (-1.0, 0.0, 1.0):
        result = results[rho]
        if rho in PUBLISHED:
            cells = ["" if number is None else f"{number:.5f}" for number in PUBLISHED[rho][:4]]
            print(f"| {rho:g} | published | " + " | ".join(cells) + f" | {PUBLISHED[rho][4]:.3f} |")
        means = [result.average(a, baseline=b) for b in (False, True) for a in ("human", "ai")]
        low, high = result.alignment_interval(0.95)
        print(
            f"| {rho:g} | ours | " + " | ".join(f"{mean:.5f}" for mean in means) + f" | {result.alignment:.3f} "
            f"({low:.3f} to {high:.3f}) |"
        )
    errors = [float(result[agent].standard_error.max()) for result in results.values() for agent in result.agents]
    print(f"\n{settings.samples:,} pairs of reward functions each; standard error of a state at most {max(errors):.5f}")
    if settings.plot:
        plot_correlation_sweep(list(results.values()), path=settings.plot)
        print(f"wrote {settings.plot}")


if __name__ == "__main__":
    main()
