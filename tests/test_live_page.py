"""The page of the site that computes POWER in the browser gives the numbers of `power_metrics`."""

from __future__ import annotations

from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

import power_metrics as pm
import powerenvs  # registers the environments

LIVE = Path(__file__).parents[1] / "docs" / "site" / "assets" / "live"
LEVELS = [
    "...\n...\n...",
    ".......\n.##.###\n....###\n.##....\n.##.##.\n.##....\n....##.",
    "#.#####\n.......\n#.#####",
    ".",
]
SOLVE = """([level, gamma, count]) => {
    const world = powerLive.grid(level), solve = powerLive.solver(world), draw = powerLive.uniform(7);
    const rewards = Array.from({length: count}, () => Float64Array.from(world.cells, () => draw()));
    return {cells: world.cells, rewards: rewards.map((row) => [...row]), values: rewards.map((row) => [...solve(row, gamma)])};
}"""


@pytest.fixture(scope="module")
def page(browser, tmp_path_factory):
    """The page's part of the site, alone, from the disk."""
    folder = tmp_path_factory.mktemp("live")
    scripts = "".join(f'<script src="{(LIVE / name).as_uri()}"></script>' for name in ("solver.js", "page.js"))
    style = f'<link rel="stylesheet" href="{(LIVE / "live.css").as_uri()}">'
    (folder / "live.html").write_text(
        f'<!doctype html><html lang="en"><title>POWER</title>{style}<main><h1>POWER</h1><div id="power-live"></div></main>{scripts}',
        encoding="utf-8",
    )
    opened = browser.new_page()
    opened.set_default_timeout(120_000)
    opened.errors = []
    opened.on("pageerror", lambda error: opened.errors.append(str(error)))
    opened.goto((folder / "live.html").as_uri())
    yield opened
    assert opened.errors == []
    opened.close()


def done(page, samples=1000):
    page.wait_for_selector(f'#power-live[data-done="{samples}"]')


@pytest.mark.parametrize("gamma", [0.05, 0.99])
@pytest.mark.parametrize("level", LEVELS)
def test_values_are_those_of_the_package(page, level, gamma):
    found = page.evaluate(SOLVE, [level, gamma, 20])
    mdp = powerenvs.tabular_model(gym.make("PowerGrid-v0", level=level))
    assert [list(label) for label in mdp.state_labels] == found["cells"]
    expected = pm.optimal_values(mdp, np.array(found["rewards"]), gamma=gamma)
    np.testing.assert_allclose(found["values"], expected, rtol=1e-12, atol=1e-9)


def test_draws_are_uniform_and_the_estimate_is_their_mean(page):
    draws = np.array(page.evaluate("() => Array.from({length: 20000}, powerLive.uniform(3))"))
    assert 0 <= draws.min() < draws.max() < 1
    counts = np.histogram(draws, 20, (0, 1))[0]
    assert ((counts - 1000) ** 2 / 1000).sum() < 43.8  # chi-square of 19 degrees, 1 in 1,000
    assert abs(np.corrcoef(draws[:-1], draws[1:])[0, 1]) < 0.03
    level, gamma = LEVELS[1], 0.9
    found = page.evaluate(
        """([level, gamma]) => { const e = powerLive.estimator(level, gamma, 1); e.more(300); e.more(700);
            return {mean: [...e.mean], error: [...e.error], count: e.count}; }""",
        [level, gamma],
    )
    ours = pm.power(gym.make("PowerGrid-v0", level=level), gamma=gamma, num_samples=10_000)
    gap = np.abs(np.array(found["mean"]) - np.asarray(ours.mean)) / np.hypot(
        found["error"], np.asarray(ours.standard_error)
    )
    assert found["count"] == 1000
    assert gap.max() < 4.5  # 31 states, correlated
    np.testing.assert_allclose(found["error"], np.asarray(ours.standard_error) * np.sqrt(10), rtol=0.25)


def test_a_wall_is_drawn_by_mouse_and_by_keys_and_changes_the_numbers(page):
    page.reload()
    done(page)
    middle = page.locator('[data-at="3,3"]')
    before = middle.get_attribute("data-power")
    page.locator('[data-at="2,3"]').click()
    done(page)
    assert middle.get_attribute("data-power") != before
    assert page.locator('[data-at="2,3"]').get_attribute("aria-label") == "row 2, column 3: wall"
    page.locator('[data-at="0,0"]').focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    done(page)
    assert page.locator('[data-at="0,1"]').get_attribute("aria-label").endswith("wall")
    assert "30 states" not in page.locator('[data-is="status"]').text_content()
    assert "29 states" in page.locator('[data-is="status"]').text_content()


def test_the_python_lines_are_of_what_is_shown(page):
    page.reload()
    page.locator('[data-is="world"]').select_option("open 3x3")
    page.locator('[data-grow="row,-1"]').click()
    page.locator('[data-is="gamma"]').fill("0.5")
    done(page)
    lines = page.locator('[data-is="python"]').text_content()
    assert 'level="...\\n..."' in lines
    assert "gamma=0.5, num_samples=1000" in lines
    names: dict[str, object] = {}
    exec(lines, names)
    assert page.locator(".pl-board button").count() == 6


def test_a_grid_of_walls_says_so_and_sizes_are_bounded(page):
    page.reload()
    page.locator('[data-is="world"]').select_option("open 3x3")
    for _ in range(5):
        page.locator('[data-grow="row,-1"]').click()
        page.locator('[data-grow="column,-1"]').click()
    assert page.locator(".pl-board button").count() == 1
    page.locator('[data-at="0,0"]').click()
    done(page, 0)
    assert "nowhere to be" in page.locator('[data-is="status"]').text_content()


def test_it_is_accessible(page):
    from axe_playwright_python.sync_playwright import Axe

    page.reload()
    done(page)
    found = [one for one in Axe().run(page).response["violations"] if one["impact"] in ("serious", "critical")]
    assert found == []
