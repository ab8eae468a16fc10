"""Shared fixtures and strategies: small worlds, random models."""

from __future__ import annotations

import math
import os

import pytest
from hypothesis import settings

os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # workers run side by side, and threads of torch wait for each other

# No deadlines: how long an example takes says nothing of whether it is right.
settings.register_profile("same", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None)  # other examples each time: pytest --hypothesis-profile=explore
settings.load_profile("same")


@pytest.fixture(autouse=True)
def no_lines_of_progress(monkeypatch):
    """Slow machines would print some, where tests look at what is printed."""
    monkeypatch.setattr("powerenvs.progress.EVERY", math.inf)


@pytest.fixture
def no_figures(monkeypatch):
    """Sweeps draw nothing: figures take longer than small sweeps."""
    monkeypatch.setattr("power_metrics.sweeps.pictures.draw_figures", lambda result, show: [])
