"""How often intervals cover: methods, distributions and numbers of reward functions, in worlds whose POWER is known.

python tests/benchmarks/coverage_study.py                 all cells, 200 seeds each; writes docs/coverage.md
python tests/benchmarks/coverage_study.py --seeds 50      fewer
python tests/benchmarks/coverage_study.py --only pareto   cells with this in their name; prints, writes nothing

POWER is known without this package's sampling: as the expectation of a maximum, by SciPy's adaptive quadrature over
quantiles, by adding up all reward functions, or as an exact fraction.
"""

from __future__ import annotations

import argparse
import itertools
import math
import sys
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.integrate
import scipy.stats

sys.path.insert(0, str(Path(__file__).parents[2]))

import power_metrics as pm
from powerenvs import TabularMDP
from powerenvs.worlds.power import PowerGrid

PAGE = Path(__file__).parents[2] / "docs" / "coverage.md"
CHILDREN = 4
SIZES = (16, 64, 256, 1024, 10_000, "tolerance")
METHODS: dict[str, dict[str, Any]] = {
    "monte_carlo": {},
    "antithetic": {"method": "antithetic"},
    "sobol": {"method": "sobol"},
    "monte_carlo, controls": {"control_variates": True},
    "sobol, controls": {"method": "sobol", "control_variates": True},
    "auto": {"method": "auto"},
}


@dataclass(frozen=True)
class Triangular:
    """On [0, 1] with its peak at 0.3: somebody's own distribution, whose cdf has a kink."""

    peak: float = 0.3
    support = (0.0, 1.0)
    symmetric_interval = None

    @property
    def mean(self) -> float:
        return (1.0 + self.peak) / 3.0

    def cdf(self, x: Any) -> Any:
        x = np.clip(x, 0.0, 1.0)
        return np.where(x < self.peak, x * x / self.peak, 1.0 - (1.0 - x) ** 2 / (1.0 - self.peak))

    def quantile(self, u: Any) -> Any:
        return np.where(u < self.peak, np.sqrt(u * self.peak), 1.0 - np.sqrt((1.0 - u) * (1.0 - self.peak)))

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
        return self.quantile(rng.random(shape))


DISTRIBUTIONS: dict[str, tuple[Any, Any]] = {  # of ours, and SciPy's frozen one or None
    "uniform": (pm.Uniform(), scipy.stats.uniform()),
    "beta(2, 5)": (pm.Beta(2, 5), scipy.stats.beta(2, 5)),
    "beta(0.05, 0.1)": (pm.Beta(0.05, 0.1), scipy.stats.beta(0.05, 0.1)),
    "beta(10000, 10000)": (pm.Beta(10_000, 10_000), scipy.stats.beta(10_000, 10_000)),
    "bernoulli(0.5)": (pm.Bernoulli(0.5), None),
    "bernoulli(0.02)": (pm.Bernoulli(0.02), None),
    "bernoulli(0.001)": (pm.Bernoulli(0.001), None),
    "normal": (pm.Normal(), scipy.stats.norm()),
    "pareto(1.2)": (pm.Pareto(1, 1.2), scipy.stats.pareto(1.2)),
    "pareto(2.5)": (pm.Pareto(1, 2.5), scipy.stats.pareto(2.5)),
    "pareto(5)": (pm.Pareto(1, 5), scipy.stats.pareto(5)),
    "triangular": (Triangular(), scipy.stats.triang(0.3)),
    "rare among uniform": (pm.PerState({"child 0": pm.Empirical([0.0, 2.0], [0.99, 0.01])}, pm.Uniform()), None),
}
KNOWN = 2e-11
"""To this SciPy's quadrature tells what is right."""

RARE = ("bernoulli(0.02)", "bernoulli(0.001)", "rare among uniform", "beta(0.05, 0.1)")


def root() -> TabularMDP:
    """A root with absorbing children."""
    names = [f"child {i}" for i in range(CHILDREN)]
    return TabularMDP.from_transitions(
        [("root", i, name, 1.0) for i, name in enumerate(names)] + [(name, 0, name, 1.0) for name in names]
    )


