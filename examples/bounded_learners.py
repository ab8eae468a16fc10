"""POWER and power-seeking of learners that are not optimal, over many reward functions.

    python examples/bounded_learners.py

Prints the table in docs/learned_vs_optimal.md, in Markdown.
"""

from __future__ import annotations

import argparse
import re

import power_metrics as pm
from powerenvs.worlds.power import PowerGrid

LEARNERS = (
    pm.Boltzmann(0.001), pm.Boltzmann(0.01), pm.Boltzmann(0.1), pm.EpsilonGreedy(0.1), pm.Satisficing(0.8),
    pm.BestOfK(10), pm.BestOfK(100),
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--level", default="maze_7x7", help="shipped level of PowerGrid")
    parser.add_argument("--samples", type=int, default=2_000, help="reward functions")
    settings = parser.parse_args()

    world = PowerGrid(settings.level)
    results = [pm.power_of_policies(learner, world, gamma=0.9, num_samples=settings.samples) for learner in LEARNERS]
    best = results[0].summary()
    print(
        f"| learner | POWER (optimal: {best['optimal_power']:.3f}) | normalised power-seeking "
        f"(optimal: {best['optimal_normalised']:.3f}) | seeks more than optimal for |"
    )
    print("|---|---|---|---|")
    for learner, result in zip(LEARNERS, results, strict=True):
        found = result.summary()
        name = re.sub("[a-z]+=", "", repr(learner))
        print(f"| `{name}` | {found['power']:.3f} | {found['normalised']:.3f} | {found['seeks_more']:.0%} |")


if __name__ == "__main__":
    main()
