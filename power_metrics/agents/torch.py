"""Torch modules that are asked what they would do, and left as they were."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def evaluation(module: torch.nn.Module) -> Iterator[torch.device]:
    """Evaluation mode without gradients; yields the module's device. Modes and generators are as before afterwards."""
    tensor = next(itertools.chain(module.parameters(), module.buffers()), None)
    device = torch.device("cpu") if tensor is None else tensor.device
    modes = [(part, part.training) for part in module.modules()]
    try:
        module.eval()
        with torch.no_grad(), torch.random.fork_rng([device] if device.type == "cuda" else []):
            yield device
    finally:
        for part, mode in modes:
            part.training = mode


def asked(module: Any, inputs: Any) -> Any:
    """What a module gives for inputs; a TensorDictModule of torchrl, which names what it takes, for inputs by name.

    Of an actor that draws its actions that is the distribution, of Q-values these.
    """
    keys = getattr(module, "in_keys", None)
    if keys is None or not hasattr(module, "out_keys"):
        return module(inputs)
    from tensordict import TensorDict  # type: ignore[import-not-found,unused-ignore]  # which such a module is made of

    named = inputs if isinstance(inputs, dict) else {keys[0]: inputs}
    first = next(iter(named.values()))
    filled = TensorDict(named, batch_size=[len(first)], device=first.device)
    if hasattr(module, "get_dist"):
        return module.get_dist(filled)
    found = module(filled)
    return {key: found[key] for key in module.out_keys}


NAMES = {"logits": ("logits",), "probabilities": ("probs",), "q": ("action_value", "q_values")}
"""What modules that name their results call scores of each kind."""


def scores_of(given: Any, shape: tuple[int, int], kind: str | None) -> tuple[Any, str | None]:
    """The scores (n, A) among what a module gives, and of which kind they are.

    Args:
        given: an array or a tensor; a distribution over actions; a tuple of which one entry has a number for each
            action, as of those that also give a value or memory; or results by name.
        shape: (n, A).
        kind: as the user says; None if it has not been said.

    Raises:
        ValueError: where it is not clear which they are.
    """
    if hasattr(given, "log_prob"):
        for name, kinds in (("logits", (None, "logits")), ("probs", (None, "probabilities"))):
            values = getattr(given, name, None)
            if kind in kinds and values is not None:
                return values, "logits" if name == "logits" else "probabilities"
        raise ValueError(
            f"agent: expected a distribution over actions, with logits or probs, for kind={kind!r}, found a "
            f"{type(given).__name__}"
        )
    if isinstance(given, Mapping):
        for name, names in NAMES.items():
            found = next((given[key] for key in names if key in given), None)
            if found is not None and kind in (None, name):
                return found, name
        raise ValueError(f"agent: expected logits, probs or action_value by name, found {sorted(map(str, given))}")
    if isinstance(given, tuple):
        fitting = [part for part in given if tuple(getattr(part, "shape", ())) == shape]
        if len(fitting) != 1:
            raise ValueError(
                f"agent: expected one array {shape} in the tuple, a number for each observation and action, found "
                f"{len(fitting)}; give a function that picks it, such as lambda seen: module(seen)[0] with "
                'kind="logits"'
            )
        return fitting[0], kind
    return given, kind
