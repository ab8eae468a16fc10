"""Within which budget of steps does each learner come to 95 % of the optimum?

    python examples/learner_budgets.py --out results/budgets

Three worlds, three seeds, policies measured exactly. Runs are kept in a folder, and the same command goes on where it
was stopped; worlds and algorithms may be added later. IMPALA needs an extra: pip install 'powerenvs[rllib]'.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pandas as pd

import power_metrics as pm
import powerenvs

WORLDS: dict[str, tuple[str, dict[str, Any], float]] = {
    "open 3x3": ("PowerGrid-v0", {"level": "S..\n...\n..G", "max_episode_steps": 30}, 0.9),
    "four_rooms": ("PowerGrid-v0", {"level": "four_rooms", "max_episode_steps": 100}, 0.99),
    "island": ("powerenvs/IslandNavigation-v0", {}, 0.9),
}
"""{world: its id, arguments, and the discount}."""
HOPEFUL = {"initial_value": 0.5, "learning_rate": 0.5, "decay": 0.0}
"""Of tables where the reward is far: what has not been tried yet seems good."""
NEAR = dict.fromkeys(
    ("q_learning", "sarsa", "vector_dqn", "vector_noisy_dqn", "rainbow", "vector_ppo", "vector_a2c"), (10_000, {})
)
BUDGETS: dict[str, dict[str, tuple[int, dict[str, Any]]]] = {
    "open 3x3": {
        **NEAR, "ppo": (10_000, {}), "a2c": (10_000, {}), "noisy_a2c": (10_000, {}), "dqn": (10_000, {}),
        "noisy_dqn": (10_000, {}), "qr_dqn": (10_000, {}), "impala": (20_000, {}),
    },
    "four_rooms": {
        "q_learning": (100_000, HOPEFUL), "sarsa": (100_000, HOPEFUL), "vector_ppo": (300_000, {}),
        "vector_a2c": (500_000, {}),
    },
    "island": {
        **NEAR, "ppo": (20_000, {}), "a2c": (20_000, {}), "noisy_a2c": (20_000, {}), "dqn": (20_000, {}),
        "noisy_dqn": (20_000, {}), "qr_dqn": (20_000, {}), "impala": (20_000, {}),
    },
}  # fmt: skip
"""{world: {algorithm: steps, and settings instead of the registry's}}."""
COLUMNS = ("world", "algorithm", "seeds", "budget", "reached", "last", "score")

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--worlds", nargs="+", choices=list(WORLDS), default=list(WORLDS), metavar="WORLD")
parser.add_argument("--algorithms", nargs="+", metavar="NAME", help="all that have a budget when left out")
parser.add_argument("--seeds", type=int, default=3)
parser.add_argument("--steps", type=int, help="instead of the budgets, to try it out")
parser.add_argument("--workers", type=int, default=1, help="runs at a time")
parser.add_argument("--out", type=Path, default=Path("results/budgets"))


def main(args: argparse.Namespace) -> None:
    print(f"powerenvs {powerenvs.__version__}; {args.seeds} seeds; 95 % of the optimum, 0 being the random policy\n")
    heads = ("world", "algorithm", "budget", "reached by", "last at", "least score at the end")
    print("{:<11} {:<17} {:>8} {:>11} {:>9} {:>23}".format(*heads))
    rows = []
    for world in args.worlds:
        identity, arguments, gamma = WORLDS[world]
        for algorithm, (budget, settings) in BUDGETS[world].items():
            if args.algorithms is not None and algorithm not in args.algorithms:
                continue
            found = pm.train_many(
                {world: (identity, arguments)}, [algorithm], args.seeds, steps=args.steps or budget, gamma=gamma,
                settings={algorithm: settings}, workers=args.workers, out=args.out, progress=False,
            )  # fmt: skip
            reached, score = found.reached[0, 0], found.last(found.score)[0, 0]
            there = int((reached == reached).sum())
            last = int(reached.max()) if there == args.seeds else None
            rows.append((world, algorithm, args.seeds, args.steps or budget, there, last, float(score.min())))
            print(
                f"{world:<11} {algorithm:<17} {rows[-1][3]:>8,} {f'{there} of {args.seeds}':>11} "
                f"{'' if last is None else f'{last:,}':>9} {score.min():>23.3f}",
                flush=True,
            )
            args.out.mkdir(parents=True, exist_ok=True)
            table = pd.DataFrame(rows, columns=COLUMNS).astype({"last": "Int64"})
            table.to_csv(args.out / "budgets.csv", index=False, float_format="%.4f")
    settings = {world: {name: own for name, (_, own) in BUDGETS[world].items() if own} for world in args.worlds}
    print(f"\nsettings that are not the registry's: {json.dumps(settings)}\nwrote {args.out}/budgets.csv")


if __name__ == "__main__":
    main(parser.parse_args())
