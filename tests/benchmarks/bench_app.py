"""How long it takes from an edit to its picture on the page of the application, in the system's Chromium.

python tests/benchmarks/bench_app.py [--edits 20] [--levels open_20x20]

Draws walls, each in another cell, in levels of 31, 220 and 399 states (2,000 reward functions), without noise and with
it, and prints the median and the slowest of: the picture (from the edit to the first picture with new numbers, which is of
100 to 300 reward functions where all of them take longer), the whole (to the picture with all of them), and the work behind
both.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
from typing import Any

from power_metrics.app.catalogue import catalogue
from power_metrics.app.run import link_of, running
from power_metrics.app.server import make_app
from power_metrics.app.workers import Workers

LEVELS = ("maze_7x7", "robot_face_20x20", "open_20x20")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-sync"]


def level(name: str, noise: float) -> dict[str, Any]:
    """A shipped level, or an open one with a wall in a corner, as the page keeps it."""
    rows = catalogue()["levels"].get(name) or ["#" + "." * 19, *["." * 20] * 18, "." * 19 + "G"]
    world = {"noise": noise, "walls": "bump", "pair": False, "overlaps": True, "removed": [], "places": {}}
    return {"kind": "level", "name": name, "rows": rows, **world}


def measured(page: Any, address: str, source: dict[str, Any], edits: int) -> dict[str, list[float]]:
    """The milliseconds of each edit."""
    page.goto("about:blank")
    page.goto(f"{address}/#{link_of({'source': source, 'settings': {'gamma': 0.9, 'num_samples': 2000}})}")
    page.wait_for_selector("#explore[data-state=done]")
    page.check("input[name=tool][value=w]")
    found: dict[str, list[float]] = {"latency": [], "whole": [], "work": []}
    cells = [(r, c) for r, line in enumerate(source["rows"]) for c, glyph in enumerate(line) if glyph == "."]
    for row, column in cells[:: max(1, len(cells) // edits)][:edits]:
        page.evaluate("document.getElementById('explore').dataset.state = 'waiting'")
        page.click(f'[data-r="{row}"][data-c="{column}"]')
        page.wait_for_selector("#explore[data-state=done]")
        for kind, numbers in found.items():
            numbers.append(float(page.get_attribute("#explore", f"data-{kind}") or "nan"))
    return found


def main() -> None:
    """Measures, and prints a table."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edits", type=int, default=20, help="of each level")
    parser.add_argument("--levels", nargs="+", default=LEVELS, choices=LEVELS)
    args = parser.parse_args()
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        print("bench_app: no browser found, nothing measured")
        return
    print(f"{'level':18} states  noise   picture ms (slowest)   whole ms (slowest)   work ms (slowest)")
    with (
        tempfile.TemporaryDirectory() as folder,
        running(make_app(folder, None, Workers(1))) as address,
        sync_playwright() as driver,
    ):
        page = driver.chromium.launch(executable_path=path, args=FLAGS).new_page()
        page.set_default_timeout(120_000)
        for name in args.levels:
            for noise in (0.0, 0.1):
                source = level(name, noise)
                found = measured(page, address, source, args.edits)
                states = sum(len(line) - line.count("#") for line in source["rows"])
                shown = [f"{statistics.median(found[kind]):.0f} ({max(found[kind]):.0f})" for kind in found]
                print(f"{name:18} {states:6}  {noise:5}   {shown[0]:>20}   {shown[1]:>18}   {shown[2]:>17}")


if __name__ == "__main__":
    main()
