"""Games played by key presses, for the terminal and the window of ``powerenvs play``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

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

    @property
    def seconds_per_step(self) -> float | None:
        """Of an environment that moves on by itself, whether one acts or not; None where it waits."""
        metadata = getattr(self.env.unwrapped, "metadata", None) or {}
        real = metadata.get("real_time") is True and " " in self.keys
        return 1 / float(metadata["render_fps"]) if real else None

    def wait(self) -> None:
        """What happens when no key is pressed in time."""
        if not self.over:
            self.press(" ")

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
        if self.message:
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
        trial = self._info.get("trial")
        if trial is not None:
            word = "correct" if trial["correct"] else "wrong" if trial["response"] else "too late"
            self.message = f"trial {trial['trial'] + 1}: {word}, after {trial['reaction_time']:.2f} s"

    def _picture(self) -> list[str]:
        base = self.env.unwrapped
        world = getattr(base, "world", None)
        state = self._info.get("state")
        board = None
        if world is not None and "state" in self._info:  # without, there is a screen to look at
            board = world.board(base.mdp.state_labels[state] if hasattr(base, "mdp") else state)
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
    if hasattr(env.action_space, "n") and len(getattr(base, "action_labels", ())) == env.action_space.n:
        return [str(label) for label in base.action_labels]  # a screen has other actions than its task
    if hasattr(base, "world") and hasattr(env.action_space, "n"):
        return list(base.world.actions)
    if not hasattr(env.action_space, "n"):
        raise ValueError(f"{env.spec.id}: expected numbered actions to play with, found {env.action_space}")
    return [str(number) for number in range(int(env.action_space.n))]
