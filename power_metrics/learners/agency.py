"""`agency_over_training`: when, in training, does a learner become an agent?"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import numpy as np

from power_metrics.agents_and_devices.policies import RESULT
from power_metrics.learners.training import Training
from power_metrics.measures.agency_measures import AgencyMeasures, agency_measures
from power_metrics.training.tracker import PowerTracker


def agency_over_training(run: Any, **settings: Any) -> AgencyMeasures:
    """The measures of agency of a learner's policy at each look at it.

    ``pm.plot_training({"PPO": results}, "probability", band="interval")`` draws those of several seeds.

    Args:
        run: a `Training` or the folder of one; a `PowerTracker`, or what has one as ``tracker``, such as
            `power_metrics.sb3.PowerCallback`.
        settings: arguments of `agency_measures` other than the policies. The discount is that of the run unless given.

    Returns:
        `AgencyMeasures` with ``step``.

    Raises:
        ValueError: for what is no run or has no look, and what `agency_measures` refuses.

    Example:
        >>> import gymnasium as gym, powerenvs
        >>> import power_metrics as pm
        >>> env = gym.make("PowerGrid-v0", level="S..G", max_episode_steps=20)
        >>> run = pm.train(env, "q_learning", steps=1_000, eval_every=500, progress=False)
        >>> found = pm.agency_over_training(run, num_samples=50)
        >>> found.step.tolist(), bool(found.probability[-1] > 0.8)
        ([0.0, 500.0, 1000.0], True)
    """
    if "policies" in settings:
        raise ValueError("policies: expected none, they are those of the run")
    if isinstance(run, (str, os.PathLike)):
        path = Path(run)
        run = Training.load(path / RESULT if path.is_dir() else path)
    run = getattr(run, "tracker", run)
    if isinstance(run, PowerTracker):
        mdp, gamma, policies, steps = run.mdp, run.gamma, run.policies, [found["step"] for found in run.history]
        settings = {"power": run.references.power, **settings}
    elif isinstance(run, Training):
        mdp, gamma, policies, steps = run.model, run.gamma, list(run.policies), run.step.tolist()
    else:
        raise ValueError(f"run: expected training, its folder, or a PowerTracker, found {type(run).__name__}")
    if not policies:
        raise ValueError("run: expected at least one look at the policy, found none")
    names = dict.fromkeys(f"{step:,.0f} steps" for step in steps)
    if len(names) < len(steps):
        names = dict.fromkeys(f"look {number}, {step:,.0f} steps" for number, step in enumerate(steps))
    found = agency_measures(mdp, dict(zip(names, policies, strict=True)), **{"gamma": gamma, **settings})
    return dataclasses.replace(found, step=np.array(steps, dtype=np.float64))
