"""Learners of our own as `power_metrics.train` runs them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from power_metrics.learners.looks import Looks
from powerenvs.model.mdp import TabularMDP


class Learner(Protocol):
    """What learns.

    Attributes:
        suffix: of the files that `save` writes.
    """

    suffix: str

    def policy(self) -> NDArray[np.float64]:
        """(S, A) what it would do."""

    def learn(self, first: int, last: int, total: int, seed: int) -> int:
        """Takes steps ``first`` to ``last`` of ``total``, or some more; returns how many there are then.

        All random numbers, and the environment, start anew from ``seed``.
        """

    def save(self, path: Path) -> None:
        """Writes what it needs to go on."""

    def load(self, path: Path) -> None:
        """Reads that."""


def learn(env: Any, mdp: TabularMDP, make: Any, looks: Looks, *, policy: str, settings: Mapping[str, Any]) -> None:
    """Trains a learner from the last look to the end; see `power_metrics.train`."""
    learner: Learner = make(env, mdp, looks.tracker.gamma, seed=looks.record["seed"], **settings)
    if looks.checkpoint is not None:
        learner.load(looks.checkpoint)
    if not looks.tracker.history:
        looks.look(0, learner.policy(), learner.save, learner.suffix)
    total, every = looks.record["steps"], looks.record["eval_every"]
    while looks.done < total:
        reached = learner.learn(looks.done, min(total, looks.done + every), total, looks.seed)
        looks.look(reached, learner.policy(), learner.save, learner.suffix)
