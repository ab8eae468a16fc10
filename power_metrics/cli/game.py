"""``powerenvs game``: a game of two players, or the one that a world is: equilibria, decomposition, picture."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from power_metrics.cli.command import Command, add_samples, check_outputs, check_writable, show
from power_metrics.cli.models import add_kwarg_arguments, given_kwargs, load_source
from power_metrics.results.stored import json_text
from powerenvs.model.text import text_table
from powerenvs.sources.by_name import LoadedGame
from powerenvs.version import __version__

if TYPE_CHECKING:
    from power_metrics.games.bimatrix import Bimatrix
    from power_metrics.games.decomposition import Decomposition
    from power_metrics.games.results import Matches


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which game, what is computed, and where results go."""
    parser.add_argument(
        "id",
        metavar="GAME",
        help="the name of a well-known game, such as battle_of_the_sexes; a file, .nfg of Gambit or .csv with the "
        "columns row, column, payoff_row, payoff_column, whose repeated lines are results of matches; or with --world "
        "a world of two agents",
    )
    parser.add_argument("--world", action="store_true", help="GAME is a world: random, optimal and power-seeking play")
    group = parser.add_argument_group("worlds", "with --world")
    group.add_argument("--gamma", metavar="G", type=float, help="discount; default 0.9")
    group.add_argument("--payoff", metavar="KIND", help="reward, performance or power; default reward")
    add_samples(group, "reward functions that POWER is averaged over; default 1000")
    add_kwarg_arguments(group)
    parser.add_argument(
        "--dynamics", metavar="KIND", default="replicator", help="of the picture: replicator, mutator or logit"
    )
    parser.add_argument("--plot", metavar="FILE", help="write a picture of the dynamics beside the counterparts'")
    parser.add_argument("--json", metavar="FILE", help="write what was found as JSON")
    parser.add_argument("--out", metavar="FILE", help="write the game, as .nfg or .csv")


def run(args: argparse.Namespace) -> None:
    """Solves and decomposes the game, prints what was found, and writes the files asked for."""
    import power_metrics as pm

    check_outputs(args)
    if args.out is not None:
        check_writable("--out", args.out)
    game, matches = _game(args)
    found = pm.games.decompose(game)
    written = []
    if args.plot is not None:
        from power_metrics.plots import plot_decomposition

        plot_decomposition(found, args.dynamics, path=args.plot)
        written.append(args.plot)
    if args.json is not None:
        json_text({"powerenvs": __version__, **as_dict(found)}, args.json)
        written.append(args.json)
    if args.out is not None:
        pm.games.save(game, args.out)
        written.append(args.out)
    show(report(found, matches), written)


def _game(args: argparse.Namespace) -> tuple[Bimatrix, Matches | None]:
    """The game that is asked for, and the results of matches that it comes from."""
    import power_metrics as pm
    from power_metrics.games.files import SUFFIXES, read_lines, read_text

    if args.world:
        gamma = 0.9 if args.gamma is None else args.gamma
        loaded = load_source(args, game=True)
        assert isinstance(loaded, LoadedGame), "load_source loads games when games are wanted"
        count = 1000 if args.samples is None else args.samples
        own, other = (
            pm.games.reference_policies(loaded.game, agent, gamma, num_samples=count) for agent in loaded.game.agents
        )
        payoff = args.payoff or "reward"
        options: dict[str, Any] = {"num_samples": count, "progress": False} if payoff == "power" else {}
        return pm.games.empirical(loaded.game, own, other, gamma, payoff=payoff, **options).game, None
    for option, given in (("gamma", args.gamma), ("payoff", args.payoff), ("num-samples", args.samples)):
        if given is not None:
            raise ValueError(f"--{option}: goes with --world only")
    if given_kwargs(args):
        raise ValueError(f"--kwarg: goes with --world only, found {given_kwargs(args)}")
    if not args.id.lower().endswith(SUFFIXES):
        return pm.games.named(args.id), None
    if args.id.lower().endswith(".csv"):
        lines = read_lines(read_text(args.id))
        if len({line[:2] for line in lines}) < len(lines):
            found = pm.games.matches(args.id)
            return found.game, found
    return pm.games.load(args.id), None


