"""How kernels are compiled: once, to disk, free of the interpreter lock. The first import of this module is numba's."""

from __future__ import annotations

import functools
import hashlib
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from numba.core import event


def stamp(*places: Path) -> str:
    """A hash of sources, files or folders: of kernels that call each other, and of what is compiled into them."""
    digest = hashlib.sha256()
    for path in [path for place in places for path in ([place] if place.is_file() else sorted(place.rglob("*.py")))]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


class Notice(event.Listener):
    """Says, in a terminal, why the first call on a machine takes long."""

    told = False

    def on_start(self, event: event.Event) -> None:
        """A function is compiled, not read from disk."""
        package = event.data["dispatcher"].py_func.__module__.split(".")[0]
        if self.told or package not in ("powerenvs", "power_metrics"):
            return
        self.told = True
        if sys.stderr.isatty():
            print(f"{package}: compiling kernels, once; this takes about 20 seconds", file=sys.stderr)

    def on_end(self, event: event.Event) -> None:
        """Nothing more to say."""


event.register("numba:compile", Notice())  # type: ignore[no-untyped-call]


def compiled(function: Callable[..., Any], sources: str, **options: Any) -> Any:
    """A function as machine code, compiled on first use; later processes read the code from disk, where that can be.

    Kernels release the interpreter lock, so that plain threads run them side by side: unlike numba's own
    parallel loops, these can be called from several threads at once and in forked processes.

    Args:
        function: what numba compiles.
        sources: the `stamp` of everything that is compiled into it: when that changes, it is compiled anew.
        **options: more of ``numba.njit``.
    """
    options |= {"nogil": True, "error_model": "numpy"}
    try:
        dispatcher = numba.njit(cache=True, **options)(function)
    except RuntimeError:  # no folder can be written: not beside this file, not in the user's cache
        _warn()
        return numba.njit(**options)(function)
    return _stamped(dispatcher, sources)


@functools.cache
def _warn() -> None:
    warnings.warn(
        "powerenvs: compiled kernels cannot be kept on disk, so that every process compiles them anew, which takes "
        "about 20 seconds; set NUMBA_CACHE_DIR to a folder that can be written",
        RuntimeWarning,
        stacklevel=2,
    )


def _guarded(use: Callable[..., Any]) -> Callable[..., Any]:
    """A use of the cache that does without, with a warning, where the disk is full or the folder is gone."""

    def guarded(*arguments: Any) -> Any:
        try:
            return use(*arguments)
        except OSError:
            _warn()
            return None

    return guarded


def _stamped(dispatcher: Any, sources: str) -> Any:
    # numba recompiles when the file of a kernel changes, but not when a kernel it calls from another file
    # does. One stamp for all of them closes that gap. It is compared with the stored one, whatever it is.
    cache: Any = getattr(dispatcher, "_cache", None)
    if hasattr(cache, "save_overload"):
        cache.load_overload, cache.save_overload = _guarded(cache.load_overload), _guarded(cache.save_overload)
    cache_file: Any = getattr(cache, "_cache_file", None)
    if hasattr(cache_file, "_source_stamp"):
        cache_file._source_stamp = sources
        # The stamp is only looked at after types have been unpickled, which fails if one has moved to another
        # module since. The version is looked at before.
        cache_file._version = f"{cache_file._version} {sources}"
    return dispatcher
