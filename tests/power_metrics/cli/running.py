"""What tests of commands share."""

from __future__ import annotations


def succeed(run, *words):
    """What a command line prints that ends well and complains of nothing."""
    status, out, err = run(*words)
    assert (status, err) == (0, "")
    return out
