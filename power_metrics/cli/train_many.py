"""``powerenvs train-many``: worlds x algorithms x seeds, in a folder to go on from."""

from __future__ import annotations

import argparse
import json
from typing import Any

from power_metrics.cli.command import Command, check_outputs, number, show, write_result


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Worlds, algorithms, seeds, and where results go."""
    parser.add_argument(
        "worlds", metavar="WORLD", nargs="+",
        help="an id, with arguments after commas, and a name before '=': rooms=PowerGrid-v0,level=four_rooms",
    )  # fmt: skip
    parser.add_argument("--algorithms", metavar="NAME", nargs="+", default=["vector_ppo"], help="as for train")
    parser.add_argument("--seeds", metavar="N", type=number, default=3, help="how many; default 3")
    parser.add_argument("--steps", metavar="N", type=number, default=20_000, help="of each run; default 20000")
    parser.add_argument("--gamma", metavar="G", type=float, default=0.9, help="discount, in [0, 1); default 0.9")
    parser.add_argument("--eval-every", metavar="N", type=number, help="steps between looks; default a 20th")
    parser.add_argument("--out", metavar="FOLDER", required=True, help="the same command goes on from there")
    parser.add_argument("--executor", choices=("processes", "ray"), default="processes", help="where runs take place")
    parser.add_argument("--workers", metavar="N", type=number, default=1, help="runs at a time; default 1")
    parser.add_argument("--plot", metavar="FILE", help="write a picture; the suffix chooses the format")
    parser.add_argument("--json", metavar="FILE", help="write the numbers as JSON")


def run(args: argparse.Namespace) -> None:
    """Trains, prints what each algorithm came to in each world, and writes the files asked for."""
    check_outputs(args)
    worlds = dict(map(parsed_world, args.worlds))
    if len(worlds) < len(args.worlds):
        raise ValueError("WORLD: expected different names; put one before '=', such as small=PowerGrid-v0,level=S..G")
    import power_metrics as pm

    found = pm.train_many(
        worlds, args.algorithms, args.seeds, steps=args.steps, out=args.out, gamma=args.gamma,
        eval_every=args.eval_every, executor=args.executor, workers=args.workers,
    )  # fmt: skip
    show(table(found), [args.out, *write_result(args, found)])


def table(found: Any) -> str:
    """Score, power-seeking, and steps to 95 % of the optimum, of each algorithm in each world."""
    width = max(map(len, (*found.worlds, "world")))
    across = max(map(len, (*found.algorithms, "algorithm")))
    lines = [f"{'world':<{width}}  {'algorithm':<{across}}  score (least)  power-seeking  reached after"]
    score, seeking, reached = found.last(found.score), found.last(found.power_seeking), found.reached
    for w, world in enumerate(found.worlds):
        for a, name in enumerate(found.algorithms):
            there = int((~(reached[w, a] != reached[w, a])).sum())
            when = f"{reached[w, a].max():,.0f}" if there == len(found.seeds) else f"{there} of {len(found.seeds)} runs"
            lines.append(
                f"{world:<{width}}  {name:<{across}}  {score[w, a].mean():5.3f} ({score[w, a].min():5.3f})  "
                f"{seeking[w, a].mean():13.3f}  {when:>13}"
            )
    return "\n".join(lines) + "\n\nscore: 0 the random, 1 the optimal policy; reached: 0.95 in all runs, at some look"


def parsed_world(text: str) -> tuple[str, tuple[str, dict[str, Any]]]:
    """The name, the id and the arguments in "NAME=ID,key=value,..."; the name may be left out."""
    first, *rest = text.split(",")
    name, equals, identity = first.partition("=")
    if not equals:
        name, identity = first.rpartition("/")[2], first
    kwargs: dict[str, Any] = {}
    for part in rest:
        key, found, value = part.partition("=")
        if not found or not key.isidentifier():
            raise ValueError(f"WORLD: expected key=value after commas, found {part!r} in {text!r}")
        try:
            kwargs[key] = json.loads(value)
        except ValueError:
            kwargs[key] = value
    return name, (identity, kwargs)


COMMAND = Command(
    "train-many",
    "train algorithms in worlds with seeds, side by side, to go on from where it was stopped",
    "powerenvs train-many PowerGrid-v0,level=S..G,max_episode_steps=20 --algorithms q_learning sarsa --steps 500 "
    "--out runs",
    add_arguments,
    run,
)
