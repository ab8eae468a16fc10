"""How often intervals cover: methods, distributions and numbers of reward functions, in worlds whose POWER is known.

python tests/benchmarks/coverage_study.py                 all cells, 200 seeds each; writes docs/coverage.md, its data
                                                          after every 20 seeds, and its picture
python tests/benchmarks/coverage_study.py --resume        goes on where a run was stopped; with as many seeds: the page
python tests/benchmarks/coverage_study.py --only pareto   cells with this in their name; prints, writes nothing

The worlds, and how their POWER is known, are in coverage_worlds.py.
"""

from __future__ import annotations

import argparse
import csv
import functools
import importlib
import itertools
import math
import sys
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

import power_metrics as pm
from power_metrics.expectation.controls import control_variates
from power_metrics.expectation.draws import Sobol
from powerenvs import TabularMDP
from tests.benchmarks.coverage_worlds import DISTRIBUTIONS, KNOWN, RARE, WORLDS

PAGE = Path(__file__).parents[2] / "docs" / "coverage.md"
SIZES = (16, 64, 256, 1024, 10_000, "tolerance")
METHODS: dict[str, dict[str, Any]] = {
    "monte_carlo": {},
    "antithetic": {"method": "antithetic"},
    "sobol": {"method": "sobol"},
    "monte_carlo, controls": {"control_variates": True},
    "sobol, controls": {"method": "sobol", "control_variates": True},
    "auto": {"method": "auto"},
}


ROUNDING = 1e-9
"""Standard errors below this are of rounding and quadrature, not of draws."""


@functools.cache
def _model(world: int) -> TabularMDP:
    """The tables of a world, with all that solvers keep with them."""
    return WORLDS[world].make()


def share() -> None:
    """Has what is the same for several cells worked out once, which takes half of the time else.

    That is the expectations of control variates for all seeds, and Sobol points for all distributions.
    """
    controls: dict[Any, Any] = {}
    points: dict[Any, Any] = {}
    drawn = Sobol.points

    def once(mdp: TabularMDP, gamma: float, sampler: Any) -> Any:
        key = (mdp.fingerprint, gamma, repr(sampler.marginals()))
        if key not in controls:
            controls[key] = control_variates(mdp, gamma, sampler)
        return controls[key]

    def drawn_once(draws: Sobol, number: int) -> Any:
        key = (draws.sampler.width, draws.count, draws.seed, draws.stream, number)
        if key not in points:
            if len(points) > 1 << 15:
                points.clear()
            points[key] = drawn(draws, number)
        return points[key]

    vars(importlib.import_module("power_metrics.measures.power"))["control_variates_of"] = once
    Sobol.points = drawn_once  # type: ignore[method-assign]


@dataclass(frozen=True)
class Cell:
    """One place of the grid."""

    world: int
    distribution: str
    method: str
    size: int | str

    @property
    def name(self) -> str:
        """In words."""
        return f"{WORLDS[self.world].name} | {self.distribution} | {self.method} | {self.size}"


@dataclass
class Found:
    """What became of a cell so far.

    Attributes:
        outcome: "" for intervals; "warns" for intervals with a warning, "none" for no interval, "refused", "exact".
        seeds: how many were run.
        intervals: over seeds and states.
        covering: those of them that hold what is right.
        errors: the sum of squared errors.
        claimed: the sum of squared standard errors.
    """

    outcome: str = ""
    seeds: int = 0
    intervals: int = 0
    covering: int = 0
    errors: float = 0.0
    claimed: float = 0.0

    @property
    def covered(self) -> float:
        """The share of intervals that cover."""
        return self.covering / self.intervals if self.intervals else math.nan

    @property
    def ratio(self) -> float:
        """The root mean square of errors as a share of that of standard errors."""
        return math.sqrt(self.errors / self.claimed) if self.intervals else math.nan

    @property
    def rounding(self) -> bool:
        """Whether nothing is left of the error but rounding and quadrature: such intervals should cover always."""
        return self.intervals > 0 and math.sqrt(self.claimed / self.intervals) < ROUNDING

    def add(self, other: Found) -> None:
        """Takes in what further seeds gave."""
        self.outcome = other.outcome or self.outcome
        for name in ("seeds", "intervals", "covering", "errors", "claimed"):
            setattr(self, name, getattr(self, name) + getattr(other, name))


