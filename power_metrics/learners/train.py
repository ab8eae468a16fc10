"""`train`: a learner in an environment, its policy measured exactly along the way, and a folder to go on from."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import gymnasium as gym

from power_metrics.arguments.checks import (
    check_count,
    check_gamma,
    check_mapping,
    check_progress,
    check_seed,
    resolve_model,
)
from power_metrics.learners.algorithms import Algorithm, algorithm_named, imported
from power_metrics.learners.looks import Looks
from power_metrics.learners.training import Training
from power_metrics.resumed.folder import locked
from power_metrics.training.tracker import PowerTracker
from powerenvs.extras import install_line
from powerenvs.progress import progress_bar

LOOKS = 20
"""How often a policy is looked at by default."""


def train(
    env: Any,
    algorithm: str = "ppo",
    *,
    steps: int = 20_000,
    seed: int | None = 0,
    out: str | os.PathLike[str] | None = None,
    gamma: float = 0.9,
    eval_every: int | None = None,
    power: Any = None,
    settings: Mapping[str, Any] | None = None,
    progress: bool | None = None,
) -> Training:
    """Trains a learner and measures its policy exactly, from its table, every so many steps.

    With ``out`` each look leaves a checkpoint there, and the same call goes on from the last one: training that was
    killed loses what it did since. Every look starts the environment and all random numbers anew, from the seed and the
    number of steps, so that training that was interrupted ends as it would have ended, but for the last digits in
    which torch may differ from run to run. ``model-N.zip`` of the folder is the model of Stable-Baselines3 after N
    steps, which ``load`` reads; as that runs code, go on only in folders of your own.

    Args:
        env: a Gymnasium environment with exact tables. It is stepped, and should end episodes or have a time limit.
        algorithm: "q_learning", "sarsa", "vector_ppo", "vector_a2c", "rainbow", "vector_dqn", "vector_noisy_dqn",
            "ppo", "a2c", "noisy_a2c", "dqn", "noisy_dqn", "qr_dqn" or "impala". Rainbow and what begins with "vector"
            learn from many copies of the environment, stepped through its tables; the actors of IMPALA are processes,
            and its runs differ from each other.
        steps: how many steps to take in all.
        seed: of the learner and the environment.
        out: a folder for checkpoints, the curve (``curve.csv``) and the result (``training.npz``).
        gamma: discount in [0, 1), of the learner and of all numbers.
        eval_every: steps from one look to the next; a twentieth of ``steps`` when None. Learners look after the
            rollout that they are in.
        power: POWER by which power-seeking is judged: as for `PowerTracker`; computed when None.
        settings: arguments of the learner instead of those in `power_metrics.learners.algorithms`.
        progress: show a progress bar: True, False, or None to show one on a terminal after two seconds.

    Raises:
        ValueError: for an argument that does not fit, an environment without tables, and a folder of other training.
        ImportError: if the algorithm needs an extra that is missing.

    Example:
        >>> import gymnasium as gym, powerenvs
        >>> import power_metrics as pm
        >>> env = gym.make("PowerGrid-v0", level="S..G", max_episode_steps=20)
        >>> found = pm.train(env, "sarsa", steps=1_000, eval_every=500, progress=False)
        >>> found.to_frame()["step"].tolist()
        [0.0, 500.0, 1000.0]
    """
    chosen = algorithm_named(algorithm)
    if not isinstance(env, gym.Env):
        raise ValueError(f"env: expected a Gymnasium environment, found {env!r}")
    mdp = resolve_model(env)
    steps, first = check_count("steps", steps), check_seed(seed)
    every = max(1, steps // LOOKS) if eval_every is None else check_count("eval_every", eval_every)
    options = {**chosen.settings, **({} if settings is None else check_mapping("settings", settings))}
    shown, make = check_progress(progress), _learner_class(chosen)
    record = {
        "algorithm": algorithm, "steps": steps, "seed": first, "gamma": check_gamma(gamma), "eval_every": every,
        "settings": json.dumps(options, default=repr), "model": mdp.fingerprint,
    }  # fmt: skip
    folder = None if out is None else Path(out)
    with nullcontext() if folder is None else locked(folder):
        looks = Looks(PowerTracker(mdp, power, gamma), record, folder)
        if looks.done < steps:
            with progress_bar(None, algorithm, shown, total=steps, initial=looks.done, unit=" steps") as bar:
                looks.show = lambda done: bar.update(done - bar.n)
                with one_thread():
                    own = copy.deepcopy(options)  # QR-DQN writes into its arguments
                    imported(chosen.run)(env, mdp, make, looks, policy=chosen.policy, settings=own)
        return looks.result()


@contextmanager
def one_thread() -> Iterator[None]:
    """Lets torch use one thread, and as many as before afterwards.

    Networks here are small: threads that share their work wait for each other, for longer than the work takes, and for
    much longer where other programs use the cores.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _learner_class(algorithm: Algorithm) -> Any:
    try:
        return imported(algorithm.learner)
    except ImportError as error:
        if not algorithm.extra:
            raise
        raise ImportError(f"{algorithm.name} needs an extra: {install_line(algorithm.extra)}") from error