def report(found: Decomposition, matches: Matches | None = None) -> str:
    """The payoffs, the equilibria and whether they decompose, and the counterparts."""
    game = found.game
    head = f"{game.title or 'Game'}: payoffs of {game.players[0]}, {game.players[1]}"
    combined = {(x.tobytes(), y.tobytes()) for x, y in found.combined}
    reasons = iter(found.reasons)
    rows = [(f"{game.players[0]} plays", f"{game.players[1]} plays", "payoffs", "regret", "component", "decomposes")]
    for point in found.equilibria.points:
        whole = (point.x.tobytes(), point.y.tobytes()) in combined
        rows.append(
            (
                _mixed(point.x, game.names[0]),
                _mixed(point.y, game.names[1]),
                ", ".join(f"{value:.6g}" for value in point.payoffs),
                f"{point.regret:.1e}",
                str(point.component + 1),
                "yes" if whole else next(reasons).partition("; ")[2],
            )
        )
    parts = [head, str(game), f"Equilibria\n{text_table(rows)}"]
    if found.equilibria.degenerate:
        parts.append("Equilibria of one component with several are the extreme points of infinitely many.")
    if matches is not None:
        parts.append(_likely(matches))
    for counterpart, table in zip(found.counterparts, ("A", "B transposed"), strict=True):
        lines = "\n".join(f"  {_mixed(z, counterpart.names)}" for z in counterpart.equilibria)
        parts.append(f"Symmetric equilibria of the counterpart with {table}\n{lines or '  none'}")
    return "\n\n".join(parts)


def as_dict(found: Decomposition) -> dict[str, Any]:
    """What was found as JSON values."""
    game = found.game
    return {
        "title": game.title,
        "players": list(game.players),
        "strategies": [list(names) for names in game.names],
        "A": game.A.tolist(),
        "B": game.B.tolist(),
        "equilibria": [
            {
                "x": point.x.tolist(),
                "y": point.y.tolist(),
                "payoffs": list(point.payoffs),
                "regret": point.regret,
                "component": point.component,
            }
            for point in found.equilibria.points
        ],
        "combined": [[x.tolist(), y.tolist()] for x, y in found.combined],
        "not_decomposable": [
            {"x": x.tolist(), "y": y.tolist(), "reason": reason, "order": None if order is None else list(order)}
            for (x, y), reason, order in zip(found.not_decomposable, found.reasons, found.orders, strict=True)
        ],
        "counterparts": [[z.tolist() for z in counterpart.equilibria] for counterpart in found.counterparts],
    }


def _likely(matches: Matches) -> str:
    rows: list[tuple[str, ...]] = [("equilibrium", "kept in", "first player's interval", "second player's")]
    for number_, one in enumerate(matches.likely_equilibria(), start=1):
        intervals = [
            ", ".join(f"{low:.3g} to {high:.3g}" for low, high in bounds.T) if one.frequency else "-"
            for bounds in (one.x, one.y)
        ]
        rows.append((str(number_), f"{one.frequency:.0%}", *intervals))
    return f"Of 200 draws of the results with replacement, 95% intervals of probabilities\n{text_table(rows)}"


def _mixed(strategy: Any, names: tuple[str, ...]) -> str:
    played = [(name, value) for name, value in zip(names, strategy.tolist(), strict=True) if value]
    return played[0][0] if len(played) == 1 else ", ".join(f"{name} {value:.6g}" for name, value in played)


COMMAND = Command(
    "game",
    "solve and decompose a game of two players, or the one that a world is",
    "powerenvs game battle_of_the_sexes --plot battle.png\n  powerenvs game payoffs.csv --json found.json\n"
    "  powerenvs game stag_hunt --world --gamma 0.9",
    add_arguments,
    run,
)