def cells() -> Iterator[Cell]:
    """The whole grid, but for what differs in nothing."""
    for world, name, method, size in itertools.product(range(len(WORLDS)), DISTRIBUTIONS, METHODS, SIZES):
        known = world == 0 or not name.startswith("rare among")
        if method == "auto" and size != 1024:
            continue  # it stands for another method
        if known and (world < 2 or name == "uniform" or isinstance(DISTRIBUTIONS[name][0], pm.Bernoulli)):
            yield Cell(world, name, method, size)


def study(cell: Cell, seeds: range) -> Found:
    """Runs a cell with these seeds."""
    world = WORLDS[cell.world]
    model, states = _model(cell.world), list(world.states)
    truth = np.array(world.truth(cell.distribution))
    options = {**METHODS[cell.method], "threads": 1, "progress": False}
    options |= {"tolerance": _tolerance(cell)} if cell.size == "tolerance" else {"num_samples": cell.size}
    result = Found()
    for seed in seeds:
        result.seeds += 1
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                found = pm.power(model, world.gamma, DISTRIBUTIONS[cell.distribution][0], seed=seed, **options)
            except ValueError:
                return Found("refused", len(seeds))
        if found.is_exact:
            assert np.all(np.abs(found.mean[states] - truth) < 1e-12), cell
            return Found("exact", len(seeds))
        if np.isnan(found.standard_error).any():
            return Found("none", len(seeds))
        result.outcome = "warns" if caught else result.outcome
        errors, claimed = found.mean[states] - truth, np.maximum(found.standard_error[states], KNOWN)
        low, high = (end[states] for end in found.confidence_interval())
        covers = (low <= truth + KNOWN) & (truth - KNOWN <= high)
        result.intervals += len(states)
        result.covering += int(np.sum(covers))
        result.errors += float(np.sum(errors**2))
        result.claimed += float(np.sum(claimed**2))
    return result


def _tolerance(cell: Cell) -> float:
    return 0.05 if cell.distribution.startswith(("pareto", "normal")) else 0.005


def least(cell: Cell) -> float:
    """The coverage that is asked for."""
    few = isinstance(cell.size, int) and cell.size < 64
    return 0.90 if few or cell.distribution in RARE else 0.93


def weak(cell: Cell, found: Found) -> bool:
    """Whether intervals without a warning cover too little, beyond chance, or standard errors are half of the errors."""
    chance = 3.0 * math.sqrt(0.95 * 0.05 / max(found.seeds, 1))
    return found.outcome == "" and (found.covered < least(cell) - chance or found.ratio > 2)


def text(found: Found) -> str:
    """A cell in a word or two."""
    if found.outcome in WORDS:
        return WORDS[found.outcome]
    if found.rounding and found.covered == 1:
        return "≈"
    return f"{100 * found.covered:.0f}{'!' * (found.outcome == 'warns')}"


WORDS = {"refused": "refused", "none": "none", "exact": "exact"}


def shown_of(found: dict[Cell, Found]) -> dict[Cell, Found]:
    """The cells that have intervals without a warning, and more than rounding in them."""
    return {cell: one for cell, one in found.items() if one.outcome == "" and not (one.rounding and one.covered == 1)}


def lowest(found: dict[Cell, Found]) -> list[Cell]:
    """The ten cells whose intervals cover least."""
    shown = shown_of(found)
    return sorted(shown, key=lambda cell: shown[cell].covered)[:10]


