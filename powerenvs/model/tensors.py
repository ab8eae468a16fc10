"""The transition probabilities of a model as tensors of torch."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from powerenvs.model import rows
from powerenvs.model.checks import real

if TYPE_CHECKING:
    from powerenvs.model.mdp import TabularMDP


def as_tensor(mdp: TabularMDP, sparse: bool, device: Any, dtype: Any, max_gib: float) -> torch.Tensor:
    """What `TabularMDP.transition_tensor` gives."""
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
    S, A = mdp.available.shape
    if sparse:
        matrix = mdp.transition_matrix()
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
    dense = torch.zeros((S * A, S), dtype=dtype)
    row, target = rows.entry_rows(mdp.indptr), mdp.successor.astype(np.int64)
    dense.index_put_(
        (torch.from_numpy(row), torch.from_numpy(target)),
        torch.from_numpy(mdp.probability.copy()).to(dtype),
        accumulate=True,
    )
    return dense.reshape(S, A, S).to(place)
