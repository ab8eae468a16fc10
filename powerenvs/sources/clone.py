"""`compile_env`: the tables of a deterministic environment, found by stepping deep copies of it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from itertools import pairwise
from typing import Any

import gymnasium as gym
import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order

from powerenvs.model.checks import checked_board
from powerenvs.model.labels import label_text
from powerenvs.model.mdp import TabularMDP
from powerenvs.model.seen import Seen, stacked
from powerenvs.sources.beginnings import first_copy
from powerenvs.sources.compiled import beginning, known_model, remember
from powerenvs.sources.copies import Copies
from powerenvs.sources.exploration import Found, Outcome, RandomStepError, explore
from powerenvs.sources.minigrid import (
    NO_MEMORY,
    MiniGridMemory,
    is_minigrid,
    minigrid_board,
    minigrid_cell,
    minigrid_key,
)
from powerenvs.sources.neutral import shows_history
from powerenvs.sources.obeying import stepped
from powerenvs.sources.p_dict import read_p
from powerenvs.sources.randomness import REPEATS, SEEDS, Generators
from powerenvs.sources.remembered import Memories


def compile_env(
    env: Any,
    seed: int | None = None,
    key: Callable[[Any], Hashable] | None = None,
    cell: Callable[[Any], tuple[int, int]] | None = None,
    max_states: int = 100_000,
    progress: bool | None = None,
    *,
    board: Sequence[str] | Callable[[Any], Sequence[str]] | None = None,
) -> TabularMDP:
    """The tables of a deterministic finite environment that can be deep-copied, such as MiniGrid's.

    The environment itself is left alone; copies of it are stepped through every action of every state,
    wrappers included. Truncation by time limits is left out, since time is not part of the state. MiniGrid
    pays less reward the later a goal is reached; the table has the reward of reaching it on the first step.

    The model knows what an agent sees in each state (``mdp.seen``), through all wrappers, so that policies that were
    trained on the environment can be asked in each: `power_metrics.policy_table` and `power_metrics.compare` take
    ``(agent, mdp)``. It is remembered for the environment as well, as long as that is in the same episode:
    `tabular_model` and all that takes environments find it.

    Every step is watched: one that draws random numbers is repeated with others. Copies that reach the same state but
    remember something else are stepped too, and random walks follow the finished tables. Where what is remembered
    makes a difference, the state is split: the first of them keeps its label, the others are ``(label, "memory 1")``
    and so on (`MiniGridMemory` in MiniGrid). What may go unnoticed: random numbers of a generator that a step makes
    itself, events rarer than about one in a thousand, and memory that an environment's attributes do not hold.

    Args:
        env: a Gymnasium environment with a Discrete action space.
        seed: the episode to enumerate is that of ``env.reset(seed=seed)``; None for the one that ``env`` is
            in, from its beginning, or that of seed 0 if it has not been reset.
        key: what identifies the state of an environment, hashable; used as the state's label. Needed for
            environments other than MiniGrid unless the observation says it all.
        cell: from an environment to the (row, column) of the agent, for pictures.
        max_states: stop with an error when more states than this are found.
        progress: show a progress bar: True, False, or None to show one on a terminal after two seconds.
        board: rows of text that pictures draw states on ('#' is a wall), or a function of the environment that gives
            them. With ``cell`` alone an empty board that is large enough.

    Raises:
        ValueError: if the action space is not Discrete, a step turns out to be random, the state is not
            hashable, what is remembered has no end, the beginning of the episode cannot be found, or there are more
            than ``max_states`` states.

    Example:
        >>> import gymnasium
        >>> from powerenvs import compile_env
        >>> lake = gymnasium.make("FrozenLake-v1", is_slippery=False)
        >>> mdp = compile_env(lake, key=lambda env: int(env.unwrapped.s), progress=False)
        >>> mdp.num_states, mdp.describe(0)
        (16, '0 [start with probability 1]')
        >>> mdp.seen.values[:5].tolist()
        [0, 4, 1, 8, 5]
    """
    if not isinstance(getattr(env, "action_space", None), gym.spaces.Discrete):
        raise ValueError(f"env: expected a Discrete action space, found {getattr(env, 'action_space', None)}")
    minigrid = is_minigrid(env.unwrapped) and key is None
    copies = Copies(env)
    subject = Copied(env, copies, key, cell, minigrid)
    with subject.generators.left_alone():
        subject.begin(*first_copy(env, copies, seed))
        mark = beginning(env, subject.first[0]) if seed is None else None
        found = explore(subject, max_states, progress)
    initial = np.zeros(len(found.keys))
    initial[found.starts[0]] = 1.0
    base = subject.first[0].unwrapped
    first_action = int(env.action_space.start)
    actions: Any = [first_action + a for a in range(int(env.action_space.n))] if first_action else None
    mdp = read_p(
        dict(enumerate(found.rows)),
        initial,
        state_labels(found, minigrid),
        [action.name for action in base.actions] if minigrid and env.action_space == base.action_space else actions,
        _board(board, subject, found),
        None if subject.cell is None else found.places,  # type: ignore[arg-type]  # each has one then
    )
    mdp = mdp.with_(seen=_seen(env, subject, found, mdp))
    if mark is not None:
        remember(env, mark, mdp)
    return mdp


def compiled_model(env: Any) -> TabularMDP:
    """The model of an environment that `compile_env` takes as it is; found once for each episode."""
    known = known_model(env)
    return compile_env(env) if known is None else known


def _board(board: Any, subject: Copied, found: Found) -> Sequence[str] | None:
    """The board that was asked for; where only places are known, an empty one."""
    if callable(board):
        return list(board(subject.first[0]))
    if board is not None:
        return checked_board(board)
    if subject.identifies_minigrid:
        return minigrid_board(subject.first[0].unwrapped)
    if subject.cell is None:
        return None
    places = np.array(found.places)
    if places.ndim != 2 or places.shape[1] != 2 or places.min() < 0:
        raise ValueError(f"cell: expected pairs (row, column) of at least 0, found {found.places[0]!r} for one state")
    height, width = (int(most) + 1 for most in places.max(axis=0))
    return ["." * width] * height


def _seen(env: Any, subject: Copied, found: Found, mdp: TabularMDP) -> Seen:
    """What an agent sees in each state; states that are ended in show what they do while the episode goes on."""
    number = {label: s for s, label in enumerate(mdp.state_labels)}
    shown = [*found.observations]
    shown += [found.observations[number[label[0]]] for label in mdp.state_labels[len(shown) :]]  # type: ignore[index]
    unclear = sorted(s for s in found.unclear if found.rows[s])
    values, problem = None, None
    if unclear:
        problem = (
            f"env: {subject.name} showed different observations of {mdp.state_name(unclear[0])}, so what an agent sees "
            "is not a function of the state; give compile_env a key= that tells such states apart, or the policy as an "
            "array (S, A), or as counts from rollout_counts(agent, env, num_steps)"
        )
    else:
        try:
            values = stacked(shown)
        except (ValueError, KeyError) as error:
            problem = f"env: the observations of {subject.name} are no arrays of one shape ({error})"
    locate, first_action = Locator(subject, found), int(env.action_space.start)
    return Seen(values, env.observation_space, locate, Rebuild(subject, mdp), first_action, problem)


class Rebuild:
    """Makes copies of an environment in any of its states."""

    def __init__(self, subject: Copied, mdp: TabularMDP):
        self._subject = subject
        self._A, self._indptr, self._successor, self._initial = mdp.num_actions, mdp.indptr, mdp.successor, mdp.initial
        self._labels = mdp.state_labels

    def __call__(self, state: int) -> Any:
        """A copy in this state.

        Raises:
            ValueError: if there is no such state, and for one that only ended episodes are in.
        """
        start = int(self._initial.argmax())
        graph = csr_array(
            (np.ones(len(self._successor), np.int8), self._successor, self._indptr[:: self._A]),
            shape=(len(self._labels), len(self._labels)),
        )
        order, before = breadth_first_order(graph, start)
        if state not in order:
            raise ValueError(f"state: expected one from 0 to {len(self._labels) - 1}, found {state!r}")
        path = [int(state)]
        while path[-1] != start:
            path.append(int(before[path[-1]]))
        copied, _ = self._subject.first
        copied = self._subject.copied(copied)
        for s, t in pairwise(path[::-1]):
            entries = range(self._indptr[s * self._A], self._indptr[(s + 1) * self._A])
            entry = next(e for e in entries if self._successor[e] == t)
            action = int(np.searchsorted(self._indptr, entry, side="right")) - 1 - s * self._A
            self._subject.step(copied, action, 0)
        return copied


class Locator:
    """Finds the state that an environment is in."""

    def __init__(self, subject: Copied, found: Found):
        self._subject, self._numbers, self._relevant = subject, found.numbers, found.relevant
        self._values = found.values

    def begins(self, first: Any, observation: Any) -> int | None:
        """The state in which another episode of the same world begins; None if it is none, or may be another world.

        It is the same world if all that differs has been different within the first episode too.

        Args:
            first: a copy of the environment at the beginning of the other episode.
            observation: what it shows.
        """
        remembered = self._subject.memory(first)
        if self._subject.identifies_minigrid or any(
            value not in self._values.get(name, ()) for name, value in remembered.items()
        ):
            return None
        return self._numbers.get((self._subject.key(first, observation), *map(remembered.get, self._relevant)))

    def __call__(self, env: Any, observation: Any) -> int:
        """The number of the state.

        Args:
            env: the environment.
            observation: what it shows; it need not be known where a key tells states apart.

        Raises:
            ValueError: if it is in none.
        """
        remembered = self._subject.memory(env) if self._relevant else {}
        key = self._subject.key(env, observation)
        state = self._numbers.get((key, *map(remembered.get, self._relevant)))
        if state is None:
            raise ValueError(
                f"env: {self._subject.name} is in state {label_text(key)}, which its model does not have: it holds one "
                "episode, and this is another one. Reset it with the same seed each time, as minigrid's ReseedWrapper "
                "does"
            )
        return state


def state_labels(found: Found, minigrid: bool) -> list[Hashable]:
    """The keys, told apart by a number where something that is remembered makes states of one."""
    if minigrid and any(found.versions):
        return [MiniGridMemory(*key, memory=n) for key, n in zip(found.keys, found.versions, strict=True)]  # type: ignore[misc]
    return [(key, f"memory {n}") if n else key for key, n in zip(found.keys, found.versions, strict=True)]


class Copied:
    """An environment to `explore`: copies of it are stepped."""

    def __init__(
        self,
        env: Any,
        copies: Copies,
        key: Callable[[Any], Hashable] | None,
        cell: Callable[[Any], tuple[int, int]] | None,
        minigrid: bool,
    ):
        self.name = type(env.unwrapped).__name__
        self.cell = minigrid_cell if minigrid and cell is None else cell
        self.copied = copies.of
        self.generators = Generators(copies.layers(env), (env.unwrapped.observation_space, env.unwrapped.action_space))
        self.first: tuple[Any, Any] = (None, None)
        self._copies, self._minigrid, self._key = copies, is_minigrid(env), key
        self.identifies_minigrid = minigrid
        self._identify = minigrid_key() if minigrid else None
        self.splits = minigrid and not any(map(shows_history, copies.layers(env)))
        self._offset, self._actions = int(env.action_space.start), range(int(env.action_space.n))
        self._drawing = 0  # steps that have drawn random numbers
        self._memories = Memories(copies.shared, NO_MEMORY if self._minigrid else ("_np_random",))

    def begin(self, first: Any, observation: Any) -> None:
        """Says what the search begins with."""
        self.first = (first, observation)

    def starts(self) -> Sequence[tuple[Any, Any, bool]]:
        """The beginning of the episode."""
        return [(*self.first, False)]

    def chances(self, copied: Any) -> dict[int, Sequence[float]]:
        """Every action has one outcome."""
        return dict.fromkeys(self._actions, (1.0,))

    def step(self, copied: Any, action: int, choice: int) -> Outcome:
        """Steps a copy."""
        if self._minigrid:
            copied.unwrapped.step_count = 0  # its reward and its own time limit depend on the time
        observation, reward, terminated, _ = stepped(copied, action + self._offset)
        return Outcome(copied, observation, reward, terminated, reward)

    def checked_step(self, source: Any, action: int, choice: int) -> Outcome:
        """Steps a copy of a copy, and again with other random numbers if it draws any."""
        copied, parts = self._copies.with_parts(source)
        before = self.generators.state(parts)
        after = self.step(copied, action, choice)
        if self.generators.state(parts) != before:
            self._check_repeated(source, action, choice, after)
        return after

    def _check_repeated(self, source: Any, action: int, choice: int, after: Outcome) -> None:
        """Repeats a step that draws random numbers with others.

        Raises:
            RandomStepError: if it does something else then.
        """
        once = self.key(after.copied, after.observation), after.reward, after.ended
        self._drawing += 1
        for seeds in (*SEEDS, *((seed,) * 3 for seed in range(len(SEEDS), REPEATS // self._drawing))):
            copied, parts = self._copies.with_parts(source)
            self.generators.reseed(parts, seeds)
            other = self.step(copied, action, choice)
            again = self.key(other.copied, other.observation), other.reward, other.ended
            if again != once:
                raise RandomStepError(once, again)

    def key(self, copied: Any, observation: Any) -> Hashable:
        """What tells states apart."""
        if self._key is not None:
            return self._key(copied)
        return self._identify(copied, observation) if self._identify is not None else _hashable(observation)

    def memory(self, copied: Any) -> dict[str, Hashable]:
        """All that a copy remembers."""
        return self._memories.of(self._copies.layers(copied))

    def form(self, observation: Any) -> Hashable:
        """The form of an observation."""
        return self._memories.form(observation)

    def place(self, copied: Any) -> tuple[int, int] | None:
        """Where the agent is."""
        return None if self.cell is None else self.cell(copied)


def _hashable(value: Any) -> Hashable:
    """An observation with arrays as tuples."""
    if isinstance(value, np.ndarray):
        return _hashable(value.tolist())
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and value != value:
        return "nan"  # which equals itself
    if isinstance(value, (list, tuple)):
        return tuple(_hashable(v) for v in value)
    if isinstance(value, dict):
        return tuple((k, _hashable(v)) for k, v in sorted(value.items()))
    return value  # type: ignore[no-any-return]
