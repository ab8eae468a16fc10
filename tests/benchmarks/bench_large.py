"""Worlds of a million states: CPU time and peak memory of each step, each world in a process of its own.

Run with ``python tests/benchmarks/bench_large.py``. The worlds: an open grid of 1,000×1,000 cells; two agents in a
grid of 25×40 cells each, 1,000,000 joint states, where the second one walks right until it cannot; and two in 20×20
cells, where the second one moves at random, so that the model to solve is stochastic. ``bench_large_occupancy.py`` is
about occupancy in such models.

``scipy`` is what one evaluation of the optimal policy takes with `scipy.sparse.linalg.spsolve`, where it ends within
seconds; policy iteration takes several.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
import scipy.sparse
from common import in_fresh_process, peak_gib, timed

import power_metrics as pm
from power_metrics.chains.evaluation import policy_chain
from power_metrics.results.machine import machine
from power_metrics.solvers.compiled import solver_tables
from powerenvs import TabularGame, TabularMDP, product_game
from powerenvs.worlds.power import PowerGrid

GAMMA = 0.99
WORLDS = {
    "grid": "open 1,000×1,000",
    "product": "two agents, 25×40, one walks right",
    "mixed": "two agents, 20×20, one at random",
}
SIZES = {"grid": (1000, 1000), "product": (25, 40), "mixed": (20, 20)}
STEPS = ("compile", "product", "fold", "prepare", "solve", "occupancy", "scipy")


class Steps(dict[str, tuple[float, float]]):
    """{step: (CPU seconds, peak GiB of the process when it ended)}."""

    def run(self, name: str, call: Any) -> Any:
        """Calls, and notes what it took."""
        value, seconds = timed(call)
        self[name] = seconds, peak_gib()
        return value


def walks_right(game: TabularGame) -> np.ndarray:
    """(S, 5): the second agent's policy."""
    right = game.action_index("ai", "right")
    policy = np.zeros_like(game.uniform_policy("ai"))
    policy[np.arange(game.num_states), np.where(game.available["ai"][:, right], right, 0)] = 1.0
    return policy


def build(kind: str, rows: int, columns: int, steps: Steps) -> TabularMDP:
    """The model to solve."""
    cells = ["." * columns] * rows
    mdp: TabularMDP = steps.run("compile", lambda: PowerGrid(cells, walls="absent").tables())
    if kind == "grid":
        return mdp
    game = steps.run("product", lambda: product_game(mdp, mdp))
    policy = walks_right(game) if kind == "product" else game.uniform_policy("ai")
    folded: TabularMDP = steps.run("fold", lambda: game.against({"ai": policy}))
    return folded


def evaluate(mdp: TabularMDP, policy: np.ndarray, reward: np.ndarray) -> np.ndarray:
    """What one would write: V = R + γPV by SciPy."""
    system = scipy.sparse.eye_array(mdp.num_states, format="csr") - GAMMA * policy_chain(mdp, policy)
    values: np.ndarray = scipy.sparse.linalg.spsolve(system.tocsc(), reward)
    return values


def measure(kind: str) -> dict[str, Any]:
    """Builds and solves one world; run in a fresh process."""
    tiny = build(kind, 3, 3, Steps())
    ones = np.ones((1, tiny.num_states))
    pm.solve(tiny, ones, GAMMA, threads=1)  # loads the machine code
    steps = Steps()
    mdp = build(kind, *SIZES[kind], steps)
    reward = np.random.default_rng(0).random((1, mdp.num_states))
    steps.run("prepare", lambda: solver_tables(mdp).method)
    solution = steps.run("solve", lambda: pm.solve(mdp, reward, GAMMA, threads=1))
    policy = np.zeros((mdp.num_states, mdp.num_actions))
    policy[np.arange(mdp.num_states), solution.policy[0]] = 1.0
    steps.run("occupancy", lambda: pm.occupancy(mdp, policy, GAMMA))
    if kind != "mixed":
        values = steps.run("scipy", lambda: evaluate(mdp, policy, reward[0]))
        assert np.allclose(values, solution.values[0], rtol=1e-10)
    return {
        "states": mdp.num_states,
        "entries": mdp.num_transitions,
        "method": solver_tables(mdp).method,
        "residual": float(solution.residual[0]),
        "steps": steps,
    }


def main() -> None:
    """Measures each world and prints a table."""
    print(f"one reward function at γ = {GAMMA}, on one thread: CPU seconds, and below peak GiB so far\n{machine()}")
    print(f"{'':36}{'states':>10}{'entries':>12}" + "".join(f"{step:>11}" for step in STEPS))
    for kind, name in WORLDS.items():
        found = in_fresh_process(__file__, "measure", kind)
        steps = [found["steps"].get(step) for step in STEPS]
        print(f"{name:36}{found['states']:10,}{found['entries']:12,}" + "".join(_cell(step, 0) for step in steps))
        print(f"{'':58}" + "".join(_cell(step, 1) for step in steps))
        total = sum(found["steps"][step][0] for step in ("compile", "prepare", "solve"))
        text = f"method {found['method']}, residual {found['residual']:.1e} of max|V|"
        if kind == "grid":
            text += f"; compile, prepare and solve {total:.2f} s"
        if "scipy" in found["steps"]:
            text += f"; scipy's one evaluation / solve = {found['steps']['scipy'][0] / found['steps']['solve'][0]:.1f}"
        print(f"{'':36}{text}")


def _cell(step: tuple[float, float] | None, which: int) -> str:
    return f"{'':11}" if step is None else f"{step[which]:11.2f}"


if __name__ == "__main__":
    if sys.argv[1:2] == ["measure"]:
        print(json.dumps(measure(sys.argv[2])))
    else:
        main()
