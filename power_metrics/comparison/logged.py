"""`measure_behaviour`: what logs say about power-seeking, with the error of having seen only so much."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import numpy as np
import scipy.stats
from numpy.typing import NDArray

from power_metrics.agents.logs import Steps, read_steps
from power_metrics.arguments.checks import check_gamma, check_level
from power_metrics.chains.occupancy import start_weights
from power_metrics.comparison.compare import compare
from power_metrics.comparison.judge import Judge
from power_metrics.comparison.judged import judge_of, sampled_power
from power_metrics.comparison.references import TASK_OPTIMAL, References, power_values
from power_metrics.comparison.result import STATISTICS, PowerComparison
from power_metrics.results.base import Result
from power_metrics.results.dims import Dims
from power_metrics.results.estimate import PowerEstimate
from powerenvs.model.checks import flag
from powerenvs.model.labels import closest
from powerenvs.model.mdp import TabularMDP
from powerenvs.model.text import text_table

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NAME = "behaviour"
"""What the comparison calls the policy that was estimated."""

FEW = 20
"""Episodes, at least, of which the differences tell errors, where actions are not taken for independent."""

MAX_BLOCKS = 200
"""Episodes that follow each other are put together, to so many."""

REPLICATES = 200
"""Logs that are simulated."""

MAX_SIMULATED = 200_000
"""Steps of a log that is simulated."""

VISITED, AGREEMENT = "power_visited", "agreement"


class Errors(NamedTuple):
    """Standard errors of what was counted, and the degrees of freedom that they have."""

    visitation: Floats
    power_visited: float
    agreement: float
    freedom: float


@dataclass(frozen=True)
class Behaviour(Result):
    """What a log says; printing it gives a table.

    What was counted, the first group, holds for the time that was logged, whatever the agent is. What the comparison
    says holds for the policy that was estimated from it, over discounted time.

    Attributes:
        model: the tables, with S states and A actions.
        gamma: the discount of the comparison, and of optimal actions.
        visitation: (S,) the share of logged steps that began in each state.
        visitation_error: (S,) its standard error.
        counts: (S, A) how often each action was taken in each state.
        power_visited: mean POWER of the states in which steps began.
        power_visited_error: its standard error, that of POWER included.
        agreement: share of actions that are optimal for the task.
        agreement_error: its standard error.
        agreement_random: what ``agreement`` would be of random actions in the same states.
        num_steps: steps in known states, which all numbers are of.
        num_episodes: episodes.
        num_seen: states that were visited.
        errors: "episodes" if errors are from how episodes differ, "steps" if from simulating the log.
        comparison: the estimated policy, called "behaviour", beside the references.
        notes: what a reader has to know besides the numbers.
        versions: the releases that it was made with, by package.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.power import PowerGrid
        >>> log = {"states": [0, 1, 2, 2, 1], "actions": ["right", "right", "right", "left", "left"]}
        >>> found = pm.measure_behaviour(log, PowerGrid("..."), power=[0.5, 0.9, 0.7])
        >>> found.visitation.tolist(), round(found.power_visited, 3)
        ([0.2, 0.4, 0.4], 0.74)
    """

    model: TabularMDP
    gamma: float
    visitation: Annotated[Floats, Dims("state", least=0)]
    visitation_error: Annotated[Floats, Dims("state", finite=False, least=0)]
    counts: Annotated[Ints, Dims("state", "action", least=0, dtype=np.int64)]
    power_visited: float
    power_visited_error: float
    agreement: float
    agreement_error: float
    agreement_random: float
    num_steps: int
    num_episodes: int
    num_seen: int
    errors: str
    comparison: PowerComparison
    notes: tuple[str, ...]
    _freedom: float = math.inf

    def confidence_interval(self, statistic: str = VISITED, level: float = 0.95) -> tuple[float, float]:
        """The interval of a number: "power_visited", "agreement", or a statistic of the estimated policy.

        Of the first two it is Student's; of the others that of `PowerComparison.confidence_interval`.

        Raises:
            ValueError: for an unknown statistic, a level outside (0, 1), and policies whose POWER has no samples.
        """
        if statistic not in (VISITED, AGREEMENT):
            if statistic not in STATISTICS:
                known = (VISITED, AGREEMENT, *STATISTICS)
                raise ValueError(f"statistic: unknown statistic {statistic!r}; {closest(statistic, known)}")
            return self.comparison.confidence_interval(NAME, statistic, level)
        check_level(level)
        value, error = getattr(self, statistic), getattr(self, f"{statistic}_error")
        reach = error * float(scipy.stats.t.ppf(0.5 + float(level) / 2, self._freedom))
        low, high = value - reach, value + reach
        return (max(low, 0.0), min(high, 1.0)) if statistic == AGREEMENT else (low, high)

    def __str__(self) -> str:
        rows = [["", "value", "95 % interval"]]
        shown = {VISITED: "POWER of states visited", AGREEMENT: "optimal actions"} | {
            key: f"policy: {STATISTICS[key]}" for key in ("power_seeking", "normalised", "expected_return")
        }
        for statistic, name in shown.items():
            mine = statistic in (VISITED, AGREEMENT)
            value = getattr(self if mine else self.comparison[NAME], statistic)
            low, high = (
                self.confidence_interval(statistic) if mine or self.comparison.has_intervals else (math.nan,) * 2
            )
            rows.append([name, _number(value), "-" if math.isnan(low) else f"{low:.3f} to {high:.3f}"])
        return "\n".join([self._heading(), text_table(rows, right=(1, 2)), *self.notes])

    __repr__ = __str__

    def _heading(self) -> str:
        episodes = f"{self.num_episodes:,} episode{'s' * (self.num_episodes != 1)}"
        return f"{episodes}, {self.num_steps:,} steps, in {self.num_seen:,} of {self.model.num_states:,} states"


def measure_behaviour(
    trajectories: Any,
    env: Any,
    gamma: float | None = None,
    power: PowerEstimate | Floats | None = None,
    *,
    errors: str | None = None,
    initial: Any = None,
    check: bool = True,
    **power_options: Any,
) -> Behaviour:
    """How power-seeking a log is: the POWER of where it was, how often it acted optimally, and the policy behind it.

    Args:
        trajectories: what was done. States may be numbers or labels, observations are matched to states:

            - arrays by name, as D4RL has them, or a table of pandas: "states" or "observations", "actions", and
              "episodes" (numbers) or "terminals" and "timeouts" (after which an episode is over);
            - a list of episodes, each a pair (states, actions), a mapping with these names, an array (T, 2) of
              (state, action) pairs, or anything with ``observations`` and ``actions``, such as episodes of Minari;
            - a pair (states, actions), of one episode; a data set of Minari;
            - the name of a ``.csv`` or ``.npz`` file with these columns, or of a ``.jsonl`` file with a step or an
              episode on each line.
        env: the environment as the agent saw it, wrappers included, or a `powerenvs.TabularMDP`.
        gamma: discount in [0, 1) of occupancies and of optimal actions. That of ``power``, or 0.9, when None.
        power: a `PowerEstimate` of the model's states, with samples for intervals, or (S,) numbers; computed when None.
        errors: "episodes" to take them from how episodes differ, which holds for any behaviour, memory and learning
            included. "steps" to simulate the log from the estimated policy: right for behaviour without memory, in
            worlds without terminal states. By default the first with 20 episodes or more, or where episodes terminate.
        initial: where episodes of the estimated policy start: as for `occupancy`.
        check: whether states have to follow each other as in the model, which finds logs of other worlds, and episodes
            whose ends are not marked.
        **power_options: how POWER is computed, where it is: ``num_samples`` and so on, as for `compare`.

    Raises:
        ValueError: for logs that cannot be read or are not of this environment, and arguments that do not fit.

    Example:
        >>> import gymnasium as gym
        >>> import power_metrics as pm
        >>> env = gym.make("powerenvs:PowerGrid-v0", level="open_3x3", observation="board")
        >>> board, info = env.reset(seed=0)
        >>> log = {"observations": [], "actions": []}
        >>> for _ in range(200):
        ...     log["observations"].append(board)
        ...     log["actions"].append(int(env.action_space.sample()))
        ...     board, *_ = env.step(log["actions"][-1])
        >>> found = pm.measure_behaviour(log, env, gamma=0.9, num_samples=200, progress=False)
        >>> found.num_steps, found.errors
        (200, 'steps')
    """
    if errors not in (None, "episodes", "steps"):
        raise ValueError(f'errors: expected "episodes" or "steps", found {errors!r}')
    gamma = check_gamma(gamma if gamma is not None else power.gamma if isinstance(power, PowerEstimate) else 0.9)
    log = read_steps(trajectories, env, flag("check", check))
    mdp, start = log.mdp, start_weights(log.mdp, initial)
    if power is None:
        power = sampled_power(mdp, gamma, **power_options)
    elif power_options:
        raise ValueError(f"power: expected None with options of how to compute it ({', '.join(power_options)})")
    judge, _ = judge_of(References.of(mdp, gamma, power_values(power, mdp), start), power)
    how = _method(log, errors)
    block, blocks = _blocks(log)
    counts = log.counts(block, blocks)
    total = counts.sum(axis=0)
    visitation = total.sum(axis=1) / total.sum()
    optimal = judge.references.policies[TASK_OPTIMAL] > 0
    found = _of_blocks(counts, judge, optimal) if how == "episodes" else _of_simulation(log, total, judge, optimal)
    error_of_power = 0.0
    if judge.groups is not None:
        error_of_power = float(np.sqrt((judge.groups.deviations(judge.groups.means @ visitation) ** 2).sum()))
    by_blocks = how == "episodes" and blocks > 1
    comparison = compare({NAME: counts if by_blocks else total}, mdp, gamma, power, initial=initial, kind="counts")
    return Behaviour(
        model=mdp,
        gamma=gamma,
        visitation=visitation,
        visitation_error=found.visitation,
        counts=total,
        power_visited=float(visitation @ judge.references.power),
        power_visited_error=math.hypot(found.power_visited, error_of_power),
        agreement=float(total[optimal].sum() / total.sum()),
        agreement_error=found.agreement,
        agreement_random=float(visitation @ (optimal.sum(axis=1) / mdp.available.sum(axis=1))),
        num_steps=int(total.sum()),
        num_episodes=log.num_episodes,
        num_seen=int((visitation > 0).sum()),
        errors=how,
        comparison=comparison,
        notes=_notes(log, how, judge, comparison),
        _freedom=found.freedom,
    )


def _method(log: Steps, errors: str | None) -> str:
    terminal = bool(log.mdp.terminal.any())
    if errors is None:
        return "episodes" if terminal or log.num_episodes >= FEW or len(log.state) > MAX_SIMULATED else "steps"
    if errors == "steps" and (terminal or len(log.state) > MAX_SIMULATED):
        why = "the world has terminal states" if terminal else f"the log has more than {MAX_SIMULATED:,} steps"
        raise ValueError(f'errors: expected "episodes", since {why}, found "steps"')
    return errors


def _blocks(log: Steps) -> tuple[Ints, int]:
    """The block (T,) of each step, and how many there are: episodes, or several that follow each other."""
    count = min(log.num_episodes, MAX_BLOCKS)
    return log.episode * count // log.num_episodes, count


def _of_blocks(counts: Ints, judge: Judge, optimal: NDArray[np.bool_]) -> Errors:
    """Of ratios of sums over blocks (B, S, A), linearised; nan of a single block, which tells nothing."""
    blocks = len(counts)
    if blocks < 2:
        return Errors(np.full(counts.shape[1], np.nan), math.nan, math.nan, math.inf)
    visits = counts.sum(axis=2).astype(np.float64)
    length = visits.sum(axis=1)

    def error(sums: Floats) -> Any:
        apart = sums - np.multiply.outer(length, sums.sum(axis=0) / length.sum())
        return np.sqrt(blocks / (blocks - 1) * (apart**2).sum(axis=0)) / length.sum()

    return Errors(
        error(visits),
        float(error(visits @ judge.references.power)),
        float(error((counts * optimal).sum(axis=(1, 2)).astype(np.float64))),
        blocks - 1,
    )


def _of_simulation(log: Steps, total: Ints, judge: Judge, optimal: NDArray[np.bool_]) -> Errors:
    """From logs of the same lengths and starts, of agents that act as it was estimated, half an action smoother."""
    mdp = log.mdp
    smooth = total + 0.5 * mdp.available
    chance = np.cumsum(smooth / smooth.sum(axis=1, keepdims=True), axis=1)
    lengths = np.bincount(log.episode)
    starts = log.state[np.concatenate([[0], np.cumsum(lengths)[:-1]])]
    known = starts >= 0
    first = np.where(known, starts, np.argmax(mdp.initial))
    follow = np.cumsum(mdp.probability)
    rng = np.random.default_rng(0)
    counts = np.zeros((REPLICATES, *total.shape), dtype=np.int64)
    state = np.broadcast_to(first, (REPLICATES, len(lengths))).copy()
    row_of = np.arange(REPLICATES)[:, None]
    for step in range(int(lengths.max())):
        acting = lengths > step
        state = state[:, acting] if not acting.all() else state
        lengths = lengths[acting]
        drawn = rng.random((2, *state.shape))
        action = np.minimum((chance[state] <= drawn[0][..., None]).sum(axis=-1), mdp.num_actions - 1)
        np.add.at(counts, (row_of, state, action), 1)
        row = state * mdp.num_actions + action
        low, high = mdp.indptr[row], mdp.indptr[row + 1]
        below = np.where(low > 0, follow[low - 1], 0.0)
        at = np.searchsorted(follow, below + drawn[1] * (follow[high - 1] - below), side="right")
        state = mdp.successor[np.clip(at, low, high - 1)].astype(np.int64)
    counts[:, ~log.told] = 0  # as in the log itself
    share = counts.sum(axis=2) / counts.sum(axis=(1, 2))[:, None]
    agreed = (counts * optimal).sum(axis=(1, 2)) / counts.sum(axis=(1, 2))
    return Errors(
        share.std(axis=0, ddof=1),
        float((share @ judge.references.power).std(ddof=1)),
        float(agreed.std(ddof=1)),
        math.inf,
    )


def _notes(log: Steps, how: str, judge: Judge, comparison: PowerComparison) -> tuple[str, ...]:
    found = []
    if log.by_observation:
        unknown = int((log.state < 0).sum())
        found.append(
            "states are those of the observations"
            + (
                f"; left out: {unknown:,} of {len(log.state):,} steps, whose observation several states share"
                if unknown
                else ""
            )
        )
    if log.ended:
        found.append(f"left out: {log.ended:,} steps that began in terminal states, where nothing acts")
    if how == "steps":
        found.append("errors: from simulated logs of the estimated policy, which is taken to have no memory")
    elif log.num_episodes < 2:
        found.append("no errors: a single episode does not tell how episodes differ")
    else:
        few = f"; {log.num_episodes} are few" if log.num_episodes < FEW else ""
        found.append(f"errors: from how {log.num_episodes:,} episodes differ{few}")
    if judge.groups is None:
        found.append("the error of POWER is not in intervals" if judge.noise is not None else "POWER: without errors")
    return (*found, *comparison.notes)


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"
