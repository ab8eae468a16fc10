"""Two agents that answer each other: the kernel behind `power_metrics.multiagent_power`."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from power_metrics.solvers.jit import Floats, Ints, inlined, kernel
from power_metrics.solvers.joint.tables import JointRows
from power_metrics.solvers.joint.ties import split_ties
from power_metrics.solvers.joint.values import (
    Agent,
    Space,
    evaluate_pair,
    look_ahead,
    set_expected,
    set_scale,
    work_space,
)
from power_metrics.solvers.limits import EVALUATION, MAX_ITERATIONS
from power_metrics.solvers.ordering import Elimination
from power_metrics.solvers.simd import LANES, any_above, fill, larger, load, pick_above, pick_equal, store
from power_metrics.solvers.solution import allocate, part_of
from power_metrics.solvers.transpose import absolute, gather


class Responses(NamedTuple):
    """What B pairs of reward functions give in a game with S states, as (1 - γ) times values.

    Attributes:
        human: (B, rounds, S) what follows for H when A has answered H's policy.
        ai: (B, rounds, S) what follows for A then.
        human_seed: (B, 1, S) what follows for H against the seed policy.
        ai_seed: (B, 1, S) what follows for A when it plays the seed policy.
        residual: (B,) the largest Bellman residual of a pair's solves, as a share of max|V|.
        unsure: (B,) the largest difference between choices that was taken for an error, so that they are tied.
        iterations: (B, 2) the policies that H and A evaluated; pairs that are solved side by side share them.
    """

    human: Floats
    ai: Floats
    human_seed: Floats
    ai_seed: Floats
    residual: Floats
    unsure: Floats
    iterations: Ints

    @classmethod
    def empty(cls, num_pairs: int, rounds: int, num_states: int) -> Responses:
        """Room for results."""
        B, S = num_pairs, num_states
        return allocate(
            cls,
            human=(B, rounds, S),
            ai=(B, rounds, S),
            human_seed=(B, 1, S),
            ai_seed=(B, 1, S),
            residual=(B,),
            unsure=(B,),
            iterations=(B, 2),
        )

    def part(self, pairs: slice) -> Responses:
        """The same memory, for some of the pairs."""
        return part_of(self, pairs)


class Game(NamedTuple):
    """A game as `solve_pairs` reads it.

    Attributes:
        order: (S,) the game's state at each position.
        rows_h: the rows as H sees them.
        rows_a: as A sees them.
        seed_rows: what H faces while A plays its seed policy.
        seed: (K_A,) the seed policy.
        size_h: (K_H,) actions that each choice of H stands for.
        size_a: (K_A,) of A.
        gamma_h: discount of H.
        gamma_a: discount of A.
        tolerance: for ties, see `split_ties`.
        plan: how to eliminate; not read unless ``direct``.
        direct: whether to eliminate, or iterate, where policies lead to several states.
    """

    order: Ints
    rows_h: JointRows
    rows_a: JointRows
    seed_rows: JointRows
    seed: Floats
    size_h: Floats
    size_a: Floats
    gamma_h: float
    gamma_a: float
    tolerance: float
    plan: Elimination
    direct: bool


@inlined
def make_agent(rows: JointRows, size: Floats, gamma: float) -> Agent:
    """Room for an agent with these choices."""
    S, K = rows.choices.shape[0] - 1, size.shape[0]
    return Agent(
        rows, size, gamma,
        np.empty((S, LANES)), np.empty((S, LANES)), np.empty((K, LANES)), np.empty((K, LANES)),
    )  # fmt: skip


@kernel
def solve_pairs(rewards_h: Floats, rewards_a: Floats, game: Game, out: Responses) -> None:
    """Lets two agents answer each other, for each pair of rows of ``rewards_h`` and ``rewards_a`` (B, S).

    Args:
        rewards_h: (B, S) of the first agent, H.
        rewards_a: (B, S) of the second, A.
        game: the game.
        out: the results; as many rounds as it has room for.
    """
    S = game.order.shape[0]
    space = work_space(game.rows_h, game.plan, game.direct)
    human = make_agent(game.rows_h, game.size_h, game.gamma_h)
    ai = make_agent(game.rows_a, game.size_a, game.gamma_a)
    # H before A has answered it: the same memory, but rows in which A's seed policy is its only choice.
    unanswered = Agent(
        game.seed_rows, human.size, human.gamma, human.reward, human.value, human.policy, human.scale
    )  # fmt: skip
    certain = np.ones((S, LANES))
    best = np.empty((S, LANES))
    finest = np.zeros((1, LANES))
    error, unsure = np.empty((1, LANES)), np.empty((1, LANES))
    for start in range(0, rewards_h.shape[0], LANES):
        count = min(LANES, rewards_h.shape[0] - start)
        gather(rewards_h, start, count, game.order, human.reward)
        gather(rewards_a, start, count, game.order, ai.reward)
        for i in range(S):
            store(human.value, i, load(human.reward, i) / fill(1.0 - human.gamma))
            store(ai.value, i, load(ai.reward, i) / fill(1.0 - ai.gamma))
        store(error, 0, fill(0.0))
        store(unsure, 0, fill(0.0))
        steps_h, steps_a = 0, 0
        for n in range(out.human.shape[1]):
            # 1. H's best response, at first to the seed policy.
            if n == 0:
                steps_h += respond(unanswered, certain, game.tolerance, best, space, unsure)
            else:
                steps_h += respond(human, ai.policy, game.tolerance, best, space, unsure)
            set_scale(ai, human.policy)
            if n == 0:
                write_powers(human, best, game.order, start, count, 0, error, out.human_seed)
                for k in range(game.seed.shape[0]):
                    store(ai.policy, k, fill(game.seed[k]))
                evaluate_pair(ai, human.policy, finest, space)
                set_expected(ai, human.policy, best)
                write_powers(ai, best, game.order, start, count, 0, error, out.ai_seed)
            # 2. A's best response to H's policy.
            steps_a += respond(ai, human.policy, game.tolerance, best, space, unsure)
            write_powers(ai, best, game.order, start, count, n, error, out.ai)
            # 3. H's policy, as it is, against it.
            set_scale(human, ai.policy)
            evaluate_pair(human, ai.policy, finest, space)
            set_expected(human, ai.policy, best)
            write_powers(human, best, game.order, start, count, n, error, out.human)
        for lane in range(count):
            out.residual[start + lane] = error[0, lane]
            out.unsure[start + lane] = unsure[0, lane]
            out.iterations[start + lane, 0] = steps_h
            out.iterations[start + lane, 1] = steps_a


@kernel
def respond(agent: Agent, other_policy: Floats, tolerance: float, best: Floats, space: Space, unsure: Floats) -> int:
    """Policy iteration against a policy of the other; returns the number of policies evaluated.

    Args:
        agent: rough values in, the optimal ones out; its policy, out, is split evenly over the actions of tied
            choices.
        other_policy: the other's policy.
        tolerance: see `Game`.
        best: (S, LANES) out, the largest value of what follows.
        space: work space.
        unsure: see `split_ties`.
    """
    set_scale(agent, other_policy)
    everything = fill(-np.inf)
    rise = fill(0.0)
    for sweep in range(_sweeps(agent.gamma)):
        rise = _improve(sweep % 2 == 1, everything, agent, other_policy, best)
    zero = fill(0.0)
    rough = np.zeros((1, LANES))
    iteration = 0
    improving = True
    while improving and iteration < MAX_ITERATIONS:
        iteration += 1
        if not space.direct:  # a policy on the way is evaluated only as well as its improvement asks for
            store(rough, 0, 0.03 * rise)
        evaluate_pair(agent, other_policy, rough, space)
        # A switch must gain more than rounding, and what the evaluation left open: so policies get better and better.
        largest = _largest(agent.value)
        margin = 4.0 * larger(load(rough, 0), EVALUATION * largest)
        unfinished = any_above(load(rough, 0), EVALUATION * largest)
        improving = unfinished
        for way in range(2):
            rise = _improve(way == 1, margin, agent, other_policy, best)
            if not any_above(rise, zero):
                break
            improving = True
    split_ties(tolerance, agent, other_policy, best, space, unsure)
    return iteration


@inlined
def _sweeps(gamma: float) -> int:
    """Value sweeps before the first policy: until most of it has settled, but no more than an evaluation is worth."""
    return int(min(48.0, max(4.0, 1.0 + math.log(1e-3) / math.log(gamma)))) if gamma > 0.0 else 2


@inlined
def _largest(value: Floats) -> Any:
    """max|V| of each lane."""
    largest = fill(0.0)
    for i in range(value.shape[0]):
        largest = larger(absolute(load(value, i)), largest)
    return largest


@kernel
def _improve(backwards: bool, margin: Any, agent: Agent, other_policy: Floats, best: Floats) -> Any:
    """Switches to choices that are better by more than ``margin``, state by state.

    A state's value rises as soon as its choice does, so that one pass carries an improvement along whole
    paths. With a margin of minus infinity every state takes its best choice: a value sweep.

    Returns:
        The largest change of a value in each lane; 0 where nothing was switched.
    """
    choices, value, policy = agent.rows.choices, agent.value, agent.policy
    S = value.shape[0]
    zero = fill(0.0)
    rise = zero
    for step in range(S):
        i = S - 1 - step if backwards else step
        top = fill(-np.inf)
        chosen = zero
        for k in range(choices[i], choices[i + 1]):
            q = look_ahead(i, k, agent, other_policy)
            chosen = pick_above(q, top, fill(float(k)), chosen)
            top = larger(q, top)
        store(best, i, top)
        old = load(value, i)
        new = load(agent.reward, i) + agent.gamma * top
        gained = new - old
        if any_above(gained, margin):
            rise = larger(pick_above(gained, margin, absolute(gained), zero), rise)
            store(value, i, pick_above(gained, margin, new, old))
            for k in range(choices[i], choices[i + 1]):
                switched = pick_equal(chosen, fill(float(k)), fill(1.0), zero)
                store(policy, k, pick_above(gained, margin, switched, load(policy, k)))
    return rise


@kernel
def write_powers(
    agent: Agent, best: Floats, order: Ints, start: int, count: int, n: int, error: Floats, powers: Floats
) -> None:
    """Writes (1 - γ) ``best`` to ``powers[:, n]``, and raises ``error`` (1, LANES) to the residual of the values."""
    gap = fill(0.0)
    total = fill(0.0)
    for i in range(order.shape[0]):
        ahead = load(agent.reward, i) + agent.gamma * load(best, i)
        violation = absolute(load(agent.value, i) - ahead)
        gap = larger(violation, gap)
        total = total + violation
        for lane in range(count):
            powers[start + lane, n, order[i]] = (1.0 - agent.gamma) * best[i, lane]
    share = pick_above(gap, fill(0.0), gap / _largest(agent.value), gap)
    share = pick_equal(total, total, share, fill(np.inf))  # what is no number is larger than nothing, but it adds up
    store(error, 0, larger(share, load(error, 0)))
