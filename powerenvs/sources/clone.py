"""`compile_env`: the tables of a deterministic environment, found by stepping deep copies of it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

import numpy as np

from powerenvs.model.labels import label_text
from powerenvs.model.mdp import TabularMDP
from powerenvs.sources.foreign import is_a
from powerenvs.sources.p_dict import read_p

RANDOMNESS_CHECKS = 32
"""In how many states every action is tried twice with different random numbers."""


class MiniGridState(NamedTuple):
    """A state of a MiniGrid environment. ``layout`` numbers the arrangements of doors and objects, 0 the first."""

    agent: tuple[int, int]
    facing: str
    carrying: str | None
    layout: int


def compile_env(
    env: Any,
    seed: int | None = None,
    key: Callable[[Any], Hashable] | None = None,
    cell: Callable[[Any], tuple[int, int]] | None = None,
    max_states: int = 100_000,
    progress: bool | None = None,
) -> TabularMDP:
    """The tables of a deterministic finite environment that can be deep-copied, such as MiniGrid's.

    The environment itself is left alone; copies of it are stepped through every action of every state,
    wrappers included. Truncation by time limits is left out, since time is not part of the state. MiniGrid
    pays less reward the later a goal is reached; the table has the reward of reaching it on the first step.

    Args:
        env: a Gymnasium environment with a Discrete action space.
        seed: the episode to enumerate is that of ``env.reset(seed=seed)``; None for the one that ``env`` is
            in, or that of seed 0 if it has not been reset.
        key: what identifies the state of an environment, hashable; used as the state's label. Needed for
            environments other than MiniGrid unless the observation says it all.
        cell: the (row, column) of the agent, for pictures.
        max_states: stop with an error when more states than this are found.
        progress: show a progress bar: True, False, or None to show one on a terminal after two seconds.

    Raises:
        ValueError: if the action space is not Discrete, a step turns out to be random, the state is not
            hashable, or there are more than ``max_states`` states.

    Example:
        >>> import gymnasium
        >>> from powerenvs import compile_env
        >>> lake = gymnasium.make("FrozenLake-v1", is_slippery=False)
        >>> mdp = compile_env(lake, key=lambda env: int(env.unwrapped.s), progress=False)
        >>> mdp.num_states, mdp.describe(0)
        (16, '0 [start with probability 1]')
    """
    import gymnasium as gym
    from tqdm import tqdm

    if not isinstance(getattr(env, "action_space", None), gym.spaces.Discrete):
        raise ValueError(f"env: expected a Discrete action space, found {getattr(env, 'action_space', None)}")
    minigrid = is_minigrid(env.unwrapped) and key is None
    first, observation = _first(env, seed, needs_observation=key is None and not minigrid)
    identify = _minigrid_key() if minigrid else _key_of(key)
    cell = _minigrid_cell if minigrid and cell is None else cell
    name, num_actions = type(env.unwrapped).__name__, int(env.action_space.n)
    offset = int(env.action_space.start)

    labels: list[Hashable] = []
    cells: list[tuple[int, int]] = []
    number: dict[Hashable, int] = {}
    alive: dict[int, Any] = {}
    P: dict[int, dict[int, list[tuple[float, int, float, bool]]]] = {}

    def visit(state: Hashable, copied: Any, ended: bool) -> int:
        try:
            i = number.setdefault(state, len(labels))
        except TypeError:
            raise ValueError(f"key: expected a hashable state, found {type(state).__name__}") from None
        if i == len(labels):
            if i >= max_states:
                raise ValueError(
                    f"{name}: found more than max_states={max_states:,} states; raise max_states if time allows"
                )
            labels.append(state)
            if cell is not None:
                cells.append(cell(copied))
            P[i] = {}
        if not ended and not P[i]:
            alive.setdefault(i, copied)
        return i

    def step(source: Any, action: int, reseed: bool = False) -> tuple[Any, Hashable, float, bool]:
        copied = _copy(source)
        if reseed:
            copied.unwrapped.np_random = np.random.default_rng(action)
        if minigrid:
            copied.unwrapped.step_count = 0  # its reward and its own time limit depend on the time
        seen, reward, terminated, _, _ = copied.step(action + offset)
        return copied, identify(copied, seen), float(reward), bool(terminated)

    visit(identify(first, observation), first, ended=False)
    with tqdm(desc=f"{name}: states", unit="", delay=2, disable=None if progress is None else not progress) as bar:
        while alive:
            i = next(iter(alive))
            source = alive.pop(i)
            for action in range(num_actions):
                reached, state, reward, ended = step(source, action)
                if bar.n < RANDOMNESS_CHECKS and (again := step(source, action, reseed=True)[1:]) != (
                    state,
                    reward,
                    ended,
                ):
                    raise ValueError(
                        f"env: action {action} in state {label_text(labels[i])} once led to {label_text(state)} with "
                        f"reward {reward} and once to {label_text(again[0])} with reward {again[1]}; compile_env needs "
                        "a deterministic environment. Write this one as a powerenvs.World"
                    )
                P[i][action] = [(1.0, visit(state, reached, ended), reward, ended)]
            bar.update()
    initial = np.zeros(len(labels))
    initial[0] = 1.0
    actions = [a.name for a in first.unwrapped.actions] if minigrid else None
    board = _minigrid_board(first.unwrapped) if minigrid else None
    return read_p(P, initial, labels, actions, board, cells if cell is not None else None)


def is_minigrid(env: Any) -> bool:
    """Whether an environment, wrapped or not, is one of MiniGrid's."""
    return is_a(getattr(env, "unwrapped", env), "minigrid.minigrid_env:MiniGridEnv")


