"""``powerenvs agency``: is what was seen an agent's doing or a device's, by walks from files, kinds and policies."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from power_metrics.cli.command import Command, check_outputs, check_writable, numbered, show
from power_metrics.cli.models import add_model_arguments, load_model
from power_metrics.results.stored import json_text
from powerenvs.model.labels import label_text
from powerenvs.model.text import text_table
from powerenvs.version import __version__

if TYPE_CHECKING:
    from power_metrics.measures.agency import Agency
    from powerenvs.model.mdp import TabularMDP
    from powerenvs.sources.by_name import LoadedModel

MOST_GOALS = 3
"""That are printed."""
MOST_WALKS = 8
"""In a picture."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The model, what was seen, both classes, and where results go."""
    add_model_arguments(parser)
    group = parser.add_argument_group("what was seen", "by default a shortest path")
    group.add_argument(
        "--trajectory",
        metavar="WALK",
        help="a .csv or .jsonl file, as 'powerenvs play --save' and 'rollout --save' write them; or a kind: "
        "shortest_path, noisy_goal_seeker, round_obstacle, changing_goals, random_walk, straight_path, bounce, "
        "wall_follower or circle",
    )
    group.add_argument(
        "--policy",
        metavar="POLICY",
        help="walks of a policy instead: 'random', 'optimal' for the task, a model that Stable-Baselines3 saved "
        "(.zip), or a folder of 'powerenvs train --out'",
    )
    group.add_argument("--steps", metavar="N", type=int, default=60, help="the most of a walk; default 60")
    group.add_argument(
        "--seed", metavar="N", type=int, nargs="+", default=[0], help="of what is random, a walk for each; default 0"
    )
    group.add_argument("--gamma", metavar="G", type=float, default=0.9, help="discount of 'optimal'; default 0.9")
    group = parser.add_argument_group("classes", "as 'powerenvs measure agency' explains them")
    group.add_argument(
        "--agents",
        metavar="NAME",
        nargs="+",
        default=["goals"],
        help="goals, switching, rewards, uniform; default goals",
    )
    group.add_argument(
        "--devices",
        metavar="NAME",
        nargs="+",
        help="uniform, nothing, previous, walls, observation, state, several as previous+walls, 'tree(4, walls)'; "
        "default most of them",
    )
    group.add_argument(
        "--prior", metavar="P", type=float, nargs="+", default=[0.5], help="P(agent) beforehand; default 0.5; several "
        "are shown beside each other",
    )  # fmt: skip
    group = parser.add_argument_group("output")
    group.add_argument("--plot", metavar="FILE", help="write a picture; the suffix chooses the format")
    group.add_argument("--film", metavar="FILE", help="write a film, .gif or .mp4; of several walks one each")
    group.add_argument("--json", metavar="FILE", help="write the numbers as JSON")
    group.add_argument("--save", metavar="FILE", help="write the walk as .csv or .jsonl; of several walks one each")


def run(args: argparse.Namespace) -> None:
    """Weighs the walks, prints what was found, and writes the files asked for."""
    _check(args)
    import power_metrics as pm
    from power_metrics.agents_and_devices.members import DEVICES

    loaded = load_model(args)
    walks = _walks(args, loaded)
    classes = {"agents": args.agents, "devices": list(DEVICES) if args.devices is None else args.devices}
    found = {name: pm.agency(loaded.mdp, walk, **classes, prior=args.prior[0]) for name, walk in walks.items()}
    show("\n".join([loaded.title, "", *report(found, args.prior)]), _write(args, loaded, found, classes))


def _check(args: argparse.Namespace) -> None:
    """Raises a ValueError for what can be refused before any work."""
    from power_metrics.agents_and_devices.walks import check_trajectory_path
    from power_metrics.arguments.checks import check_count, check_gamma
    from powerenvs.model.checks import real
    from powerenvs.render.animation import check_animation_path

    save, args.save = args.save, None  # of a walk, not of a result
    check_outputs(args)
    args.save = save
    for option in ("film", "save"):
        if getattr(args, option) is not None:
            check_writable(f"--{option}", getattr(args, option))
    if args.film is not None:
        check_animation_path(args.film, "--film")
    if args.save is not None:
        check_trajectory_path(args.save, "--save")
    if args.trajectory is not None and args.policy is not None:
        raise ValueError("--trajectory: expected without --policy, which says what was seen as well")
    check_count("--steps", args.steps)
    check_gamma(args.gamma, "--gamma")
    for seed in args.seed:
        check_count("--seed", seed, least=0)
    if len(set(args.seed)) < len(args.seed):
        raise ValueError(f"--seed: expected each once, found {args.seed}")
    if args.plot is not None and len(args.seed) > MOST_WALKS:
        raise ValueError(f"--seed: expected at most {MOST_WALKS} for a picture, found {len(args.seed)}")
    if any(not 0 <= real(prior) <= 1 for prior in args.prior):
        raise ValueError(f"--prior: expected probabilities, found {args.prior}")


