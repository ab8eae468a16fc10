"""``powerenvs play``: an environment in the terminal or in a window, with the cursor keys."""

from __future__ import annotations

import argparse
import re
import sys
from typing import TYPE_CHECKING, Any

from power_metrics.cli.command import Command, check_writable, show
from power_metrics.cli.models import add_model_arguments, make_environment
from powerenvs.authoring.level import WALL
from powerenvs.model.labels import label_text

if TYPE_CHECKING:
    from powerenvs.model.mdp import TabularMDP
    from powerenvs.rollout import Rollout

DIRECTIONS = ("up", "down", "left", "right")
WAITING = ("noop", "stay")
EGOCENTRIC = {
    "forward": "up", "backward": "down", "turn_left": "left", "turn_right": "right",
    "strafe_left": "a", "strafe_right": "d", "forward_turn_left": "z", "forward_turn_right": "c", "fire": " ",
}  # fmt: skip
"""Keys of actions of agents that look one way."""
VIEW = 20, 60
"""Lines and characters of what the agent sees, in the terminal."""
QUIT, AGAIN = "q", "r"


class Game:
    """Episodes played by key presses, without the terminal: keys in, lines of text out.

    The lines show what the board shows and the return. The hidden performance is told at the end of an episode.

    Args:
        env: a Gymnasium environment; one of ours, or any with ``render_mode="ansi"``.
        title: first line.
        seed: of the first episode.
        mdp: the tables of the environment, for `walk`; None where nobody asks for it.

    Attributes:
        keys: {key: action}. Cursor keys move, space waits, digits are the actions by number.
        over: whether the episode has ended.
        ending: why it has, "" before.
    """

    def __init__(self, env: Any, title: str, seed: int | None = None, mdp: TabularMDP | None = None):
        self.env, self.title, self.mdp = env, title, mdp
        self.names = _action_names(env)
        self.keys = {str(number): number for number in range(min(len(self.names), 10))}
        for number, name in enumerate(self.names):
            if name in DIRECTIONS:
                self.keys[name] = number
            elif name in WAITING:
                self.keys[" "] = number
            elif name in EGOCENTRIC:
                self.keys[EGOCENTRIC[name]] = number
        self._begin(seed)

    def press(self, key: str) -> bool:
        """Takes a key: "up", "down", "left", "right", or a character. Returns False when it ends the game."""
        if key == QUIT:
            return False
        if key == AGAIN:
            self._begin(None)
        elif key in self.keys and not self.over:
            self._step(self.keys[key])
        return True

    def lines(self) -> list[str]:
        """What the screen shows."""
        return [self.title, "", *self._picture(), "", *self.status(), "", ", ".join(self.help())]

    def status(self) -> list[str]:
        """How far the episode is, and what there is to say about it."""
        limit = getattr(self.env.spec, "max_episode_steps", None)
        shown = [f"step {self.num_steps}{f' of {limit}' if limit else ''}, return {self.total_reward:g}"]
        if self.over:
            shown += [f"{self.ending}: return {self.total_reward:g}, performance {self.performance:g}"]
        elif self.message:
            shown += [self.message]
        return shown

    def help(self) -> list[str]:
        """What the keys do."""
        if "turn_left" in self.names:
            moves = "cursor keys walk and turn"
            sides = [f"{EGOCENTRIC[name]} {name}" for name in self.names if EGOCENTRIC.get(name, "") in ("a", "d")]
        else:
            moves, sides = "cursor keys move" if set(DIRECTIONS) <= set(self.keys) else "", []
        waits = "space waits" if set(WAITING) & set(self.names) else ""
        others = [
            f"{number} {name}" if name != str(number) else f"{number}"
            for number, name in enumerate(self.names[:10])
            if name not in DIRECTIONS + WAITING and (name not in EGOCENTRIC or EGOCENTRIC[name] in ("z", "c", " "))
        ]
        actions = f"actions {', '.join(others)}" if others else ""
        return [part for part in (moves, *sides, waits, actions, f"{AGAIN} starts again, {QUIT} quits") if part]

    def walk(self) -> Rollout:
        """The episode so far.

        Raises:
            ValueError: without tables.
        """
        import numpy as np

        from powerenvs.rollout import Rollout

        if self.mdp is None:
            raise ValueError("mdp: expected the tables of the environment, found None")
        return Rollout(self.mdp, np.array(self._states), np.array(self._actions, dtype=np.int64))

    def _note(self, seen: Any) -> None:
        """Takes down the state."""
        if self.mdp is not None:
            from power_metrics.agents.rollouts import current_state

            self._states.append(current_state(self.env, self._info, self.mdp, seen))

    def _begin(self, seed: int | None) -> None:
        self._states: list[int] = []
        self._actions: list[int] = []
        seen, self._info = self.env.reset(seed=seed)
        self._note(seen)
        self.num_steps, self.total_reward, self.performance = 0, 0.0, 0.0
        self.over, self.ending, self.message = False, "", ""

    def _step(self, action: int) -> None:
        mask = self._info.get("action_mask")
        if mask is not None and not mask[action]:
            self.message = f"{self.names[action]} is not possible here"
            return
        seen, reward, terminated, truncated, self._info = self.env.step(action)
        self._actions.append(action)
        self._note(seen)
        self.message = ""
        self.num_steps += 1
        self.total_reward += float(reward)
        self.performance += float(self._info.get("performance", reward))
        self.over = terminated or truncated
        self.ending = "the episode has ended" if terminated else "time is up" if truncated else ""

    def _picture(self) -> list[str]:
        base = self.env.unwrapped
        world = getattr(base, "world", None)
        state = self._info.get("state")
        board = None if world is None else world.board(base.mdp.state_labels[state] if hasattr(base, "mdp") else state)
        if world is None or board is None:
            return re.sub(r"\x1b\[[0-9;]*m", "", str(self.env.render())).strip("\n").split("\n")
        ahead = self._ahead(world)
        legend = {WALL: "wall", **world.legend}
        seen = [f"{glyph} {legend[glyph]}" for glyph in legend if glyph != " " and any(glyph in row for row in board)]
        return [*ahead, *(" ".join(row) for row in board), "", "; ".join(seen)]

    def _ahead(self, world: Any) -> list[str]:
        """What the agent sees, in characters, where the world has a scene; and an empty line below it."""
        if world.scene() is None:
            return []
        from powerenvs.render.first_person.text import lines_of_view

        base, state = self.env.unwrapped, self._info["state"]
        views = world.viewpoints([base.mdp.state_labels[state] if hasattr(base, "mdp") else state])
        return [*lines_of_view(world.scene(), views, *VIEW), ""]


def _action_names(env: Any) -> list[str]:
    base = env.unwrapped
    if hasattr(base, "mdp"):
        return [label_text(label) for label in base.mdp.action_labels]
    if hasattr(base, "world"):
        return list(base.world.actions)
    if not hasattr(env.action_space, "n"):
        raise ValueError(f"{env.spec.id}: expected numbered actions to play with, found {env.action_space}")
    return [str(number) for number in range(int(env.action_space.n))]


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
    playing = True
    while playing:
        screen.erase()
        height, width = screen.getmaxyx()
        for row, line in enumerate(game.lines()[: height - 1]):
            screen.addnstr(row, 0, line, width - 1)
        screen.refresh()
        code = screen.getch()
        playing = game.press(arrows.get(code) or (chr(code) if 0 <= code < 128 else ""))


COMMAND = Command(
    "play",
    "play an environment in the terminal, or in a window, with the cursor keys",
    "powerenvs play powerenvs/BoatRace-v0",
    add_arguments,
    run,
)
