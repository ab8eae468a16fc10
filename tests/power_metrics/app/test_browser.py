"""The page in a real browser: draw, undo, share, cancel, play, explain, reload; nothing from elsewhere, no error."""

from __future__ import annotations

import json

import pytest

import power_metrics as pm
from power_metrics.app.run import link_of
from powerenvs import EditedWorld

pytestmark = pytest.mark.slow

ROWS = ["....", ".#..", "...G"]


def state_of(rows=ROWS, **more):
    source = {"kind": "level", "name": "level", "rows": rows, "noise": 0, "walls": "bump", "pair": False, "overlaps": True, "removed": [], "places": {}}  # fmt: skip
    settings = {"gamma": 0.9, "num_samples": 300}
    return {"view": "explore", "source": source, "measure": "power", "settings": settings, **more}


@pytest.fixture
def page(served, browser):
    made = browser.new_page()
    made.set_default_timeout(120_000)  # milliseconds: on busy machines kernels are compiled meanwhile
    problems, addresses = [], []
    made.on("console", lambda told: problems.append(told.text) if told.type in ("error", "warning") else None)
    made.on("pageerror", lambda error: problems.append(str(error)))
    made.on("request", lambda request: addresses.append(request.url))
    yield made
    made.close()
    assert problems == []
    assert [url for url in addresses if not url.startswith((served.address, "data:", "blob:"))] == []


def begin(page, served, state):
    page.goto("about:blank")
    page.goto(f"{served.address}/#{link_of(state)}")
    page.wait_for_selector("#explore[data-state=done]" if state["view"] == "explore" else "html[data-ready=yes]")


def shown(page, cell):
    """The number that the page shows for a cell."""
    page.hover(f'[data-r="{cell[0]}"][data-c="{cell[1]}"]')
    return float(page.get_attribute("#status", "data-value"))


def changed(page, do):
    """Does something, and waits until the map has been measured anew."""
    page.evaluate("document.getElementById('explore').dataset.state = 'waiting'")
    do()
    page.wait_for_selector("#explore[data-state=done]")


def expected(rows, cell, **settings):
    settings = {"gamma": 0.9, "num_samples": 300, **settings}
    return pm.power(EditedWorld(rows).model(), progress=False, **settings)[cell]


def test_draw_undo_share_and_reload(page, served):
    begin(page, served, state_of())
    assert shown(page, (0, 0)) == expected(ROWS, (0, 0))
    page.check("input[name=tool][value=w]")
    changed(page, lambda: page.click('[data-r="0"][data-c="1"]'))
    walled = [".#..", ".#..", "...G"]
    assert shown(page, (0, 0)) == expected(walled, (0, 0)) != expected(ROWS, (0, 0))
    link = page.url
    changed(page, page.reload)  # nothing is lost
    assert page.url == link
    assert shown(page, (0, 0)) == expected(walled, (0, 0))
    changed(page, lambda: page.click("#undo"))  # not even what can be undone
    assert shown(page, (0, 0)) == expected(ROWS, (0, 0))
    changed(page, lambda: page.click("#redo"))
    assert page.url == link
    other = page.context.new_page()
    other.goto(link)
    other.wait_for_selector("#explore[data-state=done]")
    assert shown(other, (0, 0)) == expected(walled, (0, 0))
    other.close()


