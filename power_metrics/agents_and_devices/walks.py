"""What was seen, as a rollout: from lists of states and actions, and from files."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from power_metrics.arguments.checks import resolve_model
from powerenvs.model.labels import Lookup, decode_label, encode_label, label_text
from powerenvs.model.mdp import TabularMDP
from powerenvs.rollout import Rollout

SUFFIXES = (".csv", ".jsonl")


def checked_walk(mdp: TabularMDP, trajectory: Any, name: str = "trajectory") -> Rollout:
    """A walk that is possible in a model.

    Args:
        mdp: the tables.
        trajectory: a `Rollout`, or pairs (state, action) by label or index. After the last pair may come
            (state, None), where the last action led; where that is not certain it must.
        name: what messages call it.

    Returns:
        The rollout of T steps; one of no states where nothing was seen.

    Raises:
        ValueError: for states and actions that the model lacks, actions that are not available, states that do not
            follow, and steps out of terminal states.
    """
    if isinstance(trajectory, Rollout):
        if not isinstance(trajectory.model, TabularMDP) or trajectory.model.fingerprint != mdp.fingerprint:
            raise ValueError(f"{name}: expected a walk in {mdp!r}, found one in {trajectory.model!r}")
        pairs: list[Any] = [*zip(trajectory.states.tolist(), [*trajectory.actions.tolist(), None], strict=True)]
        return _walk(mdp, pairs, name)
    if isinstance(trajectory, (str, bytes)) or not isinstance(trajectory, Iterable):
        raise ValueError(f"{name}: expected pairs (state, action) or a rollout, found {trajectory!r}")
    listed = list(trajectory)
    states, actions = mdp.lookup, Lookup("action", mdp.action_labels)
    found = []
    for step, pair in enumerate(listed):
        if isinstance(pair, (str, bytes)) or not isinstance(pair, Sequence) or len(pair) != 2:
            raise ValueError(f"{name}: expected a pair (state, action) at step {step}, found {pair!r}")
        state, action = pair
        at = f"{name}: step {step}"
        last = action is None and step == len(listed) - 1
        found.append((states.index(state, at), None if last else actions.index(action, at)))
    return _walk(mdp, found, name)


def _walk(mdp: TabularMDP, pairs: list[tuple[int, int | None]], name: str) -> Rollout:
    """The walk of pairs of indices, checked."""
    if not pairs:
        return Rollout(mdp, np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))
    states = [state for state, _ in pairs]
    actions = [action for _, action in pairs if action is not None]
    for step, action in enumerate(actions):
        state = states[step]
        at, does = label_text(mdp.state_labels[state]), label_text(mdp.action_labels[action])
        if not mdp.available[state, action]:
            raise ValueError(f"{name}: step {step}: expected an action that {at} has, found {does}")
        if mdp.terminal[state]:
            raise ValueError(f"{name}: step {step}: expected the walk to end in the terminal state {at}, found {does}")
        row = state * mdp.num_actions + action
        following = mdp.successor[mdp.indptr[row] : mdp.indptr[row + 1]]
        if step + 1 == len(states):
            if len(following) > 1:
                raise ValueError(
                    f"{name}: expected (state, None) at its end, where {does} in {at} led, which is not certain"
                )
            states.append(int(following[0]))
        elif states[step + 1] not in following:
            found = label_text(mdp.state_labels[states[step + 1]])
            raise ValueError(f"{name}: step {step}: expected what {does} in {at} can lead to, found {found}")
    return Rollout(mdp, np.array(states, dtype=np.int64), np.array(actions, dtype=np.int64))


def load_trajectory(env_or_mdp: Any, path: str | os.PathLike[str]) -> Rollout:
    """A walk from a file: CSV with the columns state and action, or JSON lines with these keys.

    States and actions stand there by label, as they print, or by index. In a last line without an action stands where
    the last action led.

    Args:
        env_or_mdp: an environment or a `powerenvs.TabularMDP`.
        path: ends in ``.csv`` or ``.jsonl``.

    Raises:
        ValueError: for a file of another kind, and a walk that the model does not have.
        FileNotFoundError: if there is no such file.

    Example:
        >>> import os, tempfile
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.power import PowerGrid
        >>> grid = PowerGrid(level="open_3x3")
        >>> path = os.path.join(tempfile.mkdtemp(), "walk.csv")
        >>> pm.save_trajectory(pm.trajectory(grid, "circle", steps=4), path)
        >>> pm.load_trajectory(grid, path).num_steps
        4
    """
    mdp, path = resolve_model(env_or_mdp), _checked_path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"path: expected text in {str(path)!r}, found {error}") from None
    rows = _csv_rows(text, path, mdp) if path.suffix == ".csv" else _json_rows(text, path)
    return checked_walk(mdp, rows, str(path))


def _checked_path(path: Any) -> Path:
    if not isinstance(path, (str, os.PathLike)) or Path(path).suffix not in SUFFIXES:
        raise ValueError(f"path: expected a file that ends in {' or '.join(SUFFIXES)}, found {path!r}")
    return Path(path)


def _csv_rows(text: str, path: Path, mdp: TabularMDP) -> list[tuple[Any, Any]]:
    lines = list(csv.reader(text.splitlines()))
    if not lines:
        return []
    if lines[0] != ["state", "action"]:
        raise ValueError(f"{path}: expected the columns state,action in line 1, found {','.join(lines[0])!r}")
    rows, states, actions = [], mdp.lookup, Lookup("action", mdp.action_labels)
    for number, line in enumerate(lines[1:], start=2):
        if len(line) != 2:
            raise ValueError(f"{path}: expected a state and an action in line {number}, found {','.join(line)!r}")
        rows.append((_word(line[0], states), _word(line[1], actions) if line[1] else None))
    return rows


def _word(text: str, labels: Lookup) -> Any:
    """A label as it prints, or the position that the text is where no label prints so."""
    return int(text) if text not in labels and text.isascii() and text.isdigit() else text


def _json_rows(text: str, path: Path) -> list[tuple[Any, Any]]:
    rows = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except json.JSONDecodeError as error:
            raise ValueError(f"{path}: expected JSON in line {number}, found {error}") from None
        if not isinstance(found, dict) or "state" not in found:
            raise ValueError(f'{path}: expected {{"state": ..., "action": ...}} in line {number}, found {line!r}')
        action = found.get("action")
        rows.append((decode_label(found["state"]), decode_label(action)))
    return rows


def save_trajectory(walk: Rollout, path: str | os.PathLike[str]) -> None:
    """Writes a walk as CSV (labels as they print) or as JSON lines.

    Args:
        walk: of one agent.
        path: ends in ``.csv`` or ``.jsonl``.

    Raises:
        ValueError: for a file of another kind, and what is no walk of one agent.

    Example:
        >>> import pathlib, tempfile
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.power import PowerGrid
        >>> path = pathlib.Path(tempfile.mkdtemp(), "walk.jsonl")
        >>> pm.save_trajectory(pm.trajectory(PowerGrid(level="open_3x3"), "circle", steps=1), path)
        >>> print(path.read_text().splitlines()[0])
        {"state": [0, 0], "action": "right"}
    """
    if not isinstance(walk, Rollout) or not isinstance(walk.model, TabularMDP):
        raise ValueError(f"walk: expected a rollout of one agent, found {type(walk).__name__}")
    path = _checked_path(path)
    states, actions = walk.labels(), (*walk.action_labels(), None)
    with path.open("w", encoding="utf-8", newline="") as file:
        if path.suffix == ".csv":
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["state", "action"])
            for state, action in zip(states, actions, strict=False):
                writer.writerow([label_text(state), "" if action is None else label_text(action)])
            return
        for state, action in zip(states, actions, strict=False):
            file.write(json.dumps({"state": encode_label(state), "action": encode_label(action)}) + "\n")
