"""The transition probabilities of a model as tensors of torch."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch

from powerenvs.model.checks import real


def as_tensor(matrix: Any, num_actions: int, sparse: bool, device: Any, dtype: Any, max_gib: float) -> torch.Tensor:
    """What `TabularMDP.transition_tensor` gives of a sparse matrix (S·A, S)."""
    if dtype is None:
        dtype = torch.float64
    elif not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
        raise ValueError(f"dtype: expected a torch dtype of floating-point numbers, found {dtype!r}")
    try:
        place = torch.device("cpu" if device is None else device)
    except (RuntimeError, TypeError) as error:
        raise ValueError(f"device: expected a torch device, found {device!r} ({error})") from None
    if not real(max_gib) > 0:
        raise ValueError(f"max_gib: expected a number above 0, found {max_gib!r}")
    S, A = matrix.shape[1], num_actions
    if sparse:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
            return torch.sparse_csr_tensor(
                torch.from_numpy(matrix.indptr.astype(np.int64)),
                torch.from_numpy(matrix.indices.astype(np.int64)),
                torch.from_numpy(matrix.data).to(dtype),
                size=(S * A, S),
                device=place,
                check_invariants=True,
            )
    gib = S * A * S * dtype.itemsize / 2**30
    if gib > max_gib:
        raise ValueError(
            f"transition_tensor: the dense ({S}, {A}, {S}) tensor needs {gib:.1f} GiB, more than "
            f"max_gib={max_gib}; use sparse=True, or raise max_gib"
        )
    dense = torch.from_numpy(matrix.toarray()).to(dtype)
    return dense.reshape(S, A, S).to(place)
