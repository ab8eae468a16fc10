"""`PowerTracker`: power-seeking while something learns; the core of the wrappers and of the callback."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from power_metrics.agents.table import scores_to_policy
from power_metrics.arguments.checks import check_gamma, check_policy, resolve_model
from power_metrics.chains.occupancy import occupancy, start_weights
from power_metrics.comparison.behaviour import policy_entropy, power_while_alive
from power_metrics.comparison.counted import Counted
from power_metrics.comparison.judged import compare_policies, judge_of, sampled_power
from power_metrics.comparison.references import RANDOM, TASK_OPTIMAL, References, power_values
from power_metrics.comparison.result import PowerComparison
from power_metrics.results.estimate import PowerEstimate
from powerenvs.model.checks import real
from powerenvs.model.files import atomic_path
from powerenvs.model.mdp import TabularMDP
from powerenvs.model.npz import load_arrays, save_arrays
from powerenvs.sources.wrapped import check_numbering

if TYPE_CHECKING:
    import pandas

Floats = NDArray[np.float64]

NO_COLUMNS = ("policies", "occupancies", "counts", "power", "initial", "seen")
"""Arrays of a file that are no column of the history."""


class PowerTracker:
    """Counts visits and evaluates policies against POWER, with no training framework involved.

    The reference policies are solved once. After that an evaluation is one small linear system.

    Args:
        env_or_mdp: an environment or a `powerenvs.TabularMDP`, with S states and A actions.
        power: a `PowerEstimate` of its states, (S,) numbers, or None to compute POWER at ``gamma``.
        gamma: discount in [0, 1) of occupancies, returns and optimal policies; that of ``power``, or 0.9, when None.
        initial: where episodes start: as for `power_metrics.occupancy`.

    Attributes:
        mdp: the model.
        power: as given, or computed.
        references: the discount, POWER and the reference policies.
        judge: these, with the error of POWER.
        counts: (S, A) int64, how often each action was taken in each state.
        history: what each evaluation found, oldest first.
        policies: (S, A) of each evaluation.
        occupancies: (S,) of each.

    Raises:
        ValueError: for an argument that does not fit.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.power import PowerGrid
        >>> tracker = pm.PowerTracker(PowerGrid("open_3x3"), power=np.arange(9.0), gamma=0.9)
        >>> tracker.update([0, 1], [4, 0])
        >>> tracker.visitation[:3].tolist()
        [0.5, 0.5, 0.0]
        >>> found = tracker.evaluate(np.full((9, 5), 0.2))
        >>> round(found["normalised"], 9)
        0.0
    """

    def __init__(
        self,
        env_or_mdp: Any,
        power: PowerEstimate | ArrayLike | None = None,
        gamma: float | None = None,
        initial: Any = None,
    ):
        self.mdp: TabularMDP = resolve_model(env_or_mdp)
        self._unchecked: Any = env_or_mdp
        gamma = check_gamma(gamma if gamma is not None else power.gamma if isinstance(power, PowerEstimate) else 0.9)
        start = start_weights(self.mdp, initial)
        if power is None:
            power = sampled_power(self.mdp, gamma)
        self.references = References.of(self.mdp, gamma, power_values(power, self.mdp), start)
        self.counts: NDArray[np.int64] = np.zeros(self.mdp.available.shape, dtype=np.int64)
        self.history: list[dict[str, float]] = []
        self.policies: list[Floats] = []
        self.occupancies: list[Floats] = []
        self._seen = np.zeros(self.mdp.num_states, dtype=np.int64)  # visits up to the last evaluation
        self._gain = self.mdp.action_rewards(), self.mdp.action_rewards(performance=True)
        self.judge_by(power)

    def judge_by(self, power: PowerEstimate | ArrayLike) -> None:
        """Takes the error of POWER from an estimate of which the references know the numbers."""
        self.power = power
        self.judge, self._why = judge_of(self.references, power)
        self._fixed = self._reference_numbers()

    @property
    def gamma(self) -> float:
        """The discount."""
        return self.references.gamma

    def update(self, states: ArrayLike, actions: ArrayLike) -> None:
        """Counts actions taken: ``states`` and ``actions`` are indices, arrays of one shape.

        Raises:
            ValueError: for other shapes, what is no state or action, and if wrappers make more states than the
                environment tells of; a tracker of the model itself counts those.
        """
        if self._unchecked is not None:
            check_numbering(self._unchecked, self.mdp)
            self._unchecked = None
        s, a = np.asarray(states), np.asarray(actions)
        if s.shape != a.shape or s.dtype.kind not in "iu" or a.dtype.kind not in "iu":
            raise ValueError(
                f"states, actions: expected integer arrays of one shape, found {s.dtype} {s.shape} and {a.dtype} "
                f"{a.shape}"
            )
        S, A = self.counts.shape
        if s.size and (s.min() < 0 or s.max() >= S or a.min() < 0 or a.max() >= A):
            raise ValueError(
                f"states, actions: expected states 0 to {S - 1} and actions 0 to {A - 1}, found states {s.min()} to "
                f"{s.max()} and actions {a.min()} to {a.max()}"
            )
        np.add.at(self.counts, (s, a), 1)

    @property
    def visitation(self) -> Floats:
        """(S,) the share of all counted steps that began in each state; nan before the first."""
        visits = self.counts.sum(axis=1)
        total = visits.sum()
        return visits / total if total else np.full(len(visits), np.nan)

    def evaluate(self, policy: Any, step: float | None = None) -> dict[str, float]:
        """Measures a policy, exactly, and appends the result to `history`.

        Args:
            policy: (S, A) action probabilities; `power_metrics.policy_table` makes them.
            step: of training, for the record; the number of steps counted when None.

        Returns:
            - ``step``;
            - ``visited``: mean POWER of the states counted since the last evaluation, nan if none;
            - ``seeking``: Σ_s d(s) POWER(s) of the policy; ``task_optimal``, ``random``: the same of these policies;
            - ``alive``: mean POWER of where the policy is until an episode's end;
            - ``normalised``, with 0 for random and 1 for most power-seeking, and ``normalised_task_optimal``;
            - ``correlation``: Spearman's of occupancy and POWER;
            - ``return_exact``, ``performance_exact``: discounted, from the start; ``return_task_optimal``;
            - ``entropy`` of the action, in nats;
            - ``seconds`` that the evaluation took.

        Raises:
            ValueError: if the policy does not fit the model, or ``step`` is no number.
        """
        began = time.perf_counter()
        if step is not None and not math.isfinite(real(step)):
            raise ValueError(f"step: expected a number, or None to count them, found {step!r}")
        table = check_policy(policy, self.mdp)
        if table.ndim != 2:
            raise ValueError(f"policy: expected one policy {self.counts.shape}, found {table.shape}")
        share = occupancy(self.mdp, table, self.gamma, self.references.initial)
        visits = self.counts.sum(axis=1)
        recent, self._seen = visits - self._seen, visits
        returns = [float(share @ (table * gain).sum(axis=1)) / (1.0 - self.gamma) for gain in self._gain]
        found = {
            "step": float(visits.sum() if step is None else step),
            "visited": float(recent @ self.references.power / recent.sum()) if recent.any() else math.nan,
            "seeking": float(self.references.power_seeking(share)),
            "alive": float(power_while_alive(share, self.references.power, self.mdp)),
            "normalised": self.judge.normalised(share),
            "correlation": self.judge.correlation(share)[0],
            "return_exact": returns[0],
            "performance_exact": returns[1],
            "entropy": policy_entropy(table, share, self.mdp),
            **self._fixed,
        }
        found["seconds"] = time.perf_counter() - began
        self.history.append(found)
        self.policies.append(table)
        self.occupancies.append(share)
        return found

    def _reference_numbers(self) -> dict[str, float]:
        best = self.references.occupancies[TASK_OPTIMAL]
        gain = (self.references.policies[TASK_OPTIMAL] * self._gain[0]).sum(axis=1)
        return {
            "task_optimal": float(self.references.power_seeking(best)),
            "random": float(self.references.power_seeking(self.references.occupancies[RANDOM])),
            "normalised_task_optimal": self.judge.normalised(best),
            "return_task_optimal": float(best @ gain) / (1.0 - self.gamma),
        }

    def compare(self, policies: Mapping[str, Any] | None = None) -> PowerComparison:
        """The comparison of policy tables by name; without any, of the behaviour counted so far.

        In states that were never visited, counted behaviour is taken to be uniform. What few actions leave unknown of
        it is in its intervals, which are corrected for the bias of that.

        Raises:
            ValueError: if there is nothing to compare, or a policy does not fit the model.
        """
        if policies is None:
            if not self.counts.any():
                raise ValueError(
                    "compare: nothing has been counted yet; step the environment (copies in other processes count for "
                    "themselves), or give policies"
                )
            counted = {"visited": Counted(self.counts.astype(np.float64), self._policy)}
            policies = {"visited": self._policy(counted["visited"].total)}
        else:
            counted = {}
        checked = {name: check_policy(policy, self.mdp, name) for name, policy in policies.items()}
        return compare_policies(checked, self.judge, self.power, self._why, counted)

    def _policy(self, counts: Floats) -> Floats:
        return scores_to_policy(counts, self.mdp, "counts")

    def to_frame(self) -> pandas.DataFrame:
        """`history` with one row for each evaluation."""
        import pandas

        return pandas.DataFrame(self.history)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the history, whole or not at all: ``.csv`` for its numbers, ``.npz`` for policies and occupancies too.

        Raises:
            ValueError: for another suffix.
        """
        suffix = Path(path).suffix
        if suffix == ".csv":
            with atomic_path(path) as temporary:
                self.to_frame().to_csv(temporary, index=False)
        elif suffix == ".npz":
            arrays: dict[str, NDArray[Any]] = {
                "policies": np.array(self.policies).reshape(-1, *self.counts.shape),
                "occupancies": np.array(self.occupancies).reshape(-1, len(self.counts)),
                "counts": self.counts,
                "power": self.references.power,
                "initial": self.references.initial,
                "seen": self._seen,
                **{name: np.array([found[name] for found in self.history]) for name in (self.history or [{}])[0]},
            }
            header = {"gamma": self.gamma, "fingerprint": self.mdp.fingerprint}
            save_arrays(path, "PowerTracker", arrays, header)
        else:
            raise ValueError(f"path: expected a name that ends in .csv or .npz, found {os.fspath(path)!r}")

    @classmethod
    def load(cls, path: str | os.PathLike[str], env_or_mdp: Any, power: Any = None) -> PowerTracker:
        """A tracker with what `save` wrote to an ``.npz`` file: history, policies, occupancies and counts.

        Args:
            path: of the file.
            env_or_mdp: the environment, or its tables, that the file is of.
            power: the POWER that it was made with, for its samples; None for the numbers in the file.

        Raises:
            ValueError: for another kind of file, and another environment or other POWER than it was made with.
            FileNotFoundError: if there is no such file.
        """
        arrays, header = load_arrays(path, "PowerTracker")
        given = arrays["power"] if power is None else power
        tracker = cls(env_or_mdp, given, header["gamma"], arrays.get("initial"))
        tracker.resume(path)
        return tracker

    def resume(self, path: str | os.PathLike[str]) -> None:
        """Takes up what `save` wrote: this tracker goes on where that one ended.

        Of a ``.csv`` file only the history can be taken up, and visits are counted from 0.

        Raises:
            ValueError: for files of another environment, discount or POWER, and if this tracker has a history already.
            FileNotFoundError: if there is no such file.
        """
        import pandas

        if self.history or self.counts.any():
            raise ValueError("resume: expected a tracker that has counted and measured nothing yet, found one that has")
        if Path(path).suffix == ".csv":
            rows = pandas.read_csv(path)
            lacking = next((name for name in ("step", "normalised", *self._fixed) if name not in rows), None)
            if lacking is not None:
                raise ValueError(f"path: expected the history of a PowerTracker, found no {lacking!r} in it")
            others = [name for name in self._fixed if not np.allclose(rows[name], self._fixed[name], equal_nan=True)]
            if others:
                raise ValueError(
                    f"path: expected the history of this environment, discount and POWER, found one in which "
                    f"{others[0]} is {rows[others[0]].iloc[0]}, not {self._fixed[others[0]]}"
                )
            self.history = [{str(name): float(value) for name, value in row.items()} for row in rows.to_dict("records")]
            return
        arrays, header = load_arrays(path, "PowerTracker")
        if header["fingerprint"] != self.mdp.fingerprint:
            raise ValueError(f"path: expected the history of {self.mdp!r}, found that of {header['fingerprint']}")
        if header["gamma"] != self.gamma or not np.array_equal(arrays["power"], self.references.power):
            raise ValueError(
                f"path: expected the history with this POWER and discount {self.gamma:g}, found another; give the "
                "power that it was made with, pm.PowerTracker.load(path, env) has it"
            )
        columns = [name for name in arrays if name not in NO_COLUMNS]
        self.history = [
            {name: float(value) for name, value in zip(columns, row, strict=True)}
            for row in zip(*(arrays[name] for name in columns), strict=True)
        ]
        self.policies, self.occupancies = list(arrays["policies"]), list(arrays["occupancies"])
        self.counts += arrays["counts"]
        self._seen = arrays.get("seen", arrays["counts"].sum(axis=1))
