"""`learnable_rewards`: which true rewards can be learned from observations some of which are corrupt (theorem 19)."""

from __future__ import annotations

import math
from collections.abc import Generator, Hashable, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.agents.going import arrival_times
from power_metrics.arguments.checks import as_float64, check_count, resolve_model
from power_metrics.measures.registry import measure
from power_metrics.results.base import Result
from power_metrics.results.dims import Dims
from powerenvs.model import rows
from powerenvs.model.checks import as_list
from powerenvs.model.given import plain
from powerenvs.model.labels import Lookup, closest
from powerenvs.model.mdp import TabularMDP

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

KINDS = ("rl", "cirl", "stories", "semi_supervised")
MOST = 1_000_000
"""Sets of corrupt states, or reward functions, that are enumerated at most."""


@dataclass(frozen=True)
class LearnableRewards(Result):
    """Which states' true rewards can be learned, whatever the corruption is.

    Attributes:
        model: the tables, with S states and A actions.
        observations: the kind of observations, or "given".
        q: how many states may be corrupt.
        observers: (S,) from how many states each state's reward is observed.
        safe_observers: (S,) how many of these are safe.
        learnable: (S,) whether its true reward can be learned: from a safe state, or by a majority of more than 2q.
        diameter: D, the largest least expected number of steps from one state to another; infinite where some cannot
            be reached.
        time_bound: 4 D A^(2D) S^3, above the expected time to learn; infinite if some cannot be learned, or it is above
            10^290.
        versions: the releases that it was made with, by package.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.corrupt_reward import corrupt_theorem_16
        >>> [bool(pm.learnable_rewards(corrupt_theorem_16(4), kind).learnable.all()) for kind in ("rl", "stories")]
        [False, True]
    """

    model: TabularMDP
    observations: str
    q: int
    observers: Annotated[Floats, Dims("state", least=0)]
    safe_observers: Annotated[Floats, Dims("state", least=0)]
    learnable: Annotated[Bools, Dims("state", dtype=np.bool_)]
    diameter: Annotated[float, Dims(finite=False)]
    time_bound: Annotated[float, Dims(finite=False)]


@measure()
def learnable_rewards(
    env_or_mdp: Any, observations: str | Any = "rl", q: int = 1, safe: Any = None
) -> Generator[None, None, LearnableRewards]:
    """Which states' true rewards can be learned from observations, if up to q states show wrong ones.

    The true reward of a state can be learned under *every* corruption exactly if it is observed from a safe state, or
    from more than 2q states: then more than half of what is seen of it is right (Everitt et al., arXiv 1705.08417,
    theorem 19). For given data the condition is only sufficient; `inferred_rewards` says what they tell.

    Args:
        env_or_mdp: an environment or a `powerenvs.TabularMDP` with S states.
        observations: a kind of `observation_graph`, or (S, S) bool, whether a state shows the reward of another.
        q: how many risky states may be corrupt.
        safe: states that are not, by label or index, or (S,) bool; none when None.

    Raises:
        ValueError: for an argument that does not fit.

    Example:
        >>> import gymnasium as gym, powerenvs
        >>> import power_metrics as pm
        >>> env = gym.make("powerenvs/CorruptReward-v0")
        >>> for kind in ("rl", "cirl", "stories"):
        ...     print(kind, pm.learnable_rewards(env, kind).learnable.mean())
        ...
        rl 0.0
        cirl 1.0
        stories 1.0
    """
    mdp, q = resolve_model(env_or_mdp), check_count("q", q, least=0)
    trusted = safe_states(mdp.lookup, safe)
    named = isinstance(observations, str)
    shown = observation_graph(mdp, observations, trusted) if named else _graph(observations, mdp.state_labels)
    yield
    observers, sure = shown.sum(axis=0).astype(np.float64), shown[trusted].sum(axis=0).astype(np.float64)
    learnable = (sure > 0) | (observers > 2 * q)
    diameter = float(arrival_times(mdp, range(mdp.num_states)).max())
    bound = math.inf
    if learnable.all() and math.isfinite(diameter):
        digits = 2 * diameter * math.log10(mdp.num_actions)
        bound = 4 * diameter * mdp.num_actions ** (2 * diameter) * mdp.num_states**3 if digits < 290 else math.inf
    name = observations if named else "given"
    return LearnableRewards(mdp, name, q, observers, sure, learnable, diameter, float(bound))


def _graph(given: Any, labels: Sequence[Hashable]) -> Bools:
    num_states = len(labels)
    graph = np.asarray(plain("observations", given, (labels, labels)))
    if graph.dtype != bool or graph.shape != (num_states, num_states):
        raise ValueError(
            f"observations: expected one of {', '.join(KINDS)}, or a bool array ({num_states}, {num_states}), found "
            f"{graph.dtype} {graph.shape}"
        )
    return graph


