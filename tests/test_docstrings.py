"""Docstrings of what is public: there is one, it describes every argument, and it names errors."""

from __future__ import annotations

import inspect
import re

import pytest

from tests.public_names import public


def documented():
    """Every public function, class and method of a class, with its name."""
    for name, thing in public().items():
        if callable(thing):
            yield name, thing
        if inspect.isclass(thing):
            for method, found in vars(thing).items():
                found = getattr(found, "__func__", found)
                inherited = any(hasattr(base, method) for base in thing.__mro__[1:])
                if inspect.isfunction(found) and not method.startswith("_") and not inherited:
                    yield f"{name}.{method}", found


PUBLIC = dict(documented())


def parameters(thing):
    found = thing.__init__ if inspect.isclass(thing) else thing
    try:
        signature = inspect.signature(found)
    except ValueError:
        return []
    return [p.name for p in signature.parameters.values() if p.name not in ("self", "cls") and p.name[0] != "_"]


@pytest.mark.parametrize("name", PUBLIC)
def test_arguments_and_errors_are_described(name):
    """Short functions may say it in a sentence; those with a list of arguments list all of them."""
    thing = PUBLIC[name]
    text = inspect.getdoc(thing) or ""
    assert text, "no docstring"
    names = parameters(thing)
    if "Args:" in text or (len(names) > 2 and "ee `" not in text):
        described = text if inspect.isclass(thing) else text.partition("Args:")[2]
        assert [n for n in names if not re.search(rf"^\s+(\w+, )*\**{n}(, \w+)*:|``{n}``", described, re.M)] == []
    if inspect.isfunction(thing) and re.search(r"^\s+raise \w+Error|\bcheck_\w+\(", inspect.getsource(thing), re.M):
        assert re.search(r"Raises:|\ba \w+Error", text), "raises what the docstring does not name"
