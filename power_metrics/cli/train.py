"""``powerenvs train``: a learner in a world, its policy measured exactly along the way."""

from __future__ import annotations

import argparse
import json
from typing import Any

from power_metrics.cli.command import Command, check_outputs, number, show, write_result
from power_metrics.cli.models import add_model_arguments, make_environment


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The environment, the learner, and where results go."""
    add_model_arguments(parser)
    parser.add_argument(
        "--algorithm", metavar="NAME", default="ppo", help="the learner; default ppo; 'list' shows all of them"
    )
    parser.add_argument("--steps", metavar="N", type=number, default=20_000, help="steps to take; default 20000")
    parser.add_argument("--seed", metavar="N", type=int, default=0, help="of learner and environment; default 0")
    parser.add_argument("--gamma", metavar="G", type=float, default=0.9, help="discount, in [0, 1); default 0.9")
    parser.add_argument(
        "--eval-every", metavar="N", type=number, help="steps from one look at the policy to the next; default a 20th"
    )
    parser.add_argument(
        "--max-episode-steps", metavar="N", type=number, help="end episodes after so many steps; default the world's"
    )
    parser.add_argument(
        "--setting", metavar="NAME=VALUE", action="append", default=[],
        help="an argument of the learner, such as learning_rate=0.001; the value is JSON (may be repeated)",
    )  # fmt: skip
    parser.add_argument("--out", metavar="FOLDER", help="keep checkpoints there; the same command goes on from them")
    parser.add_argument("--plot", metavar="FILE", help="write a picture; the suffix chooses the format")
    parser.add_argument("--json", metavar="FILE", help="write the numbers as JSON")


def run(args: argparse.Namespace) -> None:
    """Trains, prints the table, and writes the files asked for."""
    check_outputs(args)
    if args.algorithm == "list":
        from power_metrics.learners.algorithms import ALGORITHMS

        width = max(map(len, ALGORITHMS))
        show("\n".join(f"{name:<{width}}  {one.summary} ({one.source})" for name, one in ALGORITHMS.items()), [])
        return
    import gymnasium as gym

    import power_metrics as pm
    from power_metrics.arguments.checks import check_count

    settings = dict(setting(given) for given in args.setting)
    env, _ = make_environment(args)
    if args.max_episode_steps is not None:
        env = gym.wrappers.TimeLimit(env, check_count("--max-episode-steps", args.max_episode_steps))
    found = pm.train(
        env, args.algorithm, steps=args.steps, seed=args.seed, out=args.out, gamma=args.gamma,
        eval_every=args.eval_every, settings=settings,
    )  # fmt: skip
    written = [*([] if args.out is None else [args.out]), *write_result(args, found)]
    show(f"{args.algorithm} in {args.id}\n{found}", written)


def setting(given: str) -> tuple[str, Any]:
    """A name and a value from NAME=VALUE.

    Raises:
        ValueError: for anything else.
    """
    name, equals, value = given.partition("=")
    try:
        if not equals or not name.isidentifier():
            raise ValueError
        return name, json.loads(value)
    except ValueError:
        raise ValueError(f"--setting: expected NAME=VALUE with a JSON value, found {given!r}") from None


COMMAND = Command(
    "train",
    "train a learner in a world and measure its policy exactly along the way",
    "powerenvs train PowerGrid-v0 --level S..G --max-episode-steps 20 --algorithm q_learning --steps 2000",
    add_arguments,
    run,
)
