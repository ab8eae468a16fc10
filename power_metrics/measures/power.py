"""POWER: the instrumental value of a state, and the estimate object that carries it."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from power_metrics.arguments.checks import check_count, check_gammas, resolve_model
from power_metrics.expectation.blocks import averages, quick
from power_metrics.expectation.closed_form import estimates as closed_form
from power_metrics.expectation.controls import (
    Controlled,
    check_controls,
    check_expectations,
    control_variates as control_variates_of,
)
from power_metrics.expectation.draws import CONTROLS, MAX_ENUMERATED, Draws, MonteCarlo, num_reward_functions
from power_metrics.expectation.expect import Work, expect
from power_metrics.expectation.sampling import GIVEN, SAMPLED, TRIAL_SAMPLES, Identical, Sampling, refuse_changed
from power_metrics.expectation.statistic import Block, Largest, Mean, Reduction, Statistic, Sum
from power_metrics.measures.registry import measure
from power_metrics.results.estimate import EXACT, PowerEstimate
from power_metrics.rewards.distributions import DEFAULT, PerState, RewardDistribution
from power_metrics.rewards.sampler import RewardSampler
from power_metrics.rewards.tails import Tails, known_index
from power_metrics.solvers.average.components import gain_tables
from power_metrics.solvers.average.gain import GainSolution, solve_gain_into
from power_metrics.solvers.compiled import solver_tables
from power_metrics.solvers.dispatch import LANES, solve_into
from power_metrics.solvers.solution import Solution
from power_metrics.solvers.solver import SolverTables
from powerenvs.model.checks import flag
from powerenvs.model.mdp import TabularMDP

if TYPE_CHECKING:
    import torch

METHODS = ("auto", *SAMPLED, *EXACT)

AUTO_STATES = 64
"""Above this many states solving is so fast, beside better points and controls, that Monte Carlo takes less time."""


@overload
def power(
    env_or_mdp: Any, gamma: float | Fraction = ..., *args: Any, **options: Any
) -> PowerEstimate: ...  # options: as below


@overload
def power(env_or_mdp: Any, gamma: Iterable[float | Fraction], *args: Any, **options: Any) -> list[PowerEstimate]: ...


@measure(together="gamma")
def power(
    env_or_mdp: Any,
    gamma: float | Fraction | Iterable[float | Fraction] = 0.9,
    reward: RewardDistribution | PerState = DEFAULT,
    num_samples: int | None = None,
    seed: int | None = 0,
    *,
    method: str = "monte_carlo",
    control_variates: bool | None = None,
    tolerance: float | None = None,
    level: float = 0.95,
    rewards: Any = None,
    states_with_identical_rewards: Identical = None,
    allow_all_equal: bool = True,
    keep_samples: bool = False,
    batch_size: int | None = None,
    threads: int | None = None,
    device: str | torch.device | None = None,
    executor: str | Executor | None = None,
    workers: int | None = None,
    progress: bool | None = None,
) -> Generator[None, None, PowerEstimate | list[PowerEstimate]]:
    """POWER of every state: the expected optimal value of what follows, over reward functions R ~ D.

    POWER(s, γ) = (1 - γ) E_R[max_a Σ_s' P(s'|s, a) V*_R(s')], which is (1 - γ)/γ · E[V*_R(s) - R(s)] for
    0 < γ < 1 (Turner et al., arXiv 1912.01683, definition 5.2), and its limits at the ends: E_R[max_a Σ P R] at 0,
    and at 1 the expected optimal long-run average reward (see `power_metrics.optimal_gain`). Rewards are received
    in the state that the agent is in; unavailable actions never take part; terminal states go on paying their own.

    Every reward function is solved exactly; only the expectation is an estimate, with a standard error, and
    ``method`` says how it is taken. ``"monte_carlo"``: independent reward functions. ``"antithetic"``: in pairs at
    mirrored quantiles. ``"sobol"``: 16 independently scrambled Sobol point sets. ``"enumeration"``: all reward
    functions of distributions with finitely many values, at most 2^20, without error. ``"closed_form"``: exact
    fractions, for small deterministic models with uniform rewards. ``"auto"``: enumeration or the closed form where
    they fit, else Sobol points with control variates for up to 64 states where these can be had, else Monte Carlo.
    ``result.method`` says what was done.

    The same seed gives the same numbers, whatever ``threads``, ``batch_size`` and ``executor`` are, and the first n
    reward functions of a longer run are those of a shorter one. Memory does not grow with ``num_samples``. Several
    discounts are solved for the same reward functions, so that their differences are not blurred by other draws.

    Args:
        env_or_mdp: an environment (wrapped or not) or a `powerenvs.TabularMDP`, with S states.
        gamma: discount in [0, 1], or a sequence of them.
        reward: the distribution D, the same for all states or a `PerState`.
        num_samples: how many reward functions to draw; by default 10,000. ``"antithetic"`` rounds up to an even
            number, ``"sobol"`` to 16 times a power of two. With ``tolerance``, the most to draw; by default 10^8.
        seed: of the draws; None for a fresh one, which the result then tells.
        method: how the expectation is taken, see above.
        control_variates: True to subtract two control variates, whose expectation is known (see
            `power_metrics.expectation.controls`), from each reward function's POWER: fewer draws for the same error.
            Their multiples come from 1,024 further reward functions. For models of up to 256 states and distributions
            with a ``cdf``. None leaves it to ``"auto"``, and means False elsewhere.
        tolerance: draw until the widest interval of a state reaches no further than this to each side. Trial runs
            settle the number; the result comes from a fresh run. What is exact fulfils any tolerance.
        level: of the intervals that ``tolerance`` looks at.
        rewards: (B, S) or (S,): exactly these reward functions, nothing is drawn.
        states_with_identical_rewards: disjoint sets of state labels; the states of a set share one draw.
        allow_all_equal: False to draw again where all states have the same reward.
        keep_samples: keep the POWER of every reward function in ``result.samples`` (num_samples, S), without control
            variates. With ``rewards`` they always are; what is exact has none.
        batch_size: reward functions that a thread solves between two looks at what else happens (an
            interrupt, the progress bar); at most and by default a block of the sampler, up to 1024.
        threads: how many; None for one on each core. A worker of an executor has one.
        device: ``"cuda"`` (or ``"cuda:1"``, ...) to solve on a graphics card with torch, which gives the same to
            1e-9; None for the CPU kernels, which are faster than ``"cpu"``, torch on the CPU. γ = 1 needs None.
        executor: ``"processes"``, ``"ray"`` (needs ``powerenvs[ray]``) or any `concurrent.futures.Executor` of
            processes or machines that have this package. Bit for bit the same numbers. See docs/scaling.md.
        workers: how many processes to start, or shards that an executor gets at a time; None for one on each core.
        progress: True for a progress bar, False for none, None for one in a terminal after two seconds.

    Returns:
        The estimate: ``mean`` and ``standard_error`` (S,), and how they came about. For a sequence of discounts,
        a list with one estimate for each; their times are those of the whole run.

    Raises:
        ValueError: for an argument that does not fit, before any long work.
        ImportError: if ``executor`` is ``"ray"`` and Ray is not installed.
        RuntimeError: if the workers of an executor keep dying.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.power import PowerGrid
        >>> result = pm.power(PowerGrid("..."), gamma=0.9, num_samples=1000, progress=False)
        >>> result.mean.round(2)
        array([0.74, 0.75, 0.74])
        >>> exact = pm.power(PowerGrid("..."), gamma=0.5, method="closed_form", progress=False)
        >>> exact[(0, 1)]
        0.75
    """
    mdp = resolve_model(env_or_mdp)
    if isinstance(gamma, Iterator):
        gamma = list(gamma)  # it is read twice
    gammas, several = check_gammas(gamma)  # type: ignore[arg-type]  # it takes fractions
    work = Work.checked(threads, executor, workers, progress)
    batch = None if batch_size is None else check_count("batch_size", batch_size)
    if device is not None:
        from power_metrics.solvers.gpu import check_device

        device = str(check_device(device))
        if 1.0 in gammas:
            raise ValueError(f"device: expected None for gamma = 1, which the CPU kernels solve, found {device!r}")
    keep = flag("keep_samples", keep_samples)
    controlled = None if control_variates is None else flag("control_variates", control_variates)
    sampling = Sampling.checked(
        mdp, reward, num_samples, seed, method=method, tolerance=tolerance, level=level, rewards=rewards,
        states_with_identical_rewards=states_with_identical_rewards, allow_all_equal=allow_all_equal,
        methods=METHODS, control_variates=controlled is not None,
    )  # fmt: skip
    if sampling.method in EXACT:
        refuse_changed(f"with method {sampling.method!r}", num_samples=sampling.count is not None)
    if sampling.method == "auto":
        sampling, controlled = _automatic(sampling, controlled, keep, mdp, gammas)
    if sampling.method in EXACT:
        refuse_changed(f"with method {sampling.method!r}", control_variates=controlled is True, keep_samples=keep)
    if sampling.method == "closed_form":
        closed_form.check_closed_form(mdp, sampling.sampler)
    if controlled:
        check_controls(mdp, sampling.sampler)
    yield
    if sampling.method == "closed_form":
        as_given: Any = gamma if several else [gamma]  # fractions stay fractions
        estimates = closed_form.estimates(mdp, as_given, sampling.sampler, sampling.words)
        return estimates if several else estimates[0]
    keep = keep or sampling.method == GIVEN
    statistic = PowerStatistic(tuple(gammas), batch, keep, device, tails=sampling.unseen)
    if controlled:
        statistic = statistic.controlled(mdp, sampling.sampler, sampling.seed or 0)
    found, draws = sampling.average(statistic, mdp, work, [f"power {n}" for n in range(len(gammas))])
    facts = sampling.facts | ({"method": f"{sampling.method} with control variates"} if controlled else {})
    times = work.times
    estimates = [estimate_of(found, str(n), mdp, discount, draws, facts | times) for n, discount in enumerate(gammas)]
    return estimates if several else estimates[0]


def estimate_of(
    found: Mapping[str, Any], name: str, mdp: TabularMDP, gamma: float, draws: Draws, facts: Mapping[str, Any]
) -> PowerEstimate:
    """The estimate from what `of_solves` names with ``name``."""
    return PowerEstimate(
        model=mdp,
        gamma=gamma,
        mean=found[f"power {name}"].mean,
        standard_error=found[f"power {name}"].standard_error,
        num_samples=draws.count,
        residual=float(found[f"residual {name}"].value),
        max_iterations=int(found[f"most iterations {name}"].value),
        mean_iterations=int(found[f"iterations {name}"].value) / draws.count,
        replicates=draws.replicates,
        _samples=found[f"power {name}"].samples,
        **facts,
    )


def _automatic(
    sampling: Sampling, controlled: bool | None, keep: bool, mdp: TabularMDP, gammas: list[float]
) -> tuple[Sampling, bool]:
    """The method that ``"auto"`` stands for, and whether there are control variates.

    What is exact comes first: enumeration, then the closed form. Else, up to `AUTO_STATES` states, Sobol points, with
    control variates, as far as the distributions allow; else plain Monte Carlo. What is exact has no samples to keep.
    """
    sampler: RewardSampler = sampling.sampler
    small = mdp.num_states <= AUTO_STATES
    if controlled is None and not keep:
        number = num_reward_functions(sampler)
        if number is not None and number <= MAX_ENUMERATED:
            return sampling.settled("enumeration"), False
        if closed_form.fits(mdp, gammas, sampler):
            return sampling.settled("closed_form"), False
    if controlled is None:
        controlled = small and _offer(sampler, "cdf") and _offer(sampler, "quantile")
    return sampling.settled("sobol" if small and _offer(sampler, "quantile") else "monte_carlo"), controlled


def _offer(sampler: RewardSampler, what: str) -> bool:
    if not sampler.allow_all_equal:
        return False
    for distribution, _ in sampler.marginals():
        index = known_index(distribution)
        if not callable(getattr(distribution, what, None)) or (index is not None and index <= 2):
            return False
        try:
            getattr(distribution, what)(np.array([0.5]))
        except ValueError:  # of torch, where not every distribution has quantiles
            return False
    return True


Powers = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int32]]
"""POWER under each reward function (n, S), and the residual and the iterations of each solve (n,)."""


@dataclass(frozen=True)
class PowerStatistic(Statistic):
    """POWER at several discounts, with what the solvers say of themselves.

    Attributes:
        gammas: discounts.
        batch: reward functions to solve at a time; None for a block.
        keep: whether to keep POWER of every reward function.
        device: where the torch engine solves them; None for the CPU kernels.
        controls: the control variates for each discount, if there are any.
        tails: what is known of the rewards before any are drawn.
    """

    gammas: tuple[float, ...]
    batch: int | None = None
    keep: bool = False
    device: str | None = None
    controls: tuple[Controlled, ...] | None = None
    tails: Tails | None = None

    def reductions(self, trial: bool) -> Mapping[str, Reduction]:
        """See `Statistic`."""
        found: dict[str, Reduction] = {}
        for n in range(len(self.gammas)):
            controls = None if self.controls is None else self.controls[n]
            found |= reductions_of_solves(str(n), Mean(self.keep and not trial, controls, self.tails))
        return found

    def shared(self, model: TabularMDP) -> None:
        """See `Statistic`."""
        tables = solver_tables(model)
        _ = tables.method
        if 1.0 in self.gammas:
            gain_tables(tables)
        if self.device is not None:
            from power_metrics.solvers.gpu import check_device, torch_tables

            torch_tables(tables, check_device(self.device))

    def _quick(self, model: TabularMDP, draws: Draws) -> bool:
        """Whether only averages are asked for, which a kernel makes."""
        plain = self.device is None and self.controls is None and not self.keep  # no batch takes memory there
        return plain and quick(solver_tables(model), draws)

    def partials(
        self, model: TabularMDP, draws: Draws, blocks: range, reductions: Mapping[str, Reduction]
    ) -> list[dict[str, Any]]:
        """See `Statistic`."""
        if not self._quick(model, draws):
            return super().partials(model, draws, blocks, reductions)
        found: list[dict[str, Any]] = [{} for _ in blocks]
        for n, gamma in enumerate(self.gammas):
            if gamma == 1.0:
                for partial, number in zip(found, blocks, strict=True):
                    block = Block(draws, number, draws.block(number))
                    (solved,) = block_powers(solver_tables(model), block.rewards, (gamma,), None, False)
                    partial |= {name: reductions[name].partial(rows, block) for name, rows in of_solves(str(n), solved)}
                continue
            for partial, average in zip(found, averages(solver_tables(model), draws, blocks, gamma), strict=True):
                partial[f"power {n}"] = average.moments, None
                partial[f"residual {n}"] = average.residual
                partial[f"most iterations {n}"] = average.most
                partial[f"iterations {n}"] = average.total
        return found

    def blocks_at_a_time(self, model: TabularMDP, draws: Draws) -> int:
        """See `Statistic`: as many as keep a device busy, or fill the lanes of a kernel."""
        rows = draws.rows
        if self.device is None:
            return LANES if self._quick(model, draws) else max(1, LANES // rows)
        from power_metrics.solvers.gpu import batch_rows, check_device, torch_tables

        device = check_device(self.device)
        return -(-batch_rows(torch_tables(solver_tables(model), device), device) // rows)

    def __call__(self, model: TabularMDP, block: Block) -> Iterator[tuple[str, NDArray[Any]]]:
        """See `Statistic`."""
        return _named(block_powers(solver_tables(model), block.rewards, self.gammas, self.batch, self.keep))

    def together(self, model: TabularMDP, blocks: list[Block]) -> Iterator[Iterable[tuple[str, NDArray[Any]]]]:
        """See `Statistic`: several blocks are solved as one."""
        if self.device is None and len(blocks) == 1:
            yield from super().together(model, blocks)
            return
        rewards = np.concatenate([block.rewards for block in blocks])
        ends = np.cumsum([len(block.rewards) for block in blocks])[:-1]
        tables = solver_tables(model)
        if self.device is None:
            solved = list(block_powers(tables, rewards, self.gammas, self.batch, True))
        else:
            from power_metrics.solvers.gpu import check_device, torch_powers

            device = check_device(self.device)
            solved = [torch_powers(tables, rewards, gamma, device, self.batch) for gamma in self.gammas]
        parts = [zip(*(np.split(array, ends) for array in arrays), strict=True) for arrays in solved]
        for of_block in zip(*parts, strict=True):
            yield _named(of_block)

    def controlled(self, mdp: TabularMDP, sampler: RewardSampler, seed: int) -> PowerStatistic:
        """The same less control variates, with multiples from reward functions of their own."""
        draws = MonteCarlo(sampler, seed, TRIAL_SAMPLES, (CONTROLS,))
        rewards = np.concatenate([draws.block(number) for number in range(-(-draws.count // draws.rows))])
        keeping = PowerStatistic(self.gammas, self.batch, True, self.device)
        found = expect(keeping, draws, mdp, Work(threads=1, show=False))
        made = []
        for n, gamma in enumerate(self.gammas):
            controls = control_variates_of(mdp, gamma, sampler)
            if self.tails is not None:
                check_expectations(controls, rewards, self.tails)
            made.append(Controlled(controls, controls.coefficients(rewards, found[f"power {n}"].samples)))
        return replace(self, controls=tuple(made))


def _named(found: Iterable[Powers]) -> Iterator[tuple[str, NDArray[Any]]]:
    """The rows for one discount after the other, by the names that reductions have."""
    for n, solved in enumerate(found):
        yield from of_solves(str(n), solved)


def reductions_of_solves(name: str, mean: Mean) -> dict[str, Reduction]:
    """Of POWER, and of what its solvers say of themselves."""
    largest = Largest()
    return {
        f"power {name}": mean,
        f"residual {name}": largest,
        f"most iterations {name}": largest,
        f"iterations {name}": Sum(),
    }


def of_solves(name: str, solved: Powers) -> Iterator[tuple[str, NDArray[Any]]]:
    """The rows, by the names that `reductions_of_solves` has."""
    powers, residual, iterations = solved
    yield f"power {name}", powers
    yield f"residual {name}", residual
    yield f"most iterations {name}", iterations
    yield f"iterations {name}", iterations


def block_powers(
    tables: SolverTables, rewards: NDArray[np.float64], gammas: Iterable[float], batch: int | None, keep: bool
) -> Iterator[Powers]:
    """POWER under each of the reward functions (n, S), for one discount after the other, by the CPU kernels.

    So many reward functions are solved at a time. Discounts share memory, since fresh memory costs as much time as
    solving does: unless ``keep``, what is yielded is overwritten by the next.
    """
    n, S = rewards.shape
    size = n if batch is None else batch
    parts = [slice(first, first + size) for first in range(0, n, size)]
    solution = Solution.empty(n, S, policies=False)
    for gamma in gammas:
        if gamma == 1.0:
            gains = GainSolution.empty(n, S, policies=False)
            for part in parts:
                solve_gain_into(tables, rewards[part], gains.part(part))
            yield gains.gain, gains.residual, gains.iterations
            continue
        for part in parts:
            solve_into(tables, rewards[part], gamma, solution.part(part))
        powers = np.multiply(solution.continuation, 1.0 - gamma, out=None if keep else solution.continuation)
        yield powers, solution.residual, solution.iterations
