"""Many worlds, one agent, one set of parameters, beside experts of single worlds: what is gained, what is lost?

    python examples/many_worlds.py --steps 400000 --seeds 3 --out results/many_worlds

The worlds are joined into one table whose episodes begin in a world that is drawn, each as likely; the agent sees the
board of the world that it is in, in one frame for all. Rewards of a world are divided by what its optimal policy earns
more than its random one, so that none of them outweighs the others. Scores are exact: 0 the random policy, 100 the
optimal one; the capped mean counts no score above 100. Experts have the same network, settings and number of steps in
*their* world: all that the agent of all worlds has ("each"), or as many as it has there on average ("share").

"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

import power_metrics as pm
import powerenvs
from powerenvs import TabularMDP
from powerenvs.envs import TabularEnv

WORLDS: dict[str, tuple[str, dict[str, Any]]] = {
    "rooms": ("PowerGrid-v0", {"level": "S..#...\n...#...\n.......\n...#...\n...#..G"}),
    "wall": ("PowerGrid-v0", {"level": "S..\n.#.\n..G"}),
    "corridors": ("PowerGrid-v0", {"level": "S.#..\n..#..\n.....\n#.#.#\n....G"}),
    "island": ("powerenvs/IslandNavigation-v0", {}),
    "lava": ("powerenvs/DistributionalShift-v0", {}),
    "supervisor": ("powerenvs/AbsentSupervisor-v0", {}),
    "sokoban": ("powerenvs/Sokoban-v0", {"level": 0}),
    "off switch": ("powerenvs/SafeInterruptibility-v0", {"level": 1}),
}
LENGTH = 100
"""Steps of an episode."""

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--algorithm", default="vector_a2c", help="any of powerenvs train with networks, impala too")
parser.add_argument("--steps", type=int, default=400_000, help="of the agent of all worlds")
parser.add_argument("--seeds", type=int, default=3)
parser.add_argument("--gamma", type=float, default=0.95)
parser.add_argument("--worlds", nargs="+", choices=list(WORLDS), default=list(WORLDS), metavar="WORLD")
parser.add_argument("--out", type=Path, default=Path("results/many_worlds"))
SETTINGS: dict[str, dict[str, Any]] = {
    "vector_a2c": {
        "num_envs": 64,
        "last_learning_rate": 0.0,
        "entropy": 0.1,
        "hidden": [128, 128],
        "reward_scale": 1.0,
    },
    "vector_ppo": {"num_envs": 64, "last_learning_rate": 0.0, "hidden": [128, 128], "reward_scale": 1.0},
    "impala": {"hidden": [128, 128]},
}


class Boards(gym.ObservationWrapper[Any, Any, Any]):
    """Shows the board of each state of joined worlds: which sign is where, in one frame for all."""

    def __init__(self, env: gym.Env[Any, Any], boards: np.ndarray):
        super().__init__(env)
        self.boards = boards
        self.observation_space = gym.spaces.Box(0.0, 1.0, boards.shape[1:], np.float32)

    def observation(self, observation: Any) -> Any:
        """The board of a state."""
        return self.boards[observation]


def joined(worlds: list[str], gamma: float, frame: list[str]) -> tuple[gym.Env[Any, Any], dict[str, TabularMDP]]:
    """One environment of several worlds, and its tables with the start of each of them alone."""
    moves, paid, labels, terminal, starts = [], [], [], [], {}
    models = {name: powerenvs.tabular_model(_made(name)) for name in frame}
    actions = list(dict.fromkeys(a for mdp in models.values() for a in mdp.action_labels))
    for name in worlds:
        mdp = models[name]
        optimal, uniform = _ends(mdp, gamma)
        rows = np.repeat(np.arange(mdp.num_states * mdp.num_actions), np.diff(mdp.indptr))
        for row, after, chance, reward in zip(rows, mdp.successor, mdp.probability, mdp.reward, strict=True):
            s, a = divmod(int(row), mdp.num_actions)
            moves.append(((name, s), mdp.action_labels[a], (name, int(after)), float(chance)))
            paid.append(float(reward) / (optimal - uniform))
        labels += [(name, s) for s in range(mdp.num_states)]
        terminal += [(name, int(s)) for s in np.flatnonzero(mdp.terminal)]
        starts[name] = {(name, int(s)): float(mdp.initial[s]) for s in np.flatnonzero(mdp.initial)}
    each = {label: chance / len(worlds) for start in starts.values() for label, chance in start.items()}
    union = TabularMDP.from_transitions(
        moves, state_labels=labels, action_labels=actions, initial=each, terminal=terminal, reward=paid
    )
    env = Boards(TabularEnv(union), _boards(worlds, frame))
    alone = {}
    for name, start in starts.items():
        initial = np.zeros(union.num_states)
        initial[[union.index(label) for label in start]] = list(start.values())
        alone[name] = union.with_(initial=initial)
    return gym.wrappers.TimeLimit(env, LENGTH), alone


def _made(name: str) -> gym.Env[Any, Any]:
    identity, arguments = WORLDS[name]
    return gym.make(identity, **arguments)


def _ends(mdp: TabularMDP, gamma: float) -> tuple[float, float]:
    uniform = mdp.available / mdp.available.sum(axis=1, keepdims=True)
    best = float(mdp.initial @ np.asarray(pm.solve_task(mdp, gamma).values[0]))
    return best, float(pm.expected_return(mdp, uniform, gamma))


def _boards(worlds: list[str], frame: list[str]) -> np.ndarray:
    """(S, F) which sign is in which place, over the states of some worlds, in a frame that holds more of them."""
    drawn: dict[str, list[Any]] = {}
    for name in frame:
        env = _made(name).unwrapped
        drawn[name] = [env.world.board(label) for label in env.mdp.state_labels]  # type: ignore[attr-defined]
    signs = sorted({sign for boards in drawn.values() for board in boards for sign in "".join(board)})
    height = max(len(board) for boards in drawn.values() for board in boards)
    width = max(len(line) for boards in drawn.values() for board in boards for line in board)
    place = {sign: i for i, sign in enumerate(signs)}
    shown = [board for name in worlds for board in drawn[name]]
    found = np.zeros((len(shown), height, width, len(signs)), dtype=np.float32)
    for s, board in enumerate(shown):
        for y, line in enumerate(board):
            for x, sign in enumerate(line):
                found[s, y, x, place[sign]] = 1.0
    return found.reshape(len(shown), -1)


def scored(alone: dict[str, TabularMDP], policy: np.ndarray, gamma: float) -> dict[str, float]:
    """The score of each world, 0 random and 100 optimal."""
    found = {}
    for name, mdp in alone.items():
        optimal, uniform = _ends(mdp, gamma)
        found[name] = 100.0 * (float(pm.expected_return(mdp, policy, gamma)) - uniform) / (optimal - uniform)
    return found


def main(args: argparse.Namespace) -> None:
    frame, count = list(args.worlds), len(args.worlds)
    settings = SETTINGS.get(args.algorithm, {})
    print(f"powerenvs {powerenvs.__version__}; {args.algorithm}, {args.seeds} seeds; scores: 0 random, 100 optimal\n")

    def learned(worlds: list[str], steps: int, seed: int, kind: str) -> dict[str, float]:
        env, alone = joined(worlds, args.gamma, frame)
        total = (
            sum(mdp.num_states for mdp in alone.values())
            if len(alone) == 1
            else powerenvs.tabular_model(env).num_states
        )
        found = pm.train(
            env, args.algorithm, steps=steps, seed=seed, gamma=args.gamma, settings=settings, progress=False,
            power=np.arange(total, dtype=np.float64), eval_every=steps, out=args.out / kind / str(seed),
        )  # fmt: skip
        return scored(alone, found.policies[-1], args.gamma)

    record: dict[str, dict[str, list[float]]] = {name: {} for name in frame}
    for seed in range(args.seeds):
        for name, score in learned(frame, args.steps, seed, "all").items():
            record[name].setdefault("all", []).append(score)
        for name in frame:
            for kind, steps in (("each", args.steps), ("share", args.steps // count)):
                score = learned([name], steps, seed, f"{kind} {name}")[name]
                record[name].setdefault(kind, []).append(score)
    heads = ("one agent", f"expert, {args.steps // count:,} steps", f"expert, {args.steps:,}")
    print("{:<12}{:>11}{:>25}{:>21}".format("world", *heads))
    for name, found in record.items():
        print(
            f"{name:<12}"
            + "".join(f"{np.mean(found[k]):>{w}.1f}" for k, w in (("all", 11), ("share", 25), ("each", 21)))
        )
    means = {
        kind: np.mean([[min(100.0, score) for score in record[name][kind]] for name in frame])
        for kind in ("all", "share", "each")
    }
    print(
        f"{'capped mean':<12}" + "".join(f"{means[k]:>{w}.1f}" for k, w in (("all", 11), ("share", 25), ("each", 21)))
    )
    args.out.mkdir(parents=True, exist_ok=True)
    kept = {"algorithm": args.algorithm, "steps": args.steps, "gamma": args.gamma, "scores": record, "capped": means}
    (args.out / "many_worlds.json").write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    print(f"\nwrote {args.out}/many_worlds.json")


if __name__ == "__main__":
    main(parser.parse_args())
