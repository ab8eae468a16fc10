"""Two tasks of one image after the other: have you seen it before, and which button belongs to it?"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, NamedTuple

import numpy as np

from powerenvs.worlds.psychology.held import kept_of
from powerenvs.worlds.psychology.paint import GREEN, INK, WHITE, Item, blank, put, put_pattern
from powerenvs.worlds.psychology.task import Block, Change, Part, Place, Scene, Task


class Recall(NamedTuple):
    """The trial, how many different images there were and how many are remembered, and what the current one says."""

    trial: int = 0
    seen: int = 0
    held: int = 0
    says: str = ""
    phase: str = "image"


class Stream(Task[Recall]):
    """A task of one image after the other; see `ContinuousRecognition` and `VisuomotorMapping`.

    Which old image comes is decided by lot, so that it is one of those of which something is known with probability
    held / seen, whichever they are: all that counts are the numbers.
    """

    fresh: ClassVar[bool] = True
    legend: ClassVar[Mapping[str, str]] = {
        "o": "known",
        "s": "forgotten",
        ".": "floor",
        "?": "says nothing",
        "!": "says",
    }
    trials: int
    new: float
    retention: float

    def check_stream(self) -> None:
        """Refuses settings out of range.

        Raises:
            ValueError: with the name of the field.
        """
        self.check_count(1, trials=self.trials)
        self.check_share(new=self.new, retention=self.retention)
        self.check_cost()

    @abstractmethod
    def most(self) -> int:
        """How many different images there may be."""

    def is_new(self, seen: int) -> float:
        """How likely the next image is a new one."""
        return 1.0 if seen == 0 else 0.0 if seen >= self.most() else self.new

    def likelihood(self, state: Recall, truth: Hashable) -> float:
        """Up to a factor, the posterior with even truths: each trial has its own."""
        return self.posterior(state).get(truth, 0.0) / self.truths()[truth]

    def board(self, state: Recall) -> tuple[str, ...]:
        """The images so far, and what the current one says."""
        row = "o" * state.held + "s" * (state.seen - state.held)
        return (row.ljust(self.trials, ".") + ("!" if state.says else "?"),)

    def over(self, state: Recall, correct: bool) -> Change:
        """The end of the block."""
        return Change(1.0, Recall(self.trials, phase="over"), correct)

    def draw_images(self, rng: np.random.Generator) -> list[tuple[int, bool]]:
        """For each trial the number of an image, and whether it is new."""
        found: list[tuple[int, bool]] = []
        seen = 0
        for _ in range(self.trials):
            new = bool(rng.random() < self.is_new(seen))
            found.append((seen if new else int(rng.integers(seen)), new))
            seen += new
        return found


@dataclass(frozen=True)
class ContinuousRecognition(Stream):
    """One image after the other: say of each whether it is old or new.

    Description:
        What was seen is remembered, and forgotten after a trial with probability 1 - ``retention``; an image that comes
        again is remembered anew. One knows how many images there were and how many are remembered.

    Action space:
        Discrete(2): 0 old, 1 new.

    Rewards:
        1 for a correct answer. Hidden performance: the same.

    Episode end:
        After the last image.

    Arguments:
        trials: images of a block.
        new: how likely an image after the first is to be new.
        retention: how likely an image is to be remembered for another trial.
        cost: of a tick, of which there are none here.

    Numbers:
        With perfect memory the ideal observer is always right.

    Reference:
        The task of Psychlab, arXiv 1801.08116.

    Raises:
        ValueError: for settings out of range.
    """

    trials: int = 6
    new: float = 0.5
    retention: float = 0.9
    cost: float = 0.0

    actions: ClassVar[tuple[str, ...]] = ("old", "new")  # type: ignore[misc]
    answers: ClassVar[tuple[str, ...]] = ("old", "new")
    variable: ClassVar[str] = "trials"
    values: ClassVar[tuple[int, ...]] = (6,)

    def __post_init__(self) -> None:
        self.check_stream()

    def most(self) -> int:
        """As many as there are trials."""
        return self.trials

    def truths(self) -> Mapping[Hashable, float]:
        """Of one image."""
        return {"old": 0.5, "new": 0.5}

    def start(self) -> list[tuple[float, Recall]]:
        """The first image."""
        return [(1.0, Recall())]

    def posterior(self, state: Recall) -> dict[Hashable, float]:
        """What is familiar is old; what is not may be forgotten."""
        if state.says:
            return {"old": 1.0}
        new = self.is_new(state.seen)
        forgotten = (1 - new) * (1 - state.held / state.seen) if state.seen else 0.0
        joint: dict[Hashable, float] = {"old": forgotten, "new": new}
        return {truth: p / (new + forgotten) for truth, p in joint.items() if p > 0}

    def outcomes(self, state: Recall, action: str, truth: Hashable) -> list[Change]:
        """The image is remembered, some are forgotten, and the next one comes."""
        correct = action == truth
        if state.trial + 1 == self.trials:
            return [self.over(state, correct)]
        trial, seen = state.trial + 1, state.seen + (truth == "new")
        new = self.is_new(seen)
        found = []
        for held, p in enumerate(kept_of(state.held + (not state.says), self.retention)):
            old = p * (1 - new)
            found += [
                Change(p * new, Recall(trial, seen, held), correct, "new"),
                Change(old * held / seen, Recall(trial, seen, held, "old"), correct, "old"),
                Change(old * (1 - held / seen), Recall(trial, seen, held), correct, "old"),
            ]
        return [change for change in found if change.probability > 0]

    def truth_at(self, block: Block, state: Recall) -> Hashable:
        """Old or new."""
        return "new" if block.truth[state.trial][1] else "old"  # type: ignore[index]

    def draw_truth(self, rng: np.random.Generator) -> Hashable:
        """The number of each trial's image, and whether it is new."""
        return tuple(self.draw_images(rng))

    def stage(self, rng: np.random.Generator, truth: Any) -> tuple[tuple[Scene, ...], Any]:
        """The images, between two places to look at."""
        base = int(rng.integers(2**31))
        last: dict[int, int] = {}
        scenes = []
        for trial, (image, new) in enumerate(truth):
            part = Part("image", None, partial(_draw_old_new, base + image), open=True)
            lag = trial - last.get(image, trial)
            variables = {"trial_in_block": trial + 1, "image": image, "kind": "new" if new else "old", "lag": lag}
            scenes.append(Scene(int(new), OLD_NEW, (part,), variables))
            last[image] = trial
        return tuple(scenes), None

    def hidden(self) -> Mapping[Hashable, float]:
        """The trial, how many different images there were, and whether the current one is old or new."""
        return {(0, 0, "new"): 1.0}

    def following(self, hidden: Any) -> Mapping[Hashable, float]:
        """Which old image comes makes no difference to the answer."""
        trial, seen, kind = hidden
        if trial + 1 == self.trials:
            return {}
        seen += kind == "new"
        new = self.is_new(seen)
        return {(trial + 1, seen, word): p for word, p in (("old", 1 - new), ("new", new)) if p > 0}

    def shown(self, hidden: Any) -> Scene:
        """An image, between two places to look at."""
        return super().shown(((0, hidden[2] == "new"),))


