"""What a solver of end components is, and the tables that it reads."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from power_metrics.solvers.jit import Floats, Ints
from power_metrics.solvers.ordering import Elimination


class EndComponents(NamedTuple):
    """The choices that stay in their end component. States are renumbered: those of a node are neighbours.

    A node is an end component, or a state in none.

    Attributes:
        order: (S,) the model's state at each position.
        first: (n + 1,) the positions of node x are ``first[x]`` to ``first[x + 1] - 1``.
        choices: (S + 1,) row pointers: the choices of each position.
        entries: (K + 1,) row pointers: the entries of each choice.
        successor: (N,) the position that each entry leads to.
        probability: (N,) its probability.
        action_reward: (K,) reward of the choice itself.
        action: (K,) the model's action.
    """

    order: Ints
    first: Ints
    choices: Ints
    entries: Ints
    successor: Ints
    probability: Floats
    action_reward: Floats
    action: Ints


class Exits(NamedTuple):
    """The other choices, between nodes.

    From any state of an end component every other one can be reached, so all its exits are choices of the
    node. A choice that may stay in its node is tried again until it leaves: probabilities are those of what
    comes then. Nodes are numbered so that exits lead to a lower number or into the same block; only blocks
    of more than one node can be walked round in, and not forever.

    Attributes:
        blocks: (m + 1,) the nodes of block b are ``blocks[b]`` to ``blocks[b + 1] - 1``.
        exits: (n + 1,) row pointers: the exits of each node.
        entries: (E + 1,) row pointers: the entries of each exit.
        node: the node that each entry leads to.
        probability: its probability.
        position: (E,) the position that has this exit.
        action: (E,) the model's action.
    """

    blocks: Ints
    exits: Ints
    entries: Ints
    node: Ints
    probability: Floats
    position: Ints
    action: Ints


class ComponentGains(NamedTuple):
    """What solvers of end components write, for B reward functions.

    Attributes:
        gain: (B, n) the optimal gain of staying in each node; -inf where nobody can.
        policy: (B, S) an optimal choice by position; or (0, S) where it is not wanted.
        residual: (B,) in and out: raised to the largest violation of the optimality equation.
        iterations: (B,) in and out: raised to the most policies.
    """

    gain: Floats
    policy: Ints
    residual: Floats
    iterations: Ints


class Traits(NamedTuple):
    """What decides who solves a node; all of them (n,).

    Attributes:
        component: whether it is an end component, which has choices that stay in it.
        deterministic: whether each of those leads to one state.
        can_stay: whether every state has one that stays put, and none has a reward of its own.
    """

    component: NDArray[np.bool_]
    deterministic: NDArray[np.bool_]
    can_stay: NDArray[np.bool_]


class ComponentSolver(Protocol):
    """A way to find the optimal gain of end components, asked in the order of `power_metrics.solvers.average.SOLVERS`.

    Attributes:
        name: what it is called.
        eliminates: whether it needs a plan of elimination for its nodes.
    """

    name: str
    eliminates: bool

    def fits(self, traits: Traits) -> NDArray[np.bool_]:
        """(n,) whether it can solve each node. It is given those that no earlier solver takes."""
        ...

    def solve(
        self, rewards: Floats, nodes: Ints, components: EndComponents, plan: Elimination, out: ComponentGains
    ) -> None:
        """Solves these nodes for each row of ``rewards`` (B, S), by state, and writes to ``out``."""
        ...


class GainTables(NamedTuple):
    """A model as the solver of gains reads it.

    Attributes:
        components: the end components.
        component_plan: how to eliminate within them.
        exits: the ways between them.
        exit_plan: how to eliminate between them.
        work: the solvers that have nodes to solve, and these.
    """

    components: EndComponents
    component_plan: Elimination
    exits: Exits
    exit_plan: Elimination
    work: tuple[tuple[ComponentSolver, Ints], ...]
