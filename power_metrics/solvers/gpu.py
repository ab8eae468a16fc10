"""The solvers in torch: the same values as the CPU kernels, for many reward functions at once on a graphics card.

Arrays are (S, B), states by reward functions, so that a gather of the same successor for all reward functions reads
and writes whole rows. Each choice and each outcome of a choice is a slot: a table with a gather for each. The ways to
solve are objects in the ordered tuple `SOLVERS`, as they are for the CPU.

Reward functions that are solved leave the batch. Values do not depend on who else is in it: not in any bit where the
tables are deterministic, and but for the rounding of LAPACK or cuSOLVER where they are not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from power_metrics.arguments.checks import check_rewards
from power_metrics.solvers.dispatch import check_residual
from power_metrics.solvers.limits import EVALUATION, MAX_ITERATIONS, SWITCH
from power_metrics.solvers.solver import SolverTables
from powerenvs.model.base import Model

TAIL = 1e-18
"""Pointer doubling stops where what follows is discounted below this: far below rounding."""

REFINEMENTS = 3
"""Corrections of a policy's values, at most. One is enough as a rule."""

SWEEPS = 4
"""Value sweeps before the first policy is evaluated, and after each."""

ARRAYS = 12
"""Arrays (S, B) of 8-byte numbers that are alive at a time."""

SHARE = 0.25
"""The share of a card's free memory that a batch takes: two threads feed it, and torch's cache has gaps,"""

CUDA_BYTES = 1 << 31
"""and the memory of a batch that keeps the card busy. More would not make it faster."""

CPU_BYTES = 1 << 24
"""The memory of a batch on the CPU, if one reward function takes no more: what caches hold,"""

CPU_LIMIT = 1 << 32
"""and what one reward function may take at most there, where the other engine needs far less."""


class TorchSolution(NamedTuple):
    """Optimal values of B reward functions in a model with S states: `Solution`, as tensors on one device.

    Attributes:
        values: (B, S) float64, V*.
        continuation: (B, S) float64, max_a Σ_s' P(s'|s, a) V*(s').
        residual: (B,) float64, the Bellman residual as a share of max_s |V|.
        iterations: (B,) int32, sweeps or policies until the solver stopped.
    """

    values: Tensor
    continuation: Tensor
    residual: Tensor
    iterations: Tensor


def check_device(device: Any) -> torch.device:
    """The device of that name, if it is there and this engine runs on it.

    Raises:
        ValueError: for anything that is not a CPU or CUDA device, or a CUDA device that is not there.
    """
    try:
        found = torch.device(device)
    except (RuntimeError, TypeError):
        raise ValueError(
            f"device: expected None, 'cpu', 'cuda' or a CUDA device such as 'cuda:0', found {device!r}"
        ) from None
    if found.type not in ("cpu", "cuda"):
        raise ValueError(
            f"device: expected None, 'cpu' or 'cuda', which compute with float64, found {device!r}; "
            "None is the fastest engine on a CPU"
        )
    if found.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (found.index or 0) >= count:
            built = f"torch {torch.__version__} built for " + (
                f"CUDA {torch.version.cuda}" if torch.version.cuda else "the CPU only"
            )
            raise ValueError(
                f"device: expected a device that is there, found {device!r} with {count} CUDA devices ({built}); "
                "leave device out to compute on the CPU"
            )
    return found


