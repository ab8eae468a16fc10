"""Intervals cover: a part of the grid of tests/benchmarks/coverage_study.py, of which docs/coverage.md has the whole."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from tests.benchmarks.coverage_study import Cell, cells, draw, least, lowest, page, read, study, text, write

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
    *(
        Cell(0, distribution, method, size)
        for distribution in DISTRIBUTIONS
        for method in ("monte_carlo", "sobol", "sobol, controls")
        for size in (16, 256)
        if not (distribution == "rare among uniform" and method.endswith("controls"))  # they have no cdf
    ),
    Cell(0, "uniform", "monte_carlo", "tolerance"),
    Cell(0, "normal", "antithetic", "tolerance"),
    Cell(1, "bernoulli(0.5)", "sobol, controls", 64),
    Cell(1, "bernoulli(0.001)", "sobol, controls", 1024),
    Cell(2, "bernoulli(0.5)", "sobol", 256),
    Cell(2, "bernoulli(0.5)", "monte_carlo", 64),
]


@pytest.mark.slow
@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
def test_intervals_cover(cell):
    found = study(cell, range(SEEDS))
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
    assert study(Cell(0, distribution, method, 64), range(2)).outcome == outcome


def test_what_was_found_is_kept_and_shown(tmp_path):
    chosen = [cell for cell in cells() if cell.distribution in ("pareto(1.2)", "uniform") and cell.world == 0]
    chosen = [cell for cell in chosen if cell.size in (16, 1024, "tolerance") and not cell.method.startswith("sobol")]
    found = {cell: study(cell, range(2)) for cell in chosen}
    for cell in chosen:
        found[cell].add(study(cell, range(2, 3)))
    assert found == {cell: study(cell, range(3)) for cell in chosen}
    write(found, tmp_path / "data" / "coverage.csv")
    kept = read(tmp_path / "data" / "coverage.csv")
    assert list(kept) == chosen
    assert [text(one) for one in kept.values()] == [text(one) for one in found.values()]
    again = {cell: study(cell, range(3, 5)) for cell in lowest(kept)[:1]}
    written = page(kept, again)
    assert "run again with 2 seeds" in written
    without = sum(one.outcome == "none" for one in found.values())
    assert "over 3 seeds" in written
    assert f"{without} have no interval" in written
    draw(kept, tmp_path / "images" / "coverage.png")
    assert (tmp_path / "images" / "coverage.png").stat().st_size > 10_000


def test_the_page_is_that_of_the_data():
    docs = Path(__file__).parents[3] / "docs"
    found, again = (read(docs / "data" / name) for name in ("coverage.csv", "coverage_again.csv"))
    assert list(again) == lowest(found)
    assert (docs / "coverage.md").read_text(encoding="utf-8") == page(found, again)
