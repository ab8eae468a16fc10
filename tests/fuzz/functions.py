"""Public functions, called with odd arguments: wrong types and shapes, nan, infinities, and what is right but unusual."""

from __future__ import annotations

import dataclasses
import functools
import numbers
from collections import OrderedDict
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch

import power_metrics as pm
from powerenvs import TabularGame, TabularMDP
from tests.fuzz.archives import small_mdp
from tests.fuzz.calls import CALLS
from tests.fuzz.harness import Target
from tests.fuzz.mutate import ODD, mutate_array, mutate_value, pick

OTHERS: tuple[Any, ...] = (
    *ODD, b"bytes", object(), 1j, {1, 2}, (), (1,), ("a", "b"), np.float64("nan"), np.int8(3), np.array([]), np.array(3.0), np.zeros((2, 2)),
    np.ones(3), np.full(3, np.nan), np.array(["a", "b", "c"]), np.array([None, 1, 2], dtype=object), torch.ones(3), torch.full((3, 2), 0.5),
    type, str, pm.Uniform(), pm.Normal(0, 1), 10**400, np.ones((3, 2)) / 2, np.eye(3), np.zeros((0, 3)), [[0.5, 0.5]] * 3, range(3), slice(2),
)  # fmt: skip

_DISCOUNTS = (
    0,
    1,
    0.0,
    1.0,
    1e-100,
    1e-17,
    1 - 1e-9,
    1 - 2**-53,
    np.float32(0.7),
    Fraction(1, 3),
    np.array(0.4),
    torch.tensor(0.3),
    np.longdouble(0.6),
)
_COUNTS = (1, 2, 3, np.int8(5), np.uint64(7), 4.0, torch.tensor(6), np.array(2))
_LEVELS = (1e-9, 0.5, 1 - 1e-9, np.float32(0.3), Fraction(1, 2))
_REWARDS = (
    pm.Uniform(-1e139, 1e139), pm.Uniform(1e-139, 2e-139), pm.Uniform(1, 1 + 1e-15), pm.Uniform(np.float32(0), np.int64(2)), pm.Normal(-1e6, 1e-6),
    pm.Beta(0.001, 1), pm.Beta(1e6, 1e6), pm.Pareto(1, 1.1), pm.Bernoulli(0.5), pm.Bernoulli(1e-12), pm.Bernoulli(1), pm.Empirical([0.5]),
    pm.Empirical([-1, 0, 1e100]), pm.PerState({"a": pm.Bernoulli()}), pm.PerState({"c": pm.Uniform(-1, 0)}, pm.Normal()),
    pm.TorchDistribution(torch.distributions.Laplace(0.0, 1.0)), pm.TorchDistribution(torch.distributions.Exponential(2.0)),
)  # fmt: skip
USUAL: Mapping[str, tuple[Any, ...]] = {
    "gamma": (*_DISCOUNTS, [0.5], (0.0, 1.0), np.array([0.2, 0.3]), iter([0.1, 0.2])),
    "gamma_a": _DISCOUNTS,
    "reward": _REWARDS,
    "default": _REWARDS,
    "num_samples": (*_COUNTS, 64, 100, 1100),
    "num_learners": _COUNTS,
    "rounds": _COUNTS,
    "batch_size": (None, *_COUNTS),
    "threads": (None, 1, 2, np.int64(2)),
    "steps": (*_COUNTS, None, (0, 1, 2), np.array([0, 5])),
    "num_steps": (0, *_COUNTS),
    "horizon": _COUNTS,
    "k": _COUNTS,
    "seed": (None, 0, 2**63, 2**200, np.uint64(2**64 - 1), np.int32(5)),
    "method": ("auto", "monte_carlo", "antithetic", "sobol", "enumeration", "closed_form"),
    "control_variates": (None, True, False, np.True_),
    "tolerance": (None, 0.05, 1e3, 10**30, np.float32(0.1), Fraction(1, 10)),
    "tie_tolerance": (0, 0.0, 1e-300, 0.5, 1 - 1e-9, np.float32(1e-6)),
    "level": _LEVELS,
    "correlation": (-1, 0, 1, -0.5, 1e-300, np.float32(0.5), np.int8(1)),
    "rewards": (np.zeros(3), np.full((1, 3), 1e140), -np.full((2, 3), 1e-140), np.array([1e140, 1e-300, -1.0]), np.ones((1100, 3), np.int8)),
    "power": (np.full(3, -5.0), np.array([1e140, 0, -1e140]), pm.power(small_mdp(), 0.5, num_samples=4)),
    "initial": (None, "a", "b", {"a": 0.5, "b": 0.5}, np.array([0, 0.5, 0.5]), [0.25, 0.25, 0.5]),
    "epsilon": (0, 1, 0.0, 1e-300, Fraction(1, 3), np.float32(0.5)),
    "temperature": (1e-300, 1e300, 1, np.float32(2)),
    "threshold": (-1e300, 0, 1, 1e-300, 1e300),
    "learning_rate": (1e-300, 1, 1.0, np.float32(0.5)),
    "decay": (0, 1, 0.5, 1e-300),
    "low": (-1e130, 0, 1 - 1e-9, -1e-139, np.float32(-1), Fraction(1, 7)),
    "high": (1e130, 1e-9, 1e-139, np.int64(7), Fraction(8, 7)),
    "a": (1e-3, 1e6, 1, np.float32(2), Fraction(1, 3)),
    "b": (1e-3, 1e6, 1, np.float32(2), Fraction(1, 3)),
    "mean": (1e130, -1e-130, 0, np.float32(1)),
    "std": (1e130, 1e-130, 1, np.float32(1)),
    "alpha": (1e-1, 0.5, 1, 2, 1e6),
    "scale": (1e-130, 1e100, np.float32(1)),
    "p": (0, 1, 1e-300, 1 - 1e-12, np.float32(0.5)),
    "noise": (0, 1, 1e-300, 1 - 1e-12, np.float32(0.25), Fraction(1, 4)),
    "step": (None, 0, -1, np.int64(3), 1e300),
    "indices": (0, [5], (0, 0, 15), np.arange(3, dtype=np.uint8), range(4)),
    "index": (0, 15, np.int8(2)),
    "agents": (("ai", "human"), ["human", "ai"], None),
    "agent": ("ai", "human", np.str_("ai"), None),
    "others": ({}, None, OrderedDict()),
    "start": (None, "a", "b", "c"),
    "policies": (None, {}),
    "dtype": (torch.float32, torch.float64, torch.float16),
    "device": (None, "cpu", torch.device("cpu")),
    "sparse": (True, False, np.True_),
    "max_gib": (1, 1e300, np.float32(2)),
    "statistic": ("power_seeking", "distance", "entropy", "expected_return", "correlation"),
    "other": ("learned", "random", "task-optimal"),
    "name": ("learned", "random", None),
    "objective": ("reward", "performance"),
    "ties": ("count", "split", "unique"),
    "kind": (None, "probabilities", "q", "logits"),
    "walls": ("bump", "absent"),
    "plan_steps": _COUNTS,
    "num_episodes": (*_COUNTS, 100),
    "num_runs": _COUNTS,
    "num_states": (None, *_COUNTS),
    "num_above": (None, *_COUNTS),
    "q": (0, *_COUNTS),
    "max_models": (*_COUNTS, 10**9),
    "delta": (None, 0, 1, 1e-300, 1 - 1e-12, np.float32(0.5), Fraction(1, 3)),
    "deltas": ((), [0], (1.0,), iter([0.25, 0.5]), np.array([0.75])),
    "fraction": (1, 1e-9, 1 - 1e-12, np.float32(0.5), Fraction(1, 3)),
    "price": (0, 1e-300, 1e6, -1.0, np.float32(0.5)),
    "rate": (1, 1e-300, np.float32(0.5), Fraction(1, 7)),
    "beta": (0, 1e-9, 100, 1e6, [0, 1], np.float32(0.5)),
    "initial_q": (0, -1e100, 1e100, "fixed point", np.zeros((3, 3)), np.eye(3, dtype=np.int8)),
    "observations": ("rl", "cirl", "stories", "semi_supervised", np.eye(3, dtype=bool), np.zeros((3, 3), bool)),
    "safe": (None, (), ["b"], [0, 2], np.array([True, False, True]), np.array([1]), range(3)),
    "risky": (None, (), [1], np.array([0, 1, 2]), range(2)),
    "levels": ([0, 0.5, 1], np.array([0.0, 0.5, 1.0, 1e100]), (1, 0.5, 0.5, 0)),
    "rule": ("q_learning", "sarsa", "soft"),
    "behaviour": ("epsilon_greedy", "softmax"),
    "baseline": ("start", "inaction", "stepwise"),
    "function": ("absolute", "truncation"),
    "measure": ("none", "relative_reachability", "unreachability", "attainable_utility"),
    "nonterminal": ("full", "discount", "none"),
    "band": ("range", "interval"),
    "columns": ("normalised", ("normalised",), iter(["normalised"])),
}  # fmt: skip
"""Values that are right for an argument of a name, in most functions, and unusual."""

