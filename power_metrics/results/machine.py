"""What a result was computed on: the processor, and the versions that matter."""

from __future__ import annotations

import functools
import os
import platform
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from powerenvs.version import __version__


def processor() -> str:
    """The processor's name, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def versions(packages: Iterable[str]) -> dict[str, str | None]:
    """The installed version of each package; None where it is not installed."""
    found: dict[str, str | None] = {}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


@functools.cache
def _released() -> Mapping[str, str | None]:
    return {"powerenvs": __version__, **versions(("numpy", "torch"))}


def current_versions() -> dict[str, str | None]:
    """The releases that results are made with: of this package, and of those that compute."""
    return dict(_released())


def machine() -> str:
    """The processor and the versions that decide about speed, in one line."""
    parts = ", ".join(f"{name} {found}" for name, found in versions(("numpy", "numba", "torch")).items())
    return f"{processor()}, {os.cpu_count()} cores; Python {platform.python_version()}, {parts}"
