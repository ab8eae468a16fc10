"""Table 1 of Everitt et al., arXiv 1705.08417: as published, exactly, and simulated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from power_metrics.arguments.checks import check_count, check_progress, check_seed
from power_metrics.chains.rates import Rates
from power_metrics.measures.corrupt_agents import corrupt_agents
from power_metrics.measures.corrupt_learning import corrupt_learning
from powerenvs.model.labels import closest

ID = "powerenvs/CorruptReward-v0"
DELTAS = (0.2, 0.5, 0.8)
GOALS: Mapping[str, float] = {"one_goal": 0.7, "two_goals": 0.9, "four_goals": 0.9}
"""{level: what a goal pays on average}. The paper says 0.9; its rows for one goal are those of 0.7."""

AGENTS = ("q_learning", "softmax", *(f"quantiliser {delta:g}" for delta in DELTAS))
PUBLISHED: Mapping[str, tuple[tuple[float, float, float, float], ...]] = {
    "one_goal": (
        (0.923, 0.0003, 0.00852, 0.00004),
        (0.671, 0.0005, 0.0347, 0.00006),
        (0.838, 0.15, 0.378, 0.35),
        (0.943, 0.12, 0.133, 0.27),
        (0.979, 0.076, 0.049, 0.18),
    ),
    "two_goals": (
        (0.921, 0.00062, 0.0309, 0.0051),
        (0.671, 0.0004, 0.0738, 0.0005),
        (0.934, 0.047, 0.594, 0.43),
        (0.931, 0.046, 0.621, 0.42),
        (0.944, 0.05, 0.504, 0.45),
    ),
    "four_goals": (
        (0.924, 0.0002, 0.00919, 0.00014),
        (0.657, 0.0004, 0.111, 0.0006),
        (0.918, 0.038, 0.738, 0.35),
        (0.926, 0.044, 0.666, 0.39),
        (0.915, 0.036, 0.765, 0.32),
    ),
}
"""{level: for each agent the observed rate, its standard deviation over 100 runs, and the same of the true rate}."""


@dataclass(frozen=True)
class Line:
    """One agent on one level: average rewards of a step.

    Attributes:
        level: of `CorruptReward`.
        goal_mean: what goals pay on average.
        agent: what it does.
        published: means over 100 runs of 10^6 steps.
        published_deviation: standard deviations over these runs.
        exact: of what has been learned; of quantilisers as defined.
        exact_deviation: standard deviations over the states that a quantiliser may draw; 0 for others.
        simulated: means over runs; None if there are none.
        simulated_deviation: standard deviations over runs.
    """

    level: str
    goal_mean: float
    agent: str
    published: Rates
    published_deviation: Rates
    exact: Rates
    exact_deviation: Rates
    simulated: Rates | None
    simulated_deviation: Rates | None


def corrupt_reward_table(
    levels: Iterable[str] = tuple(GOALS),
    num_runs: int = 100,
    steps: int = 1_000_000,
    seed: int = 0,
    progress: bool | None = None,
) -> list[Line]:
    """The table: Q-learning, softmax and quantilisers on the three levels.

    Args:
        levels: of `CorruptReward`.
        num_runs: of each simulation; 0 for none.
        steps: of each run.
        seed: of the simulations.
        progress: True for a progress bar, False for none, None for one in a terminal.

    Raises:
        ValueError: for an argument that does not fit.
    """
    import gymnasium as gym
    from tqdm import tqdm

    wanted, count, steps = tuple(levels), check_count("num_runs", num_runs, least=0), check_count("steps", steps)
    first, shown = check_seed(seed), check_progress(progress)
    for level in wanted:
        if level not in GOALS:
            raise ValueError(f"levels: unknown level {level!r}; {closest(level, GOALS)}")
    lines = []
    hidden = None if shown is None else not shown
    with tqdm(total=len(wanted) * len(AGENTS), desc="agents", disable=hidden) as bar:
        for level in wanted:
            env = gym.make(ID, level=level, goal_mean=GOALS[level])
            exact = corrupt_agents(env, deltas=DELTAS)
            for agent, row in zip(AGENTS, PUBLISHED[level], strict=True):
                n = exact.names.index(agent)
                simulated = deviation = None
                if count:
                    kind, _, delta = agent.partition(" ")
                    runs = corrupt_learning(
                        env, kind, steps, count, delta=float(delta or 0), seed=first, progress=False
                    )
                    simulated = runs.mean
                    deviation = Rates(float(runs.observed.std()), float(runs.true.std()))
                lines.append(
                    Line(
                        level, GOALS[level], agent, Rates(row[0], row[2]), Rates(row[1], row[3]),
                        Rates(float(exact.observed[n]), float(exact.true[n])),
                        Rates(float(exact.observed_deviation[n]), float(exact.deviation[n])),
                        simulated, deviation,
                    )
                )  # fmt: skip
                bar.update()
    return lines
