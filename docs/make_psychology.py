"""Writes the pictures of docs/psychology.md, and prints the numbers that stand there.

python docs/make_psychology.py screens     one screen of every task
python docs/make_psychology.py curves      psychometric and chronometric functions, slopes, the frontier; a log
python docs/make_psychology.py sizes       the sizes of all tables
python docs/make_psychology.py power       POWER of gazes, and of what a subject knows
python docs/make_psychology.py target      what examples/psych_target_size.py found: a table, tests and a picture
python docs/make_psychology.py search      learned search beside the ideal one
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

import power_metrics as pm
from power_metrics.plots import plot, plot_trials
from powerenvs import tabular_model
from powerenvs.worlds.psychology.oracle import Oracle
from powerenvs.worlds.psychology.screen import ScreenEnv

DOCS = Path(__file__).parent
IMAGES, DATA = DOCS / "images" / "psychology", DOCS / "data" / "psychology"
BLUE, ORANGE, GREEN = "#0072b2", "#d55e00", "#009e73"
SETTINGS: dict[str, dict[str, Any]] = {
    "OddOneOut": {"set_size": 24},
    "VisuomotorMapping": {"images": 2, "trials": 3},
}
"""At which what is hidden can be counted, and tables stay small."""


def saved(figure: Figure, name: str) -> None:
    """Writes a picture, and says so."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    figure.savefig(IMAGES / name, dpi=110)
    print(f"wrote {IMAGES / name}")


def titled(name: str) -> str:
    """`VisualSearch` as "visual search"."""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).strip()


def screens() -> None:
    """Every task while answers count, and what an agent sees of one of them."""
    shown: list[tuple[str, NDArray[np.uint8]]] = []
    more: dict[str, dict[str, Any]] = {
        "VisualSearch": {"set_size": 16}, "MotionDiscrimination": {"directions": 8, "bound": None, "deadline": 30},
        "LandoltC": {"scale": 0.5}, "GlassPatterns": {"coherence": 0.9}, "OddOneOut": {"set_size": 10},
    }  # fmt: skip
    for name in pm.psych.tasks():
        env = ScreenEnv(pm.psych.task(name, **more.get(name, {})), response="button", timeout=10_000)
        env.reset(seed=3)
        while env._info()["phase"] != env.scene.parts[-1 if name != "MotionDiscrimination" else 0].name:
            env.step(0)
        shown.append((titled(name), env.scene.parts[env._number].draw(300, env._clock)))
    env = ScreenEnv(pm.psych.task("VisualSearch", set_size=16), size=200, foveal="mosaic")
    env.reset(seed=3)
    for action in (0, 0, 4, 2):
        env.step(action)
    shown.append(("what is seen, with a fovea", env._observe()))
    figure = Figure(figsize=(9.6, 7.4), layout="constrained")
    for ax, (title, picture) in zip(figure.subplots(3, 4).ravel(), shown, strict=True):
        ax.imshow(picture)
        ax.set_title(title, fontsize=10)
        ax.set_xticks([])
        ax.set_yticks([])
    saved(figure, "screens.png")


def curves() -> None:
    """The pictures of a psychologist, and what stands beside them."""
    log = pm.psych.run("MotionDiscrimination", "ideal", trials=2_000, seed=0, levels="all", bound=6)
    found = pm.psych.psychometric(log)
    saved(plot(found), "psychometric.png")
    print(f"threshold {found.threshold:.3f} ({found.threshold_interval[0]:.3f} to {found.threshold_interval[1]:.3f})")
    times = pm.psych.chronometric(log)
    saved(plot(times), "chronometric.png")
    for x, mean in zip(times.x, times.mean_time, strict=True):
        exact = pm.psych.ideal("MotionDiscrimination", coherence=float(x), bound=6).seconds
        print(f"coherence {x:g}: {mean:.3f} s in trials, {exact:.3f} s exactly")
    search = pm.psych.run("VisualSearch", "ideal", trials=1_500, seed=0, levels="all")
    slopes = pm.psych.set_size_slopes(search)
    saved(plot(slopes), "slopes.png")
    for kind, slope in slopes.slope.items():
        low, high = (1000 * end for end in slopes.slope_interval[kind])
        print(f"{kind}: {1000 * slope:.1f} ms an item ({low:.1f} to {high:.1f})")
    saved(plot(pm.psych.tradeoff("MotionDiscrimination", coherence=0.2, bound=12)), "frontier.png")
    mixed = pm.psych.run("ChangeDetection", "ideal", trials=4_000, seed=0, levels="pairs")
    saved(plot_trials(mixed), "change_detection.png")
    for row in search.rows[:3]:
        print(json.dumps(row))


