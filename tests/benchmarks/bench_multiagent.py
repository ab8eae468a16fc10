"""POWER of two agents: CPU time of a pair of reward functions, both baselines included, and peak memory.

Run with ``python tests/benchmarks/bench_multiagent.py``. Each game is measured in a process of its own, on one thread;
drawing, averaging and the bootstrap are part of the time. POWERplay's times are its own, on a 2.5 GHz Xeon.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from common import in_fresh_process, on_one_thread, peak_gib

import power_metrics as pm
from power_metrics.results.machine import machine
from powerenvs.model.game import TabularGame
from powerenvs.worlds.power.pair import PowerPair
from powerenvs.worlds.resources import OneKey

GAMES: dict[str, tuple[tuple[float, ...], int]] = {
    "joint 3×3": ((0.6, 0.99), 4096),
    "joint 7×7 maze": ((0.1, 0.6, 0.9, 0.99), 1088),
    "joint 7×7 maze, no overlaps": ((0.1, 0.99), 544),
    "joint 7×7 maze, Bernoulli rewards": ((0.6, 0.99), 544),
    "joint 7×7 maze, noise 0.1": ((0.6, 0.99), 64),
    "one_key": ((0.6, 0.99), 1024),
    "two 20×20 robot faces": ((0.6, 0.99), 16),
}
"""Discounts, and how many pairs are solved."""

POWERPLAY = {
    ("joint 3×3", 0.6): 0.34,
    ("joint 7×7 maze", 0.1): 1.6,
    ("joint 7×7 maze", 0.6): 5.1,
    ("joint 7×7 maze", 0.99): 74.0,
}
"""Its CPU seconds a pair; at 0.99 about."""


def build(name: str) -> TabularGame:
    """The tables of a game by its name above."""
    if name == "one_key":
        return OneKey().tables()
    level = {"3×3": "open_3x3", "maze": "maze_7x7", "faces": "robot_face_20x20"}
    shipped = next(value for key, value in level.items() if key in name)
    game = PowerPair(shipped, walls="absent", noise=0.1 if "noise" in name else 0.0).tables()
    return game.without_overlaps() if "no overlaps" in name else game


def measure(name: str) -> dict[str, Any]:
    """Times of one game at all its discounts."""
    game = build(name)
    reward = pm.Bernoulli(0.5) if "Bernoulli" in name else pm.Uniform(0, 1)
    pm.multiagent_power(game, 0.5, num_samples=1, reward=reward, threads=1)  # compiles, and prepares the tables
    gammas, count = GAMES[name]
    found = {}
    for gamma in gammas:
        result = pm.multiagent_power(game, gamma, num_samples=count, reward=reward, threads=1, progress=False)
        found[str(gamma)] = (result["human"].cpu_seconds / count, result["human"].residual)
    return {"states": game.num_states, "found": found, "gib": peak_gib()}


def main() -> None:
    """Measures everything and prints a table."""
    print(machine())
    head = f"{'game':36}{'states':>8}{'γ':>7}{'ms a pair':>12}{'residual':>11}{'POWERplay, ratio':>20}{'peak GiB':>10}"
    print(head)
    for name in GAMES:
        measured = in_fresh_process(__file__, name)
        for gamma, (seconds, residual) in measured["found"].items():
            known = POWERPLAY.get((name, float(gamma)))
            ratio = "" if known is None else f"{known / seconds:,.0f}"
            print(
                f"{name:36}{measured['states']:>8,}{gamma:>7}{1e3 * seconds:>12.3f}{residual:>11.1e}{ratio:>20}"
                f"{measured['gib']:>10.2f}"
            )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measure(sys.argv[1])))
    else:
        on_one_thread()
        main()
