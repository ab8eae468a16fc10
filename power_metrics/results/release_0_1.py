"""Result files of release 0.1, which hold the model as the bytes of its file, and two agents under fixed names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.results.stored import MODELS, Stored, part
from powerenvs.model.game import TabularGame
from powerenvs.model.mdp import TabularMDP
from powerenvs.model.npz import load_arrays

PARTS = {"human": "estimates.0", "ai": "estimates.1", "human_baseline": "baseline.0", "ai_baseline": "baseline.1"}
"""Where POWER of two agents stood, whatever their names, and where it stands."""


def upgraded(arrays: Mapping[str, NDArray[Any]], header: Mapping[str, Any]) -> Stored:
    """What such a file holds.

    Raises:
        ValueError: for a model that is damaged.
        KeyError: for what is missing.
    """
    model = model_from_bytes(arrays["model"], header.get("model", TabularGame.__name__))
    own = {name: array for name, array in arrays.items() if name != "model"}
    if header["kind"] != "MultiagentPower":
        return Stored({**header, "model": model.fingerprint}, own, {model.fingerprint: model})
    found, parts = dict(header), []
    for old, new in PARTS.items():
        inner = part(own, f"{old}.")
        own = {name: array for name, array in own.items() if not name.startswith(f"{old}.")}
        own |= {f"{new}.{name}": array for name, array in inner.items()}
        parts.append({**found[old], "model": model.fingerprint})
    found["estimates"] = dict(zip(header["agents"], parts[:2], strict=True))
    found["baseline"] = dict(zip(header["agents"], parts[2:], strict=True))
    return Stored(found, own, {model.fingerprint: model})


def model_from_bytes(data: NDArray[np.uint8], kind: str) -> TabularMDP | TabularGame:
    """The model from the bytes of its file; ``kind`` is the name of its class.

    Raises:
        ValueError: if it is no such model.
    """
    if kind not in MODELS:
        raise ValueError(f"model: expected one of {', '.join(MODELS)}, found {kind!r}")
    content, header = load_arrays(data.tobytes(), kind, "model")
    return MODELS[kind].from_store(content, header)
