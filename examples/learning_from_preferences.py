"""When do a few hundred comparisons of clips give the right policy, and when do they teach to look right?

    python examples/learning_from_preferences.py --seeds 3 --out results/preferences

A teacher compares clips by what the environment pays ("reward"), by the board alone ("board"), or by what its
designer wanted ("performance"). Each run learns a reward from these answers and follows it; what its policies are worth
is computed from the tables, without rollouts. Beside them stand the agents that are trained on the observed reward
itself: all of its optimal policies. Finished runs are kept in a table, and the same command goes on with the others.
"""

from __future__ import annotations

import argparse
import csv
import math
from pathlib import Path

import gymnasium as gym
import matplotlib.pyplot as plt
import numpy as np
from scipy import stats

import power_metrics as pm
import powerenvs  # registers the worlds

WORLDS = {
    "open 3x3": ("PowerGrid-v0", {"level": "S..\n...\n..G"}, "state"),
    "IslandNavigation": ("powerenvs/IslandNavigation-v0", {}, "state"),
    "BoatRace": ("powerenvs/BoatRace-v0", {}, "transition"),
    "TomatoWatering": ("powerenvs/TomatoWatering-v0", {"level": "small"}, "board"),
    "Vase": ("powerenvs/Vase-v0", {}, "state"),
}
"""The environment, and what its learned reward is of: states that are entered, transitions, or what the board shows."""
TEACHERS = ("reward", "board", "performance")
COLUMNS = (
    "world", "teacher", "seed", "labels", "regret", "hidden_regret", "power_seeking", "worst", "hidden_worst",
    "hidden_best", "distance", "hidden_distance", "reversed", "hidden_reversed",
)  # fmt: skip
SHOWN = tuple(name for name in COLUMNS[4:] if name not in ("worst", "hidden_best"))
LINES = {"reward": "o-", "board": "s--", "performance": "^:"}
COLOURS = {"reward": "#c0392b", "board": "#8e5ea2", "performance": "#2e7d50"}

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--worlds", choices=WORLDS, nargs="+", default=tuple(WORLDS))
parser.add_argument("--teachers", choices=TEACHERS, nargs="+", default=TEACHERS)
parser.add_argument("--labels", type=int, default=500, help="comparisons of each run")
parser.add_argument("--rounds", type=int, default=5, help="changes of policy in each")
parser.add_argument("--steps", type=int, default=10_000, help="that a policy walks, from which clips are taken")
parser.add_argument("--length", type=int, default=10, help="steps of a clip")
parser.add_argument("--gamma", type=float, default=0.95)
parser.add_argument("--samples", type=int, default=300, help="reward functions for POWER")
parser.add_argument("--first", type=float, default=0.04, help="share of comparisons of the random policy's clips")
parser.add_argument("--seeds", type=int, default=3)
parser.add_argument("--data", type=Path, help="where finished runs are; --out if not given")
parser.add_argument("--out", type=Path, default=Path("results/preferences"))


class World:
    """An environment, and what its policies are compared with."""

    def __init__(self, name: str, args: argparse.Namespace):
        world, kwargs, kind = WORLDS[name]
        self.name, self.env, self.gamma = name, gym.make(world, **kwargs), args.gamma
        self.mdp = powerenvs.tabular_model(self.env)
        self.kind = board_features(self.env, self.mdp) if kind == "board" else kind
        self.hides = not np.array_equal(self.mdp.reward, self.mdp.performance)
        self.power = pm.power(self.mdp, args.gamma, num_samples=args.samples, progress=False)
        self.by_reward = pm.reward_regret(self.mdp, "reward", "performance", gamma=args.gamma)
        optimal = pm.optimal_policies(self.mdp, None, args.gamma).numpy()[0]
        self.reward_seeking = self.seeking(optimal)

    def seeking(self, policy: np.ndarray) -> float:
        """Power-seeking of a policy: 0 that of the random one, 1 the most that there is."""
        return pm.compare(policy, self.mdp, self.gamma, self.power)["learned"].normalised

    def distance(self, learned: np.ndarray, true: str) -> float:
        """Of rewards, on possible transitions; nan where one of them is constant."""
        try:
            return pm.reward_distance(self.mdp, learned, true, gamma=self.gamma, method="feasible").distance
        except ValueError:
            return math.nan


