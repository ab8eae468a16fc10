"""Policies from files that Stable-Baselines3 saved, without unpickling anything.

A saved model is an archive with JSON, in which most settings are readable, and the network's weights. ``PPO.load`` also
runs pickled code from it; here the network is built anew and only its numbers are read.
"""

from __future__ import annotations

import io
import itertools
import json
import os
import re
import reprlib
import zipfile
from collections import Counter
from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.policies import ActorCriticCnnPolicy, ActorCriticPolicy, BasePolicy
from stable_baselines3.common.preprocessing import is_image_space, is_image_space_channels_first
from stable_baselines3.common.vec_env import VecTransposeImage
from stable_baselines3.dqn.policies import CnnPolicy as DQNCnnPolicy, DQNPolicy

from powerenvs.extras import install_line
from powerenvs.model.npz import check_unpacked_size

_READ = ("net_arch", "activation_fn", "normalize_images", "share_features_extractor")
_SWITCHES = ("normalize_images", "share_features_extractor")
_ACTIVATIONS = (
    "CELU", "ELU", "GELU", "Hardshrink", "Hardsigmoid", "Hardswish", "Hardtanh", "LeakyReLU", "LogSigmoid", "Mish",
    "ReLU", "ReLU6", "SELU", "SiLU", "Sigmoid", "Softplus", "Softshrink", "Softsign", "Tanh", "Tanhshrink",
)  # fmt: skip
"""Functions of each number alone, without arguments; other classes there are networks of their own."""

_OF_TRAINING = (
    "optimizer_class",
    "optimizer_kwargs",
    "ortho_init",
    "log_std_init",
    "n_quantiles",
    "factorised",
    "sigma",
    ":type:",
    ":serialized:",
)


