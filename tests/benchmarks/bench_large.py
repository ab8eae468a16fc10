"""Worlds of a million states: CPU time of each step and peak memory, each world in a process of its own.

Run with ``python tests/benchmarks/bench_large.py``. The worlds: an open grid of 1,000×1,000 cells; and two agents in a
grid of 25×40 cells each, 1,000,000 joint states, where the second one walks right until it cannot. With ``--mixed``
also the same pair where the second agent moves at random, so that the model to solve is stochastic; its occupancy is
left out, since elimination fills up (about a minute more).
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
from common import in_fresh_process, machine, peak_gib, timed

import power_metrics as pm
from power_metrics.solvers.tables import solver_tables
from powerenvs import TabularGame, TabularMDP, product_game
from powerenvs.worlds.power import PowerGrid

GAMMA = 0.99
WORLDS = {
    "grid": "open 1,000×1,000",
    "product": "two agents, 25×40, one walks right",
    "mixed": "two agents, 25×40, one at random",
}
SIZES = {"grid": (1000, 1000), "product": (25, 40), "mixed": (25, 40)}
STEPS = ("compile", "product", "fold", "prepare", "solve", "occupancy")


def walks_right(game: TabularGame) -> np.ndarray:
    """(S, 5): the second agent's policy."""
    right = game.action_index("ai", "right")
    policy = np.zeros_like(game.uniform_policy("ai"))
    policy[np.arange(game.num_states), np.where(game.available["ai"][:, right], right, 0)] = 1.0
    return policy


def build(kind: str, rows: int, columns: int, spent: dict[str, float]) -> TabularMDP:
    """The model to solve; writes the CPU seconds of each step to ``spent``."""
    cells = ["." * columns] * rows
    mdp, spent["compile"] = timed(lambda: PowerGrid(cells, walls="absent").tables())
    if kind == "grid":
        return mdp
    game, spent["product"] = timed(lambda: product_game(mdp, mdp, max_gib=8.0))
    policy = walks_right(game) if kind == "product" else game.uniform_policy("ai")
    folded, spent["fold"] = timed(lambda: game.against({"ai": policy}))
    return folded


def measure(kind: str) -> dict[str, Any]:
    """Builds and solves one world; run in a fresh process."""
    start = peak_gib()
    spent: dict[str, float] = {}
    tiny = build(kind, 3, 3, {})
    pm.solve(tiny, np.ones((1, tiny.num_states)), GAMMA, threads=1)  # loads the machine code
    mdp = build(kind, *SIZES[kind], spent)
    reward = np.random.default_rng(0).random((1, mdp.num_states))
    _, spent["prepare"] = timed(lambda: solver_tables(mdp).method)
    solution, spent["solve"] = timed(lambda: pm.solve(mdp, reward, GAMMA, threads=1))
    if kind != "mixed":
        policy = np.zeros((mdp.num_states, mdp.num_actions))
        policy[np.arange(mdp.num_states), solution.policy[0]] = 1.0
        _, spent["occupancy"] = timed(lambda: pm.occupancy(mdp, policy, GAMMA))
    return {
        "states": mdp.num_states,
        "entries": mdp.num_transitions,
        "method": solver_tables(mdp).method,
        "residual": float(solution.residual[0]),
        "peak": peak_gib(),
        "start": start,
        "spent": spent,
    }


def main() -> None:
    """Measures each world and prints a table."""
    print(f"one reward function at γ = {GAMMA}, CPU seconds on one thread\n{machine()}")
    print(f"{'':36}{'states':>10}{'entries':>12}" + "".join(f"{step:>11}" for step in STEPS) + f"{'peak GiB':>10}")
    for kind in WORLDS if "--mixed" in sys.argv else ("grid", "product"):
        found = in_fresh_process(__file__, "measure", kind)
        spent = "".join(f"{found['spent'][step]:11.2f}" if step in found["spent"] else f"{'':11}" for step in STEPS)
        print(f"{WORLDS[kind]:36}{found['states']:10,}{found['entries']:12,}{spent}{found['peak']:10.2f}")
        print(f"{'':36}method {found['method']}, residual {found['residual']:.1e} of max|V|")


if __name__ == "__main__":
    if sys.argv[1:2] == ["measure"]:
        print(json.dumps(measure(sys.argv[2])))
    else:
        main()
