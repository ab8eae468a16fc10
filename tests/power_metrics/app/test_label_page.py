"""The page for comparisons in a real browser: what is given is kept, whatever happens on the way."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import gymnasium as gym
import pytest

import power_metrics as pm
from power_metrics.app.labelling import Labelling
from power_metrics.app.run import link_of, running
from power_metrics.app.server import make_app
from power_metrics.app.workers import Workers
from tests.power_metrics.app.labels import Server, make_store

pytestmark = pytest.mark.slow

KEYS = {"left": "ArrowLeft", "right": "ArrowRight", "tie": "ArrowUp", "incomparable": "ArrowDown"}
READY = "#label[data-state=ready]"


class Rater:
    """Somebody with a page of their own, and what they have said."""

    def __init__(self, context: Any, address: str, name: str | None):
        self.page, self.given = context.new_page(), []
        self.problems: list[str] = []
        self.page.set_default_timeout(120_000)
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.goto(f"{address}/#{link_of({'view': 'label'})}")
        if name is not None:
            self.page.fill("#label-rater", name)
            self.page.keyboard.press("Enter")
            self.page.wait_for_selector(READY)

    @property
    def pair(self) -> int:
        return int(self.page.get_attribute("#label", "data-pair"))

    def press(self, label: str, wait: bool = True) -> None:
        pair = self.pair
        self.page.keyboard.press(KEYS[label])
        self.given.append((pair, label))
        if wait:
            self.page.wait_for_selector(f"{READY}:not([data-pair='{pair}'])")

    def undo(self) -> None:
        pair, _ = self.given.pop()
        self.page.keyboard.press("u")
        self.page.wait_for_selector(f"{READY}[data-pair='{pair}']")


def kept(store, rater):
    found = store.comparisons(rater=rater)
    return list(zip(found.pairs.tolist(), found.labels, strict=True))


def test_twenty_pairs_an_undo_a_reload_a_second_rater_and_a_killed_server(tmp_path, browser):
    store = make_store(tmp_path / "labels.db", pairs=60)
    server = Server(tmp_path / "labels.db", tmp_path / "saved")
    words = list(KEYS)
    try:
        ann = Rater(browser, server.address, "ann")
        bob = Rater(browser, server.address, "bob")
        for i in range(10):
            ann.press(words[i % 4])
            if i % 2:
                bob.press(words[(i + 1) % 4])
        ann.undo()
        ann.press("tie")
        before = ann.pair
        ann.page.reload()  # goes on by itself, with the pair that was shown
        ann.page.wait_for_selector(READY)
        assert ann.pair == before
        for i in range(5):
            ann.press(words[i % 4])
        server.kill()
        pair = ann.pair
        ann.press("right", wait=False)  # nobody is there to hear it
        ann.page.wait_for_selector("#label-error:has-text('Your answer is kept')")
        ann.page.keyboard.press("ArrowLeft")  # and this is no answer to anything
        server.start()
        ann.page.wait_for_selector(f"{READY}:not([data-pair='{pair}'])")
        server.kill()
        ann.press("left", wait=False)
        ann.page.wait_for_selector("#label-error:has-text('Your answer is kept')")
        server.start()
        ann.page.wait_for_selector(READY)
        bob.press("left")
        for i in range(3):
            ann.press(words[i % 4])
        assert len(ann.given) == 20
        ann.page.wait_for_selector("[data-count=yours]:text-is('20')")
        assert ann.problems == bob.problems == []
    finally:
        server.kill()
        ann.page.close()
        bob.page.close()
    assert kept(store, "ann") == ann.given
    assert kept(store, "bob") == bob.given
    assert not {pair for pair, _ in ann.given} & {pair for pair, _ in bob.given}
    times = store.comparisons().response_time
    assert ((times > 0) & (times < 60)).all()
    assert store.counts()["undone"] == 1


def test_training_that_somebody_feeds_through_the_page_ends_with_the_optimal_policy(tmp_path, browser):
    options = {"level": "S..G", "max_episode_steps": 20}
    env = gym.make("PowerGrid-v0", **options)
    store = pm.preferences.Store(tmp_path / "labels.db")
    store.note(environment={"id": "PowerGrid-v0", "kwargs": options})
    teacher = pm.preferences.SyntheticTeacher(env)  # what the rater goes by, who only has the keys
    arguments = {"labels": 30, "steps": 2_000, "rounds": 2, "length": 5, "store": store, "progress": False}
    server = running(make_app(tmp_path, None, Workers(1), labelling=Labelling(tmp_path / "labels.db")))
    with ThreadPoolExecutor(1) as pool, server as address:
        training = pool.submit(pm.preferences.train, env, "human", **arguments)
        rater = Rater(browser, address, "a script")
        while not training.done():
            if rater.page.get_attribute("#label", "data-state") != "ready":
                rater.page.wait_for_timeout(30)  # new pairs come when the policy has changed
                continue
            clips = {pair.id: pair for pair in [store.next_pair("a script")]}[rater.pair]
            label = teacher(store.segment(clips.left), store.segment(clips.right))
            rater.press(label, wait=False)
            rater.page.wait_for_selector(f"#label:not([data-pair='{clips.id}'])")
        found = training.result()
        rater.page.close()
    assert found.regret[-1] == pytest.approx(0, abs=1e-9)
    assert len(rater.given) == store.num_labels() == 30
    assert kept(store, "a script") == rater.given


@pytest.fixture
def served_labels(tmp_path):
    (tmp_path / "wanted.txt").write_text("Reach the <b>goal</b>.", encoding="utf-8")
    labelling = Labelling(make_store(tmp_path / "labels.db", pairs=3), instructions=tmp_path / "wanted.txt")
    with running(make_app(tmp_path, None, Workers(1), labelling=labelling)) as address:
        yield labelling, address


def test_touch_practice_instructions_and_an_end(served_labels, browser):
    labelling, address = served_labels
    rater = Rater(browser, address, None)
    page = rater.page
    page.wait_for_selector("#label-instructions:not(:empty)")
    assert page.inner_text("#label-instructions") == "Reach the <b>goal</b>."  # text, not HTML
    page.click("#label-practice")
    page.wait_for_selector("#label-note:has-text('Made-up pair 1')")
    page.click("[data-label=left]")
    page.wait_for_selector("#label-note:has-text('Made-up pair 2')")
    page.keyboard.press("u")
    page.wait_for_selector("#label-note:has-text('Made-up pair 1')")
    page.click("#label-leave")
    assert labelling.store.num_labels() == 0
    page.fill("#label-rater", "cleo")
    page.click("#label-begin")
    page.wait_for_selector(READY)
    steps = {page.wait_for_timeout(60) or page.get_attribute("#label progress", "value") for _ in range(40)}
    assert len(steps) > 2  # the clips run
    page.keyboard.press(" ")
    assert "Run" in page.inner_text("#label-pause")
    for left in (2, 1):
        page.click("[data-label=right]")
        page.wait_for_selector(f"[data-count='still open']:text-is('{left}')")
        page.wait_for_selector(READY)
    page.click("[data-label=incomparable]")
    page.wait_for_selector("#label-note:has-text('No pairs to compare now')")
    env = labelling.clips.environment()
    labelling.store.add_pairs([pm.preferences.collect(env, num_segments=2, length=3, seed=9)])
    page.wait_for_selector(READY)  # new ones are found without a word
    page.click("#label-agreement summary")
    page.wait_for_selector("#label-agreement :text('No two answers')")
    assert [label for _, label in kept(labelling.store, "cleo")] == ["right", "right", "incomparable"]
    page.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1280, 800), (390, 780)], ids=["wide", "phone"])
def test_accessibility_and_width(served_labels, browser, theme, size):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    rater = Rater(browser, served_labels[1], "dora")
    page = rater.page
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.emulate_media(color_scheme=theme)
    page.click("#label-agreement summary")
    for state in ("ready", "intro"):
        page.wait_for_selector(f"#label[data-state={state}]")
        page.wait_for_timeout(150)
        found = axe.run(page).response["violations"]
        told = [(one["id"], [node["html"][:200] for node in one["nodes"][:3]]) for one in found]
        assert told == [], json.dumps(told, indent=1)
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        if state == "ready":
            page.click("#label-leave")
    page.close()
