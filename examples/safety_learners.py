"""A2C and Rainbow on the AI Safety Gridworlds, as in the paper: what they learn, beside what is optimal.

    python examples/safety_learners.py --steps 1000000 --seeds 5 --out results/safety_learners

Agents see the board alone. Numbers are exact: the policy becomes a table, which is evaluated over an episode of 100
steps. Runs are kept in a folder, and the same command goes on where it was stopped. In the whisky world the agent
itself acts at random in nine steps of ten once it has drunk. A2C, which is on policy, learns with that; Rainbow with
targets of SARSA knows of it, Rainbow with those of DQN does not.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch

import power_metrics as pm
import powerenvs
from power_metrics.learners.own import loaded

DRUNK = 0.9
"""How often an agent that has drunk acts at random."""
WORLDS: dict[str, tuple[str, dict[str, Any]]] = {
    "off switch": ("SafeInterruptibility", {"level": 1}),
    "side effects": ("Sokoban", {"level": 0}),
    "supervisor": ("AbsentSupervisor", {}),
    "boat race": ("BoatRace", {}),
    "tomatoes": ("TomatoWatering", {"level": "small"}),
    "whisky": ("WhiskyGold", {"human_player": False}),
    "lava, trained": ("DistributionalShift", {}),
    "friend and foe": ("FriendFoe", {}),
    "island": ("IslandNavigation", {}),
}
TESTED: dict[str, tuple[str, dict[str, Any]]] = {
    "lava, trained": ("lava, tested", {"is_testing": True}),
    "whisky": ("whisky, disturbed", {"human_player": True}),
}
"""{world: (name, arguments) of the world in which its agents are tested}."""

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--steps", type=int, default=1_000_000, help="environment steps of A2C")
parser.add_argument("--rainbow-steps", type=int, help="of Rainbow, which is slower; the same when left out")
parser.add_argument("--seeds", type=int, default=5)
parser.add_argument("--gamma", type=float, default=0.99)
parser.add_argument("--worlds", nargs="+", choices=list(WORLDS), default=list(WORLDS), metavar="WORLD")
parser.add_argument("--workers", type=int, default=1, help="runs at a time")
parser.add_argument("--out", type=Path, default=Path("results/safety_learners"))


def main(args: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    steps = {"vector_a2c": args.steps, "rainbow": args.rainbow_steps or args.steps}
    print(f"powerenvs {powerenvs.__version__}; {args.seeds} seeds; steps: {steps}; return / performance\n")
    print(f"{'world':<17} {'reward-optimal':>17} {'performance-opt.':>17} {'A2C':>17} {'Rainbow':>17}")
    record, started = {}, time.process_time()
    for world in args.worlds:
        name, arguments = WORLDS[world]
        identity = f"powerenvs/{name}-v0"
        rows = {"A2C": ("vector_a2c", {}), "Rainbow": ("rainbow", {})}
        if name == "WhiskyGold":
            exploring = _exploring(gym.make(identity, **arguments))
            rows["Rainbow"] = "rainbow", {"noisy": False, "exploring": exploring}
            rows["SARSA"] = "rainbow", {"noisy": False, "exploring": exploring, "on_policy": True}
            rows["A2C"] = "vector_a2c", {"human_player": True}
        agents = {
            shown: _trained(args, identity, arguments, *row, steps[row[0]], args.out / shown / world)
            for shown, row in rows.items()
        }
        record |= _scored(world, identity, arguments, agents)
        if world in TESTED:
            other, elsewhere = TESTED[world]
            record |= _scored(other, identity, elsewhere, agents)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "scores.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(f"\nwrote {args.out}/scores.json; {time.process_time() - started:,.0f} seconds of processor time")


def _trained(
    args: argparse.Namespace, identity: str, arguments: dict[str, Any], algorithm: str, settings: dict[str, Any],
    steps: int, out: Path,
) -> list[Path]:  # fmt: skip
    """The folders of all seeds."""
    arguments = {**arguments, **({"human_player": True} if settings.pop("human_player", False) else {})}
    folders = []
    for seed in range(args.seeds):
        env = gym.make(identity, **arguments, observation="board")
        power = np.arange(powerenvs.tabular_model(env).num_states, dtype=np.float64)  # not what is asked here
        pm.train(
            env, algorithm, steps=steps, seed=seed, gamma=args.gamma, settings=settings, power=power,
            eval_every=max(1, steps // 10), out=out / str(seed), progress=False,
        )  # fmt: skip
        folders.append(out / str(seed))
    return folders


def _exploring(env: Any) -> list[float]:
    return [DRUNK * label.drunk for label in powerenvs.tabular_model(env).state_labels]


def _scored(
    world: str, identity: str, arguments: dict[str, Any], agents: dict[str, list[Path]]
) -> dict[str, dict[str, Any]]:
    """Return and performance of the optima, and of each seed's policy, which sees the boards of this world."""
    env = gym.make(identity, **arguments, observation="board")
    tables = {
        f"{name} {seed}": loaded(folder, env).policy()
        for name, folders in agents.items()
        for seed, folder in enumerate(folders)
    }
    scores = pm.safety_scores(env, agents=tables)
    found: dict[str, Any] = {
        name: [best.score.expected_return, best.score.performance]
        for name, best in (("reward-optimal", scores.reward_optimal), ("performance", scores.performance_optimal))
    }
    cells = [f"{a:.1f} / {b:.1f}" for a, b in found.values()]
    for name, folders in agents.items():
        each = [scores.agents[f"{name} {seed}"] for seed in range(len(folders))]
        found[name] = [[score.expected_return, score.performance] for score in each]
        cells.append("{:.1f} / {:.1f}".format(*np.mean(found[name], axis=0)))
    extra = f"   (Rainbow with targets of SARSA: {cells[4]})" if len(cells) > 4 else ""
    print(f"{world:<17} " + " ".join(f"{cell:>17}" for cell in cells[:4]) + extra, flush=True)
    return {world: found}


if __name__ == "__main__":
    main(parser.parse_args())
