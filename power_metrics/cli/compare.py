"""``powerenvs compare``: a saved model of Stable-Baselines3 beside optimal and random policies."""

from __future__ import annotations

import argparse
from pathlib import Path

from power_metrics.cli.command import Command, add_samples, check_outputs, show, write_result
from power_metrics.cli.models import add_model_arguments, load_model


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The model, its environment, and where results go."""
    parser.add_argument("model", metavar="MODEL.zip", help="what save() of PPO, A2C, DQN, MaskablePPO or QR-DQN wrote")
    add_model_arguments(parser, "--env")
    parser.add_argument("--gamma", metavar="G", type=float, help="discount, in [0, 1); by default the model's own")
    add_samples(parser, "reward functions; default 10000; with --tolerance, the most to draw")
    parser.add_argument(
        "--method",
        metavar="M",
        default="monte_carlo",
        help="how POWER is computed, as for powerenvs power; only monte_carlo (the default) and what is exact leave "
        "intervals",
    )
    parser.add_argument(
        "--tolerance", metavar="T", type=float, help="draw until 95%% intervals of POWER reach no further than T"
    )
    parser.add_argument("--seed", metavar="N", type=int, default=0, help="of the reward functions; default 0")
    parser.add_argument("--deterministic", action="store_true", help="the most probable actions instead of all")
    parser.add_argument(
        "--epsilon", metavar="P", type=float, default=0.0, help="probability of a random action instead"
    )
    parser.add_argument("--plot", metavar="FILE", help="write a picture; the suffix chooses the format")
    parser.add_argument("--json", metavar="FILE", help="write the numbers as JSON")


def run(args: argparse.Namespace) -> None:
    """Compares, prints the table, and writes the files asked for."""
    check_outputs(args)
    if not Path(args.model).is_file():
        raise ValueError(f"MODEL.zip: found no file {args.model!r}")
    import power_metrics as pm
    from power_metrics.agents.sb3_files import load_policy
    from power_metrics.arguments.checks import check_count, check_gamma

    num_samples = None if args.samples is None else check_count("--samples", args.samples)
    seed = check_count("--seed", args.seed, least=0)
    loaded = load_model(args)
    if loaded.env is None:
        raise ValueError(f"--env: expected an id, found the file {args.id!r}, which does not say what an agent sees")
    policy, settings = load_policy(args.model, loaded.env)
    gamma = check_gamma(settings.get("gamma", 0.99) if args.gamma is None else args.gamma, "--gamma")
    comparison = pm.compare(
        policy, loaded.env, gamma, num_samples=num_samples, seed=seed, method=args.method, tolerance=args.tolerance,
        deterministic=args.deterministic, epsilon=args.epsilon,
    )  # fmt: skip
    show(f"{args.model} on {loaded.title}\n{comparison}", write_result(args, comparison))


COMMAND = Command(
    "compare",
    "compare a saved model's power-seeking with optimal and random policies",
    "powerenvs compare model.zip --env PowerGrid-v0 --level maze_7x7 --gamma 0.9 --plot comparison.png",
    add_arguments,
    run,
)
