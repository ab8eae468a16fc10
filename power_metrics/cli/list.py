"""``powerenvs list``: the ids, and the names of games."""

from __future__ import annotations

import argparse
import inspect

from power_metrics.cli.command import Command, text_table


def run(args: argparse.Namespace) -> None:
    """Prints the tables of ids and of games; sizes are those of the tables with default arguments."""
    from powerenvs.envs.loading import load_world
    from powerenvs.registry import ENVIRONMENTS
    from powerenvs.sources.by_name import GAMES, load_game

    rows = [("id", "states", "actions", "transitions are", "what it is")]
    for entry in ENVIRONMENTS:
        if entry.exact:
            given = ", ".join(f"{name}={value}" for name, value in entry.exact.items())
            rows.append((entry.id, "many", "", f"with {given}", entry.summary))
            continue
        mdp, _ = load_world(entry.world, entry.kwargs, ())
        kind = "deterministic" if mdp.deterministic else "stochastic"
        rows.append((entry.id, f"{mdp.num_states:,}", str(mdp.num_actions), kind, entry.summary))
    print(text_table(rows, right=(1, 2)))
    if any(entry.exact for entry in ENVIRONMENTS):
        print("\nIds with many states are too large for tables by default; the arguments named make them small enough.")
    games = [("two agents", "states", "actions", "transitions are", "what it is")]
    for name in GAMES:
        loaded = load_game(f"{name}_v0", {})
        kind = "deterministic" if loaded.game.deterministic else "stochastic"
        actions = "×".join(map(str, loaded.game.num_actions))
        summary = inspect.cleandoc(type(loaded.world).__doc__ or "").split("\n")[0].rstrip(".")
        games.append((name, f"{loaded.game.num_states:,}", actions, kind, summary))
    print(f"\n{text_table(games, right=(1, 2))}")
    print(
        "\nSizes are those of the default arguments, which 'powerenvs show ID' explains. Other Gymnasium ids with\n"
        "exact tables work too, such as FrozenLake-v1, CliffWalking-v1 and minigrid:MiniGrid-FourRooms-v0."
    )


COMMAND = Command("list", "list the environments", "powerenvs list", lambda parser: None, run)
