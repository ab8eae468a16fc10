"""Whether a step draws random numbers: the states of all generators that it can reach, before and after."""

from __future__ import annotations

import pickle
import random
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import FunctionType
from typing import Any

import numpy as np

from powerenvs.sources.foreign import is_exactly

GENERATORS = (np.random.Generator, np.random.RandomState, random.Random)
"""Kinds of generators; each has a state that can be read and set."""

SEEDS = ((11026, 22021, 30818), (47408, 21159, 42926), *((seed, seed, seed) for seed in range(6)))
"""Seeds of PCG64, of RandomState and of Python's generators. The first ones draw numbers within 1e-4 of 0 and of 1, at
which even rare events happen."""

REPEATS = 3_000
"""So often the first step that draws numbers is repeated, the second half as often, the third a third: a single rare
event hides in few of them, while an environment that draws for nothing does so in all, and should not take long."""


class Generators:
    """Generators that are not part of an environment: copies of it share them.

    They are Python's, NumPy's and torch's global ones, and those that its classes, their modules, the functions that
    it holds and its spaces have.

    Args:
        layers: the environment and its wrappers.
        spaces: spaces that copies share.
    """

    def __init__(self, layers: Iterable[Any], spaces: Iterable[Any]):
        torch = sys.modules.get("torch")
        everywhere = [np.random.mtrand._rand] if torch is None else [np.random.mtrand._rand, torch.default_generator]
        found = (value for layer in layers for value in _held(layer) if _is_generator(value))
        self._generators = list({id(value): value for value in (*everywhere, *found)}.values())
        self._spaces = [part for space in spaces for part in _parts(space)]

    def state(self, copied: Iterable[Any]) -> tuple[Any, ...]:
        """What changes if any of them, or of the generators among these objects of a copy, draws a number."""
        own = (value for value in copied if isinstance(value, GENERATORS))
        return (
            random.getstate(),
            *(_flat(_state(generator)) for generator in (*self._generators, *own)),
            *(space._np_random and _flat(_state(space._np_random)) for space in self._spaces),
        )

    @contextmanager
    def left_alone(self) -> Iterator[None]:
        """All of them are as before when this ends."""
        spaces = [(space, pickle.dumps(space._np_random)) for space in self._spaces]
        states, python = [_state(generator) for generator in self._generators], random.getstate()
        try:
            yield
        finally:
            random.setstate(python)
            for generator, state in zip(self._generators, states, strict=True):
                _set_state(generator, state)
            for space, pickled in spaces:
                space._np_random = pickle.loads(pickled)

    def reseed(self, copied: Iterable[Any], seeds: Sequence[int]) -> None:
        """Lets all of them, and those among these objects of a copy, draw other numbers."""
        random.seed(seeds[2])
        own = (value for value in copied if isinstance(value, GENERATORS))
        spaces = (space.np_random for space in self._spaces)
        for generator in (*self._generators, *own, *spaces):
            if isinstance(generator, GENERATORS):
                _set_state(generator, _state(_seeded(generator, seeds)))
            else:
                generator.manual_seed(seeds[0])


def _seeded(generator: Any, seeds: Sequence[int]) -> Any:
    """Another generator of this kind."""
    if isinstance(generator, random.Random):
        return random.Random(seeds[2])
    if isinstance(generator, np.random.RandomState):
        return np.random.RandomState(seeds[1])
    return np.random.Generator(type(generator.bit_generator)(seeds[0]))


def _is_generator(value: Any) -> bool:
    return isinstance(value, GENERATORS) or is_exactly(value, "torch:Generator")


def _state(generator: Any) -> Any:
    if isinstance(generator, random.Random):
        return generator.getstate()
    if isinstance(generator, np.random.RandomState):
        return generator.get_state(legacy=False)
    if not isinstance(generator, np.random.Generator):  # torch's
        return generator.get_state().numpy()
    return generator.bit_generator.state


def _flat(state: Any) -> Any:
    """A state in a form that can be compared."""
    if isinstance(state, dict):
        return tuple(_flat(value) for value in state.values())
    return state.tobytes() if isinstance(state, np.ndarray) else state


def _set_state(generator: Any, state: Any) -> None:
    if isinstance(generator, random.Random):
        generator.setstate(state)
    elif isinstance(generator, np.random.RandomState):
        generator.set_state(state)
    elif not isinstance(generator, np.random.Generator):
        generator.set_state(sys.modules["torch"].from_numpy(state))
    else:
        generator.bit_generator.state = state


def _held(layer: Any) -> Iterator[Any]:
    """What the classes of an object, their modules and the functions that it holds name."""
    kinds = [kind for kind in type(layer).__mro__ if kind.__module__.split(".")[0] not in ("builtins", "gymnasium")]
    spaces: list[dict[str, Any]] = [*(vars(kind) for kind in kinds), vars(layer)]  # type: ignore[list-item]
    for kind in kinds:
        spaces.append(vars(sys.modules[kind.__module__]) if kind.__module__ in sys.modules else {})
    for names in spaces:
        yield from list(names.values())
    for function in (value for names in spaces[: len(kinds) + 1] for value in list(names.values())):
        if isinstance(function, FunctionType):
            yield from (cell.cell_contents for cell in function.__closure__ or () if _is_filled(cell))
            yield from list(function.__globals__.values())


def _is_filled(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018  only to see whether there are any
    except ValueError:
        return False
    return True


def _parts(space: Any) -> Iterator[Any]:
    """A space and the spaces inside."""
    if space is None:
        return
    yield space
    inside = getattr(space, "spaces", ())
    for part in inside.values() if isinstance(inside, dict) else inside:
        yield from _parts(part)
