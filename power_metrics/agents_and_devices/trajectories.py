"""Walks of which everyone has an opinion whether they are those of an agent."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from power_metrics.agents.going import arrival_times, going_policies
from power_metrics.agents.table import uniform_policy
from power_metrics.agents_and_devices.devices import moving_actions
from power_metrics.agents_and_devices.distances import FAR, Distances
from power_metrics.arguments.checks import check_count, check_seed, resolve_model
from powerenvs.model.checks import real
from powerenvs.model.labels import closest
from powerenvs.model.mdp import TabularMDP
from powerenvs.rollout import Rollout, rollout

RIGHT = (0, 1)


class Setting(NamedTuple):
    """What a walk is made from.

    Attributes:
        mdp: the tables.
        steps: the most steps.
        start: where it begins; None for where it can.
        goal: where it leads; None for the state that is farthest.
        epsilon: probability of a uniform random action.
        seed: of what is random.
    """

    mdp: TabularMDP
    steps: int
    start: int | None
    goal: int | None
    epsilon: float
    seed: int

    @property
    def first(self) -> int:
        """Where walks begin that can begin anywhere."""
        return int(self.mdp.initial.argmax()) if self.start is None else self.start


def trajectory(
    env_or_mdp: Any,
    kind: str = "shortest_path",
    steps: int = 60,
    *,
    start: Hashable = None,
    goal: Hashable = None,
    epsilon: float = 0.1,
    seed: int = 0,
) -> Rollout:
    """A walk of a kind that one knows.

    Args:
        env_or_mdp: an environment or a `powerenvs.TabularMDP`; for the last four kinds and
            "round_obstacle" a deterministic one with cells.
        kind: "shortest_path", to a goal; "noisy_goal_seeker", the same but for uniform random actions;
            "round_obstacle", to the goal that takes the longest way round; "changing_goals", to one random goal after
            another; "random_walk"; "straight_path", on until a wall; "bounce", back and forth between walls;
            "wall_follower", clockwise inside with a wall at its left hand; "circle", round a square of four cells.
        steps: the most steps; what leads to a goal ends there.
        start: the first state, by label or index; where the kind of walk can begin when None.
        goal: of the first two kinds; the state that takes longest to reach when None.
        epsilon: of the noisy one.
        seed: of what is random, equally short ways included.

    Raises:
        ValueError: for an argument that does not fit, and a kind for which the model has no room.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.power import PowerGrid
        >>> pm.trajectory(PowerGrid(level="open_3x3"), "bounce", steps=4).action_labels()
        ('right', 'right', 'left', 'left')
    """
    mdp = resolve_model(env_or_mdp)
    if not isinstance(kind, str) or kind not in WALKS:
        raise ValueError(f"kind: unknown kind {kind!r}; {closest(kind, WALKS)}")
    if not 0 <= real(epsilon) <= 1:
        raise ValueError(f"epsilon: expected a probability, found {epsilon!r}")
    first = None if start is None else mdp.lookup.index(start, "start")
    last = None if goal is None else mdp.lookup.index(goal, "goal")
    return WALKS[kind](Setting(mdp, check_count("steps", steps), first, last, float(epsilon), check_seed(seed)))


def _random_walk(of: Setting) -> Rollout:
    return rollout(of.mdp, uniform_policy(of.mdp), of.mdp.state_labels[of.first], of.steps, of.seed)


def _shortest_path(of: Setting) -> Rollout:
    return _to_goal(of._replace(epsilon=0.0))


def _to_goal(of: Setting) -> Rollout:
    """To the goal, and no farther."""
    goal = _farthest(of.mdp, of.first) if of.goal is None else of.goal
    policy = (1 - of.epsilon) * going_policies(of.mdp, [goal])[0] + of.epsilon * uniform_policy(of.mdp)
    walk = rollout(of.mdp, policy, of.mdp.state_labels[of.first], of.steps, of.seed)
    there = np.flatnonzero(walk.states == goal)
    end = int(there[0]) if there.size else walk.num_steps
    return Rollout(of.mdp, walk.states[: end + 1], walk.actions[:end])


def _farthest(mdp: TabularMDP, start: int) -> int:
    """The state that is surely reached and takes longest."""
    steps = arrival_times(mdp, range(mdp.num_states))[:, start]
    return int(np.where(np.isfinite(steps), steps, -1.0).argmax())


def _round_obstacle(of: Setting) -> Rollout:
    if not of.mdp.deterministic or of.mdp.cells is None:
        raise ValueError("kind: expected a deterministic model with cells for 'round_obstacle', found another")
    distances, cells = Distances(of.mdp), of.mdp.cells
    for start in _starts(of):
        steps = distances.start(start)
        detour = np.where(steps == FAR, 0, steps - np.abs(cells - cells[start]).sum(axis=1))
        if detour.max() > 0:
            return _shortest_path(of._replace(start=start, goal=int(detour.argmax())))
    raise ValueError("start: expected walls to go round for 'round_obstacle', found none")


def _changing_goals(of: Setting) -> Rollout:
    rng = np.random.default_rng(of.seed)
    states, here = [np.array([of.first])], of.first
    actions: list[NDArray[np.int64]] = [np.empty(0, dtype=np.int64)]
    while (left := of.steps - sum(part.size for part in actions)) > 0 and not of.mdp.terminal[here]:
        steps = arrival_times(of.mdp, range(of.mdp.num_states))[:, here]
        goals = np.flatnonzero(np.isfinite(steps) & (steps > 0))
        if not goals.size:
            raise ValueError("kind: expected a model with other states to go to for 'changing_goals', found none")
        goal = int(rng.choice(goals))
        part = _to_goal(of._replace(start=here, goal=goal, steps=left, epsilon=0.0, seed=int(rng.integers(2**32))))
        states.append(part.states[1:])
        actions.append(part.actions)
        here = int(part.states[-1])
    return Rollout(of.mdp, np.concatenate(states), np.concatenate(actions))


class _Compass:
    """Which actions move in which direction on the cells of a deterministic model."""

    def __init__(self, mdp: TabularMDP, kind: str):
        if not mdp.deterministic or mdp.cells is None:
            raise ValueError(f"kind: expected a deterministic model with cells for {kind!r}, found another")
        self.moves, self.successors = moving_actions(mdp), mdp.successors()
        self.actions: dict[tuple[int, int], int] = {}
        for action in range(mdp.num_actions):
            moving = np.flatnonzero(self.moves[:, action] & ~mdp.terminal)
            ways = np.unique(mdp.cells[self.successors[moving, action]] - mdp.cells[moving], axis=0).tolist()
            if len(ways) == 1 and sum(map(abs, ways[0])) == 1:
                self.actions.setdefault((ways[0][0], ways[0][1]), action)
        clockwise = [(-1, 0), RIGHT, (1, 0), (0, -1)]
        self.clockwise = [way for way in clockwise if way in self.actions]
        if len(self.clockwise) < 2:
            raise ValueError(f"kind: expected actions that move by a cell for {kind!r}, found fewer than two")

    def free(self, state: int, way: tuple[int, int]) -> bool:
        """Whether one can go there."""
        return way in self.actions and bool(self.moves[state, self.actions[way]])

    def ahead(self, way: tuple[int, int]) -> bool:
        """Whether one can go there from where the walk is."""
        return self.free(self.here, way)

    def walk(self, mdp: TabularMDP, start: int, ways: Iterator[tuple[int, int]], steps: int) -> Rollout:
        """The rollout of the directions that an iterator gives, which may look at ``here``."""
        states = [start]
        actions: list[int] = []
        self.here = start
        while len(actions) < steps and not mdp.terminal[self.here]:
            way = next(ways, None)
            if way is None:
                break
            actions.append(self.actions[way])
            self.here = int(self.successors[self.here, actions[-1]])
            states.append(self.here)
        return Rollout(mdp, np.array(states), np.array(actions, dtype=np.int64))


def _starts(of: Setting) -> list[int]:
    """Where a walk may begin: as told, or anywhere, likely states first."""
    live = np.flatnonzero(~of.mdp.terminal)
    return live[np.argsort(-of.mdp.initial[live], kind="stable")].tolist() if of.start is None else [of.start]


def _straight_path(of: Setting) -> Rollout:
    compass = _Compass(of.mdp, "straight_path")
    for start in _starts(of):
        for way in (RIGHT, *compass.clockwise):
            if compass.free(start, way):
                return compass.walk(of.mdp, start, itertools.takewhile(compass.ahead, itertools.repeat(way)), of.steps)
    raise ValueError("start: expected a state with room ahead for 'straight_path', found none")


def _bounce(of: Setting) -> Rollout:
    compass = _Compass(of.mdp, "bounce")
    for start in _starts(of):
        for way in (RIGHT, (0, -1), (1, 0), (-1, 0)):
            back = (-way[0], -way[1])
            if compass.free(start, way) and not compass.free(start, back) and back in compass.actions:
                return compass.walk(of.mdp, start, _to_and_fro(compass, way), of.steps)
    raise ValueError("start: expected a state with a wall behind and room ahead for 'bounce', found none")


def _to_and_fro(compass: _Compass, way: tuple[int, int]) -> Iterator[tuple[int, int]]:
    while True:
        if not compass.free(compass.here, way):
            way = (-way[0], -way[1])
        yield way


def _wall_follower(of: Setting) -> Rollout:
    compass = _Compass(of.mdp, "wall_follower")
    ways = compass.clockwise
    for start in _starts(of):
        for number in (ways.index(RIGHT) if RIGHT in ways else 0, *range(len(ways))):
            if compass.free(start, ways[number]) and not compass.free(start, ways[number - 1]):
                return compass.walk(of.mdp, start, _left_hand(compass, number), of.steps)
    raise ValueError("start: expected a state with a wall beside it and room ahead for 'wall_follower', found none")


def _left_hand(compass: _Compass, number: int) -> Iterator[tuple[int, int]]:
    ways = compass.clockwise
    while True:
        number = next(
            turned % len(ways)
            for turned in (number - 1, number, number + 1, number + 2)
            if compass.free(compass.here, ways[turned % len(ways)])
        )
        yield ways[number]


def _circle(of: Setting) -> Rollout:
    compass = _Compass(of.mdp, "circle")
    ways = compass.clockwise
    for start in _starts(of):
        for number in range(len(ways) if len(ways) == 4 else 0):
            turns = [ways[(number + k) % 4] for k in range(4)]
            here, fits = start, True
            for way in turns:
                fits = fits and compass.free(here, way) and not of.mdp.terminal[here]
                here = int(compass.successors[here, compass.actions[way]])
            if fits and here == start:
                return compass.walk(of.mdp, start, (turns[k % 4] for k in range(of.steps)), of.steps)
    raise ValueError("start: expected a state beside a free square of four cells for 'circle', found none")


WALKS: dict[str, Callable[[Setting], Rollout]] = {
    "shortest_path": _shortest_path,
    "noisy_goal_seeker": _to_goal,
    "round_obstacle": _round_obstacle,
    "changing_goals": _changing_goals,
    "random_walk": _random_walk,
    "straight_path": _straight_path,
    "bounce": _bounce,
    "wall_follower": _wall_follower,
    "circle": _circle,
}
"""By kind."""