def load_policy(path: str | os.PathLike[str], env: Any) -> tuple[BasePolicy, dict[str, Any]]:
    """The policy of a model that ``save`` of PPO, A2C, DQN, MaskablePPO or QR-DQN wrote, with noisy layers or without.

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
        settings, weights = _read(name)
    except FileNotFoundError:
        raise
    except Exception as error:  # whatever a damaged archive makes zipfile, json or torch raise
        raise ValueError(
            f"{name}: expected a model saved by Stable-Baselines3, found something else ({_first_line(error)})"
        ) from None
    space = env.observation_space
    if isinstance(space, spaces.Box) and is_image_space(space) and not is_image_space_channels_first(space):
        space = VecTransposeImage.transpose_space(space)
    kind = _policy_class(name, weights)
    kwargs = _network(name, settings.get("policy_kwargs") or {})
    _check_layers(name, kind, kwargs.get("net_arch"), weights)
    try:
        if any(base.__name__ == "QRDQNPolicy" for base in kind.__mro__):
            kwargs["n_quantiles"] = _num_quantiles(weights, int(env.action_space.n))
        if issubclass(kind, ActorCriticPolicy):
            kwargs["ortho_init"] = False  # the numbers it would take long to draw are those of the file in a moment
        policy = kind(space, env.action_space, lambda _: 0.0, **kwargs)
        policy.load_state_dict(weights)
    except Exception as error:  # whatever torch raises for weights that do not fit
        raise ValueError(
            f"{name}: trained on other observations or actions than {env.observation_space} and {env.action_space}, "
            "or with another network than its settings say; give the environment that it was trained with "
            f"({_first_line(error)})"
        ) from None
    return policy, {key: value for key, value in settings.items() if not isinstance(value, dict)}


def _read(name: str) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """The settings and the weights in a file, which takes no more memory than the file is worth."""
    with open(name, "rb") as file, zipfile.ZipFile(file) as archive:  # noqa: PTH123  # Path would normalise the name
        check_unpacked_size(archive, file.seek(0, os.SEEK_END))
        settings = json.loads(archive.read("data"))
        data = archive.read("policy.pth")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:  # the form of torch before 1.6 is none, and is not read
        check_unpacked_size(archive, len(data))
    weights = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    if not isinstance(settings, dict) or not isinstance(settings.get("policy_kwargs") or {}, dict):
        raise ValueError("its settings are no mapping")
    if not isinstance(weights, dict) or not all(map(_is_weight, weights, weights.values())):
        raise ValueError("its weights are no mapping of names to tensors of finite numbers")
    if any(w.numel() * w.element_size() > w.untyped_storage().nbytes() for w in weights.values()):
        raise ValueError("its weights claim more numbers than there are")
    return settings, weights


def _is_weight(name: Any, value: Any) -> bool:
    return (
        isinstance(name, str)
        and isinstance(value, torch.Tensor)
        and (value.layout, value.device.type, value.is_quantized) == (torch.strided, "cpu", False)
        and value.numel() * value.element_size() <= value.untyped_storage().nbytes()
        and bool(torch.isfinite(value).all())
    )


def _num_quantiles(weights: dict[str, torch.Tensor], num_actions: int) -> int:
    """How many quantiles of each action a QR-DQN has."""
    last = [value for key, value in weights.items() if key.startswith("quantile_net.") and key.endswith("bias")][-1]
    return len(last) // num_actions


def _check_layers(name: str, kind: Any, net_arch: Any, weights: dict[str, torch.Tensor]) -> None:
    """Refuses layers that the file has no weights for, before memory is taken for them.

    Raises:
        ValueError: with the first.
    """
    if net_arch is None:
        return
    old = isinstance(net_arch, list) and len(net_arch) == 1 and isinstance(net_arch[0], dict)  # before SB3 1.8
    arch = net_arch[0] if old else net_arch
    twice = [arch, arch] if isinstance(arch, list) else None  # for policy and value, or for values and their target
    branches = [arch.get("pi", []), arch.get("vf", [])] if isinstance(arch, dict) else twice
    if isinstance(arch, dict) and not (issubclass(kind, ActorCriticPolicy) and set(arch) <= {"pi", "vf"}):
        branches = None
    if branches is None or not all(
        isinstance(branch, list) and all(type(n) is int and n > 0 for n in branch) for branch in branches
    ):
        raise ValueError(f"{name}: expected lists of sizes of layers as net_arch, found {reprlib.repr(net_arch)}")
    shapes = Counter(tuple(weight.shape) for weight in weights.values())
    first = Counter(shape[0] for weight in weights.values() if len(shape := tuple(weight.shape)) == 2)
    wanted: Counter[tuple[int, ...]] = Counter((b, a) for branch in branches for a, b in itertools.pairwise(branch))
    for shape in (wanted - shapes) or (Counter(branch[0] for branch in branches if branch) - first):
        raise ValueError(f"{name}: its settings say {reprlib.repr(net_arch)}, but no weights are of a layer {shape}")


def _policy_class(name: str, weights: dict[str, Any]) -> Any:
    convolutional = any(".cnn." in key for key in weights)
    if any("lstm" in key for key in weights):
        from power_metrics.agents.observations import history_error

        raise history_error(f"{name} (recurrent)")
    if any(key.endswith(".weight_mu") for key in weights):
        from power_metrics.learners.noisy_sb3 import NoisyActorCriticPolicy, NoisyDQNPolicy

        if convolutional:
            raise ValueError(f"{name}: expected noisy layers without convolutions, which a file does not tell apart")
        return NoisyActorCriticPolicy if "action_net.weight_mu" in weights else NoisyDQNPolicy
    if "action_net.weight" in weights:  # PPO, A2C and MaskablePPO, whose networks are alike
        return ActorCriticCnnPolicy if convolutional else ActorCriticPolicy
    if any(key.startswith("q_net.") for key in weights):
        return DQNCnnPolicy if convolutional else DQNPolicy
    if any(key.startswith("quantile_net.") for key in weights):
        try:
            from sb3_contrib.qrdqn.policies import CnnPolicy as QRDQNCnnPolicy, QRDQNPolicy
        except ImportError:
            raise ValueError(f"{name}: a QR-DQN model needs sb3-contrib: {install_line('contrib')}") from None
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
            value = getattr(torch.nn, found[1]) if found and found[1] in _ACTIVATIONS else None
        known = key in _READ and value is not None and not isinstance(value, str)
        if not known or (key in _SWITCHES and not isinstance(value, bool)):
            raise ValueError(
                f"{name}: its policy_kwargs have {key}={settings[key]!r}, which a file does not say enough about; "
                "compare it in Python: pm.compare(PPO.load(path), env, ...)"
            )
        kwargs[key] = value
    return kwargs


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[1] if len(lines) > 1 else (lines or [type(error).__name__])[0]
