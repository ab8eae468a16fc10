"""One server for all tests of the application, and the system's Chromium to look at its page."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


class Served(NamedTuple):
    """A server that runs.

    Attributes:
        address: of its page.
        folder: where it saves.
        results: the folder that it watches.
        workers: its processes.
    """

    address: str
    folder: Path
    results: Path
    workers: Any


@pytest.fixture(scope="package")
def served(tmp_path_factory) -> Iterator[Served]:
    from power_metrics.app.run import running
    from power_metrics.app.server import make_app
    from power_metrics.app.workers import Limits, Workers

    folder, results = tmp_path_factory.mktemp("saved"), tmp_path_factory.mktemp("results")
    workers = Workers(1, Limits(120, 4 << 30))
    with running(make_app(folder, results, workers)) as address:
        yield Served(address, folder, results, workers)


def starts(path: str | None) -> bool:
    """Whether there is a browser, and not only a script that says where to get one."""
    return path is not None and subprocess.run([path, "--version"], capture_output=True, timeout=60).returncode == 0


@pytest.fixture(scope="package")
def browser(tmp_path_factory) -> Iterator[Any]:
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
