"""What policies do in a model: exact next-step distributions, and sampled walks of one agent or several."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import index
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium.utils.seeding import np_random
from numpy.typing import ArrayLike, NDArray

from powerenvs.model.base import Model
from powerenvs.model.game import TabularGame
from powerenvs.model.joint import agent_position
from powerenvs.model.labels import label_text
from powerenvs.model.mdp import TabularMDP
from powerenvs.model.policy_checks import checked_policy
from powerenvs.model.rows import cumulative, frozen
from powerenvs.model.text import text_table

if TYPE_CHECKING:
    from powerenvs.authoring.game_world import TableGameWorld
    from powerenvs.authoring.styles import RGB
    from powerenvs.authoring.world import TableWorld

Columns = Mapping[str, ArrayLike]
"""Something about states, such as ``{"POWER": (S,) numbers}``, to show along a walk."""


def next_states(model: TabularMDP | TabularGame, policies: Any, state: Hashable) -> dict[Hashable, float]:
    """Where one step from a state leads, exactly.

    The agents of a game choose independently. Where a joint action that they may choose does not exist in the state,
    their joint distribution is restricted to those that do and divided by its sum, as if they chose again. That treats
    all agents alike; `TabularGame.against`, which is about one of them, lets that one choose first. Both are the same
    in games with ``independent_actions``, and for policies that take one action each in a state, together possible.

    Args:
        model: a model of one agent, or a game.
        policies: for one agent a table (S, A), an array, a tensor or a `powerenvs.model.policy.Policy`; for a game
            ``{agent: (S, A_i)}`` with one for each agent. Rows sum to 1 (to 1e-6).
        state: its label, or the text of it.

    Returns:
        {label: probability} of the states that can follow, in the order of the model.

    Raises:
        ValueError: for an unknown state, missing or malformed policies, a policy of one agent with actions that do
            not exist, and policies of several that leave no joint action in the state.

    Example:
        >>> from powerenvs import Policy
        >>> from powerenvs.rollout import next_states
        >>> from powerenvs.worlds.power import PowerGrid
        >>> mdp = PowerGrid("S..", walls="absent").tables()
        >>> next_states(mdp, Policy.uniform(mdp), (0, 0))
        {(0, 0): 0.5, (0, 1): 0.5}
    """
    tables = _policy_tables(model, policies)
    rows, chances = _choices(model, tables, model.lookup.index(state, "state"))
    total = np.zeros(model.num_states)
    for row, chance in zip(rows, chances, strict=True):
        entries = slice(model.indptr[row], model.indptr[row + 1])
        np.add.at(total, model.successor[entries], chance * model.probability[entries])
    return {model.state_labels[s]: float(total[s]) for s in np.flatnonzero(total)}


def rollout(
    model: TabularMDP | TabularGame,
    policies: Any,
    start: Hashable = None,
    num_steps: int = 20,
    seed: int | None = 0,
) -> Rollout:
    """A walk, sampled from `next_states`: the same seed gives the same walk.

    Args:
        model: a model of one agent, or a game.
        policies: as for `next_states`.
        start: label of the first state, or the text of it; None to draw it from the model's start distribution.
        num_steps: the most steps; a walk ends earlier in a terminal state.
        seed: of the draws; None for a fresh one.

    Raises:
        ValueError: as `next_states`, and for numbers out of range.

    Example:
        >>> import numpy
        >>> from powerenvs.rollout import rollout
        >>> from powerenvs.worlds.power import PowerGrid
        >>> mdp = PowerGrid("S..G").tables()
        >>> right = numpy.eye(5)[[mdp.action_index("right")] * 4]
        >>> rollout(mdp, right).states.tolist()
        [0, 1, 2, 3]
    """
    tables = _policy_tables(model, policies)
    limit = _whole("num_steps", num_steps)
    random, _ = np_random(None if seed is None else _whole("seed", seed))
    if start is None:
        starts = np.flatnonzero(model.initial)
        states = [int(starts[_draw(random, model.initial[starts])])]
    else:
        states = [model.lookup.index(start, "start")]
    rows_per_state = model.num_rows // model.num_states
    actions: list[int] = []
    while len(actions) < limit and not model.terminal[states[-1]]:
        rows, chances = _choices(model, tables, states[-1])
        row = int(rows[_draw(random, chances)])
        first, last = model.indptr[row], model.indptr[row + 1]
        actions.append(row % rows_per_state)
        states.append(int(model.successor[first + _draw(random, model.probability[first:last])]))
    taken = np.array(actions, dtype=np.int64)
    return Rollout(
        model,
        frozen("states", np.array(states), np.int64),
        frozen("actions", model.joint_actions[taken] if isinstance(model, TabularGame) else taken, np.int64),
    )


@dataclass(frozen=True, eq=False, repr=False)
class Rollout:
    """A walk of T steps.

    Attributes:
        model: in which it was.
        states: (T + 1,) int64, the states visited, the first one included.
        actions: (T,) int64, the actions taken; in a game (T, N), those of each agent.

    Example:
        >>> import numpy
        >>> from powerenvs.rollout import rollout
        >>> from powerenvs.worlds.power import PowerGrid
        >>> mdp = PowerGrid("S.G").tables()
        >>> walk = rollout(mdp, numpy.eye(5)[[mdp.action_index("right")] * 3])
        >>> print(walk.describe({"cell": [0, 1, 2]}))
        step   action  state   cell
        start          (0, 0)  0.0000
        1      right   (0, 1)  1.0000
        2      right   (0, 2)  2.0000
        the walk has ended in a terminal state
    """

    model: TabularMDP | TabularGame
    states: NDArray[np.int64]
    actions: NDArray[np.int64]

    @property
    def num_steps(self) -> int:
        """T."""
        return len(self.actions)

    @property
    def terminated(self) -> bool:
        """Whether the walk has ended in a terminal state."""
        return bool(self.model.terminal[self.states[-1]])

    def labels(self) -> tuple[Hashable, ...]:
        """The labels of the T + 1 states."""
        return tuple(self.model.state_labels[s] for s in self.states)

    def action_labels(self) -> tuple[Any, ...]:
        """The labels of the T actions; in a game a dict {agent: label} for each step."""
        if isinstance(self.model, TabularMDP):
            return tuple(self.model.action_labels[a] for a in self.actions)
        labels = self.model.action_labels
        return tuple(
            {agent: labels[agent][a] for agent, a in zip(self.model.agents, joint, strict=True)}
            for joint in self.actions
        )

    def describe(self, columns: Columns | None = None) -> str:
        """The walk as text, one line for each state: the step, the actions that led there, and the state.

        Args:
            columns: {name: (S,) numbers} to add for the states, such as their rewards or POWER.

        Raises:
            ValueError: for columns of another shape.
        """
        numbers = _columns(self.model, columns)
        agents = self.model.agents if isinstance(self.model, TabularGame) else ("action",)
        rows = [("step", *agents, "state", *numbers)]
        for step, s in enumerate(self.states.tolist()):
            taken = [text for _, text in self._moves(step - 1)] if step else [""] * len(agents)
            shown = (f"{values[s]:.4f}" for values in numbers.values())
            rows.append((str(step) if step else "start", *taken, label_text(self.model.state_labels[s]), *shown))
        return text_table(rows) + ("\nthe walk has ended in a terminal state" if self.terminated else "")

    def frames(
        self,
        tile: int | None = None,
        *,
        world: TableWorld[Any] | TableGameWorld[Any] | None = None,
        caption: bool = True,
        columns: Columns | None = None,
    ) -> Iterator[NDArray[np.uint8]]:
        """The walk as pictures of one size, one for each state.

        A state is shown on its board; agents that share a cell stand side by side. States of models without a board
        are shown in a box, with what may follow them.

        Args:
            tile: side of a cell of the board in pixels; chosen by the size of the board when None.
            world: the world of the model, where its states have boards of their own.
            caption: whether to write the step, and the actions that led there, below each picture.
            columns: {name: (S,) numbers} to show as bars below the caption, from the lowest of all states (empty) to
                the highest (full).

        Returns:
            An iterator of (height, width, 3) uint8.

        Raises:
            ValueError: for columns of another shape, or with columns and no caption.
        """
        if columns and not caption:
            raise ValueError("columns: expected none without a caption, which they are a part of")
        numbers = _columns(self.model, columns)
        draw, colours = _painter(self.model, world, tile)
        if not caption:
            return (draw(s) for s in self.states.tolist())
        from powerenvs.render.captions import captioned

        texts = [self._caption(step) for step in range(len(self.states))]
        bars = [{name: float(values[s]) for name, values in numbers.items()} for s in self.states]
        ends = {name: (float(values.min()), float(values.max())) for name, values in numbers.items()}
        return captioned((draw(s) for s in self.states.tolist()), texts, [None, *colours], bars, ends)

    def save_animation(
        self,
        path: str | os.PathLike[str],
        *,
        frame_seconds: float = 0.5,
        tile: int | None = None,
        world: TableWorld[Any] | TableGameWorld[Any] | None = None,
        columns: Columns | None = None,
    ) -> None:
        """Writes `frames` as an animation that ends in ``.gif`` or ``.mp4``; its last frame is shown longer.

        Raises:
            ValueError: see `frames` and `powerenvs.render.animation.write_animation`.
        """
        from powerenvs.render.animation import write_animation

        frames = self.frames(tile, world=world, columns=columns)
        write_animation(frames, path, frame_seconds=frame_seconds, last_seconds=max(2.0, frame_seconds))

    def _moves(self, step: int) -> list[tuple[str, str]]:
        """Who did what in a step, as text; the agent of a model of one has no name."""
        taken = self.action_labels()[step]
        if not isinstance(self.model, TabularGame):
            return [("", label_text(taken))]
        return [(agent, label_text(label)) for agent, label in taken.items()]

    def _caption(self, step: int) -> list[str]:
        """The lines below a picture, as many for every step."""
        if not isinstance(self.model, TabularGame):
            return [f"step {step}: {self._moves(step - 1)[0][1]}" if step else "start"]
        if step == 0:
            return ["start", *self.model.agents]
        return [f"step {step}", *(f"{agent}: {text}" for agent, text in self._moves(step - 1))]

    def __repr__(self) -> str:
        first, last = (label_text(label) for label in (self.labels()[0], self.labels()[-1]))
        end = ", terminal" if self.terminated else ""
        return f"Rollout({self.num_steps} steps, from {first} to {last}{end})"


def _policy_tables(model: TabularMDP | TabularGame, policies: Any) -> list[NDArray[np.float64]]:
    """The table of each agent, checked."""
    if isinstance(model, TabularMDP):
        if isinstance(policies, Mapping):
            raise ValueError(f"policies: expected one table for a model of one agent, found those of {list(policies)}")
        return [checked_policy(model, policies, "policies", model.action_labels, model.available)]
    if not isinstance(model, TabularGame):
        raise ValueError(f"model: expected a TabularMDP or a TabularGame, found {type(model).__name__}")
    if not isinstance(policies, Mapping):
        raise ValueError(
            f"policies: expected {{agent: table}} for {', '.join(model.agents)}, found {type(policies).__name__}"
        )
    for agent in policies:
        agent_position("policies", agent, model.agents)
    missing = [agent for agent in model.agents if agent not in policies]
    if missing:
        raise ValueError(f"policies: expected one for each of {model.agents}, found none for {', '.join(missing)}")
    return [
        checked_policy(model, policies[agent], f"policy of {agent}", model.action_labels[agent], None)
        for agent in model.agents
    ]


def _choices(
    model: TabularMDP | TabularGame, tables: list[NDArray[np.float64]], state: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The rows of the model that the policies may choose in a state, and their probabilities."""
    weights = reduce(np.multiply.outer, [table[state] for table in tables]).ravel()
    if isinstance(model, TabularGame):
        weights = np.where(model.joint_available[state], weights, 0.0)
    chosen = np.flatnonzero(weights)
    if not chosen.size:
        raise ValueError(
            f"policies: expected to leave some joint action in every state, found none in state {state} "
            f"({model.describe(state)})"
        )
    return state * len(weights) + chosen, weights[chosen] / weights[chosen].sum()