OLD_NEW = (Place(0.12, 0.5, 0.08), Place(0.88, 0.5, 0.08))
ANSWERS = ("up", "right", "down", "left")
AROUND = (Place(0.5, 0.1, 0.08), Place(0.9, 0.5, 0.08), Place(0.5, 0.9, 0.08), Place(0.1, 0.5, 0.08))


@dataclass(frozen=True)
class VisuomotorMapping(Stream):
    """One image after the other, to each of which belongs one of four buttons, that is marked the first time only.

    Description:
        The button of an image is remembered, and forgotten after a trial with probability 1 - ``retention``; what is
        forgotten is not learned again, not even by a lucky guess. One knows how many images there were and how many are
        remembered.

    Action space:
        Discrete(4): 0 up, 1 right, 2 down, 3 left.

    Rewards:
        1 for the button of the image. Hidden performance: the same.

    Episode end:
        After the last image.

    Arguments:
        images: how many there are, at most.
        trials: of a block.
        new: how likely an image after the first is to be new, while there are new ones.
        retention: how likely a button is to be remembered for another trial.
        cost: of a tick, of which there are none here.

    Numbers:
        With perfect memory the ideal observer is always right.

    Reference:
        Psychlab, arXiv 1801.08116; Wise & Murray 2000.

    Raises:
        ValueError: for settings out of range.
    """

    images: int = 3
    trials: int = 5
    new: float = 0.5
    retention: float = 0.9
    cost: float = 0.0

    actions: ClassVar[tuple[str, ...]] = ANSWERS  # type: ignore[misc]
    answers: ClassVar[tuple[str, ...]] = ANSWERS
    variable: ClassVar[str] = "images"
    values: ClassVar[tuple[int, ...]] = (1, 2, 3, 4, 5, 6)

    def __post_init__(self) -> None:
        self.check_count(1, images=self.images)
        self.check_stream()

    def most(self) -> int:
        """All images."""
        return self.images

    def truths(self) -> Mapping[Hashable, float]:
        """The button of one image."""
        return dict.fromkeys(ANSWERS, 0.25)

    def start(self) -> list[tuple[float, Recall]]:
        """The first image, with its button marked."""
        return [(0.25, Recall(0, 1, 1, button, "marked")) for button in ANSWERS]

    def posterior(self, state: Recall) -> dict[Hashable, float]:
        """Known, or any."""
        return {state.says: 1.0} if state.says else dict.fromkeys(ANSWERS, 0.25)

    def outcomes(self, state: Recall, action: str, truth: Hashable) -> list[Change]:
        """Some buttons are forgotten, and the next image comes."""
        correct = action == truth
        if state.trial + 1 == self.trials:
            return [self.over(state, correct)]
        trial, seen = state.trial + 1, state.seen
        new = self.is_new(seen)
        found = []
        for held, p in enumerate(kept_of(state.held, self.retention)):
            for button in ANSWERS:
                old = p * (1 - new) / 4
                found += [
                    Change(p * new / 4, Recall(trial, seen + 1, held + 1, button, "marked"), correct, button),
                    Change(old * held / seen, Recall(trial, seen, held, button), correct, button),
                    Change(old * (1 - held / seen), Recall(trial, seen, held), correct, button),
                ]
        return [change for change in found if change.probability > 0]

    def truth_at(self, block: Block, state: Recall) -> Hashable:
        """The button."""
        return block.truth[state.trial][2]  # type: ignore[index]

    def draw_truth(self, rng: np.random.Generator) -> Hashable:
        """For each trial the number of its image, whether it is new, and its button."""
        buttons = [ANSWERS[i] for i in rng.integers(4, size=self.images)]
        return tuple((image, new, buttons[image]) for image, new in self.draw_images(rng))

    def fits(self, block: Block, ticks: int, before: Recall | None, action: str, after: Recall) -> bool:
        """Buttons are marked when images are new, and are those on the screen."""
        if after.phase == "over":
            return True
        _, new, button = block.truth[after.trial]  # type: ignore[index]
        return (after.phase == "marked") == new and after.says in ("", button)

    def stage(self, rng: np.random.Generator, truth: Any) -> tuple[tuple[Scene, ...], Any]:
        """The images, among four places to look at."""
        base, scenes = int(rng.integers(2**31)), []
        for trial, (image, new, button) in enumerate(truth):
            answer = ANSWERS.index(button)
            draw = partial(_draw_buttons, base + image, answer if new else -1)
            variables = {
                "images": self.images,
                "trial_in_block": trial + 1,
                "image": image,
                "new": new,
                "button": button,
            }
            scenes.append(Scene(answer, AROUND, (Part("image", None, draw, open=True),), variables))
        return tuple(scenes), None

    def hidden(self) -> Mapping[Hashable, float]:
        """The trial, how many images belong to each button so far, the button of the current one, and if it is new."""
        return {(0, counted((0,) * len(ANSWERS), i), button, True): 0.25 for i, button in enumerate(ANSWERS)}

    def following(self, hidden: Any) -> Mapping[Hashable, float]:
        """Images that belong to one button are alike."""
        trial, counts, _, _ = hidden
        if trial + 1 == self.trials:
            return {}
        new = self.is_new(sum(counts))
        found: dict[Hashable, float] = {}
        for i, button in enumerate(ANSWERS):
            found[trial + 1, counted(counts, i), button, True] = new / len(ANSWERS)
            found[trial + 1, counts, button, False] = (1 - new) * counts[i] / sum(counts)
        return {hidden: p for hidden, p in found.items() if p > 0}

    def shown(self, hidden: Any) -> Scene:
        """An image, among four places to look at."""
        return super().shown(((0, hidden[3], hidden[2]),))


def counted(counts: tuple[int, ...], number: int) -> tuple[int, ...]:
    """One more of this number."""
    return tuple(n + (i == number) for i, n in enumerate(counts))


def _draw_old_new(image: int, size: int, frame: int) -> Any:
    canvas = blank(size)
    put_pattern(canvas, image, 0.5, 0.5, 0.34)
    put(canvas, Item("tick", OLD_NEW[0].x, OLD_NEW[0].y, 0.12, INK))
    put(canvas, Item("star", OLD_NEW[1].x, OLD_NEW[1].y, 0.13, INK))
    return canvas


def _draw_buttons(image: int, marked: int, size: int, frame: int) -> Any:
    canvas = blank(size)
    put_pattern(canvas, image, 0.5, 0.5, 0.34)
    for i, place in enumerate(AROUND):
        put(canvas, Item("square", place.x, place.y, 0.13, GREEN if i == marked else WHITE))
    return canvas
