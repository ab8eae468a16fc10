"""Intervals cover: a part of the grid of tests/benchmarks/coverage_study.py, of which docs/coverage.md has the whole."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from tests.benchmarks.coverage_study import Cell, cells, least, page, study

SEEDS = 60
CHANCE = 3 * math.sqrt(0.95 * 0.05 / SEEDS)
DISTRIBUTIONS = (
    "uniform",
    "beta(10000, 10000)",
    "bernoulli(0.02)",
    "bernoulli(0.001)",
    "triangular",
    "rare among uniform",
)
CELLS = [
    Cell(0, distribution, method, size)
    for distribution in DISTRIBUTIONS
    for method in ("monte_carlo", "sobol", "sobol, controls")
    for size in (16, 256, "tolerance")
    if not (distribution == "rare among uniform" and method.endswith("controls"))  # they have no cdf
]


@pytest.mark.slow
@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
def test_intervals_cover(cell):
    found = study(cell, SEEDS)
    assert found.outcome == ""
    assert found.covered > least(cell) - CHANCE
    assert found.ratio < 2


@pytest.mark.parametrize(
    ("distribution", "method", "outcome"),
    [
        ("pareto(1.2)", "monte_carlo", "none"),
        ("pareto(1.2)", "auto", "none"),
        ("pareto(1.2)", "sobol, controls", "refused"),
        ("pareto(2.5)", "sobol", "warns"),
        ("pareto(2.5)", "auto", "warns"),
        ("pareto(5)", "monte_carlo", ""),
        ("bernoulli(0.001)", "auto", "exact"),
        ("rare among uniform", "sobol, controls", "refused"),
    ],
)
def test_what_has_no_interval(distribution, method, outcome):
    assert study(Cell(0, distribution, method, 64), seeds=2).outcome == outcome


def test_the_page_has_every_cell():
    chosen = [cell for cell in cells() if cell.distribution == "pareto(1.2)" and cell.world == 0]
    found = {cell: study(cell, seeds=1) for cell in chosen if cell.method != "sobol"}
    found |= {cell: study(cell, seeds=2) for cell in [Cell(0, "uniform", "monte_carlo", 64)]}
    written = page(found, 2)
    assert (
        "| pareto(1.2) | monte_carlo | no interval | no interval | no interval | no interval | no interval | refused |"
        in written
    )
    assert "cells 1 have intervals without a warning" in written
    assert (Path(__file__).parents[3] / "docs" / "coverage.md").exists()