UNCHECKED = frozenset(("seconds", "cpu_seconds"))


@dataclasses.dataclass(frozen=True)
class Given:
    """A call.

    Attributes:
        name: of the function, in `CALLS`.
        arguments: for it.
        same: whether these are the usual arguments in other guises, so that the answer has to be the same.
    """

    name: str
    arguments: dict[str, Any]
    same: bool


def make_call(rng: np.random.Generator, folder: Path) -> Given:
    """A call with one or two odd arguments: a third of them are the usual ones in another guise, or right but unusual."""
    name = pick(rng, list(CALLS))
    call = CALLS[name]
    usual = call.arguments()
    arguments, same = dict(usual), True
    for _ in range(int(rng.integers(1, 3))):
        free = [key for key in arguments if key not in call.fixed]
        if free:
            key = pick(rng, free)
            chance = rng.random()
            if chance < 0.2:
                arguments[key] = guise(rng, usual[key])
            else:
                same = False
                wrong = chance >= 0.4 or not USUAL.get(key)
                arguments[key] = _odd(rng, arguments[key]) if wrong else pick(rng, USUAL[key])
    return Given(name, arguments, same)


def guise(rng: np.random.Generator, value: Any) -> Any:
    """The same value, as another type or laid out in memory in another way."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        return _array_guise(rng, value)
    if isinstance(value, (bool, np.bool_)):
        return np.bool_(value)
    if isinstance(value, int):
        return pick(rng, (np.int64(value), np.int16(value), float(value), np.array(value)))
    if isinstance(value, float):
        return pick(rng, (np.float64(value), np.longdouble(value), Fraction(value), np.array(value)))
    if isinstance(value, str):
        return np.str_(value)
    if isinstance(value, Mapping):
        return OrderedDict({key: guise(rng, part) if rng.random() < 0.5 else part for key, part in value.items()})
    if isinstance(value, (list, tuple)):
        parts = [guise(rng, part) if rng.random() < 0.3 else part for part in value]
        return pick(rng, (list, tuple, iter))(parts)
    return value


def _array_guise(rng: np.random.Generator, value: np.ndarray) -> Any:
    match int(rng.integers(9)):
        case 0:
            return np.asfortranarray(value)
        case 1:
            return np.repeat(value, 2, axis=0)[::2]
        case 2:
            read_only = value.copy()
            read_only.flags.writeable = False
            return read_only
        case 3:
            return value[::-1].copy()[::-1]
        case 4:
            return value.astype(value.dtype.newbyteorder(">"))
        case 5:
            return value.tolist()
        case 6:
            return tuple(tuple(row) if value.ndim > 1 else row for row in value)
        case 7:
            return value.astype(np.longdouble if value.dtype.kind == "f" else object)
    return torch.from_numpy(value.copy())


def _odd(rng: np.random.Generator, value: Any) -> Any:
    """Something else than a value, near to it or far."""
    if isinstance(value, np.ndarray) and rng.random() < 0.6:
        return mutate_array(rng, value)
    if isinstance(value, (list, tuple, dict)) and rng.random() < 0.6:
        changed = mutate_value(rng, _lists(value), OTHERS)
        return tuple(changed) if isinstance(value, tuple) and isinstance(changed, list) else changed
    return pick(rng, OTHERS)


def _lists(value: Any) -> Any:
    """The value with tuples in it as lists, which can be changed."""
    return [_lists(part) for part in value] if isinstance(value, (list, tuple)) else value


HUGE = 10**6
"""Counts above this are asked for in earnest by nobody here: the work would be done."""

COUNTS = (
    "num_samples", "rounds", "num_learners", "num_steps", "steps", "k", "horizon", "max_samples", "plan_steps", "num_episodes", "num_runs",
)  # fmt: skip


def check_call(given: Given, folder: Path) -> None:
    """What comes back makes sense, and is what the usual arguments give where they are the same."""
    call, arguments = CALLS[given.name], given.arguments
    for key in COUNTS:
        value = arguments.get(key)
        number = isinstance(value, (int, float, np.number, np.ndarray)) and np.asarray(value).dtype.kind in "iufO"
        if number and np.ndim(value) == 0 and value > HUGE:
            arguments[key] = 17
    result = call.function(**arguments)
    call.check(result)
    if given.same:
        found, expected = content(result), _expected(given.name)
        assert found.keys() == expected.keys(), (found, expected)
        for part, value in found.items():
            assert np.array_equal(value, expected[part], equal_nan=True), (part, value, expected[part])


@functools.cache
def _expected(name: str) -> dict[str, np.ndarray]:
    return content(CALLS[name].function(**CALLS[name].arguments()))


def content(result: Any) -> dict[str, np.ndarray]:
    """All numbers of a result but times, each by its place in it."""
    found: dict[str, np.ndarray] = {}
    _collect("", result, found)
    return found


def _collect(place: str, value: Any, found: dict[str, np.ndarray]) -> None:
    if isinstance(value, (TabularMDP, TabularGame)):
        found[f"{place}.fingerprint"] = np.array(list(value.fingerprint.encode()))
    elif isinstance(value, (np.ndarray, torch.Tensor, np.bool_, numbers.Real)):
        value = float(value) if isinstance(value, Fraction) else value
        array = value.to_dense().cpu().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)
        if array.dtype.kind in "biuf":
            found[place] = array.astype(float)
    elif isinstance(value, Mapping):
        for key, part in value.items():
            if key not in UNCHECKED:
                _collect(f"{place}[{key}]", part, found)
    elif isinstance(value, (list, tuple)):
        for number, part in enumerate(value):
            _collect(f"{place}[{number}]", part, found)
    elif dataclasses.is_dataclass(value):
        _collect(place, {part.name: getattr(value, part.name) for part in dataclasses.fields(value)}, found)
    else:
        for name in ("table", "tables", "model"):
            if hasattr(value, name):
                part = getattr(value, name)
                _collect(f"{place}.{name}", part() if callable(part) else part, found)


TARGETS = (Target("functions", make_call, check_call),)