def _first(env: Any, seed: int | None, needs_observation: bool) -> tuple[Any, Any]:
    """A copy of ``env`` at the start of the episode to enumerate, and its observation if it was reset for this."""
    first = _copy(env)
    try:
        under_way = bool(env.get_wrapper_attr("has_reset"))
    except AttributeError:
        under_way = False
    if seed is None and under_way and not needs_observation:
        return first, None
    return first, first.reset(seed=0 if seed is None else seed)[0]


def _copy(env: Any) -> Any:
    """A deep copy that shares what no step changes: spaces, spec, and the walls, goals and lava of a MiniGrid."""
    base = env.unwrapped
    shared = [base.observation_space, base.action_space, base.spec]
    if is_minigrid(base) and getattr(base, "grid", None) is not None:
        shared += [item for item in base.grid.grid if item is not None and item.type in ("wall", "goal", "lava")]
    return copy.deepcopy(env, {id(item): item for item in shared})


def _key_of(key: Callable[[Any], Hashable] | None) -> Callable[[Any, Any], Hashable]:
    """What identifies the state: the caller's ``key``, or the observation with arrays as tuples."""
    if key is not None:
        return lambda env, observation: key(env)
    return lambda env, observation: _hashable(observation)


def _hashable(value: Any) -> Hashable:
    if isinstance(value, np.ndarray):
        return _hashable(value.tolist())
    if isinstance(value, np.generic):
        return value.item()  # type: ignore[no-any-return]
    if isinstance(value, (list, tuple)):
        return tuple(_hashable(v) for v in value)
    if isinstance(value, dict):
        return tuple((k, _hashable(v)) for k, v in sorted(value.items()))
    return value  # type: ignore[no-any-return]


def _minigrid_key() -> Callable[[Any, Any], MiniGridState]:
    layouts: dict[Hashable, int] = {}

    def identify(env: Any, observation: Any) -> MiniGridState:
        grid = env.unwrapped.grid
        inside = tuple(_thing(item.contains) for item in grid.grid if item is not None and item.contains is not None)
        layout = layouts.setdefault((grid.encode().tobytes(), inside), len(layouts))
        facing = ("right", "down", "left", "up")[env.unwrapped.agent_dir]
        return MiniGridState(_minigrid_cell(env), facing, _thing(env.unwrapped.carrying), layout)

    return identify


def _thing(item: Any) -> str | None:
    """A carried or boxed object in words, such as "yellow key"."""
    if item is None:
        return None
    inside = _thing(item.contains)
    return f"{item.color} {item.type}" + (f" with {inside}" if inside else "")


def _minigrid_cell(env: Any) -> tuple[int, int]:
    column, row = env.unwrapped.agent_pos
    return int(row), int(column)


def _minigrid_board(base: Any) -> list[str]:
    glyphs = {"wall": "#", "goal": "G", "lava": "~", "door": "D", "key": "K", "ball": "O", "box": "B"}
    items = [[base.grid.get(c, r) for c in range(base.width)] for r in range(base.height)]
    return ["".join("." if item is None else glyphs.get(item.type, ".") for item in row) for row in items]
