"""What was seen, as a rollout: from lists of states and actions, and from files."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from power_metrics.arguments.checks import resolve_model
from powerenvs.model.files import atomic_path, read_text
from powerenvs.model.labels import Lookup, decode_label, encode_label, label_text
from powerenvs.model.mdp import TabularMDP
from powerenvs.rollout import Rollout

SUFFIXES = (".csv", ".jsonl")


Place = Callable[[int], str]
"""Where a step stands, for messages."""


def _step(number: int) -> str:
    return f"step {number}"


def checked_walk(mdp: TabularMDP, trajectory: Any, name: str = "trajectory", place: Place = _step) -> Rollout:
    """A walk that is possible in a model.

    Args:
        mdp: the tables.
        trajectory: a `Rollout`, or pairs (state, action) by label or index. After the last pair may come
            (state, None), where the last action led; where that is not certain it must.
        name: what messages call it.
        place: what they call each of its steps.

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
        return _walk(mdp, pairs, name, place)
    if isinstance(trajectory, (str, bytes)) or not isinstance(trajectory, Iterable):
        raise ValueError(
            f"{name}: expected pairs (state, action) or a rollout, found {trajectory!r}; policy_agency takes policies"
        )
    listed = list(trajectory)
    states, actions = mdp.lookup, Lookup("action", mdp.action_labels)
    found = []
    for step, pair in enumerate(listed):
        if isinstance(pair, (str, bytes)) or not isinstance(pair, Sequence) or len(pair) != 2:
            hint = "policy_agency takes policies"
            raise ValueError(f"{name}: expected a pair (state, action) at {place(step)}, found {pair!r}; {hint}")
        state, action = pair
        at = f"{name}: {place(step)}"
        if action is None and step < len(listed) - 1:
            raise ValueError(f"{at}: expected an action before the last state, found none")
        found.append((states.index(state, at), None if action is None else actions.index(action, at)))
    return _walk(mdp, found, name, place)


def _walk(mdp: TabularMDP, pairs: list[tuple[int, int | None]], name: str, place: Place) -> Rollout:
    """The walk of pairs of indices, checked."""
    if not pairs:
        return Rollout(mdp, np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))
    states = [state for state, _ in pairs]
    actions = [action for _, action in pairs if action is not None]
    for step, action in enumerate(actions):
        state = states[step]
        at, does = label_text(mdp.state_labels[state]), label_text(mdp.action_labels[action])
        if not mdp.available[state, action]:
            raise ValueError(f"{name}: {place(step)}: expected an action that {at} has, found {does}")
        if mdp.terminal[state]:
            raise ValueError(
                f"{name}: {place(step)}: expected the walk to end in the terminal state {at}, found {does}"
            )
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
            raise ValueError(f"{name}: {place(step + 1)}: expected what {does} in {at} can lead to, found {found}")
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
    mdp, path = resolve_model(env_or_mdp), check_trajectory_path(path)
    text = read_text(path)
    rows = _csv_rows(text, path, mdp) if path.suffix == ".csv" else _json_rows(text, path)
    return checked_walk(mdp, [pair for _, pair in rows], str(path), lambda step: f"line {rows[step][0]}")


def check_trajectory_path(path: Any, name: str = "path") -> Path:
    """The path of a file for a walk; messages call it ``name``.

    Raises:
        ValueError: if its suffix names no kind of file for walks.
    """
    if not isinstance(path, (str, os.PathLike)) or Path(path).suffix not in SUFFIXES:
        raise ValueError(f"{name}: expected a file that ends in {' or '.join(SUFFIXES)}, found {path!r}")
    return Path(path)


Row = tuple[int, tuple[Any, Any]]
"""The number of a line, and the pair that stands there."""


def _csv_rows(text: str, path: Path, mdp: TabularMDP) -> list[Row]:
    reader = csv.reader(io.StringIO(text, newline=""))
    rows: list[Row] = []
    states, actions = mdp.lookup, Lookup("action", mdp.action_labels)
    header = False
    while True:
        number = reader.line_num + 1  # a field between quotes may go over several lines
        try:
            line = next(reader, None)
        except csv.Error as error:
            raise ValueError(f"{path}: expected a state and an action in line {number}, found {error}") from None
        if line is None:
            break
        if not line:
            continue
        shown = repr(",".join(line))
        if not header:
            if line != ["state", "action"]:
                raise ValueError(f"{path}: expected the columns state,action in line {number}, found {shown}")
            header = True
        elif len(line) != 2:
            raise ValueError(
                f"{path}: expected a state and an action in line {number}, found {shown}; states with commas, such as "
                '(0, 1), stand between quotes: "(0, 1)"'
            )
        else:
            rows.append((number, (_word(line[0], states), _word(line[1], actions) if line[1] else None)))
    return rows


def _word(text: str, labels: Lookup) -> Any:
    """A label as it prints, or the position that the text is where no label prints so."""
    position = text not in labels and text.isascii() and text.isdigit() and len(text) < 19
    return int(text) if position else text


def _json_rows(text: str, path: Path) -> list[Row]:
    rows: list[Row] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{path}: expected JSON in line {number}, found {error}") from None
        if not isinstance(found, dict) or "state" not in found:
            raise ValueError(f'{path}: expected {{"state": ..., "action": ...}} in line {number}, found {line!r}')
        try:
            rows.append((number, (decode_label(found["state"]), decode_label(found.get("action")))))
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{path}: expected labels in line {number}, found {error}") from None
    return rows


def save_trajectory(walk: Rollout, path: str | os.PathLike[str]) -> None:
    """Writes a walk as CSV (labels as they print) or as JSON lines, whole or not at all.

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
    path = check_trajectory_path(path)
    states, actions = walk.labels(), (*walk.action_labels(), None)
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        if path.suffix == ".csv":
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["state", "action"])
            for state, action in zip(states, actions, strict=False):
                writer.writerow([label_text(state), "" if action is None else label_text(action)])
            return
        for state, action in zip(states, actions, strict=False):
            file.write(json.dumps({"state": encode_label(state), "action": encode_label(action)}) + "\n")
