"""Examples in docstrings: every public name has one, and each prints what it says."""

from __future__ import annotations

import doctest
import inspect

import matplotlib.pyplot as plt
import pytest

from tests.public_names import public

PUBLIC = public()


def examples_of(name: str) -> list[doctest.DocTest]:
    """The examples of a name, and of the methods of a class or the members of a module."""
    thing = PUBLIC[name]
    found = doctest.DocTestFinder(exclude_empty=True).find(thing, name, inspect.getmodule(thing))
    return [test for test in found if test.examples]


@pytest.mark.slow
@pytest.mark.parametrize("name", PUBLIC)
def test_examples_print_what_they_say(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tests, told = examples_of(name), []
    assert tests, "no example"
    for test in tests:
        doctest.DocTestRunner(verbose=False).run(test, out=told.append)
    plt.close("all")
    assert told == [], "".join(told)