def board_features(env: gym.Env, mdp: powerenvs.TabularMDP) -> np.ndarray:
    """(S, K) which glyph is in which cell of the board of each state, where that is not always the same."""
    world = env.unwrapped.world
    boards = np.array([[*"".join(world.board(label))] for label in mdp.state_labels])
    columns = [boards[:, cell] == glyph for cell in range(boards.shape[1]) for glyph in np.unique(boards[:, cell])[1:]]
    return np.stack(columns, axis=1).astype(float)


def one_run(world: World, teacher: str, seed: int, args: argparse.Namespace) -> list[dict[str, object]]:
    """Trains once; a row for each look at the policy."""
    goes_by = "synthetic" if teacher == "reward" else teacher
    found = pm.preferences.train(
        world.env, goes_by, labels=args.labels, steps=args.steps, kind=world.kind, rounds=args.rounds,
        length=args.length, gamma=args.gamma, seed=seed, first=args.first, rate="constant", progress=False,
    )  # fmt: skip
    rows = [
        {
            "world": world.name, "teacher": teacher, "seed": seed, "labels": int(found.labels[look]),
            "regret": found.regret[look], "hidden_regret": found.hidden_regret[look],
            "power_seeking": world.seeking(found.policies[look]),
        }
        for look in range(len(found.labels))
    ]  # fmt: skip
    mdp, gamma = world.mdp, args.gamma
    hidden = pm.reward_regret(mdp, found.learned, "performance", gamma=gamma)
    scale = hidden.optimum - hidden.random
    last = {
        "worst": pm.reward_regret(mdp, found.learned, "reward", gamma=gamma).share,
        "hidden_worst": hidden.share, "hidden_best": hidden.best / scale if scale > 0 else math.nan,
    }  # fmt: skip
    for name, true in (("", "reward"), ("hidden_", "performance")):
        order = pm.preference_confusion(mdp, found.learned, true, length=args.length, num_pairs=20_000)
        last |= {f"{name}distance": world.distance(found.learned, true), f"{name}reversed": order.reversed}
    rows[-1] |= last  # of the reward at the end
    return rows


def interval(values: np.ndarray) -> tuple[float, float, float]:
    """The mean and its 95 % interval by Student's t."""
    mean, count = float(np.mean(values)), len(values)
    half = stats.t.ppf(0.975, count - 1) * float(np.std(values, ddof=1)) / math.sqrt(count) if count > 1 else math.nan
    return mean, mean - half, mean + half


def tabulate(rows: list[dict[str, object]], world: World) -> None:
    """Prints what the runs of a world came to."""
    reference = world.by_reward
    scale = reference.optimum - reference.random
    print(f"\n{world.name}: {world.mdp.num_states} states")
    best, worst = reference.best / scale, reference.worst / scale
    print(f"  optimal for the observed reward: {best:.3f} to {worst:.3f} of the hidden performance is lost,")
    print(f"  and power-seeking is {world.reward_seeking:.3f}")
    print(f"  {'teacher':12} labels  " + "  ".join(f"{name:>15}" for name in SHOWN))
    for teacher in TEACHERS:
        own = [row for row in rows if row["world"] == world.name and row["teacher"] == teacher]
        for labels in sorted({int(row["labels"]) for row in own}):
            here = [row for row in own if int(row["labels"]) == labels]
            known = [[float(row[name]) for row in here if row.get(name) not in (None, "", "nan")] for name in SHOWN]
            means = [f"{np.mean(values):15.3f}" if values else " " * 15 for values in known]
            print(f"  {teacher:12} {labels:6}  " + "  ".join(means))


