"""Policies from files that Stable-Baselines3 saved, without unpickling anything.

A saved model is an archive with JSON, in which most settings are readable, and the network's weights. ``PPO.load`` also
runs pickled code from it; here the network is built anew and only its numbers are read.
"""

from __future__ import annotations

import io
import json
import os
import re
import zipfile
from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.policies import ActorCriticCnnPolicy, ActorCriticPolicy, BasePolicy
from stable_baselines3.common.preprocessing import is_image_space, is_image_space_channels_first
from stable_baselines3.common.vec_env import VecTransposeImage
from stable_baselines3.dqn.policies import CnnPolicy as DQNCnnPolicy, DQNPolicy

_READ = ("net_arch", "activation_fn", "normalize_images", "share_features_extractor")
_OF_TRAINING = (
    "optimizer_class",
    "optimizer_kwargs",
    "ortho_init",
    "log_std_init",
    "n_quantiles",
    ":type:",
    ":serialized:",
)


def load_policy(path: str | os.PathLike[str], env: Any) -> tuple[BasePolicy, dict[str, Any]]:
    """The policy of a model that ``save`` of PPO, A2C, DQN, MaskablePPO or QR-DQN wrote.

    Args:
        path: the ``.zip`` file.
        env: the environment that the model was trained with: it says what observations and actions are.

    Returns:
        The policy, on the CPU, and the settings of the model that are plain JSON, such as ``gamma``.

    Raises:
        ValueError: if the file is no such model, if its network is not of the usual kind, or if it was trained on other
            observations or actions.
        FileNotFoundError: if there is no such file.
    """
    name = os.fspath(path)
    try:
        with zipfile.ZipFile(name) as archive:
            settings = json.loads(archive.read("data"))
            weights = torch.load(io.BytesIO(archive.read("policy.pth")), map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise
    except Exception as error:  # whatever a damaged archive makes zipfile, json or torch raise
        raise ValueError(
            f"{name}: expected a model saved by Stable-Baselines3, found something else ({error})"
        ) from None
    space = env.observation_space
    if isinstance(space, spaces.Box) and is_image_space(space) and not is_image_space_channels_first(space):
        space = VecTransposeImage.transpose_space(space)
    kind = _policy_class(name, weights)
    kwargs = _network(name, settings.get("policy_kwargs") or {})
    if any(base.__name__ == "QRDQNPolicy" for base in kind.__mro__):
        last = [value for key, value in weights.items() if key.startswith("quantile_net.") and key.endswith("bias")][-1]
        kwargs["n_quantiles"] = len(last) // int(env.action_space.n)
    policy = kind(space, env.action_space, lambda _: 0.0, **kwargs)
    try:
        policy.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(
            f"{name}: trained on other observations or actions than {env.observation_space} and {env.action_space}, "
            "or with another network than its settings say; give the environment that it was trained with "
            f"({_first_line(error)})"
        ) from None
    return policy, {key: value for key, value in settings.items() if not isinstance(value, dict)}


def _policy_class(name: str, weights: dict[str, Any]) -> Any:
    convolutional = any(".cnn." in key for key in weights)
    if any("lstm" in key for key in weights):
        from power_metrics.agents.observations import history_error

        raise history_error(f"{name} (recurrent)")
    if "action_net.weight" in weights:  # PPO, A2C and MaskablePPO, whose networks are alike
        return ActorCriticCnnPolicy if convolutional else ActorCriticPolicy
    if any(key.startswith("q_net.") for key in weights):
        return DQNCnnPolicy if convolutional else DQNPolicy
    if any(key.startswith("quantile_net.") for key in weights):
        try:
            from sb3_contrib.qrdqn.policies import CnnPolicy as QRDQNCnnPolicy, QRDQNPolicy
        except ImportError:
            raise ValueError(f"{name}: a QR-DQN model needs sb3-contrib: pip install 'powerenvs[contrib]'") from None
        return QRDQNCnnPolicy if convolutional else QRDQNPolicy
    raise ValueError(
        f"{name}: expected a model of PPO, A2C, DQN, MaskablePPO or QR-DQN with discrete actions, found weights named "
        f"{', '.join(list(weights)[:4])}, ..."
    )


def _network(name: str, settings: dict[str, Any]) -> dict[str, Any]:
    """The arguments of the policy's class, from the readable part of what was saved."""
    kwargs: dict[str, Any] = {}
    for key, value in settings.items():
        if key in _OF_TRAINING:
            continue
        if key == "activation_fn":
            found = re.fullmatch(r"<class 'torch\.nn\.modules\.activation\.(\w+)'>", str(value))
            value = getattr(torch.nn, found[1], None) if found else None
        if key not in _READ or value is None or isinstance(value, str):
            raise ValueError(
                f"{name}: its policy_kwargs have {key}={settings[key]!r}, which a file does not say enough about; "
                "compare it in Python: pm.compare(PPO.load(path), env, ...)"
            )
        kwargs[key] = value
    return kwargs


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[1] if len(lines) > 1 else lines[0]