def test_keys_draw_and_a_cell_explains_itself(page, served):
    begin(page, served, state_of())
    page.focus('[data-r="0"][data-c="0"]')
    page.keyboard.press("ArrowDown")
    changed(page, lambda: page.keyboard.press("Space"))
    walled = ["....", "##..", "...G"]
    assert shown(page, (0, 3)) == expected(walled, (0, 3))
    changed(page, lambda: page.keyboard.press("u"))
    assert shown(page, (0, 3)) == expected(ROWS, (0, 3))
    page.focus('[data-r="0"][data-c="0"]')
    page.keyboard.press("x")
    changed(page, lambda: page.keyboard.press("ArrowRight"))
    cut = EditedWorld(ROWS).remove((0, 0), "right").model()
    assert shown(page, (0, 0)) == pm.power(cut, 0.9, num_samples=300, progress=False)[(0, 0)]
    page.focus('[data-r="1"][data-c="2"]')
    page.keyboard.press("Enter")
    page.wait_for_selector("#equation [data-power]")
    assert float(page.get_attribute("#equation [data-power]", "data-power")) == shown(page, (1, 2))
    value = pm.solve_task(cut, 0.9).values[0, cut.index((1, 2))]
    assert float(page.get_attribute("#equation [data-value]", "data-value")) == pytest.approx(value)
    assert "V*" in page.inner_text("#equation")
    assert "right max" in page.inner_text("#equation")
    label = page.get_attribute('[data-r="1"][data-c="2"]', "aria-label")
    assert label.startswith("row 1, column 2, floor, power 0.")
    assert "standard error" in label


def test_no_number_of_before_stays(page, served):
    begin(page, served, state_of(keep=True))
    page.hover('[data-r="0"][data-c="3"]')
    changed(page, lambda: page.select_option("#measure", "optimality_probability"))
    page.wait_for_selector("#choice")
    page.select_option("#choice", label="right")
    model = EditedWorld(ROWS).model()
    found = pm.optimality_probability(model, 0.9, num_samples=2000, progress=False)
    s, a = model.index((0, 2)), model.action_index("right")
    assert shown(page, (0, 2)) == found.mean[s, a]
    assert "probability, action right" in page.inner_text("#status")
    page.click('[data-r="2"][data-c="0"]')
    page.wait_for_selector("#equation h3:text('(2, 0)')")
    page.check("input[name=tool][value=w]")
    changed(
        page, lambda: page.click('[data-r="0"][data-c="1"]')
    )  # states are numbered anew, and cells stay what they are
    page.wait_for_selector("#equation:not([aria-busy]) h3:text('(2, 0)')")
    assert "chosen" in page.get_attribute('[data-r="2"][data-c="0"]', "class")
    changed(page, lambda: page.click("#pin"))
    changed(page, lambda: page.select_option("#measure", "empowerment"))
    page.wait_for_selector("#note:text('no difference: what is pinned is probability')")
    changed(page, lambda: page.select_option("#world", "id turner_figure_1"))  # without cells that could keep rewards
    page.wait_for_selector(".graph .node")
    assert page.inner_text("#status") == ""
    assert page.inner_text("#error") == ""


def test_cancel_a_long_run_and_reload_during_one(page, served):
    begin(page, served, state_of())
    page.select_option("#world", "id powerenvs/Sokoban-v0")
    page.wait_for_selector("#explore[data-state=done]")
    samples = page.get_by_label("num samples")
    samples.fill("1000000")
    samples.press("Enter")
    page.click("#cancel")
    page.wait_for_selector("#explore[data-state=cancelled]")
    assert "Cancelled" in page.inner_text("#note")
    samples.fill("999999")
    samples.press("Enter")
    page.wait_for_selector("#cancel:visible")
    page.reload()
    samples.fill("200")
    samples.press("Enter")
    page.wait_for_selector("#explore[data-state=done]")
    page.click("#facts summary")
    assert "200" in page.inner_text("#facts")


