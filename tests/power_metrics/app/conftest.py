"""One server for all tests of the application."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest


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
