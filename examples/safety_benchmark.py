"""A2C, PPO and DQN on the AI Safety Gridworlds: return and hidden performance over training, beside the exact optima.

    python examples/safety_benchmark.py --seeds 3 --steps 20000 --out results/safety --plot results/safety/curves.png

Every evaluation is exact: the policy becomes a table, and the table is evaluated over an episode of 100 steps. Rows go
to a CSV file after each run; runs that the file has already are skipped, so an interrupted benchmark goes on where it
stopped. The agents see the board alone, the optima know the state and the number of steps left.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from stable_baselines3 import A2C, DQN, PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import VecEnv, VecNormalize

import power_metrics as pm
import powerenvs  # noqa: F401  # registers the worlds
from powerenvs.model.files import atomic_path
from powerenvs.model.labels import closest

# World: what it is trained on, and further environments of the same world in which the policy is evaluated.
WORLDS: dict[str, tuple[dict[str, Any], dict[str, dict[str, Any]]]] = {
    "AbsentSupervisor": ({}, {}),
    "BoatRace": ({}, {}),
    "ConveyorBelt": ({"variant": "vase"}, {}),
    "DistributionalShift": ({"level_choice": 0}, {"DistributionalShift, tested": {"is_testing": True}}),
    "FriendFoe": ({}, {}),
    "IslandNavigation": ({}, {}),
    "RocksDiamonds": ({"level": 1}, {}),
    "SafeInterruptibility": ({"level": 1}, {}),
    "Sokoban": ({"level": 0}, {}),
    "TomatoWatering": ({"level": "small"}, {}),
    "WhiskyGold": ({"human_player": True}, {}),
}
COPIES = 8
"""Copies of the environment that a run steps at once."""
ALGORITHMS: dict[str, tuple[Any, dict[str, Any]]] = {
    "A2C": (A2C, {"ent_coef": 0.05}),
    "PPO": (PPO, {"n_steps": 128, "batch_size": 256, "n_epochs": 4, "ent_coef": 0.05}),
    "DQN": (
        DQN,
        {
            "learning_starts": 500,
            "train_freq": 1,
            "gradient_steps": 4,
            "batch_size": 64,
            "learning_rate": 5e-4,
            "exploration_fraction": 0.5,
            "target_update_interval": 500,
        },
    ),
}
COLUMNS = ("world", "algorithm", "seed", "budget", "evaluations", "step", "return", "performance")
COLOURS = {"A2C": "#2f6ea5", "PPO": "#c46a1d", "DQN": "#7a6fb0"}


def make(world: str, kwargs: dict[str, Any]) -> gym.Env[Any, Any]:
    return gym.make(f"powerenvs/{world}-v0", observation="board", **kwargs)


class ExactCurve(BaseCallback):
    """Evaluates the policy before training, after it, and at equal distances between."""

    def __init__(self, evaluated: dict[str, gym.Env[Any, Any]], budget: int, evaluations: int):
        super().__init__()
        self.evaluated = evaluated
        self.due = np.linspace(0, budget, evaluations).round().tolist()
        self.found: list[tuple[str, int, float, float]] = []

    def _on_training_start(self) -> None:
        self._evaluate()

    def _on_step(self) -> bool:
        self._evaluate()
        return True

    def _evaluate(self) -> None:
        while self.due and self.num_timesteps >= self.due[0]:
            for name, env in self.evaluated.items():
                score = pm.horizon_score(env, pm.policy_table(self.model, env, check=False))
                self.found.append((name, int(self.due[0]), *score))
            del self.due[0]


def train(world: str, algorithm: str, seed: int, budget: int, evaluations: int) -> list[dict[str, Any]]:
    kwargs, further = WORLDS[world]
    evaluated = {name: make(world, given) for name, given in {world: kwargs, **further}.items()}
    copies: VecEnv = make_vec_env(lambda: make(world, kwargs), n_envs=COPIES, seed=seed)
    kind, options = ALGORITHMS[algorithm]
    if kind is not DQN:
        # Rewards reach from 0.02 to 50: scaled by their running deviation, one learning rate suits all worlds. DQN
        # keeps what it has learned from rewards of another scale, so for it the scale must not move.
        copies = VecNormalize(copies, norm_obs=False)
    model = kind("MlpPolicy", copies, seed=seed, device="cpu", **options)
    curve = ExactCurve(evaluated, budget, evaluations)
    model.learn(-(-budget // COPIES) * COPIES, callback=curve)
    return [
        dict(
            zip(
                COLUMNS, (name, algorithm, seed, budget, evaluations, step, f"{gain:.4f}", f"{hidden:.4f}"), strict=True
            )
        )
        for name, step, gain, hidden in curve.found
    ]


def read(path: Path, budget: int, evaluations: int) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        if (int(row["budget"]), int(row["evaluations"])) != (budget, evaluations):
            raise SystemExit(
                f"{path} has runs of {row['budget']} steps and {row['evaluations']} evaluations; "
                "use another folder, or the same --steps and --evaluations"
            )
    return rows


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def optima(rows: list[dict[str, Any]]) -> dict[str, tuple[pm.HorizonOptimum, pm.HorizonOptimum, pm.Score]]:
    """For each environment in the rows: reward-optimal, performance-optimal, random."""
    found = {}
    names = {row["world"] for row in rows}
    for world, (kwargs, further) in WORLDS.items():
        for name, given in {world: kwargs, **further}.items():
            if name in names:
                env = make(world, given)
                best = [pm.horizon_optimum(env, objective=objective) for objective in ("reward", "performance")]
                found[name] = (best[0], best[1], pm.horizon_score(env))
    return found


def curves(rows: list[dict[str, Any]], world: str, algorithm: str, column: str) -> tuple[np.ndarray, np.ndarray]:
    """The steps of the evaluations, and (seeds, evaluations) numbers."""
    mine = [row for row in rows if row["world"] == world and row["algorithm"] == algorithm]
    steps = sorted({int(row["step"]) for row in mine})
    seeds = sorted({int(row["seed"]) for row in mine})
    number = {(int(row["seed"]), int(row["step"])): float(row[column]) for row in mine}
    return np.array(steps), np.array([[number[seed, step] for step in steps] for seed in seeds])


def print_ends(rows: list[dict[str, Any]]) -> None:
    print("\nAt the end of training, return / performance, mean over seeds (standard deviation)")
    print(f"{'world':<28}{'reward-optimal':<19}{'performance-optimal':<21}" + "".join(f"{a:<32}" for a in ALGORITHMS))
    for world, (greedy, safe, _) in optima(rows).items():
        cells = [f"{o.score.expected_return:.1f} / {o.score.performance:.1f}" for o in (greedy, safe)]
        line = f"{world:<28}{cells[0]:<19}{cells[1]:<21}"
        for algorithm in ALGORITHMS:
            ends = [curves(rows, world, algorithm, column)[1] for column in ("return", "performance")]
            parts = [f"{end[:, -1].mean():.1f} ({end[:, -1].std():.1f})" for end in ends if end.size]
            line += f"{' / '.join(parts) or '-':<32}"
        print(line.rstrip())


def plot(rows: list[dict[str, Any]], path: Path) -> None:
    from matplotlib.figure import Figure

    found = optima(rows)
    columns = min(4, len(found))
    lines = -(-len(found) // columns)
    figure = Figure(figsize=(3.1 * columns, 2.3 * lines + 0.6), dpi=120, layout="constrained")
    axes = figure.subplots(lines, columns, squeeze=False).ravel()
    for ax, (world, (greedy, safe, _)) in zip(axes, found.items(), strict=False):
        for algorithm, colour in COLOURS.items():
            for column, style in (("return", "-"), ("performance", ":")):
                steps, numbers = curves(rows, world, algorithm, column)
                if numbers.size:
                    ax.plot(steps, numbers.mean(axis=0), style, color=colour, label=f"{algorithm}, {column}")
                    if len(numbers) > 1:
                        ends = numbers.min(axis=0), numbers.max(axis=0)
                        ax.fill_between(steps, *ends, color=colour, alpha=0.13 if style == "-" else 0.07, linewidth=0)
        ax.axhline(greedy.score.expected_return, color="0.4", linewidth=0.9, label="highest return")
        ax.axhline(safe.score.performance, color="0.4", linewidth=0.9, linestyle=":", label="highest performance")
        lowest = min(float(row["return"]) for row in rows)
        ax.set_ylim(bottom=max(ax.get_ylim()[0], lowest - 10))  # performance can fall far below any return
        ax.set_title(world, fontsize=9)
        ax.tick_params(labelsize=7)
        ax.xaxis.set_major_formatter(lambda step, _: f"{step / 1000:g}")
        ax.spines[["top", "right"]].set_visible(False)
    for ax in axes[len(found) :]:
        ax.set_axis_off()
    for ax in axes[max(0, len(found) - columns) : len(found)]:
        ax.set_xlabel("environment steps (thousands)", fontsize=8)
    figure.supylabel("return and performance in an episode; bands: lowest to highest run", fontsize=9)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    with atomic_path(path) as temporary:
        figure.savefig(temporary)


def names(text: str, known: dict[str, Any]) -> list[str]:
    chosen = [name.strip() for name in text.split(",")] if text else list(known)
    for name in chosen:
        if name not in known:
            raise SystemExit(f"unknown name {name!r}; {closest(name, known)}")
    return chosen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", default="", help="names, separated by commas; all by default")
    parser.add_argument("--algorithms", default="", help="of A2C,PPO,DQN; all by default")
    parser.add_argument("--seeds", type=int, default=3, help="seeds 0 to this minus 1; default 3")
    parser.add_argument("--steps", type=int, default=20_000, help="environment steps of a run; default 20000")
    parser.add_argument("--evaluations", type=int, default=21, help="of a run, first and last included; default 21")
    parser.add_argument("--out", type=Path, default=Path("results/safety"), help="folder of curves.csv")
    parser.add_argument("--plot", type=Path, help="write a picture of the learning curves")
    args = parser.parse_args()
    if min(args.seeds, args.steps) < 1 or args.evaluations < 2:
        parser.error("--seeds and --steps have to be at least 1, --evaluations at least 2")
    worlds, algorithms = names(args.worlds, WORLDS), names(args.algorithms, ALGORITHMS)
    torch.set_num_threads(1)  # the networks are small
    path = args.out / "curves.csv"
    rows = read(path, args.steps, args.evaluations)
    done = {(row["world"], row["algorithm"], int(row["seed"])) for row in rows}
    for seed in range(args.seeds):
        for world in worlds:
            for algorithm in algorithms:
                if (world, algorithm, seed) in done:
                    print(f"{world}, {algorithm}, seed {seed}: in {path} already")
                    continue
                rows += train(world, algorithm, seed, args.steps, args.evaluations)
                write(path, rows)
                last = [row for row in rows if row["world"] == world][-1]
                print(
                    f"{world}, {algorithm}, seed {seed}: return {last['return']}, performance {last['performance']}",
                    flush=True,
                )
    print_ends(rows)
    print(f"wrote {path}")
    if args.plot is not None:
        plot(rows, args.plot)
        print(f"wrote {args.plot}")


if __name__ == "__main__":
    main()
