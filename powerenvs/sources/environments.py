"""The models of our own environments, and of what holds copies of environments."""

from __future__ import annotations

from typing import Any

from powerenvs.authoring.lazy import LazyTable
from powerenvs.model.base import Model
from powerenvs.model.game import TabularGame
from powerenvs.model.mdp import TabularMDP
from powerenvs.sources.any_model import tabular_model


def holds_copies(env: Any) -> bool:
    """Whether it is a vector environment of copies, which are here or made by functions that are here.

    SyncVectorEnv and the DummyVecEnv of Stable-Baselines3 hold ``envs``; AsyncVectorEnv has its copies in other
    processes, and ``env_fns`` that make them.
    """
    return hasattr(_base(env), "envs") or hasattr(_base(env), "env_fns")


def model_of_copies(env: Any) -> TabularMDP | TabularGame:
    """The model of the first copy."""
    base = _base(env)
    if not hasattr(base, "envs"):
        return tabular_model(base.env_fns[0]())
    first = tabular_model(base.envs[0])
    if getattr(first, "seen", None) is None:  # one that has been stepped through is told by each of its steps
        for i, other in enumerate(base.envs):
            if tabular_model(other) != first:
                raise ValueError(
                    f"env: expected copies of one environment, found copy {i} with other tables than copy 0; give one "
                    "of them"
                )
    return first


def has_model(env: Any) -> bool:
    """Whether an environment steps through a model."""
    return any(isinstance(model, Model) for model in _named_models(env))


def model_of(env: Any) -> TabularMDP | TabularGame:
    """The model that it steps through.

    Raises:
        ValueError: for a subclass that steps otherwise.
    """
    kind = type(_base(env))
    ours = any(base.__module__.startswith("powerenvs.") for base in kind.__mro__)
    step = getattr(kind, "step", None)
    if ours and step is not None and not step.__module__.startswith("powerenvs."):
        raise ValueError(
            f"env: {kind.__name__} has a step of its own, which its tables do not know of; write what it does as a "
            "gymnasium.Wrapper, which is stepped through, or as a powerenvs.World"
        )
    return next(model for model in _named_models(env) if isinstance(model, Model))  # type: ignore[return-value]


def is_lazy(env: Any) -> bool:
    """Whether an environment makes the rows of its table as it needs them."""
    return isinstance(getattr(_base(env), "table", None), LazyTable)


def refuse_lazy(env: Any) -> TabularMDP | TabularGame:
    """Says why there is no model.

    Raises:
        ValueError: always.
    """
    table = _base(env).table
    raise ValueError(
        f"env: {type(table.world).__name__} is too large for tables: {table.world.large}; this environment makes "
        f"rows as it needs them, {table.num_rows_made:,} so far"
    )


def says_why_not(env: Any) -> bool:
    """Whether an environment of ours says itself that there are no tables of it, and why: its ``no_tables``."""
    kind = type(_base(env))
    return kind.__module__.startswith("powerenvs.") and bool(getattr(kind, "no_tables", ""))


def refuse_as_it_says(env: Any) -> TabularMDP | TabularGame:
    """Says why there is no model.

    Raises:
        ValueError: always.
    """
    raise ValueError(f"env: {_base(env).no_tables}")


def stands_for_another(env: Any) -> bool:
    """Whether something passes itself off as the environment that it is around, and is no wrapper that is known."""
    return getattr(env, "unwrapped", env) is not env


def refuse_unknown(env: Any) -> TabularMDP | TabularGame:
    """Says that it is not known what it does.

    Raises:
        ValueError: always.
    """
    raise ValueError(
        f"env: it is not known what {type(env).__name__} does to dynamics, rewards and ends; make it a "
        "gymnasium.Wrapper, or give the environment without it if it leaves them as they are"
    )


def _base(env: Any) -> Any:
    """The environment below all wrappers."""
    return getattr(env, "unwrapped", env)


def _named_models(env: Any) -> tuple[Any, Any]:
    """What an environment of one agent and one of several name their models by."""
    base = _base(env)
    return getattr(base, "mdp", None), getattr(base, "game", None)
