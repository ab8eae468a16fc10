"""The notice that kernels are being compiled: once, in a terminal, and of our kernels only."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from powerenvs import machine_code


def compiling(module):
    return SimpleNamespace(data={"dispatcher": SimpleNamespace(py_func=SimpleNamespace(__module__=module))})


@pytest.mark.parametrize(("terminal", "lines"), [(True, 1), (False, 0)])
def test_it_is_told_once_in_a_terminal(terminal, lines, capsys, monkeypatch):
    notice = machine_code.Notice()
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal)
    notice.on_start(compiling("somebody.elses"))
    assert capsys.readouterr().err == ""
    for _ in range(3):
        notice.on_start(compiling("power_metrics.solvers.discounted.direct"))
        notice.on_end(compiling("power_metrics.solvers.discounted.direct"))
    assert capsys.readouterr().err.count("compiling kernels") == lines


def test_the_stamp_covers_kernels_in_every_folder(tmp_path):
    """Kernels call each other across folders, and numba looks only at the file of the one that is called."""
    nested = tmp_path / "discounted" / "direct.py"
    nested.parent.mkdir()
    nested.write_text("before")
    before = machine_code.stamp(tmp_path)
    nested.write_text("after")
    assert machine_code.stamp(tmp_path) != before
