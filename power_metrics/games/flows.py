"""How populations change that play a game: replicator, replicator-mutator, best response and logit dynamics.

A game of two players is played by two populations with shares x and y of strategies, a square table by one. Strategy i
earns f_i, which is (A y)_i and (B^T x)_j for two populations and (M z)_i for one.

- "replicator": z_i' = z_i (f_i - f · z) (Taylor and Jonker 1978).
- "mutator": z_i' = sum_j z_j f_j Q_ji - z_i (f · z), where offspring is of another kind with probability ``mutation``,
  each kind equally likely. Payoffs are numbers of offspring, so none may be below 0 (Page and Nowak 2002).
- "best_response": z' = b(z) - z, b(z) the best answer, ties split evenly (Gilboa and Matsui 1991).
- "logit": z' = softmax(f / noise) - z (Fudenberg and Levine 1998).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

from power_metrics.arguments.checks import as_float64
from power_metrics.games.bimatrix import Bimatrix, Exact, distribution, exact_table
from power_metrics.games.decomposition import Counterpart
from powerenvs.model.checks import real
from powerenvs.model.labels import closest

Floats = NDArray[np.float64]

KINDS = ("replicator", "mutator", "best_response", "logit")
RELATIVE, ABSOLUTE = 1e-10, 1e-13
"""Tolerances of integration."""
ROUNDING = 2e-15
"""A field this small, as a share of the largest payoff, is that of a rest point."""
MAX_PIECES = 10_000
"""Straight pieces of a path of best responses."""
SHORT = 1e-12
"""A piece this short means that best answers change without end at one point, which the path does not leave."""


@dataclass(frozen=True, eq=False)
class Dynamics:
    """How shares of strategies change; see `dynamics`, which makes it.

    States are shares of the strategies, of two populations one after the other: (m + n,), or (k,) of one.

    Attributes:
        kind: of dynamics.
        tables: what each population earns: one square table, or A and B^T.
        exact: the same as fractions.
        names: of each population's strategies.
        populations: what the populations are called.
        mutation: probability of offspring of another kind, for "mutator".
        noise: of the choice, for "logit".

    Example:
        >>> import power_metrics as pm
        >>> field = pm.games.dynamics(pm.games.named("battle_of_the_sexes"))
        >>> field(field.state([0.5, 0.5], [0.5, 0.5])).tolist()
        [0.125, -0.125, -0.125, 0.125]
    """

    kind: str
    tables: tuple[Floats, ...]
    exact: tuple[Exact, ...]
    names: tuple[tuple[str, ...], ...]
    populations: tuple[str, ...]
    mutation: float
    noise: float

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many strategies each population has."""
        return tuple(len(table) for table in self.tables)

    @property
    def parts(self) -> tuple[slice, ...]:
        """Where each population is in a state."""
        ends = np.cumsum((0, *self.sizes)).tolist()
        return tuple(slice(a, b) for a, b in itertools.pairwise(ends))

    def state(self, *shares: Any) -> Floats:
        """A state from the shares of each population, checked.

        Raises:
            ValueError: for another number of populations, and what is no distribution.
        """
        if len(shares) != len(self.tables):
            raise ValueError(f"shares: expected those of {len(self.tables)} populations, found {len(shares)}")
        return np.concatenate([distribution("shares", one, size) for one, size in zip(shares, self.sizes, strict=True)])

    def earned(self, state: Floats) -> list[Floats]:
        """What each strategy of each population earns."""
        others = [state[part] for part in self.parts][::-1]
        return [table @ other for table, other in zip(self.tables, others, strict=True)]

    def __call__(self, state: Floats) -> Floats:
        """How fast shares change, (m + n,) or (k,): the vector field at a state."""
        changes = [
            self._change(state[part], earned) for part, earned in zip(self.parts, self.earned(state), strict=True)
        ]
        return np.concatenate(changes)

    def jacobian(self, state: Floats) -> Floats:
        """How the field changes with the state, (K, K): its derivative in all directions, along the simplex or not.

        Raises:
            ValueError: for best responses, which jump.
        """
        if self.kind == "best_response":
            raise ValueError("kind: expected a smooth field, found best responses, which jump where answers change")
        found = np.zeros((len(state), len(state)), dtype=state.dtype)  # of fractions too
        parts, earned = self.parts, self.earned(state)
        for number, part in enumerate(parts):
            other = parts[len(parts) - 1 - number]
            own, inner = self._derivatives(state[part], earned[number])
            found[part, part] += own
            found[part, other] += inner @ self.tables[number]
        return found

    def _change(self, shares: Floats, earned: Floats) -> Floats:
        if self.kind == "replicator":
            return shares * (earned - shares @ earned)
        if self.kind == "mutator":
            offspring = shares * earned
            return self._mutated(offspring) - shares * offspring.sum()
        if self.kind == "logit":
            return _softmax(earned / self.noise) - shares
        best = earned == earned.max()
        return best / best.sum() - shares

    def _derivatives(self, shares: Floats, earned: Floats) -> tuple[Floats, Floats]:
        """Of `_change` with respect to the shares and to what they earn."""
        size = len(shares)
        if self.kind == "replicator":
            own = np.diag(earned - shares @ earned) - np.outer(shares, earned)
            return own, np.diag(shares) - np.outer(shares, shares)
        if self.kind == "mutator":
            mixing = self._mutated(np.eye(size))
            own = mixing * earned - np.eye(size) * (shares @ earned) - np.outer(shares, earned)
            return own, mixing * shares - np.outer(shares, shares)
        chosen = _softmax(earned / self.noise)
        return -np.eye(size), (np.diag(chosen) - np.outer(chosen, chosen)) / self.noise

    def _mutated(self, offspring: Floats) -> Floats:
        """What is born of each kind, along the first axis."""
        size = len(offspring)
        if size == 1:
            return offspring
        spread = (offspring.sum(axis=0) - offspring) / (size - 1)
        return (1.0 - self.mutation) * offspring + self.mutation * spread


