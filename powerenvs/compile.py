"""From worlds and environments to tables: `compile_world`, `compile_env`, and `tabular_model`, the one door to them."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

import numpy as np

from powerenvs import tables
from powerenvs.labels import closest, label_text
from powerenvs.mdp import TabularMDP
from powerenvs.world import TableWorld, World

if TYPE_CHECKING:
    from powerenvs.game import TabularGame

MAX_STATES = 1_000_000


def compile_world(world: TableWorld[Any], max_states: int = MAX_STATES, progress: bool | None = None) -> TabularMDP:
    """The tables of a world: given by the world itself, or enumerated breadth first from its start states.

    States are numbered in the order in which they are found. Terminal states loop to themselves under every
    action, with reward 0.

    Args:
        world: the world.
        max_states: stop with an error when more states than this are found.
        progress: show a progress bar: True, False, or None to show one on a terminal after two seconds.

    Raises:
        ValueError: if the world's probabilities do not sum to 1, if it names unknown actions, or if it has
            more than ``max_states`` states.
    """
    if not isinstance(world, World):
        return world.tables()
    from tqdm import tqdm

    name, actions = type(world).__name__, tuple(world.actions)
    action_number = {action: a for a, action in enumerate(actions)}
    number: dict[Hashable, int] = {}
    states: list[Hashable] = []
    rows: list[int] = []
    successors: list[int] = []
    numbers: list[tuple[float, float, float]] = []

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

    start = [(p, visit(state)) for p, state in world.initial() if p > 0]
    terminal: list[bool] = []
    with tqdm(desc=f"{name}: states", unit="", delay=2, disable=None if progress is None else not progress) as bar:
        while len(terminal) < len(states):  # visit() appends to states, which is also the queue
            i, state = len(terminal), states[len(terminal)]
            bar.update()
            terminal.append(bool(world.terminal(state)))
            if terminal[i]:
                rows.extend(i * len(actions) + a for a in range(len(actions)))
                successors.extend([i] * len(actions))
                numbers.extend([(1.0, 0.0, 0.0)] * len(actions))
                continue
            for action in world.available(state):
                if action not in action_number:
                    raise ValueError(
                        f"{name}.available({label_text(state)}): unknown action {action!r}; {closest(action, actions)}"
                    )
                for p, target, paid, hidden in world.step(state, action):
                    if p != 0:
                        rows.append(i * len(actions) + action_number[action])
                        successors.append(visit(target))
                        numbers.append((p, paid, paid if hidden is None else hidden))
    indptr, successor, probability, reward, performance = tables.compress(
        np.array(rows, dtype=np.int64),
        len(states) * len(actions),
        np.array(successors, dtype=np.int32),
        *np.array(numbers, dtype=np.float64).reshape(-1, 3).T,
    )
    initial = np.zeros(len(states))
    for p, i in start:
        initial[i] += p
    cells = [world.cell(state) for state in states]
    placed = world.level is not None and any(cell is not None for cell in cells)
    return TabularMDP(
        indptr=indptr,
        successor=successor,
        probability=probability,
        reward=reward,
        performance=performance,
        available=(np.diff(indptr) > 0).reshape(len(states), len(actions)),
        terminal=np.array(terminal),
        initial=initial,
        state_labels=tuple(states),
        action_labels=actions,
        board=world.level.rows if placed and world.level is not None else None,
        cells=np.array([(-1, -1) if cell is None else cell for cell in cells]) if placed else None,
    )


def tabular_model(env: Any) -> TabularMDP | TabularGame:
    """The exact tables behind an environment, however wrapped or vectorised.

    Our own environments give the tables that they step through (a `TabularGame` for PettingZoo ones).
    Gymnasium's FrozenLake, CliffWalking and Taxi are read from their ``P``. A MiniGrid environment is
    enumerated by `compile_env`: the episode it is in, or the one of seed 0 if it has not been reset.

    Raises:
        ValueError: if the environment has no tables; the message says what to do.
    """
    if isinstance(env, TabularMDP):
        return env
    if isinstance(env, TableWorld):
        return compile_world(env)
    base = getattr(env, "unwrapped", env)
    if hasattr(base, "envs"):  # SyncVectorEnv and SB3's DummyVecEnv hold copies of one environment
        return tabular_model(base.envs[0])
    for name in ("mdp", "game"):
        model = getattr(base, name, None)
        if model is not None and type(model).__name__ in ("TabularMDP", "TabularGame"):
            return model  # type: ignore[no-any-return]
    if hasattr(base, "P") and hasattr(base, "initial_state_distrib"):
        from powerenvs.formats.p_dict import from_gymnasium

        return from_gymnasium(base)
    from powerenvs.clone import compile_env, is_minigrid

    if is_minigrid(base):
        return compile_env(env)
    raise ValueError(
        f"env: found no tables in {type(base).__name__}. Environments of powerenvs and Gymnasium's FrozenLake, "
        "CliffWalking and Taxi have them; a deterministic finite environment that can be deep-copied is enumerated by "
        "powerenvs.compile_env(env, key=...); anything else can be written as a powerenvs.World"
    )
