"""``powerenvs list``: the ids, and the names of games."""

from __future__ import annotations

import argparse
import math

from power_metrics.cli.command import Command
from powerenvs.model.text import text_table

GAMMA, SAMPLES = 0.9, 200
"""Of the POWER of games."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is listed."""
    parser.add_argument("--measures", action="store_true", help="list the measures instead")
    parser.add_argument("--games", action="store_true", help="list the games of two agents, with POWER and alignment")


def run(args: argparse.Namespace) -> None:
    """Prints the tables of ids and of games, or that of measures."""
    if args.measures and args.games:
        raise ValueError("--measures, --games: expected one of them, found both")
    if args.measures:
        _list_measures()
        return
    if args.games:
        _list_games()
        return
    _list_environments()


def _list_measures() -> None:
    from power_metrics.measures.registry import measures

    rows = [("measure", "of", "what it is")]
    rows += [(one.name, "games" if one.game else "one agent", one.summary) for one in measures().values()]
    print(text_table(rows))
    print("\n'powerenvs measure NAME --help' explains the settings of each; in Python it is power_metrics.NAME.")


def _list_games() -> None:
    """POWER of both agents, what the second one's pursuit of its rewards does to the first, and alignment."""
    from power_metrics.measures.multiagent_power import multiagent_power
    from powerenvs.registry import games
    from powerenvs.sources.by_name import load_game

    rows = [("two agents", "states", "POWER of the first", "change", "POWER of the second", "alignment", "what it is")]
    for entry in games().values():
        game = load_game(entry.name, {}).game
        both = multiagent_power(game, GAMMA, num_samples=SAMPLES, progress=False)
        first, second = game.agents
        before, after = (float(one.mean.mean()) for one in (both.baseline[first], both[first]))
        alignment = "-" if both.alignment is None or math.isnan(both.alignment) else f"{both.alignment:+.2f}"
        power = f"{before:.3f}", f"{after - before:+.3f}", f"{float(both[second].mean.mean()):.3f}"
        rows.append((entry.short, f"{game.num_states:,}", *power, alignment, entry.summary))
    print(text_table(rows, right=(1, 2, 3, 4, 5)))
    print(
        f"\nMean POWER over states, gamma {GAMMA:g}, {SAMPLES} pairs of independent reward functions, uniform in\n"
        "[0, 1]: of the first agent while the second acts at random, how it changes once the second pursues its own\n"
        "rewards, and of the second. Alignment is the correlation of both over the states; '-' where POWER\n"
        "is the same in all."
    )


def _list_environments() -> None:
    """Ids and games; sizes are those of the tables with default arguments."""
    from powerenvs.authoring.family import load
    from powerenvs.envs.loading import load_world
    from powerenvs.registry import environments, games
    from powerenvs.sources.by_name import load_game

    rows = [("id", "states", "actions", "transitions are", "what it is")]
    for entry in environments():
        if entry.exact:
            given = ", ".join(f"{name}={value}" for name, value in entry.exact.items())
            rows.append((entry.id, "many", "", f"with {given}", entry.summary))
            continue
        mdp, _ = load_world(load(entry.world), entry.kwargs, ())
        kind = "deterministic" if mdp.deterministic else "stochastic"
        rows.append((entry.id, f"{mdp.num_states:,}", str(mdp.num_actions), kind, entry.summary))
    print(text_table(rows, right=(1, 2)))
    if any(entry.exact for entry in environments()):
        print("\nIds with many states are too large for tables by default; the arguments named make them small enough.")
    rows = [("two agents", "states", "actions", "transitions are", "what it is")]
    for game in games().values():
        tables = load_game(game.name, {}).game
        kind = "deterministic" if tables.deterministic else "stochastic"
        rows.append((game.short, f"{tables.num_states:,}", "×".join(map(str, tables.num_actions)), kind, game.summary))
    print(f"\n{text_table(rows, right=(1, 2))}")
    print(
        "\nSizes are those of the default arguments, which 'powerenvs show ID' explains. Other Gymnasium ids with\n"
        "exact tables work too, such as FrozenLake-v1, CliffWalking-v1 and minigrid:MiniGrid-FourRooms-v0."
    )


COMMAND = Command(
    "list",
    "list the environments, the measures, or the games with their POWER",
    "powerenvs list\n  powerenvs list --measures\n  powerenvs list --games",
    add_arguments,
    run,
)
