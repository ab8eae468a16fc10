"""`PowerEstimate`: POWER of every state, with its errors and where it came from."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.results.stored import json_text, reading, stored_facts, stored_floats
from powerenvs.model.checks import real
from powerenvs.model.game import TabularGame
from powerenvs.model.labels import label_text
from powerenvs.model.mdp import TabularMDP
from powerenvs.model.npz import load_arrays, save_arrays

if TYPE_CHECKING:
    import matplotlib.figure
    import pandas

_KIND = "PowerEstimate"
_KINDS: Mapping[str, tuple[type, ...]] = {
    "gamma": (float, int), "num_samples": (int,), "reward": (str,), "method": (str,), "seed": (int, type(None)),
    "residual": (float, int), "max_iterations": (int,), "mean_iterations": (float, int), "seconds": (float, int),
    "cpu_seconds": (float, int), "replicates": (int, type(None)),
}  # fmt: skip
FACTS = tuple(_KINDS)
"""The attributes that say how an estimate was made."""


@dataclass(frozen=True, eq=False, repr=False)
class PowerEstimate:
    """POWER of the S states of a model.

    Attributes:
        model: the tables that were solved; of one agent also as ``mdp``, of two a `powerenvs.TabularGame`.
        gamma: the discount.
        mean: (S,) float64, POWER of each state, in units of reward.
        standard_error: (S,) float64, of ``mean``; nan for a single reward function.
        num_samples: the number of reward functions.
        reward: the distribution, in words.
        method: how the expectation was taken: ``"monte_carlo"``, ``"antithetic"`` or ``"sobol"``, each perhaps
            followed by ``" with control variates"``; ``"enumeration"``, ``"closed_form"``; ``"given_rewards"`` for
            reward functions that were given.
        seed: of the draws; None where nothing was drawn.
        residual: the largest Bellman residual of any solve, as a share of max|V|; at γ = 1 the largest violation of
            the optimality equations of the average reward, likewise.
        max_iterations: the most sweeps or policies that a solve took.
        mean_iterations: the mean of that.
        seconds: wall-clock time.
        cpu_seconds: processor time, of all threads.
        replicates: the number of independent point sets behind ``standard_error`` where they are few, as in
            ``method="sobol"``; intervals then use Student's t with one degree of freedom less.
        exact: POWER of each state as a fraction, from ``method="closed_form"``; else None.
    """

    model: TabularMDP | TabularGame
    gamma: float
    mean: NDArray[np.float64]
    standard_error: NDArray[np.float64]
    num_samples: int
    reward: str
    method: str
    seed: int | None
    residual: float
    max_iterations: int
    mean_iterations: float
    seconds: float
    cpu_seconds: float
    replicates: int | None = None
    exact: tuple[Fraction, ...] | None = None
    _samples: NDArray[np.float64] | None = field(default=None)

    @property
    def mdp(self) -> TabularMDP:
        """The tables that were solved, of one agent.

        Raises:
            ValueError: if they are those of a game, which ``model`` gives.
        """
        if not isinstance(self.model, TabularMDP):
            raise ValueError(f"mdp: expected POWER in a model of one agent, found {self.model!r}; use .model")
        return self.model

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the model."""
        return self.model.fingerprint

    @property
    def samples(self) -> NDArray[np.float64]:
        """(num_samples, S) float64: POWER under each single reward function.

        Raises:
            ValueError: if they were not kept.
        """
        if self._samples is None:
            raise ValueError("samples: not kept; call power(..., keep_samples=True)")
        return self._samples

    def confidence_interval(self, level: float = 0.95) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """``(low, high)``, each (S,): the interval that covers POWER with probability ``level``.

        A normal interval, or Student's where there are few ``replicates``.

        Raises:
            ValueError: unless 0 < level < 1.
        """
        half = critical_value(level, self.replicates) * self.standard_error
        return self.mean - half, self.mean + half

    def __getitem__(self, label: Any) -> float:
        """POWER of the state with this label."""
        return float(self.mean[self.model.index(label)])

    def to_frame(self) -> pandas.DataFrame:
        """A table with one row for each state, indexed by its label: ``power`` and ``standard_error``."""
        import pandas

        index = pandas.Index([label_text(label) for label in self.model.state_labels], name="state")
        return pandas.DataFrame({"power": self.mean, "standard_error": self.standard_error}, index=index)

    def facts(self) -> dict[str, Any]:
        """How the estimate was made, as JSON values."""
        return {name: getattr(self, name) for name in FACTS}

    def as_dict(self) -> dict[str, Any]:
        """The estimate as JSON values: how it was made, and one entry for each state (None for nan)."""
        rows = zip(self.model.state_labels, self.mean.tolist(), self.standard_error.tolist(), strict=True)
        return {
            **self.facts(),
            "fingerprint": self.fingerprint,
            "states": [
                {"state": label_text(label), "power": mean, "standard_error": error if error == error else None}
                for label, mean, error in rows
            ],
        }

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """`as_dict` as JSON text; also written to ``path``, whole or not at all, if one is given."""
        return json_text(self.as_dict(), path)

    def plot(self, **kwargs: Any) -> matplotlib.figure.Figure:
        """A heat map on the model's board, or a bar chart; see `power_metrics.plots.plot_power`.

        Of a game, a heat map for each place of the second agent; see `power_metrics.plots.plot_joint_power`.
        """
        from power_metrics.plots import plot_joint_power, plot_power

        return plot_power(self, **kwargs) if isinstance(self.model, TabularMDP) else plot_joint_power(self, **kwargs)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the estimate, with its model and any samples, to an ``.npz`` file, whole or not at all.

        Raises:
            ValueError: if ``path`` does not end in ``.npz``, or a state label cannot be stored.
        """
        arrays: dict[str, NDArray[Any]] = {
            "mean": self.mean,
            "standard_error": self.standard_error,
            "model": model_bytes(self.model),
        }
        if self._samples is not None:
            arrays["samples"] = self._samples
        exact = None if self.exact is None else [str(value) for value in self.exact]
        save_arrays(path, _KIND, arrays, {"model": type(self.model).__name__, "exact": exact, **self.facts()})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> PowerEstimate:
        """Reads an estimate that `save` wrote.

        Raises:
            ValueError: if the file is not a saved estimate.
        """
        arrays, header = load_arrays(path, _KIND)
        with reading(path, _KIND):
            model = model_from_bytes(arrays["model"], header["model"])
            exact = header.get("exact")  # files from before closed forms have none
            if exact is not None and len(exact) != model.num_states:
                raise ValueError(f"exact: expected {model.num_states} fractions, found {len(exact)}")
            return cls.stored(model, arrays, header, exact=None if exact is None else tuple(map(Fraction, exact)))

    @classmethod
    def stored(
        cls,
        model: TabularMDP | TabularGame,
        arrays: Mapping[str, NDArray[Any]],
        facts: Mapping[str, Any],
        prefix: str = "",
        exact: tuple[Fraction, ...] | None = None,
    ) -> PowerEstimate:
        """The estimate that a file holds, checked.

        Args:
            model: the tables that were solved.
            arrays: of the file.
            facts: the attributes that say how it was made.
            prefix: of the names of its arrays.
            exact: POWER as fractions, where it is.

        Raises:
            ValueError: for arrays of another shape, values that make no sense, and facts of another kind.
            KeyError: for what is missing.
        """
        S, found = model.num_states, stored_facts(facts, _KINDS)
        if not 0 <= found["gamma"] <= 1 or found["num_samples"] < (exact is None) or (found["replicates"] or 2) < 2:
            raise ValueError(f"expected a discount in [0, 1] and counts of at least 1, found {found}")
        samples = f"{prefix}samples"
        return cls(
            model=model,
            mean=stored_floats(arrays, f"{prefix}mean", (S,)),
            standard_error=stored_floats(arrays, f"{prefix}standard_error", (S,), finite=False, least=0),
            exact=exact,
            _samples=stored_floats(arrays, samples, (found["num_samples"], S)) if samples in arrays else None,
            **found,
        )

    def __repr__(self) -> str:
        high, low = int(np.argmax(self.mean)), int(np.argmin(self.mean))

        def state(s: int) -> str:
            error = float(self.standard_error[s])
            digits = 4 if not error > 0 else min(12, max(4, 1 - math.floor(math.log10(error))))
            return f"{label_text(self.model.state_labels[s])} {self.mean[s]:.{digits}f} ± {error:.{digits}f}"

        return (
            f"PowerEstimate({self.model.num_states} states, gamma={self.gamma}, {self.num_samples:,} reward functions, "
            f"{self.reward}; highest {state(high)}, lowest {state(low)})"
        )


def critical_value(level: float, replicates: int | None = None) -> float:
    """How many standard errors an interval of this level goes to each side.

    Raises:
        ValueError: unless 0 < level < 1.
    """
    if not 0 < real(level) < 1:
        raise ValueError(f"level: expected a probability between 0 and 1, found {level!r}")
    quantile = 0.5 + float(level) / 2
    if replicates is None:
        return NormalDist().inv_cdf(quantile)
    from scipy.special import stdtrit

    return float(stdtrit(replicates - 1, quantile))


def model_bytes(model: TabularMDP | TabularGame) -> NDArray[np.uint8]:
    """The file that ``model.save`` writes, as an array, so that another file can hold it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.npz"
        model.save(path)
        return np.frombuffer(path.read_bytes(), dtype=np.uint8)


def model_from_bytes(data: NDArray[np.uint8], kind: str) -> TabularMDP | TabularGame:
    """The model that `model_bytes` wrote; ``kind`` is the name of its class.

    Raises:
        ValueError: if it is no such model.
    """
    classes: dict[str, type[TabularMDP] | type[TabularGame]] = {
        found.__name__: found for found in (TabularMDP, TabularGame)
    }
    if kind not in classes:
        raise ValueError(f"model: expected one of {', '.join(classes)}, found {kind!r}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.npz"
        path.write_bytes(data.tobytes())
        try:
            return classes[kind].load(path)
        except ValueError as error:
            raise ValueError(str(error).replace(repr(os.fspath(path)), "model")) from None
