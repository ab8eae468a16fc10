"""Checkers for worlds and environments: those that our own tests run, for worlds written elsewhere too.

from powerenvs.testing import check_env_against_tables, check_tabular

check_tabular(MyWorld())
check_env_against_tables(gym.make("MyWorld-v0"))
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from powerenvs.authoring.level import WALL
from powerenvs.authoring.world import TableWorld, World
from powerenvs.model.game import TabularGame
from powerenvs.model.labels import closest, encode_label, label_text
from powerenvs.model.mdp import TabularMDP
from powerenvs.model.rows import TOLERANCE, entry_rows, reachable, row_sums
from powerenvs.sources import tabular_model

FALSE_ALARM = 1e-8
"""The probability, at most, with which a check of frequencies fails though the environment is right."""
CONCENTRATIONS = (1, 10, 100, 1000)
"""How closely the alternatives lie around the stated probabilities: the sums of their Dirichlet parameters."""


def check_tabular(model: Any) -> None:
    """Checks the tables of a world, model or environment, and the boards of its world.

    Rows sum to 1, terminal states absorb for nothing, every state can be reached from a start, labels are unique and
    can be stored, saving and loading gives the same model, and every state's board is a rectangle of glyphs that the
    legend knows.

    Args:
        model: a `TableWorld`, a `TabularMDP`, a `TabularGame`, or an environment that has one.

    Raises:
        AssertionError: with what was expected and what was found.
        ValueError: if the tables cannot be built, or ``model`` has none.

    Example:
        >>> from powerenvs.testing import check_tabular
        >>> from powerenvs.worlds.power import PowerGrid
        >>> check_tabular(PowerGrid("S..G"))
        >>> check_tabular(PowerGrid("S..").tables().with_(terminal=None, initial=None))
    """
    world = model if isinstance(model, TableWorld) else getattr(getattr(model, "unwrapped", model), "world", None)
    mdp = tabular_model(model)
    _check_rows(mdp)
    _check_terminal(mdp)
    _check_reachable(mdp, [state for _, state in world.initial()] if isinstance(world, World) else [])
    _check_labels(mdp)
    _check_round_trip(mdp)
    if isinstance(world, TableWorld):
        _check_boards(world, mdp)


def check_env_against_tables(env: Any, num_steps: int = 10_000, seed: int = 0) -> None:
    """Plays random actions and compares what happens with the tables behind an environment.

    Every start, reward, performance, termination and action mask has to be the table's, exactly; and how often each
    start and outcome occurs has to agree with its probability, by a test that is wrong once in 100 million times. A
    world that remembers starts every episode with the memory that its tables are for.

    Args:
        env: a Gymnasium environment, wrapped or not, whose ``info`` has "state", "action_mask" and "performance".
        num_steps: how many steps to take.
        seed: of the actions and the environment.

    Raises:
        AssertionError: with what was expected and what was found.
        ValueError: if the environment has no tables, or tables for several agents.

    Example:
        >>> import gymnasium
        >>> from powerenvs.testing import check_env_against_tables
        >>> check_env_against_tables(gymnasium.make("PowerGrid-v0", level="S..G", noise=0.2), num_steps=500)
    """
    base = getattr(env, "unwrapped", env)  # wrappers that change something are what is looked for
    mdp = tabular_model(base)
    if not isinstance(mdp, TabularMDP) or not hasattr(base, "reset"):
        raise ValueError(f"env: expected an environment for one agent, found a {type(base).__name__}")
    world = getattr(base, "world", None)
    memory = world.memory if isinstance(world, World) else None
    options = None if memory is None else {"memory": memory}
    rng = np.random.default_rng(seed)
    starts: NDArray[np.int64] = np.zeros(mdp.num_states, dtype=np.int64)
    visits: NDArray[np.int64] = np.zeros(mdp.num_transitions, dtype=np.int64)
    legal = [np.flatnonzero(row) for row in mdp.available]
    state = None
    for _ in range(num_steps):
        if state is None:
            _, info = env.reset(seed=seed if not starts.any() else None, options=options)
            state = _state_of(info, mdp)
            if mdp.initial[state] == 0 or info["performance"] != 0:
                raise AssertionError(
                    f"reset: expected a start state and performance 0, found {mdp.describe(state)} and "
                    f"{info['performance']}"
                )
            starts[state] += 1
        action = int(rng.choice(legal[state]))
        _, reward, terminated, truncated, info = env.step(action)
        reached = _state_of(info, mdp)
        visits[_entry(mdp, state, action, reached, float(reward), info["performance"])] += 1
        if terminated != mdp.terminal[reached]:
            raise AssertionError(
                f"step: expected terminated={not terminated}, found {terminated}, in {mdp.describe(reached)}"
            )
        state = None if terminated or truncated else reached
    filled = np.array([0, mdp.num_states])
    _check_frequencies(starts, mdp.initial, filled, lambda s: f"starting in {mdp.describe(s)}")
    _check_frequencies(visits, mdp.probability, mdp.indptr, lambda entry: _entry_name(mdp, entry))


def _expect(condition: Any, message: str) -> None:
    if not condition:
        raise AssertionError(message)


def _state_of(info: dict[str, Any], mdp: TabularMDP) -> int:
    """The state that ``info`` names, with its action mask checked."""
    missing = {"state", "action_mask", "performance"} - set(info)
    if missing:
        raise AssertionError(f"info: expected the keys {sorted(missing)}, found {sorted(info)}")
    state = int(info["state"])
    if not 0 <= state < mdp.num_states:
        raise AssertionError(f"info: expected a state from 0 to {mdp.num_states - 1}, found {state}")
    if not np.array_equal(info["action_mask"], mdp.available[state]):
        raise AssertionError(
            f"info: expected the action mask {mdp.available[state].astype(int)} in {mdp.describe(state)}, found "
            f"{info['action_mask']}"
        )
    return state


def _entry(mdp: TabularMDP, state: int, action: int, reached: int, reward: float, performance: float) -> int:
    """The table entry of a transition that happened."""
    row = state * mdp.num_actions + action
    entries = range(int(mdp.indptr[row]), int(mdp.indptr[row + 1]))
    for entry in entries:
        if (mdp.successor[entry], mdp.reward[entry], mdp.performance[entry]) == (reached, reward, performance):
            return entry
    listed = [_numbers(mdp, int(mdp.successor[e]), mdp.reward[e], mdp.performance[e]) for e in entries]
    raise AssertionError(
        f"step: expected action {mdp.action_labels[action]!r} in {mdp.describe(state)} to lead to one of {listed} "
        f"(state, reward, performance), found {_numbers(mdp, reached, reward, performance)}"
    )


def _numbers(mdp: TabularMDP, state: int, reward: float, performance: float) -> tuple[str, float, float]:
    return label_text(mdp.state_labels[state]), float(reward), float(performance)


def _entry_name(mdp: TabularMDP, entry: int) -> str:
    row = int(np.searchsorted(mdp.indptr, entry, side="right")) - 1
    state, action = divmod(row, mdp.num_actions)
    target = mdp.describe(int(mdp.successor[entry]))
    return f"action {mdp.action_labels[action]!r} in {mdp.describe(state)} leading to {target}"


def _check_frequencies(
    counts: NDArray[np.int64], probability: NDArray[np.float64], indptr: NDArray[np.int64], name: Callable[[int], str]
) -> None:
    """Compares counts with the rows of probabilities that they should have been drawn from.

    The statistic is the likelihood of the counts when each row's probabilities are drawn from a Dirichlet distribution
    around the stated ones, over their likelihood under the stated ones, averaged over how wide the Dirichlet is. Under
    the stated ones it is a martingale from 1, so it reaches x with probability at most 1/x (Ville's inequality),
    however much the visits depend on what happened before.
    """
    from scipy.special import gammaln, logsumexp

    possible = probability > 0
    rows, x, p = entry_rows(indptr)[possible], counts[possible], probability[possible]
    total = np.bincount(rows, x, len(indptr) - 1)
    evidence = np.array(
        [
            np.bincount(rows, gammaln(c * p + x) - gammaln(c * p) - x * np.log(p), len(total))
            + (gammaln(c) - gammaln(c + total))
            for c in CONCENTRATIONS
        ]
    )
    if logsumexp(evidence.sum(axis=1)) - np.log(len(CONCENTRATIONS)) < -np.log(FALSE_ALARM):
        return
    row = int(np.argmax(evidence.max(axis=0)))
    off = np.where(rows == row, np.abs(x - total[row] * p) / np.sqrt(p), -1)
    worst = int(np.argmax(off))
    raise AssertionError(
        f"frequencies: expected {name(int(np.flatnonzero(possible)[worst]))} in {total[row] * p[worst]:.1f} of "
        f"{total[row]:.0f} cases (probability {p[worst]:.4g}), found it in {x[worst]}"
    )


def _check_rows(model: TabularMDP | TabularGame) -> None:
    sums = row_sums(model.indptr, model.probability)
    bad = np.flatnonzero((np.diff(model.indptr) > 0) & (np.abs(sums - 1) > TOLERANCE))
    _expect(not bad.size, f"rows: expected a sum of 1, found {[float(sums[i]) for i in bad[:1]]} in {bad.size} rows")
    states = np.diff(model.indptr).reshape(model.num_states, -1).any(axis=1)
    _expect(states.all(), f"rows: expected an action in every state, found none in {np.flatnonzero(~states)[:5]}")


def _check_terminal(model: TabularMDP | TabularGame) -> None:
    state = entry_rows(model.indptr) // (model.num_rows // model.num_states)
    ended = model.terminal[state]
    leaving = np.flatnonzero(ended & (model.successor != state))
    _expect(
        not leaving.size,
        f"terminal: expected to absorb, found a way out of {[model.describe(int(state[i])) for i in leaving[:1]]}",
    )
    for name, values in (("reward", model.reward), ("performance", model.performance)):
        paid = np.flatnonzero(values[..., ended].reshape(-1))
        _expect(not paid.size, f"terminal: expected {name} 0 after the end, found {paid.size} entries with another")


def _check_reachable(model: TabularMDP | TabularGame, listed: Sequence[Hashable]) -> None:
    """What a world lists as starts counts as such, with probability 0 too: a world that remembers needs these later."""
    starts = model.initial > 0
    starts[[model.index(state) for state in listed]] = True
    lost = np.flatnonzero(~reachable(model.indptr, model.successor, starts))
    _expect(
        not lost.size,
        f"states: expected all to be reachable from a start, found {lost.size} that are not, such as "
        f"{[model.describe(int(s)) for s in lost[:3]]}",
    )


def _check_labels(model: TabularMDP | TabularGame) -> None:
    for kind, labels in model._labels().items():
        _expect(
            len(set(labels)) == len(labels),
            f"{kind}: expected unique labels, found {len(labels) - len(set(labels))} repeated",
        )
        for label in labels:
            try:
                encode_label(label)
            except ValueError as error:
                raise AssertionError(f"{kind}: expected labels that can be stored: {error}") from None


def _check_round_trip(model: TabularMDP | TabularGame) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.npz"
        model.save(path)
        loaded = type(model).load(path)
    _expect(loaded == model and loaded.fingerprint == model.fingerprint, "save: expected load to give an equal model")
    for name in ("board", *model.pictures):  # equality leaves these out
        kept, found = getattr(model, name), getattr(loaded, name)
        same = kept is found if kept is None or found is None else np.array_equal(kept, found)
        _expect(same, f"save: expected load to give the same {name}, found {found!r} instead of {kept!r}")


def _check_boards(world: TableWorld[Any], model: TabularMDP | TabularGame) -> None:
    known = {WALL, *world.legend}
    boards = [world.board(state) for state in model.state_labels]
    shape = _row_lengths(boards[0])
    _expect(len(set(shape or ())) < 2, f"board: expected rows of one length, found lengths {shape}")
    for state, rows in zip(model.state_labels, boards, strict=True):
        found = _row_lengths(rows)
        _expect(
            found == shape,
            f"board: expected rows of lengths {shape} in every state, as in {label_text(model.state_labels[0])}, found "
            f"{found} in {label_text(state)}",
        )
        strange = sorted({glyph for row in rows or () for glyph in row} - known)
        for glyph in strange:
            raise AssertionError(
                f"board: the glyph {glyph!r} in {label_text(state)} is not in the legend; "
                f"{closest(glyph, sorted(known))}"
            )


def _row_lengths(rows: Sequence[str] | None) -> list[int] | None:
    return None if rows is None else [len(row) for row in rows]
