"""Models of Stable-Baselines3 and sb3-contrib as scores for each state and action, and what their `VecEnv` shows."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from power_metrics.agents.observations import StateObservations, history_error, state_observations
from power_metrics.agents.table import evaluation
from powerenvs.sources.foreign import is_a, is_exactly

Floats = NDArray[np.float64]

_VEC_ENV = "stable_baselines3.common.vec_env"
_PASS_ON = (f"{_VEC_ENV}:VecMonitor", f"{_VEC_ENV}:VecCheckNan", f"{_VEC_ENV}:VecVideoRecorder")
"""Wrappers that pass observations on as they are."""


def vec_observations(env: Any, check: bool = True) -> StateObservations:
    """The observations of all states as a `VecEnv` shows them; see `power_metrics.agents.observations`.

    Raises:
        ValueError: for stacked frames, wrappers that are not known, and copies in other processes.
    """
    wrappers = []
    while hasattr(env, "venv"):
        wrappers.append(env)
        env = env.venv
    if not hasattr(env, "envs"):
        raise ValueError(
            f"env: the copies of {type(env).__name__} run in other processes, where their tables cannot be read; give "
            "one environment made in the same way, wrappers included"
        )
    shown = state_observations(env.envs[0], check)
    for wrapper in reversed(wrappers):
        shown = _through(wrapper, shown)
    return shown


def _through(wrapper: Any, shown: StateObservations) -> StateObservations:
    name = type(wrapper).__name__
    if is_a(wrapper, f"{_VEC_ENV}:VecFrameStack"):
        raise history_error(name)
    if is_exactly(wrapper, f"{_VEC_ENV}:VecNormalize"):
        return _normalized(wrapper, shown)
    if is_exactly(wrapper, f"{_VEC_ENV}:VecTransposeImage"):
        values = np.ascontiguousarray(shown.values.transpose(0, 3, 1, 2))
        return StateObservations(shown.mdp, values, wrapper.observation_space, shown.normalized)
    if not is_exactly(wrapper, *_PASS_ON):
        raise ValueError(
            f"env: it is not known what {name} does to observations; give the policy as a callable with kind, which "
            "applies it itself, or use an ObservationWrapper of Gymnasium instead"
        )
    return shown


def _normalized(wrapper: Any, shown: StateObservations) -> StateObservations:
    if not wrapper.norm_obs:
        return shown
    return StateObservations(shown.mdp, wrapper.normalize_obs(shown.values), wrapper.observation_space, True)


def policy_scores(agent: Any, observed: StateObservations, batch_size: int) -> tuple[Floats, str]:
    """What a model gives for each state and action, and of which kind that is.

    Args:
        agent: a model, or the policy of one.
        observed: the observations of all S states. Running statistics that the model was trained with
            (``VecNormalize``) are applied if they have not been.
        batch_size: observations in a forward pass.

    Returns:
        (S, A) float64 logits or Q-values, and ``"logits"`` or ``"q"``.

    Raises:
        ValueError: for recurrent policies, other action spaces than the model's, and other observation spaces.
    """
    policy = getattr(agent, "policy", agent)
    mdp = observed.mdp
    if hasattr(policy, "lstm_actor"):
        raise history_error(type(policy).__name__)
    if not isinstance(policy.action_space, spaces.Discrete) or policy.action_space.n != mdp.num_actions:
        raise ValueError(
            f"agent: expected actions Discrete({mdp.num_actions}), those of the environment, found a model trained "
            f"with {policy.action_space}"
        )
    values = _as_trained(agent, policy, observed)
    scores = np.empty(mdp.available.shape)
    with evaluation(policy):
        for start in range(0, mdp.num_states, batch_size):
            part = slice(start, start + batch_size)
            tensor, _ = policy.obs_to_tensor(values[part].copy())
            given, kind = _forward(policy, tensor)
            scores[part] = given.double().cpu().numpy()
    return scores, kind


def _forward(policy: Any, observations: Any) -> tuple[Any, str]:
    if hasattr(policy, "quantile_net"):
        return policy.quantile_net(observations).mean(dim=1), "q"
    if hasattr(policy, "q_net"):
        return policy.q_net(observations), "q"
    if hasattr(policy, "get_distribution"):
        # MaskablePPO too: a softmax over the available actions alone is what its masks amount to.
        return policy.get_distribution(observations).distribution.logits, "logits"
    raise ValueError(
        f"agent: expected a policy with action probabilities or Q-values (PPO, A2C, DQN, MaskablePPO, QRDQN), found "
        f"{type(policy).__name__}"
    )


def _as_trained(agent: Any, policy: Any, observed: StateObservations) -> NDArray[Any]:
    """The observations in the form that the model was trained on."""
    trained = policy.observation_space
    statistics = getattr(agent, "get_vec_normalize_env", lambda: None)()
    if statistics is not None and not observed.normalized:
        observed = _normalized(statistics, observed)
    space = spaces.Discrete(observed.mdp.num_states) if observed.space is None else observed.space
    if not _same_form(trained, space, observed.values):
        raise ValueError(
            f"agent: trained on observations {trained}, but the environment shows {space}. Give the environment that "
            "it was trained with: the same level and observation=..., and the same wrappers"
        )
    return observed.values


def _same_form(trained: spaces.Space[Any], shown: spaces.Space[Any], values: NDArray[Any]) -> bool:
    """Whether a policy takes observations of another space: equal, but for bounds and the order of image axes."""
    if not isinstance(trained, spaces.Box) or not isinstance(shown, spaces.Box):
        return trained == shown
    if trained.shape == shown.shape:
        return True
    return values.ndim == 4 and trained.shape == (shown.shape[2], *shown.shape[:2])
