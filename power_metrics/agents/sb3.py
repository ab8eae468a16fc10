"""Models of Stable-Baselines3 and sb3-contrib as scores for each state and action."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from power_metrics.agents.observations import StateObservations, history_error, normalized_observations
from power_metrics.agents.torch import evaluation

Floats = NDArray[np.float64]


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
    shown = _as_trained(agent, policy, observed)
    scores = np.empty(mdp.available.shape)
    with evaluation(policy):
        for start in range(0, mdp.num_states, batch_size):
            part = slice(start, start + batch_size)
            tensor, _ = policy.obs_to_tensor(shown.part(part))
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


def _as_trained(agent: Any, policy: Any, observed: StateObservations) -> StateObservations:
    """The observations in the form that the model was trained on."""
    trained = policy.observation_space
    if not isinstance(trained, spaces.Dict):
        observed = observed.without_mask()
    statistics = getattr(agent, "get_vec_normalize_env", lambda: None)()
    if statistics is not None and not observed.normalized:
        observed = normalized_observations(statistics, observed)
    space = spaces.Discrete(observed.mdp.num_states) if observed.space is None else observed.space
    if not _same_form(trained, space, observed.values):
        raise ValueError(
            f"agent: trained on observations {trained}, but the environment shows {space}. Give the environment that "
            "it was trained with: the same level and observation=..., and the same wrappers"
        )
    return observed


def _same_form(trained: spaces.Space[Any], shown: spaces.Space[Any], values: Any) -> bool:
    """Whether a policy takes observations of another space: equal, but for bounds and the order of image axes."""
    if isinstance(trained, spaces.Dict) and isinstance(shown, spaces.Dict):
        pairs = trained.spaces, shown.spaces
        return pairs[0].keys() == pairs[1].keys() and all(
            _same_form(pairs[0][name], pairs[1][name], values[name]) for name in pairs[0]
        )
    if not isinstance(trained, spaces.Box) or not isinstance(shown, spaces.Box):
        return trained == shown
    if trained.shape == shown.shape:
        return True
    return values.ndim == 4 and trained.shape == (shown.shape[2], *shown.shape[:2])
