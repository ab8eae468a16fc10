"""Occupancy in large stochastic models: CPU time, certified error, and the ratio to SciPy's sparse solver.

Run with ``python tests/benchmarks/bench_large_occupancy.py``. The policy is random. Two agents are folded to one: the
second moves at random. SciPy (`scipy.sparse.linalg.spsolve`, as one would write it) is asked only where it ends within
seconds; at 160,000 joint states it does not end at all.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
import scipy.sparse
from common import in_fresh_process, peak_gib, timed

import power_metrics as pm
from power_metrics.chains import visits
from power_metrics.chains.evaluation import policy_chain
from power_metrics.results.machine import machine
from powerenvs import TabularMDP, product_game
from powerenvs.worlds.power import PowerGrid

GAMMAS = (0.99, 0.9999)
WORLDS = {
    "400×400 cells, noise 0.2": (400, 1, True),
    "two agents, 10×10": (10, 2, True),
    "two agents, 20×20": (20, 2, False),
}


def build(side: int, agents: int) -> TabularMDP:
    """One agent in a noisy square, or two agents in one without noise."""
    cells = ["." * side] * side
    if agents == 1:
        return PowerGrid(cells, noise=0.2).tables()
    part = PowerGrid(cells, walls="absent").tables()
    game = product_game(part, part)
    return game.against({"ai": game.uniform_policy("ai")})


def measure(name: str) -> dict[str, Any]:
    """Times one world; run in a fresh process."""
    side, agents, with_scipy = WORLDS[name]
    tiny = build(3, agents)
    uniform = policy_chain(tiny, tiny.available / tiny.available.sum(axis=1, keepdims=True))
    for solve in (visits.iterate, visits.eliminate):  # compiles
        solve(0.5 * uniform, tiny.initial, np.full(tiny.num_states, 0.5))
    mdp = build(side, agents)
    weights = np.random.default_rng(0).random(mdp.available.shape) * mdp.available
    policy = weights / weights.sum(axis=1, keepdims=True)
    chain, start = policy_chain(mdp, policy), mdp.initial
    rows = []
    for gamma in GAMMAS:
        found, seconds = timed(lambda gamma=gamma: pm.occupancy(mdp, policy, gamma))
        row = {"gamma": gamma, "ours": seconds, "error": None, "scipy": None}
        if visits.fills_up(chain):
            row["error"] = visits.iterate(gamma * chain, start, np.full(len(start), 1.0 - gamma))[1]
        if with_scipy and gamma == GAMMAS[0]:  # it takes the same for every discount
            system = (scipy.sparse.eye_array(len(start), format="csr") - gamma * chain).T.tocsc()
            other, row["scipy"] = timed(lambda system=system: scipy.sparse.linalg.spsolve(system, start))
            assert np.abs(other * (1 - gamma) - found).sum() < 1e-10
        rows.append(row)
    return {"states": mdp.num_states, "entries": int(chain.nnz), "rows": rows, "peak": peak_gib()}


def main() -> None:
    """Measures each world and prints a table."""
    print(f"CPU seconds, one policy\n{machine()}")
    print(
        f"{'':28}{'states':>9}{'entries':>11}{'γ':>8}{'ours':>8}{'scipy':>8}{'ratio':>7}   how{'':32}{'peak GiB':>10}"
    )
    for name in WORLDS:
        found = in_fresh_process(__file__, "measure", name)
        for row in found["rows"]:
            how = "elimination" if row["error"] is None else f"iteration, error certified <= {row['error']:.0e}"
            scipy_time = f"{row['scipy']:8.2f}{row['scipy'] / row['ours']:7.1f}" if row["scipy"] else f"{'':15}"
            print(
                f"{name:28}{found['states']:9,}{found['entries']:11,}{row['gamma']:8}{row['ours']:8.2f}{scipy_time}"
                f"   {how:35}{found['peak']:10.2f}"
            )


if __name__ == "__main__":
    if sys.argv[1:2] == ["measure"]:
        print(json.dumps(measure(sys.argv[2])))
    else:
        main()
