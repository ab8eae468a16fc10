"""Exact numbers about behaviour from the tables of an environment: POWER first of all.

Importing this package is cheap: each name loads what it needs when it is first used. The names stand in
``__init__.pyi``; measures of other packages are found here under their own names too.
"""

from __future__ import annotations

from typing import Any

import lazy_loader

_public, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__all__.remove("rllib")  # it needs an extra, and so is in no ``import *``


def __getattr__(name: str) -> Any:
    if name in __all__ or name == "rllib":
        return _public(name)
    if not name.startswith("_"):
        from power_metrics.measures.registry import outside

        if (found := outside(name)) is not None:
            return found.call
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
