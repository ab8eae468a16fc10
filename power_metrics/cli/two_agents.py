"""``powerenvs power`` for a game: POWER of two agents or more, as a table, a picture and files."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from power_metrics.cli.command import show, write_results
from power_metrics.cli.models import given_kwargs
from powerenvs.model.labels import label_text
from powerenvs.model.text import text_table
from powerenvs.sources.by_name import LoadedGame, game_names, load_game

if TYPE_CHECKING:
    from power_metrics.results.group import GroupPower
    from power_metrics.results.multiagent import MultiagentPower
    from power_metrics.rewards.distributions import RewardDistribution

MAX_ROWS, EXTREMES = 40, 10


def add_pair_arguments(parser: argparse.ArgumentParser) -> None:
    """What only two agents have."""
    group = parser.add_argument_group(
        "two agents", f"for the games {', '.join(game_names())}, or a file of TabularGame.save"
    )
    group.add_argument(
        "--correlation",
        metavar="RHO",
        type=float,
        nargs="+",
        help="correlations of the two agents' rewards, each in [-1, 1]; default 0",
    )
    group.add_argument("--gamma-a", metavar="G", type=float, help="discount of the second agent; default --gamma")
    group.add_argument("--rounds", metavar="N", type=int, help="how often each agent answers the other; default 1")


def refuse_pair_options(args: argparse.Namespace) -> None:
    """Refuses the options of two agents for a model of one.

    Raises:
        ValueError: naming the option.
    """
    for option in ("correlation", "gamma_a", "rounds"):
        if getattr(args, option) is not None:
            raise ValueError(
                f"--{option.replace('_', '-')}: goes with two agents only, which {args.id} has not; games are "
                f"{', '.join(game_names())}"
            )


def run_two_agents(
    args: argparse.Namespace,
    name: str,
    gammas: list[float],
    reward: RewardDistribution,
    num_samples: int | None,
    seed: int,
) -> None:
    """Computes, prints a table for each correlation and one of all, and writes the files asked for."""
    import power_metrics as pm

    if len(gammas) > 1:
        raise ValueError(f"--gamma: expected one discount for two agents, found {len(gammas)}")
    if args.tolerance is not None or args.method != "monte_carlo":
        raise ValueError("--method, --tolerance: expected the defaults for two agents; use --samples")
    correlations = [0.0] if args.correlation is None else args.correlation
    if len(set(correlations)) < len(correlations):
        raise ValueError("--correlation: expected different numbers, found equal ones")
    loaded = load_game(name, given_kwargs(args))
    game = loaded.game
    actions = " × ".join(f"{agent} {count} actions" for agent, count in zip(game.agents, game.num_actions, strict=True))
    kind = "deterministic" if game.deterministic else "stochastic"
    title = f"{loaded.title}: {game.num_states:,} states, {actions}, {kind}"
    results = [
        pm.multiagent_power(
            game,
            gammas[0],
            args.gamma_a,
            correlation,
            reward,
            10_000 if num_samples is None else num_samples,
            seed,
            rounds=1 if args.rounds is None else args.rounds,
        )
        for correlation in correlations
    ]
    suffixes = [f"correlation_{correlation:g}" for correlation in correlations]
    written = write_results(args, loaded, "results", results, suffixes, partial(_draw, loaded, results))
    show("\n\n".join([title, *map(report, results), *([summary(results)] if len(results) > 1 else [])]), written)


def report(result: MultiagentPower | GroupPower) -> str:
    """A table of all agents' POWER, their averages with baselines, the alignment, and what it took.

    Up to 40 states are listed in their order; of more, the ten with the highest and the ten with the lowest POWER of
    the first agent.
    """
    game, (first, *_, last) = result.game, result.agents
    two = len(result.agents) == 2
    order = np.argsort(-result[first].mean, kind="stable")
    few = game.num_states <= MAX_ROWS
    shown = range(game.num_states) if few else [*order[:EXTREMES].tolist(), *order[-EXTREMES:].tolist()]
    rows: list[tuple[str, ...]] = [("state", *(f"POWER of {agent} ± standard error" for agent in result.agents))]
    for s in shown:
        powers = (f"{result[a].mean[s]:.4f} ± {result[a].standard_error[s]:.4f}" for a in result.agents)
        rows.append((label_text(game.state_labels[s]), *powers))
    lines = text_table(rows).split("\n")
    if not few:
        lines.insert(EXTREMES + 1, f"... {game.num_states - 2 * EXTREMES:,} states between ...")
    discounts = ", ".join(f"{g:g}" for g in dict.fromkeys(result[agent].gamma for agent in result.agents))
    head = (
        f"correlation {result.correlation:g}, gamma {discounts}, {result.num_samples:,} "
        f"{'pairs' if two else 'sets'} of reward functions, {result[first].reward}"
    )
    averages: list[tuple[str, ...]] = [("mean over states", "POWER ± standard error", "baseline ± standard error", "")]
    for i, agent in enumerate(result.agents):
        later = result.agents[i + 1 :]
        meaning = f"against the seed polic{'y' if len(later) == 1 else 'ies'} of {' and '.join(later)}"
        numbers = (
            f"{result.average(agent, baseline=b):.4f} ± {result.average_error(agent, baseline=b):.4f}"
            for b in (False, True)
        )
        averages.append((agent, *numbers, "playing its seed policy" if agent == last else meaning))
    rounds = [
        f"round {n}: POWER changed by at most {', '.join(f'{x:.4f} ({agent})' for agent, x in moved.items())}; "
        f"{settled:.0%} of {'pairs' if two else 'sets'} settled"
        for n, (moved, settled) in enumerate(result.moves(), 2)
    ]
    estimate = result[first]
    return "\n".join(
        [
            head,
            *lines,
            *text_table(averages).split("\n"),
            *(f"{name}: {text}" for name, text in _alignments(result).items()),
            *rounds,
            f"largest Bellman residual: {estimate.residual:.1e} of max|V|",
            f"time: {estimate.seconds:.2f} s ({estimate.cpu_seconds:.2f} s of processor time)",
        ]
    )


def summary(results: Sequence[MultiagentPower | GroupPower]) -> str:
    """One line for each correlation: averages over states, and the alignment."""
    agents = results[0].agents
    rows = [
        ("correlation", *agents, *(f"{agent}, baseline" for agent in agents), *_alignments(results[0])),
        *(
            (
                f"{result.correlation:g}",
                *(f"{result.average(agent, baseline=b):.4f}" for b in (False, True) for agent in agents),
                *_alignments(result).values(),
            )
            for result in results
        ),
    ]
    return text_table(rows, right=range(2 * len(agents) + 1))


def _alignments(result: MultiagentPower | GroupPower) -> dict[str, str]:
    """{what it is: the number and its interval} of each two agents."""
    found = {}
    for a, b, plain, corrected, low, high in result.pairs():
        text = f"{plain:.3f}"
        if low == low:
            text += f", without noise {corrected:.3f} (95% interval {low:.3f} to {high:.3f})"
        found["alignment" if len(result.agents) == 2 else f"alignment of {a} and {b}"] = text
    return found


def _draw(loaded: LoadedGame, results: list[Any], path: str) -> None:
    from power_metrics.plots import plot_correlation_sweep

    if len(results) == 1:
        results[0].plot(path=path)
    elif len(results[0].agents) > 2:
        raise ValueError("--correlation: expected one for a picture of more than two agents; draw each by itself")
    else:
        heading = f"{loaded.title}, γ = {results[0][results[0].agents[0]].gamma:g}"
        plot_correlation_sweep(results, title=heading, path=path)
