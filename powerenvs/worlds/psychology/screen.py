"""`ScreenEnv`: a task on a screen that one looks at: gaze moves, looking at a place for a while answers."""

from __future__ import annotations

from operator import index
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
from gymnasium.error import ResetNeeded
from numpy.typing import NDArray

from powerenvs.envs.foveal import FovealMap
from powerenvs.envs.loading import check_options
from powerenvs.envs.rendered import RenderedEnv
from powerenvs.model.labels import closest
from powerenvs.worlds.psychology.paint import (
    BLUE,
    CYAN,
    GREEN,
    GREY,
    INK,
    MAGENTA,
    ORANGE,
    RED,
    WHITE,
    YELLOW,
    Item,
    draw_items,
    put,
)
from powerenvs.worlds.psychology.task import FIXATION, FRAMES_PER_SECOND, Block, Part, Scene, Task

MOVES = {"stay": (0, 0), "up": (0, -1), "down": (0, 1), "left": (-1, 0), "right": (1, 0)}
RESPONSES = ("gaze", "button")
RENDER_SIZE = 420
CENTRE = 0.08
"""How far from the middle the gaze may be to fixate."""
MARGIN = 1e-9
CELLS, CELL = 30, 7
"""Letters along a side of the screen as text, and pixels of each."""
LETTERS = (
    (".", GREY), ("#", INK), (":", (76, 76, 78)), ("w", WHITE), ("m", MAGENTA), ("c", CYAN), ("y", YELLOW),
    ("g", GREEN), ("r", RED), ("b", BLUE), ("o", ORANGE),
)  # fmt: skip
"""Of colours: dark grey, white, magenta, cyan, yellow, green, red, blue, orange."""