def sizes() -> None:
    """A row for each task: states of knowledge, and of the screen for one who knows what is hidden."""
    print("| task | belief MDP | oracle's screen | settings |\n|---|---|---|---|")
    for name in pm.psych.tasks():
        task = pm.psych.task(name, **SETTINGS.get(name, {}))
        words = ", ".join(f"{key}={value}" for key, value in SETTINGS.get(name, {}).items()) or "its own"
        knows, sees = tabular_model(task).num_states, tabular_model(Oracle(task)).num_states
        print(f"| {titled(name)} | {knows:,} | {sees:,} | {words} |", flush=True)
    print(f"gazes x phases x present x slots = {81 * 3 * 2 * 64:,}; without slots where it is absent {81 * 3 * 65:,}")


def power() -> None:
    """POWER of gazes on a screen; and, of knowledge, the number that means nothing."""
    mdp = tabular_model(Oracle(pm.psych.task("GlassPatterns"), dwell=1))
    found = pm.power(mdp, gamma=0.9, num_samples=2_000, seed=0)
    for phase, x, y in (("fixation", 4, 4), ("pattern", 4, 4), ("pattern", 0, 0), ("pattern", 4, 0), ("over", 0, 0)):
        at = next(i for i, s in enumerate(mdp.state_labels) if (s.phase, s.x, s.y) == (phase, x, y))
        print(f"{phase} at {x}, {y}: POWER {found.mean[at]:.3f} +- {found.standard_error[at]:.3f}")
    for bound in (2, 4, 8):
        task = pm.psych.task("MotionDiscrimination", bound=bound, coherence=0.2)
        know = pm.power(tabular_model(task), gamma=0.9, num_samples=2_000, seed=0)
        accuracy = pm.psych.ideal(task).accuracy
        print(f"motion, bound {bound}: POWER of the first belief {know.mean[0]:.3f}, ideal accuracy {accuracy:.3f}")


def interval(values: NDArray[np.float64], draws: int = 10_000) -> tuple[float, float]:
    """The 95 % percentile interval of a mean, by the bootstrap over runs."""
    rng = np.random.default_rng(0)
    means = values[rng.integers(len(values), size=(draws, len(values)))].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def runs() -> dict[tuple[float, bool], list[dict[str, Any]]]:
    """{(scale, fovea): runs}."""
    found: dict[tuple[float, bool], list[dict[str, Any]]] = {}
    for line in (DATA / "target_size.jsonl").read_text().splitlines():
        one = json.loads(line)
        found.setdefault((one["scale"], one["foveal"]), []).append(one)
    return found


