"""Fixtures of the tests of formats."""

from __future__ import annotations

import pytest


@pytest.fixture
def written(tmp_path):
    """A function that writes text to a file."""

    def write(text: str):
        path = tmp_path / "graph.gv"
        path.write_text(text, encoding="utf-8")
        return path

    return write
