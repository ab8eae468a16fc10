"""Looks at a policy while it is learned: exact numbers, and checkpoints from which training goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.chains.occupancy import expected_return
from power_metrics.comparison.references import RANDOM
from power_metrics.learners.training import Training
from power_metrics.resumed.folder import check_same
from power_metrics.training.tracker import PowerTracker
from powerenvs.model.files import atomic_path

Floats = NDArray[np.float64]
RECORD, RESULT, CURVE = "training.json", "training.npz", "curve.csv"


class Looks:
    """What was found so far, in memory and in the folder.

    Args:
        tracker: measures policies.
        record: what is trained; with "seed" and "eval_every".
        folder: where checkpoints go, or None. What it has is taken up.

    Attributes:
        show: is called with the number of steps that are done.

    Raises:
        ValueError: for a folder of other training.
    """

    def __init__(self, tracker: PowerTracker, record: Mapping[str, Any], folder: Path | None):
        self.tracker, self.record, self.folder = tracker, record, folder
        self.show: Callable[[int], Any] = lambda done: None
        if folder is not None:
            check_same(folder, RECORD, record, "training")
            if (folder / RESULT).is_file():
                found = Training.load(folder / RESULT)
                rows = found.to_frame().to_dict("records")
                for row, policy in zip(rows, found.policies, strict=True):
                    tracker.evaluate(policy, row["step"]).update(row)  # to the last digit as it was found
                    tracker.policies[-1] = policy

    @property
    def done(self) -> int:
        """After how many steps the last look was; 0 before the first."""
        return int(self.tracker.history[-1]["step"]) if self.tracker.history else 0

    @property
    def checkpoint(self) -> Path | None:
        """The file of the learner at the last look, where there is one."""
        if self.folder is None or not self.tracker.history:
            return None
        return next(iter(sorted(self.folder.glob(f"model-{self.done}.*"))), None)

    @property
    def seed(self) -> int:
        """The seed of what follows the last look."""
        return int(np.random.SeedSequence([self.record["seed"], self.done]).generate_state(1)[0] >> 1)

    def due(self, step: int) -> bool:
        """Whether it is time to look."""
        return not self.tracker.history or step - self.done >= self.record["eval_every"]

    def look(self, step: int, policy: Floats, save: Callable[[Path], None], suffix: str) -> None:
        """Measures the policy, and leaves a checkpoint."""
        self.tracker.evaluate(policy, step)
        self.keep(step, save, suffix)

    def keep(self, step: int, save: Callable[[Path], None], suffix: str) -> None:
        """Leaves a checkpoint of what has been measured: first the learner, then what counts it as done."""
        self.show(step)
        if self.folder is None:
            return
        with atomic_path(self.folder / f"model-{step}{suffix}") as temporary:
            save(temporary)
        self.result().save(self.folder / RESULT)
        with atomic_path(self.folder / CURVE) as temporary:
            self.tracker.to_frame().drop(columns="seconds").to_csv(temporary, index=False)
        for old in self.folder.glob("model-*"):
            if old.name.split(".")[0] != f"model-{step}":
                old.unlink()

    def result(self) -> Training:
        """The result so far."""
        tracker, record = self.tracker, self.record
        columns = {name: np.array([found[name] for found in tracker.history]) for name in tracker.history[0]}
        random = expected_return(tracker.mdp, tracker.references.policies[RANDOM], tracker.gamma)
        return Training(
            tracker.mdp, record["algorithm"], record["seed"], record["gamma"], record["settings"], columns["step"],
            columns["return_exact"], columns["performance_exact"], columns["normalised"], columns["entropy"],
            np.array(tracker.policies), float(columns["return_task_optimal"][0]), float(random),
            float(columns["normalised_task_optimal"][0]),
        )  # fmt: skip
