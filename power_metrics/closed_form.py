"""POWER of small deterministic models with uniform rewards, as exact fractions.

From a state, an agent without reasons to change its mind walks along a path into a cycle. Its discounted shares
of time in each state are a vector f, and POWER is E[max_f f · R]. The expectation is one minus the integral of
P(max_f f · R ≤ t) over t, that is, one minus the volume of {(u, t) : 0 ≤ u ≤ 1, f · u ≤ t ≤ 1}: a polytope, whose
volume Lasserre's recursion gives in rational arithmetic (Lasserre 1983, J. Optim. Theory Appl. 39). Vectors
without a state in common are independent, and their distribution functions are multiplied: each is a polynomial
between the vertices of its polytope.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from power_metrics.draws import marginals
from power_metrics.estimate import PowerEstimate
from power_metrics.rewards import Uniform
from power_metrics.sampling import RewardSampler
from powerenvs.labels import label_text
from powerenvs.mdp import TabularMDP

Vector = tuple[Fraction, ...]
Row = tuple[Vector, Fraction]

MAX_JOINED = 4
"""The most states whose rewards a set of overlapping vectors may depend on, besides those common to all."""

MAX_VECTORS = 12
"""The most vectors in such a set."""

MAX_GROUPS = 32
"""The most such sets."""

MAX_PATHS = 512
"""The most paths from a state that are looked at."""


def fits(mdp: TabularMDP, gammas: list[float], sampler: RewardSampler) -> bool:
    """Whether `estimates` takes this model."""
    try:
        check_closed_form(mdp, gammas, sampler)
    except ValueError:
        return False
    return True


def check_closed_form(mdp: TabularMDP, gammas: list[float] | list[Fraction], sampler: RewardSampler) -> None:
    """Raises a ValueError for what has no closed form here."""
    if not mdp.deterministic:
        raise ValueError("method: expected a deterministic model for 'closed_form', found a stochastic one")
    found = {distribution for distribution, _ in marginals(sampler)}
    if len(found) != 1 or not isinstance(next(iter(found)), Uniform) or sampler.identical:
        raise ValueError(
            "method: expected rewards for 'closed_form' that are independent and uniform on one interval, "
            f"found {', '.join(sorted(map(repr, found)))}{', some of them shared' if sampler.identical else ''}"
        )
    for gamma in gammas:
        for s in range(mdp.num_states):
            _groups(_vectors(mdp, s, rational(gamma)), label_text(mdp.state_labels[s]))


def estimates(
    mdp: TabularMDP, gammas: list[float] | list[Fraction], sampler: RewardSampler, reward: str
) -> list[PowerEstimate]:
    """Exact POWER for each discount; a float counts as the decimal number that it is written as.

    Raises:
        ValueError: for a model that is stochastic or too large, and rewards that are not independent and uniform.
    """
    check_closed_form(mdp, gammas, sampler)
    uniform = sampler.overrides[0][0] if sampler.overrides else sampler.default
    assert isinstance(uniform, Uniform)
    low, high = rational(uniform.low), rational(uniform.high)
    found = []
    wall, cpu = time.perf_counter(), time.process_time()
    for gamma in gammas:
        known: dict[tuple[Vector, ...], Fraction] = {}
        exact = []
        for s in range(mdp.num_states):
            vectors = _vectors(mdp, s, rational(gamma))
            if vectors not in known:
                known[vectors] = _expected_maximum(vectors, label_text(mdp.state_labels[s]))
            exact.append(low + (high - low) * known[vectors])
        found.append((gamma, exact))
    seconds, cpu_seconds = time.perf_counter() - wall, time.process_time() - cpu
    return [
        PowerEstimate(
            model=mdp,
            gamma=float(gamma),
            mean=np.array([float(value) for value in exact]),
            standard_error=np.zeros(mdp.num_states),
            num_samples=0,
            reward=reward,
            method="closed_form",
            seed=None,
            residual=0.0,
            max_iterations=0,
            mean_iterations=0.0,
            seconds=seconds,
            cpu_seconds=cpu_seconds,
            exact=tuple(exact),
        )
        for gamma, exact in found
    ]


def rational(number: float | Fraction) -> Fraction:
    """A fraction as it is, and a float as the decimal number that it is written as: 0.9 is 9/10."""
    return number if isinstance(number, Fraction) else Fraction(str(number))


def _vectors(mdp: TabularMDP, start: int, gamma: Fraction) -> tuple[Vector, ...]:
    """The different discounted shares of time, from the next step on, of the paths from a state.

    Raises:
        ValueError: if there are too many.
    """
    found: dict[Vector, None] = {}
    for number, (path, back) in enumerate(_paths(mdp, start)):
        if number == MAX_PATHS:
            raise ValueError(
                f"method: expected at most {MAX_PATHS} paths from a state for 'closed_form', found more "
                f"from {label_text(mdp.state_labels[start])}"
            )
        shares = [Fraction(0)] * mdp.num_states
        cycle = len(path) - back
        in_cycle = 1 / sum((gamma**k for k in range(cycle)), Fraction(0))
        for t, s in enumerate(path):
            if t >= max(back, 1):
                shares[s] = gamma ** (t - 1) * in_cycle
            elif t == 0 and back == 0:
                shares[s] = gamma ** (cycle - 1) * in_cycle
            elif t:
                shares[s] = (1 - gamma) * gamma ** (t - 1)
        found[tuple(shares)] = None
    return tuple(sorted(found))


def _paths(mdp: TabularMDP, start: int) -> Iterator[tuple[list[int], int]]:
    """Every path from a state up to its first repetition, and the place in it that it comes back to."""
    successors = mdp.successors()
    available = mdp.available
    stack = [[start]]
    while stack:
        path = stack.pop()
        s = path[-1]
        for following in sorted({int(successors[s, a]) for a in np.flatnonzero(available[s])}):
            if following in path:
                yield path, path.index(following)
            else:
                stack.append([*path, following])


def _groups(vectors: tuple[Vector, ...], state: str) -> tuple[Fraction, list[list[Vector]]]:
    """What all vectors have in common, and the rest of them in sets that share no state, scaled to sum to 1.

    Raises:
        ValueError: if a set is too large.
    """
    columns = list(zip(*vectors, strict=True))
    common = sum((column[0] for column in columns if len(set(column)) == 1), Fraction(0))
    open_columns = [column for column in columns if len(set(column)) > 1]
    members: list[tuple[set[int], set[int]]] = []  # the states and the vectors of each set
    for number in range(len(vectors)):
        states = {place for place, column in enumerate(open_columns) if column[number]}
        joined = [group for group in members if group[0] & states]
        members = [group for group in members if not group[0] & states]
        members.append((states.union(*(g[0] for g in joined)), {number}.union(*(g[1] for g in joined))))
    if not open_columns:
        return common, []
    if (
        len(members) > MAX_GROUPS
        or max(len(g[0]) for g in members) > MAX_JOINED
        or max(len(g[1]) for g in members) > MAX_VECTORS
    ):
        raise ValueError(
            f"method: expected at most {MAX_GROUPS} independent sets of paths from a state for 'closed_form', of at "
            f"most {MAX_JOINED} states and {MAX_VECTORS} different paths each, found {len(members)} with up to "
            f"{max(len(g[0]) for g in members)} and {max(len(g[1]) for g in members)} from {state}"
        )
    scale = 1 - common
    return common, [
        [tuple(open_columns[place][number] / scale for place in sorted(states)) for number in sorted(numbers)]
        for states, numbers in members
    ]


def _expected_maximum(vectors: tuple[Vector, ...], state: str) -> Fraction:
    """E[max_f f · U] for independent U, uniform on [0, 1]."""
    common, groups = _groups(vectors, state)
    value = common / 2
    if groups:
        value += (1 - common) * (1 - _integral_of_product(groups))
    return value


def _integral_of_product(groups: list[list[Vector]]) -> Fraction:
    """∫_0^1 Π_g P(max_{f in g} f · U ≤ t) dt, exactly: between breakpoints a polynomial."""
    several = [group for group in groups if len(group[0]) > 1]
    singles = len(groups) - len(several)  # of one state: P(U ≤ t) = t
    degree = singles + sum(len(group[0]) for group in several)
    weights = _quadrature(degree)
    ends = sorted({Fraction(0), Fraction(1)}.union(*(_breakpoints(group) for group in several)))
    total = Fraction(0)
    for left, right in itertools.pairwise(ends):
        width = right - left
        for k, weight in enumerate(weights):
            t = left + width * Fraction(k, degree)
            product = t**singles
            for group in several:
                if product:
                    product *= _share_below(group, t)
            total += width * weight * product
    return total


def _quadrature(degree: int) -> list[Fraction]:
    """The weights at 0, 1/n, ..., 1 that integrate polynomials of this degree n ≥ 1 over [0, 1] exactly."""
    weights = []
    for k in range(degree + 1):
        basis = [Fraction(1)]  # coefficients of Π (n x - j) / (k - j), from the constant up
        for j in range(degree + 1):
            if j != k:
                raised = [Fraction(0), *(degree * c for c in basis)]
                basis = [(a - j * b) / (k - j) for a, b in itertools.zip_longest(raised, basis, fillvalue=Fraction(0))]
        weights.append(sum((c / (power + 1) for power, c in enumerate(basis)), Fraction(0)))
    return weights


def _share_below(group: list[Vector], t: Fraction) -> Fraction:
    """P(max_f f · U ≤ t): the volume of what is left of the cube."""
    n = len(group[0])
    rows: list[Row] = [(vector, t) for vector in group]
    for j in range(n):
        unit = tuple(Fraction(int(i == j)) for i in range(n))
        rows += [(unit, Fraction(1)), (tuple(-c for c in unit), Fraction(0))]
    return volume(rows, n)


def volume(rows: list[Row], n: int) -> Fraction:
    """The volume of the bounded polytope {x in R^n : a · x ≤ b for all rows (a, b)}.

    The sum over facets of b times the facet's volume, divided by n; a facet is projected by solving its equation for
    one coordinate. A facet through the origin adds nothing.
    """
    tightest: dict[Vector, Fraction] = {}
    for a, b in rows:
        size = max(map(abs, a))
        if not size:
            if b < 0:
                return Fraction(0)
            continue
        key, bound = tuple(c / size for c in a), b / size
        if key not in tightest or bound < tightest[key]:
            tightest[key] = bound
    if n == 1:
        width = tightest[(Fraction(1),)] + tightest[(Fraction(-1),)]
        return max(width, Fraction(0))
    total = Fraction(0)
    for a, b in tightest.items():
        if b:
            k = max(range(n), key=lambda i: abs(a[i]))
            facet = [
                (
                    tuple(c - other[k] * d / a[k] for i, (c, d) in enumerate(zip(other, a, strict=True)) if i != k),
                    bound - other[k] * b / a[k],
                )
                for other, bound in tightest.items()
                if other is not a
            ]
            total += b / abs(a[k]) * volume(facet, n - 1)
    return total / n


def _breakpoints(group: list[Vector]) -> set[Fraction]:
    """A superset of the t where P(max_f f · U ≤ t) changes from one polynomial to another.

    These are the t of the vertices of {(u, t) : 0 ≤ u ≤ 1, f · u ≤ t}: m coordinates between 0 and 1, and m + 1
    vectors with equal products.
    """
    n = len(group[0])
    found: set[Fraction] = set()
    for m in range(min(n, len(group) - 1) + 1):
        for free in itertools.combinations(range(n), m):
            fixed = [i for i in range(n) if i not in free]
            for tight in itertools.combinations(group, m + 1):
                for ends in itertools.product((0, 1), repeat=n - m):
                    system = [
                        [*(f[i] for i in free), Fraction(-1), -sum(f[i] for i, e in zip(fixed, ends, strict=True) if e)]
                        for f in tight
                    ]
                    solution = _solve([[Fraction(c) for c in row] for row in system])
                    if solution is not None and all(0 <= u <= 1 for u in solution):
                        found.add(solution[-1])
    return found


def _solve(system: list[list[Fraction]]) -> list[Fraction] | None:
    """The solution of a square system with its right-hand side as last column; None if it is singular."""
    n = len(system)
    for column in range(n):
        pivot = next((row for row in range(column, n) if system[row][column]), None)
        if pivot is None:
            return None
        system[column], system[pivot] = system[pivot], system[column]
        system[column] = [c / system[column][column] for c in system[column]]
        for row in range(n):
            factor = system[row][column]
            if row != column and factor:
                system[row] = [c - factor * d for c, d in zip(system[row], system[column], strict=True)]
    return [row[-1] for row in system]