def _walks(args: argparse.Namespace, loaded: LoadedModel) -> dict[str, Any]:
    """{name: a walk}."""
    import power_metrics as pm
    from power_metrics.agents_and_devices.policies import policy_of
    from power_metrics.agents_and_devices.trajectories import WALKS
    from power_metrics.agents_and_devices.walks import SUFFIXES
    from powerenvs.model.labels import closest
    from powerenvs.rollout import rollout

    mdp: TabularMDP = loaded.mdp
    if args.policy is not None:
        table = policy_of(loaded.subject, args.policy, args.gamma)()
        return {_named(args, f"policy {args.policy}", seed): rollout(mdp, table, None, args.steps, seed)
                for seed in args.seed}  # fmt: skip
    kind = "shortest_path" if args.trajectory is None else args.trajectory
    if kind.endswith(SUFFIXES):
        if args.seed != [0]:
            raise ValueError("--seed: expected none for a file")
        return {kind: pm.load_trajectory(mdp, kind)}
    if kind not in WALKS:
        raise ValueError(
            f"--trajectory: expected a kind of walk or a file that ends in {' or '.join(SUFFIXES)}, found {kind!r}; "
            f"{closest(kind, WALKS)}"
        )
    return {_named(args, kind, seed): pm.trajectory(mdp, kind, args.steps, seed=seed) for seed in args.seed}


def _named(args: argparse.Namespace, name: str, seed: int) -> str:
    return name if len(args.seed) == 1 else f"{name}, seed {seed}"


def report(found: dict[str, Agency], priors: list[float]) -> list[str]:
    """A line for each walk, and of a single one what each class makes of it."""
    headings = ["P(agent)"] if len(priors) == 1 else [f"P(agent), prior {prior:g}" for prior in priors]
    rows: list[tuple[str, ...]] = [("walk", "steps", "log2 agents", "log2 devices", *headings)]
    for name, one in found.items():
        bits = (f"{one.log_agents[-1]:.2f}", f"{one.log_devices[-1]:.2f}")
        rows.append((name, str(one.num_steps), *bits, *(f"{one.by_prior(prior)[-1]:.4g}" for prior in priors)))
    lines = [text_table(rows)]
    first = next(iter(found.values()))
    if len(found) == 1:
        lines += ["", *_posterior("agents", first.agents, first.agent_weights)]
        if first.rationality is not None:
            lines += _posterior("noise", first.noises, first.rationality)
        if first.goals is not None:
            lines += _posterior("goals", [label_text(s) for s in first.model.state_labels], first.goals)
        lines += _posterior("devices", first.devices, first.device_weights)
    return lines


def _posterior(of: str, names: Any, weights: Any) -> list[str]:
    """The most probable members."""
    if len(names) == 1:
        return []
    order = (-weights).argsort(kind="stable")[:MOST_GOALS]
    return [f"{of}: " + ", ".join(f"{names[i]} {weights[i]:.3g}" for i in order.tolist())]


def _write(
    args: argparse.Namespace, loaded: LoadedModel, found: dict[str, Agency], classes: dict[str, Any]
) -> list[str]:
    """Writes the files asked for; returns the paths."""
    import power_metrics as pm

    written = []
    suffixes = [str(seed) for seed in args.seed]
    if args.plot is not None:
        from power_metrics.plots import plot_agency

        plot_agency(found, args.plot, priors=args.prior if len(args.prior) > 1 else None, title=loaded.title)
        written.append(args.plot)
    if args.film is not None:
        from power_metrics.plots import film_agency

        for one, path in zip(found.values(), numbered(args.film, suffixes), strict=True):
            film_agency(loaded.mdp, one.walk, path, **classes, prior=args.prior[0])
            written.append(path)
    if args.json is not None:
        about = {"model": loaded.name, "kwargs": dict(loaded.kwargs), "powerenvs": __version__}
        json_text({**about, "walks": {name: one.as_dict() for name, one in found.items()}}, args.json)
        written.append(args.json)
    if args.save is not None:
        for one, path in zip(found.values(), numbered(args.save, suffixes), strict=True):
            pm.save_trajectory(one.walk, path)
            written.append(path)
    return written


COMMAND = Command(
    "agency",
    "say whether what was seen is better described as an agent or as a device",
    "powerenvs agency PowerGrid-v0 --level maze_7x7 --trajectory bounce --prior 0.1 0.5 0.9 --plot bounce.png\n"
    "  powerenvs agency PowerGrid-v0 --level maze_7x7 --trajectory mine.csv --film mine.gif\n"
    "  powerenvs agency PowerGrid-v0 --level four_rooms --policy optimal --seed 0 1 2",
    add_arguments,
    run,
)
