"""`train`: a policy, its reward and the labels that it is learned from, all at once."""

from __future__ import annotations

import json
import os
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from power_metrics.arguments.checks import (
    check_choice,
    check_count,
    check_gamma,
    check_mapping,
    check_progress,
    check_seed,
    resolve_model,
)
from power_metrics.preferences.looking import Looks
from power_metrics.preferences.models import RewardModel
from power_metrics.preferences.policies import EXACT, follower
from power_metrics.preferences.queries import QUERIES, SCHEDULES, choose_pairs, schedule
from power_metrics.preferences.result import PreferenceTraining
from power_metrics.preferences.segments import candidates, time_limit
from power_metrics.preferences.store import Store
from power_metrics.preferences.teachers import CHANNELS, SyntheticTeacher, answer_of
from power_metrics.resumed.folder import locked
from powerenvs.model.checks import flag, real
from powerenvs.progress import progress_bar
from powerenvs.sources.wrapped import check_numbering

Floats = NDArray[np.float64]
HUMAN, SYNTHETIC = "human", "synthetic"
STORE, REWARD, RESULT = "labels.db", "reward.npz", "training.npz"
PAUSE = 0.05
"""Seconds between two looks at the store, where somebody else fills it."""


def train(
    env: Any,
    teacher: str | Callable[[Any, Any], str] = SYNTHETIC,
    *,
    labels: int = 500,
    steps: int = 100_000,
    algorithm: str = EXACT,
    kind: Any = "state",
    length: int = 10,
    rounds: int = 10,
    queries: str = "variance",
    rate: str = "stepped",
    first: float = 0.25,
    explore: float = 0.3,
    gamma: float = 0.99,
    seed: int | None = 0,
    out: str | os.PathLike[str] | None = None,
    store: Store | None = None,
    asynchronous: bool | None = None,
    latest: int | None = None,
    model: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    progress: bool | None = None,
) -> PreferenceTraining:
    """Learns a reward from comparisons of what a policy does, and the policy from that (Christiano et al. 2017).

    The first pairs show the random policy. Then, in rounds: the policy walks, pairs of its segments are chosen and put
    into the store, a teacher answers, the reward is fitted to all answers (or the ``latest``), and the policy learns
    from it. Asynchronously these go on at once, in threads: walking does not wait for answers unless it is a round
    ahead. Otherwise one waits for the other, and the same arguments give the same result.

    With ``out`` everything is in that folder: the store ``labels.db``, the reward, and the policy's checkpoint. The
    same call goes on from there, whenever it was killed; each answer that was given is on the disk and counts. A
    person, or anything else that fills the store, takes the place of a teacher with ``teacher="human"``: training
    waits for labels as long as it takes.

    Args:
        env: a Gymnasium environment with exact tables, or these. Its reward is used for the numbers of the result, and
            by synthetic teachers.
        teacher: "synthetic" (which prefers what pays more reward), "performance" or "board", as for
            `SyntheticTeacher`; a function of two segments to "left", "right", "tie" or "incomparable"; or "human".
        labels: how many comparisons in all.
        steps: that the policy walks, from which segments are taken; a learner takes as many to learn from, besides.
        algorithm: "exact" for the optimal policy of the learned reward, or a learner of `power_metrics.train` (not
            "impala").
        kind: of the reward, as for `RewardModel`.
        length: steps of a segment.
        rounds: how often the policy changes.
        queries: "uniform" or "variance", as for `choose_pairs`.
        rate: "constant", "hyperbolic" or "stepped", as for `schedule`.
        first: the share of pairs that show the random policy.
        explore: the share of random actions in walks.
        gamma: discount in [0, 1), of the policy and of all numbers.
        seed: of everything that is drawn.
        out: a folder to keep everything in.
        store: where comparisons go instead.
        asynchronous: whether policy, answers and fits go on at once; None: with a human.
        latest: fit to so many answers, the last ones.
        model: other arguments of `RewardModel`.
        settings: arguments of the learner.
        progress: show a progress bar: True, False, or None to show one on a terminal after two seconds.

    Raises:
        ValueError: for an argument that does not fit, an environment without tables, and a store of other training.
        ImportError: if the algorithm needs an extra that is missing.

    Example:
        >>> import gymnasium as gym, powerenvs
        >>> import power_metrics as pm
        >>> env = gym.make("PowerGrid-v0", level="S..G", max_episode_steps=20)
        >>> wanted = lambda left, right: "left" if left.ended and not right.ended else "tie"
        >>> found = pm.preferences.train(env, wanted, labels=40, steps=1_000, rounds=2, length=5, progress=False)
        >>> found.labels.tolist()
        [10.0, 40.0]
    """
    mdp = resolve_model(env)
    if env is not mdp:
        check_numbering(env, mdp)
    if algorithm != EXACT and not isinstance(env, gym.Env):
        raise ValueError(f"env: expected a Gymnasium environment for {algorithm!r}, found {type(env).__name__}")
    total, walked = check_count("labels", labels), check_count("steps", steps)
    count, size = check_count("rounds", rounds), check_count("length", length)
    check_choice("queries", queries, QUERIES)
    check_choice("rate", rate, SCHEDULES)
    if not 0.0 <= real(explore) <= 1.0:
        raise ValueError(f"explore: expected a share from 0 to 1, found {explore!r}")
    base, discount = check_seed(seed), check_gamma(gamma)
    options, learner = check_mapping("model", model or {}), check_mapping("settings", settings or {})
    asked = schedule(rate, total, max(1, count - 1), first=first, scale=1.0 if count > 1 else None)
    answers = _teacher(env, teacher, base)
    together = flag("asynchronous", answers is None if asynchronous is None else asynchronous)
    shown = check_progress(progress)
    if store is not None and (out is not None or not isinstance(store, Store)):
        raise ValueError(f"store: expected a Store, or None with a folder, found {store!r}")
    made = RewardModel(env, kind, seed=base, **options)
    record = {
        "model": mdp.fingerprint, "labels": total, "steps": walked, "algorithm": algorithm, "rounds": count,
        "kind": kind if isinstance(kind, str) else "own", "length": size, "queries": queries, "rate": rate,
        "first": first, "explore": explore, "gamma": discount, "seed": base, "latest": latest,
        "options": json.dumps(options, default=repr), "settings": json.dumps(learner, default=repr),
    }  # fmt: skip
    policy = follower(env, mdp, algorithm, discount, learner, base)
    with ExitStack() as stack:
        folder = None if out is None else Path(out)
        if folder is not None:
            stack.enter_context(locked(folder))
        if store is None:
            place = folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
            store = Store(place / STORE)
        looks = Looks(mdp, store, record, discount)
        bar = stack.enter_context(progress_bar(None, "labels", shown, total=total, initial=store.num_labels()))
        run = _Run(env, looks, policy, folder, together, answers, bar)
        return run.all(lambda: RewardModel(env, kind, seed=base, **options), made, asked)


