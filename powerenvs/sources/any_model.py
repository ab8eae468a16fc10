"""Anything to a model: the ordered table of sources, and `tabular_model`, the one door to all tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from powerenvs.model.game import TabularGame
from powerenvs.model.mdp import TabularMDP


class Source(NamedTuple):
    """Something that models are read from.

    Attributes:
        name: what it is called.
        fits: whether something is of this kind; quick, and without imports that may not be there.
        read: gives its model, or raises a ValueError that says why there is none.
    """

    name: str
    fits: Callable[[Any], bool]
    read: Callable[[Any], TabularMDP | TabularGame]


_sources: list[Source] = []


def sources() -> tuple[Source, ...]:
    """All sources, in the order in which they are asked."""
    return tuple(_sources)


def register_source(
    name: str, fits: Callable[[Any], bool], read: Callable[[Any], TabularMDP | TabularGame], *, last: bool = False
) -> None:
    """Lets `tabular_model`, and all that takes environments or models, understand something more.

    Args:
        name: what it is called; a source of the same name is replaced.
        fits: whether something is of this kind.
        read: gives its model, or raises a ValueError that says why there is none.
        last: whether it is asked after the sources that are there; before them otherwise.

    Example:
        >>> import powerenvs
        >>> from powerenvs.sources import register_source
        >>> class Coin:
        ...     sides = ("heads", "tails")
        >>> def flips(coin):
        ...     return powerenvs.TabularMDP.from_transitions(
        ...         [(side, "flip", other, 0.5) for side in coin.sides for other in coin.sides])
        >>> register_source("coins", lambda value: hasattr(value, "sides"), flips)
        >>> powerenvs.tabular_model(Coin()).num_states
        2
    """
    _sources[:] = [source for source in _sources if source.name != name]
    _sources.insert(len(_sources) if last else 0, Source(name, fits, read))


def tabular_model(env: Any) -> TabularMDP | TabularGame:
    """The exact tables behind an environment, however wrapped or vectorised; or of a world, a name or a file.

    Our own environments give the tables that they step through (a `TabularGame` for PettingZoo ones).
    Gymnasium's FrozenLake, CliffWalking and Taxi are read from their ``P``. A MiniGrid environment is
    enumerated by `compile_env`: the episode it is in, or the one of seed 0 if it has not been reset. What wrappers do
    to dynamics, rewards and ends is part of the tables; a wrapper whose effect cannot be found is refused.
    Text is the id of an environment, the name of a game or of a graph, or a file that holds a model. Further kinds
    are those of `powerenvs.sources.register_source`.

    Raises:
        ValueError: if the environment has no tables; the message says what to do.

    Example:
        >>> import gymnasium, powerenvs
        >>> env = gymnasium.make("FrozenLake-v1", is_slippery=False)
        >>> powerenvs.tabular_model(env).successors()[0].tolist()
        [0, 4, 1, 0]
        >>> powerenvs.tabular_model("power_pair").num_agents
        2
    """
    for source in _sources:
        if source.fits(env):
            return source.read(env)
    raise ValueError(
        f"env: found no tables in {type(getattr(env, 'unwrapped', env)).__name__}. Environments of powerenvs and "
        "Gymnasium's FrozenLake, CliffWalking and Taxi have them; a deterministic finite environment that can be "
        "deep-copied is enumerated by powerenvs.compile_env(env, key=...); anything else can be written as a "
        "powerenvs.World"
    )
