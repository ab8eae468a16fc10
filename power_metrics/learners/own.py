"""Learners of our own as `power_metrics.train` runs them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from power_metrics.arguments.checks import resolve_model
from power_metrics.learners.algorithms import algorithm_named, imported
from power_metrics.learners.looks import RECORD, Looks
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


def loaded(folder: str | os.PathLike[str], env: Any) -> Learner:
    """A learner of our own from the folder of its training, in an environment in which it may be asked what it does.

    ``loaded(folder, env).policy()`` is its policy there. Networks see the environment's observations, so it may be
    another than that of training, if its observations have the same size.

    Args:
        folder: what `power_metrics.train` was given as ``out``.
        env: an environment with exact tables.

    Raises:
        ValueError: for a folder without a learner of our own, or one that this environment does not fit.
    """
    place = Path(folder)
    if not (place / RECORD).is_file() or not (kept := sorted(place.glob("model-*"))):
        raise ValueError(f"folder: expected one that pm.train made, with a checkpoint, found {os.fspath(folder)!r}")
    record = json.loads((place / RECORD).read_text(encoding="utf-8"))
    algorithm = algorithm_named(record["algorithm"])
    if not algorithm.run.startswith(__name__):
        raise ValueError(
            f"folder: expected a learner of our own, found {algorithm.name}: its own library loads {kept[-1].name}"
        )
    settings = json.loads(record["settings"])
    learner: Learner = imported(algorithm.learner)(env, resolve_model(env), record["gamma"], seed=0, **settings)
    try:
        learner.load(kept[-1])
    except (RuntimeError, ValueError) as error:  # torch's, and numpy's, for other sizes
        raise ValueError(f"env: expected observations and actions as in training ({error})") from None
    return learner