def largest(number: int, name: str) -> float:
    """E[the largest of several rewards]."""
    ours, known = DISTRIBUTIONS[name]
    if isinstance(ours, pm.Bernoulli):
        return 1.0 - (1.0 - ours.p) ** number
    if isinstance(ours, pm.Pareto):
        return number * math.gamma(number) * math.gamma(1 - 1 / ours.alpha) / math.gamma(number + 1 - 1 / ours.alpha)
    if known is None:  # 2 with a chance of 1 %, else the largest of the other ones
        return 0.01 * 2.0 + 0.99 * (number - 1) / number
    ends = (0.0, 1e-6, 0.01, 0.3, 0.6, 0.9, 0.99, 1 - 1e-6, 1.0)
    parts = [
        scipy.integrate.quad(lambda u: known.ppf(u) * number * u ** (number - 1), a, b, epsabs=1e-14, limit=200)[0]
        for a, b in itertools.pairwise(ends)
    ]
    return float(sum(parts))


@dataclass(frozen=True)
class World:
    """A model, a discount, states, and their POWER under a distribution (by name); nan where it is not known."""

    name: str
    make: Callable[[], TabularMDP]
    gamma: float
    states: tuple[int, ...]
    truth: Callable[[str], list[float]]


def _open_grid() -> TabularMDP:
    return PowerGrid(level="open_3x3").tables()


def _by_all_reward_functions(name: str) -> list[float]:
    """POWER of the corner and the centre at γ = 0.9: of Bernoulli rewards over all 2^9 of them, by distances."""
    ours, _ = DISTRIBUTIONS[name]
    if name == "uniform":
        return [float(x) for x in np.array(pm.power(_open_grid(), 0.9, method="closed_form").mean)[[0, 4]]]
    if not isinstance(ours, pm.Bernoulli):
        return [math.nan, math.nan]
    cells = np.array(list(itertools.product(range(3), range(3))))
    sets = np.array(list(itertools.product((0.0, 1.0), repeat=9)))
    chances = np.prod(np.where(sets > 0, ours.p, 1.0 - ours.p), axis=1)
    distance = np.abs(cells[:, None] - cells[None]).sum(axis=2)
    values = sets / 0.1  # V = R + 0.9 max over moves of V; staying is one of them
    for _ in range(400):
        after = np.stack([values[:, distance[s] <= 1].max(axis=1) for s in range(9)], axis=1)
        values = sets + 0.9 * after
    found = 0.1 * chances @ np.stack([values[:, distance[s] <= 1].max(axis=1) for s in range(9)], axis=1)
    return [float(found[0]), float(found[4])]


WORLDS = (
    World("root", root, 0.9, (0, 1), lambda name: [largest(CHILDREN, name), _child(name)]),
    World("open 3×3 at γ = 1", _open_grid, 1.0, (0, 4), lambda name: [largest(9, name)] * 2),
    World("open 3×3 at γ = 0.9", _open_grid, 0.9, (0, 4), _by_all_reward_functions),
)


def _child(name: str) -> float:
    return 0.02 if DISTRIBUTIONS[name][1] is None and name.startswith("rare") else largest(1, name)


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


@dataclass(frozen=True)
class Found:
    """What became of a cell.

    Attributes:
        outcome: "" for intervals; "warns" for intervals with a warning, "none" for no interval, "refused", "exact".
        covered: the share of intervals, over seeds and states, that cover.
        ratio: the root mean square of errors as a share of that of standard errors.
    """

    outcome: str
    covered: float = math.nan
    ratio: float = math.nan


def cells() -> Iterator[Cell]:
    """The whole grid, but for what differs in nothing."""
    for world, name, method, size in itertools.product(range(len(WORLDS)), DISTRIBUTIONS, METHODS, SIZES):
        known = world == 0 or not name.startswith("rare among")
        if method == "auto" and size != 1024:
            continue  # it stands for another method
        if known and (world < 2 or name == "uniform" or isinstance(DISTRIBUTIONS[name][0], pm.Bernoulli)):
            yield Cell(world, name, method, size)


