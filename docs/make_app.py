"""The screenshots of docs/app.md.

python docs/make_app.py [NAME ...]     writes docs/images/app/*.png; needs the extra dev, and the system's Chromium
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
from PIL import Image
from playwright.sync_api import Page, sync_playwright

import power_metrics as pm
from power_metrics.app.labelling import Labelling
from power_metrics.app.run import link_of, running
from power_metrics.app.server import make_app
from power_metrics.app.workers import Workers

FOLDER = Path(__file__).with_name("images") / "app"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-sync"]
ROOMS = ["#########", "#...#...#", "#S..#...#", "#.......#", "#...#..G#", "#########"]
SWEEP = {
    "name": "maze",
    "level": "maze_7x7",
    "noise": [0.0, 0.1, 0.3],
    "gamma": [0.1, 0.5, 0.7, 0.9, 0.99],
    "num_samples": 500,
}


def level(rows: list[str], **more: Any) -> dict[str, Any]:
    """An edited level as the page keeps it."""
    source = {"kind": "level", "name": "rooms", "rows": rows, "noise": 0.0, "walls": "bump", "pair": False}
    return {**source, "overlaps": True, "removed": [], "places": {}, **more}


def explore(source: dict[str, Any], measure: str, **more: Any) -> dict[str, Any]:
    """The state of the page that explores."""
    settings = {"gamma": 0.9, "num_samples": 200 if measure == "multiagent_power" else 2000}
    settings = more.pop("settings", settings)
    return {"view": "explore", "source": source, "measure": measure, "settings": settings, **more}


def play(id: str, view: str, **kwargs: Any) -> dict[str, Any]:
    """The state of the page on which one plays."""
    return {"view": "play", "play": {"id": id, "kwargs": kwargs, "seed": 0, "view": view}}


def explained(page: Page) -> None:
    """Clicks a cell, for its equation."""
    page.click('[data-r="3"][data-c="4"]')
    page.wait_for_selector("#equation table")


def compared(page: Page) -> None:
    """Waits for the difference."""
    page.wait_for_selector(".legend :text('less pinned')")


def played(page: Page) -> None:
    """Plays two steps."""
    page.click("#play-start")
    page.wait_for_selector("#play[data-step='0']")
    for step, key in enumerate(("ArrowRight", "ArrowUp"), 1):
        page.keyboard.press(key)
        page.wait_for_selector(f"#play[data-step='{step}']")


def both_moved(page: Page) -> None:
    """A step of two players."""
    page.click("#play-start")
    page.wait_for_selector("#play[data-step='0']")
    page.keyboard.press("w")
    page.keyboard.press("ArrowUp")
    page.wait_for_selector("#play[data-step='1']")


def compared_by(rater: str) -> Callable[[Page], None]:
    """A few comparisons of clips."""

    def compare(page: Page) -> None:
        page.fill("#label-rater", rater)
        page.keyboard.press("Enter")
        page.wait_for_selector("#label[data-state=ready]")
        for key in ("ArrowLeft", "ArrowRight", "ArrowUp"):
            page.wait_for_timeout(1500)
            page.keyboard.press(key)
            page.wait_for_selector("#label[data-state=busy]", state="detached")
            page.wait_for_selector("#label[data-state=ready]")
        page.wait_for_selector("[data-count=yours]:text-is('3')")
        page.wait_for_timeout(500)

    return compare


def comparisons(folder: str) -> Labelling:
    """Pairs of clips of the island, and what is wanted of them."""
    text = "Walk to the green square, and stay out of the water.\n\nA clip that gets nearer is better."
    Path(folder, "wanted.txt").write_text(text, encoding="utf-8")
    env = gym.make("powerenvs/IslandNavigation-v0")
    store = pm.preferences.Store(Path(folder, "labels.db"))
    clips = list(dict.fromkeys(pm.preferences.collect(env, num_segments=200, length=8, seed=4)))
    store.add_pairs(zip(clips[:60:2], clips[1:60:2], strict=True))
    store.note(environment={"id": "powerenvs/IslandNavigation-v0", "kwargs": {}})
    return Labelling(store, instructions=Path(folder, "wanted.txt"))


def drawn(page: Page) -> None:
    """Waits for the curves."""
    page.wait_for_selector("#result .chart circle")


Shot = tuple[dict[str, Any], Callable[[Page], None], bool, tuple[int, int]]
WIDE, PHONE = (1280, 800), (390, 780)
PINNED = {"source": level(ROOMS), "measure": "power", "settings": {"gamma": 0.9, "num_samples": 2000}, "keep": False}
CUT = level(ROOMS, removed=[[3, 4, "left", None], [3, 4, "right", None]])
SHOTS: dict[str, Shot] = {
    "explore": (explore(level(ROOMS, noise=0.1), "power", arrows="task"), explained, False, WIDE),
    "difference": (explore(CUT, "power", less=PINNED), compared, True, WIDE),
    "two_agents": (explore(level(["...", ".#.", "..G"], pair=True), "multiagent_power"), lambda page: None, True, WIDE),
    "phone": (explore(level(ROOMS), "empowerment", settings={"steps": 3}), lambda page: None, False, PHONE),
    "play": (play("powerenvs/LabRandomGoal-v0", "observation", observation="first_person"), played, True, WIDE),
    "two_players": (play("stag_hunt_v0", "picture"), both_moved, False, PHONE),
    "watch": ({"view": "watch", "watch": {"path": "maze"}}, drawn, False, WIDE),
    "label": ({"view": "label"}, compared_by("Ann"), False, WIDE),
    "label_phone": ({"view": "label"}, compared_by("Bob"), True, PHONE),
}


def main() -> None:
    """Serves the page, looks at it, and keeps what is seen."""
    browser_path = shutil.which("chromium") or shutil.which("google-chrome")
    FOLDER.mkdir(parents=True, exist_ok=True)
    names = sys.argv[1:] or list(SHOTS)
    with (
        tempfile.TemporaryDirectory() as folder,
        running(make_app(folder, folder, Workers(1), labelling=comparisons(folder))) as address,
    ):
        pm.sweep(SWEEP, Path(folder, "maze"), progress=False, figures=False)
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=browser_path, args=FLAGS)
            for name in names:
                state, do, dark, (width, height) = SHOTS[name]
                scheme = "dark" if dark else "light"
                view = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
                page = view.new_page()
                page.set_default_timeout(120_000)
                page.goto(f"{address}/#{link_of(state)}")
                page.wait_for_selector(
                    "#explore[data-state=done]" if state["view"] == "explore" else "html[data-ready=yes]"
                )
                do(page)
                page.wait_for_timeout(400)
                path = FOLDER / f"{name}.png"
                page.screenshot(path=path)
                Image.open(path).convert("RGB").quantize(256).save(path, optimize=True)
                print(f"{path}: {path.stat().st_size // 1000} kB")
                view.close()
            browser.close()


if __name__ == "__main__":
    main()
