"""``powerenvs power``: POWER of every state of an environment, as a table, a picture and files."""

from __future__ import annotations

import argparse
import math
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from power_metrics.cli.command import (
    Command,
    add_samples,
    add_split_arguments,
    check_outputs,
    given_split,
    number,
    numbered,
    show,
    write_results,
)
from power_metrics.cli.models import add_model_arguments, load_model
from power_metrics.cli.two_agents import add_pair_arguments, refuse_pair_options, run_two_agents
from power_metrics.rewards.text import parse_distribution
from powerenvs.model.labels import label_text
from powerenvs.model.text import text_table
from powerenvs.sources.by_name import LoadedModel, game_name

if TYPE_CHECKING:
    from power_metrics.results.estimate import PowerEstimate

MAX_ROWS = 40
EXTREMES = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The model, how POWER is estimated, and where results go."""
    add_model_arguments(parser)
    parser.add_argument(
        "--gamma", metavar="G", type=float, nargs="+", default=[0.9], help="discounts, each in [0, 1]; default 0.9"
    )
    add_samples(parser, "reward functions; default 10000; with --tolerance, the most to draw")
    parser.add_argument(
        "--method",
        metavar="M",
        default="monte_carlo",
        help="monte_carlo (the default), antithetic, sobol, enumeration, closed_form, or auto for the best that fits",
    )
    parser.add_argument(
        "--tolerance", metavar="T", type=float, help="draw until 95%% intervals reach no further than T to each side"
    )
    parser.add_argument("--seed", metavar="N", type=int, default=0, help="of the reward functions; default 0")
    parser.add_argument(
        "--reward-distribution",
        metavar="D",
        default="uniform(0, 1)",
        help="of the reward of each state: uniform(low, high), beta(a, b), bernoulli(p), pareto(scale, alpha) or "
        "normal(mean, std); default uniform(0, 1)",
    )
    add_pair_arguments(parser)
    parser.add_argument("--top", metavar="N", type=number, help="print the N states with the highest POWER only")
    parser.add_argument(
        "--plot", metavar="FILE", help="write a picture; the suffix chooses the format, such as .png or .pdf"
    )
    parser.add_argument(
        "--same-scale", action="store_true", help="with --plot, one scale of colours for all discounts; else one each"
    )
    add_split_arguments(parser)
    parser.add_argument("--json", metavar="FILE", help="write the numbers, and how they were computed, as JSON")
    parser.add_argument(
        "--save", metavar="FILE", help="write an .npz file for PowerEstimate.load; for several discounts, one file each"
    )


def run(args: argparse.Namespace) -> None:
    """Computes, prints a table for each discount, and writes the files asked for."""
    import power_metrics as pm
    from power_metrics.arguments.checks import check_count, check_gammas

    gammas, _ = check_gammas(args.gamma, "--gamma")
    num_samples = None if args.samples is None else check_count("--samples", args.samples)
    seed = check_count("--seed", args.seed, least=0)
    reward = parse_distribution(args.reward_distribution, "--reward-distribution")
    top = None if args.top is None else check_count("--top", args.top)
    check_outputs(args)
    split = given_split(args)
    if (game := game_name(args.id)) is not None:
        if split:
            raise ValueError("--by, --where: expected an environment of one agent; see plot(where=) for games")
        run_two_agents(args, game, gammas, reward, num_samples, seed)
        return
    refuse_pair_options(args)
    model = load_model(args)
    mdp = model.mdp
    kind = "deterministic" if mdp.deterministic else "stochastic"
    title = f"{model.title}: {mdp.num_states:,} states, {mdp.num_actions} actions, {kind}"
    estimates = pm.power(mdp, gammas, reward, num_samples, seed, method=args.method, tolerance=args.tolerance)
    suffixes = [f"gamma_{estimate.gamma:g}" for estimate in estimates]
    draw = partial(_draw, model, estimates, suffixes, args.same_scale, split)
    written = write_results(args, model, "estimates", estimates, suffixes, draw)
    show("\n\n".join([title, *(report(estimate, top) for estimate in estimates)]), written)


def report(estimate: PowerEstimate, top: int | None = None) -> str:
    """A table of POWER with standard errors, the highest and the lowest state, and what it took.

    Up to 40 states are listed in their order; of more, the ten with the highest and the ten with the lowest POWER;
    with ``top`` so many with the highest.
    """
    mdp = estimate.mdp
    decimals = _decimals(estimate)
    order = np.argsort(-estimate.mean, kind="stable")
    few = mdp.num_states <= MAX_ROWS or top is not None
    shown = (
        order[:top] if top is not None else range(mdp.num_states) if few else [*order[:EXTREMES], *order[-EXTREMES:]]
    )

    def entry(s: int) -> tuple[str, str, str]:
        error = estimate.standard_error[s]
        return label_text(mdp.state_labels[s]), f"{estimate.mean[s]:.{decimals}f}", f"± {error:.{decimals}f}"

    lines = text_table([("state", "POWER", "standard error"), *map(entry, shown)], right=(1,)).split("\n")
    if not few:
        lines.insert(EXTREMES + 1, f"... {mdp.num_states - 2 * EXTREMES:,} states between ...")
    return "\n".join(
        [
            f"POWER at gamma {estimate.gamma:g}, {_drawn(estimate)}{estimate.reward}",
            *lines,
            "highest: " + "  ".join(entry(int(order[0]))),
            "lowest:  " + "  ".join(entry(int(order[-1]))),
            *(f"note: {note}" for note in estimate.notes),
            f"largest Bellman residual: {estimate.residual:.1e} of max|V|",
            f"time: {estimate.seconds:.2f} s ({estimate.cpu_seconds:.2f} s of processor time)",
        ]
    )


def _drawn(estimate: PowerEstimate) -> str:
    return f"{estimate.num_samples:,} reward functions, " if estimate.num_samples else f"{estimate.method}, "


def _decimals(estimate: PowerEstimate) -> int:
    """As many as show two digits of a typical standard error."""
    errors = estimate.standard_error[estimate.standard_error > 0]
    if not errors.size:
        return 6
    return min(12, max(0, 1 - math.floor(math.log10(float(np.median(errors))))))


def _draw(
    model: LoadedModel,
    estimates: list[PowerEstimate],
    suffixes: list[str],
    same_scale: bool,
    split: dict[str, Any],
    path: str,
) -> list[str]:
    """One picture, or, of several discounts with panels that tell states apart, one each; returns the paths."""
    from power_metrics.plots import plot_power, plot_powers

    if len(estimates) > 1 and not split:
        plot_powers(estimates, same_scale=same_scale, title=f"POWER of {model.title}", path=path)
        return [path]
    paths = numbered(path, suffixes)
    for estimate, one in zip(estimates, paths, strict=True):
        plot_power(estimate, title=f"POWER of {model.title}, γ = {estimate.gamma:g}", path=one, **split)
    return paths


COMMAND = Command(
    "power",
    "compute POWER of every state",
    "powerenvs power PowerGrid-v0 --level maze_7x7 --gamma 0.1 0.9 0.99 --plot maze.png --json maze.json\n"
    "  powerenvs power FrozenLake-v1 --kwarg is_slippery=false --reward-distribution 'beta(2, 5)'\n"
    "  powerenvs power power_pair --level open_3x3 --walls absent --gamma 0.6 --correlation 0 --plot pair.png",
    add_arguments,
    run,
)
