"""`Policy`: a table of action probabilities that is edited by label."""

from __future__ import annotations

import os
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from powerenvs.model.formats import POLICIES, format_of
from powerenvs.model.game import TabularGame
from powerenvs.model.joint import agent_position
from powerenvs.model.labels import Lookup, label_text
from powerenvs.model.mdp import TabularMDP
from powerenvs.model.npz import load_arrays, save_arrays
from powerenvs.model.policy_checks import check_policy_rows, given_policy


class Policy:
    """What an agent does in each state: an editable table of probabilities, (states, actions).

    ``policy.set("(0, 2)", "down")`` changes one state. A policy goes wherever a table of probabilities does, e.g.
    ``pm.occupancy(mdp, policy, 0.9)`` or ``game.against({"ai": policy})``; ``np.asarray(policy)`` is a copy of the
    table. Every row sums to 1 over the actions that exist in its state, at any time.

    States and actions are named by their labels, or by the text that these print as: ``(0, 2)`` or ``"(0, 2)"``, and
    ``((0, 0), (0, 1))`` or ``"((0, 0), (0, 1))"`` for a joint state.

    Attributes:
        model: the decision process or game that the policy is for.
        agent: whose actions they are; None in a decision process.

    Args:
        model: a `TabularMDP`, or a `TabularGame` together with ``agent``.
        agent: the agent of the game.
        table: (states, actions) probabilities to start from; uniform over the available actions when None.

    Raises:
        ValueError: for an agent that the model does not have, and a table of the wrong shape, with rows that do not
            sum to 1 (to 1e-6), or with probability on actions that a state lacks.

    Example:
        >>> from powerenvs import Policy
        >>> from powerenvs.worlds.power import PowerGrid
        >>> policy = Policy.uniform(PowerGrid("S.").tables())
        >>> policy.set("(0, 0)", {"right": 0.75, "stay": 0.25})
        >>> policy.set((0, 1), "stay")
        >>> print(policy.describe())
        (0, 0): stay 0.25, right 0.75
        (0, 1): stay 1
    """

    def __init__(self, model: TabularMDP | TabularGame, agent: str | None = None, table: ArrayLike | None = None):
        if isinstance(model, TabularGame):
            if agent is None:
                raise ValueError(f"agent: expected one of {model.agents}, found None")
            agent_position("agent", agent, model.agents)
            self._available, self._action_labels = model.available[agent], model.action_labels[agent]
        elif isinstance(model, TabularMDP):
            if agent is not None:
                raise ValueError(f"agent: expected None for a model of one agent, found {agent!r}")
            self._available, self._action_labels = model.available, model.action_labels
        else:
            raise ValueError(f"model: expected a TabularMDP or a TabularGame, found {type(model).__name__}")
        self.model, self.agent = model, agent
        self._actions = Lookup("action", self._action_labels)
        uniform = self._available / self._available.sum(axis=1, keepdims=True)
        self._table: NDArray[np.float64] = (
            uniform
            if table is None
            else _without_rounding(given_policy(model, table, "table", self._action_labels, self._available))
        )

    @classmethod
    def uniform(cls, model: TabularMDP | TabularGame, agent: str | None = None) -> Policy:
        """The policy that takes each available action with the same probability."""
        return cls(model, agent)

    @property
    def table(self) -> NDArray[np.float64]:
        """(states, actions) float64, read-only; `set` changes it."""
        view = self._table.view()
        view.flags.writeable = False
        return view

    def set(self, state: Hashable, action: Hashable | Mapping[Hashable, float]) -> None:
        """Changes what the agent does in one state.

        Args:
            state: its label, or the text that it prints as.
            action: the action that is taken, or {action: probability}; actions that are not named get 0.

        Raises:
            ValueError: for an unknown state or action (with the closest one), an action that does not exist in the
                state, and probabilities that are negative or do not sum to 1 (to 1e-6).
        """
        s = self.model.lookup.index(state, "state")
        given = action.items() if isinstance(action, Mapping) else [(action, 1.0)]
        row = np.zeros(len(self._action_labels))
        for name, probability in given:
            a = self._actions.index(name, "action")
            if not self._available[s, a]:
                names = ", ".join(label_text(self._action_labels[i]) for i in np.flatnonzero(self._available[s]))
                raise ValueError(f"action: {name!r} does not exist in {self.model.state_name(s)}, which has {names}")
            try:
                chance = float(probability)
            except (TypeError, ValueError, OverflowError):
                raise ValueError(f"action: expected a probability of {name!r}, found {probability!r}") from None
            if chance < 0:  # which could vanish in a sum: two names may mean one action
                raise ValueError(f"action: expected probabilities of at least 0, found {chance} for {name!r}")
            row[a] += chance
        check_policy_rows(
            row[None], "action", self._action_labels, self._available[s], lambda _: self.model.state_name(s)
        )
        self._table[s] = _without_rounding(row)

    def get(self, state: Hashable) -> dict[Hashable, float]:
        """{action: probability} of the actions that exist in a state.

        Raises:
            ValueError: for an unknown state, with the closest one.
        """
        s = self.model.lookup.index(state, "state")
        return {self._action_labels[a]: float(self._table[s, a]) for a in np.flatnonzero(self._available[s])}

    def for_game(self, game: TabularGame, agent: str) -> Policy:
        """The same behaviour of an agent of a game, who acts on its own part of the joint state alone.

        Where an action does not exist in a joint state, as a move into the other agent's cell, the probabilities of
        those that do are divided by their sum, as `TabularGame.against` does.

        Args:
            game: its state labels are tuples of one label for each agent, as of `powerenvs.product_game`.
            agent: the agent that acts.

        Raises:
            ValueError: if this is a policy of a game itself, the agent's states or actions are not those of this
                policy, or a joint state has none of the actions that are taken there; the message names it.
        """
        if self.agent is not None:
            raise ValueError(f"for_game: expected the policy of a single-agent model, found one of {self.agent!r}")
        position = agent_position("agent", agent, game.agents)
        parts = []
        for label in game.state_labels:
            if not isinstance(label, tuple) or len(label) != game.num_agents:
                raise ValueError(
                    f"game: expected state labels that are tuples, a label for each of {game.agents}, found {label!r}"
                )
            parts.append(self.model.lookup.index(label[position]))
        table = np.zeros((game.num_states, len(game.action_labels[agent])))
        for a, name in enumerate(game.action_labels[agent]):
            if name in self._actions:  # what only the game knows is never done
                table[:, a] = self._table[parts, self._actions.index(name, "action")]
        known = Lookup("action", game.action_labels[agent])
        for used in np.flatnonzero(self._table.any(axis=0)):
            known.index(self._action_labels[used], "action")
        table = np.where(game.available[agent], table, 0.0)
        total = table.sum(axis=1)
        stuck = np.flatnonzero(total == 0)
        if stuck.size:
            raise ValueError(
                f"game: expected every joint state to have an action that the policy takes, found none for {agent} in "
                f"state {stuck[0]} ({label_text(game.state_labels[stuck[0]])})"
            )
        return Policy(game, agent, table / total[:, None])

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the table to an ``.npz`` file with the fingerprint of its model, or to a Graphviz file (``.gv``).

        Raises:
            ValueError: if ``path`` ends in neither, or as `powerenvs.sources.graphviz.files.save_gv_policy`.
        """
        special = format_of(path, POLICIES)
        if special is not None:
            special.write(self, path)
            return
        save_arrays(path, "Policy", {"table": self._table}, {"agent": self.agent, "model": self.model.fingerprint})

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], model: TabularMDP | TabularGame, agent: str | None = None
    ) -> Policy:  # fmt: skip
        """Reads what `save` wrote, or a policy graph of POWERplay (``.gv``).

        Args:
            path: the file.
            model: the model that the policy was made for.
            agent: for a game, whose policy it must be. By default what an ``.npz`` file says; for a Graphviz file the
                second agent, POWERplay's A.

        Raises:
            ValueError: if the file holds no policy, or one of another model or agent.
            FileNotFoundError: if there is no such file.
        """
        special = format_of(path, POLICIES)
        if special is not None:
            return special.read(path, model, agent)  # type: ignore[no-any-return]
        arrays, header = load_arrays(path, "Policy")
        source = repr(os.fspath(path))
        try:
            table, saved_agent, fingerprint = arrays["table"], header["agent"], str(header["model"])
        except KeyError as error:
            raise ValueError(f"{source}: expected a complete Policy, found none ({error})") from None
        if fingerprint != model.fingerprint:
            raise ValueError(
                f"{source}: expected a policy of this model, {model!r}, found one of another model, with fingerprint "
                f"{fingerprint[:12]}"
            )
        if agent is not None and agent != saved_agent:
            raise ValueError(f"{source}: expected a policy of {agent!r}, found one of {saved_agent!r}")
        try:
            return cls(model, saved_agent, table)
        except ValueError as error:
            raise ValueError(f"{source}: {error}") from None

    def describe(self) -> str:
        """One line for each state: the actions that are taken there, with their probabilities."""
        lines = []
        for label, row in zip(self.model.state_labels, self._table, strict=True):
            taken = (f"{label_text(self._action_labels[a])} {row[a]:.4g}" for a in np.flatnonzero(row))
            lines.append(f"{label_text(label)}: {', '.join(taken)}")
        return "\n".join(lines)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """A copy of the table, so that later changes do not reach those who use it."""
        if copy is False:
            raise ValueError("copy: expected True or None, as a policy can change, found False; its table is a view")
        return np.array(self._table, dtype=dtype)

    def __eq__(self, other: object) -> bool:
        """Same table of the same agent of an equal model."""
        if not isinstance(other, Policy):
            return NotImplemented
        return self.agent == other.agent and self.model == other.model and np.array_equal(self._table, other._table)

    __hash__ = None  # type: ignore[assignment]  # it can change

    def __repr__(self) -> str:
        certain = int(np.sum((self._table > 0).sum(axis=1) == 1))
        states, actions = self._table.shape
        of = "" if self.agent is None else f"{self.agent}, "
        return (
            f"Policy({of}{states} states, {actions} actions, one action for certain in {certain} of the states, "
            f"model {self.model.fingerprint[:12]})"
        )


def _without_rounding(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """The rows, (..., A), divided by their sums; sums of 1 but for their own rounding stay.

    So what was saved reads back equal.
    """
    total = rows.sum(axis=-1, keepdims=True)
    inexact = np.abs(total - 1) > rows.shape[-1] * np.finfo(np.float64).eps
    return np.where(inexact, rows / total, rows)
