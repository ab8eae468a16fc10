"""``powerenvs rollout``: a walk of the policies that are optimal for a drawn reward function, as text, film or file."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from power_metrics.cli.command import Command, check_writable, show
from power_metrics.cli.models import add_model_arguments, given_kwargs, load_model
from power_metrics.cli.two_agents import add_pair_arguments, refuse_pair_options
from powerenvs.sources.by_name import game_name, load_game

if TYPE_CHECKING:
    from power_metrics.measures.run_policies import RunPolicies
    from power_metrics.rewards.distributions import RewardDistribution
    from powerenvs.model.game import TabularGame
    from powerenvs.model.mdp import TabularMDP


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The model, the reward function, the walk, and where the animation goes."""
    add_model_arguments(parser)
    parser.add_argument("--gamma", metavar="G", type=float, default=0.9, help="discount, in [0, 1); default 0.9")
    parser.add_argument(
        "--sample",
        metavar="N",
        type=int,
        default=0,
        help="number of the reward function among those that 'powerenvs power' draws with this seed; default 0",
    )
    parser.add_argument("--seed", metavar="N", type=int, default=0, help="of the reward functions; default 0")
    parser.add_argument("--reward-distribution", metavar="D", default="uniform(0, 1)", help="as of 'powerenvs power'")
    add_pair_arguments(parser)
    parser.add_argument(
        "--start", metavar="STATE", help="label of the first state, as 'powerenvs power' prints it; else a start state"
    )
    parser.add_argument("--steps", metavar="N", type=int, default=20, help="the most steps; default 20")
    parser.add_argument("--walk-seed", metavar="N", type=int, default=0, help="of the walk; default 0")
    parser.add_argument(
        "--save", metavar="FILE", help="write the walk: .gif or .mp4 as an animation, .csv or .jsonl its steps"
    )
    parser.add_argument(
        "--frame-seconds", metavar="T", type=float, default=0.5, help="how long each picture is shown; default 0.5"
    )


def run(args: argparse.Namespace) -> None:
    """Prints the walk, and writes the animation if asked for."""
    from power_metrics.agents_and_devices.walks import SUFFIXES, save_trajectory
    from power_metrics.arguments.checks import check_count
    from power_metrics.rewards.text import parse_distribution

    for option in ("sample", "seed", "steps", "walk_seed"):
        check_count(f"--{option.replace('_', '-')}", getattr(args, option), least=0)
    if len(args.correlation or [0.0]) > 1:
        raise ValueError(f"--correlation: expected one number, found {len(args.correlation)}")
    if args.save is not None:
        from powerenvs.render.animation import check_animation_path

        check_writable("--save", args.save)
        if not args.save.endswith(SUFFIXES):
            check_animation_path(args.save, "--save")
        elif game_name(args.id) is not None:
            raise ValueError(f"--save: expected an animation of several agents, found {args.save!r}")
    reward = parse_distribution(args.reward_distribution, "--reward-distribution")
    world: Any
    if (name := game_name(args.id)) is not None:
        game = load_game(name, given_kwargs(args))
        title, world, found = game.title, game.world, _pair(args, game.game, reward)
    else:
        refuse_pair_options(args)
        model = load_model(args)
        title, world, found = model.title, model.world, _one(args, model.mdp, reward)
    walk = found.rollout(args.start, args.steps, args.walk_seed)
    if args.save is not None and args.save.endswith(SUFFIXES):
        save_trajectory(walk, args.save)
    elif args.save is not None:
        walk.save_animation(args.save, frame_seconds=args.frame_seconds, world=world, columns=found.columns)
    about = f"{title}: optimal for reward function {args.sample} of {reward!r}, seed {args.seed}"
    text = f"{about}\n{_settings(args, name is not None)}\n\n{walk.describe(found.columns)}"
    show(text if args.save is None else f"{text}\n", [] if args.save is None else [args.save])


def _settings(args: argparse.Namespace, two: bool) -> str:
    """The discounts, and what goes with two agents."""
    if not two:
        return f"gamma {args.gamma:g}"
    discounts = dict.fromkeys([args.gamma, args.gamma if args.gamma_a is None else args.gamma_a])
    return f"gamma {', '.join(f'{g:g}' for g in discounts)}, correlation {(args.correlation or [0.0])[0]:g}"


def _one(args: argparse.Namespace, mdp: TabularMDP, reward: RewardDistribution) -> RunPolicies:
    """What is optimal for one agent."""
    from power_metrics.measures.run_policies import RunPolicies, drawn_rewards
    from power_metrics.solvers.optimal import optimal_policies

    rewards = drawn_rewards(mdp, args.sample, reward, args.seed)
    return RunPolicies(mdp, args.sample, rewards[0], optimal_policies(mdp, rewards, args.gamma)[0].numpy())


def _pair(args: argparse.Namespace, game: TabularGame, reward: RewardDistribution) -> RunPolicies:
    """What is optimal for two agents, one after the other."""
    from power_metrics.measures.run_policies import RunPolicies, drawn_pairs, pair_policies

    (correlation,) = args.correlation or [0.0]
    pair = drawn_pairs(game, args.sample, correlation, reward, args.seed)
    rounds = 1 if args.rounds is None else args.rounds
    policies = pair_policies(game, pair, args.gamma, args.gamma_a, rounds=rounds)
    rewards = {agent: rows[0] for agent, rows in zip(game.agents, pair, strict=True)}
    return RunPolicies(game, args.sample, rewards, policies)


COMMAND = Command(
    "rollout",
    "walk with the optimal policies of a drawn reward function, as text and animation",
    "powerenvs rollout PowerGrid-v0 --level maze_7x7 --gamma 0.9 --sample 3 --start '(0, 0)' --save walk.gif\n"
    "  powerenvs rollout power_pair --level open_3x3 --gamma 0.6 --correlation 0.5 --steps 10 --save pair.mp4",
    add_arguments,
    run,
)