class ScreenEnv(RenderedEnv):
    """Trials of a task in pixels: a screen that is always seen with the gaze in its middle.

    A trial begins when the gaze has been on the cross in the middle for ``dwell`` steps. It ends when the gaze has been
    on the place of an answer for so long, or with a button; or after ``timeout`` frames without fixation or without
    an answer, which counts as wrong. An episode has the trials of one block, or of several. Which trials come depends
    on the seed and on nothing else.

    Every ``info`` has "phase", "gaze" (x, y; the screen is 1 wide and 1 high) and "action_mask"; that of the step that
    ends a trial has "trial", what Psychlab logs: reaction_time (seconds), step_count, response, correct,
    difficulty_level, and the task's own variables.

    Args:
        task: a `Task`.
        size: pixels of the screen's side, and of an observation's without ``foveal``.
        gaze: "grid" (five actions: stay, and a cell of a ``grid`` of 9 by 9 up, down, left, right), or "pixels" (a
            `MultiDiscrete` of how many pixels of 512 to the right and down: see ``strides``).
        grid: cells along a side.
        strides: in "pixels", the movements there are along each axis, in 512ths of the screen.
        response: "gaze", or "button": further actions of "grid" that answer at once.
        dwell: steps.
        frames_per_step: frames that go by in a step, at 60 a second.
        timeout: frames until a trial ends without fixation; or without an answer, from when answers count.
        foveal: None, or how the periphery is coarser: "mosaic", "grid", or "log-polar"; see `FovealMap`.
        level: the difficulty of all trials, 1 for the easiest, or a pair where the task has two variables; None for the
            settings of the task, "random" for any level.
        blocks: of an episode.
        render_mode: "rgb_array", "ansi", "human" (needs pygame), or None.

    Attributes:
        cross: (size, size, 3) the screen of fixation.

    Raises:
        ValueError: for an argument that does not fit.

    Example:
        >>> import gymnasium as gym
        >>> env = gym.make("powerenvs:powerenvs/VisualSearch-v0", observation="screen", set_size=4)
        >>> observation, info = env.reset(seed=0)
        >>> observation.shape, info["phase"], env.action_space
        ((84, 84, 3), 'fixation', Discrete(5))
    """

    metadata: ClassVar[dict[str, Any]] = {  # type: ignore[misc]
        "render_modes": ["ansi", "rgb_array", "human"],
        "render_fps": 15,
        "real_time": True,  # frames go by whether a subject acts or not
    }
    no_tables = "it shows pixels, of which there are no tables; its task has some: tabular_model(env.unwrapped.world)"

    def __init__(
        self,
        task: Task[Any],
        *,
        size: int = 84,
        gaze: str = "grid",
        grid: int = 9,
        strides: tuple[int, ...] = (-64, -16, -4, 0, 4, 16, 64),
        response: str = "gaze",
        dwell: int = 2,
        frames_per_step: int = 4,
        timeout: int = 600,
        foveal: str | None = None,
        level: int | tuple[int, int] | str | None = None,
        blocks: int = 1,
        render_mode: str | None = None,
    ):
        super().__init__(render_mode)
        if not isinstance(task, Task):
            raise ValueError(f"task: expected a Task, found {task!r}")
        for name, value, least in (
            ("size", size, 16), ("grid", grid, 3), ("dwell", dwell, 1), ("frames_per_step", frames_per_step, 1),
            ("timeout", timeout, 1), ("blocks", blocks, 1),
        ):  # fmt: skip
            task.check_count(least, **{name: value})
        if gaze not in ("grid", "pixels"):
            raise ValueError(f"gaze: unknown kind {gaze!r}; {closest(gaze, ('grid', 'pixels'))}")
        if response not in RESPONSES:
            raise ValueError(f"response: unknown kind {response!r}; {closest(response, RESPONSES)}")
        if response == "button" and gaze == "pixels":
            raise ValueError("response: expected 'gaze' where the gaze moves by pixels, found 'button'")
        if grid % 2 == 0:
            raise ValueError(f"grid: expected an odd number, with a cell in the middle, found {grid}")
        self.world = self.task = task
        self.size, self.grid, self.dwell, self.frames_per_step = size, grid, dwell, frames_per_step
        self.gaze_kind, self.response, self.timeout, self.level, self.blocks = gaze, response, timeout, level, blocks
        if level != "random" and level is not None:
            task.at(level)  # type: ignore[arg-type]
        self._fovea = None if foveal is None else FovealMap((size, size), foveal)
        shape = (size, size, 3) if self._fovea is None else (*self._fovea.shape, 3)
        self.observation_space = gym.spaces.Box(0, 255, shape, np.uint8)
        self.action_labels: tuple[str, ...] = tuple(MOVES)
        if gaze == "pixels":
            self.strides = np.array(strides, dtype=np.int64)
            if self.strides.ndim != 1 or not len(self.strides):
                raise ValueError(f"strides: expected a list of pixels, found {strides!r}")
            self.action_space: gym.Space[Any] = gym.spaces.MultiDiscrete([len(strides)] * 2)  # type: ignore[assignment]
        else:
            if response == "button":
                self.action_labels += tuple(f"press {button}" for button in task.buttons)  # "left" is a move as well
            self.action_space = gym.spaces.Discrete(len(self.action_labels))
        self._mask = None if gaze == "pixels" else np.ones(len(self.action_labels), dtype=np.int8)
        self._canvas = np.empty((2 * size, 2 * size, 3), dtype=np.uint8)
        self._canvas[:] = GREY
        self.cross = draw_items(size, [Item("cross", *FIXATION, 0.07, INK)])
        self._seed: int | None = None
        self._trial = -1
        self._ended = True
        self._scenes: tuple[Scene, ...] = ()
        self._part: Part | None = None
        self._number = self._on = -1
        self._clock = self._waited = self._dwelt = self._steps = self._scene_number = self._left = 0
        self._gaze = [FIXATION[0], FIXATION[1]]

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Starts an episode with the next block, or, with a seed, with its first one.

        Args:
            seed: of the blocks.
            options: ``{"trial": k}`` starts with block number k, ``{"level": level}`` sets the level from here on.

        Raises:
            ValueError: for an unknown option.
        """
        given = check_options(options, ("trial", "level"))
        super().reset(seed=seed)
        if seed is not None or self._seed is None:
            self._seed = int(self.np_random.integers(2**32)) if seed is None else seed
            self._trial = -1
        if "trial" in given:
            self._trial = index(given["trial"]) - 1
        if "level" in given:
            self.level = given["level"]
        self._left = self.blocks
        self._ended = False
        self._next_block()
        return self._observe(), self._info()

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Moves the gaze; then ``frames_per_step`` frames go by.

        Raises:
            ValueError: for what is no action; nothing changes then.
            gymnasium.error.ResetNeeded: before the first reset, and after the last trial.
        """
        if self._ended:
            raise ResetNeeded("reset() has to come before step()")
        pressed = self._move(action)
        self._steps += 1
        part = self._part
        if part is None:  # fixation
            near = max(abs(self._gaze[0] - FIXATION[0]), abs(self._gaze[1] - FIXATION[1])) <= CENTRE
            self._dwelt = self._dwelt + 1 if near else 0
            self._clock += self.frames_per_step
            if self._dwelt >= self.dwell:
                self._enter(0)
            elif self._clock >= self.timeout:
                return self._finish(-1)
            return self._observe(), 0.0, False, False, self._info()
        answer = self._answered(pressed) if part.open else None
        self._clock += self.frames_per_step
        if part.open:
            self._waited += self.frames_per_step
        if answer is None and part.open and self._waited >= self.timeout:
            answer = -1
        if answer is None:
            if part.frames is not None and self._clock >= part.frames:
                self._enter(self._number + 1)
            elif part.moving:
                self._show(part)
            return self._observe(), 0.0, False, False, self._info()
        return self._finish(answer)

    def _finish(self, answer: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """The end of a trial, with an answer or (-1) without one."""
        record = self._record(answer)
        reward = self.block.task.paid(record["correct"])
        self._scene_number += 1
        if self._scene_number < len(self._scenes):
            self._fixate()
        else:
            self._left -= 1
            self._ended = self._left == 0
            if not self._ended:
                self._next_block()
        return self._observe(), reward, self._ended, False, {**self._info(), "trial": record}

    def action_masks(self) -> NDArray[np.bool_]:
        """(A,) bool: all of them, always.

        Raises:
            ValueError: where the gaze moves by pixels.
        """
        if self._mask is None:
            raise ValueError("gaze: expected 'grid', where actions are numbered, found 'pixels'")
        return self._mask.astype(bool)

    @property
    def scene(self) -> Scene:
        """What the current trial shows."""
        return self._scenes[min(self._scene_number, len(self._scenes) - 1)]

    def _next_block(self) -> None:
        self._trial += 1
        seed: int = self._seed  # type: ignore[assignment]
        task, level = self.task, self.level
        if level == "random":
            level = int(np.random.default_rng([seed, self._trial, 1]).integers(len(task.values))) + 1
        self.current_level = level
        if level is not None:
            task = task.at(level)  # type: ignore[arg-type]
        self.block: Block = task.block(seed, self._trial)
        self._scenes, self._scene_number = self.block.scenes, 0
        self._fixate()

    def _fixate(self) -> None:
        self._part = None
        self._number, self._clock, self._waited, self._dwelt, self._steps, self._on = -1, 0, 0, 0, 0, -1
        self._gaze = [FIXATION[0], FIXATION[1]]
        self._paste(self.cross)

    def _enter(self, number: int) -> None:
        self._part = self.scene.parts[number]
        self._number, self._clock, self._dwelt, self._on = number, 0, 0, -1
        self._show(self._part)

    def _show(self, part: Part) -> None:
        self._paste(part.draw(self.size, self._clock))

    def _paste(self, picture: NDArray[np.uint8]) -> None:
        half = self.size // 2
        self._canvas[half : half + self.size, half : half + self.size] = picture

    def _move(self, action: Any) -> int:
        """Moves the gaze; the number of an answer whose button is pressed, -1 for none."""
        if self._mask is None:
            if not self.action_space.contains(np.asarray(action)):
                raise ValueError(f"action: expected two numbers from 0 to {len(self.strides) - 1}, found {action!r}")
            x, y = (self._gaze[i] + float(self.strides[action[i]]) / 512 for i in (0, 1))
        else:
            try:
                number = index(action)
            except TypeError:
                number = -1
            if not 0 <= number < len(self._mask):
                raise ValueError(f"action: expected 0 to {len(self._mask) - 1}, found {action!r}")
            if number >= len(MOVES):
                return number - len(MOVES)
            right, down = MOVES[self.action_labels[number]]
            x, y = self._gaze[0] + right / self.grid, self._gaze[1] + down / self.grid
        edge = 0.5 / self.grid if self._mask is not None else 0.0
        self._gaze = [min(max(x, edge), 1 - edge), min(max(y, edge), 1 - edge)]
        return -1

    def _answered(self, pressed: int) -> int | None:
        """The answer that the gaze has been on long enough, or whose button was pressed."""
        if pressed >= 0:
            return pressed
        if self.response == "button":
            return None
        x, y = self._gaze
        reach = 0.5 / self.grid + MARGIN if self._mask is not None else 0.0
        best, least = -1, float("inf")
        for i, (px, py, radius) in enumerate(self.scene.places):
            away = max(abs(x - px), abs(y - py))
            if away <= max(radius, reach) and away < least:
                best, least = i, away
        self._dwelt = self._dwelt + 1 if best == self._on else 1
        self._on = best
        return best if best >= 0 and self._dwelt >= self.dwell else None

    def _record(self, answer: int) -> dict[str, Any]:
        scene = self.scene
        return {
            "block": self._trial,
            "trial": self._scene_number,
            "reaction_time": self._waited / FRAMES_PER_SECOND,
            "step_count": self._steps,
            "response": self.block.task.buttons[answer] if answer >= 0 else "",
            "correct": answer == scene.answer
            and (scene.window is None or scene.window[0] <= self._waited <= scene.window[1]),
            "difficulty_level": self.current_level,
            **scene.variables,
        }

    def _observe(self) -> NDArray[np.uint8]:
        if self._window is not None:
            self._window.show(self._frame())
        return self._seen(self._gaze[0], self._gaze[1])

    def seen(self, picture: NDArray[np.uint8], x: float, y: float) -> NDArray[np.uint8]:
        """What is observed of a screen (size, size, 3) when the gaze is at x, y; the current trial is left alone.

        Raises:
            ValueError: for a picture of another size.
        """
        if np.shape(picture) != (self.size, self.size, 3):
            raise ValueError(f"picture: expected shape ({self.size}, {self.size}, 3), found {np.shape(picture)}")
        current = self._canvas.copy()
        self._paste(picture)
        found = self._seen(x, y)
        self._canvas = current
        return found

    def _seen(self, x: float, y: float) -> NDArray[np.uint8]:
        size = self.size
        left, top = round(x * size), round(y * size)
        # the screen begins half a screen down and right of the canvas, so the gaze itself is the corner of what is seen
        seen = self._canvas[top : top + size, left : left + size]
        return seen.copy() if self._fovea is None else self._fovea(seen)

    def _info(self) -> dict[str, Any]:
        phase = "over" if self._ended else "fixation" if self._part is None else self._part.name
        info: dict[str, Any] = {"phase": phase, "gaze": (self._gaze[0], self._gaze[1])}
        if self._mask is not None:
            info["action_mask"] = self._mask.copy()
        return info

    def picture(self, size: int) -> NDArray[np.uint8]:
        """(size, size, 3) the whole screen, with a red disc where the gaze is.

        Raises:
            gymnasium.error.ResetNeeded: before the first reset.
        """
        picture = self._drawn(size)
        put(picture, Item("disc", self._gaze[0], self._gaze[1], 0.03, RED, contrast=0.75))
        return picture

    def _drawn(self, size: int) -> NDArray[np.uint8]:
        if not self._scenes:
            raise ResetNeeded("reset() has to come before anything else")
        if self._part is None:
            return draw_items(size, [Item("cross", *FIXATION, 0.07, INK)])
        return self._part.draw(size, self._clock)

    def _frame(self) -> NDArray[np.uint8]:
        return self.picture(RENDER_SIZE)

    def _text(self) -> str:
        """A letter for each of 30 by 30 cells: its colour, where there is anything but grey, and @ for the gaze."""
        pixels = self._drawn(CELLS * CELL).reshape(-1, 1, 3).astype(np.int32)
        nearest = ((pixels - np.array([colour for _, colour in LETTERS])) ** 2).sum(axis=2).argmin(axis=1)
        cells = nearest.reshape(CELLS, CELL, CELLS, CELL).transpose(0, 2, 1, 3).reshape(CELLS, CELLS, -1)
        counts = np.stack([(cells == k).sum(axis=2) for k in range(1, len(LETTERS))])
        shown = np.where(counts.max(axis=0) >= CELL * CELL / 6, counts.argmax(axis=0) + 1, 0)
        letters = np.array([letter for letter, _ in LETTERS])[shown]
        letters[min(int(self._gaze[1] * CELLS), CELLS - 1), min(int(self._gaze[0] * CELLS), CELLS - 1)] = "@"
        return "\n".join([*("".join(row) for row in letters), f"{self._info()['phase']}, {self._where()}"])

    def _where(self) -> str:
        return f"gaze at {self._gaze[0]:.2f}, {self._gaze[1]:.2f}"
