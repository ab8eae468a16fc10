"""`compare`: how power-seeking learned policies are, beside optimal, random and extreme ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from power_metrics.agents.joint_observations import game_of
from power_metrics.agents.observations import StateObservations, state_observations
from power_metrics.agents.table import is_array, policy_table
from power_metrics.arguments.checks import as_float64, check_gamma, resolve_model
from power_metrics.chains.occupancy import start_weights
from power_metrics.comparison.counted import Counted
from power_metrics.comparison.game_result import GameComparison
from power_metrics.comparison.games import compare_in_game
from power_metrics.comparison.judged import compare_policies, judge_of, sampled_power
from power_metrics.comparison.references import LEAST, MOST, RANDOM, TASK_OPTIMAL, References, power_values
from power_metrics.comparison.result import PowerComparison
from power_metrics.results.estimate import PowerEstimate
from power_metrics.rewards.distributions import DEFAULT, PerState, RewardDistribution
from powerenvs.model.checks import flag
from powerenvs.model.game import TabularGame

Floats = NDArray[np.float64]


@overload
def compare(
    agent: Mapping[str, Any], env: TabularGame, gamma: float | None = None, power: Any = None, **options: Any
) -> GameComparison: ...
@overload
def compare(agent: Any, env: Any, gamma: float | None = None, power: Any = None, **options: Any) -> PowerComparison: ...
def compare(
    agent: Any,
    env: Any,
    gamma: float | None = None,
    power: PowerEstimate | Floats | None = None,
    *,
    initial: Any = None,
    reward: RewardDistribution | PerState = DEFAULT,
    num_samples: int | None = None,
    seed: int | None = 0,
    method: str = "monte_carlo",
    tolerance: float | None = None,
    sampled_rewards: bool = False,
    threads: int | None = None,
    progress: bool | None = None,
    **policy_options: Any,
) -> PowerComparison | GameComparison:
    """How much POWER a policy seeks, beside policies that are optimal for the task, random, and extreme.

    Power-seeking is Σ_s d_π(s) POWER(s), the POWER that the policy is amidst over discounted time. The most and the
    least power-seeking policies solve the same model with POWER as reward, so the scale from random (0) to most (1)
    is exact; a policy that avoids POWER more than random does is below 0. The task-optimal policy is solved with the
    same tables and the task's own rewards, ties split evenly.

    In a game, {agent: policy} of all its agents gives a `GameComparison`: each policy in the world that the others
    make, what each agent could gain by a best response, and all of them beside "optimal against optimal" and random.

    Args:
        agent: whatever `policy_table` takes; or {name: agent} for several. In a game, {agent's name: its policy}.
        env: the environment as the agent sees it, or a `powerenvs.TabularMDP`, with S states. Or an environment of
            PettingZoo around a game, or a `powerenvs.TabularGame`.
        gamma: discount in [0, 1) of occupancies, returns and optimal policies. By default that of ``power``, or 0.9.
        power: a `PowerEstimate` of this model's states (with its samples kept for intervals), or (S,) numbers; computed
            with this ``gamma`` when None. In a game, {agent: POWER}, by default against the others' policies.
        initial: where episodes start: as for `occupancy`.
        reward: the distribution of reward functions, where POWER is computed here.
        num_samples: how many of them; by default 10,000. With ``tolerance``, the most to draw.
        seed: of their draws.
        method: as for `power_metrics.power`. Exact POWER ("enumeration", "closed_form", and "auto" where it can be)
            leaves no error; of the others only "monte_carlo" has intervals, since its reward functions are independent.
        tolerance: draw until the widest interval of POWER reaches no further than this to each side.
        sampled_rewards: whether reward functions that were given to `power_metrics.power` are a random sample, so that
            there are intervals. By default they are all that there is, and POWER is exact.
        threads: as for `power`.
        progress: as for `power`.
        **policy_options: ``kind``, ``epsilon``, ``deterministic`` and so on, for `policy_table`.

    Returns:
        The comparison, a `PowerComparison` or, in a game, a `GameComparison`: print it, ``to_frame()``,
        ``to_json()``, ``plot()``.

    Raises:
        ValueError: for an argument that does not fit.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.power import PowerGrid
        >>> mdp = PowerGrid("S..G").tables()
        >>> found = pm.compare(mdp.available / mdp.available.sum(1, keepdims=True), mdp, 0.9, num_samples=50)
        >>> round(found["learned"].normalised, 9)
        0.0
    """
    gamma = check_gamma(gamma if gamma is not None else power.gamma if isinstance(power, PowerEstimate) else 0.9)
    sampled_rewards = flag("sampled_rewards", sampled_rewards)
    power_options: dict[str, Any] = {
        "reward": reward, "num_samples": num_samples, "seed": seed, "method": method, "tolerance": tolerance,
        "threads": threads, "progress": progress,
    }  # fmt: skip
    game = game_of(env)
    if game is not None:
        return compare_in_game(
            agent, env, game, gamma, power, initial=initial, sampled_rewards=sampled_rewards,
            power_options=power_options, policy_options=policy_options,
        )  # fmt: skip
    agents = dict(agent) if isinstance(agent, Mapping) else {"learned": agent}
    for name in (TASK_OPTIMAL, RANDOM, MOST, LEAST):
        if name in agents:
            raise ValueError(f"agent: expected other names than those of the references, found {name!r}")
    asked = not all(map(is_array, agents.values()))
    observed = state_observations(env, policy_options.get("check", True)) if asked else env
    mdp = observed.mdp if isinstance(observed, StateObservations) else resolve_model(env)
    start = start_weights(mdp, initial)
    if power is not None:
        power_values(power, mdp)  # refused now, before anything is computed
    counted = {}
    if policy_options.get("kind") == "counts":
        for name in [name for name, one in agents.items() if is_array(one)]:
            counts = as_float64("agent", agents[name], (mdp.state_labels, mdp.action_labels))
            counted[name] = Counted(counts, lambda one: policy_table(one, observed, **policy_options))
            agents[name] = counted[name].total
    learned = {name: policy_table(one, observed, **policy_options) for name, one in agents.items()}
    if power is None:
        power = sampled_power(mdp, gamma, **power_options)
    judge, why = judge_of(References.of(mdp, gamma, power_values(power, mdp), start), power, sampled_rewards)
    return compare_policies(learned, judge, power, why, counted)
