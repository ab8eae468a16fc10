"""How long the page for comparisons takes to answer, with many comparisons in its store.

python tests/benchmarks/bench_labelling.py [--comparisons 1000 100000] [--answers 30] [--pause 1]

Fills stores, and prints the median and the slowest of: the server, from an answer to the next pair, its two pictures, the
counts and agreement; and the page in the system's Chromium, from the key to the frame in which the next pair is shown.
Between two answers is a pause, as with people, in which the server draws ahead. The CPU time is that of server and client
together; elapsed times mean little where other programs run.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gymnasium as gym
import httpx
import numpy as np

import power_metrics as pm
from power_metrics.app.labelling import Labelling
from power_metrics.app.run import link_of, running
from power_metrics.app.server import make_app
from power_metrics.app.workers import Workers

WORLD = "powerenvs/IslandNavigation-v0"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-sync"]
RATERS, SEGMENTS, OPEN = 20, 5_000, 500


def filled(path: Path, count: int) -> pm.preferences.Store:
    """A store with so many answers of several raters, of which a tenth repeat a pair, and more pairs to answer."""
    store = pm.preferences.Store(path)
    drawn = pm.preferences.collect(gym.make(WORLD), num_segments=SEGMENTS, length=10)
    numbers = list(dict.fromkeys(store.add_segments(drawn)))
    rng = np.random.default_rng(0)
    pairs = rng.choice(numbers, size=(count + OPEN, 2))
    pairs[: count // 10] = pairs[count // 10 : 2 * (count // 10)]
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    made = store.add_pairs(pairs.tolist(), schedule="uniform")
    store.note(environment={"id": WORLD, "kwargs": {}})
    words = np.array(["left", "right", "tie", "incomparable"])[rng.choice(4, size=count, p=[0.4, 0.4, 0.15, 0.05])]
    # through the file that `load` takes: each answer by itself would be flushed to the disk
    with store._write() as db:
        from power_metrics.preferences.schema import put_answer

        for number, (left, right), word in zip(made[:-OPEN], pairs.tolist(), words.tolist(), strict=False):
            now = time.time() - 7200.0 + number / 100.0
            put_answer(db, number, (left, right), f"rater {number % RATERS}", word, (now - 3.0, now, 3.0))
    return store


def timed(do: Callable[[], Any]) -> tuple[float, float]:
    """Milliseconds of a call, and of CPU time."""
    began, cpu = time.perf_counter(), time.process_time()
    do()
    return 1000 * (time.perf_counter() - began), 1000 * (time.process_time() - cpu)


def of_server(address: str, answers: int, pause: float) -> Iterator[tuple[str, list[tuple[float, float]]]]:
    """The milliseconds of requests."""
    with httpx.Client(base_url=address, timeout=60) as client:
        shown = [client.post("/api/label/next", json={"rater": "bench"}).json()]

        def answer() -> None:
            given = {"rater": "bench", "pair": shown[-1]["pair"], "label": "left", "seconds": 1.0}
            shown.append(client.post("/api/label/answer", json=given).json())

        def clips() -> None:
            for side in ("left", "right"):
                client.get("/api/label/clip", params={"name": shown[-1][side]["clip"]})

        both = []
        for _ in range(answers):
            time.sleep(pause)
            both.append((timed(answer), timed(clips)))
        yield "answer, and the next pair", [one for one, _ in both]
        yield "its two pictures", [one for _, one in both]
        yield "counts", [timed(lambda: client.get("/api/label/counts")) for _ in range(5)]
        yield "agreement", [timed(lambda: client.get("/api/label/agreement")) for _ in range(5)]


def of_page(address: str, answers: int, pause: float) -> list[tuple[float, float]]:
    """The milliseconds from a key to the frame in which the next pair is shown, as the page has them."""
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        print("bench_labelling: no browser found, the page is not measured")
        return []
    with sync_playwright() as driver:
        page = driver.chromium.launch(executable_path=path, args=FLAGS).new_page()
        page.goto(f"{address}/#{link_of({'view': 'label'})}")
        page.fill("#label-rater", "bench page")
        page.keyboard.press("Enter")
        found = []
        for i in range(answers + 1):
            page.wait_for_selector("#label[data-state=ready]")
            if i:
                found.append((float(page.get_attribute("#label", "data-took") or "nan"), float("nan")))
            page.wait_for_timeout(1000 * pause)
            page.keyboard.press("ArrowLeft")
            page.wait_for_selector(f"#label[data-answers='{i + 1}']")
        return found


def main() -> None:
    """Measures, and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--comparisons", type=int, nargs="+", default=[1_000, 100_000])
    parser.add_argument("--answers", type=int, default=30)
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between two answers")
    args = parser.parse_args()
    for count in args.comparisons:
        measured(count, args.answers, args.pause)


def measured(count: int, answers: int, pause: float) -> None:
    """Measures with so many comparisons, and prints."""
    with tempfile.TemporaryDirectory() as folder:
        store = filled(Path(folder, "labels.db"), count)
        print(f"{store.num_labels():,} comparisons, {store.num_open():,} pairs open")
        print(f"{'':28} median ms   slowest ms   median CPU ms")
        with running(make_app(folder, None, Workers(1), labelling=Labelling(store))) as address:
            page = ("page: key to next pair", of_page(address, answers, pause))
            for name, found in (*of_server(address, answers, pause), page):
                if found:
                    elapsed, cpu = zip(*found, strict=True)
                    shown = f"{statistics.median(cpu):14.1f}" if name != page[0] else ""
                    print(f"{name:28} {statistics.median(elapsed):9.1f}   {max(elapsed):10.1f}  {shown}", flush=True)


if __name__ == "__main__":
    main()
