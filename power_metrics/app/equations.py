"""The equation behind a number: at a state, what each action can lead to, what that pays, and what it is worth."""

from __future__ import annotations

from typing import Any

import numpy as np

from power_metrics.app import bounds
from power_metrics.app.requests import Request
from powerenvs.model.game import TabularGame
from powerenvs.model.labels import label_text
from powerenvs.model.mdp import TabularMDP

MAX_TERMS = 400


def equation(request: Request, state: int, sample: int, result: Any) -> dict[str, Any]:
    """The equations at a state: of the task's optimal value and, where POWER is measured, of POWER.

    Args:
        request: what is shown.
        state: its index.
        sample: number of the reward function with which POWER's is told.
        result: of the request.

    Raises:
        ValueError: for no state, or no reward function, of this number.
    """
    model = request.source.model
    bounds.whole("state", state, 0, model.num_states - 1)
    found: dict[str, Any] = {"state": state, "label": label_text(model.state_labels[state])}
    if isinstance(model, TabularGame):
        return found | {"game": _joint(model, state)}
    found["task"] = _task(model, state, 0.9 if request.gamma is None else request.gamma)
    if request.measure.name == "power":
        found["power"] = _power(request, model, state, sample, result)
    return found


def _terms(model: TabularMDP, state: int, paid: Any, values: Any) -> list[dict[str, Any]]:
    """The actions of a state with what follows: probability, reward and value of each next state."""
    actions: list[dict[str, Any]] = []
    for action in np.flatnonzero(model.available[state]).tolist():
        row = state * model.num_actions + action
        entries = range(int(model.indptr[row]), int(model.indptr[row + 1]))
        terms = [
            {
                "state": int(model.successor[entry]),
                "label": label_text(model.state_labels[int(model.successor[entry])]),
                "probability": float(model.probability[entry]),
                "reward": paid(entry),
                "value": float(values[int(model.successor[entry])]),
            }
            for entry in entries
        ][:MAX_TERMS]
        actions.append({"action": label_text(model.action_labels[action]), "terms": terms})
    return actions


def _task(model: TabularMDP, state: int, gamma: float) -> dict[str, Any]:
    """V(s) = max_a Σ P(s'|s, a) [r(s, a, s') + γ V(s')], the optimal value of the rewards of transitions."""
    from power_metrics.solvers.optimal import solve_task

    try:
        values = solve_task(model, gamma).values[0]
    except ValueError as error:
        return {"gamma": gamma, "refused": str(error)}
    actions = _terms(model, state, lambda entry: float(model.reward[entry]), values)
    for action in actions:
        action["sum"] = sum(term["probability"] * (term["reward"] + gamma * term["value"]) for term in action["terms"])
    if model.terminal[state]:
        return {"gamma": gamma, "terminal": True, "value": float(values[state]), "actions": actions}
    return {"gamma": gamma, "value": float(values[state]), "actions": actions}


def _power(request: Request, model: TabularMDP, state: int, sample: int, result: Any) -> dict[str, Any]:
    """POWER(s) = (1 - γ) E_R[max_a Σ P(s'|s, a) V*_R(s')], and what stands in it for one of the reward functions."""
    from power_metrics.measures.run_policies import drawn_rewards
    from power_metrics.solvers.optimal import solve

    gamma = request.gamma
    assert gamma is not None
    found: dict[str, Any] = {
        "gamma": gamma,
        "power": float(result.mean[state]),
        "standard_error": float(result.standard_error[state]),
        "num_samples": int(result.num_samples),
        "method": result.method,
    }
    if gamma == 1.0:
        return found | {
            "refused": "At γ = 1 POWER is the expected optimal reward a step in the long run: no equation of values."
        }
    if request.keep:
        given = request.arguments["rewards"]
        rewards = given[bounds.whole("sample", sample, 0, len(given) - 1)]
    else:
        drawn = {
            name: request.arguments[name]
            for name in ("reward", "seed", "states_with_identical_rewards", "allow_all_equal")
            if name in request.arguments
        }
        method = result.method.removesuffix(" with control variates")
        if method == "closed_form":
            return found | {"refused": "This POWER is an integral in closed form: no reward functions were drawn."}
        bounds.whole("sample", sample, 0, int(result.num_samples) - 1)
        rewards = drawn_rewards(model, sample, method=method, num_samples=result.num_samples, **drawn)[0]
        if method != result.method:
            found["note"] = "Control variates are subtracted from each term before the mean is taken."
    values = solve(model, rewards, gamma, threads=1).values[0]
    actions = _terms(model, state, lambda entry: float(rewards[int(model.successor[entry])]), values)
    for action in actions:
        action["sum"] = sum(term["probability"] * term["value"] for term in action["terms"])
    best = max(action["sum"] for action in actions)
    return found | {"sample": sample, "actions": actions, "best": best, "term": (1 - gamma) * best}


def _joint(game: TabularGame, state: int) -> list[dict[str, Any]]:
    """What joint actions lead to, with the rewards of each agent."""
    found: list[dict[str, Any]] = []
    first = state * game.num_joint_actions
    for joint in range(game.num_joint_actions):
        entries = range(int(game.indptr[first + joint]), int(game.indptr[first + joint + 1]))
        names = [
            label_text(game.action_labels[agent][int(a)])
            for agent, a in zip(game.agents, game.joint_actions[joint], strict=True)
        ]
        for entry in entries:
            if len(found) >= MAX_TERMS:
                return found
            found.append(
                {
                    "actions": names,
                    "label": label_text(game.state_labels[int(game.successor[entry])]),
                    "probability": float(game.probability[entry]),
                    "rewards": game.reward[:, entry].tolist(),
                }
            )
    return found
