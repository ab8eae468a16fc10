"""``powerenvs tasks``: do learners seek more POWER than is optimal, or less, over many tasks?"""

from __future__ import annotations

import argparse
from typing import Any

from power_metrics.cli.command import Command, check_outputs, number, show, write_result
from power_metrics.cli.models import add_model_arguments, load_source, make_environment
from power_metrics.cli.train import setting


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The environment or the game, the learner, the tasks, and where results go."""
    add_model_arguments(parser)
    parser.add_argument(
        "--learner", metavar="NAME", default="q_learning",
        help="an algorithm of powerenvs train, or text such as 'boltzmann(0.1)'; default q_learning, in a game of each "
        "agent for itself",
    )  # fmt: skip
    parser.add_argument("--tasks", metavar="N", type=number, default=20, help="reward functions; default 20")
    parser.add_argument("--steps", metavar="N", type=number, default=20_000, help="in each task; default 20000")
    parser.add_argument(
        "--eval-every", metavar="N", type=number, help="steps from one look at the policy to the next; default a 20th"
    )
    parser.add_argument("--reward", metavar="D", default="uniform(0, 1)", help="of a state; default uniform(0, 1)")
    parser.add_argument("--seed", metavar="N", type=int, default=0, help="of tasks and learners; default 0")
    parser.add_argument("--gamma", metavar="G", type=float, default=0.9, help="discount, in [0, 1); default 0.9")
    parser.add_argument(
        "--max-episode-steps", metavar="N", type=number, help="end episodes after so many steps; default 100"
    )
    parser.add_argument(
        "--setting", metavar="NAME=VALUE", action="append", default=[],
        help="an argument of the algorithm, such as learning_rate=0.001; the value is JSON (may be repeated)",
    )  # fmt: skip
    parser.add_argument("--workers", metavar="N", type=number, default=1, help="tasks at the same time; default 1")
    parser.add_argument("--out", metavar="FOLDER", help="keep what is finished there; the same command goes on from it")
    parser.add_argument("--plot", metavar="FILE", help="write a picture; the suffix chooses the format")
    parser.add_argument("--json", metavar="FILE", help="write the numbers as JSON")


def run(args: argparse.Namespace) -> None:
    """Learns, prints the table, and writes the files asked for."""
    check_outputs(args)
    import gymnasium as gym

    import power_metrics as pm
    from power_metrics.agents.text import parse_learner
    from power_metrics.arguments.checks import check_count
    from power_metrics.rewards.text import parse_distribution
    from power_metrics.tasks.environment import LENGTH
    from powerenvs.envs.parallel import GameEnv
    from powerenvs.sources.by_name import game_name

    settings = dict(setting(given) for given in args.setting)
    learner: Any = parse_learner(args.learner, "--learner") if "(" in args.learner else args.learner
    limit = args.max_episode_steps
    if limit is not None:
        check_count("--max-episode-steps", limit)
    if game_name(args.id) is not None:
        loaded: Any = load_source(args, game=True)
        env: Any = GameEnv(loaded.world or loaded.game, max_cycles=limit or LENGTH)
    else:
        env, _ = make_environment(args)
        env = env if limit is None else gym.wrappers.TimeLimit(env, limit)
    found = pm.many_tasks(
        env, learner, steps=args.steps, num_tasks=args.tasks, gamma=args.gamma,
        reward=parse_distribution(args.reward, "--reward"), seed=args.seed, eval_every=args.eval_every,
        settings=settings, out=args.out, workers=args.workers,
    )  # fmt: skip
    written = [*([] if args.out is None else [args.out]), *write_result(args, found)]
    show(f"{args.id}\n{found}", written)


COMMAND = Command(
    "tasks",
    "let a learner learn many tasks and compare the POWER that it seeks with what is optimal",
    "powerenvs tasks PowerGrid-v0 --level maze_7x7 --learner q_learning --steps 5000 --tasks 10\n"
    "  powerenvs tasks power_pair --steps 50000 --tasks 10",
    add_arguments,
    run,
)
