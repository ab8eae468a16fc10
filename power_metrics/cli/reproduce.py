"""``powerenvs reproduce``: the published figures of POWERplay's three posts."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from power_metrics.cli.command import Command, add_samples
from powerenvs.model.text import text_table

if TYPE_CHECKING:
    from power_metrics.reproduction import Reproduced

FOLDER = "results/reproduction"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which figures, and where they go."""
    parser.add_argument(
        "figures", metavar="FIGURE", nargs="*", help="such as post1-fig2; or post1, post2, post3; or all; see --list"
    )
    parser.add_argument("--list", action="store_true", help="list the figures and exit")
    parser.add_argument("--folder", metavar="DIR", default=FOLDER, help=f"where everything goes; default {FOLDER}")
    add_samples(parser, "reward functions, for a quick look; default: as published")
    parser.add_argument(
        "--formats", metavar="F", nargs="+", default=[], help="such as svg mp4; default: png and pdf, animations gif"
    )
    parser.add_argument("--executor", metavar="E", help="processes or ray, as for 'powerenvs sweep'")
    parser.add_argument("--workers", metavar="N", type=int, help="of the executor")


def run(args: argparse.Namespace) -> None:
    """Makes the figures and says how each compares."""
    from power_metrics.arguments.checks import check_count
    from power_metrics.reproduction import FIGURES, reproduce

    if args.list:
        print(text_table([("figure", "shows"), *((figure.name, figure.title) for figure in FIGURES.values())]))
        return
    if not args.figures:
        raise ValueError("FIGURE: expected at least one, such as post1-fig2; see powerenvs reproduce --list")
    num_samples = None if args.samples is None else check_count("--samples", args.samples, least=2)
    seconds = 0.0
    for made in reproduce(
        args.figures,
        args.folder,
        num_samples=num_samples,
        formats=args.formats,
        executor=args.executor,
        workers=args.workers,
    ):
        print(report(made), flush=True)
        seconds += made.sweep_seconds + made.draw_seconds
    print(f"\nall of it: {seconds:.0f} s")


def report(made: Reproduced) -> str:
    """What was made: a title, published numbers beside ours, what differs, and the files."""
    figure = made.figure
    lines = [f"\n{figure.name}: {figure.title}"]
    if made.numbers:
        rows: list[tuple[str, ...]] = [("", "published", "ours ± standard error", "difference in standard errors")]
        for n in made.numbers:
            error, z = ("", "") if n.our_error is None else (f" ± {n.our_error:.5f}", f"{n.z:+.1f}")
            rows.append((n.quantity, f"{n.published:.5f}", f"{n.ours:.5f}{error}", z))
        lines += text_table(rows, right=(1, 2, 3)).split("\n")
        if bias := next((n.bias for n in made.numbers if n.bias), None):
            lines.append(f"differences leave out the known bias of the published numbers, {bias:g}")
    lines.append(f"differs: {figure.differs}")
    lines += [f"wrote {path}" for path in made.paths]
    lines.append(f"sweep {made.sweep_seconds:.1f} s, drawing {made.draw_seconds:.1f} s")
    return "\n".join(lines)


COMMAND = Command(
    "reproduce",
    "make the published figures of POWERplay's three posts",
    "powerenvs reproduce post1-fig2\n  powerenvs reproduce post2 --samples 500\n  powerenvs reproduce all",
    add_arguments,
    run,
)
