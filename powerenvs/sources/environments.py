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
    return tabular_model(base.envs[0] if hasattr(base, "envs") else base.env_fns[0]())


def has_model(env: Any) -> bool:
    """Whether an environment steps through a model."""
    return any(isinstance(model, Model) for model in _named_models(env))


def model_of(env: Any) -> TabularMDP | TabularGame:
    """The model that it steps through."""
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


def _base(env: Any) -> Any:
    """The environment below all wrappers."""
    return getattr(env, "unwrapped", env)


def _named_models(env: Any) -> tuple[Any, Any]:
    """What an environment of one agent and one of several name their models by."""
    base = _base(env)
    return getattr(base, "mdp", None), getattr(base, "game", None)
