"""How far POWERplay's numbers are from exact ones, and why: stopping rule, absent actions, and lost probability.

    python examples/powerplay_differences.py --samples 500

Solves the same reward functions twice: exactly, and the way POWERplay does, by float32 sweeps that stop once
no value changes by more than a given share of itself. Prints the tables in docs/power.md and docs/reproduction.md.
"""

from __future__ import annotations

import argparse

import numpy as np

import power_metrics as pm
from powerenvs import TabularGame, TabularMDP
from powerenvs.worlds.power import PowerGrid, turner_figure_1
from powerenvs.worlds.power.pair import PowerPair


def sweeping_power(
    mdp: TabularMDP, rewards: np.ndarray, gamma: float, threshold: float, absent_pays_zero: bool
) -> np.ndarray:
    """(S,) mean POWER by in-place float32 sweeps, each reward function until its relative stopping rule holds."""
    successors = mdp.successors()
    options = [row[row >= 0] for row in successors]
    can_quit = absent_pays_zero & (successors < 0).any(axis=1)
    rewards = rewards.astype(np.float32)
    values = np.zeros_like(rewards)
    active = np.arange(len(rewards))  # the reward functions that have not stopped
    while active.size:
        before = values[active]
        now = before.copy()
        for s, choices in enumerate(options):
            best = now[:, choices].max(axis=1)
            now[:, s] = rewards[active, s] + np.float32(gamma) * (np.maximum(best, 0) if can_quit[s] else best)
        values[active] = now
        moving = np.abs(now - before) > threshold * np.abs(before)
        active = active[moving.any(axis=1)]
    return ((1 - gamma) / gamma * (values - rewards)).mean(axis=0)


def losing_mdp(game: TabularGame) -> TabularMDP:
    """What the human plans in while the AI plays uniformly and absent joint actions lead to an end worth 0."""
    chance = game.uniform_policy("ai")
    end, (humans, ais) = game.num_states, (len(game.action_labels[agent]) for agent in game.agents)
    transitions = [(end, 0, end, 1.0)]
    successors = game.successors().reshape(end, humans, ais)
    for s, a_h in np.argwhere(game.available["human"]).tolist():
        for a_ai in np.flatnonzero(chance[s]):
            target = successors[s, a_h, a_ai]
            transitions.append((s, a_h, end if target < 0 else int(target), float(chance[s, a_ai])))
    return TabularMDP.from_transitions(transitions, state_labels=range(end + 1), action_labels=range(humans))


def losing_power(game: TabularGame, rewards: tuple[np.ndarray, np.ndarray], gamma: float) -> dict[str, np.ndarray]:
    """{agent: (S,)} mean POWER of both agents where the human's plan loses probability."""
    human, ai = rewards
    nothing = np.zeros((len(human), 1))
    plans = pm.optimal_policies(losing_mdp(game), np.hstack([human, nothing]), gamma)[:, :-1].numpy()
    values: dict[str, list[np.ndarray]] = {"human": [], "ai": []}
    for plan, r_h, r_a in zip(plans, human, ai, strict=True):
        against = game.against({"human": plan})
        values["ai"].append(pm.optimal_values(against, r_a[None], gamma)[0].numpy() - r_a)
        answer = pm.optimal_policies(against, r_a[None], gamma)[0].numpy()
        values["human"].append(pm.policy_values(game.against({"ai": answer}), plan, r_h[None], gamma)[0].numpy() - r_h)
    return {agent: (1 - gamma) / gamma * np.mean(parts, axis=0) for agent, parts in values.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=500, help="reward functions for each line")
    parser.add_argument("--seed", type=int, default=0)
    settings = parser.parse_args()
    rng = np.random.default_rng(settings.seed)

    print("Stopping rule: POWERplay's value minus the exact one, mean over states, rewards U(0, 1)\n")
    print("| world | γ | relative change 1e-4 (its default) | 1e-6 |")
    print("|---|---|---|---|")
    for level in ("open_3x3", "maze_7x7"):
        mdp = PowerGrid(level, walls="absent").tables()
        for gamma in (0.1, 0.6, 0.9, 0.99):
            rewards = rng.random((settings.samples, mdp.num_states))
            exact = pm.power(mdp, gamma=gamma, rewards=rewards).mean
            biases = [
                (sweeping_power(mdp, rewards, gamma, limit, absent_pays_zero=False) - exact).mean()
                for limit in (1e-4, 1e-6)
            ]
            print(f"| {level} | {gamma} | {biases[0]:+.5f} | {biases[1]:+.5f} |")

    print("\nAbsent actions: an action that a state lacks counts as worth 0, rewards U(-1, 1) and γ = 0.5\n")
    print("| state of Turner et al. figure 1 | as POWERplay computes it | exact |")
    print("|---|---|---|")
    mdp = turner_figure_1()
    rewards = rng.uniform(-1, 1, (settings.samples * 100, mdp.num_states))
    exact = pm.power(mdp, gamma=0.5, rewards=rewards).mean
    quitting = sweeping_power(mdp, rewards, 0.5, 1e-6, absent_pays_zero=True)
    for s, label in enumerate(mdp.state_labels):
        print(f"| {label} | {quitting[s]:.3f} | {exact[s]:.3f} |")

    print("\nLost probability: two agents without overlaps in maze_7x7, independent rewards U(0, 1)\n")
    columns = ("γ", "agent", "mean over states, losing", "spread instead", "difference", "of a state, at most")
    print(f"| {' | '.join(columns)} | alignment, losing and spread |")
    print("|---|---|---|---|---|---|---|")
    game = PowerPair("maze_7x7", walls="absent").tables().without_overlaps()
    pairs = rng.random((2, settings.samples, game.num_states))
    for gamma in (0.1, 0.99):
        ours = pm.multiagent_power(game, gamma, rewards=(pairs[0], pairs[1]), progress=False)
        theirs = losing_power(game, (pairs[0], pairs[1]), gamma)
        alignments = f"{np.corrcoef(theirs['human'], theirs['ai'])[0, 1]:.3f}, {ours.alignment:.3f}"
        for agent, lost in theirs.items():
            mean, gap = ours[agent].mean, lost - ours[agent].mean
            print(
                f"| {gamma} | {agent} | {lost.mean():.4f} | {mean.mean():.4f} | {gap.mean():+.4f} | "
                f"{np.abs(gap).max():.4f} | {alignments} |"
            )


if __name__ == "__main__":
    main()
