"""POWER of a published maze, of two agents, and of what PPO learns: tables, pictures, files of the numbers."""

from __future__ import annotations

import argparse
import json
import platform
import time
from pathlib import Path

import gymnasium as gym
import numba
import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env

import power_metrics as pm
import powerenvs
from power_metrics.plots import plot_powers, save_figure
from powerenvs.model.files import atomic_path
from powerenvs.worlds.power import PowerGrid

LEVEL = "maze_7x7"
GAMMAS = (0.1, 0.9, 0.99)
ROOM = "open_3x3"
PRIZE = {(6, 6): 1.0}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--samples", type=int, default=20_000, help="reward functions for each discount")
    parser.add_argument("--pairs", type=int, default=5_000, help="pairs of reward functions for two agents")
    parser.add_argument("--steps", type=int, default=20_000, help="environment steps of training")
    parser.add_argument("--out", type=Path, default=Path("results/demo"), help="folder for pictures and numbers")
    parser.add_argument("--seed", type=int, default=0, help="of the reward functions and of training")
    return parser.parse_args()


def power_of_a_maze(samples: int, seed: int, out: Path) -> None:
    # Where in a maze is it useful to be, whatever one may want there? An environment carries its exact model, so
    # nothing has to be learned or simulated to find out.
    env = gym.make("PowerGrid-v0", level=LEVEL)
    model = powerenvs.tabular_model(env)
    print(f"{LEVEL}: {model.num_states} cells, {model.num_actions} actions")

    # The optimal values of every reward function are exact; only their average over the functions drawn has an error.
    start = time.perf_counter()
    results = [pm.power(env, gamma=gamma, reward=pm.Uniform(0, 1), num_samples=samples, seed=seed) for gamma in GAMMAS]
    seconds = time.perf_counter() - start
    print_table(results)
    print(f"{samples:,} reward functions for each gamma, {results[0].reward}; {seconds:.2f} seconds in total")
    print(f"largest Bellman residual: {max(r.residual for r in results):.0e} of the largest value")

    # A colour scale each: the further one looks ahead, the less it matters where one is now, and the pattern changes.
    picture, numbers = out / f"power_{LEVEL}.png", out / f"power_{LEVEL}.json"
    plot_powers(results, same_scale=False, title=f"POWER on {LEVEL}", path=picture)
    content = {
        "level": LEVEL,
        "rows": model.board,
        "seed": seed,
        "num_samples": samples,
        "fingerprint": model.fingerprint,
        "versions": {
            "python": platform.python_version(),
            "powerenvs": powerenvs.__version__,
            "numpy": np.__version__,
            "numba": numba.__version__,
        },
        "estimates": [result.as_dict() for result in results],
    }
    with atomic_path(numbers) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {picture}\nwrote {numbers}")


def print_table(results: list[pm.PowerEstimate]) -> None:
    labels = results[0].mdp.state_labels

    def print_row(name: object, columns: list[str]) -> None:
        print(f"{name!s:<8}" + "".join(f"  {column:<17}" for column in columns).rstrip())

    print("\nPOWER ± standard error")
    print_row("cell", [f"gamma = {r.gamma:g}" for r in results])
    for s, cell in enumerate(labels):
        print_row(cell, [f"{r.mean[s]:.4f} ± {r.standard_error[s]:.4f}" for r in results])
    print_row("highest", [f"{r.mean.max():.4f} in {labels[r.mean.argmax()]}" for r in results])
    print_row("lowest", [f"{r.mean.min():.4f} in {labels[r.mean.argmin()]}" for r in results])
    print_row("seconds", [f"{r.seconds:.2f}" for r in results])
    print()


def power_of_two_agents(pairs: int, seed: int, out: Path) -> None:
    # A human plans as if an AI moved at random; the AI knows the human's plan. Whose POWER grows at whose cost? Moves
    # into walls do not exist here, as in POWERplay, whose published figures these are.
    mover = PowerGrid(ROOM, walls="absent").tables()
    game = powerenvs.product_game(mover, mover, agents=("human", "ai"))
    result = pm.multiagent_power(game, gamma=0.6, num_samples=pairs, seed=seed)
    print(f"\nTwo agents on {ROOM}, rewards drawn independently, gamma = 0.6, {pairs:,} pairs; means over states")
    for agent, alone in (("human", "while the AI moves at random"), ("ai", "moving at random itself")):
        print(f"  POWER of {agent:<6} {result.average(agent):.4f}   {result.average(agent, baseline=True):.4f} {alone}")
    low, high = result.alignment_interval(0.95)
    print(f"  alignment {result.alignment:.3f} (95 % interval {low:.3f} to {high:.3f})")
    picture = out / f"two_agents_{ROOM}.png"
    result.plot(path=picture)
    result.to_json(picture.with_suffix(".json"))
    print(f"wrote {picture}\nwrote {picture.with_suffix('.json')}")


def power_of_a_learner(steps: int, seed: int, out: Path) -> None:
    # The task is a prize at the end of the maze, worth staying at. What a trained agent does is compared with the best
    # for the task, with chance, and with the most and the least that anyone could seek POWER. All exact, from the
    # same tables.
    torch.set_num_threads(1)  # small networks are faster so
    print(f"\nPPO on {LEVEL} with a prize in (6, 6), {steps:,} steps")
    envs = make_vec_env(lambda: gym.make("PowerGrid-v0", level=LEVEL, reward=PRIZE), n_envs=8)
    settings = {"n_steps": 128, "batch_size": 256, "learning_rate": 1e-3, "gamma": 0.9, "device": "cpu"}
    model = PPO("MlpPolicy", envs, seed=seed, **settings)
    power = pm.power(envs, gamma=0.9, seed=seed, keep_samples=True)
    callback = pm.sb3.PowerCallback(eval_every=4_096, power=power, verbose=1)
    model.learn(steps, callback=callback)
    comparison = pm.compare(model, envs, power=power)
    print(f"\n{comparison}\n")
    print(f"the callback took {callback.overhead:.1%} of the training time")
    picture = out / f"learned_{LEVEL}.png"
    save_figure(comparison.plot(), picture)
    comparison.to_json(picture.with_suffix(".json"))
    print(f"wrote {picture}\nwrote {picture.with_suffix('.json')}")


if __name__ == "__main__":
    args = parse_args()
    power_of_a_maze(args.samples, args.seed, args.out)
    power_of_two_agents(args.pairs, args.seed, args.out)
    power_of_a_learner(args.steps, args.seed, args.out)
