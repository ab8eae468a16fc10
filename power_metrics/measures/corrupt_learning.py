"""`corrupt_learning`: simulated learners on observed rewards, many runs side by side, and what they earn in truth."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from power_metrics.agents.corrupt_steps import (
    Channels,
    Learning,
    Runs,
    Searches,
    learning_steps,
    quantilising_steps,
)
from power_metrics.agents.fixed_points import check_exploration, q_fixed_point
from power_metrics.agents.going import going_policies
from power_metrics.agents.q_learning_steps import Steps
from power_metrics.arguments.checks import (
    as_float64,
    check_count,
    check_gamma,
    check_progress,
    check_seed,
    resolve_model,
)
from power_metrics.measures.registry import measure
from power_metrics.results.base import Result
from power_metrics.results.dims import Dims
from powerenvs.model.checks import real
from powerenvs.model.labels import closest
from powerenvs.model.mdp import TabularMDP
from powerenvs.model.rows import cumulative

Floats = NDArray[np.float64]

RULES = {
    "q_learning": (0, False),
    "softmax": (0, True),
    "sarsa": (1, False),
    "softmax_sarsa": (1, True),
    "soft_q": (2, True),
}
"""{kind: what is learned of the next state, and whether behaviour is softmax}; see `Learning`."""
QUANTILISER = "quantiliser"
KINDS = (*RULES, QUANTILISER)

PATIENCE = 100
"""Steps without a new state, after which quantilisers of the original take the world for explored."""
POINTS = 200
"""Of curves over time."""


@dataclass(frozen=True)
class CorruptLearning(Result):
    """Average rewards of a step, observed and true, over whole runs of learners.

    Attributes:
        model: the tables.
        kind: of learner.
        steps: of each run.
        num_runs: how many.
        gamma: discount.
        rate: learning rate.
        epsilon: of ε-greedy behaviour.
        beta: of softmax behaviour.
        delta: of quantilisers.
        initial_q: of learners; "fixed point" if they began there.
        seed: of the random numbers.
        observed: (N,) the mean over the steps of each run.
        true: (N,) of what these truly paid.
        ends: (T,) steps until the end of each part of the runs.
        observed_then: (T,) the mean of a step in this part, over runs.
        true_then: (T,) in truth.
        versions: the releases that it was made with, by package.

    Example:
        >>> import gymnasium as gym, powerenvs
        >>> import power_metrics as pm
        >>> env = gym.make("powerenvs/CorruptReward-v0", level="two_goals")
        >>> found = pm.corrupt_learning(env, "quantiliser", steps=10_000, num_runs=20, progress=False)
        >>> found.observed.shape, bool(found.mean.observed > 0.8)
        ((20,), True)
    """

    model: TabularMDP
    kind: str
    steps: int
    num_runs: int
    gamma: float
    rate: float
    epsilon: float
    beta: float
    delta: float
    initial_q: float | str
    seed: int
    observed: Annotated[Floats, Dims("run")]
    true: Annotated[Floats, Dims("run")]
    ends: Annotated[Floats, Dims("part", column="end")]
    observed_then: Annotated[Floats, Dims("part")]
    true_then: Annotated[Floats, Dims("part")]

    @property
    def mean(self) -> Any:
        """The mean over runs, as `Rates`."""
        from power_metrics.chains.rates import Rates

        return Rates(float(self.observed.mean()), float(self.true.mean()))

    @property
    def standard_error(self) -> Any:
        """That of `mean`; nan for a single run."""
        from power_metrics.chains.rates import Rates

        if self.num_runs < 2:
            return Rates(math.nan, math.nan)
        root = math.sqrt(self.num_runs)
        return Rates(float(self.observed.std(ddof=1)) / root, float(self.true.std(ddof=1)) / root)


@measure()
def corrupt_learning(
    env_or_mdp: Any,
    kind: str = "q_learning",
    steps: int = 1_000_000,
    num_runs: int = 100,
    *,
    gamma: float = 0.9,
    rate: float = 0.1,
    epsilon: float = 0.1,
    beta: float = 2.0,
    delta: float = 0.5,
    initial_q: float | str | Any = 10.0,
    seed: int | None = 0,
    progress: bool | None = None,
) -> Generator[None, None, CorruptLearning]:
    """Simulates learners that see the observed reward, and counts what they are paid and what that is worth.

    The learners of Everitt et al. (arXiv 1705.08417, section 6) with its settings: tables of action values, updated
    after every step at a fixed rate. Means are over *all* steps of a run, so they differ from those of
    `corrupt_agents`, which has learned: with high initial values a learner tries everything first, and at a fixed rate
    its values go on trembling.

    Args:
        env_or_mdp: an environment or a `powerenvs.TabularMDP` without terminal states.
        kind: "q_learning" or "sarsa", ε-greedy; "softmax" or "softmax_sarsa", the same with softmax behaviour;
            "soft_q", soft Q-learning; or "quantiliser": it walks at random until 100 steps have led nowhere new, then
            to one of the states that have paid delta on average whenever a step ended there, bumps included, as in the
            original's code, and stays.
        steps: of each run.
        num_runs: how many.
        gamma: discount in [0, 1).
        rate: learning rate, above 0 and up to 1.
        epsilon: of ε-greedy behaviour.
        beta: β of softmax behaviour.
        delta: of quantilisers.
        initial_q: all action values at first, or (S, A), or "fixed point": those of `q_fixed_point`.
        seed: of the random numbers; each run has its own.
        progress: True for a progress bar, False for none, None for one in a terminal after two seconds.

    Raises:
        ValueError: for an argument that does not fit, and a model with terminal states.

    Example:
        >>> import gymnasium as gym, powerenvs
        >>> import power_metrics as pm
        >>> env = gym.make("powerenvs/CorruptReward-v0", level="two_goals")
        >>> found = pm.corrupt_learning(env, steps=20_000, num_runs=10, initial_q="fixed point", progress=False)
        >>> round(found.mean.observed, 1), round(found.mean.true, 1)
        (0.9, 0.0)
    """
    mdp, gamma, steps = resolve_model(env_or_mdp), check_gamma(gamma), check_count("steps", steps)
    count, first, show = check_count("num_runs", num_runs), check_seed(seed), check_progress(progress)
    epsilon, beta = check_exploration(epsilon, beta)
    if kind not in KINDS:
        raise ValueError(f"kind: unknown kind {kind!r}; {closest(kind, KINDS)}")
    if not 0 < real(rate) <= 1:
        raise ValueError(f"rate: expected a number above 0 and up to 1, found {rate!r}")
    if not math.isfinite(real(delta)):
        raise ValueError(f"delta: expected a finite number, found {delta!r}")
    if mdp.terminal.any():
        raise ValueError("env: expected a model that goes on for ever, found terminal states")
    beginning = None if kind == QUANTILISER else _initial_values(mdp, kind, initial_q, gamma, epsilon, beta)
    yield
    rng = np.random.default_rng(first)
    states = rng.choice(mdp.num_states, size=count, p=mdp.initial)
    generators = rng.integers(2**64, size=count, dtype=np.uint64)
    table, paid = _steps(mdp), Channels(mdp.reward.copy(), mdp.performance.copy())
    earned = np.zeros((count, 2))
    run: Callable[[int], None]
    if beginning is None:
        stay = going_policies(mdp, range(mdp.num_states))[np.arange(mdp.num_states), np.arange(mdp.num_states)]
        S = mdp.num_states
        searches = Searches(
            np.zeros((count, S)), np.zeros((count, S), dtype=np.int64), np.zeros(count, dtype=np.int64),
            np.full(count, -1), states, generators, earned,
        )  # fmt: skip
        choice = stay.argmax(axis=1)

        def run(num: int) -> None:
            quantilising_steps(table, paid, choice, float(delta), PATIENCE, num, searches)
    else:
        rule, softmax = RULES[kind]
        how = Learning(gamma, float(rate), epsilon, beta if softmax else 0.0, rule)
        runs = Runs(np.tile(beginning, (count, 1, 1)), states, np.full(count, -1), generators, earned)

        def run(num: int) -> None:
            learning_steps(table, paid, how, num, runs)

    ends = np.unique(np.linspace(0, steps, min(steps, POINTS) + 1).round().astype(np.int64))
    total, then = np.zeros((count, 2)), np.zeros((len(ends) - 1, 2))
    hidden = None if show is None else not show
    with tqdm(
        total=steps * count, desc=kind, unit=" steps", unit_scale=True, delay=0 if show else 2, disable=hidden
    ) as bar:
        for part, num in enumerate(np.diff(ends).tolist()):
            run(num)
            total += earned
            then[part] = earned.mean(axis=0) / num
            earned[:] = 0.0
            bar.update(num * count)
    observed, true = (total / steps).T.copy()
    settings = kind, steps, count, gamma, float(rate), epsilon, beta, float(delta)
    shown = initial_q if isinstance(initial_q, str) else float(initial_q) if np.ndim(initial_q) == 0 else "given"
    return CorruptLearning(
        mdp, *settings, shown, first, observed, true, ends[1:].astype(float), *np.ascontiguousarray(then.T)
    )


def _steps(mdp: TabularMDP) -> Steps:
    """The model as kernels walk through it."""
    listed = np.argsort(~mdp.available, axis=1, kind="stable")
    return Steps(
        mdp.indptr.copy(), mdp.successor.copy(), cumulative(mdp.indptr, mdp.probability),
        listed, mdp.available.sum(axis=1), mdp.initial.cumsum(),
    )  # fmt: skip


def _initial_values(mdp: TabularMDP, kind: str, given: Any, gamma: float, epsilon: float, beta: float) -> Floats:
    """(S, A) the values that learners begin with.

    Raises:
        ValueError: for what is none.
    """
    if isinstance(given, str):
        if given != "fixed point":
            raise ValueError(f"initial_q: expected a number, values (S, A) or 'fixed point', found {given!r}")
        rule, softmax = RULES[kind]
        name = ("q_learning", "sarsa", "soft")[rule]
        behaviour = "softmax" if softmax else "epsilon_greedy"
        values = q_fixed_point(mdp, name, behaviour, gamma, epsilon, beta).values
        return np.where(mdp.available, values, 0.0)
    values = np.array(real(given)) if np.ndim(given) == 0 else as_float64("initial_q", given)
    if values.ndim and values.shape != mdp.available.shape:
        raise ValueError(f"initial_q: expected a number or values {mdp.available.shape}, found {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError("initial_q: expected finite numbers, found others")
    return np.broadcast_to(values, mdp.available.shape).copy()
