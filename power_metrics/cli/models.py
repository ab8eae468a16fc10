"""From the command line to a model: ``ID`` and the options that say how to make it."""

from __future__ import annotations

import argparse
import json
from typing import Any

from powerenvs.model.files import read_text
from powerenvs.sources import by_name
from powerenvs.sources.by_name import LoadedGame, LoadedModel

SHORTCUTS = {
    "level": "name of a shipped level, its text, or the path of a .txt file with it",
    "noise": "probability that is spread over all open directions",
    "walls": "'bump' or 'absent': whether moves into walls exist",
}


def add_model_arguments(
    parser: argparse.ArgumentParser, option: str | None = None, default: str | None = None, optional: bool = False
) -> None:
    """The id, as an argument or as a required option, and the options that become arguments of the environment.

    An argument may have a default, or be left out.
    """
    meaning = (
        "an id of 'powerenvs list'; any Gymnasium id with exact tables, such as FrozenLake-v1, with the module "
        "that registers it where it needs one, such as minigrid:MiniGrid-FourRooms-v0; a class of your own, as "
        "module:Class, file.py:Class or file.py; or a file of TabularMDP.save"
    )
    if default is not None:
        parser.add_argument("id", metavar="ID", nargs="?", default=default, help=f"{meaning}; default {default}")
    elif optional:
        parser.add_argument("id", metavar="ID", nargs="?", help=f"{meaning}; all worlds of a family without it")
    elif option is None:
        parser.add_argument("id", metavar="ID", help=meaning)
    else:
        parser.add_argument(option, dest="id", required=True, metavar="ID", help=meaning)
    add_kwarg_arguments(parser)


def add_kwarg_arguments(parser: Any) -> None:
    """The options that become arguments of the environment, on a parser or a group of one; see `given_kwargs`."""
    parser.add_argument("--level", metavar="LEVEL", help=SHORTCUTS["level"])
    parser.add_argument("--noise", metavar="P", type=float, help=SHORTCUTS["noise"])
    parser.add_argument("--walls", metavar="KIND", help=SHORTCUTS["walls"])
    add_setting_arguments(parser, "--kwarg", "any other argument of the environment")


def load_model(args: argparse.Namespace) -> LoadedModel:
    """The model that the arguments of `add_model_arguments` name; see `powerenvs.sources.by_name.load_model`."""
    return by_name.load_model(args.id, given_kwargs(args))


def load_source(args: argparse.Namespace, game: bool) -> LoadedModel | LoadedGame:
    """The model of one agent, or the game, that the arguments of `add_model_arguments` name.

    Raises:
        ValueError: besides what `load_model` refuses, for a game in place of one agent, or the reverse.
    """
    name = by_name.game_name(args.id)
    if game and name is None:
        raise ValueError(f"ID: expected a game, one of {', '.join(by_name.game_names())} or a file, found {args.id!r}")
    if not game and name is not None:
        raise ValueError(f"ID: expected an environment of one agent, found the game {args.id!r}")
    return load_model(args) if name is None else by_name.load_game(name, given_kwargs(args))


def make_environment(args: argparse.Namespace, **options: Any) -> tuple[Any, dict[str, Any]]:
    """The environment that the arguments of `add_model_arguments` name, and its arguments given on the command line.

    See `powerenvs.sources.by_name.make_environment`.
    """
    kwargs = given_kwargs(args)
    return by_name.make_environment(args.id, kwargs, **options), kwargs


def given_kwargs(args: argparse.Namespace) -> dict[str, Any]:
    """The arguments of the environment that the command line gives."""
    kwargs = {name: getattr(args, name) for name in SHORTCUTS if getattr(args, name) is not None}
    if "\n" not in (level := str(kwargs.get("level", ""))) and "\\n" in level:
        kwargs["level"] = level.replace("\\n", "\n")  # as it is typed between quotes
    elif level.endswith(".txt"):
        kwargs["level"] = read_text(kwargs["level"])
    return given_settings("--kwarg", args.kwarg, kwargs)


def add_setting_arguments(parser: Any, option: str, meaning: str) -> None:
    """An option NAME=VALUE that may be repeated; see `given_settings`."""
    parser.add_argument(
        option,
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help=f"{meaning}; the value is JSON, and a bare word is a string (may be repeated)",
    )


def given_settings(option: str, pairs: list[str], kwargs: dict[str, Any] | None = None) -> dict[str, Any]:
    """The arguments that an option gives as NAME=VALUE, with others that are known already.

    Raises:
        ValueError: for what is no NAME=VALUE, names given twice, and values that are no JSON.
    """
    found = dict(kwargs or {})
    for given in pairs:
        name, equals, value = given.partition("=")
        if not equals or not name.isidentifier():
            raise ValueError(f"{option}: expected NAME=VALUE, found {given!r}")
        if name in found:
            raise ValueError(f"{option}: {name} is given twice")
        found[name] = _value(option, name, value)
    return found


def _value(option: str, name: str, text: str) -> Any:
    """JSON, or a bare word as a string; not Python's spellings, which as strings would count as true."""
    spelling = {"True": "true", "False": "false", "None": "null"}.get(text)
    if spelling is not None:
        raise ValueError(f"{option}: expected JSON, found {name}={text}; write {name}={spelling}")
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        if text[:1] in tuple('[{"'):
            raise ValueError(f"{option}: expected JSON, found {name}={text} ({error})") from None
        return text
