"""Does who avoids side effects not seek POWER? Rank correlations over all worlds of the suite.

    python examples/side_effects_power.py --samples 1000

Every action in every state is compared with doing nothing in its place: the POWER that it gains, the options that it
loses (truncated relative reachability) and the attainable utility that it loses. Where a world has no action that does
nothing, the uniformly random policy stands in for it.
"""

from __future__ import annotations

import argparse
from typing import Any

import gymnasium as gym
import numpy as np

import power_metrics as pm
from powerenvs import TabularMDP, tabular_model
from powerenvs.registry import environments

LARGEST, BY_CHANCE = 1_200, 150
"""States up to which a world is taken; by chance, reachability of each state is a problem of its own."""
NOTHING = ("noop", "stay")
WITH_NOOPS = ("powerenvs/ConveyorBelt-v0", "powerenvs/Sokoban-v0")
"""Worlds that have such an action if asked."""


def doing_nothing(mdp: TabularMDP) -> str | Any:
    """The name of the action that does nothing, or a random policy."""
    named = [name for name in NOTHING if name in mdp.action_labels]
    everywhere = [name for name in named if (mdp.available | mdp.terminal[:, None])[:, mdp.action_index(name)].all()]
    return everywhere[0] if everywhere else mdp.available / mdp.available.sum(axis=1, keepdims=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=1_000, help="reward functions")
    parser.add_argument("--gamma", type=float, default=0.9, help="discount")
    parser.add_argument("--seed", type=int, default=0, help="of the draws")
    parser.add_argument("--worlds", nargs="+", help="ids; all by default")
    args = parser.parse_args()
    print(f"gamma {args.gamma:g}, {args.samples:,} reward functions, uniform on [0, 1], seed {args.seed}\n")
    print(f"{'world':<46}{'nothing':>8}{'actions':>9}{'POWER lost':>12}{'options lost':>14}{'utility lost':>14}")
    all_found: dict[str, list[list[float]]] = {"an action that does nothing": [], "a random policy": []}
    for entry in environments():
        if args.worlds and entry.id not in args.worlds:
            continue
        for kwargs in entry.variants:
            env = gym.make(
                entry.id, **{**entry.kwargs, **kwargs, **({"noops": True} if entry.id in WITH_NOOPS else {})}
            )
            mdp = tabular_model(env)
            if mdp.num_states > (LARGEST if mdp.deterministic else BY_CHANCE):
                continue
            nothing = doing_nothing(mdp)
            found = pm.side_effect_map(
                env, args.gamma, default=nothing, num_samples=args.samples, seed=args.seed, progress=False
            )
            counted = found.changes & np.isfinite(found.power_gained)
            if not counted.any():
                continue
            falls = (found.power_gained[counted] < -1e-9).mean()
            correlations = found.correlations()
            all_found["an action that does nothing" if isinstance(nothing, str) else "a random policy"].append(
                list(correlations.values())
            )
            title = entry.id.removeprefix("powerenvs/") + "".join(f" {key}={value}" for key, value in kwargs.items())
            told = "".join("             -" if np.isnan(r) else f"{r:>+14.2f}" for r in correlations.values())
            kind = nothing if isinstance(nothing, str) else "random"
            print(f"{title[:45]:<46}{kind:>8}{counted.sum():>9,}{falls:>12.0%}{told}", flush=True)
    print()
    for kind, rows in all_found.items():
        if rows:
            medians = "".join(f"{median:>+14.2f}" for median in np.nanmedian(rows, axis=0))
            print(f"{f'median of {len(rows)} worlds, compared with {kind}':<75}{medians}")


if __name__ == "__main__":
    main()