@dataclass(frozen=True, eq=False)
class Path:
    """A path of the shares over time.

    Attributes:
        dynamics: what it follows.
        times: (T,) rising, from 0.
        states: (T, K) the shares at these times; each population's sum to 1.
        at_rest: whether it ended early, because the field had become smaller than the speed asked for.
        events: for each event that was asked for, the times at which it came.

    Example:
        >>> import power_metrics as pm
        >>> field = pm.games.dynamics([[3, 0], [0, 2]])
        >>> pm.games.follow(field, field.state([0.5, 0.5]), 30.0).states[-1].round(6).tolist()
        [1.0, 0.0]
    """

    dynamics: Dynamics
    times: Floats
    states: Floats
    at_rest: bool
    events: tuple[Floats, ...] = ()


def dynamics(game: Any, kind: str = "replicator", *, mutation: float = 0.01, noise: float = 0.1) -> Dynamics:
    """The dynamics of populations that play a game.

    Args:
        game: a `Bimatrix`, for two populations; a square table (k, k) or a `Counterpart`, for one.
        kind: "replicator", "mutator", "best_response" or "logit" (see `Dynamics`).
        mutation: for "mutator", the probability in [0, 1] that offspring is of another kind.
        noise: for "logit", by how much payoffs have to differ to matter, above 0.

    Raises:
        ValueError: for an argument that does not fit, and for negative payoffs with "mutator".

    Example:
        >>> import power_metrics as pm
        >>> pm.games.dynamics([[0, 1], [1, 0]], "logit", noise=0.5).sizes
        (2,)
    """
    if kind not in KINDS:
        raise ValueError(f"kind: no dynamics {kind!r}; {closest(str(kind), KINDS)}")
    if not 0.0 <= real(mutation) <= 1.0:
        raise ValueError(f"mutation: expected a probability, found {mutation!r}")
    if not 1e-6 <= real(noise) < np.inf:
        raise ValueError(f"noise: expected a number of at least 1e-6, found {noise!r}")
    exact: tuple[Exact, ...]
    if isinstance(game, Bimatrix):
        exact = game.exact[0], tuple(zip(*game.exact[1], strict=True))
        names: tuple[tuple[str, ...], ...] = game.names
        populations: tuple[str, ...] = game.players
    else:
        exact = (exact_table("game", game.table if isinstance(game, Counterpart) else game),)
        if len(exact[0]) != len(exact[0][0]):
            raise ValueError(
                f"game: expected a Bimatrix or a square table, found one of {len(exact[0])} x {len(exact[0][0])}"
            )
        count = len(exact[0])
        names = (game.names if isinstance(game, Counterpart) else tuple(str(k + 1) for k in range(count)),)
        populations = ("population",)
    least = min(min(row) for table in exact for row in table)
    if kind == "mutator" and least < 0:
        raise ValueError(
            f"game: expected payoffs of at least 0, which are numbers of offspring, found {float(least):g}; "
            "add a constant to all payoffs"
        )
    tables = tuple(np.array([[float(value) for value in row] for row in table]) for table in exact)
    return Dynamics(kind, tables, exact, names, populations, float(mutation), float(noise))


