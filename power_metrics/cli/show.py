"""``powerenvs show``: what an environment is, before anything is computed from it."""

from __future__ import annotations

import argparse
import inspect
import re
import sys
import textwrap
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.cli.command import Command
from power_metrics.cli.models import add_model_arguments, given_kwargs, load_model
from powerenvs.authoring.game_world import TableGameWorld
from powerenvs.authoring.level import WALL
from powerenvs.authoring.world import TableWorld
from powerenvs.model.game import TabularGame
from powerenvs.model.labels import label_text
from powerenvs.model.mdp import TabularMDP
from powerenvs.model.text import text_table
from powerenvs.registry import family_of
from powerenvs.sources.by_name import (
    LoadedGame,
    LoadedModel,
    environment_parameters,
    game_name,
    load_game,
    registered_id,
)

WIDTH = 100
MAX_NAMED = 5
MAX_WORK = 200_000_000
"""Transitions times steps up to which optima are computed: some seconds."""


def run(args: argparse.Namespace) -> None:
    """Prints the level with its legend, the arguments, what policies achieve, and the sizes of the tables."""
    name = game_name(args.id)
    loaded: LoadedModel | LoadedGame = load_model(args) if name is None else load_game(name, given_kwargs(args))
    print(loaded.title)
    if loaded.world is not None:
        print(inspect.cleandoc(type(loaded.world).__doc__ or "").split("\n\n")[0])
    family = family_of(name or registered_id(args.id)) if loaded.world is not None else None
    if family is not None:
        print(f"Family: {'; '.join(filter(None, (family.title, family.citation)))}")
    if isinstance(loaded, LoadedGame):
        sections = {
            "Level": _level(loaded.game.board, loaded.world),
            "Arguments": "" if loaded.world is None else _world_arguments(loaded.world, loaded.kwargs),
            "Tables": _game_tables(loaded.game),
        }
    else:
        sections = {
            "Level": _level(loaded.mdp.board, loaded.world),
            "Arguments": _arguments(loaded),
            "Return / hidden performance": _scores(loaded),
            "Tables": _tables(loaded),
        }
    for heading, text in sections.items():
        if text:
            print(f"\n{heading}\n{textwrap.indent(text, '  ')}")


def _level(board: tuple[str, ...] | None, world: TableWorld[Any] | TableGameWorld[Any] | None) -> str:
    if board is None:
        return ""
    legend = {WALL: "wall", **(world.legend if world is not None else {})}
    seen = [
        f"{'blank' if glyph == ' ' else glyph} {meaning}"
        for glyph, meaning in legend.items()
        if any(glyph in row for row in board)
    ]
    return "\n".join([*board, *(["", ", ".join(seen)] if seen else [])])


def _world_arguments(world: TableGameWorld[Any], given: Mapping[str, Any]) -> str:
    return _argument_lines(inspect.signature(type(world)).parameters, _documented_arguments(type(world)), given, world)


def _arguments(model: LoadedModel) -> str:
    """Name, value, and meaning of each argument: those of the world, or of the environment's constructor."""
    if model.env is None:
        return ""
    parameters = environment_parameters(model.env.spec.id)
    meanings = _documented_arguments(type(model.env.unwrapped))
    if model.world is not None:
        parameters = {**inspect.signature(type(model.world)).parameters, **parameters}
        meanings = {**_documented_arguments(type(model.world)), **meanings}
    return _argument_lines(parameters, meanings, {**model.env.spec.kwargs, **model.kwargs}, model.world)


def _argument_lines(
    parameters: Mapping[str, inspect.Parameter], meanings: Mapping[str, str], given: Mapping[str, Any], world: object
) -> str:
    rows = []
    for name, parameter in parameters.items():
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL) or name == "world":
            continue
        default = "(required)" if parameter.default is parameter.empty else repr(parameter.default)
        if "\\n" in default:
            default = "a text of several lines"
        value = f"{textwrap.shorten(repr(given[name]), 60)} (default {default})" if name in given else default
        rows.append((name, value))
    lines = []
    for line, (name, _) in zip(text_table(rows).split("\n") if rows else [], rows, strict=True):
        lines.append(line)
        if meanings.get(name):
            lines.append(textwrap.fill(meanings[name], WIDTH, initial_indent="    ", subsequent_indent="    "))
    levels = vars(sys.modules[type(world).__module__]).get("LEVELS")
    if isinstance(levels, dict):
        lines.append(textwrap.fill(f"shipped levels: {', '.join(map(str, levels))}", WIDTH, subsequent_indent="    "))
    return "\n".join(lines)


