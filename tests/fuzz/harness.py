"""What a target is, and how its inputs are run: with a time limit, a memory limit, and warnings as errors."""

from __future__ import annotations

import contextlib
import io
import resource
import shutil
import signal
import traceback
import warnings
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from power_metrics.rewards.tails import HeavyTailsWarning

SECONDS = 60
"""For one input; compiling what it needs for the first time is in it."""
MEMORY = 2 << 30
OURS = ("/powerenvs/", "/power_metrics/")


@dataclass(frozen=True)
class Target:
    """A kind of input.

    Attributes:
        name: as on the command line.
        make: draws an input; it may write files to the folder, which is empty.
        check: uses the input and raises AssertionError for a wrong answer.
        refusals: the errors that tell about bad input.
    """

    name: str
    make: Callable[[np.random.Generator, Path], Any]
    check: Callable[[Any, Path], None]
    refusals: tuple[type[Exception], ...] = (ValueError,)


@dataclass
class Tally:
    """What became of the inputs of a target.

    Attributes:
        accepted: how many gave an answer that passed every check.
        refused: how many were refused by an error of ours.
        bugs: {where and what: numbers of the inputs} of everything else.
    """

    accepted: int = 0
    refused: int = 0
    bugs: dict[str, list[int]] = field(default_factory=dict)


class Hang(BaseException):
    """The time limit; no Exception, so that nothing on the way takes it for bad input."""


def _late(_signal: int, _frame: FrameType | None) -> None:
    raise Hang(f"no answer within {SECONDS} seconds")


@contextlib.contextmanager
def limits() -> Iterator[None]:
    """At most `MEMORY` more than now, and at most `SECONDS`."""
    now = next(
        int(line.split()[1]) << 10 for line in Path("/proc/self/status").read_text().splitlines() if "VmData" in line
    )
    before = resource.getrlimit(resource.RLIMIT_DATA)
    handler = signal.signal(signal.SIGALRM, _late)
    resource.setrlimit(resource.RLIMIT_DATA, (now + MEMORY, before[1]))
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        resource.setrlimit(resource.RLIMIT_DATA, before)


def input_rng(target: Target, seed: int, number: int) -> np.random.Generator:
    """The generator of one input."""
    return np.random.default_rng([zlib.crc32(target.name.encode()), seed, number])


def run(target: Target, numbers: range, seed: int, folder: Path, tick: Callable[[], object] = lambda: None) -> Tally:
    """Runs inputs by their numbers; ``folder`` is emptied before each."""
    tally = Tally()
    for number in numbers:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        bug = _run_one(target, input_rng(target, seed, number), folder, tally)
        if bug is not None:
            tally.bugs.setdefault(bug, []).append(number)
        tick()
    return tally


def _run_one(target: Target, rng: np.random.Generator, folder: Path, tally: Tally) -> str | None:
    """Counts one input; what is wrong about what became of it, if anything is."""
    given = target.make(rng, folder)
    try:
        with warnings.catch_warnings(), limits(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", HeavyTailsWarning)  # which is all that is to be said of such rewards
            target.check(given, folder)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        unclear = _unclear(error, target.refusals)
        if unclear is not None:
            return unclear
        tally.refused += 1
    else:
        tally.accepted += 1
    left = [path.name for path in folder.rglob(".*-*")]
    return f"leaves {len(left)} temporary files" if left else None


def _unclear(error: BaseException, refusals: tuple[type[Exception], ...]) -> str | None:
    """None for an error of ours about bad input; else where and what, without the values that differ by input."""
    frames = traceback.extract_tb(error.__traceback__)
    mine = [
        frame for frame in frames if any(part in frame.filename for part in OURS) and "/tests/" not in frame.filename
    ]
    raised = frames[-1].filename
    ours = any(part in raised for part in OURS) and "/tests/" not in raised
    told = ours or isinstance(error, OSError) or not isinstance(error, ValueError)
    if isinstance(error, refusals) and told and str(error).strip():
        return None
    place = mine[-1] if mine else frames[-1]
    words = " ".join(str(error).split())[:160]
    return f"{Path(place.filename).name}:{place.lineno} {type(error).__name__}: {words if not ours else words[:60]}"
