"""Shared fixtures and strategies: small worlds, random models."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings

from tests import times

os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # workers run side by side, and threads of torch wait for each other

# No deadlines: how long an example takes says nothing of whether it is right.
settings.register_profile("same", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None)  # other examples each time: pytest --hypothesis-profile=explore
settings.load_profile("same")

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def starts(path: str | None) -> bool:
    """Whether there is a browser, and not only a script that says where to get one."""
    return path is not None and subprocess.run([path, "--version"], capture_output=True, timeout=60).returncode == 0


@pytest.fixture(scope="session")
def browser(tmp_path_factory) -> Iterator[Any]:
    """The system's Chromium, to look at pages with."""
    path = next(filter(starts, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip(f"no browser to look at the page with: expected one of {', '.join(BROWSERS)} that starts")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as driver:
        made = driver.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("profile"), executable_path=path, args=FLAGS, headless=True,
            viewport={"width": 1280, "height": 800}, accept_downloads=True,
        )  # fmt: skip
        yield made
        made.close()


def pytest_collection_modifyitems(items):
    """Tests that were measured to be slow are marked so."""
    slow = times.listed()
    for item in items:
        if item.nodeid in slow or item.nodeid.partition("[")[0] in slow:
            item.add_marker(pytest.mark.slow(by="times"))


@pytest.fixture(autouse=True)
def no_lines_of_progress(monkeypatch):
    """Slow machines would print some, where tests look at what is printed."""
    monkeypatch.setattr("powerenvs.progress.EVERY", math.inf)


@pytest.fixture
def no_figures(monkeypatch):
    """Sweeps draw nothing: figures take longer than small sweeps."""
    monkeypatch.setattr("power_metrics.sweeps.pictures.draw_figures", lambda result, show: [])
