"""Fixtures of the tests of commands."""

from __future__ import annotations

import pytest

from power_metrics.cli import main as cli


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    """Runs a command line in an empty folder; gives its status, standard output and standard error."""
    monkeypatch.chdir(tmp_path)

    def call(*words):
        try:
            status = cli.main([str(word) for word in words])
        except SystemExit as stop:  # argparse's way out of --help and --version
            status = stop.code
        return status, *capsys.readouterr()

    return call