def _teacher(env: Any, teacher: Any, seed: int) -> Callable[[Any, Any], str] | None:
    """A function of two segments, or None for what is not here.

    Raises:
        ValueError: for anything else.
    """
    if callable(teacher):
        return teacher  # type: ignore[no-any-return]
    name = check_choice("teacher", teacher, (SYNTHETIC, *CHANNELS, HUMAN))
    if name == HUMAN:
        return None
    return SyntheticTeacher(env, "reward" if name == SYNTHETIC else name, seed=seed)


class _Run:
    """Training that goes on until all labels are there."""

    def __init__(
        self, env: Any, looks: Looks, policy: Any, folder: Path | None, together: bool, teacher: Any, bar: Any
    ):
        self._env, self._looks, self._policy, self._folder = env, looks, policy, folder
        self._together, self._teacher, self._bar = together, teacher, bar
        self._stop, self._error = threading.Event(), list[BaseException]()
        self._newest: RewardModel | None = None

    def all(
        self, make: Callable[[], RewardModel], model: RewardModel, asked: Callable[[float], float]
    ) -> PreferenceTraining:
        """Does what is left to do."""
        looks, record = self._looks, self._looks.record
        works = [] if not self._together else [lambda: self._fit_all(make)]
        if self._together and self._teacher is not None:
            works.append(self._answer_all)
        threads = [threading.Thread(target=self._guarded, args=(work,), daemon=True) for work in works]
        for thread in threads:
            thread.start()
        try:
            table = looks.uniform
            if looks.done:
                model = self._fitted(make())
                table = self._resumed(model)
            for number in range(looks.done, record["rounds"]):
                wanted = min(record["labels"], round(asked(number)))
                if not looks.opened(number):
                    self._open(number, wanted, table, model)
                last = number == record["rounds"] - 1
                ahead = 0 if not self._together or number == 0 or last else wanted - looks.wanted(number - 1)
                self._wait(ahead)
                model = self._fitted(make()) if number == 0 or last or self._newest is None else self._newest
                table = self._improve(model, number)
                looks.look(number, model, table, self._policy.steps, wanted)
            if looks.store.num_labels() > looks.history[-1]["labels"]:  # which came after the last fit
                model = self._fitted(make())
            result = looks.result(model)
            if self._folder is not None:
                model.save(self._folder / REWARD)
                result.save(self._folder / RESULT)
            return result
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            self._error.append(error)

    def _fitted(self, model: RewardModel) -> RewardModel:
        return model.fit_store(self._looks.store, latest=self._looks.record["latest"])

    def _fit_all(self, make: Callable[[], RewardModel]) -> None:
        """Fits anew whenever there are new answers, in a thread of its own, until training ends."""
        known = 0
        while not self._stop.is_set():
            if (there := self._looks.store.num_labels()) != known and there:
                known, self._newest = there, self._fitted(make())
            else:
                self._stop.wait(PAUSE)

    def _open(self, number: int, wanted: int, table: Floats, model: RewardModel) -> None:
        """Walks, and opens the pairs of a round."""
        looks, record = self._looks, self._looks.record
        rng = np.random.default_rng([record["seed"], number])
        share = record["explore"] if number else 1.0
        walk = (1.0 - share) * table + share * looks.uniform
        need = wanted - looks.store.num_pairs()
        steps = record["steps"] // record["rounds"]
        limit = (None if self._env is looks.mdp else time_limit(self._env)) or 100
        pieces, taken = candidates(looks.mdp, walk, steps, record["length"], limit, max(1000, 20 * need), rng)
        looks.note_steps(number, taken)
        if need > 0:
            seed = int(rng.integers(2**31))
            pairs = choose_pairs(pieces, need, model, queries=record["queries"], seed=seed)
            looks.store.add_pairs(pairs, schedule=looks.schedule_of(number))

    def _improve(self, model: RewardModel, number: int) -> Floats:
        record = self._looks.record
        steps = record["steps"] // record["rounds"]
        seed = int(np.random.SeedSequence([record["seed"], number, 1]).generate_state(1)[0] >> 1)
        table: Floats = self._policy.improve(model, steps, record["steps"], seed)
        if self._folder is not None and self._policy.suffix:
            self._policy.save(self._folder / f"policy-{number}{self._policy.suffix}")
            for old in self._folder.glob("policy-*"):
                if old.name != f"policy-{number}{self._policy.suffix}":
                    old.unlink()
        return table

    def _resumed(self, model: RewardModel) -> Floats:
        """The policy as it was after the last round that was finished."""
        looks = self._looks
        last = looks.history[-1]
        if self._policy.suffix:
            kept = sorted(self._folder.glob("policy-*")) if self._folder is not None else []
            if kept:
                self._policy.load(kept[-1], int(last["policy_steps"]))
        return np.array(last["policy"])

    def _wait(self, ahead: int) -> None:
        """Until at most so many pairs wait for an answer; answers them where nobody else does."""
        store = self._looks.store
        if self._teacher is not None and not self._together:
            self._answer_all()
            return
        while True:
            if self._error:
                raise self._error[0]
            self._bar.update(store.num_labels() - self._bar.n)
            if store.num_open() <= ahead and store.num_labels():
                return
            time.sleep(PAUSE)

    def _answer_all(self) -> None:
        """A teacher's part: answers what is open; in a thread of its own, until training ends."""
        store = self._looks.store
        while True:
            pair = store.next_pair("teacher")
            if pair is None:
                if not self._together or self._stop.wait(PAUSE / 5):
                    return
                continue
            began = time.monotonic()
            label = answer_of(self._teacher, store.segment(pair.left), store.segment(pair.right))
            store.answer(pair.id, "teacher", label, time.monotonic() - began)
            if not self._together:
                self._bar.update(1)
