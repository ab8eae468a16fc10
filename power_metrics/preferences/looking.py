"""Looks at a policy that is learned from preferences: exact numbers, kept in the store beside the labels."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.chains.occupancy import expected_return
from power_metrics.preferences.models import RewardModel
from power_metrics.preferences.result import PreferenceTraining
from power_metrics.preferences.store import Store
from power_metrics.solvers.optimal import optimal_policies
from powerenvs.model.mdp import TabularMDP

Floats = NDArray[np.float64]
RECORD, ROUNDS = "training", "rounds"


class Looks:
    """What training found so far.

    Args:
        mdp: the model, with its true reward.
        store: the labels, and notes of what was found.
        record: what is trained.
        gamma: the discount.

    Attributes:
        history: what each look found.
        uniform: (S, A) the random policy.

    Raises:
        ValueError: for a store of other training.
    """

    def __init__(self, mdp: TabularMDP, store: Store, record: Mapping[str, Any], gamma: float):
        self.mdp, self.store, self.record, self._gamma = mdp, store, dict(record), gamma
        _check_same(store, record)
        self.history: list[dict[str, Any]] = store.about.get(ROUNDS, [])
        self.uniform: Floats = mdp.available / mdp.available.sum(axis=1, keepdims=True)
        self._ends = {}
        for performance in (False, True):
            best = np.asarray(optimal_policies(mdp, None, gamma, performance=performance)[0])
            self._ends[performance] = [self._earned(table, performance) for table in (self.uniform, best)]

    @property
    def done(self) -> int:
        """How many rounds are finished."""
        return len(self.history)

    def schedule_of(self, number: int) -> str:
        """How the pairs of a round are marked."""
        return f"{self.record['queries'] if number else 'uniform'}, round {number}"

    def opened(self, number: int) -> bool:
        """Whether the pairs of a round are in the store."""
        return self.store.num_pairs(self.schedule_of(number)) > 0

    def wanted(self, number: int) -> int:
        """How many pairs were to be there after a round."""
        return int(self.history[number]["wanted"])

    def note_steps(self, number: int, taken: int) -> None:
        """Keeps how many steps a round walked."""
        self.store.note(**{f"walked in round {number}": taken})

    def look(self, number: int, model: RewardModel, table: Floats, steps: int, wanted: int) -> None:
        """Measures the policy and notes it, and with that the round is finished."""
        about = self.store.about
        walked = sum(about.get(f"walked in round {k}", 0) for k in range(number + 1))
        self.history.append(
            {
                "labels": model.num_labels, "step": walked + steps, "policy_steps": steps, "wanted": wanted,
                "return": self._earned(table, False), "performance": self._earned(table, True),
                "agreed": agreed(model, self.store), "policy": table.tolist(),
            }
        )  # fmt: skip
        self.store.note(**{ROUNDS: self.history})

    def result(self, model: RewardModel) -> PreferenceTraining:
        """All of it."""
        columns = {
            name: np.array([np.nan if look[name] is None else float(look[name]) for look in self.history])
            for name in ("labels", "step", "return", "performance", "agreed")
        }
        answers = self.store.comparisons()
        used = self.store.segments({*answers.left.tolist(), *answers.right.tolist()})
        return PreferenceTraining(
            self.mdp, self.record["algorithm"], self.record["seed"], self._gamma, json.dumps(self.record),
            columns["labels"], columns["step"], columns["return"], columns["performance"],
            self._regret(columns["return"], False), self._regret(columns["performance"], True), columns["agreed"],
            np.array([look["policy"] for look in self.history]), model.rewards(),
            sum(map(len, used.values())) / columns["step"][-1], self._ends[False][1], self._ends[False][0],
        )  # fmt: skip

    def _earned(self, table: Floats, performance: bool) -> float:
        mdp = self.mdp.with_(reward=self.mdp.performance) if performance else self.mdp
        return float(expected_return(mdp, table, self._gamma))

    def _regret(self, values: Floats, performance: bool) -> Floats:
        random, best = self._ends[performance]
        span = best - random
        if span <= 1e-12 * max(abs(best), abs(random), 1e-300):
            return np.full(len(values), np.nan)
        return (best - values) / span


def agreed(model: RewardModel, store: Store) -> float | None:
    """The share of the answers left and right that the mean of the members gives too; None without any."""
    answers = store.comparisons()
    sure = np.flatnonzero(np.isin(answers.preference, (0.0, 1.0)))
    if not len(sure):
        return None
    segments = store.segments({*answers.left[sure].tolist(), *answers.right[sure].tolist()})
    order = {number: i for i, number in enumerate(segments)}
    worth = model.returns(list(segments.values())).mean(axis=0)
    left, right = (np.array([order[n] for n in side[sure].tolist()]) for side in (answers.left, answers.right))
    return float(np.mean((worth[left] > worth[right]) == (answers.preference[sure] == 1.0)))


def _check_same(store: Store, record: Mapping[str, Any]) -> None:
    """Notes what is trained in a new store; in an old one it has to be the same.

    Raises:
        ValueError: if it is not, naming what differs.
    """
    kept, given = store.about.get(RECORD), json.loads(json.dumps(record))
    if kept is None:
        if store.num_pairs():
            raise ValueError(
                f"store: expected a new store or one of this training, found {os.fspath(store.path)!r} with pairs of "
                "something else; RewardModel.fit_store(store) fits a reward to what is there"
            )
        store.note(**{RECORD: given})
        return
    for name in {**given, **kept}:
        if kept.get(name) != given.get(name):
            raise ValueError(
                f"{name}: expected {kept.get(name)!r}, as in the training of {os.fspath(store.path)!r}, found "
                f"{given.get(name)!r}; use another folder, or the same arguments to go on"
            )