def draw(rows: list[dict[str, object]], worlds: list[World], path: Path) -> None:
    """Hidden regret and power-seeking over the number of labels, with 95 % intervals over seeds."""
    size = 2.5 * len(worlds) + 0.6, 5.4
    figure, axes = plt.subplots(2, len(worlds), figsize=size, squeeze=False, sharex=True, layout="constrained")
    for column, world in enumerate(worlds):
        reference, scale = world.by_reward, world.by_reward.optimum - world.by_reward.random
        top, below = axes[:, column]
        top.axhspan(reference.best / scale, reference.worst / scale, color="0.6", alpha=0.35, lw=0)
        top.axhline(reference.best / scale, color="0.45", lw=0.8)
        top.axhline(reference.worst / scale, color="0.45", lw=0.8)
        if np.isnan(world.reward_seeking):
            below.text(0.5, 0.5, "all policies\nseek the same", ha="center", transform=below.transAxes, fontsize=8)
            below.set_yticks([])
        else:
            below.axhline(world.reward_seeking, color="0.45", lw=1.2)
        for teacher in TEACHERS:
            own = [row for row in rows if row["world"] == world.name and row["teacher"] == teacher]
            for ax, name in ((top, "hidden_regret"), (below, "power_seeking")):
                at = sorted({int(row["labels"]) for row in own})
                found = [interval(np.array([float(row[name]) for row in own if int(row["labels"]) == n])) for n in at]
                if not found:
                    continue
                mean, low, high = np.array(found).T
                ax.plot(at, mean, LINES[teacher], ms=3, lw=1.3, color=COLOURS[teacher], zorder=3)
                values = np.array([float(row[name]) for row in rows if row["world"] == world.name])
                if np.isfinite(values).any():  # intervals of few seeds are wider than what there is
                    low_end, high_end = min(0.0, values.min()), max(1.0, values.max())
                    ax.set_ylim(low_end - 0.1, high_end + 0.1)
                ax.fill_between(at, low, high, color=COLOURS[teacher], alpha=0.18, lw=0)
        top.set_title(world.name, fontsize=9)
        below.set_xlabel("comparisons", fontsize=8)
        for ax in (top, below):
            ax.tick_params(labelsize=7)
            ax.spines[["top", "right"]].set_visible(False)
    axes[0, 0].set_ylabel("lost of the hidden performance\n(1: as the random policy)", fontsize=8)
    axes[1, 0].set_ylabel("power-seeking\n(0: random policy, 1: most)", fontsize=8)
    lines = [plt.Line2D([], [], color=COLOURS[name], ls=LINES[name][1:]) for name in TEACHERS]
    grey = plt.Line2D([], [], color="0.45", lw=1.2)
    named = [*(f"teacher goes by {name}" for name in TEACHERS), "optimal for the observed reward (all of them)"]
    figure.legend([*lines, grey], named, loc="outside upper center", ncols=4, fontsize=8, frameon=False)
    figure.savefig(path, dpi=150)


def main(args: argparse.Namespace) -> None:
    kept = (args.data or args.out) / "runs.csv"
    for folder in (args.out, kept.parent):
        folder.mkdir(parents=True, exist_ok=True)
    rows = list(csv.DictReader(kept.read_text(encoding="utf-8").splitlines())) if kept.exists() else []
    done = {(row["world"], row["teacher"], int(row["seed"])) for row in rows}
    worlds = [World(name, args) for name in args.worlds]
    for world in worlds:
        for teacher in args.teachers:
            if teacher != "reward" and not world.hides:
                continue  # all of them see the same
            for seed in range(args.seeds):
                if (world.name, teacher, seed) not in done:
                    rows += one_run(world, teacher, seed, args)
                    half = kept.with_suffix(".half")
                    with half.open("w", newline="", encoding="utf-8") as file:
                        writer = csv.DictWriter(file, COLUMNS, restval="")
                        writer.writeheader()
                        writer.writerows(rows)
                    half.replace(kept)  # whole or not at all
        tabulate(rows, world)
    rows = list(csv.DictReader(kept.read_text(encoding="utf-8").splitlines()))
    draw(rows, worlds, args.out / "preferences.png")


if __name__ == "__main__":
    main(parser.parse_args())
