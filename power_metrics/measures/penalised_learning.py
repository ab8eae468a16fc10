"""`penalised_learning`: what Q-learners come to do that pay for side effects as far as they know of them."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.agents.experience import (
    ATTAINABLE_UTILITY,
    NONE,
    RELATIVE_REACHABILITY,
    UNREACHABILITY,
    Course,
    Lessons,
    Terms,
    learn_penalised,
    nothing_known,
)
from power_metrics.arguments.checks import (
    check_choice,
    check_count,
    check_gamma,
    check_progress,
    check_seed,
    resolve_model,
)
from power_metrics.chains.horizon import check_horizon
from power_metrics.chains.idling import default_action
from power_metrics.chains.occupancy import start_weights
from power_metrics.measures.deviating import FUNCTIONS, MEASURES, UTILITIES
from power_metrics.measures.registry import measure
from power_metrics.measures.side_effects import BASELINES, NONTERMINAL, check_betas
from power_metrics.results.base import Result
from power_metrics.results.dims import Dims
from power_metrics.solvers.dispatch import in_order, num_threads
from powerenvs.model.checks import flag, real
from powerenvs.model.mdp import TabularMDP
from powerenvs.progress import progress_bar

Floats = NDArray[np.float64]

SMOOTHING = 100
"""Episodes over which returns are averaged, as in the original."""

NUMBERS = {
    "none": NONE,
    "unreachability": UNREACHABILITY,
    "relative_reachability": RELATIVE_REACHABILITY,
    "attainable_utility": ATTAINABLE_UTILITY,
}


@dataclass(frozen=True)
class PenalisedLearning(Result):
    """What N Q-learners earned that paid for side effects, over their episodes.

    Attributes:
        model: the tables of the world.
        measure: of deviations, or "none".
        function: "truncation" or "absolute".
        baseline: "start", "inaction" or "stepwise".
        rollouts: whether deviations compare what follows when nothing is done.
        beta: the price of a deviation of 1.
        gamma: the discount.
        value_discount: that of reachability, or of auxiliary rewards.
        nonterminal: what steps that do not end the episode pay; see `penalised_learning`.
        steps: the time limit.
        num_episodes: of each learner.
        learning_rate: as given.
        returns: (N, blocks) each learner's mean return, penalties left out, in each block of 100 episodes.
        performances: (N, blocks) the same for hidden performance.
        versions: the releases that it was made with, by package.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.side_effects import Vase
        >>> found = pm.penalised_learning(Vase(), beta=3.0, steps=20, num_episodes=2_000, num_learners=2)
        >>> found.returns.shape, found.final_performances.round().tolist()  # around the vase
        ((2, 20), [1.0, 1.0])
    """

    model: TabularMDP
    measure: str
    function: str
    baseline: str
    rollouts: bool
    beta: float
    gamma: float
    value_discount: float
    nonterminal: str
    steps: int
    num_episodes: int
    learning_rate: float
    returns: Annotated[Floats, Dims("learner", "block", column="return")]
    performances: Annotated[Floats, Dims("learner", "block", column="performance")]

    @property
    def final_returns(self) -> Floats:
        """(N,) the mean return of each learner's last block of episodes, in which it hardly explores."""
        return self.returns[:, -1]

    @property
    def final_performances(self) -> Floats:
        """(N,) the same for hidden performance."""
        return self.performances[:, -1]


