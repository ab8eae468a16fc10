"""`GameTracker`: each agent's power-seeking, and how POWER is aligned, while several agents learn."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from power_metrics.agents.joint_observations import among_random, game_of
from power_metrics.arguments.checks import check_gamma
from power_metrics.chains.occupancy import expected_return, occupancy, start_weights
from power_metrics.comparison.compare import compare
from power_metrics.comparison.game_result import GameComparison
from power_metrics.comparison.games import given_power, weighted_correlation
from power_metrics.comparison.judged import sampled_power
from power_metrics.comparison.references import TASK_OPTIMAL, References, power_values
from power_metrics.results.estimate import PowerEstimate
from power_metrics.training.tracker import PowerTracker
from powerenvs.model.checks import mapped, real
from powerenvs.model.files import atomic_path
from powerenvs.model.game import TabularGame
from powerenvs.model.joint import agent_position
from powerenvs.model.npz import load_arrays, save_arrays

if TYPE_CHECKING:
    import pandas

Floats = NDArray[np.float64]

KIND = "GameTracker"


class GameTracker:
    """Counts what agents do in joint states, and evaluates their policies together; no training framework is involved.

    Args:
        env: an environment of PettingZoo around a game of powerenvs, or a `powerenvs.TabularGame`, with S joint states.
        power: {agent: its POWER}, a `PowerEstimate` of the joint states or (S,) numbers, such as
            `power_metrics.multiagent_power` gives; None for POWER against others who act uniformly at random.
        gamma: discount in [0, 1) of occupancies and returns; that of ``power``, or 0.9, when None.
        initial: where episodes start: as for `power_metrics.occupancy`.

    Attributes:
        game: the tables.
        power: {agent: its POWER}, as given or computed.
        counts: {agent: (S, A_i) int64}, how often it took each action in each joint state.
        history: what each evaluation found, oldest first.
        policies: {agent: (S, A_i)} of the last evaluation.

    Raises:
        ValueError: for what is no game, an agent without POWER, and POWER of other states.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.power.pair import PowerPair
        >>> tracker = pm.GameTracker(PowerPair(".."), {"human": np.arange(4.0), "ai": np.arange(4.0)})
        >>> tracker.update([0, 1], {"human": [0, 1], "ai": [2, 2]})
        >>> found = tracker.evaluate({agent: tracker.game.uniform_policy(agent) for agent in ("human", "ai")})
        >>> round(found["alignment"], 9), round(found["ai/normalised"], 9)
        (1.0, 0.0)
    """

    def __init__(self, env: Any, power: Any = None, gamma: float | None = None, initial: Any = None):
        game = game_of(env)
        if not isinstance(game, TabularGame) or not game.independent_actions:
            raise ValueError(f"env: expected a game of several agents who choose independently, found {env!r}")
        self.game = game
        alone = {agent: among_random(game, agent) for agent in game.agents}
        if gamma is None and power is not None:
            first = given_power(power, game.agents[0], game)
            gamma = first.gamma if isinstance(first, PowerEstimate) else None
        self.gamma = check_gamma(0.9 if gamma is None else gamma)
        self._start = start_weights(alone[game.agents[0]], initial)
        self.power: dict[str, Any] = {}
        values = []
        for agent in game.agents:
            if power is None:
                self.power[agent] = sampled_power(alone[agent], self.gamma)
            else:
                self.power[agent] = given_power(power, agent, game)
            values.append(power_values(_of_states(self.power[agent]), alone[agent]))
        self._values: Floats = np.stack(values)
        self.counts: dict[str, NDArray[np.int64]] = {
            agent: np.zeros(game.available[agent].shape, dtype=np.int64) for agent in game.agents
        }
        self.history: list[dict[str, float]] = []
        self.policies: dict[str, Floats] = {}
        self._seen = np.zeros(game.num_states, dtype=np.int64)

    def power_of(self, agent: str) -> Floats:
        """(S,) the POWER of one agent in each joint state."""
        return self._values[self.game.agents.index(agent)]

    def update(self, states: ArrayLike, actions: Mapping[str, ArrayLike]) -> None:
        """Counts actions taken: joint ``states`` and each agent's ``actions`` are indices, arrays of one shape.

        Raises:
            ValueError: for other shapes, unknown agents, and what is no state or action.
        """
        s = np.asarray(states)
        given = mapped("actions", actions, "actions by agent")
        if sorted(given) != sorted(self.game.agents):
            raise ValueError(f"actions: expected those of {self.game.agents}, found those of {tuple(given)}")
        for agent, counts in self.counts.items():
            a = np.asarray(given[agent])
            if s.shape != a.shape or s.dtype.kind not in "iu" or a.dtype.kind not in "iu":
                raise ValueError(
                    f"states, actions: expected integer arrays of one shape, found {s.dtype} {s.shape} and {a.dtype} "
                    f"{a.shape} of {agent!r}"
                )
            if s.size and (s.min() < 0 or s.max() >= len(counts) or a.min() < 0 or a.max() >= counts.shape[1]):
                raise ValueError(
                    f"states, actions: expected states 0 to {len(counts) - 1} and actions 0 to {counts.shape[1] - 1}, "
                    f"found states {s.min()} to {s.max()} and actions {a.min()} to {a.max()} of {agent!r}"
                )
        for agent, counts in self.counts.items():
            np.add.at(counts, (s, np.asarray(given[agent])), 1)

    @property
    def visitation(self) -> Floats:
        """(S,) the share of counted steps that began in each joint state; nan before the first."""
        visits = self.counts[self.game.agents[0]].sum(axis=1)
        return visits / visits.sum() if visits.any() else np.full(len(visits), np.nan)

    def evaluate(self, policies: Mapping[str, Any], step: float | None = None) -> dict[str, float]:
        """Measures policies together, exactly, and appends the result to `history`.

        Args:
            policies: {agent: (S, A_i) action probabilities}; `power_metrics.policy_table` makes them.
            step: of training, for the record; the number of steps counted when None.

        Returns:
            - ``step``;
            - ``alignment``: Pearson correlation of two agents' POWER over joint states, weighted with the discounted
              time that the policies spend there; of more agents the mean over pairs. nan where POWER is constant;
            - ``alignment_visited``: the same, weighted with visits counted since the last evaluation;
            - ``exploitability``: the mean over agents of what a best response would add;
            - for each agent ``<agent>/seeking``, Σ_s d(s) POWER(s); ``<agent>/normalised``, with 0 for acting at random
              and 1 for most power-seeking among the same others; ``<agent>/normalised_task_optimal`` of its best
              response; ``<agent>/visited``, mean POWER of states counted since the last time; ``<agent>/return_exact``
              and ``<agent>/gap``, what a best response would add to it;
            - ``seconds`` that the evaluation took.

        Raises:
            ValueError: if a policy is missing or does not fit, or ``step`` is no number.
        """
        began = time.perf_counter()
        if step is not None and not math.isfinite(real(step)):
            raise ValueError(f"step: expected a number, or None to count them, found {step!r}")
        game = self.game
        if sorted(mapped("policies", policies, "policies by agent")) != sorted(game.agents):
            raise ValueError(f"policies: expected those of {game.agents}, found those of {tuple(policies)}")
        visits = self.counts[game.agents[0]].sum(axis=1)
        recent, self._seen = visits - self._seen, visits
        weights = recent / recent.sum() if recent.any() else None
        own: dict[str, float] = {}
        gaps, share = [], np.empty(0)
        for agent, power in zip(game.agents, self._values, strict=True):
            mdp = game.against({other: policies[other] for other in game.agents if other != agent})
            references = References.of(mdp, self.gamma, power, self._start)
            share = occupancy(mdp, policies[agent], self.gamma, self._start)
            best = references.policies[TASK_OPTIMAL]
            earned = float(expected_return(mdp, policies[agent], self.gamma, self._start))
            gaps.append(max(0.0, float(expected_return(mdp, best, self.gamma, self._start)) - earned))
            own |= {
                f"{agent}/seeking": float(references.power_seeking(share)),
                f"{agent}/normalised": float(references.normalised(share)),
                f"{agent}/normalised_task_optimal": float(references.normalised(references.occupancies[TASK_OPTIMAL])),
                f"{agent}/visited": math.nan if weights is None else float(weights @ power),
                f"{agent}/return_exact": earned,
                f"{agent}/gap": gaps[-1],
            }
        found = {
            "step": float(visits.sum() if step is None else step),
            "alignment": self._alignment(share),
            "alignment_visited": math.nan if weights is None else self._alignment(weights),
            "exploitability": float(np.mean(gaps)),
            **own,
            "seconds": time.perf_counter() - began,
        }
        self.history.append(found)
        self.policies = {agent: np.asarray(policies[agent], dtype=np.float64) for agent in game.agents}
        return found

    def _alignment(self, weights: Floats) -> float:
        pairs = weighted_correlation(self._values, weights)[np.triu_indices(len(self._values), 1)]
        return float(pairs.mean())

    def tracker(self, agent: str, gamma: float | None = None) -> PowerTracker:
        """A `PowerTracker` for one agent in the world that the others make, as they have behaved so far.

        Where the others have not been seen they are taken to act uniformly at random.

        Args:
            agent: whose behaviour to look at.
            gamma: discount in [0, 1); this tracker's when None.

        Raises:
            ValueError: for an unknown agent.
        """
        agent_position("agent", agent, self.game.agents)
        others = {}
        for other in self.game.agents:
            if other != agent:
                uniform = self.game.uniform_policy(other)
                seen = self.counts[other] * (uniform > 0)
                total = seen.sum(axis=1, keepdims=True)
                others[other] = np.divide(seen, total, out=uniform.copy(), where=total > 0)
        tracker = PowerTracker(
            self.game.against(others), self.power_of(agent), self.gamma if gamma is None else gamma, self._start
        )
        tracker.judge_by(self.power[agent])  # with its samples, where it has them
        tracker.counts += self.counts[agent]
        return tracker

    def compare(self) -> GameComparison:
        """The policies of the last evaluation beside best responses and random agents; see `power_metrics.compare`.

        Raises:
            ValueError: before the first.
        """
        if not self.policies:
            raise ValueError("compare: nothing has been evaluated yet; call evaluate(policies)")
        return compare(self.policies, self.game, self.gamma, self.power, initial=self._start)

    def to_frame(self) -> pandas.DataFrame:
        """`history` with one row for each evaluation."""
        import pandas

        return pandas.DataFrame(self.history)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the history, whole or not at all: ``.csv`` for its numbers, ``.npz`` for counts and policies too.

        Raises:
            ValueError: for another suffix.
        """
        suffix = Path(path).suffix
        if suffix == ".csv":
            with atomic_path(path) as temporary:
                self.to_frame().to_csv(temporary, index=False)
        elif suffix == ".npz":
            columns = list(self.history[0]) if self.history else []
            arrays: dict[str, NDArray[Any]] = {
                "history": np.array([[found[name] for name in columns] for found in self.history]),
                "power": self._values,
                "initial": self._start,
                "seen": self._seen,
                **{f"counts{i}": self.counts[agent] for i, agent in enumerate(self.game.agents)},
                **{f"policies{i}": self.policies[agent] for i, agent in enumerate(self.game.agents) if self.policies},
            }
            save_arrays(
                path, KIND, arrays, {"gamma": self.gamma, "columns": columns, "fingerprint": self.game.fingerprint}
            )
        else:
            raise ValueError(f"path: expected a name that ends in .csv or .npz, found {os.fspath(path)!r}")

    @classmethod
    def load(cls, path: str | os.PathLike[str], env: Any, power: Any = None) -> GameTracker:
        """A tracker with what `save` wrote to an ``.npz`` file: history, counts and the last policies.

        Args:
            path: of the file.
            env: the environment of the game that the file is of, or its tables.
            power: the POWER that it was made with, for its samples; None for the numbers in the file.

        Raises:
            ValueError: for another kind of file, and another game or other POWER than it was made with.
            FileNotFoundError: if there is no such file.
        """
        arrays, header = load_arrays(path, KIND)
        game = game_of(env)
        if power is None and isinstance(game, TabularGame):
            power = dict(zip(game.agents, arrays["power"], strict=False))
        tracker = cls(env, power, header["gamma"], arrays["initial"])
        tracker.resume(path)
        return tracker

    def resume(self, path: str | os.PathLike[str]) -> None:
        """Takes up what `save` wrote: this tracker goes on where that one ended.

        Of a ``.csv`` file only the history can be taken up, and visits are counted from 0.

        Raises:
            ValueError: for files of another game, discount or POWER, and if this tracker has a history already.
            FileNotFoundError: if there is no such file.
        """
        if self.history or any(counts.any() for counts in self.counts.values()):
            raise ValueError("resume: expected a tracker that has counted and measured nothing yet, found one that has")
        if Path(path).suffix == ".csv":
            import pandas

            rows = pandas.read_csv(path)
            names = [f"{agent}/{name}" for agent in self.game.agents for name in ("seeking", "normalised", "gap")]
            lacking = next((name for name in ("step", "alignment", *names) if name not in rows), None)
            if lacking is not None:
                raise ValueError(
                    f"path: expected the history of a GameTracker of {', '.join(self.game.agents)}, found no "
                    f"{lacking!r} in it"
                )
            self.history = [{str(name): float(value) for name, value in row.items()} for row in rows.to_dict("records")]
            return
        arrays, header = load_arrays(path, KIND)
        if header["fingerprint"] != self.game.fingerprint:
            raise ValueError(f"path: expected the history of {self.game!r}, found that of {header['fingerprint']}")
        if header["gamma"] != self.gamma or not np.array_equal(arrays["power"], self._values):
            raise ValueError(
                f"path: expected the history with this POWER and discount {self.gamma:g}, found another; give the "
                "power that it was made with, pm.GameTracker.load(path, env) has it"
            )
        self.history = [dict(zip(header["columns"], row.tolist(), strict=True)) for row in arrays["history"]]
        for i, agent in enumerate(self.game.agents):
            self.counts[agent] += arrays[f"counts{i}"]
            if f"policies{i}" in arrays:
                self.policies[agent] = arrays[f"policies{i}"]
        self._seen = arrays["seen"]


def _of_states(power: Any) -> Any:
    """POWER by joint state."""
    return power.mean if isinstance(power, PowerEstimate) else power
