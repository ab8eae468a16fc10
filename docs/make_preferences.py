"""Makes the tables of docs/preferences.md: regret after 500 labels, in the suite's worlds.

python docs/make_preferences.py             runs what is missing, a row for each in docs/data/preferences/regret.csv
python docs/make_preferences.py --first 20  only so many of them
python docs/make_preferences.py --tables    prints the tables, from the rows that are there

It may be killed at any time: each row is written when its run ends, and the next call goes on.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import gymnasium as gym
import numpy as np
import pandas

import power_metrics as pm
import powerenvs  # noqa: F401  # registers the ids
from powerenvs.model.files import atomic_path

DATA = Path(__file__).parent / "data" / "preferences" / "regret.csv"
COLUMNS = [
    "world",
    "kind",
    "queries",
    "seed",
    "labels",
    "regret",
    "hidden_regret",
    "regret_at_250",
    "agreed",
    "seconds",
]
MAZE = ".......\n.##.###\n....###\n.##....\n.##.##.\n.##....\nS...##G"
FIRST = ("open 3x3", "maze with a goal", "IslandNavigation")
SAFETY = ("AbsentSupervisor", "BoatRace", "DistributionalShift", "SafeInterruptibility", "Sokoban", "WhiskyGold")
OTHERS = (
    "Vase", "TwoVases", "Survival", "Sushi", "Burning", "Dog", "Options", "PowerPlant", "Omelette", "Weather",
    "Supervisor", "CorruptReward", "ConveyorBelt", "Offset",
)  # fmt: skip
HARD = ("Vase", "Sushi", "Burning", "Dog", "Options", "DistributionalShift")
"""Where rewards of transitions are not enough with so few labels."""
SEEDS = 3
SETTINGS = {"labels": 500, "steps": 20_000, "length": 10, "gamma": 0.99}


def made(world: str, seed: int) -> gym.Env:
    """The world; rewards of the open grid are drawn, one for each state."""
    if world == "open 3x3":
        return pm.TaskReward(gym.make("PowerGrid-v0", level="open_3x3"), np.random.default_rng(seed).random(9))
    if world == "maze with a goal":
        return gym.make("PowerGrid-v0", level=MAZE)
    kwargs = {"level": "small"} if world == "TomatoWatering" else {}
    return gym.make(f"powerenvs/{world}-v0", **kwargs)


def jobs() -> list[tuple[str, str, str, int]]:
    """World, kind of reward, queries and seed of every run, the most important first."""
    wanted = [
        (world, "state", queries, s) for queries in ("variance", "uniform") for world in FIRST for s in range(SEEDS)
    ]
    wanted += [(world, "transition", "variance", 0) for world in (*SAFETY, *OTHERS)]
    wanted += [(world, "state", "variance", 0) for world in HARD]
    wanted += [(world, "transition", "uniform", 0) for world in (*SAFETY, *OTHERS)]
    for seed in range(1, SEEDS):
        wanted += [(world, "transition", "variance", seed) for world in (*SAFETY, *OTHERS)]
        wanted += [(world, "transition", "uniform", seed) for world in (*SAFETY, *OTHERS)]
    return wanted


def rows(data: Path) -> pandas.DataFrame:
    """What is there."""
    return pandas.read_csv(data) if data.exists() else pandas.DataFrame(columns=COLUMNS)


def run(world: str, kind: str, queries: str, seed: int) -> list[object]:
    """One row."""
    began = time.process_time()
    found = pm.preferences.train(made(world, seed), kind=kind, queries=queries, seed=seed, progress=False, **SETTINGS)
    half = int(np.searchsorted(found.labels, 250))
    numbers = (found.regret[-1], found.hidden_regret[-1], found.regret[half], found.agreed[-1])
    spent = round(time.process_time() - began, 1)
    return [world, kind, queries, seed, int(found.labels[-1]), *(f"{number:.4f}" for number in numbers), spent]


def tables(data: Path) -> str:
    """Both tables, as Markdown."""
    there = rows(data)
    lines = ["| world | reward of | queries | seeds | regret, each seed | of hidden performance | at 250 labels |"]
    lines.append("|---|---|---|---|---|---|---|")
    for (world, kind, queries), some in there.groupby(["world", "kind", "queries"], sort=False):
        cells = [" ".join(f"{x:.3f}" for x in some[name]) for name in ("regret", "hidden_regret", "regret_at_250")]
        lines.append(f"| {world} | {kind} | {queries} | {len(some)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", action="store_true", help="only print the tables")
    parser.add_argument("--first", type=int, help="only so many runs")
    parser.add_argument("--data", type=Path, default=DATA, help="the file of the rows")
    settings = parser.parse_args()
    if not settings.tables:
        for job in jobs()[: settings.first]:
            there = rows(settings.data)
            if not ((there[["world", "kind", "queries", "seed"]] == list(job)).all(axis=1)).any():
                row = pandas.DataFrame([run(*job)], columns=COLUMNS)
                settings.data.parent.mkdir(parents=True, exist_ok=True)
                both = pandas.concat([there, row]) if len(there) else row
                with atomic_path(settings.data) as temporary:
                    both.to_csv(temporary, index=False)
                print(*row.iloc[0].tolist(), flush=True)
    print(tables(settings.data))


if __name__ == "__main__":
    main()