def _draw(random: np.random.Generator, chances: NDArray[np.float64]) -> int:
    """A position, with these probabilities; none of them is 0."""
    return bisect_right(cumulative(np.array([0, len(chances)]), chances), random.random())  # type: ignore[arg-type]


def _whole(name: str, value: Any) -> int:
    try:
        number = index(value)
    except TypeError:
        number = -1
    if number < 0:
        raise ValueError(f"{name}: expected a whole number of at least 0, found {value!r}")
    return number


def _columns(model: Model, columns: Columns | None) -> dict[str, NDArray[np.float64]]:
    found = {}
    for name, values in (columns or {}).items():
        found[name] = np.asarray(values, dtype=np.float64)
        if found[name].shape != (model.num_states,) or not np.all(np.isfinite(found[name])):
            raise ValueError(
                f"columns[{name!r}]: expected a finite number for each of {model.num_states} states, found shape "
                f"{found[name].shape}"
            )
    return found


def _painter(
    model: TabularMDP | TabularGame, world: TableWorld[Any] | TableGameWorld[Any] | None, tile: int | None
) -> tuple[Callable[[int], NDArray[np.uint8]], list[RGB | None]]:
    """What draws a state, and the colour that each agent of a game has there."""
    colours: list[RGB | None] = []
    if isinstance(model, TabularGame):
        from powerenvs.envs.game_views import GamePictures

        views = GamePictures(model, world)  # type: ignore[arg-type]  # a game's world is one of a game
        if views.board(0) is not None:
            return lambda state: views.frame(state, tile), [views.colour(agent) for agent in model.agents]
        colours = [None] * model.num_agents
        model, world = _as_one_agent(model), None
    from powerenvs.render import StatePictures

    pictures = StatePictures(model, world)  # type: ignore[arg-type]
    return lambda state: pictures.frame(state, tile), colours


def _as_one_agent(game: TabularGame) -> TabularMDP:
    """The game with joint actions as the actions of one agent, for pictures."""
    names = (
        ", ".join(label_text(game.action_labels[agent][a]) for agent, a in zip(game.agents, joint, strict=True))
        for joint in game.joint_actions
    )
    return TabularMDP(
        indptr=game.indptr,
        successor=game.successor,
        probability=game.probability,
        available=game.joint_available,
        terminal=game.terminal,
        initial=game.initial,
        state_labels=game.state_labels,
        action_labels=tuple(names),
    )