def page(found: dict[Cell, Found], again: dict[Cell, Found]) -> str:
    """The whole page; ``again`` has the lowest cells with seeds of their own."""
    shown = shown_of(found)
    seeds = sorted({one.seeds for one in found.values()})
    count = f"{seeds[0]:,}" if len(seeds) == 1 else f"{seeds[0]:,} to {seeds[-1]:,}"
    counts = {
        "cells": len(found),
        "with intervals": len(shown),
        **{word: sum(one.outcome == outcome for one in found.values()) for outcome, word in OUTCOMES.items()},
        "certain": sum(one.outcome == "" and one.rounding and one.covered == 1 for one in found.values()),
    }
    lines = [HEAD.format(seeds=count, **{name.replace(" ", "_"): number for name, number in counts.items()})]
    lines += ["| reward functions | cells | cover on average | lowest | highest | largest error in standard errors |"]
    lines += ["|---|---|---|---|---|---|"]
    for title in KINDS:
        kind = [one for cell, one in shown.items() if _kind(cell) == title]
        if kind:
            covers = [100 * one.covered for one in kind]
            ratio = max(one.ratio for one in kind)
            average = sum(one.covering for one in kind) / sum(one.intervals for one in kind)
            lines.append(
                f"| {title} | {len(kind)} | {100 * average:.1f} | {min(covers):.1f} | {max(covers):.1f} | {ratio:.2f} |"
            )
    number = f"{next(iter(again.values())).seeds:,}" if again else "0"
    lines += ["", WORST.format(again=number)]
    lines += [
        f"| world | rewards | method | reward functions | covers | error in standard errors | with {number} other seeds | error |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for cell, other in again.items():
        one = shown[cell]
        place = f"{WORLDS[cell.world].name} | {cell.distribution} | {cell.method} | {cell.size}"
        found_here = f"{100 * one.covered:.1f} | {one.ratio:.2f} | {100 * other.covered:.1f} | {other.ratio:.2f}"
        lines.append(f"| {place} | {found_here} |")
    return "\n".join([*lines, TAIL])


OUTCOMES = {"warns": "warned", "none": "without", "refused": "refused", "exact": "exact"}
COIN = "bernoulli(0.5)"


def _kind(cell: Cell) -> str:
    if isinstance(cell.size, int) and cell.size < 64:
        return FEW
    if cell.distribution == COIN:
        return "the same, of Bernoulli(0.5) rewards"
    return "the same, of rare rewards" if cell.distribution in RARE else MANY


FEW, MANY = "below 64", "64 and more, or a tolerance"
KINDS = (FEW, MANY, "the same, of Bernoulli(0.5) rewards", "the same, of rare rewards")

HEAD = """# How often intervals cover

Written by `python tests/benchmarks/coverage_study.py`: how many 95 % intervals of POWER hold what is right, in worlds
whose POWER is known without draws, over {seeds} seeds for each cell and two states for each seed.

![Share of intervals that cover, by world, rewards, method and number of reward functions](images/coverage.png)

Of {cells:,} cells {with_intervals:,} have intervals without a warning, which cover as the table says, in percent. {certain:,}
more (≈) know POWER to rounding, since control variates leave nothing else, and all of these hold what is right.
{exact:,} are worked out without draws (exact); {warned:,} have intervals with a warning, since the tails of the rewards are
heavy (marked !); {without:,} have no interval, since the variance is infinite; {refused:,} are refused.
"""

WORST = """Lowest are the following. The lowest of many cells are partly low by chance, so they were run again with {again} seeds that
no other cell has seen:
"""

TAIL = """
Columns of the picture are numbers of reward functions; with `tolerance` it is 0.005, and 0.05 for Normal and Pareto
rewards. Its empty places are not in the study, as POWER is not known there. Rare are Bernoulli rewards of chance 0.02 and
0.001, a reward of chance 0.01 in one state, and Beta(0.05, 0.1): intervals that rest on few or rare draws are made wider
than 95 % takes, since what was not seen may be there. So are those of draws that do not differ at all, as mirrored ones
may not. Bernoulli(0.5) rewards are such a case too: in the open 3×3 POWER differs from 1 only where all nine rewards are 0,
with chance 1/512, and below the root Sobol points and control variates leave no error at all, which draws alone cannot
tell. All cells are in [data/coverage.csv](data/coverage.csv), the ten in [data/coverage_again.csv](data/coverage_again.csv).
"""


def draw(found: dict[Cell, Found], path: Path) -> None:
    """The picture: a panel for each world, rows of rewards and methods, columns of numbers of reward functions."""
    import matplotlib.pyplot as plt
    from matplotlib.colors import BoundaryNorm, ListedColormap

    names = [f"{name}, {method}" for name, method in itertools.product(DISTRIBUTIONS, METHODS)]
    colours = ListedColormap(["#ef6548", "#f9b08c", "#fddbc7", "#d9f0d3", "#a6dba0", "#92c5de"])
    norm = BoundaryNorm([0.0, 0.88, 0.90, 0.93, 0.95, 0.97, 1.0001], colours.N)
    figure, axes = plt.subplots(1, len(WORLDS), figsize=(12, 15), sharey=True)
    figure.subplots_adjust(left=0.2, right=0.99, top=0.97, bottom=0.085, wspace=0.04)
    image = None
    for number, (axis, world) in enumerate(zip(axes, WORLDS, strict=True)):
        shares = np.full((len(names), len(SIZES)), math.nan)
        for row, (name, method) in enumerate(itertools.product(DISTRIBUTIONS, METHODS)):
            for column, size in enumerate(SIZES):
                one = found.get(Cell(number, name, method, size))
                if one is None:
                    continue
                if one.intervals and text(one) != "≈":
                    shares[row, column] = one.covered
                axis.text(column, row, text(one), ha="center", va="center", fontsize=5.5)
        image = axis.imshow(shares, cmap=colours, norm=norm, aspect="auto")
        axis.set_title(world.name, fontsize=10)
        axis.set_xticks(range(len(SIZES)), [str(size) for size in SIZES], fontsize=7, rotation=30)
        axis.set_yticks(range(len(names)), names, fontsize=6)
        axis.set_xlabel("reward functions", fontsize=8)
        for row in range(len(METHODS), len(names), len(METHODS)):
            axis.axhline(row - 0.5, color="black", linewidth=0.5)
    assert image is not None
    place = figure.add_axes((0.4, 0.035, 0.4, 0.008))
    bar = figure.colorbar(image, cax=place, orientation="horizontal")
    bar.set_label("share of 95 % intervals that cover", fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


COLUMNS = ("world", "distribution", "method", "size", *(field.name for field in fields(Found)), "covered", "ratio")


def write(found: dict[Cell, Found], path: Path) -> None:
    """All cells in a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(COLUMNS)
        for cell, one in found.items():
            numbers = [f"{one.covered:.4f}", f"{one.ratio:.4f}"] if one.intervals else ["", ""]
            found_here = [f"{x:.6g}" if isinstance(x, float) else x for x in astuple(one)]
            rows.writerow([WORLDS[cell.world].name, *astuple(cell)[1:], *found_here, *numbers])


def read(path: Path) -> dict[Cell, Found]:
    """Cells that were written."""
    found, numbers = {}, {world.name: number for number, world in enumerate(WORLDS)}
    with path.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            size = int(row["size"]) if row["size"].isdigit() else row["size"]

            kinds = [type(field.default) for field in fields(Found)]
            values = [kind(row[field.name]) for kind, field in zip(kinds, fields(Found), strict=True)]
            found[Cell(numbers[row["world"]], row["distribution"], row["method"], size)] = Found(*values)
    return found


def main() -> None:
    """Runs the cells in rounds of seeds, and writes what was found after each round."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--only", default="", help="cells with this in their name; prints, writes nothing")
    parser.add_argument("--workers", type=int, default=None)
    parser.add_argument("--round", type=int, default=20, help="seeds after which what was found is written")
    parser.add_argument("--again", type=int, default=1000, help="seeds with which the ten lowest cells are run again")
    parser.add_argument("--resume", action="store_true", help="go on with the seeds that data/coverage.csv lacks")
    parser.add_argument("--docs", type=Path, default=PAGE.parent)
    args = parser.parse_args()
    data = args.docs / "data" / "coverage.csv"
    chosen = [cell for cell in cells() if args.only in cell.name]
    found = read(data) if args.resume else {}
    found = {cell: found.get(cell, Found()) for cell in chosen}
    with ProcessPoolExecutor(args.workers, initializer=share) as pool:
        for first in range(0, args.seeds, args.round):
            seeds = range(first, min(first + args.round, args.seeds))
            due = [cell for cell in chosen if found[cell].seeds <= first]
            for cell, one in zip(due, pool.map(study, due, itertools.repeat(seeds), chunksize=4), strict=True):
                found[cell].add(one)
            if not args.only:
                write(found, data)
            print(f"{seeds.stop} seeds", flush=True)
    for cell, one in found.items():
        if weak(cell, one) or args.only:
            print(f"{cell.name}: {text(one)}, error / standard error {one.ratio:.2f}{' WEAK' * weak(cell, one)}")
    if not args.only:
        draw(found, args.docs / "images" / "coverage.png")
        worst, seeds = lowest(found), range(args.seeds, args.seeds + args.again)
        with ProcessPoolExecutor(args.workers, initializer=share) as pool:
            again = dict(zip(worst, pool.map(study, worst, itertools.repeat(seeds)), strict=True))
        write(again, args.docs / "data" / "coverage_again.csv")
        (args.docs / "coverage.md").write_text(page(found, again), encoding="utf-8")


if __name__ == "__main__":
    main()