def follow(
    dynamics: Dynamics,
    start: Any,
    end: float,
    *,
    times: Any = None,
    speed: float | None = None,
    events: tuple[Callable[[Floats], float], ...] = (),
) -> Path:
    """Follows the dynamics from a state.

    Smooth fields are integrated by SciPy's DOP853 to a relative error of 1e-10 a step; what rounding leaves outside
    the simplex is put back, so that shares are never negative and sum to 1. Paths of best responses are straight pieces
    towards the best answer, and are found exactly, from one change of answers to the next.

    Args:
        dynamics: what `power_metrics.games.dynamics` makes.
        start: (K,) the state at time 0; see `Dynamics.state`.
        end: the last time, above 0.
        times: when states are wanted, rising, between 0 and ``end``; 200 of them by default.
        speed: end as soon as the largest rate of change is below this.
        events: functions of a state; when one changes its sign is noted.

    Raises:
        ValueError: for an argument that does not fit.

    Example:
        >>> import power_metrics as pm
        >>> field = pm.games.dynamics([[3, 0], [0, 2]])
        >>> path = pm.games.follow(field, [0.5, 0.5], 20.0, events=(lambda z: z[0] - 0.9,))
        >>> path.events[0].round(3).tolist()
        [1.584]
    """
    if not isinstance(dynamics, Dynamics):
        raise ValueError(f"dynamics: expected what power_metrics.games.dynamics makes, found {dynamics!r}")
    given = as_float64("start", start)
    if given.shape != (sum(dynamics.sizes),):
        raise ValueError(f"start: expected {sum(dynamics.sizes)} shares, found shape {given.shape}")
    state = dynamics.state(*(given[part] for part in dynamics.parts))
    if not 0.0 < real(end) < np.inf:
        raise ValueError(f"end: expected a time above 0, found {end!r}")
    wanted = np.linspace(0.0, end, 200) if times is None else as_float64("times", times)
    if wanted.ndim != 1 or wanted.size == 0 or wanted[0] < 0 or wanted[-1] > end or np.any(np.diff(wanted) <= 0):
        raise ValueError(f"times: expected rising times between 0 and {end:g}, found {times!r}")
    if speed is not None and not 0.0 < real(speed) < np.inf:
        raise ValueError(f"speed: expected a number above 0, found {speed!r}")
    if dynamics.kind == "best_response":
        if events or speed is not None:
            raise ValueError("events, speed: expected none with best responses, whose paths are straight pieces")
        return Path(dynamics, wanted, _pieces(dynamics, state, wanted), False)

    def slow(_: float, z: Floats) -> float:
        return float(np.abs(dynamics(z)).max() - (speed or 0.0))

    slow.terminal = speed is not None  # type: ignore[attr-defined]
    watched = [slow, *((lambda _, z, event=event: float(event(z))) for event in events)]
    if speed is not None and slow(0.0, state) <= 0:
        return Path(dynamics, np.zeros(1), state[None], True, tuple(np.empty(0) for _ in events))
    if _rests(dynamics, state):
        return Path(dynamics, wanted, np.tile(state, (len(wanted), 1)), False, tuple(np.empty(0) for _ in events))
    found = solve_ivp(
        lambda _, z: dynamics(z),
        (0.0, end),
        state,
        "DOP853",
        t_eval=wanted,
        events=watched if speed is not None else watched[1:],
        rtol=RELATIVE,
        atol=ABSOLUTE,
    )
    if not found.success:
        raise RuntimeError(f"follow: the integration failed ({found.message}); please report this with the game")
    came = tuple(np.asarray(one) for one in (found.t_events or []))
    stopped = found.status == 1
    reached, states = found.t, found.y.T.reshape(-1, len(state))
    if stopped and (not len(reached) or came[0][0] > reached[-1]):
        reached, states = np.append(reached, came[0][0]), np.vstack([states, found.y_events[0][0]])
    return Path(dynamics, reached, _projected(dynamics, states), stopped, came[speed is not None :])


