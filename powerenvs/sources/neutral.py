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
    "gymnasium.wrappers.array_conversion:ArrayConversion",
    "gymnasium.wrappers.jax_to_numpy:JaxToNumpy",
    "gymnasium.wrappers.jax_to_torch:JaxToTorch",
    "gymnasium.wrappers.numpy_to_torch:NumpyToTorch",
    "gymnasium.wrappers:DelayObservation",
    "gymnasium.wrappers:FrameStackObservation",
    "gymnasium.wrappers:NormalizeObservation",
    "gymnasium.wrappers:ObstructView",
    "gymnasium.wrappers:TimeAwareObservation",
)
"""Wrappers that have a ``step`` of their own and change observations only."""

_OF_VECTORS = (
    "gymnasium.wrappers.vector.array_conversion:ArrayConversion",
    "gymnasium.wrappers.vector:DictInfoToList",
    "gymnasium.wrappers.vector:HumanRendering",
    "gymnasium.wrappers.vector.jax_to_numpy:JaxToNumpy",
    "gymnasium.wrappers.vector.jax_to_torch:JaxToTorch",
    "gymnasium.wrappers.vector:NormalizeObservation",
    "gymnasium.wrappers.vector:NormalizeReward",
    "gymnasium.wrappers.vector.numpy_to_torch:NumpyToTorch",
    "gymnasium.wrappers.vector:RecordEpisodeStatistics",
    "gymnasium.wrappers.vector:RecordVideo",
    "power_metrics.training.sb3_vec_env:NativeVecEnv",
    "power_metrics.training.wrappers:PowerVectorWrapper",
    *(
        f"stable_baselines3.common.vec_env:{name}"
        for name in (
            "VecCheckNan",
            "VecExtractDictObs",
            "VecFrameStack",
            "VecMonitor",
            "VecNormalize",
            "VecTransposeImage",
            "VecVideoRecorder",
        )
    ),
)
"""Wrappers of vector environments that change observations at most, or running statistics of rewards."""

_OF_GAMES = (
    "pettingzoo.utils.conversions:aec_to_parallel_wrapper",
    "pettingzoo.utils.conversions:parallel_to_aec_wrapper",
    "pettingzoo.utils.conversions:turn_based_aec_to_parallel_wrapper",
    "pettingzoo.utils.wrappers:AssertOutOfBoundsWrapper",
    "pettingzoo.utils.wrappers:BaseParallelWrapper",
    "pettingzoo.utils.wrappers:BaseWrapper",
    "pettingzoo.utils.wrappers:CaptureStdoutWrapper",
    "pettingzoo.utils.wrappers:OrderEnforcingWrapper",
    "pettingzoo.utils.wrappers:RecordVideo",
    "pettingzoo.utils.wrappers:RecordVideoParallel",
    "pettingzoo.utils.wrappers:TerminateIllegalWrapper",
    "power_metrics.training.pettingzoo:PowerParallelWrapper",
    "supersuit.lambda_wrappers.observation_lambda:aec_observation_lambda",
)
"""Wrappers of PettingZoo's environments, and SuperSuit's for observations."""

_RESETS_ONLY = ("minigrid.wrappers:ReseedWrapper",)
"""Wrappers that choose the seed of an episode."""


def passes_on(wrapper: Any) -> bool:
    """Whether a wrapper passes observations, actions, rewards and ends on as they are (see `NEUTRAL`)."""
    return is_exactly(wrapper, *NEUTRAL, *_RESETS_ONLY)


def keeps_dynamics(wrapper: Any) -> bool:
    """Whether the world is the same with a wrapper and without, apart from what is shown of it.

    Of running statistics of rewards (NormalizeReward) nothing is kept: rewards are those below.
    """
    if passes_on(wrapper) or is_exactly(wrapper, *_OBSERVATION_ONLY, *_OF_VECTORS, *_OF_GAMES):
        return True
    kind = type(wrapper)
    for known in (gym.ObservationWrapper, gym.vector.VectorObservationWrapper):
        if isinstance(wrapper, known):
            return bool(kind.step is known.step and kind.reset is known.reset)
    return False


def shows_history(wrapper: Any) -> bool:
    """Whether a wrapper shows more than the current state."""
    return is_a(wrapper, *OF_HISTORY) or is_exactly(
        wrapper, "gymnasium.wrappers:NormalizeObservation", "gymnasium.wrappers:AddWhiteNoise"
    )