def test_two_agents_differences_and_downloads(page, served):
    begin(page, served, state_of(rows=["..", ".."]))
    changed(page, lambda: page.click("#pin"))
    gamma = page.get_by_label("gamma", exact=True)

    def less():
        gamma.fill("0.5")
        gamma.press("Enter")

    changed(page, less)
    page.wait_for_selector(".legend :text('less pinned')")
    difference = expected(["..", ".."], (0, 0), gamma=0.5) - expected(["..", ".."], (0, 0))
    page.wait_for_selector('[data-r="0"][data-c="0"] .value:text("-")')
    assert shown(page, (0, 0)) == pytest.approx(difference)
    with page.expect_download() as got:
        page.click("[data-format=csv]")
    assert "power difference" in got.value.path().read_text()
    page.click("#pin")
    changed(page, lambda: page.get_by_label("two agents").check())
    assert "alignment" in page.inner_text("#note")
    page.click("#lines summary")
    page.wait_for_selector("#lines pre")
    assert "pair=True" in page.inner_text("#lines pre")
    assert "pm.multiagent_power" in page.inner_text("#lines pre")
    changed(page, lambda: page.click("#undo"))  # of what is not drawn on the board: the controls follow
    assert not page.get_by_label("two agents").is_checked()
    assert page.input_value("#measure") == "power"
    assert shown(page, (0, 0)) == expected(["..", ".."], (0, 0), num_samples=2000)


def test_play_to_the_end_by_keys_and_save(page, served):
    play = {"id": "powerenvs/SafeInterruptibility-v0", "kwargs": {}, "seed": 0, "view": "picture"}
    begin(page, served, {"view": "play", "play": play})
    page.click("#play-start")
    page.wait_for_selector("#play[data-step='0']")
    assert "performance" not in page.inner_text("#play")
    clock = page.get_by_label("clock runs")
    clock.click()
    page.keyboard.press("ArrowRight")  # goes to the agent, and not to the box that was clicked
    page.wait_for_selector("#play[data-step='1']")
    clock.click()
    page.click("#play-again")
    page.wait_for_selector("#play[data-step='0']")
    for step in range(1, 101):
        page.keyboard.press("ArrowLeft" if step % 2 else "ArrowRight")
        page.wait_for_selector(f"#play[data-step='{step}']")
        if page.get_attribute("#play", "data-over") == "true":
            break
    page.wait_for_selector("#play-end:has-text('hidden performance')")
    page.click("[data-save='.csv']")
    page.wait_for_selector(":text('saved SafeInterruptibility')")
    import gymnasium as gym

    [path] = served.folder.glob("SafeInterruptibility*.csv")
    walk = pm.load_trajectory(gym.make("powerenvs/SafeInterruptibility-v0"), path)
    assert walk.num_steps == step
    times = page.locator("#play .log td:last-child").all_inner_texts()
    assert all(float(one) >= 0 for one in times)
    assert len(times) == step


def test_watch_a_folder(page, served):
    (served.results / "learning.csv").write_text("step,power,agent\n0,0.5,a\n10,0.75,b\n20,0.9,c\n")
    begin(page, served, {"view": "watch", "watch": {"path": "learning.csv"}})
    page.wait_for_selector("#result .chart circle")
    assert page.locator("#result .chart circle").count() == 3
    with (served.results / "learning.csv").open("a") as file:
        file.write("30,0.95,d\n")
    page.wait_for_selector("#result .chart circle >> nth=3", state="attached")
    pm.power(EditedWorld(ROWS).model(), num_samples=50, progress=False).save(served.results / "power.npz")
    page.click("text=power.npz")
    page.wait_for_selector("#result img")
    page.wait_for_timeout(100)
    while page.evaluate("document.querySelector('#result img').naturalWidth") < 100:
        page.wait_for_timeout(100)


@pytest.mark.parametrize("view", ["explore", "play", "watch"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_accessibility(page, served, view, theme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page.emulate_media(color_scheme=theme)
    begin(page, served, state_of(view=view, play={"id": "stag_hunt_v0", "kwargs": {}, "seed": 0, "view": "picture"}))
    if view == "explore":
        page.click('[data-r="0"][data-c="0"]')
        page.wait_for_selector("#equation table")
    if view == "play":
        page.click("#play-start")
        page.wait_for_selector("#play[data-step='0']")
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    page.wait_for_timeout(200)
    found = axe.run(page).response["violations"]
    serious = [one for one in found if one["impact"] in ("serious", "critical")]
    told = [(one["id"], [node["html"][:200] for node in one["nodes"][:3]]) for one in serious]
    assert told == [], json.dumps(told, indent=1)
