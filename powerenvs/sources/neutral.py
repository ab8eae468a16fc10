"""Wrappers that are known to leave dynamics, rewards and ends as they are, by their types."""

from __future__ import annotations

from typing import Any

import gymnasium as gym

from powerenvs.sources.foreign import is_a, is_exactly

NEUTRAL = (
    "gymnasium.wrappers:Autoreset",
    "gymnasium.wrappers:HumanRendering",
    "gymnasium.wrappers:NormalizeReward",
    "gymnasium.wrappers:OrderEnforcing",
    "gymnasium.wrappers:PassiveEnvChecker",
    "gymnasium.wrappers:RecordEpisodeStatistics",
    "gymnasium.wrappers:RecordVideo",
    "gymnasium.wrappers:RenderCollection",
    "gymnasium.wrappers:TimeLimit",
    "power_metrics.training.wrappers:PowerWrapper",
    "sb3_contrib.common.wrappers:ActionMasker",
    "stable_baselines3.common.monitor:Monitor",
)
"""Wrappers that pass observations and actions on as they are; those that write files must not be copied."""

OF_HISTORY = (
    "gymnasium.wrappers:DelayObservation",
    "gymnasium.wrappers:FrameStackObservation",
    "gymnasium.wrappers:MaxAndSkipObservation",
    "gymnasium.wrappers:TimeAwareObservation",
)
"""Wrappers that show more than the current state."""

_OBSERVATION_ONLY = (
    "gymnasium.wrappers:AddRenderObservation",
    "gymnasium.wrappers:AddWhiteNoise",
    "gymnasium.wrappers:DelayObservation",
    "gymnasium.wrappers:FrameStackObservation",
    "gymnasium.wrappers:NormalizeObservation",
    "gymnasium.wrappers:ObstructView",
    "gymnasium.wrappers:TimeAwareObservation",
)
"""Wrappers that have a ``step`` of their own and change observations only."""

_RESETS_ONLY = ("minigrid.wrappers:ReseedWrapper",)
"""Wrappers that choose the seed of an episode."""


def passes_on(wrapper: Any) -> bool:
    """Whether a wrapper passes observations, actions, rewards and ends on as they are (see `NEUTRAL`)."""
    return is_exactly(wrapper, *NEUTRAL, *_RESETS_ONLY)


def keeps_dynamics(wrapper: Any) -> bool:
    """Whether the world is the same with a Gymnasium wrapper and without, apart from what is shown of it.

    Of running statistics of rewards (NormalizeReward) nothing is kept: rewards are those below.
    """
    if passes_on(wrapper) or is_exactly(wrapper, *_OBSERVATION_ONLY):
        return True
    return isinstance(wrapper, gym.ObservationWrapper) and type(wrapper).step is gym.ObservationWrapper.step


def shows_history(wrapper: Any) -> bool:
    """Whether a wrapper shows more than the current state."""
    return is_a(wrapper, *OF_HISTORY) or is_exactly(
        wrapper, "gymnasium.wrappers:NormalizeObservation", "gymnasium.wrappers:AddWhiteNoise"
    )