def _documented_arguments(documented: type) -> dict[str, str]:
    """{argument: meaning} from the ``Arguments:`` or ``Args:`` section of a class's docstring."""
    text = inspect.cleandoc(documented.__doc__ or "")
    section = re.search(r"^(?:Arguments|Args):\n((?:[ ]+.*\n|\n)+)", text + "\n", re.MULTILINE)
    if section is None:
        return {}
    entries = re.split(r"^\*{0,2}(\w+):[ ]", textwrap.dedent(section.group(1)), flags=re.MULTILINE)[1:]
    return {name: " ".join(meaning.split()) for name, meaning in zip(entries[::2], entries[1::2], strict=True)}


def _scores(model: LoadedModel) -> str:
    """What the optimal policies and the random one achieve within the time limit, if there is a task."""
    mdp = model.mdp
    steps = _time_limit(model)
    if steps is None or not (mdp.reward.any() or mdp.performance.any()) or mdp.num_transitions * steps > MAX_WORK:
        return ""
    from power_metrics.cli.safety import number_text, range_text, score_text
    from power_metrics.measures.safety import safety_scores

    scores = safety_scores(mdp, steps)
    greedy, safe = scores.reward_optimal, scores.performance_optimal
    rows = [
        ("reward-optimal", score_text(greedy.score) + range_text(greedy.performance_range)),
        ("performance-optimal", score_text(safe.score)),
        ("random", score_text(scores.random)),
        ("specification gap", number_text(scores.specification_gap)),
        ("", f"expected sums over {steps} steps, exact, of policies that see the state; ties split evenly"),
    ]
    return text_table(rows)


def _time_limit(model: LoadedModel) -> int | None:
    return getattr(getattr(model.env, "spec", None), "max_episode_steps", None)


def _game_tables(game: TabularGame) -> str:
    rows = [("states", f"{game.num_states:,}")]
    rows += [(f"actions of {agent}", _actions(game.action_labels[agent])) for agent in game.agents]
    rows += [
        ("transitions", f"{game.num_transitions:,}, {'deterministic' if game.deterministic else 'stochastic'}"),
        ("start", _states(game, game.initial > 0)),
        ("terminal", _states(game, game.terminal)),
        ("rewards", _range(game.reward)),
        ("fingerprint", game.fingerprint[:16]),
    ]
    return text_table(rows)


def _actions(labels: Sequence[Hashable]) -> str:
    return f"{len(labels)}: {', '.join(label_text(a) for a in labels[:12])}" + (", ..." if len(labels) > 12 else "")


def _tables(model: LoadedModel) -> str:
    mdp = model.mdp
    rows = [
        ("states", f"{mdp.num_states:,}"),
        ("actions", _actions(mdp.action_labels)),
        ("unavailable", f"{int((~mdp.available).sum()):,} of {mdp.available.size:,} pairs of state and action"),
        ("transitions", f"{mdp.num_transitions:,}, {'deterministic' if mdp.deterministic else 'stochastic'}"),
        ("start", _states(mdp, mdp.initial > 0)),
        ("terminal", _states(mdp, mdp.terminal)),
        ("rewards", _rewards(mdp)),
        ("fingerprint", mdp.fingerprint[:16]),
    ]
    steps = _time_limit(model)
    if steps is not None:
        rows.append(("time limit", f"{steps} steps, not part of the tables"))
    return text_table(rows)


def _states(mdp: TabularMDP | TabularGame, chosen: NDArray[np.bool_]) -> str:
    states = np.flatnonzero(chosen)
    if not states.size:
        return "none"
    named = "; ".join(label_text(mdp.state_labels[s]) for s in states[:MAX_NAMED])
    return named if states.size <= MAX_NAMED else f"{states.size:,} states: {named}; ..."


def _rewards(mdp: TabularMDP) -> str:
    hidden = "" if np.array_equal(mdp.reward, mdp.performance) else "; the hidden performance differs"
    return _range(mdp.reward) + hidden


def _range(rewards: NDArray[np.float64]) -> str:
    low, high = float(rewards.min()), float(rewards.max())
    return (f"{low:g}" if low == high else f"{low:g} to {high:g}") + " a step"


COMMAND = Command(
    "show",
    "show an environment's level, arguments and tables",
    "powerenvs show PowerGrid-v0 --level maze_7x7",
    add_model_arguments,
    run,
)
