"""``powerenvs play``: an environment in the terminal or in a window, with the cursor keys."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from power_metrics.cli.command import Command, check_writable, show
from power_metrics.cli.models import add_model_arguments, make_environment
from power_metrics.cli.playing import Game


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The environment, and the seed."""
    add_model_arguments(parser)
    parser.add_argument("--seed", metavar="N", type=int, help="of the first episode; random when not given")
    parser.add_argument("--window", action="store_true", help="play in a window instead of the terminal (needs pygame)")
    parser.add_argument(
        "--save", metavar="FILE", help="write the last episode as .csv or .jsonl, for powerenvs agency --trajectory"
    )


def run(args: argparse.Namespace) -> None:
    """Plays in the terminal, or in a window, until the user quits."""
    env, kwargs = make_environment(args, render_mode="rgb_array" if args.window else "ansi")
    given = ", ".join(f"{name}={value}" for name, value in kwargs.items())
    mdp = None
    if args.save is not None:
        from power_metrics.agents_and_devices.walks import check_trajectory_path
        from power_metrics.arguments.checks import resolve_model

        check_trajectory_path(args.save, "--save")
        check_writable("--save", args.save)
        mdp = resolve_model(env)
    game = Game(env, f"{args.id} ({given})" if given else args.id, args.seed, mdp)
    play = _in_window if args.window else _in_terminal
    try:
        play(game)
    finally:
        if args.save is not None:
            from power_metrics.agents_and_devices.walks import save_trajectory

            save_trajectory(game.walk(), args.save)
            show(f"{game.num_steps} steps", [args.save])


def _in_window(game: Game) -> None:
    from power_metrics.cli.play_window import play_in_window

    play_in_window(game)


def _in_terminal(game: Game) -> None:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise ValueError("play: expected a terminal for keys and pictures, found none; --window plays in a window")
    try:
        import curses
    except ImportError:
        raise ValueError("play: needs Python's curses, which on Windows is: pip install windows-curses") from None
    curses.wrapper(_loop, game)


def _loop(screen: Any, game: Game) -> None:
    """Keys from curses to the game, its lines to the screen."""
    import curses

    arrows = {
        curses.KEY_UP: "up", curses.KEY_DOWN: "down", curses.KEY_LEFT: "left", curses.KEY_RIGHT: "right"
    }  # fmt: skip
    curses.curs_set(0)
    pause = game.seconds_per_step
    screen.timeout(-1 if pause is None else round(1000 * pause))
    playing = True
    while playing:
        screen.erase()
        height, width = screen.getmaxyx()
        for row, line in enumerate(game.lines()[: height - 1]):
            screen.addnstr(row, 0, line, width - 1)
        screen.refresh()
        code = screen.getch()
        if code == -1:  # no key in time
            game.wait()
            continue
        playing = game.press(arrows.get(code) or (chr(code) if 0 <= code < 128 else ""))


COMMAND = Command(
    "play",
    "play an environment in the terminal, or in a window, with the cursor keys",
    "powerenvs play powerenvs/BoatRace-v0",
    add_arguments,
    run,
)
