"""``powerenvs prefer``: a policy learned from comparisons of clips, by a synthetic teacher or by people."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from power_metrics.cli.command import Command, check_outputs, check_writable, number, show, write_result
from power_metrics.cli.models import add_model_arguments, add_setting_arguments, given_settings, make_environment

FILMED = 40
"""Steps of a film."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The environment, the teacher, how much of everything, and where results go."""
    add_model_arguments(parser)
    parser.add_argument(
        "--teacher", metavar="NAME", default="synthetic",
        help="synthetic (prefers what pays more), performance, board; ring, wall or rooms (a behaviour that "
        "nobody wrote a reward for); or human (labels come into the store of --out); default synthetic",
    )  # fmt: skip
    parser.add_argument("--labels", metavar="N", type=number, default=500, help="comparisons in all; default 500")
    parser.add_argument("--steps", metavar="N", type=number, default=100_000, help="steps to take; default 100000")
    parser.add_argument(
        "--algorithm", metavar="NAME", default="exact", help="exact, or a learner of 'powerenvs train'; default exact"
    )
    parser.add_argument(
        "--kind", metavar="NAME", default="state",
        help="what rewards are of: state, state_action, transition or network; default state",
    )  # fmt: skip
    parser.add_argument("--length", metavar="N", type=number, default=10, help="steps of a clip; default 10")
    parser.add_argument("--rounds", metavar="N", type=number, default=10, help="changes of policy; default 10")
    parser.add_argument("--queries", metavar="NAME", default="variance", help="uniform or variance; default variance")
    parser.add_argument(
        "--rate", metavar="NAME", default="stepped", help="constant, hyperbolic or stepped; default stepped"
    )
    parser.add_argument("--latest", metavar="N", type=number, help="fit to the last N answers only")
    parser.add_argument("--seed", metavar="N", type=int, default=0, help="of everything drawn; default 0")
    parser.add_argument("--gamma", metavar="G", type=float, default=0.99, help="discount, in [0, 1); default 0.99")
    parser.add_argument(
        "--asynchronous", action="store_true", help="policy, answers and fits go on at once, as with a human"
    )
    add_setting_arguments(parser, "--model", "an argument of the reward model, such as members=5 or noise=0")
    add_setting_arguments(parser, "--setting", "an argument of the learner, such as learning_rate=0.001")
    parser.add_argument("--out", metavar="FOLDER", help="keep labels and policy there; the same command goes on")
    parser.add_argument("--film", metavar="FILE", help="write what the policy does at the end, as .gif or .mp4")
    parser.add_argument("--plot", metavar="FILE", help="write a picture; the suffix chooses the format")
    parser.add_argument("--json", metavar="FILE", help="write the numbers as JSON")


def run(args: argparse.Namespace) -> None:
    """Trains, prints the table, and writes the files asked for."""
    check_outputs(args)
    import power_metrics as pm
    from power_metrics.preferences.behaviours import BEHAVIOURS
    from power_metrics.preferences.training import HUMAN, STORE
    from powerenvs.render.animation import check_animation_path

    if args.teacher == HUMAN and args.out is None:
        raise ValueError("--teacher human: expected --out FOLDER as well, whose store the labels come into")
    if args.film is not None:
        check_animation_path(args.film, "--film")
        check_writable("--film", args.film)
    env, kwargs = make_environment(args)
    taught = pm.preferences.Behaviour(env, args.teacher) if args.teacher in BEHAVIOURS else None
    if args.out is not None:
        path = Path(args.out, STORE)
        path.parent.mkdir(parents=True, exist_ok=True)
        pm.preferences.Store(path).note(environment={"id": args.id, "kwargs": kwargs})
        if args.teacher == HUMAN:
            print(f"waiting for {args.labels} labels in {path}", flush=True)
    found = pm.preferences.train(
        env, taught or args.teacher, labels=args.labels, steps=args.steps, algorithm=args.algorithm, kind=args.kind,
        length=args.length, rounds=args.rounds, queries=args.queries, rate=args.rate, latest=args.latest,
        seed=args.seed, gamma=args.gamma, out=args.out, asynchronous=True if args.asynchronous else None,
        model=given_settings("--model", args.model), settings=given_settings("--setting", args.setting),
    )  # fmt: skip
    written = [*([] if args.out is None else [args.out]), *write_result(args, found)]
    text = report(found, args.id)
    if taught is not None:
        shares = ", ".join(f"{taught.share(policy):.3f}" for policy in found.policies)
        text += (
            f"\n{taught.name}: the policies do it in {shares} of all steps; the most there can be is {taught.best:.3f}"
        )
    if args.film is not None:
        [piece] = pm.preferences.collect(found.model, found.policy, 1, length=FILMED, limit=FILMED, seed=args.seed)
        pm.preferences.film(piece, args.film, env)
        written.append(args.film)
    show(text, written)


def report(found: Any, name: str) -> str:
    """What was found, and a line for each look."""
    lines = [f"{name}, teacher's labels {found.summary()['labels']}, {found.algorithm}"]
    lines.append("labels     steps    return  regret  of hidden  agrees")
    for i in range(len(found.labels)):
        lines.append(
            f"{found.labels[i]:6.0f} {found.step[i]:9,.0f} {found.returns[i]:9.4g} {found.regret[i]:7.3f} "
            f"{found.hidden_regret[i]:10.3f} {found.agreed[i]:7.1%}"
        )
    lines.append(
        f"the best return is {found.optimal_return:.4g}, that of the random policy {found.random_return:.4g}; regret: "
        f"0 the best, 1 the random policy; {found.labelled:.2%} of all steps were shown"
    )
    return "\n".join(lines)


COMMAND = Command(
    "prefer",
    "learn a reward from comparisons of clips, and a policy from that",
    "powerenvs prefer powerenvs/IslandNavigation-v0 --labels 300 --steps 20000",
    add_arguments,
    run,
)
