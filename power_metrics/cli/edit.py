"""``powerenvs edit``: a level in the application in the browser, with its POWER as a heat map."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from power_metrics.cli.app import FOLDER, add_server_arguments, start
from power_metrics.cli.command import Command, add_samples

SAMPLES, PAIR_SAMPLES = 2000, 200


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The level, the world around it, how POWER is estimated, and the server."""
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
    add_server_arguments(parser, "the folder of the level's file, or " + FOLDER)


def run(args: argparse.Namespace) -> None:
    """Opens the page with the level, and serves it until the user ends it."""
    from power_metrics.arguments.checks import check_count, check_gamma
    from powerenvs.worlds.power.edited_records import record_of
    from powerenvs.worlds.power.editing import EditedWorld

    gamma = check_gamma(args.gamma, "--gamma", closed=True)
    samples = None if args.samples is None else check_count("--samples", args.samples, least=2)
    seed = check_count("--seed", args.seed, least=0)
    options = {"noise": args.noise, "walls": args.walls, "pair": args.pair, "overlaps": not args.no_overlaps}
    path = Path(args.level).expanduser() if args.level.endswith((".txt", ".npz")) else None
    world = EditedWorld(args.level, **options) if path is None else EditedWorld.load(path, **options)
    if world.pair:
        check_gamma(gamma, "--gamma")
    elif args.correlation is not None:
        raise ValueError("--correlation: goes with two agents only; add --pair")
    correlation = 0.0 if args.correlation is None else args.correlation
    if not -1 <= correlation <= 1:
        raise ValueError(f"--correlation: expected a number from -1 to 1, found {correlation}")
    settings: dict[str, Any] = {"gamma": gamma, "num_samples": samples or (PAIR_SAMPLES if world.pair else SAMPLES)}
    settings |= ({"seed": seed} if seed else {}) | ({"correlation": correlation} if correlation else {})
    name = args.level if path is None else path.with_suffix(".txt").name
    state = {
        "view": "explore",
        "source": {"kind": "level", "name": name if "\n" not in name else "level", **record_of(world)},
        "measure": "multiagent_power" if world.pair else "power",
        "settings": settings,
        "keep": True,  # edits change the dynamics and not the draws
    }
    if args.folder is None:
        args.folder = FOLDER if path is None else str(path.parent)
    start(args, None, state)


COMMAND = Command(
    "edit",
    "draw a level in the browser and see its POWER change",
    "powerenvs edit maze_7x7\n"
    "  powerenvs edit my_level.txt --noise 0.1 --gamma 0.99\n"
    "  powerenvs edit open_3x3 --pair --correlation -1",
    add_arguments,
    run,
)
