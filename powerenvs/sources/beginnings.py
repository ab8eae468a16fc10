"""The beginning of the episode that an environment is in."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from powerenvs.sources.copies import Copies
from powerenvs.sources.minigrid import is_minigrid
from powerenvs.sources.obeying import started

MOST_RESETS = 10_000
"""So many episodes after the last seed are tried."""


def first_copy(env: Any, copies: Copies, seed: int | None) -> tuple[Any, Any]:
    """A copy of an environment at the beginning of an episode, and what it shows there.

    Without a seed it is the episode that the environment is in, however far it has got. Random numbers tell which one
    that is: resets draw them and, in what `compile_env` takes, steps do not, so the right episode is the one whose
    reset leaves the generator as it is now. An environment whose generator has never been used has not been reset, or
    draws nothing: then it is the episode of seed 0.

    Raises:
        ValueError: if the episode cannot be found.
    """
    first = copies.bare(env)
    base = first.unwrapped
    now, last_seed = base._np_random, base._np_random_seed
    unused = is_minigrid(base) and base.agent_pos is None
    if seed is not None or now is None or unused:
        return _at_start(first, copies, started(first, 0 if seed is None else seed))
    if last_seed is None or last_seed < 0:
        raise ValueError(
            "env: expected an environment that knows the seed of its random numbers, found one whose np_random was "
            "set; give seed= for an episode of its own"
        )
    wanted = now.bit_generator.state
    probe = copies.bare(env).unwrapped
    generator = np.random.Generator(np.random.PCG64(last_seed))
    for _ in range(MOST_RESETS):
        before = copy.deepcopy(generator)
        probe._np_random = generator
        started(probe)
        if generator.bit_generator.state == wanted:
            base._np_random = before
            return _at_start(first, copies, started(first))
    raise ValueError(
        f"env: found no beginning of the episode that it is in among the first {MOST_RESETS:,} after seed {last_seed}, "
        "so its steps draw random numbers, or there have been more episodes; give seed= for an episode of its own"
    )


def _at_start(first: Any, copies: Copies, observation: Any) -> tuple[Any, Any]:
    copies.share_walls(first.unwrapped)
    return first, observation
