"""Known values of POWER beside ours: from papers, and what POWERplay published.

    python examples/known_values.py --samples 200000

Prints a table in Markdown, the one in docs/power.md: the known value, ours in closed form (exact), and ours by Monte
Carlo, with z, its difference from the closed form in standard errors.
"""

from __future__ import annotations

import argparse

import power_metrics as pm
from powerenvs import TabularMDP
from powerenvs.worlds.power import PowerGrid, turner_figure_1


def fan(children: int) -> TabularMDP:
    """A root with absorbing children."""
    edges = [("root", i, i, 1.0) for i in range(children)] + [(i, i, i, 1.0) for i in range(children)]
    return TabularMDP.from_transitions(edges, state_labels=("root", *range(children)))


def complete(states: int) -> TabularMDP:
    """Every state leads to every state."""
    return TabularMDP.from_transitions([(s, t, t, 1.0) for s in range(states) for t in range(states)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=200_000, help="reward functions for each value")
    parser.add_argument("--seed", type=int, default=0)
    settings = parser.parse_args()

    grid, figure = PowerGrid("open_3x3").tables(), turner_figure_1()
    cases = [
        ("Turner et al. figure 1, empty", figure, "empty", 0.5, 1 / 2),
        ("Turner et al. figure 1, r_se", figure, "r_se", 0.9, 2 / 3),
        ("Turner et al. figure 1, l_sw", figure, "l_sw", 0.5, 11 / 18),
        ("Turner et al. figure 1, l_nw", figure, "l_nw", 0.5, 5 / 9),
        ("root with 4 absorbing children", fan(4), "root", 0.9, 4 / 5),
        ("complete graph, 5 states", complete(5), 0, 0.9, 5 / 6),
        ("open 3×3, corner", grid, (0, 0), 0.9, 0.867),
        ("open 3×3, edge", grid, (0, 1), 0.9, 0.877),
        ("open 3×3, centre", grid, (1, 1), 0.9, 0.888),
        ("open 3×3, corner; POWERplay, 50,000 samples", grid, (0, 0), 0.6, 0.80481),
        ("open 3×3, edge; POWERplay, 50,000 samples", grid, (0, 1), 0.6, 0.83523),
        ("open 3×3, centre; POWERplay, 50,000 samples", grid, (1, 1), 0.6, 0.86181),
    ]
    print("| state | γ | known | closed form | Monte Carlo | standard error | z |")
    print("|---|---|---|---|---|---|---|")
    exact: dict[tuple[str, float], pm.PowerEstimate] = {}
    for name, mdp, state, gamma, known in cases:
        drawn = pm.power(mdp, gamma=gamma, num_samples=settings.samples, seed=settings.seed)
        key = mdp.fingerprint, gamma
        if key not in exact:
            exact[key] = pm.power(mdp, gamma=gamma, method="closed_form")
        s = mdp.index(state)
        value, mean, error = exact[key].mean[s], drawn.mean[s], drawn.standard_error[s]
        z = (mean - value) / error
        print(f"| {name} | {gamma} | {known:.5f} | {value:.5f} | {mean:.5f} | {error:.5f} | {z:+.1f} |")


if __name__ == "__main__":
    main()
