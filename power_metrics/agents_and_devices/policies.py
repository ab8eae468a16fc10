"""The policies that measures of agency are asked about: by name, from files, and whatever a table can be made of."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.agents.table import policy_table, uniform_policy
from power_metrics.arguments.checks import resolve_model
from power_metrics.learners.training import Training
from power_metrics.solvers.optimal import optimal_policies
from powerenvs.model.labels import closest

NAMED = ("optimal", "random")
RESULT = "training.npz"
"""What `power_metrics.train` leaves in its folder."""


Table = NDArray[np.float64]


def policy_of(env: Any, given: Any, gamma: float) -> Callable[[], Table]:
    """What gives a policy (S, A): all that can be refused is read at once, but nothing is solved before it is called.

    Args:
        env: the environment, or its tables.
        given: "optimal" for the task, ties split evenly, or "random"; a saved model of Stable-Baselines3 (.zip); a
            folder of `power_metrics.train`, whose last policy counts; or an agent that `power_metrics.policy_table`
            reads without further arguments, or the table (S, A) that it makes.
        gamma: the discount of "optimal".

    Raises:
        ValueError: for what is none.
    """
    mdp = resolve_model(env)
    if isinstance(given, (str, os.PathLike)):
        if given == "optimal":
            return lambda: optimal_policies(mdp, None, gamma)[0].numpy()
        if given == "random":
            return lambda: uniform_policy(mdp)
        path = Path(given)
        if path.is_dir() and (path / RESULT).is_file():
            training = Training.load(path / RESULT)
            if training.model.fingerprint != mdp.fingerprint:
                raise ValueError(f"policy: expected training in {mdp!r}, found that of {training.model!r}")
            return lambda: training.policies[-1]
        if path.suffix != ".zip":
            raise ValueError(
                f"policy: expected a name, a model that Stable-Baselines3 saved (.zip) or a folder of training, found "
                f"{os.fspath(given)!r}; {closest(given, NAMED)}"
            )
        from power_metrics.agents.sb3_files import load_policy

        given, _ = load_policy(path, env)
    table = policy_table(given, env)
    return lambda: table