def target() -> None:
    """Trials to the goal for each size, with and without the fovea; exact tests over all assignments; a picture."""
    from itertools import combinations, pairwise

    found = runs()
    scales = sorted({scale for scale, _ in found}, reverse=True)
    needed = {key: np.array([one["curve"][-1][0] for one in those], float) for key, those in found.items()}
    reached = {key: sum(one["reached"] for one in those) for key, those in found.items()}
    print("| scale | fovea | runs at the goal | trials to the goal | 95 % interval |\n|---|---|---|---|---|")
    for scale in scales:
        for fovea in (False, True):
            values = needed[scale, fovea]
            low, high = interval(values)
            print(
                f"| {scale:g} | {'yes' if fovea else 'no'} | {reached[scale, fovea]} of {len(values)} "
                f"| {values.mean():,.0f} | {low:,.0f} to {high:,.0f} |"
            )

    def p_value(fast: NDArray[np.float64], slow: NDArray[np.float64]) -> float:
        """Of how many ways to deal out the runs the difference is at least so large: one-sided, exact."""
        both, n = np.concatenate([fast, slow]), len(fast)
        ways = np.array([both[list(some)].sum() for some in combinations(range(len(both)), n)])
        return float((ways <= fast.sum() + 1e-9).mean())

    for fovea in (False, True):
        for large, small in pairwise(scales):
            p, ratio = p_value(needed[large, fovea], needed[small, fovea]), needed[small, fovea] / needed[large, fovea]
            print(f"fovea {fovea}: {small:g} takes {ratio.mean():.2f} times as many trials as {large:g}, p = {p:.4f}")
    for scale in scales:
        p = p_value(needed[scale, True], needed[scale, False])
        ratio = needed[scale, False].mean() / needed[scale, True].mean()
        print(f"scale {scale:g}: without the fovea {ratio:.2f} times as many trials, p = {p:.4f}")

    figure = Figure(figsize=(9.6, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    grid = np.linspace(0, max(values.max() for values in needed.values()), 200)
    for colour, scale in zip((BLUE, ORANGE, GREEN), scales, strict=False):
        for fovea, style in ((False, "-"), (True, "--")):
            lines = [np.interp(grid, *np.array(one["curve"]).T) for one in found[scale, fovea]]
            label = f"scale {scale:g}{', fovea' if fovea else ''}"
            left.plot(grid, np.mean(lines, axis=0), style, color=colour, label=label)
    for i, (fovea, style) in enumerate(((False, "o-"), (True, "s--"))):
        means = np.array([needed[scale, fovea].mean() for scale in scales])
        ends = np.array([interval(needed[scale, fovea]) for scale in scales]).T
        x = np.arange(len(scales)) + 0.06 * (2 * i - 1)
        right.errorbar(
            x, means, [means - ends[0], ends[1] - means], fmt=style, color=("#444444", "#999999")[i], capsize=3,
            label="with the fovea" if fovea else "without",
        )  # fmt: skip
    left.axhline(0.5, color="#bbbbbb", linewidth=0.8)
    left.set(xlabel="trials", ylabel="exact accuracy (mean of 5 runs)", ylim=(0, 1.02), xticks=range(0, 16_001, 4_000))
    right.set(xlabel="scale of the ring", ylabel="trials to an accuracy of 0.9", xticks=range(len(scales)))
    right.set_xticklabels([f"{scale:g}" for scale in scales])
    right.set_ylim(bottom=0)
    left.legend(fontsize=8, frameon=False, loc="lower right")
    right.legend(fontsize=9, frameon=False, loc="upper left")
    for ax in (left, right):
        ax.spines[["top", "right"]].set_visible(False)
    saved(figure, "target_size.png")


def search() -> None:
    """What examples/psych_search.py found: mean looks of learned agents over set sizes, and their slopes."""
    path = DATA / "search.json"
    found = json.loads(path.read_text())
    sizes_ = np.array(found["sizes"], dtype=float)
    figure = Figure(figsize=(6.4, 3.8), layout="constrained")
    ax = figure.subplots()
    for kind, colour in (("present", BLUE), ("absent", ORANGE)):
        learned = np.array(found["looks"][kind])  # (seeds, sizes)
        ideal = np.array(found["ideal"][kind])
        slope = np.array([np.polyfit(sizes_, row, 1)[0] for row in learned])
        low, high = interval(slope)
        print(
            f"{kind}: learned {slope.mean():.3f} looks an item ({low:.3f} to {high:.3f}), "
            f"ideal {np.polyfit(sizes_, ideal, 1)[0]:.3f}"
        )
        ax.errorbar(
            sizes_, learned.mean(axis=0), learned.std(axis=0, ddof=1), fmt="o", color=colour, capsize=3,
            label=f"learned, {kind}",
        )  # fmt: skip
        ax.plot(sizes_, ideal, "--", color=colour, label=f"ideal, {kind}")
    print(f"accuracy of the learned agents {np.mean(found['accuracy']):.4f}, least {np.min(found['accuracy']):.4f}")
    ax.set(xlabel="set size", ylabel="mean looks before the answer")
    ax.set_ylim(bottom=0)
    ax.legend(fontsize=8, frameon=False)
    ax.spines[["top", "right"]].set_visible(False)
    saved(figure, "search.png")


PARTS: dict[str, Callable[[], None]] = {
    "screens": screens, "curves": curves, "sizes": sizes, "power": power, "target": target, "search": search,
}  # fmt: skip

if __name__ == "__main__":
    for part in sys.argv[1:] or PARTS:
        if part not in PARTS:
            raise SystemExit(f"expected some of {', '.join(PARTS)}, found {part!r}")
        PARTS[part]()