def safe_states(lookup: Lookup, safe: Any) -> Bools:
    """(S,) the states that are not corrupt in any case.

    Raises:
        ValueError: for unknown states, and for truth values that are not one for each state.
    """
    given = [] if safe is None else as_list("safe", safe, "states, or a truth value for each")
    count = len(lookup.labels)
    if given and all(isinstance(one, (bool, np.bool_)) for one in given):
        if len(given) != count:
            raise ValueError(f"safe: expected states, or {count} truth values, found {len(given)} of them")
        return np.array(given, dtype=bool)
    found = np.zeros(count, dtype=bool)
    for state in given:
        found[lookup.index(state, "safe")] = True
    return found


def observation_graph(env_or_mdp: Any, kind: str = "rl", safe: Any = None) -> Bools:
    """From which states the rewards of which can be observed, in the settings that section 4.3 of the paper compares.

    - "rl": reinforcement learning; a state shows its own reward.
    - "cirl": a human is watched who knows the rewards; a choice tells of the states that it may lead to, too.
    - "stories": learning values from stories; any state may tell of any.
    - "semi_supervised": rewards of all states are told in safe ones, such as a laboratory; elsewhere as in "rl".

    Args:
        env_or_mdp: an environment or a `powerenvs.TabularMDP` with S states.
        kind: one of these.
        safe: states, as for `learnable_rewards`.

    Returns:
        (S, S) bool: whether the state of a row shows the reward of the state of a column.

    Raises:
        ValueError: for an unknown kind or state.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.corrupt_reward import corrupt_example_18
        >>> pm.observation_graph(corrupt_example_18(), "semi_supervised", safe=["s1"]).tolist()
        [[True, True], [False, True]]
    """
    mdp = resolve_model(env_or_mdp)
    if kind not in KINDS:
        raise ValueError(f"observations: unknown kind {kind!r}; {closest(kind, KINDS)}")
    graph = np.eye(mdp.num_states, dtype=bool)
    if kind == "cirl":
        graph[rows.entry_rows(mdp.indptr) // mdp.num_actions, mdp.successor] = True
    elif kind == "stories":
        graph[:] = True
    elif kind == "semi_supervised":
        graph[safe_states(mdp.lookup, safe)] = True
    return graph


def inferred_rewards(data: Any, q: int, levels: Any, safe: Any = None) -> Floats:
    """All true reward functions that observations allow, if at most q risky states show wrong rewards.

    Every set of up to q corrupt states is tried: what all other states show has to agree, and is then true; what none
    of them shows may be any of the levels.

    Args:
        data: (S, S) the reward of each column's state as each row's state shows it; nan where it shows none.
        q: how many risky states may be corrupt.
        levels: the rewards that there may be.
        safe: (S,) bool or the numbers of states that are not corrupt in any case; none when None.

    Returns:
        (n, S) the reward functions, each once, in lexical order.

    Raises:
        ValueError: for an argument that does not fit, unknown states, and more than 1,000,000 sets or functions.

    Example:
        >>> import numpy as np
        >>> import power_metrics as pm
        >>> rl = [[0, np.nan], [np.nan, 1]]  # example 18: each state shows its own reward
        >>> pm.inferred_rewards(rl, q=1, levels=[0, 1]).tolist()
        [[0.0, 0.0], [0.0, 1.0], [1.0, 1.0]]
        >>> pm.inferred_rewards([[0, 1], [0, 1]], q=1, levels=[0, 1]).tolist()  # each shows both
        [[0.0, 1.0]]
    """
    shown, values, q = as_float64("data", data), np.unique(as_float64("levels", levels)), check_count("q", q, least=0)
    S = len(shown)
    if not S or shown.shape != (S, S):
        raise ValueError(f"data: expected an array (S, S), found {shown.shape}")
    if not np.isfinite(values).all():
        raise ValueError("levels: expected finite numbers, found others")
    if not np.isin(shown[~np.isnan(shown)], values).all():
        raise ValueError("data: expected rewards that are among the levels, or nan")
    risky = np.flatnonzero(~safe_states(Lookup("state", tuple(range(S))), safe)).tolist()
    sets = sum(math.comb(len(risky), k) for k in range(min(q, len(risky)) + 1))
    if sets > MOST:
        raise ValueError(f"q: expected at most {MOST:,} sets of corrupt states, found {sets:,}")
    found: set[tuple[float, ...]] = set()
    for k in range(min(q, len(risky)) + 1):
        for wrong in combinations(risky, k):
            right = np.delete(shown, wrong, axis=0)
            options = [np.unique(column[~np.isnan(column)]) for column in right.T]
            if any(len(option) > 1 for option in options):
                continue
            choices = [option if len(option) else values for option in options]
            if len(found) + math.prod(map(len, choices)) > MOST:
                raise ValueError(f"data: expected at most {MOST:,} reward functions that fit, found more")
            found.update(product(*(option.tolist() for option in choices)))
    return np.array(sorted(found)).reshape(-1, S)