@dataclass(frozen=True, eq=False)
class TorchTables:
    """`SolverTables` on a device, with C slots for the choices of a state and E for the outcomes of a choice.

    Unused choice slots repeat the first choice, unused outcome slots have probability 0.

    Attributes:
        order: (S,) int64, the model's state at each position.
        successor: (C, E, S) int64, the position that an outcome leads to.
        probability: (C, E, S, 1) float64; None for deterministic tables.
        solver: who solves them.
    """

    order: Tensor
    successor: Tensor
    probability: Tensor | None
    solver: TorchSolver

    @classmethod
    def build(cls, tables: SolverTables, device: torch.device) -> TorchTables:
        """Puts the tables on a device.

        Raises:
            ValueError: if they do not fit there.
        """
        widths, lengths = np.diff(tables.choices), np.diff(tables.entries)
        C, E, S = int(widths.max()), int(lengths.max()), tables.num_states
        _check_fits(C * E * S * 16, device, f"tables of {S:,} states with up to {C} choices of up to {E} outcomes")
        slot = np.arange(C)[:, None]
        choice = tables.choices[:-1] + np.where(slot < widths, slot, 0)  # (C, S)
        outcome = np.arange(E)[None, :, None]
        used = outcome < lengths[choice][:, None, :]  # (C, E, S)
        entry = tables.entries[:-1][choice][:, None, :] + np.where(used, outcome, 0)
        successor = torch.from_numpy(tables.successor[entry].astype(np.int64)).to(device)
        order = torch.from_numpy(tables.order.astype(np.int64)).to(device)
        solver = next(solver for solver in SOLVERS if solver.fits(tables))
        if tables.deterministic:
            return cls(order, successor, None, solver)
        probability = torch.from_numpy(np.where(used, tables.probability[entry], 0.0)[..., None]).to(device)
        return cls(order, successor, probability, solver)

    def bytes_for_one(self) -> int:
        """Memory that a reward function takes while it is solved."""
        S = len(self.order)
        return 8 * S * (ARRAYS + self.solver.matrices * S)

    def backup(self, value: Tensor) -> tuple[Tensor, Tensor]:
        """(S, B) the largest Σ P V over choices, and the slot of the first choice that has it."""
        best = self._expected(0, value)
        slot = torch.zeros(value.shape, dtype=torch.int64, device=value.device)
        for c in range(1, len(self.successor)):
            q = self._expected(c, value)
            slot.masked_fill_(q > best, c)
            torch.maximum(best, q, out=best)
        return best, slot

    def largest(self, value: Tensor) -> Tensor:
        """(S, B) the largest Σ P V over choices."""
        best = self._expected(0, value)
        for c in range(1, len(self.successor)):
            torch.maximum(best, self._expected(c, value), out=best)
        return best

    def _expected(self, c: int, value: Tensor) -> Tensor:
        if self.probability is None:
            return value.index_select(0, self.successor[c, 0])
        total = self.probability[c, 0] * value.index_select(0, self.successor[c, 0])
        for e in range(1, self.successor.shape[1]):
            # Not fused: vector code and its remainders round a fused product differently, and so batches would.
            total += self.probability[c, e] * value.index_select(0, self.successor[c, e])
        return total


