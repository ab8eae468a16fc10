"""Optimal values for POWER, beside what one would pick instead: the same tables, the same reward functions, one run.

Run with ``python tests/benchmarks/bench_against.py``. QuantEcon and pymdptoolbox solve one reward function after the
other by policy iteration; value iteration is written here as one would at first, batched over reward functions, and
goes on to a Bellman residual of 1e-10 of max|V|. Everything runs on one thread; rounds alternate and medians count.
Ratios are to what POWER takes here as a whole; the values alone, of a batch that is kept, are `pm.solve`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import scipy.sparse
import torch
from common import installed, interleaved, on_one_thread
from numpy.typing import NDArray

import power_metrics as pm
from power_metrics.results.machine import machine
from powerenvs import TabularMDP
from powerenvs.worlds.power import PowerGrid

Floats = NDArray[np.float64]
Solver = Callable[[Floats], Any]

TOLERANCE = 1e-10
OURS = "powerenvs, pm.power: drawing, values, means"
SAMPLES = 100_000
LEVELS = {"7×7 maze": "maze_7x7", "robot face": "robot_face_20x20"}
GAMMAS = (0.9, 0.99)
BATCH = 8192
FEW = 10


def numpy_value_iteration(successor: NDArray[np.int32], gamma: float, rewards: Floats) -> Floats:
    """(B, S) values, from (S, A) next states."""
    values = np.zeros_like(rewards)
    while True:
        new = rewards + gamma * values[:, successor].max(axis=2)
        if np.abs(new - values).max() <= TOLERANCE * np.abs(new).max():
            return new
        values = new


def torch_value_iteration(successor: torch.Tensor, gamma: float, rewards: Floats) -> Floats:
    """The same with torch."""
    given = torch.from_numpy(rewards)
    values = torch.zeros_like(given)
    while True:
        new = given + gamma * values[:, successor].amax(dim=2)
        if (new - values).abs().max() <= TOLERANCE * new.abs().max():
            return new.numpy()
        values = new


def quantecon_pairs(mdp: TabularMDP, gamma: float) -> Solver:
    """QuantEcon's DiscreteDP on state-action pairs with a sparse matrix."""
    from quantecon.markov import DiscreteDP

    states, actions = np.nonzero(mdp.available)
    matrix = scipy.sparse.csr_matrix(mdp.transition_matrix()[states * mdp.num_actions + actions])

    def solve(rewards: Floats) -> Floats:
        return np.stack([DiscreteDP(row[states], matrix, gamma, states, actions).solve("pi").v for row in rewards])

    return solve


def quantecon_dense(mdp: TabularMDP, gamma: float) -> Solver:
    """QuantEcon's DiscreteDP with an array (S, A, S)."""
    from quantecon.markov import DiscreteDP

    shape = (mdp.num_states, mdp.num_actions, mdp.num_states)
    tensor = mdp.transition_matrix().toarray().reshape(shape)

    def solve(rewards: Floats) -> Floats:
        each = np.broadcast_to(rewards[:, :, None], (*rewards.shape, mdp.num_actions))
        return np.stack([DiscreteDP(one, tensor, gamma).solve("pi").v for one in each])

    return solve


def toolbox(mdp: TabularMDP, gamma: float) -> Solver:
    """pymdptoolbox's PolicyIteration, with arrays (A, S, S)."""
    from mdptoolbox.mdp import PolicyIteration

    shape = (mdp.num_states, mdp.num_actions, mdp.num_states)
    tensor = mdp.transition_matrix().toarray().reshape(shape).transpose(1, 0, 2).copy()

    def solve(rewards: Floats) -> Floats:
        found = []
        for row in rewards:
            iteration = PolicyIteration(tensor, row, gamma)
            iteration.run()
            found.append(iteration.V)
        return np.array(found)

    return solve


def solvers(mdp: TabularMDP, gamma: float, others: dict[str, Callable[[TabularMDP, float], Solver]]) -> dict[str, Any]:
    """Each solver, with the number of reward functions that it gets in a round."""
    successor = mdp.successors()
    return {
        "powerenvs, pm.solve: values": (lambda rewards: pm.solve(mdp, rewards, gamma, threads=1).values, BATCH),
        **{name: (build(mdp, gamma), FEW) for name, build in others.items()},
        "NumPy value iteration": (partial(numpy_value_iteration, successor, gamma), 200),
        "torch value iteration": (partial(torch_value_iteration, torch.from_numpy(successor).long(), gamma), 200),
    }


def main() -> None:
    """Measures everything and prints a table for each level and discount."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # pymdptoolbox writes to deprecated names of NumPy and SciPy
    others: dict[str, Callable[[TabularMDP, float], Solver]] = {}
    if installed("quantecon", "QuantEcon"):
        others["QuantEcon DiscreteDP, sparse"] = quantecon_pairs
        others["QuantEcon DiscreteDP, dense"] = quantecon_dense
    if installed("mdptoolbox", "pymdptoolbox"):
        others["pymdptoolbox PolicyIteration"] = toolbox
    print(f"CPU µs for one reward function, one thread, medians of 5 rounds\n{machine()}")
    rng = np.random.default_rng(0)
    for title, level in LEVELS.items():
        mdp = PowerGrid(level).tables()
        rewards = rng.random((BATCH, mdp.num_states))
        for gamma in GAMMAS:
            rows = solvers(mdp, gamma, others)
            exact = pm.solve(mdp, rewards, gamma, threads=1).values
            power = partial(pm.power, mdp, gamma, num_samples=SAMPLES, threads=1)
            seconds = interleaved(
                {OURS: power} | {name: partial(call, rewards[:count]) for name, (call, count) in rows.items()}
            )
            ours = seconds[OURS] / SAMPLES
            print(
                f"\n{f'{title}, {mdp.num_states} states, γ = {gamma}':46}{'µs':>10}{'ratio':>10}{'max |ΔV| / max |V|':>22}"
            )
            print(f"  {OURS:44}{ours * 1e6:10,.2f}{1:10}")
            for name, (call, count) in rows.items():
                each = seconds[name] / count
                error = np.abs(call(rewards[:count]) - exact[:count]).max() / np.abs(exact[:count]).max()
                print(f"  {name:44}{each * 1e6:10,.2f}{each / ours:10,.0f}{error:22.1e}")


if __name__ == "__main__":
    on_one_thread()
    main()
