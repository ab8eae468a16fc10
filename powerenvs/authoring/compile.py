"""From worlds to tables: `compile_world`, `compile_game`, and `tabular_model`, the one door to all tables."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from powerenvs.authoring.game_world import GameWorld, TableGameWorld
from powerenvs.authoring.lazy import LazyTable
from powerenvs.authoring.world import TableWorld, World
from powerenvs.model import rows as tables
from powerenvs.model.base import Model
from powerenvs.model.checks import real
from powerenvs.model.labels import closest, label_text
from powerenvs.model.mdp import TabularMDP

if TYPE_CHECKING:
    from powerenvs.model.game import TabularGame

MAX_STATES = 1_000_000


def compile_world(world: TableWorld[Any], max_states: int | None = None, progress: bool | None = None) -> TabularMDP:
    """The tables of a world: given by the world itself, or enumerated breadth first from its start states.

    States are numbered in the order in which they are found. Terminal states loop to themselves under every
    action, with reward 0.

    Args:
        world: the world.
        max_states: stop with an error when more states than this are found; a million when None, and then a world
            that says of itself that it is too large is not begun.
        progress: show a progress bar: True, False, or None to show one on a terminal after two seconds.

    Raises:
        ValueError: if the world's probabilities do not sum to 1, if it names unknown actions, or if it has
            more states than this.
    """
    if not isinstance(world, World):
        return world.tables()
    name, actions = type(world).__name__, tuple(world.actions)
    if max_states is None:
        if world.large:
            raise ValueError(f"{name}: too large for tables: {world.large}; max_states=... enumerates it all the same")
        max_states = MAX_STATES

    def transitions(state: Hashable) -> Iterator[_Transition]:
        for action in world.available(state):
            a = _action_number(name, state, action, actions)
            for probability, target, paid, hidden in world.step(state, action):
                yield a, probability, target, (paid, paid if hidden is None else hidden)

    found = _enumerate(name, world.initial(), world.terminal, transitions, len(actions), 2, max_states, progress)
    reward, performance = found.columns
    cells = [world.cell(state) for state in found.states]
    placed = world.level is not None and any(cell is not None for cell in cells)
    boards = [world.board(state) for state in found.states]
    number = {board: i for i, board in enumerate(dict.fromkeys(boards))}
    return TabularMDP(
        indptr=found.indptr,
        successor=found.successor,
        probability=found.probability,
        reward=reward,
        performance=performance,
        available=(np.diff(found.indptr) > 0).reshape(len(found.states), len(actions)),
        terminal=found.terminal,
        initial=found.initial,
        state_labels=found.states,
        action_labels=actions,
        board=world.level.rows if placed and world.level is not None else None,
        cells=np.array([(-1, -1) if cell is None else cell for cell in cells]) if placed else None,
        observation=None if None in number else np.array([number[board] for board in boards]),
    )


def compile_game(world: TableGameWorld[Any], max_states: int = MAX_STATES, progress: bool | None = None) -> TabularGame:
    """The tables of a game: given by the game itself, or enumerated as `compile_world` does.

    A joint action is enumerated for every combination of the agents' available actions.

    Args:
        world: the game.
        max_states: stop with an error when more states than this are found.
        progress: show a progress bar: True, False, or None to show one on a terminal after two seconds.

    Raises:
        ValueError: as `compile_world`; and if an outcome does not have a reward for every agent.
    """
    if not isinstance(world, GameWorld):
        return world.tables()
    from powerenvs.model.game import TabularGame

    name, agents = type(world).__name__, tuple(world.agents)
    labels = [tuple(world.actions[agent]) for agent in agents]
    counts = tuple(map(len, labels))
    strides = [math.prod(counts[i + 1 :]) for i in range(len(counts))]

    def transitions(state: Hashable) -> Iterator[_Transition]:
        options = [
            [(_action_number(name, state, action, known) * stride, action) for action in world.available(state, agent)]
            for agent, known, stride in zip(agents, labels, strides, strict=True)
        ]
        for choice in itertools.product(*options):
            j, actions = sum(part for part, _ in choice), tuple(action for _, action in choice)
            for probability, target, paid, hidden in world.step(state, actions):
                hidden = paid if hidden is None else hidden
                if not all(isinstance(part, tuple) and len(part) == len(agents) for part in (paid, hidden)):
                    raise ValueError(
                        f"{name}.step({label_text(state)}, {actions}): expected rewards and performance to be tuples "
                        f"of a number for each of {agents}, found {paid!r} and {hidden!r}"
                    )
                yield j, probability, target, paid + hidden

    size, width = math.prod(counts), 2 * len(agents)
    found = _enumerate(name, world.initial(), world.terminal, transitions, size, width, max_states, progress)
    reward, performance = np.split(np.stack(found.columns), 2)
    cells = [[world.cell(state, agent) or (-1, -1) for agent in agents] for state in found.states]
    placed = world.level is not None and bool(np.any(np.array(cells) >= 0))
    return TabularGame(
        indptr=found.indptr,
        successor=found.successor,
        probability=found.probability,
        num_actions=counts,
        agents=agents,
        reward=reward,
        performance=performance,
        terminal=found.terminal,
        initial=found.initial,
        state_labels=found.states,
        action_labels=dict(zip(agents, labels, strict=True)),
        board=world.level.rows if placed and world.level is not None else None,
        cells=np.array(cells) if placed else None,
    )


_Transition = tuple[int, float, Hashable, tuple[float, ...]]
"""Number of the action, probability, next state, rewards."""


class _Found(NamedTuple):
    """What an enumeration found, in compressed rows."""

    states: tuple[Hashable, ...]
    terminal: NDArray[np.bool_]
    initial: NDArray[np.float64]
    indptr: NDArray[np.int64]
    successor: NDArray[np.int32]
    probability: NDArray[np.float64]
    columns: list[NDArray[np.float64]]


def _enumerate(
    name: str,
    initial: Iterable[tuple[float, Hashable]],
    is_terminal: Callable[[Any], bool],
    transitions: Callable[[Hashable], Iterable[_Transition]],
    num_actions: int,
    num_columns: int,
    max_states: int,
    progress: bool | None,
) -> _Found:
    """All states that can be reached from the start, breadth first, with their rows."""
    from tqdm import tqdm

    number: dict[Hashable, int] = {}
    states: list[Hashable] = []
    rows: list[int] = []
    successors: list[int] = []
    probabilities: list[float] = []
    columns: list[tuple[float, ...]] = []

    def visit(state: Hashable) -> int:
        i = number.setdefault(state, len(states))
        if i == len(states):
            if i >= max_states:
                raise ValueError(
                    f"{name}: found more than max_states={max_states:,} states; raise max_states if memory allows, "
                    "or use a smaller level"
                )
            states.append(state)
        return i

    start = [(_probability(p, state, f"{name}.initial()"), visit(state)) for p, state in initial]
    terminal: list[bool] = []
    with tqdm(desc=f"{name}: states", unit="", delay=2, disable=None if progress is None else not progress) as bar:
        while len(terminal) < len(states):  # visit() appends to states, which is also the queue
            i, state = len(terminal), states[len(terminal)]
            bar.update()
            terminal.append(bool(is_terminal(state)))
            if terminal[i]:
                rows.extend(range(i * num_actions, (i + 1) * num_actions))
                successors.extend([i] * num_actions)
                probabilities.extend([1.0] * num_actions)
                columns.extend([(0.0,) * num_columns] * num_actions)
                continue
            for action, p, target, paid in transitions(state):
                if _probability(p, target, f"{name}.step({label_text(state)}, ...)") > 0:
                    rows.append(i * num_actions + action)
                    successors.append(visit(target))
                    probabilities.append(p)
                    columns.append(paid)
    indptr, successor, probability, *merged = tables.compress(
        np.array(rows, dtype=np.int64),
        len(states) * num_actions,
        np.array(successors, dtype=np.int32),
        np.array(probabilities, dtype=np.float64),
        *np.array(columns, dtype=np.float64).reshape(-1, num_columns).T,
    )
    distribution = np.zeros(len(states))
    for p, i in start:
        distribution[i] += p
    return _Found(tuple(states), np.array(terminal), distribution, indptr, successor, probability, merged)


def _probability(value: Any, state: Hashable, where: str) -> float:
    """The probability of a state, refused if it is negative: with another one it could add up to a valid sum."""
    if not real(value) >= 0:
        raise ValueError(f"{where}: expected probabilities of at least 0, found {value!r} for {label_text(state)}")
    return float(value)


def _action_number(name: str, state: Hashable, action: str, actions: tuple[str, ...]) -> int:
    if action not in actions:
        raise ValueError(
            f"{name}.available({label_text(state)}): unknown action {action!r}; {closest(action, actions)}"
        )
    return actions.index(action)


def tabular_model(env: Any) -> TabularMDP | TabularGame:
    """The exact tables behind an environment, however wrapped or vectorised.

    Our own environments give the tables that they step through (a `TabularGame` for PettingZoo ones).
    Gymnasium's FrozenLake, CliffWalking and Taxi are read from their ``P``. A MiniGrid environment is
    enumerated by `compile_env`: the episode it is in, or the one of seed 0 if it has not been reset.

    Raises:
        ValueError: if the environment has no tables; the message says what to do.
    """
    if isinstance(env, Model):
        return env  # type: ignore[return-value]  # there are two kinds of models
    if isinstance(env, TableWorld):
        return compile_world(env)
    if isinstance(env, TableGameWorld):
        return compile_game(env)
    base = getattr(env, "unwrapped", env)
    if hasattr(base, "envs"):  # SyncVectorEnv and SB3's DummyVecEnv hold copies of one environment
        return tabular_model(base.envs[0])
    if hasattr(base, "env_fns"):  # AsyncVectorEnv holds its copies in other processes, and what makes them
        return tabular_model(base.env_fns[0]())
    for name in ("mdp", "game"):
        model = getattr(base, name, None)
        if isinstance(model, Model):
            return model  # type: ignore[return-value]
    table = getattr(base, "table", None)
    if isinstance(table, LazyTable):
        raise ValueError(
            f"env: {type(table.world).__name__} is too large for tables: {table.world.large}; this environment makes "
            f"rows as it needs them, {table.num_rows_made:,} so far"
        )
    if hasattr(base, "P") and hasattr(base, "initial_state_distrib"):
        from powerenvs.sources.p_dict import from_gymnasium

        return from_gymnasium(base)
    from powerenvs.sources.clone import compile_env, is_minigrid

    if is_minigrid(base):
        return compile_env(env)
    raise ValueError(
        f"env: found no tables in {type(base).__name__}. Environments of powerenvs and Gymnasium's FrozenLake, "
        "CliffWalking and Taxi have them; a deterministic finite environment that can be deep-copied is enumerated by "
        "powerenvs.compile_env(env, key=...); anything else can be written as a powerenvs.World"
    )
