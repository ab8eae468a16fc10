"""POWER of two agents beside POWERplay's published figures, and a picture against the correlation of rewards.

    python examples/two_agents_published.py --samples 20000 --out results/two_agents

Prints the tables in docs/two_agents.md. Averages are over all joint states; moves into walls do not exist, as in the
published runs.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NamedTuple

import power_metrics as pm
from power_metrics.plots import plot_correlation_sweep
from powerenvs.worlds.power.pair import PowerPair

CORRELATIONS = (-1.0, -0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0)


class Published(NamedTuple):
    """A published run: POWER of the human and the AI, each without the AI's answer, and alignment."""

    level: str
    gamma: float
    correlation: float
    samples: int
    figures: tuple[str, str, str, str, str]


RUNS = (
    Published("open_3x3", 0.6, 0.0, 20_000, ("0.66625", "0.82003", "0.66497", "0.50024", "-0.510")),
    Published("open_3x3", 0.6, 1.0, 20_000, ("0.91055", "0.91055", "", "", "1.000")),
    Published("maze_7x7", 0.1, 0.0, 500, ("0.6455", "0.7563", "", "", "-0.445")),
)

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--samples", type=int, default=20_000, help="pairs of reward functions for each run of ours")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--out", type=Path, help="also draw POWER and alignment against the correlation, in this folder")


def our_figures(result: pm.MultiagentPower) -> list[str]:
    means = [result.average(agent, baseline=baseline) for baseline in (False, True) for agent in result.agents]
    low, high = result.alignment_interval(0.95)
    alignment = f"{result.alignment:.3f}; {result.alignment_corrected:.3f} ({low:.3f} to {high:.3f})"
    return [*(f"{mean:.5f}" for mean in means), alignment]


def print_row(*cells: object) -> None:
    print(f"| {' | '.join(str(cell) for cell in cells)} |")


def compare_with_published(samples: int, seed: int) -> None:
    print_row("world", "γ", "ρ", "", "pairs", "human", "AI", "human, AI random", "AI random", "alignment")
    print_row(*["---"] * 10)
    for run in RUNS:
        world = (run.level, f"{run.gamma:g}", f"{run.correlation:g}")
        game = PowerPair(run.level, walls="absent").tables()
        ours = pm.multiagent_power(game, run.gamma, correlation=run.correlation, num_samples=samples, seed=seed)
        print_row(*world, "published", f"{run.samples:,}", *run.figures)
        print_row(*world, "ours", f"{samples:,}", *our_figures(ours))
    print()


def sweep_correlations(samples: int, seed: int, picture: Path | None) -> None:
    game = PowerPair("open_3x3", walls="absent").tables()
    results = [pm.multiagent_power(game, 0.6, correlation=c, num_samples=samples, seed=seed) for c in CORRELATIONS]
    print_row("ρ", "human", "AI", "human, AI random", "AI random", "alignment")
    print_row(*["---"] * 6)
    for result in results:
        print_row(f"{result.correlation:g}", *our_figures(result))
    worst = max(float(abs(r["human"].mean + r["ai"].mean - 1).max()) for r in results if r.correlation == -1)
    print(f"\nAt ρ = -1 the two POWERs sum to 1 in every state, to {worst:.0e}.")
    if picture is not None:
        plot_correlation_sweep(results, title="two agents on the open 3×3 grid, γ = 0.6", path=picture)
        print(f"wrote {picture}")


def main(settings: argparse.Namespace) -> None:
    compare_with_published(settings.samples, settings.seed)
    picture = None if settings.out is None else settings.out / "two_agents_correlation.png"
    sweep_correlations(settings.samples, settings.seed, picture)


if __name__ == "__main__":
    main(parser.parse_args())
