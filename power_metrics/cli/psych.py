"""``powerenvs psych``: trials of a psychological task, done by anybody."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from power_metrics.cli.command import Command, check_outputs, check_writable, show
from power_metrics.cli.models import add_setting_arguments, given_settings
from power_metrics.results.stored import json_text
from powerenvs.model.text import text_table
from powerenvs.version import __version__

if TYPE_CHECKING:
    from power_metrics.psych.logs import TrialLog
    from power_metrics.psych.staircases import Staircase
    from powerenvs.worlds.psychology.task import Task

STAIRCASES = ("psychlab", "1-up-2-down", "quest", "pairs")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The task, the subject, the procedure, and where results go."""
    parser.add_argument("task", metavar="TASK", nargs="?", help="such as VisualSearch; without it all tasks are listed")
    parser.add_argument(
        "--subject",
        metavar="NAME",
        default="ideal",
        help="ideal, noisy, random, person (in a window), or a .zip file that Stable-Baselines3 saved; default ideal",
    )
    parser.add_argument("--trials", metavar="N", type=int, default=200, help="default 200")
    parser.add_argument("--seed", metavar="N", type=int, default=0, help="of the trials; default 0")
    parser.add_argument(
        "--levels",
        metavar="LEVEL",
        help="difficulty: a number from 1, 'all', 'pairs' (of two variables), or 'own' for the settings; default all",
    )
    parser.add_argument("--staircase", metavar="NAME", help=f"chooses the levels instead: {', '.join(STAIRCASES)}")
    add_setting_arguments(parser, "--kwarg", "a setting of the task, such as set_size=16")
    add_setting_arguments(parser, "--screen", "an argument of the screen, such as size=64 or foveal=grid")
    parser.add_argument("--log", metavar="FILE", help="write every trial, as .jsonl or .csv")
    parser.add_argument("--json", metavar="FILE", help="write the summary as JSON")
    parser.add_argument(
        "--plot", metavar="FILE", help="write a picture; the suffix chooses the format, such as .png or .pdf"
    )


def run(args: argparse.Namespace) -> None:
    """Does the trials, prints the summary, and writes the files asked for."""
    from power_metrics import psych

    check_outputs(args)
    if args.task is None:
        print("\n".join(psych.tasks()))
        return
    if args.log is not None:
        check_writable("--log", args.log)
        if not args.log.endswith((".jsonl", ".csv")):
            raise ValueError(f"--log: expected a name that ends in .jsonl or .csv, found {args.log!r}")
    task = psych.task(args.task, **given_settings("--kwarg", args.kwarg))
    screen = given_settings("--screen", args.screen) or None
    stairs = None if args.staircase is None else _staircase(args.staircase, task)
    levels: Any = None if stairs is not None else _levels(args.levels)
    if stairs is not None and args.levels is not None:
        raise ValueError("--levels, --staircase: expected one of them, found both")
    log = psych.run(
        task,
        _subject(args.subject, task, screen),
        args.trials,
        args.seed,
        levels=levels,
        staircase=stairs,
        screen=screen,
    )
    written = []
    if args.log is not None:
        log.save(args.log)
        written.append(args.log)
    if args.json is not None:
        json_text(
            {
                "powerenvs": __version__,
                "task": log.task,
                "subject": log.subject,
                "seed": log.seed,
                "lines": _lines(log, task),
            },
            args.json,
        )
        written.append(args.json)
    if args.plot is not None:
        log.plot(path=args.plot)
        written.append(args.plot)
    show(report(log, task, stairs), written)


def report(log: TrialLog, task: Task[Any], stairs: Staircase | None = None) -> str:
    """What was done, and a line for each value of the variable, beside the ideal observer."""
    head = f"{log.task}\nsubject {log.subject}, {len(log)} trials, seed {log.seed}: {log.accuracy():.1%} correct"
    if stairs is not None:
        threshold = getattr(stairs, "threshold", None)
        where = f"threshold {threshold:.3g}" if threshold is not None else f"level {stairs.level}"  # type: ignore[attr-defined]
        head += f"; the staircase is at {where}"
    lines = _lines(log, task)
    if not lines:
        return head
    rows = [tuple(lines[0])]
    rows += [tuple("-" if value is None else f"{value:.4g}" for value in line.values()) for line in lines]
    return f"{head}\n\n{text_table(rows)}"


