"""Files of ours, damaged: models, policies, results, and the folders of sweeps."""

from __future__ import annotations

import functools
import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import yaml

import power_metrics as pm
from powerenvs import Policy, TabularGame, TabularMDP, product_game
from powerenvs.worlds.power import PowerGrid, turner_figure_1
from tests.fuzz.harness import Target
from tests.fuzz.mutate import mutate_archive, mutate_bytes, mutate_value, pick
from tests.fuzz.texts import FILES, check_model


@functools.cache
def small_mdp() -> TabularMDP:
    return TabularMDP.from_transitions(
        [("a", "x", "b", 0.5), ("a", "x", "a", 0.5), ("a", "y", "c", 1), ("b", "x", "a", 1), ("c", "x", "c", 1)],
        initial="a", terminal=["c"], reward=[1, 2, 3, 4, 0],
    )  # fmt: skip


@functools.cache
def small_game() -> TabularGame:
    return product_game(small_mdp(), PowerGrid("S.").tables())


def _saved(thing: Any) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "saved.npz"
        thing.save(path)
        return path.read_bytes()


@functools.cache
def _seeds(kind: str) -> tuple[bytes, ...]:
    """Valid files of a kind."""
    things: dict[str, Callable[[], list[Any]]] = {
        "mdp": lambda: [small_mdp(), turner_figure_1(), PowerGrid("S.G\n...").tables()],
        "game": lambda: [small_game()],
        "policy": lambda: [Policy(small_mdp())],
        "game_policy": lambda: [Policy(small_game(), "ai")],
        "estimate": lambda: [
            pm.power(small_mdp(), 0.9, num_samples=8, keep_samples=True),
            pm.power(turner_figure_1(), method="closed_form"),
            pm.power(small_mdp(), 0.5, num_samples=64, method="sobol"),
        ],
        "two_agents": lambda: [pm.multiagent_power(small_game(), num_samples=8, keep_samples=True, rounds=2)],
    }
    return tuple(map(_saved, things[kind]()))


def _make(kind: str) -> Callable[[np.random.Generator, Path], Path]:
    def make(rng: np.random.Generator, folder: Path) -> Path:
        path = folder / "damaged.npz"
        path.write_bytes(mutate_archive(rng, pick(rng, _seeds(kind))))
        return path

    return make


def check_saved_model(path: Path, folder: Path) -> None:
    model = TabularMDP.load(path)
    check_model(model)
    model.save(folder / "again.npz")
    assert TabularMDP.load(folder / "again.npz") == model
    values = np.asarray(pm.optimal_values(model, np.ones(model.num_states), 0.5))
    assert np.allclose(values, 2.0)


def check_saved_game(path: Path, folder: Path) -> None:
    game = TabularGame.load(path)
    check_model(game)
    game.save(folder / "again.npz")
    assert TabularGame.load(folder / "again.npz") == game
    check_model(game.against({game.agents[1]: Policy(game, game.agents[1])}))


def check_saved_policy(path: Path, folder: Path) -> None:
    _check_policy(Policy.load(path, small_mdp()), folder)


def check_saved_game_policy(path: Path, folder: Path) -> None:
    _check_policy(Policy.load(path, small_game()), folder)


def _check_policy(policy: Policy, folder: Path) -> None:
    assert np.allclose(policy.table.sum(axis=1), 1)
    assert policy.table.min() >= 0
    policy.describe()
    policy.save(folder / "again.npz")
    assert Policy.load(folder / "again.npz", policy.model) == policy


def check_saved_estimate(path: Path, folder: Path) -> None:
    estimate = pm.PowerEstimate.load(path)
    _check_estimate(estimate)
    estimate.save(folder / "again.npz")
    again = pm.PowerEstimate.load(folder / "again.npz")
    assert again.mean.tobytes() == estimate.mean.tobytes()
    assert again.facts() == estimate.facts()


def _check_estimate(estimate: Any) -> None:
    check_model(estimate.model)
    S = estimate.model.num_states
    assert estimate.mean.shape == estimate.standard_error.shape == (S,)
    assert estimate.mean.dtype == estimate.standard_error.dtype == np.float64
    assert np.all(np.isfinite(estimate.mean))
    assert not np.any(estimate.standard_error < 0)
    if estimate._samples is not None:
        assert estimate.samples.shape == (estimate.num_samples, S)
    if estimate.exact is not None:
        assert len(estimate.exact) == S
    repr(estimate)
    json.loads(estimate.to_json())
    assert len(estimate.to_frame()) == S
    low, high = estimate.confidence_interval()
    assert low.shape == high.shape == (S,)


