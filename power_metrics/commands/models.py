"""From the command line to a model: ``ID`` and the options that say how to make it."""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from powerenvs.labels import closest
from powerenvs.mdp import TabularMDP
from powerenvs.world import TableWorld

SHORTCUTS = {
    "level": "name of a shipped level, its text, or the path of a .txt file with it",
    "noise": "probability that is spread over all open directions",
    "walls": "'bump' or 'absent': whether moves into walls exist",
}


@dataclass(frozen=True)
class LoadedModel:
    """A model and where it came from.

    Attributes:
        name: the id, or the file.
        kwargs: the arguments given to the environment.
        mdp: the tables.
        env: the environment; None for a file.
        world: the world of one of our environments, else None.
    """

    name: str
    kwargs: Mapping[str, Any]
    mdp: TabularMDP
    env: Any = None
    world: TableWorld[Any] | None = None

    @property
    def title(self) -> str:
        """The name and the arguments, on one line."""
        return title_of(self.name, self.kwargs)


def title_of(name: str, kwargs: Mapping[str, Any]) -> str:
    """A name and its arguments on one line; long ones, such as the text of a level, are cut."""
    given = ", ".join(
        f"{argument}={textwrap.shorten(str(value), 40, placeholder='...')}" for argument, value in kwargs.items()
    )
    return f"{name} ({given})" if given else name


def add_model_arguments(parser: argparse.ArgumentParser, option: str | None = None) -> None:
    """The id, as an argument or as a required option, and the options that become arguments of the environment."""
    meaning = (
        "an id of 'powerenvs list'; any Gymnasium id with exact tables, such as FrozenLake-v1, with the module "
        "that registers it where it needs one, such as minigrid:MiniGrid-FourRooms-v0; or a file of TabularMDP.save"
    )
    if option is None:
        parser.add_argument("id", metavar="ID", help=meaning)
    else:
        parser.add_argument(option, dest="id", required=True, metavar="ID", help=meaning)
    parser.add_argument("--level", metavar="LEVEL", help=SHORTCUTS["level"])
    parser.add_argument("--noise", metavar="P", type=float, help=SHORTCUTS["noise"])
    parser.add_argument("--walls", metavar="KIND", help=SHORTCUTS["walls"])
    parser.add_argument(
        "--kwarg",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="any other argument of the environment; the value is JSON, and a bare word is a string (may be repeated)",
    )


def load_model(args: argparse.Namespace) -> LoadedModel:
    """The model that the arguments of `add_model_arguments` name.

    Raises:
        ValueError: for an unknown id or argument, with the closest known one, and whatever the world refuses.
        OSError: if a file cannot be read.
    """
    if args.id.endswith(".npz"):
        kwargs = given_kwargs(args)
        if kwargs:
            raise ValueError(f"{next(iter(kwargs))}: a model from a file takes no arguments")
        return LoadedModel(args.id, {}, TabularMDP.load(args.id))
    import powerenvs

    env, kwargs = make_environment(args)
    model = powerenvs.tabular_model(env)
    if not isinstance(model, TabularMDP):
        raise ValueError(f"{env.spec.id}: expected an environment of one agent, found {model!r}")
    return LoadedModel(args.id, kwargs, model, env, getattr(env.unwrapped, "world", None))


def make_environment(args: argparse.Namespace, **options: Any) -> tuple[Any, dict[str, Any]]:
    """The environment that the arguments of `add_model_arguments` name, and its arguments given on the command line.

    Args:
        args: the arguments.
        **options: further arguments of `gymnasium.make`, such as ``render_mode``.

    Raises:
        ValueError: for an unknown id or argument, with the closest known one, and whatever the world refuses.
    """
    import gymnasium as gym

    import powerenvs  # noqa: F401  # registers the ids

    kwargs = given_kwargs(args)
    name = _registered(args.id)
    _check_kwargs(name, kwargs)
    try:
        return gym.make(name, **{**options, **kwargs}), kwargs
    except (ValueError, gym.error.Error):
        raise
    except Exception as error:  # constructors of other packages raise anything when an argument does not suit them
        raise ValueError(f"{name}: cannot be made with {kwargs} ({type(error).__name__}: {error})") from error


def given_kwargs(args: argparse.Namespace) -> dict[str, Any]:
    """The arguments of the environment that the command line gives."""
    kwargs = {name: getattr(args, name) for name in SHORTCUTS if getattr(args, name) is not None}
    if str(kwargs.get("level", "")).endswith(".txt"):
        kwargs["level"] = Path(kwargs["level"]).read_text(encoding="utf-8")
    for given in args.kwarg:
        name, equals, value = given.partition("=")
        if not equals or not name.isidentifier():
            raise ValueError(f"--kwarg: expected NAME=VALUE, found {given!r}")
        if name in kwargs:
            raise ValueError(f"--kwarg: {name} is given twice")
        kwargs[name] = _value(name, value)
    return kwargs


def _value(name: str, text: str) -> Any:
    """JSON, or a bare word as a string; not Python's spellings, which as strings would count as true."""
    spelling = {"True": "true", "False": "false", "None": "null"}.get(text)
    if spelling is not None:
        raise ValueError(f"--kwarg: expected JSON, found {name}={text}; write {name}={spelling}")
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        if text[:1] in tuple('[{"'):
            raise ValueError(f"--kwarg: expected JSON, found {name}={text} ({error})") from None
        return text


def _registered(given: str) -> str:
    """The id without its module, which is imported first."""
    import gymnasium as gym

    module, colon, name = given.rpartition(":")
    if colon:
        try:
            importlib.import_module(module)
        except (ModuleNotFoundError, ValueError) as error:
            raise ValueError(f"{given}: cannot import {module!r} ({error}); install the package that has it") from None
    if name not in gym.registry:
        origins = (module,) if colon else ("powerenvs.", "gymnasium.envs.toy_text.")
        known = [known for known, spec in gym.registry.items() if str(spec.entry_point).startswith(origins)]
        hint = "" if colon else "; an id of another package needs its module, as in minigrid:MiniGrid-FourRooms-v0"
        raise ValueError(f"unknown id {name!r}; {closest(name, known)}{hint}")
    return name


def _check_kwargs(name: str, kwargs: Mapping[str, Any]) -> None:
    """Refuses arguments that the environment does not take, where its signature tells."""
    known = environment_parameters(name)
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in known.values()):
        return  # our own environments, for one, check the world's arguments themselves
    for argument in kwargs:
        if argument not in known:
            raise ValueError(f"{argument}: {name} has no such argument; {closest(argument, known)}")


def environment_parameters(name: str) -> dict[str, inspect.Parameter]:
    """The arguments of a registered environment's constructor."""
    import gymnasium as gym
    from gymnasium.envs.registration import load_env_creator

    entry = gym.spec(name).entry_point
    creator = load_env_creator(entry) if isinstance(entry, str) else entry
    return {} if creator is None else dict(inspect.signature(creator).parameters)
