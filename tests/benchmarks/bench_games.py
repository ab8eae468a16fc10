"""Two-agent tables and environments: seconds and memory to build, to fold a policy in, and steps per second.

Run with ``python tests/benchmarks/bench_games.py``, or with ``steps`` behind it for the steps alone. Each product is built in a process of its own, so that its peak
memory can be told; times are CPU times.
"""

from __future__ import annotations

import json
import statistics
import sys
from typing import Any

import numpy as np
from common import in_fresh_process, peak_gib, timed

from power_metrics.results.machine import machine
from powerenvs import product_game
from powerenvs.envs.game_vector import GameVectorEnv
from powerenvs.envs.parallel import GameEnv, GameStepper
from powerenvs.worlds.power import PowerGrid
from powerenvs.worlds.power.pair import PowerPair
from powerenvs.worlds.resources import OneKey

LEVELS = {
    "7×7 maze": "maze_7x7",
    "20×20 robot face": "robot_face_20x20",
    "20×20 open": ["." * 20] * 20,
}
NUM_ENVS = 1024
BATCHES = 300
ROUNDS = 5


def measure_product(name: str, walls: str) -> dict[str, Any]:
    """Builds a product and its variants; run in a fresh process."""
    part = PowerGrid(LEVELS[name], walls=walls).tables()
    before = peak_gib()
    game, build = timed(lambda: product_game(part, part))
    result = {"states": game.num_states, "transitions": game.num_transitions, "build": build}
    result["gib"] = peak_gib() - before
    policy = game.uniform_policy("ai")
    result["fold"] = timed(lambda: game.against({"ai": policy}))[1]
    result["without_overlaps"] = timed(game.without_overlaps)[1]
    result["with_bumping"] = timed(game.with_bumping)[1]
    return result


def steps_per_second(world: Any) -> list[float]:
    """Joint steps per CPU second: of one PettingZoo environment, of many copies, and of their states alone.

    The rounds alternate, and the median of each counts.
    """
    env = GameEnv(world)
    rng = np.random.default_rng(0)
    single = rng.integers(5, size=(20_000, 2)).tolist()

    def play() -> int:
        env.reset(seed=0)
        for human, ai in single:
            if not env.agents:
                env.reset()
            env.step({"human": human, "ai": ai})
        return len(single)

    envs = GameVectorEnv(world, NUM_ENVS)
    stepper = GameStepper(env.game, NUM_ENVS, max_cycles=100)
    batches = rng.integers(5, size=(BATCHES, NUM_ENVS, 2))
    envs.reset(seed=0)
    stepper.reset(seed=0)

    def play_many() -> int:
        for actions in batches:
            envs.step({"human": actions[:, 0], "ai": actions[:, 1]})
        return BATCHES * NUM_ENVS

    def play_states() -> int:
        for actions in batches:
            stepper.step(actions)
        return BATCHES * NUM_ENVS

    rates: list[list[float]] = [[], [], []]
    for _ in range(ROUNDS):
        for kept, run in zip(rates, (play, play_many, play_states), strict=True):
            count, seconds = timed(run)
            kept.append(count / seconds)
    return [statistics.median(kept) for kept in rates]


def main() -> None:
    """Measures everything and prints two tables."""
    print(machine())
    header = ("build s", "peak GiB", "fold s", "no overlaps s", "bumping s")
    print(f"{'product of two':32}{'states':>9}{'transitions':>13}" + "".join(f"{text:>15}" for text in header))
    for name in LEVELS:
        for walls in ("absent", "bump"):
            found = in_fresh_process(__file__, name, walls)
            columns = [found[key] for key in ("build", "gib", "fold", "without_overlaps", "with_bumping")]
            print(
                f"{f'{name}, walls {walls}':32}{found['states']:>9,}{found['transitions']:>13,}"
                + "".join(f"{value:>15.3f}" for value in columns)
            )
    games()


def games() -> None:
    """The table of steps."""
    header = ("PettingZoo", f"{NUM_ENVS:,} copies", "ratio", "states alone", "ratio")
    print(f"\n{'joint steps per CPU second':32}" + "".join(f"{text:>14}" for text in header))
    worlds = {
        "power_pair, 3×3": PowerPair(),
        "power_pair, 7×7 maze, noise 0.1": PowerPair("maze_7x7", noise=0.1),
        "one_key": OneKey(),
    }
    for name, world in worlds.items():
        one, many, states = steps_per_second(world)
        print(f"{name:32}{one:>14,.0f}{many:>14,.0f}{many / one:>14,.0f}{states:>14,.0f}{states / one:>14,.0f}")


if __name__ == "__main__":
    if sys.argv[1:] == ["steps"]:
        print(machine())
        games()
    elif len(sys.argv) > 1:
        print(json.dumps(measure_product(*sys.argv[1:])))
    else:
        main()