@measure(together="beta")
def penalised_learning(
    env_or_mdp: Any,
    measure: str = "relative_reachability",
    function: str = "truncation",
    baseline: str = "stepwise",
    rollouts: bool = True,
    beta: float | Iterable[float] = 3.0,
    gamma: float = 0.99,
    value_discount: float = 0.99,
    *,
    default: str | int = "noop",
    steps: int | None = None,
    nonterminal: str = "full",
    num_episodes: int = 10_000,
    num_learners: int = 10,
    learning_rate: float = 0.1,
    num_samples: int | None = None,
    seed: int | None = 0,
    threads: int | None = None,
    progress: bool | None = None,
) -> Generator[None, None, PenalisedLearning | list[PenalisedLearning]]:
    """What tabular Q-learners do that learn of side effects while they pay for them.

    The agent of the paper on relative reachability (Krakovna et al., arXiv 1806.01186) and its code: values start at 0,
    the share of random actions falls evenly from 1 to 0, the time limit ends an episode like a terminal state, and
    reachability, auxiliary values and what doing nothing leads to are learned from the agent's own steps. Penalties
    are those of `penalised_optimum`, in a world that is known ever better; relative reachability is averaged over the
    states that were seen. Auxiliary values are kept optimal for all known ways.

    Args:
        env_or_mdp: an environment or a `powerenvs.TabularMDP` in which every action has one result.
        measure: "relative_reachability", "unreachability", "attainable_utility", or "none" for no penalty.
        function: "truncation": only what is lost counts; "absolute": what is gained as well.
        baseline: "start", "inaction" or "stepwise".
        rollouts: whether to compare by what follows when nothing is done.
        beta: the price of a deviation of 1, or several.
        gamma: discount, also of rollouts, in [0, 1).
        value_discount: of reachability, in [0, 1], or of auxiliary rewards, in [0, 1).
        default: the action that does nothing; "noop" may also be called "stay".
        steps: the time limit; that of the environment when None.
        nonterminal: what a step that does not end the episode pays: "full" beta, (1 - gamma) beta ("discount"), or
            "none".
        num_episodes: of each learner.
        num_learners: how many, each with its own random numbers.
        learning_rate: in (0, 1].
        num_samples: how many auxiliary reward functions, uniform on [0, 1] in each state; by default 10.
        seed: of all learners.
        threads: how many; None for one on each core.
        progress: True for a progress bar, False for none, None for one in a terminal after two seconds.

    Returns:
        What they earned, or a list if several values of ``beta`` were given.

    Raises:
        ValueError: for an argument that does not fit, and for worlds with chance.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.side_effects import Options
        >>> free, paying = pm.penalised_learning(Options(), beta=[0.0, 0.3], steps=100, num_learners=2)
        >>> free.final_performances.round().tolist(), paying.final_performances.round().tolist()
        ([-1.0, -1.0], [1.0, 1.0])
    """
    mdp, steps = resolve_model(env_or_mdp), check_horizon(env_or_mdp, steps)
    betas, several = check_betas(beta)
    check_choice("measure", measure, (*MEASURES, "none"))
    of_utilities = measure == "attainable_utility"
    terms = Terms(
        NUMBERS[measure],
        check_choice("function", function, FUNCTIONS) == "absolute",
        flag("rollouts", rollouts),
        check_gamma(gamma),
        check_gamma(value_discount, "value_discount", closed=not of_utilities),
        default_action(mdp.action_labels, default),
    )
    check_choice("baseline", baseline, BASELINES)
    check_choice("nonterminal", nonterminal, NONTERMINAL)
    weight = {"full": 1.0, "discount": 1 - terms.gamma, "none": 0.0}[nonterminal]
    episodes, count = check_count("num_episodes", num_episodes), check_count("num_learners", num_learners)
    if not 0 < real(learning_rate) <= 1:
        raise ValueError(f"learning_rate: expected a number above 0 and up to 1, found {learning_rate!r}")
    utilities = UTILITIES if num_samples is None else check_count("num_samples", num_samples)
    first, show = check_seed(seed), check_progress(progress)
    workers = num_threads(None if threads is None else check_count("threads", threads))
    course = course_of(mdp)
    yield
    blocks, (S, A) = -(-episodes // SMOOTHING), mdp.available.shape

    def learn(number: int) -> Floats:
        price, learner = divmod(number, count)
        rng = np.random.default_rng([first, learner])
        drawn = rng.random((S, utilities)) if of_utilities else None
        lessons = Lessons(
            betas[price], BASELINES.index(baseline), weight, float(learning_rate), steps, episodes, SMOOTHING
        )
        generators, out = rng.integers(2**64, size=1, dtype=np.uint64), np.zeros((2, blocks))
        learn_penalised(course, nothing_known(S, A, drawn), terms, lessons, generators, np.zeros((S, A)), out)
        return out

    runs = len(betas) * count
    learned = np.array(list(progress_bar(in_order(learn, runs, workers), "learners", show, total=runs)))
    learned = learned.reshape(len(betas), count, 2, blocks)
    found = [
        PenalisedLearning(
            mdp, measure, function, baseline, terms.rollouts, price, terms.gamma, terms.discount, nonterminal, steps,
            episodes, float(learning_rate), earned[:, 0].copy(), earned[:, 1].copy(),
        )
        for price, earned in zip(betas, learned, strict=True)
    ]  # fmt: skip
    return found if several else found[0]


def course_of(mdp: TabularMDP) -> Course:
    """A world as learners walk through it.

    Raises:
        ValueError: for one with chance.
    """
    if not mdp.deterministic:
        raise ValueError(
            "env: expected a world in which every action has one result, found chance; pm.penalised_optimum and "
            "pm.SideEffectPenalty take it from the tables"
        )
    start = start_weights(mdp)
    starts = start.cumsum()
    starts[np.flatnonzero(start)[-1] :] = 1.0
    return Course(
        np.ascontiguousarray(mdp.successors(), dtype=np.int32),
        mdp.action_rewards(),
        mdp.action_rewards(performance=True),
        mdp.terminal.copy(),
        np.argsort(~mdp.available, axis=1, kind="stable"),
        mdp.available.sum(axis=1),
        starts,
    )