class TorchSolver(Protocol):
    """A way to solve batches of reward functions.

    Attributes:
        name: what it is called.
        matrices: matrices (B, S, S) of 8-byte numbers that are alive at a time.
        start_sweeps: value sweeps before its first step.
    """

    name: str
    matrices: int
    start_sweeps: int

    def fits(self, tables: SolverTables) -> bool:
        """Whether it can solve these tables. Only tables that no earlier solver takes are shown to it."""
        ...

    def step(
        self, tables: TorchTables, reward: Tensor, gamma: float, value: Tensor, slot: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Better values (S, B), and (B,) whether there may be better ones still; improves the policy in ``slot``."""
        ...


class StayPut:
    """Sweeps that only raise values, from the value of staying put."""

    name = "stay_put"
    matrices = 0
    start_sweeps = 1

    def fits(self, tables: SolverTables) -> bool:
        """Deterministic tables of which every state can stay, without rewards of choices."""
        return tables.deterministic and tables.can_stay and not tables.action_reward.any()

    def step(
        self, tables: TorchTables, reward: Tensor, gamma: float, value: Tensor, slot: Tensor
    ) -> tuple[Tensor, Tensor]:
        """`SWEEPS` sweeps. There is no policy to improve."""
        for sweep in range(SWEEPS):
            new = reward + gamma * tables.largest(value)
            if sweep == SWEEPS - 1:
                raised = (new > value).any(0)
            torch.maximum(value, new, out=value)
        return value, raised


class PointerDoubling:
    """Policy iteration of deterministic tables, by doubling the number of steps looked ahead.

    With V_n the value of n steps and f_n where they lead, V_2n = V_n + γ^n V_n[f_n] and f_2n = f_n[f_n], until γ^n is
    below rounding.
    """

    name = "pointer_doubling"
    matrices = 0
    start_sweeps = SWEEPS

    def fits(self, tables: SolverTables) -> bool:
        """Deterministic tables."""
        return tables.deterministic

    def step(
        self, tables: TorchTables, reward: Tensor, gamma: float, value: Tensor, slot: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Evaluates the policy and improves it."""
        following = _at(tables.successor[:, 0], slot)
        value = _discounted_sums(reward, gamma, following)
        for _ in range(REFINEMENTS):
            # Where rewards on a cycle cancel, values are far smaller than what was added up. Only such are corrected.
            defect = reward + gamma * value.gather(0, following) - value
            loose = defect.abs().amax(0) > EVALUATION * value.abs().amax(0)
            if not loose.any():
                break
            columns = loose.nonzero()[:, 0]
            value[:, columns] += _discounted_sums(defect[:, columns], gamma, following[:, columns])
        return value, _switch(tables, reward, gamma, value, slot)


class DenseElimination:
    """Policy iteration with batched dense elimination, S² numbers for each reward function."""

    name = "dense_elimination"
    matrices = 3
    start_sweeps = SWEEPS

    def fits(self, tables: SolverTables) -> bool:
        """All tables that have a probability for each outcome."""
        return not tables.deterministic

    def step(
        self, tables: TorchTables, reward: Tensor, gamma: float, value: Tensor, slot: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Evaluates the policy and improves it."""
        assert tables.probability is not None
        S, B = reward.shape
        matrix = torch.eye(S, dtype=torch.float64, device=reward.device).repeat(B, 1, 1)
        for e in range(tables.successor.shape[1]):
            target = _at(tables.successor[:, e], slot).T[:, :, None]
            matrix.scatter_add_(2, target, -gamma * _at(tables.probability[:, e, :, 0], slot).T[:, :, None])
        solved: Tensor = torch.linalg.solve(matrix, reward.T[:, :, None])
        value = solved[:, :, 0].T.contiguous()
        return value, _switch(tables, reward, gamma, value, slot)


SOLVERS: tuple[TorchSolver, ...] = (StayPut(), PointerDoubling(), DenseElimination())
"""All of them, the fastest first. One of them fits every model."""


def _discounted_sums(reward: Tensor, gamma: float, following: Tensor) -> Tensor:
    """(S, B) Σ_t γ^t R(f^t(s)) along the arrows f = ``following`` (S, B), by pointer doubling."""
    value, steps, discount = reward.clone(), 1, gamma
    while discount > TAIL:
        value += discount * value.gather(0, following)
        steps *= 2
        discount = gamma**steps  # not by squaring, which would double the error each time
        if discount > TAIL:
            following = following.gather(0, following)
    return value


def _at(slots: Tensor, slot: Tensor) -> Tensor:
    """(S, B) the numbers of ``slots`` (C, S) in the slot of each state."""
    return slots.T.gather(1, slot)


_prepared: WeakKeyDictionary[SolverTables, dict[torch.device, TorchTables]] = WeakKeyDictionary()


def torch_tables(tables: SolverTables, device: torch.device) -> TorchTables:
    """The tables on a device, put there once and kept as long as ``tables`` are."""
    known = _prepared.setdefault(tables, {})
    if device not in known:
        known[device] = TorchTables.build(tables, device)
    return known[device]


def solve_torch(
    tables: SolverTables, rewards: Tensor, gamma: float, device: torch.device, batch: int | None = None
) -> TorchSolution:
    """Solves every row of ``rewards`` (B, S), on any device, in batches that fit the memory of ``device``.

    A batch has ``batch`` rows at most.

    Raises:
        ValueError: if the device's memory is too small for one reward function.
        RuntimeError: if the Bellman residual shows that a value is not exact.
    """
    on_device = torch_tables(tables, device)
    rows = batch_rows(on_device, device)
    rows = rows if batch is None else min(rows, batch)
    parts = [_solve_batch(on_device, part.to(device), gamma) for part in torch.split(rewards, rows)]
    solution = parts[0] if len(parts) == 1 else TorchSolution(*map(torch.cat, zip(*parts, strict=True)))
    check_residual(solution.residual.cpu().numpy())
    return solution


def torch_powers(
    tables: SolverTables, rewards: NDArray[np.float64], gamma: float, device: torch.device, batch: int | None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int32]]:
    """POWER under each reward function (n, S), and the residual and the iterations of each solve (n,)."""
    solution = solve_torch(tables, torch.from_numpy(rewards), gamma, device, batch)
    powers = solution.continuation.mul_(1.0 - gamma).cpu().numpy()
    return powers, solution.residual.cpu().numpy(), solution.iterations.cpu().numpy()


def torch_rewards(rewards: Any, model: Model) -> Tensor:
    """Rewards (B, S) as a float64 tensor where they are: `power_metrics.arguments.checks.check_rewards` without a copy.

    Raises:
        ValueError: for a wrong shape, or numbers that are not finite.
    """
    if not isinstance(rewards, Tensor) or rewards.device.type == "cpu" or rewards.ndim not in (1, 2):
        return torch.from_numpy(np.require(check_rewards(rewards, model), requirements="W"))
    tensor = rewards.detach().to(torch.float64)
    tensor = tensor[None] if tensor.ndim == 1 else tensor
    if tensor.shape[1] != model.num_states or len(tensor) == 0 or not bool(torch.isfinite(tensor).all()):
        check_rewards(rewards, model)  # says what is wrong
    return tensor


def batch_rows(tables: TorchTables, device: torch.device) -> int:
    """Reward functions in a batch, at least one.

    Raises:
        ValueError: if one does not fit.
    """
    one = tables.bytes_for_one()
    _check_fits(one, device, f"one reward function of {len(tables.order):,} states")
    room = CPU_BYTES if device.type == "cpu" else min(CUDA_BYTES, SHARE * _free_bytes(device))
    return max(1, int(room // one))


def _free_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        # What torch holds in its cache but does not use is free too.
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0]) + cached
    return CPU_LIMIT


def _check_fits(needed: int, device: torch.device, what: str) -> None:
    free = _free_bytes(device)
    if needed > free:
        raise ValueError(
            f"device: expected room for {what}, {needed / 2**30:,.2f} GiB, found {free / 2**30:,.2f} GiB free on "
            f"{device}; the CPU engine (device=None) takes less"
        )


def _solve_batch(tables: TorchTables, rewards: Tensor, gamma: float) -> TorchSolution:
    reward = rewards.T.index_select(0, tables.order)
    value, iterations = _iterate(tables, reward, gamma)
    best = tables.largest(value)
    error = (value - (reward + gamma * best)).abs().amax(0)
    residual = torch.where(error > 0, error / value.abs().amax(0), 0.0)
    position = torch.empty_like(tables.order)
    position[tables.order] = torch.arange(len(position), device=position.device)
    return TorchSolution(
        value.index_select(0, position).T.contiguous(),
        best.index_select(0, position).T.contiguous(),
        residual,
        iterations,
    )


def _iterate(tables: TorchTables, reward: Tensor, gamma: float) -> tuple[Tensor, Tensor]:
    """(S, B) optimal values and (B,) sweeps or policies that each reward function took."""
    solved = torch.empty_like(reward)
    iterations = torch.zeros(reward.shape[1], dtype=torch.int32, device=reward.device)
    column = torch.arange(reward.shape[1], device=reward.device)
    value = reward / (1.0 - gamma)
    best, slot = tables.backup(value)
    for _ in range(tables.solver.start_sweeps - 1):
        value = reward + gamma * best
        best, slot = tables.backup(value)
    # Sweeps from the value of staying end of themselves, after no more than a path without repetition has states.
    for _ in range(max(MAX_ITERATIONS, len(reward) + 1)):
        iterations[column] += 1
        value, raised = tables.solver.step(tables, reward, gamma, value, slot)
        left = raised.nonzero()[:, 0]
        if len(left) == len(column):
            continue
        solved[:, column] = value
        if not len(left):
            return solved, iterations
        reward, value, slot = (array.index_select(1, left) for array in (reward, value, slot))
        column = column[left]
    solved[:, column] = value
    return solved, iterations


def _switch(tables: TorchTables, reward: Tensor, gamma: float, value: Tensor, slot: Tensor) -> Tensor:
    """Switches in place to better choices, in `SWEEPS` sweeps; returns (B,) whether the first one found any.

    A value rises with its choice, so that the next sweep sees it. The policy left is at least as good as the values
    left. A switch must gain more than rounding: so every policy is better than the last, and none comes twice. Where
    the first sweep finds nothing, values stay as they were evaluated.
    """
    margin = SWITCH * value.abs().amax(0)
    for sweep in range(SWEEPS):
        best, choice = tables.backup(value)
        new = reward + gamma * best
        better = new > value + margin
        if sweep == 0:
            switched = better.any(0)
        torch.where(better, new, value, out=value)
        torch.where(better, choice, slot, out=slot)
    return switched