def _rests(dynamics: Dynamics, state: Floats) -> bool:
    """Whether the field at a state is 0 but for rounding, which integration would only add to.

    Shares of the replicator grow in proportion to themselves, so that small ones are judged by that.
    """
    scale = ROUNDING * max(1.0, *(float(np.abs(table).max()) for table in dynamics.tables))
    return bool(np.all(np.abs(dynamics(state)) <= scale * (state if dynamics.kind == "replicator" else 1.0)))


def _projected(dynamics: Dynamics, states: Floats) -> Floats:
    """States with shares that are not negative and sum to 1."""
    states = np.maximum(states, 0.0)
    for part in dynamics.parts:
        states[:, part] /= states[:, part].sum(axis=1, keepdims=True)
    return states


def _pieces(dynamics: Dynamics, state: Floats, times: Floats) -> Floats:
    """(T, K) the path of best responses: z(t) = b + (z - b) exp(-t) until another answer is better."""
    found, now, tied = np.empty((len(times), len(state))), 0.0, _answers(dynamics, state)
    done = 0
    for _ in range(MAX_PIECES):
        target = tied
        # what is earned is linear in the share of the way that is gone
        here, there = dynamics.earned(state), dynamics.earned(target)
        share, change = 1.0, None
        for part, f, g in zip(dynamics.parts, here, there, strict=True):
            best = int(np.argmax(target[part]))
            for k in np.flatnonzero(target[part] == 0).tolist():
                lead, end = f[best] - f[k], g[best] - g[k]
                if end < 0 and (met := max(0.0, lead) / (max(0.0, lead) - end)) < share:
                    share, change = met, (part, k)
        until = np.inf if change is None else now - np.log1p(-share)
        while done < len(times) and times[done] <= until:
            found[done] = target + (state - target) * np.exp(now - times[done])
            done += 1
        if done == len(times):
            return found
        assert change is not None
        part, k = change
        state = target + (state - target) * (1.0 - share)
        tied = target.copy()
        tied[part] = 0.0
        tied[part.start + k] = 1.0
        if share < SHORT:  # answers alternate here without end
            break
        now = until
    found[done:] = state
    return found


def _answers(dynamics: Dynamics, state: Floats) -> Floats:
    """The best answers to a state; of several, those that stay so on the way there."""
    target = dynamics(state) + state
    for _ in dynamics.parts:
        for part, later in zip(dynamics.parts, dynamics.earned(target), strict=True):
            tied = target[part] > 0
            stays = tied & (later == later[tied].max())
            target[part] = stays / stays.sum()
    return target


def _softmax(scores: Floats) -> Floats:
    weights = np.exp(scores - scores.max())
    return weights / weights.sum()
