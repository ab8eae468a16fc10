"""`train_many`: worlds x algorithms x seeds, side by side, in a folder to go on from."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any, TypeAlias

import gymnasium as gym
import numpy as np

from power_metrics.arguments.checks import check_count, check_gamma, check_mapping, check_progress, resolve_model
from power_metrics.expectation.executors import check_executor
from power_metrics.learners.algorithms import algorithm_named
from power_metrics.learners.runs import TrainingRuns
from power_metrics.learners.train import train
from power_metrics.learners.training import Training
from power_metrics.measures.power import power
from power_metrics.results.estimate import PowerEstimate
from power_metrics.resumed.folder import locked
from power_metrics.resumed.work import Progress, work_through

Job: TypeAlias = tuple[str, Mapping[str, Any], str, Mapping[str, Any]]
"""An id, its arguments, an algorithm, and the options of `train`."""

POWER, RUNS = "power.npz", "runs.npz"
SAMPLES = 10_000
"""Reward functions that POWER of a world is estimated by."""


def train_many(
    worlds: Mapping[str, Any],
    algorithms: Sequence[str] = ("vector_ppo",),
    seeds: int | Sequence[int] = 3,
    *,
    steps: int | Mapping[str, int] = 20_000,
    out: str | os.PathLike[str] | None = None,
    gamma: float = 0.9,
    eval_every: int | None = None,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    executor: str | Executor = "processes",
    workers: int | None = 1,
    progress: bool | None = None,
) -> TrainingRuns:
    """Trains each algorithm in each world with each seed; see `train`.

    With ``out`` each run has a folder there, ``WORLD/ALGORITHM/SEED``, and the same call goes on where it was stopped:
    what is finished is read, what was begun goes on from its last look. More worlds, algorithms and seeds may be asked
    for later.

    Args:
        worlds: {name: an id of Gymnasium, or a pair of an id and its arguments, ``max_episode_steps`` among them}.
        algorithms: as for `train`.
        seeds: how many (0, 1, ...), or which.
        steps: of each run; or {algorithm: steps}.
        out: a folder.
        gamma: discount in [0, 1).
        eval_every: as for `train`.
        settings: {algorithm: arguments instead of those of the registry}.
        executor: "processes", "ray" (its cluster, or one started here), or a `concurrent.futures.Executor`.
        workers: how many runs at a time; 1 trains in this process, None uses all cores.
        progress: show a progress bar over runs.

    Raises:
        ValueError: for an argument that does not fit, and a folder of other training.
        ImportError: if an extra is missing.

    Example:
        >>> import power_metrics as pm
        >>> world = ("PowerGrid-v0", {"level": "S..G", "max_episode_steps": 20})
        >>> runs = pm.train_many({"corridor": world}, ["q_learning", "sarsa"], 2, steps=1_000, progress=False)
        >>> bool((runs.score[..., -1] > 0.95).all())
        True
    """
    made = {_name(name): _world(name, given) for name, given in check_mapping("worlds", worlds).items()}
    names = [algorithm_named(name).name for name in ([algorithms] if isinstance(algorithms, str) else algorithms)]
    chosen = _seeds(seeds)
    budget = dict.fromkeys(names, steps) if not isinstance(steps, Mapping) else dict(steps)
    changed = {} if settings is None else check_mapping("settings", settings)
    for what, table, needed in (("steps", budget, set(names)), ("settings", changed, set())):
        if missing := needed - set(table):
            raise ValueError(f"{what}: expected an entry for each algorithm, found none for {sorted(missing)[0]!r}")
        if what == "settings" and (strange := set(table) - set(names)):
            raise ValueError(f"{what}: expected names of algorithms that are trained, found {sorted(strange)[0]!r}")
    if not made or not names or not chosen:
        raise ValueError("worlds, algorithms, seeds: expected at least one of each")
    gamma, shown = check_gamma(gamma), check_progress(progress)
    kind, count = check_executor(executor, workers)
    folder = None if out is None else Path(out)
    jobs = []
    for world, (identity, kwargs) in made.items():
        judged_by = _power(identity, kwargs, gamma, None if folder is None else folder / world)
        for name in names:
            options = {
                "steps": check_count("steps", budget[name]), "gamma": gamma, "eval_every": eval_every,
                "settings": changed.get(name), "power": judged_by, "progress": False,
            }  # fmt: skip
            for seed in chosen:
                place = None if folder is None else folder / world / name / str(seed)
                jobs.append((identity, kwargs, name, {**options, "seed": seed, "out": place}))
    told = Progress("train", "runs", len(jobs), show=shown, kept=folder is not None)
    numbered = work_through(_numbered, list(enumerate(jobs)), told, kind, count)
    found = {number: run for (number, _), run in numbered}
    result = _joined(tuple(made), tuple(names), tuple(chosen), gamma, [found[n] for n in range(len(jobs))])
    if folder is not None:
        result.save(folder / RUNS)
    return result


def _numbered(job: tuple[int, Job]) -> Training:
    return run_job(job[1])


def run_job(job: Job) -> Training:
    """One run, here or in a worker."""
    identity, kwargs, name, options = job
    env = _made(identity, kwargs)
    try:
        return train(env, name, **options)
    finally:
        env.close()


def _made(identity: str, kwargs: Mapping[str, Any]) -> Any:
    import powerenvs  # noqa: F401  # registers the ids, in a worker too

    return gym.make(identity, **kwargs)


def _power(identity: str, kwargs: Mapping[str, Any], gamma: float, folder: Path | None) -> PowerEstimate:
    """POWER of a world, computed once for all runs."""
    mdp = resolve_model(_made(identity, kwargs))
    if folder is None:
        return power(mdp, gamma=gamma, num_samples=SAMPLES, progress=False)
    path = folder / POWER
    with locked(folder):
        if path.is_file():
            kept = PowerEstimate.load(path)
            if kept.model.fingerprint != mdp.fingerprint or kept.gamma != gamma:
                raise ValueError(
                    f"out: {os.fspath(folder)!r} has training in another world, or with another discount than {gamma:g}"
                )
            return kept
        found = power(mdp, gamma=gamma, num_samples=SAMPLES, progress=False)
        found.save(path)
        return found


def _joined(
    worlds: tuple[str, ...], algorithms: tuple[str, ...], seeds: tuple[int, ...], gamma: float, found: list[Training]
) -> TrainingRuns:
    shape = len(worlds), len(algorithms), len(seeds), max(len(run.step) for run in found)
    columns = {name: np.full(shape, np.nan) for name in ("step", "returns", "performances", "power_seeking", "score")}
    for place, run in zip(np.ndindex(shape[:3]), found, strict=True):
        for name, array in columns.items():
            array[place][: len(run.step)] = getattr(run, name)
    first = found[:: shape[1] * shape[2]]
    return TrainingRuns(
        worlds, algorithms, seeds, gamma, columns["step"], columns["returns"], columns["performances"],
        columns["power_seeking"], columns["score"],
        optimal_returns=np.array([run.optimal_return for run in first]),
        optimal_power_seeking=np.array([run.optimal_power_seeking for run in first]),
    )  # fmt: skip


def _name(name: Any) -> str:
    if not isinstance(name, str) or not name or name.startswith(".") or any(sign in name for sign in '/\\:*?"<>|'):
        raise ValueError(f"worlds: expected names that folders may have, found {name!r}")
    return name


def _world(name: str, given: Any) -> tuple[str, dict[str, Any]]:
    identity, kwargs = (given, {}) if isinstance(given, str) else _pair(name, given)
    if not isinstance(identity, str) or not isinstance(kwargs, Mapping):
        raise ValueError(f"worlds: expected an id, or an id and its arguments, of {name!r}, found {given!r}")
    return identity, dict(kwargs)


def _pair(name: str, given: Any) -> tuple[Any, Any]:
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise ValueError(f"worlds: expected an id, or an id and its arguments, of {name!r}, found {given!r}")
    return given[0], given[1]


def _seeds(given: Any) -> list[int]:
    if isinstance(given, Sequence) and not isinstance(given, str):
        found = [check_count("seeds", seed, least=0) for seed in given]
        if len(set(found)) < len(found):
            raise ValueError(f"seeds: expected each once, found {json.dumps(found)}")
        return found
    return list(range(check_count("seeds", given)))
