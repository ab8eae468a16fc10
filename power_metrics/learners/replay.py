"""Steps of many copies of an environment, remembered and drawn again, over several steps and by priority."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from power_metrics.arguments.checks import check_count
from power_metrics.learners.copies import Step

Floats = NDArray[np.float64]
LEAST = 1e-6
"""Priority of a step without a loss."""


class Batch(NamedTuple):
    """Steps to learn from: (n,) each.

    Attributes:
        states: where they began.
        actions: what was done.
        rewards: discounted, of n steps or fewer where an episode ended.
        reached: where they ended.
        discounts: of the value there; 0 after the end of the task.
        weights: of their losses, at most 1.
        places: where they are remembered.
    """

    states: NDArray[np.int64]
    actions: NDArray[np.int64]
    rewards: Floats
    reached: NDArray[np.int64]
    discounts: Floats
    weights: Floats
    places: NDArray[np.int64]


class Replay:
    """The last steps of N copies.

    Args:
        size: how many steps, of all copies together.
        num_envs: N.
        n_step: over how many steps rewards are added.
        gamma: their discount.
        alpha: a step is drawn in proportion to its priority to this power; 0 for evenly (Schaul et al. 2016).

    Raises:
        ValueError: if there is no room for n steps of each copy.
    """

    def __init__(self, size: int, num_envs: int, n_step: int, gamma: float, alpha: float):
        self._rows = check_count("buffer_size", size) // num_envs
        if self._rows <= n_step:
            raise ValueError(
                f"buffer_size: expected room for more than {n_step} steps of {num_envs} copies, found {size}"
            )
        self._copies, self._n, self._gamma, self._alpha = num_envs, n_step, gamma, alpha
        shape = self._rows, num_envs
        self._arrays: dict[str, NDArray[Any]] = {
            "state": np.zeros(shape, dtype=np.int64), "action": np.zeros(shape, dtype=np.int64),
            "reward": np.zeros(shape), "reached": np.zeros(shape, dtype=np.int64),
            "terminated": np.zeros(shape, dtype=bool), "ended": np.zeros(shape, dtype=bool),
            "priority": np.zeros(shape),  # to the power of alpha; 0 for what cannot be drawn
        }  # fmt: skip
        self._next = 0  # the row that is written next
        self._added = 0  # rows since `cut`
        self._largest = 1.0

    def add(self, state: NDArray[np.int64], action: NDArray[np.int64], step: Step) -> None:
        """Remembers a step of all copies, in place of the oldest."""
        row = self._next
        ended = step.terminated | step.truncated
        for name, value in (
            ("state", state), ("action", action), ("reward", step.reward), ("reached", step.reached),
            ("terminated", step.terminated), ("ended", ended), ("priority", 0.0),
        ):  # fmt: skip
            self._arrays[name][row] = value
        self._next = (row + 1) % self._rows
        self._added += 1
        # What began n - 1 rows ago is complete now; what began later is, where its episode has ended.
        if self._added >= self._n:
            self._arrays["priority"][(row - self._n + 1) % self._rows] = self._largest**self._alpha
        # The oldest steps go on into the row that is overwritten next: nothing of n rows is left of them.
        self._arrays["priority"][self._next] = 0.0

    def cut(self) -> None:
        """Episodes begin anew: steps that go on past the last row are not drawn."""
        self._added = 0

    def ready(self, count: int) -> bool:
        """Whether so many steps can be drawn."""
        return int((self._arrays["priority"] > 0.0).sum()) >= count if self._added < self._rows else True

    def sample(self, count: int, beta: float, rng: np.random.Generator) -> Batch:
        """Draws steps.

        Args:
            count: how many.
            beta: how far the weights make up for priorities, from 0 to 1.
            rng: draws them, one from each of so many equal shares of the priorities.
        """
        priority = self._arrays["priority"].ravel()
        sums = np.cumsum(priority)
        points = (np.arange(count) + rng.random(count)) * (sums[-1] / count)
        places = np.minimum(np.searchsorted(sums, points, side="right"), len(sums) - 1)
        weights = (priority[places] / priority[priority > 0.0].min()) ** -beta if self._alpha else np.ones(count)
        row, copy = np.divmod(places, self._copies)
        states, actions = self._arrays["state"][row, copy], self._arrays["action"][row, copy]
        rewards, discounts, going = np.zeros(count), np.ones(count), np.ones(count, dtype=bool)
        reached = np.zeros(count, dtype=np.int64)
        for k in range(self._n):
            at = (row + k) % self._rows, copy
            rewards += np.where(going, discounts * self._arrays["reward"][at], 0.0)
            reached = np.where(going, self._arrays["reached"][at], reached)
            discounts = np.where(going, discounts * self._gamma, discounts)
            discounts[going & self._arrays["terminated"][at]] = 0.0
            going &= ~self._arrays["ended"][at]
        return Batch(states, actions, rewards, reached, discounts, weights, places)

    def update(self, batch: Batch, losses: Floats) -> None:
        """Sets the priorities of steps by their losses."""
        if self._alpha:
            found = np.maximum(losses, LEAST)
            self._largest = max(self._largest, float(found.max()))
            self._arrays["priority"].ravel()[batch.places] = found**self._alpha

    def state(self) -> dict[str, Any]:
        """All there is, as `torch.save` keeps it."""
        arrays = {name: torch.as_tensor(array) for name, array in self._arrays.items()}
        return {**arrays, "next": self._next, "largest": self._largest}

    def set_state(self, kept: dict[str, Any]) -> None:
        """Takes up what `state` gave."""
        for name, array in self._arrays.items():
            array[:] = kept[name].numpy()
        self._next, self._largest = kept["next"], kept["largest"]