def study(cell: Cell, seeds: int) -> Found:
    """Runs a cell."""
    world = WORLDS[cell.world]
    model, states = world.make(), list(world.states)
    truth = np.array(world.truth(cell.distribution))
    options = {**METHODS[cell.method], "threads": 1, "progress": False}
    options |= {"tolerance": _tolerance(cell)} if cell.size == "tolerance" else {"num_samples": cell.size}
    outcome, covered, errors, claimed = "", 0, [], []
    for seed in range(seeds):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                found = pm.power(model, world.gamma, DISTRIBUTIONS[cell.distribution][0], seed=seed, **options)
            except ValueError:
                return Found("refused")
        if found.is_exact:
            return Found("exact", float(np.all(np.abs(found.mean[states] - truth) < 1e-12)))
        if np.isnan(found.standard_error).any():
            return Found("none")
        outcome = "warns" if caught else ""
        low, high = (end[states] for end in found.confidence_interval())
        covered += int(np.sum((low <= truth + KNOWN) & (truth - KNOWN <= high)))
        errors.append(found.mean[states] - truth)
        claimed.append(np.maximum(found.standard_error[states], KNOWN))
    ratio = math.sqrt(float(np.mean(np.square(errors)) / np.mean(np.square(claimed))))
    return Found(outcome, covered / (seeds * len(states)), ratio)


def _tolerance(cell: Cell) -> float:
    return 0.2 if cell.distribution.startswith(("pareto", "normal")) else 0.02


def least(cell: Cell) -> float:
    """The coverage that is asked for."""
    few = isinstance(cell.size, int) and cell.size < 64
    return 0.90 if few or cell.distribution in RARE else 0.93


def page(found: dict[Cell, Found], seeds: int) -> str:
    """The whole page."""
    lines = [HEAD.format(seeds=seeds, error=100 * math.sqrt(0.95 * 0.05 / seeds))]
    for number, world in enumerate(WORLDS):
        lines += [f"## {world.name}\n", "| distribution | method | " + " | ".join(map(str, SIZES)) + " |"]
        lines += ["|---|---|" + "---|" * len(SIZES)]
        for name, method in itertools.product(DISTRIBUTIONS, METHODS):
            row = [found.get(Cell(number, name, method, size)) for size in SIZES]
            if any(row):
                lines.append(f"| {name} | {method} | " + " | ".join(map(_text, row)) + " |")
        lines.append("")
    shown = [one for one in found.values() if one.outcome == ""]
    if not shown:
        return "\n".join(lines)
    worst = max(shown, key=lambda one: one.ratio)
    lines.append(
        f"Of {len(found):,} cells {len(shown):,} have intervals without a warning. They cover "
        f"{100 * float(np.mean([one.covered for one in shown])):.1f} % on average, at least "
        f"{100 * min(one.covered for one in shown):.0f} %; errors are at most {worst.ratio:.2f} standard errors.\n"
    )
    return "\n".join(lines)


def _text(one: Found | None) -> str:
    if one is None:
        return ""
    if one.outcome in ("refused", "none", "exact"):
        return {"none": "no interval"}.get(one.outcome, one.outcome)
    return f"{100 * one.covered:.0f}" + (" (warns)" if one.outcome == "warns" else "")


HEAD = """# How often intervals cover

Written by `python tests/benchmarks/coverage_study.py --seeds {seeds}`: the share, in percent, of 95 % intervals
of POWER that hold what is right, over {seeds} seeds and two states each; chance alone moves these numbers by about {error:.1f}. Columns are numbers
of reward functions; with `tolerance` it is 0.02 (0.2 for Normal and Pareto rewards). "exact": worked out without draws.
"no interval": rewards of infinite variance. "refused": control variates or a tolerance for such rewards. "(warns)": heavy
tails, of which `pm.power` warns. Intervals of few or rare draws are made wider than 95 % takes, never narrower.
Cells that are empty, and worlds without a table, were not run.
"""


def main() -> None:
    """Runs the cells on all cores, and writes or prints the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--only", default="")
    parser.add_argument("--workers", type=int, default=None)
    parser.add_argument("--output", type=Path, default=PAGE)
    args = parser.parse_args()
    chosen = [cell for cell in cells() if args.only in cell.name]
    found: dict[Cell, Found] = {}
    with ProcessPoolExecutor(args.workers) as pool:
        for cell, one in zip(chosen, pool.map(study, chosen, itertools.repeat(args.seeds)), strict=True):
            found[cell] = one
            weak = one.outcome == "" and (one.covered < least(cell) - 0.02 or one.ratio > 2)
            if weak or args.only:
                print(f"{cell.name}: {_text(one)}, error / standard error {one.ratio:.2f}{' WEAK' * weak}", flush=True)
            if not args.only:  # after each cell: a run that is stopped leaves what it has found
                args.output.write_text(page(found, args.seeds), encoding="utf-8")


if __name__ == "__main__":
    main()
