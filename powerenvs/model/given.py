"""What people give as numbers, in the order of a model: labelled, masked, sparse, or tensors; or a ValueError."""

from __future__ import annotations

import sys
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from powerenvs.model.labels import label_text

Labels = Sequence[Hashable] | None


def plain(name: str, values: Any, axes: Sequence[Labels] = ()) -> Any:
    """The values as something that NumPy takes as it is, with labelled axes in the order of the model.

    Objects of pandas are aligned by label along the last axes, and never taken by position, unless their labels are
    positions. Masked values, and tensors without numbers, are refused.

    Args:
        name: what messages call the values.
        values: anything.
        axes: the labels of the last axes in the order of the model; None for an axis whose labels do not matter.

    Raises:
        ValueError: for labels that are not those of the model, masked values, and tensors that hold no real numbers.
    """
    if type(values) is np.ndarray:
        return values
    if hasattr(values, "detach"):
        return _of_tensor(name, values)
    if isinstance(values, np.ma.MaskedArray):
        if np.ma.getmaskarray(values).any():
            raise ValueError(f"{name}: expected numbers everywhere, found a masked array with masked entries")
        return values.data
    if _is_pandas(values):
        return _of_pandas(name, values, axes)
    if hasattr(values, "dims") and getattr(values, "coords", None):
        raise ValueError(
            f"{name}: expected an array in the order of the model, found a labelled {type(values).__name__}; bring it "
            "in order and give its values"
        )
    if hasattr(values, "toarray") and hasattr(values, "nnz"):  # of SciPy
        return values.toarray()
    if isinstance(values, (list, tuple)) and any(_needs_care(value) for value in values):
        return [plain(f"{name}[{i}]", value, axes) for i, value in enumerate(values)]
    return values


def _needs_care(value: Any) -> bool:
    if isinstance(value, (int, float, str, np.ndarray)) and not isinstance(value, np.ma.MaskedArray):
        return False
    if isinstance(value, (list, tuple)):
        return any(map(_needs_care, value))
    return (
        isinstance(value, np.ma.MaskedArray) or hasattr(value, "detach") or _is_pandas(value) or hasattr(value, "nnz")
    )


def _is_pandas(value: Any) -> bool:
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(value, (pandas.Series, pandas.DataFrame))


def _of_tensor(name: str, tensor: Any) -> Any:
    """A tensor of torch as an array, whatever its type, layout and device."""
    if tensor.is_complex():
        raise ValueError(f"{name}: expected real numbers, found a tensor of {tensor.dtype}")
    try:
        if tensor.is_sparse or str(tensor.layout) != "torch.strided":
            tensor = tensor.to_dense()
        tensor = tensor.detach().cpu()
        if tensor.is_quantized:
            tensor = tensor.dequantize()
        if tensor.is_floating_point() and tensor.element_size() < 4:  # types that NumPy does not have
            tensor = tensor.double()
        return tensor.numpy()
    except (TypeError, RuntimeError, NotImplementedError) as error:  # meta tensors, for one, have no numbers
        raise ValueError(f"{name}: expected a tensor of numbers, found one without ({error})") from None


def _of_pandas(name: str, values: Any, axes: Sequence[Labels]) -> Any:
    known = [None] * values.ndim + list(axes)
    found = values
    for axis in range(values.ndim):
        labels = known[len(known) - values.ndim + axis]
        given = values.axes[axis]
        if values.ndim == 2 and axis == 0 and len(axes) == 1:  # several of what is labelled, in the order given
            continue
        order = _order(name, list(given), labels)
        found = found.iloc[order] if axis == 0 else found.iloc[:, order]
    kept = {kind.kind for kind in (found.dtypes if values.ndim == 2 else [found.dtype]) if hasattr(kind, "kind")}
    try:
        return found.to_numpy(dtype=bool if kept == {"b"} else np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: expected numbers, found {type(values).__name__} ({error})") from None


def _order(name: str, given: list[Any], labels: Labels) -> list[int]:
    """Where each label of the model stands among those given."""
    if labels is not None and len(given) == len(labels):
        try:
            place = {label: i for i, label in enumerate(given)}
            if len(place) == len(given) and all(label in place for label in labels):
                return [place[label] for label in labels]
        except TypeError:  # labels that cannot be looked up are none of the model's
            pass
    if given == list(range(len(given))):
        return given
    expected = "labels 0, 1, 2 and so on" if labels is None else f"the labels of the model, {_told(labels)}"
    raise ValueError(
        f"{name}: expected {expected}, found {_told(given)}, and numbers that are labelled otherwise are not taken by "
        "position; bring them in order and give their to_numpy()"
    )


def _told(labels: Sequence[Any]) -> str:
    shown = ", ".join(label_text(label) if isinstance(label, Hashable) else repr(label) for label in labels[:3])
    return f"{shown}, ... ({len(labels)})" if len(labels) > 3 else shown
