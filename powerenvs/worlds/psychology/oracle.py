"""`Oracle`: the screen of a task as a finite world, for one who knows what is hidden: gaze, phases and all."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from powerenvs.authoring.world import Outcome, World
from powerenvs.model.labels import closest
from powerenvs.worlds.psychology.screen import CENTRE, MARGIN, MOVES, RESPONSES
from powerenvs.worlds.psychology.task import FIXATION, Scene, Task

FIXATING, OVER = "fixation", "over"


class Look(NamedTuple):
    """What is hidden, the part of the trial, the steps that count in it, where the gaze is, and on what for how long.

    Attributes:
        hidden: as `Task.hidden` has it; None when all is over.
        phase: the name of the part, "fixation" or "over".
        step: since the part began, where it has an end or answers have to come in time; else 0.
        x: column of the gaze.
        y: row.
        on: the place of an answer that the gaze is on, -1 for none.
        dwelt: for how many steps it has been there, or on the cross.
    """

    hidden: Hashable
    phase: str
    step: int = 0
    x: int = 0
    y: int = 0
    on: int = -1
    dwelt: int = 0


@dataclass(frozen=True)
class Oracle(World[Look]):
    """What happens on the screen of a task, as tables: the state is what is hidden and where the gaze is.

    `ScreenEnv` in steps, without its timeouts: whoever acts in both with the same trial meets the same. Who knows the
    state knows the answer, so that the optimal policy is right as fast as a gaze can be: a bound on everybody. What
    a subject may know is in the tables of the task itself.

    Args:
        task: a task, at settings at which what is hidden can be counted: see `Task.hidden`.
        grid: places of the gaze along a side.
        dwell: steps for which one looks at the cross, and at an answer.
        response: "gaze" or "button".
        frames_per_step: frames that go by in a step.
        cost: of a step.

    Raises:
        ValueError: for arguments that do not fit, and tasks with too much hidden.

    Example:
        >>> from powerenvs import tabular_model
        >>> from powerenvs.worlds.psychology import VisualSearch
        >>> from powerenvs.worlds.psychology.oracle import Oracle
        >>> mdp = tabular_model(Oracle(VisualSearch(set_size=64), dwell=1))
        >>> mdp.num_states
        10532
    """

    task: Task[Any]
    grid: int = 9
    dwell: int = 2
    response: str = "gaze"
    frames_per_step: int = 4
    cost: float = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.task, Task):
            raise ValueError(f"task: expected a Task, found {self.task!r}")
        for name, least in (("grid", 3), ("dwell", 1), ("frames_per_step", 1)):
            self.task.check_count(least, **{name: getattr(self, name)})
        if self.grid % 2 == 0:
            raise ValueError(f"grid: expected an odd number, with a cell in the middle, found {self.grid}")
        if self.response not in RESPONSES:
            raise ValueError(f"response: unknown kind {self.response!r}; {closest(self.response, RESPONSES)}")
        self.task.check_at_least(0, cost=self.cost)
        self.task.hidden()  # refuses what cannot be counted

    @property
    def actions(self) -> tuple[str, ...]:  # type: ignore[override]
        """The moves of the gaze, and the buttons where there are any."""
        return (*MOVES, *(f"press {button}" for button in self.task.buttons if self.response == "button"))

    @cached_property
    def _scenes(self) -> dict[Hashable, Scene]:
        return {}

    def scene_of(self, hidden: Hashable) -> Scene:
        """What is on the screen."""
        if hidden not in self._scenes:
            self._scenes[hidden] = self.task.shown(hidden)
        return self._scenes[hidden]

    def initial(self) -> list[tuple[float, Look]]:
        """On the cross, whatever is hidden."""
        return [(p, self._begin(hidden)) for hidden, p in self.task.hidden().items()]

    def terminal(self, state: Look) -> bool:
        """After the last trial of a block."""
        return state.phase == OVER

    def step(self, state: Look, action: str) -> list[Outcome]:
        """As `powerenvs.worlds.psychology.screen.ScreenEnv.step`."""
        x, y = state.x, state.y
        if action in MOVES:
            right, down = MOVES[action]
            x, y = (min(max(v, 0), self.grid - 1) for v in (x + right, y + down))
        if state.phase == FIXATING:
            near = max(abs(self._place(x) - FIXATION[0]), abs(self._place(y) - FIXATION[1])) <= CENTRE
            dwelt = state.dwelt + 1 if near else 0
            after = self._enter(state.hidden, 0, x, y) if dwelt >= self.dwell else state._replace(x=x, y=y, dwelt=dwelt)
            return [Outcome(1.0, after, -self.cost, 0.0)]
        scene = self.scene_of(state.hidden)
        number = [part.name for part in scene.parts].index(state.phase)
        part, step = scene.parts[number], state.step + 1
        on, dwelt = -1, 0
        if part.open:
            answer = -1
            if self.response == "button":
                answer = self.actions.index(action) - len(MOVES) if action not in MOVES else -1
            else:
                on = self._looked_at(scene, x, y)
                dwelt = 0 if on < 0 else state.dwelt + 1 if on == state.on else 1
                answer = on if dwelt >= self.dwell else -1
            if answer >= 0:
                waited = step * self.frames_per_step
                in_time = scene.window is None or scene.window[0] <= waited <= scene.window[1]
                return self._answered(state.hidden, answer == scene.answer and in_time)
        if part.frames is not None and step * self.frames_per_step >= part.frames:
            return [Outcome(1.0, self._enter(state.hidden, number + 1, x, y), -self.cost, 0.0)]
        if part.frames is None:  # a clock is part of the state only where it counts
            step = 0 if scene.window is None else min(step, scene.window[1] // self.frames_per_step + 1)
        return [Outcome(1.0, Look(state.hidden, part.name, step, x, y, on, dwelt), -self.cost, 0.0)]

    def _answered(self, hidden: Hashable, correct: bool) -> list[Outcome]:
        """The end of a trial: the next one begins, or all is over."""
        reward, right = self.task.paid(correct) - self.cost, float(correct)
        following = self.task.following(hidden)
        if not following:
            return [Outcome(1.0, Look(None, OVER), reward, right)]
        return [Outcome(p, self._begin(after), reward, right) for after, p in following.items() if p > 0]

    def _begin(self, hidden: Hashable) -> Look:
        return Look(hidden, FIXATING, 0, self.grid // 2, self.grid // 2)

    def _enter(self, hidden: Hashable, number: int, x: int, y: int) -> Look:
        return Look(hidden, self.scene_of(hidden).parts[number].name, 0, x, y)

    def _place(self, cell: int) -> float:
        return (cell + 0.5) / self.grid

    def _looked_at(self, scene: Scene, x: int, y: int) -> int:
        """The place of an answer that the gaze is on, the nearest one; -1 for none."""
        reach = 0.5 / self.grid + MARGIN
        best, least = -1, float("inf")
        for i, (px, py, radius) in enumerate(scene.places):
            away = max(abs(self._place(x) - px), abs(self._place(y) - py))
            if away <= max(radius, reach) and away < least:
                best, least = i, away
        return best