def _lines(log: TrialLog, task: Task[Any]) -> list[dict[str, float | None]]:
    """For each value of the variable, trials, accuracy, time of correct answers, and those of the ideal observer."""
    from power_metrics.psych.observers import ideal

    if len(log) and task.second and len({str(one) for one in log.column(task.second)}) > 1:
        return _pair_lines(log, task)
    in_block = task.variable not in log.names
    variable = "trial" if in_block else task.variable
    whole = ideal(task) if in_block else None
    found: list[dict[str, float | None]] = []
    for value, part in (log.by(variable) if len(log) else {}).items():
        times = part.where(correct=True).column("reaction_time").tolist() if part.accuracy() else []
        if whole is not None:
            exact = float(whole.accuracy_in_block[int(value)]), whole.seconds
        else:
            one = ideal(task.at(task.values.index(value) + 1) if value in task.values else task)
            exact = one.accuracy, one.seconds
        found.append(
            {
                variable: float(value),
                "trials": float(len(part)),
                "correct": part.accuracy(),
                "seconds": sum(times) / len(times) if times else None,
                "ideal correct": exact[0],
                "ideal seconds": exact[1],
            }
        )
    return found


def _pair_lines(log: TrialLog, task: Task[Any]) -> list[dict[str, float | None]]:
    """The same for each pair of values that there were."""
    found = []
    for value, part in log.by(task.variable).items():
        for other, cell in part.by(task.second).items():
            lines = _lines(cell, replace(task, **{task.second: other}))  # type: ignore[type-var]
            found += [{task.variable: float(value), task.second: float(other), **line} for line in lines]
    return found


def _levels(given: str | None) -> Any:
    if given in (None, "all"):
        return "all"
    if given == "own":
        return None
    if given == "pairs":
        return given
    try:
        return int(given)  # type: ignore[arg-type]
    except ValueError:
        raise ValueError(f"--levels: expected a number, 'all', 'pairs' or 'own', found {given!r}") from None


def _staircase(name: str, task: Task[Any]) -> Staircase:
    from power_metrics import psych
    from powerenvs.model.labels import closest

    if name not in STAIRCASES:
        raise ValueError(f"--staircase: unknown name {name!r}; {closest(name, STAIRCASES)}")
    if name == "pairs":
        if not task.second:
            raise ValueError(f"--staircase: expected one of a single variable for {type(task).__name__}, found 'pairs'")
        return psych.PairStaircase((len(task.values), len(task.seconds)))
    if name == "quest":
        return psych.Quest(task.values, guess=1 / len(task.answers))
    return (
        psych.LevelStaircase(len(task.values), *task.staircase)
        if name == "psychlab"
        else psych.UpDown(len(task.values))
    )


def _subject(name: str, task: Task[Any], screen: dict[str, Any] | None) -> Any:
    """A name, or the policy in a file; read for the screen that is given, else for whatever it was trained on."""
    if not name.endswith(".zip"):
        return name
    from pathlib import Path

    from power_metrics.agents.sb3_files import load_policy
    from powerenvs.envs.single import TabularEnv
    from powerenvs.worlds.psychology.screen import ScreenEnv

    if not Path(name).is_file():
        raise ValueError(f"--subject: found no file {name!r}")
    if screen is not None:
        return load_policy(name, ScreenEnv(task, **screen))[0]
    for kind in ("state", "onehot"):
        try:
            return load_policy(name, TabularEnv(task, observation=kind))[0]
        except ValueError:
            continue
    return load_policy(name, ScreenEnv(task))[0]


COMMAND = Command(
    "psych",
    "do trials of a psychological task, as the ideal observer, a person, or a model",
    "powerenvs psych VisualSearch --subject ideal --trials 500 --plot search.png\n"
    "  powerenvs psych MotionDiscrimination --subject person --trials 20 --log me.jsonl",
    add_arguments,
    run,
)