def check_saved_two_agents(path: Path, folder: Path) -> None:
    result = pm.MultiagentPower.load(path)
    for agent in result.agents:
        _check_estimate(result[agent])
        _check_estimate(result.baseline[agent])
        assert np.isfinite(result.average(agent))
        result.average_error(agent, baseline=True)
    repr(result)
    json.loads(result.to_json())
    result.to_frame()
    result.save(folder / "again.npz")
    assert pm.MultiagentPower.load(folder / "again.npz").as_dict() == result.as_dict()


_ONE = {"name": "one", "level": "open_3x3", "noise": [0, 0.1], "gamma": [0.5, 0.9], "num_samples": 8, "keep_samples": 2}
_TWO = {
    "name": "two",
    "environment": "power_pair_v0",
    "level": "corridor",
    "gamma": 0.6,
    "correlation": [0, 1],
    "num_samples": 8,
}


@functools.cache
def _sweeps() -> tuple[dict[str, bytes], ...]:
    """The files of finished sweeps, by name."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for config in (_ONE, _TWO):
            place = Path(folder) / str(config["name"])
            pm.sweep(config, place, progress=False, figures=False)
            found.append(
                {str(path.relative_to(place)): path.read_bytes() for path in sorted(place.rglob("*")) if path.is_file()}
            )
    return tuple(found)


def make_sweep_folder(rng: np.random.Generator, folder: Path) -> tuple[dict[str, Any], Path]:
    """The folder of a sweep with one or two files damaged or gone."""
    number = int(rng.integers(2))
    files = dict(_sweeps()[number])
    if rng.random() < 0.4:
        files.pop("results.npz")
    for _ in range(int(rng.integers(1, 3))):
        name = pick(rng, sorted(files))
        if rng.random() < 0.15:
            files.pop(name)
        elif name.endswith(".npz"):
            files[name] = mutate_archive(rng, files[name]) if files[name][:2] == b"PK" else b""
        elif name.endswith((".json", ".yaml")) and rng.random() < 0.6:
            try:
                value = mutate_value(rng, yaml.safe_load(files[name].decode()))
            except (ValueError, yaml.YAMLError):
                continue
            files[name] = (json.dumps(value) if name.endswith(".json") else yaml.safe_dump(value)).encode()
        else:
            files[name] = mutate_bytes(rng, files[name])
    place = folder / "sweep"
    for name, data in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(data)
    return (_ONE, _TWO)[number], place


def check_sweep_folder(given: tuple[dict[str, Any], Path], folder: Path) -> None:
    """What loads makes sense; a run that goes on ends with what an undamaged one gives, or says what is in the way."""
    config, place = given
    try:
        for point in pm.load_sweep(place, partial=True).points:
            result = point.result
            for part in [result] if isinstance(result, pm.PowerEstimate) else result.estimates.values():
                _check_estimate(part)
    except FILES as error:
        refused: Exception | None = error
    else:
        refused = None
    before = {path: path.read_bytes() for path in place.rglob("*.npz")}
    try:
        result = pm.sweep(config, place, progress=False, figures=False)
    except FILES:
        assert {path: path.read_bytes() for path in place.rglob("*.npz")} == before, "changed by a refused run"
        raise
    assert len(result.points) == len(_sweeps_points(config))
    for point, (mean, error) in zip(result.points, _sweeps_points(config), strict=True):
        own = point.result if isinstance(point.result, pm.PowerEstimate) else point.result["human"]
        _check_estimate(own)
        assert own.mean.shape == mean.shape
        assert own.standard_error.shape == error.shape
    shutil.rmtree(place)
    if refused is not None:
        raise refused


@functools.cache
def _points(name: str) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    with tempfile.TemporaryDirectory() as folder:
        result = pm.sweep({"one": _ONE, "two": _TWO}[name], Path(folder) / name, progress=False, figures=False)
        parts = [p.result if isinstance(p.result, pm.PowerEstimate) else p.result["human"] for p in result.points]
        return tuple((part.mean, part.standard_error) for part in parts)


def _sweeps_points(config: dict[str, Any]) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    return _points(str(config["name"]))


TARGETS = (
    Target("mdp_file", _make("mdp"), check_saved_model, FILES),
    Target("game_file", _make("game"), check_saved_game, FILES),
    Target("policy_file", _make("policy"), check_saved_policy, FILES),
    Target("game_policy_file", _make("game_policy"), check_saved_game_policy, FILES),
    Target("estimate_file", _make("estimate"), check_saved_estimate, FILES),
    Target("two_agents_file", _make("two_agents"), check_saved_two_agents, FILES),
    Target("sweep_folder", make_sweep_folder, check_sweep_folder, FILES),
)
