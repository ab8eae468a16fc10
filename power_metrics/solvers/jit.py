"""How kernels are compiled: see `powerenvs.machine_code`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from powerenvs.machine_code import compiled, stamp

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]
"""The arrays that kernels take."""

_STAMP = stamp(Path(__file__).parent)


def kernel(function: Callable[..., Any]) -> Any:
    """Compiles a function to machine code on first use; later processes read the code from disk.

    Kernels release the interpreter lock, so that plain threads run them side by side: unlike numba's own
    parallel loops, these can be called from several threads at once and in forked processes.
    """
    return compiled(function, _STAMP)


def inlined(function: Callable[..., Any]) -> Any:
    """A small piece of a kernel, put in place of its calls: a call with arrays costs more than its few operations."""
    return compiled(function, _STAMP, forceinline=True)
