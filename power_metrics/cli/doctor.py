"""``powerenvs doctor``: what is installed, what is missing, and what each extra would give."""

from __future__ import annotations

import argparse
import os
import platform
import re
import sys
from importlib.metadata import PackageNotFoundError, requires

from power_metrics.cli.command import Command
from power_metrics.results.machine import processor, versions
from powerenvs.extras import install_line
from powerenvs.model.text import text_table
from powerenvs.registry import families
from powerenvs.version import __version__

EXTRAS = {
    "render": "a window: render_mode='human', powerenvs play --window",
    "minigrid": "MiniGrid's environments as exact tables",
    "contrib": "MaskablePPO and QR-DQN",
    "video": "films as MP4",
    "labs": "mazes that are generated, for the labs",
    "app": "the application in the browser: powerenvs app",
    "tensorboard": "curves in TensorBoard",
    "ray": "POWER on the machines of a cluster",
    "rllib": "RLlib's learners, IMPALA among them",
    "supersuit": "games for Stable-Baselines3",
    "bench": "solvers to compare speed with",
    "minari": "data sets of Minari as logs",
    "docs": "the site of the documentation",
}
"""What each extra gives; the development environment has all but the four of Ray, SuperSuit, labmaze and bench."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It takes none."""


def run(args: argparse.Namespace) -> None:
    """Prints it.

    Raises:
        ValueError: if something that is always needed is missing or too old.
    """
    core, extras = requirements()
    found = versions({name for names in (core, *extras.values()) for name in names})
    print(f"powerenvs {__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}")
    print(f"{processor()}, {os.cpu_count()} cores\n")
    broken = [f"{name} {state}" for name, bound in core.items() if (state := _state(found[name], bound)) != "ok"]
    rows = [[name, found[name] or "-", f">={bound}", _state(found[name], bound)] for name, bound in core.items()]
    print(text_table([["package", "installed", "needs", ""], *rows]))
    print()
    rows = [["extra", "", "gives", "installed, or how to install it"]]
    for extra, gives in EXTRAS.items():
        states = {name: _state(found[name], bound) for name, bound in extras.get(extra, {}).items()}
        there = bool(states) and set(states.values()) == {"ok"}
        shown = ", ".join(f"{name} {found[name]}" for name in states) if there else install_line(extra)
        rows.append([extra, "yes" if there else "no", gives, shown])
    print(text_table(rows))
    print()
    print(text_table([[name, *lines] for name, lines in surroundings().items()]))
    if broken:
        raise ValueError(f"{'; '.join(broken)}: pip install --upgrade powerenvs installs what fits")


def requirements() -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """{package: lowest version} of what is always needed, and of each extra, as they were installed.

    Raises:
        ValueError: if the package was not installed but is run from its folder.
    """
    try:
        lines = requires("powerenvs") or []
    except PackageNotFoundError as error:
        raise ValueError("doctor: powerenvs is not installed here; in a checkout: pip install -e .") from error
    core: dict[str, str] = {}
    extras: dict[str, dict[str, str]] = {}
    for line in lines:
        needed, _, marker = line.partition(";")
        match = re.match(r"\s*([\w.-]+)(?:\[[^\]]*\])?\s*>=\s*([\w.]+)", needed)
        extra = re.search(r"extra\s*==\s*['\"]([\w-]+)['\"]", marker)
        if match:
            (extras.setdefault(extra[1], {}) if extra else core)[match[1]] = match[2]
    return core, extras


def surroundings() -> dict[str, list[str]]:
    """What else decides how it runs: torch's devices, the cache of kernels, a display, a browser, the families."""
    import torch

    from power_metrics.agents.corrupt_steps import learning_steps

    cards = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    kernels = learning_steps.stats.cache_path  # one kernel of many: each lies beside its source, or where numba is told
    display = sys.platform in ("win32", "darwin") or "DISPLAY" in os.environ or "WAYLAND_DISPLAY" in os.environ
    return {
        "graphics cards": [", ".join(cards) or "none; device='cpu' is the default"],
        "torch threads": [f"{torch.get_num_threads()}; OMP_NUM_THREADS sets them"],
        "compiled kernels": [f"kept in {kernels}" if kernels else "compiled anew in each process: set NUMBA_CACHE_DIR"],
        "display": ["yes" if display else "none: windows cannot open; --plot, films and powerenvs app can"],
        "families": [", ".join(family.name for family in families())],
    }


def _state(found: str | None, bound: str) -> str:
    """Whether a version is what is needed."""
    if found is None:
        return "missing"
    return "ok" if _numbers(found) >= _numbers(bound) else f"{found} is older than {bound}"


def _numbers(text: str) -> tuple[int, ...]:
    """The numbers of a release, 2.13.0 for 2.13.0+cpu, in the order of versions."""
    release = re.match(r"\d+(?:\.\d+)*", text)
    numbers = [int(part) for part in release[0].split(".")] if release else [0]
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


COMMAND = Command(
    name="doctor",
    summary="say what is installed, what is missing, and what each extra would give",
    example="powerenvs doctor",
    add_arguments=add_arguments,
    run=run,
)
