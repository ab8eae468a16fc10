"""``powerenvs edit``: levels drawn in the terminal, with their POWER as a heat map."""

from __future__ import annotations

import argparse
import importlib.util
import sys

from power_metrics.cli.command import Command, add_samples
from powerenvs.extras import install_line

SAMPLES, PAIR_SAMPLES = 2000, 200


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The level, the world around it, and how POWER is estimated."""
    parser.add_argument(
        "level",
        metavar="LEVEL",
        nargs="?",
        default="open_3x3",
        help="name of a shipped level, its text, a .txt file with it, or an .npz model saved here; default open_3x3",
    )
    parser.add_argument("--pair", action="store_true", help="two agents: PowerPair instead of PowerGrid")
    parser.add_argument("--no-overlaps", action="store_true", help="two agents are never in one cell")
    parser.add_argument("--noise", metavar="P", type=float, default=0.0, help="probability spread over open directions")
    parser.add_argument(
        "--walls", metavar="KIND", default="bump", help="'bump' or 'absent': whether moves into walls exist"
    )
    parser.add_argument("--gamma", metavar="G", type=float, default=0.9, help="discount; default 0.9")
    add_samples(parser, f"reward functions; default {SAMPLES}, or {PAIR_SAMPLES} pairs of them for two agents")
    parser.add_argument("--seed", metavar="N", type=int, default=0, help="of the reward functions; default 0")
    parser.add_argument(
        "--correlation", metavar="RHO", type=float, help="of two agents' rewards, in [-1, 1]; default 0"
    )


def run(args: argparse.Namespace) -> None:
    """Edits in the terminal until the user quits."""
    if importlib.util.find_spec("textual") is None:
        raise ValueError(f"edit: needs textual: {install_line('edit')}")
    from power_metrics.arguments.checks import check_count, check_gamma
    from power_metrics.editor.app import WorldEditor, lenient_input
    from power_metrics.editor.live import LivePower
    from power_metrics.editor.screen import open_world

    gamma = check_gamma(args.gamma, "--gamma", closed=True)
    samples = None if args.samples is None else check_count("--samples", args.samples, least=2)
    seed = check_count("--seed", args.seed, least=0)
    world, path = open_world(
        args.level, noise=args.noise, walls=args.walls, pair=args.pair, overlaps=not args.no_overlaps
    )
    if world.pair:
        check_gamma(gamma, "--gamma")
    elif args.correlation is not None:
        raise ValueError("--correlation: goes with two agents only; add --pair")
    correlation = 0.0 if args.correlation is None else args.correlation
    if not -1 <= correlation <= 1:
        raise ValueError(f"--correlation: expected a number from -1 to 1, found {correlation}")
    samples = samples or (PAIR_SAMPLES if world.pair else SAMPLES)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise ValueError("edit: expected a terminal for keys and pictures, found none")
    title = args.level if path is None else path.name
    with lenient_input():
        WorldEditor(world, title, path, gamma, LivePower(samples, seed, correlation)).run()


COMMAND = Command(
    "edit",
    "draw levels in the terminal and see their POWER change",
    "powerenvs edit maze_7x7\n"
    "  powerenvs edit my_level.txt --noise 0.1 --gamma 0.99\n"
    "  powerenvs edit open_3x3 --pair --correlation -1",
    add_arguments,
    run,
)
