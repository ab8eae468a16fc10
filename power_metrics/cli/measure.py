"""``powerenvs measure``: any measure of any model, with options from the measure's signature."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from power_metrics.cli.command import (
    Command,
    add_split_arguments,
    check_outputs,
    given_split,
    numbered,
    show,
    write_results,
)
from power_metrics.cli.models import add_model_arguments, load_source

if TYPE_CHECKING:
    from power_metrics.arguments.parameters import Parameter

MAX_ROWS = 40


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A parser for each measure, with an option for each parameter that text can have."""
    from power_metrics.measures.registry import measures

    parsers = parser.add_subparsers(dest="measure", metavar="NAME", required=True, title="measures")
    for measure in measures().values():
        own = parsers.add_parser(
            measure.name,
            help=measure.summary,
            description=measure.description,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        add_model_arguments(own)
        group = own.add_argument_group("settings")
        for one in measure.parameters.values():
            group.add_argument(
                *([one.option, "--samples"] if one.name == "num_samples" else [one.option]),
                dest=f"measure_{one.name}",
                metavar=one.kind.metavar,
                nargs="+" if one.several else None,
                required=one.default is one.empty,
                help=meaning_of(one),
            )
        group = own.add_argument_group("output")
        group.add_argument("--plot", metavar="FILE", help="write a picture; the suffix chooses the format")
        add_split_arguments(group)
        group.add_argument("--json", metavar="FILE", help="write the numbers, and how they were computed, as JSON")
        group.add_argument("--save", metavar="FILE", help="write an .npz file for power_metrics.Result.load")


def meaning_of(parameter: Parameter) -> str:
    """What a parameter means, for the help of its option."""
    default = "" if parameter.default in (None, parameter.empty) else f"; default {parameter.default}"
    return (parameter.meaning.rstrip(".").replace("``", "") + default).replace("%", "%%")


def run(args: argparse.Namespace) -> None:
    """Computes, prints what there is, and writes the files asked for."""
    from power_metrics.measures.registry import find_measure

    measure = find_measure(args.measure)
    words = {name: getattr(args, f"measure_{name}") for name in measure.parameters}
    check_outputs(args)
    split = given_split(args)
    source = load_source(args, measure.game)
    values = {name: measure.parameters[name].of_words(given) for name, given in words.items() if given is not None}
    arguments = measure.arguments(values, source.model)
    found = measure.call(**{measure.subject: source.subject}, **arguments)
    results = found if isinstance(found, list) else [found]
    suffixes = [f"{measure.together}_{getattr(result, measure.together, '')}" for result in results]
    draw = partial(_draw, results, suffixes, split)
    written = write_results(args, source, "results", results, suffixes, draw)
    show("\n\n".join([source.title, *map(report, results)]), written)


def report(result: Any) -> str:
    """A result in words, and its table: up to 40 rows, of more the first and the last 20."""
    frame = result.to_frame()
    lines = [repr(result), frame.to_string(max_rows=MAX_ROWS, float_format=lambda number: f"{number:.6g}")]
    return "\n".join(lines)


def _draw(results: Sequence[Any], suffixes: Sequence[str], split: dict[str, Any], path: str) -> list[str]:
    """A picture of each result; returns the paths."""
    paths = numbered(path, suffixes)
    for result, one in zip(results, paths, strict=True):
        result.plot(path=one, **split)
    return paths


COMMAND = Command(
    "measure",
    "compute any measure of any model",
    "powerenvs measure empowerment PowerGrid-v0 --level maze_7x7 --steps 3 --plot empowerment.png\n"
    "  powerenvs measure power_of_policies PowerGrid-v0 --learner 'boltzmann(0.1)' --num-samples 500",
    add_arguments,
    run,
)
