"""`RewardModel`: an ensemble of rewards, fitted to comparisons."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import ArrayLike, NDArray

from power_metrics.arguments.checks import check_choice, check_count, check_seed
from power_metrics.preferences.features import NetworkInputs, features_of
from power_metrics.preferences.logistic import Logistic, probability
from power_metrics.preferences.records import Comparisons
from power_metrics.preferences.segments import Segment
from power_metrics.preferences.store import Store
from powerenvs.model.checks import array_of, real
from powerenvs.model.files import atomic_path
from powerenvs.model.mdp import TabularMDP

Floats = NDArray[np.float64]
BAND = 1.1, 1.5
"""The loss of validation as a share of that in training: the paper adapts l2 to stay in between."""
_L2 = -18.0, 4.0
"""Logarithms of the smallest and largest l2 that are tried."""


@dataclass(frozen=True)
class MemberFit:
    """How a member of an ensemble was fitted.

    Attributes:
        l2: its regulariser at the end.
        train: mean cross-entropy of the comparisons that it was fitted to.
        validation: of those that it was not; nan where there were none.
        gradient: the largest component of the gradient at the end; nan for networks.
        finite: False where hard labels without a regulariser leave no minimum.
    """

    l2: float
    train: float
    validation: float
    gradient: float = math.nan
    finite: bool = True


class RewardModel:
    """An ensemble of reward functions r of steps, fitted to comparisons of segments.

    The left of two segments is preferred with probability (1 - ε) σ(R(left) - R(right)) + ε / 2, where R is the
    undiscounted sum of r over a segment (Christiano et al. 2017, equation 1), and the mean cross-entropy of the answers
    is minimised. Ties count half for each side; pairs that a rater could not compare are left out. Each member is
    fitted to a sample drawn with replacement, as large as the data; those that were not drawn, 1 / e of them on
    average, are for its validation, by which its l2 is adapted. Rewards of the members are brought to one scale, and
    their mean is what is paid.

    Segments of different lengths are compared by their sums, as a task that ends early pays no more; then the level of
    rewards is part of what is learned. Where all pairs have equal lengths, a constant added to r changes nothing, and
    its mean is set to 0: `level` says which. ``lengths="mean"`` compares what a step pays on average, for segments that
    were cut to different lengths for no reason of the task.

    Args:
        env: the environment, or its tables.
        kind: "state", "state_action" or "transition" for tables; (S, K) or (S, A, K) for linear features of a model; a
            function (observation, action, observation after) -> (K,) for linear features of any environment; "network".
        members: how many.
        noise: ε, the share of answers at random.
        l2: "ratio" to keep the loss of validation at 1.1 to 1.5 times that in training, or a number.
        lengths: "sum" or "mean".
        scale: the deviation of rewards over the steps of the data: the paper's 1 on MuJoCo, 0.05 on Atari; None to
            leave rewards as they were fitted.
        seed: of samples and networks.
        seeds: one for each member instead; equal ones make equal members.
        bootstrap: whether to draw samples; otherwise everybody is fitted to everything, and "ratio" has no validation.
        **network: hidden, dropout, epochs, learning_rate and batch of networks.

    Attributes:
        fits: how each member was fitted; empty before `fit`.
        num_labels: to how many comparisons.
        level: "free" or "data".

    Raises:
        ValueError: for arguments that do not fit.

    Example:
        >>> import gymnasium as gym, powerenvs
        >>> import power_metrics as pm
        >>> env = gym.make("PowerGrid-v0", level="S..G")
        >>> model = pm.preferences.RewardModel(env, "state", noise=0.0, l2=0.01, bootstrap=False)
        >>> stay = pm.preferences.Segment([0, 4], states=[1, 1, 2])
        >>> go = pm.preferences.Segment([4, 4], states=[1, 2, 3], ended=True)
        >>> bool(model.fit([stay], [go], [0.0]).tables().reward.max() > 0)
        True
    """

    def __init__(
        self,
        env: Any,
        kind: Any = "state_action",
        *,
        members: int = 3,
        noise: float = 0.1,
        l2: str | float = "ratio",
        lengths: str = "sum",
        scale: float | None = 1.0,
        seed: int | None = 0,
        seeds: Sequence[int] | None = None,
        bootstrap: bool = True,
        **network: Any,
    ):
        if not 0.0 <= real(noise) < 1.0:
            raise ValueError(f"noise: expected a share from 0 to below 1, found {noise!r}")
        if l2 != "ratio" and not 0.0 <= real(l2) < math.inf:
            raise ValueError(f"l2: expected 'ratio' or a number of at least 0, found {l2!r}")
        if l2 == "ratio" and not bootstrap:
            raise ValueError("l2: expected a number where bootstrap is False, as nothing is left for validation")
        if scale is not None and not 0.0 < real(scale) < math.inf:
            raise ValueError(f"scale: expected a number above 0, or None, found {scale!r}")
        count, first = check_count("members", members), check_seed(seed)
        self._noise, self._l2, self._scale, self._bootstrap = float(noise), l2, scale, bool(bootstrap)
        self._mean = check_choice("lengths", lengths, ("sum", "mean")) == "mean"
        self._seeds = (
            [int(one) for one in np.random.SeedSequence(first).generate_state(count)] if seeds is None
            else [check_count("seeds", one, 0) for one in seeds]
        )  # fmt: skip
        if len(self._seeds) != count:
            raise ValueError(f"seeds: expected {count}, one for each member, found {len(self._seeds)}")
        self._features = features_of(env, kind)
        self._settings: Any = None
        if isinstance(self._features, NetworkInputs):
            from power_metrics.preferences.networks import NetworkSettings

            try:
                self._settings = NetworkSettings(**network)
            except TypeError as error:
                raise ValueError(f"network: expected hidden, dropout, epochs, learning_rate, batch ({error})") from None
        elif network:
            raise ValueError(f"network: expected no settings of networks for tables, found {', '.join(network)}")
        self._weights: Floats | None = None
        self._networks: list[Any] = []
        self._shift, self._factor = np.zeros(count), np.ones(count)
        self.fits: tuple[MemberFit, ...] = ()
        self.num_labels, self.level = 0, "free"

    @property
    def mdp(self) -> TabularMDP | None:
        """The tables, where there are any."""
        found: TabularMDP | None = getattr(self._features, "mdp", None)
        return found

    def fit(self, left: Sequence[Segment], right: Sequence[Segment], preference: ArrayLike) -> RewardModel:
        """Fits all members.

        Args:
            left: N segments.
            right: N segments.
            preference: (N,) how much each answer is for the left one: 1, 0, or 0.5 for a tie, or shares between; nan
                is left out.

        Raises:
            ValueError: for arguments that do not fit, and where nothing is left.
        """
        mu = array_of("preference", preference, np.float64)
        if mu.shape != (len(left),) or len(right) != len(left):
            raise ValueError(f"preference: expected {len(left)} of as many pairs, found {mu.shape} and {len(right)}")
        both = [*left, *right]
        if any(not isinstance(one, Segment) for one in both):
            raise ValueError("left, right: expected segments, found something else")
        unique = {one: i for i, one in enumerate(dict.fromkeys(both))}
        places = [np.array([unique[one] for one in side], dtype=np.int64) for side in (left, right)]
        return self._fit(list(unique), places[0], places[1], mu)

    def fit_store(self, store: Store, *, latest: int | None = None, after: int = 0) -> RewardModel:
        """Fits all members to the answers of a store.

        Args:
            store: the store.
            latest: only so many, the last ones: first in, first out; the paper keeps 3,000 on Atari.
            after: only those with higher numbers.

        Raises:
            ValueError: where there is no answer to fit to.
        """
        if not isinstance(store, Store):
            raise ValueError(f"store: expected a Store, found {store!r}")
        answers: Comparisons = store.comparisons(latest=latest, after=after)
        used = sorted({*answers.left.tolist(), *answers.right.tolist()})
        segments = store.segments(used)
        sides = [np.searchsorted(used, side) for side in (answers.left, answers.right)]
        return self._fit([segments[number] for number in used], sides[0], sides[1], answers.preference)

    def _fit(
        self, segments: list[Segment], left: NDArray[np.int64], right: NDArray[np.int64], mu: Floats
    ) -> RewardModel:
        known = ~np.isnan(mu)
        left, right, mu = left[known], right[known], mu[known]
        if not len(mu):
            raise ValueError("preference: expected at least one pair that could be compared, found none")
        if ((mu < 0) | (mu > 1)).any():
            raise ValueError("preference: expected numbers from 0 to 1, or nan")
        lengths = np.array([len(one) for one in segments], dtype=np.float64)
        inputs, counts = self._features.design(segments)
        shares = scipy.sparse.diags_array(1.0 / lengths) @ counts if self._mean else counts
        differences = scipy.sparse.csr_array(shares[left] - shares[right])
        fit = self._fit_networks if self._settings is not None else self._fit_linear
        fits = fit(inputs, differences, mu, [self._drawn(seed, len(mu)) for seed in self._seeds])
        self.level = "free" if self._mean or (lengths[left] == lengths[right]).all() else "data"
        self._normalise(inputs, np.asarray(counts.sum(axis=0)).ravel())
        self.fits, self.num_labels = tuple(fits), len(mu)
        return self

    def _drawn(self, seed: int, count: int) -> Floats:
        """(N,) how often each comparison is in a member's sample."""
        if not self._bootstrap:
            return np.ones(count)
        return np.bincount(np.random.default_rng(seed).integers(count, size=count), minlength=count).astype(np.float64)

    def _fit_linear(self, inputs: Any, differences: Any, mu: Floats, samples: list[Floats]) -> list[MemberFit]:
        found = differences @ inputs
        dense = found.toarray() if scipy.sparse.issparse(found) else found
        problem, fits, weights = Logistic(dense, mu, self._noise), [], []
        for sample in samples:
            left_out = (sample == 0).astype(np.float64)
            one = _regularised(problem, sample, left_out) if self._l2 == "ratio" else None
            l2, fit = one if one is not None else (float(self._l2), problem.solve(float(self._l2), sample))
            validation = problem.loss(fit.weights, left_out) if left_out.any() else math.nan
            fits.append(MemberFit(l2, fit.loss, validation, fit.gradient, fit.finite))
            weights.append(fit.weights)
        self._weights = np.array(weights)
        return fits

    def _fit_networks(self, inputs: Any, differences: Any, mu: Floats, samples: list[Floats]) -> list[MemberFit]:
        from power_metrics.preferences.networks import network, train

        fits, self._networks = [], []
        for seed, sample in zip(self._seeds, samples, strict=True):
            one = network(inputs.shape[1], self._settings, seed)
            l2 = None if self._l2 == "ratio" else float(self._l2)
            loss, validation, used = train(
                one, inputs, differences, mu, sample, self._noise, l2, self._settings, seed, BAND
            )
            self._networks.append(one)
            fits.append(MemberFit(used, loss, validation))
        return fits

    def _normalise(self, inputs: Any, counts: Floats) -> None:
        """Brings members to one scale over the steps of the data, and to mean 0 where their level is free."""
        values = self._raw(inputs)
        share = counts / counts.sum()
        means = values @ share
        spread = np.sqrt(np.maximum(((values - means[:, None]) ** 2) @ share, 0.0))
        self._shift = means if self.level == "free" and self._scale is not None else np.zeros(len(means))
        usable = spread > 1e-12
        self._factor = np.ones(len(means)) if self._scale is None else self._scale / np.where(usable, spread, 1.0)

    def _raw(self, inputs: Any) -> Floats:
        """(M, n) rewards of members as they were fitted."""
        if self._settings is not None and self._networks:
            from power_metrics.preferences.networks import predicted

            return np.array([predicted(one, inputs) for one in self._networks])
        if self._weights is None:
            raise RuntimeError("the model knows no comparisons yet; call fit before")
        return np.asarray((inputs @ self._weights.T).T)

    def member_rewards(self, segment: Segment) -> Floats:
        """(M, T) what each member pays for each step, on the common scale."""
        return (self._raw(self._features.rows(segment)) - self._shift[:, None]) * self._factor[:, None]

    def step_rewards(self, segment: Segment) -> Floats:
        """(T,) what is paid for each step: the mean of the members."""
        found: Floats = self.member_rewards(segment).mean(axis=0)
        return found

    def reward(self, before: Any, action: Any, after: Any) -> float:
        """What is paid for one step.

        Args:
            before: the observation before it; the state, where the model has tables.
            action: the action.
            after: the observation or state after it.
        """
        if self.mdp is not None:
            return float(self.step_rewards(Segment(np.array([int(action)]), np.array([int(before), int(after)])))[0])
        inputs = self._features.one(before, action, after)[None]  # type: ignore[union-attr]
        return float(((self._raw(inputs)[:, 0] - self._shift) * self._factor).mean())

    def returns(self, segments: Sequence[Segment]) -> Floats:
        """(M, n) the sums (or means) by which each member compares segments, as it was fitted."""
        inputs, counts = self._features.design(segments)
        found = np.asarray((counts @ self._raw(inputs).T).T)
        return found / np.array([len(one) for one in segments]) if self._mean else found

    def preferences(self, left: Sequence[Segment], right: Sequence[Segment]) -> Floats:
        """(M, N) the probability of each member that the left segment is preferred: within [ε / 2, 1 - ε / 2]."""
        return probability(self.returns(left) - self.returns(right), self._noise)

    def variance(self, left: Sequence[Segment], right: Sequence[Segment]) -> Floats:
        """(N,) the variance of `preferences` across the members, by which queries are chosen."""
        return self.variance_of(self.returns(left) - self.returns(right))

    def variance_of(self, differences: Floats) -> Floats:
        """(N,) the same from (M, N) differences of `returns`."""
        chances = probability(differences, self._noise)
        found: Floats = (chances - chances[0]).var(axis=0)  # exactly 0 where all are the same
        return found

    def rewards(self) -> Floats:
        """(transitions of the model,) what is paid for each, 0 after the end.

        Raises:
            ValueError: where there are no tables.
        """
        if self.mdp is None:
            raise ValueError("env: expected one with tables, which are needed for the rewards of all transitions")
        inputs = self._features.all_entries if isinstance(self._features, NetworkInputs) else self._features.entries  # type: ignore[union-attr]
        found = ((self._raw(inputs) - self._shift[:, None]) * self._factor[:, None]).mean(axis=0)
        source = np.repeat(np.arange(self.mdp.num_rows), np.diff(self.mdp.indptr)) // self.mdp.num_actions
        return np.where(self.mdp.terminal[source], 0.0, found)

    def tables(self) -> TabularMDP:
        """The tables with the learned reward as their reward; performance stays as it is.

        Raises:
            ValueError: where there are none.
        """
        rewards = self.rewards()
        assert self.mdp is not None
        return self.mdp.with_(reward=rewards)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes what was fitted as .npz, whole or not at all; `load` of a model made alike reads it."""
        arrays = {"shift": self._shift, "factor": self._factor, "labels": np.array(self.num_labels)}
        arrays["free"] = np.array(self.level == "free")
        if self._weights is not None:
            arrays["weights"] = self._weights
        for i, one in enumerate(self._networks):
            arrays |= {f"network {i} {name}": value.numpy() for name, value in one.state_dict().items()}
        if isinstance(self._features, NetworkInputs) and self._features.centre is not None:
            arrays |= {"centre": self._features.centre, "width": np.asarray(self._features.width)}
        with atomic_path(path) as temporary, temporary.open("wb") as out:
            np.savez_compressed(out, **arrays)  # type: ignore[arg-type]  # of numpy's stub

    def load(self, path: str | os.PathLike[str]) -> RewardModel:
        """Reads what `save` wrote.

        Raises:
            ValueError: for a file of something else, or of a model made otherwise.
        """
        try:
            with np.load(path, allow_pickle=False) as kept:
                arrays = {name: kept[name] for name in kept.files}
            shift, factor = arrays["shift"], arrays["factor"]
            if shift.shape != self._shift.shape or factor.shape != shift.shape:
                raise ValueError(f"{len(shift)} members")
            if self._settings is not None:
                self._load_networks(arrays)
            else:
                weights = arrays["weights"]
                width = getattr(self._features, "entries", weights).shape[1]
                if weights.shape != (len(shift), width):
                    raise ValueError(f"weights of shape {weights.shape}")
                self._weights = weights
        except (KeyError, ValueError, OSError) as error:
            if isinstance(error, FileNotFoundError):
                raise
            raise ValueError(
                f"path: expected a model of this kind in {os.fspath(path)!r}, found something else ({error})"
            ) from None
        self._shift, self._factor, self.num_labels = shift, factor, int(arrays["labels"])
        self.level = "free" if arrays["free"] else "data"
        return self

    def _load_networks(self, arrays: dict[str, Any]) -> None:
        import torch

        from power_metrics.preferences.networks import network

        found = []
        for i, seed in enumerate(self._seeds):
            kept = {name.split(" ", 2)[2]: value for name, value in arrays.items() if name.startswith(f"network {i} ")}
            one = network(kept["0.weight"].shape[1], self._settings, seed)
            try:
                one.load_state_dict({name: torch.as_tensor(value) for name, value in kept.items()})
            except RuntimeError as error:
                raise ValueError(str(error)) from None
            found.append(one)
        self._networks = found
        if isinstance(self._features, NetworkInputs) and "centre" in arrays:
            self._features.centre, self._features.width = arrays["centre"], arrays["width"]


def _regularised(problem: Logistic, sample: Floats, left_out: Floats) -> Any:
    """The smallest l2, nearly, with which the loss of validation is in the band, and the fit; None without any.

    The share falls with l2, more or less: where it leaves the band is found by halving.
    """
    if not left_out.any():
        return float(np.exp(sum(_L2) / 2)), problem.solve(float(np.exp(sum(_L2) / 2)), sample)
    low, high = _L2
    found, start = None, None
    for _ in range(12):
        middle = (low + high) / 2
        fit = problem.solve(float(np.exp(middle)), sample, start)
        start = fit.weights
        share = problem.loss(fit.weights, left_out) / max(fit.loss, 1e-12)
        found = float(np.exp(middle)), fit
        if BAND[0] <= share <= BAND[1]:
            break
        if share > BAND[1]:
            low = middle
        else:
            high = middle
    return found
