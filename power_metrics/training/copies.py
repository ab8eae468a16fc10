"""Copies of environments that count: where pickling made them in the same process, they count for the original."""

from __future__ import annotations

import copy
import os
import uuid
import warnings
from typing import Any, ClassVar, TypeVar
from weakref import WeakValueDictionary

AnyWrapper = TypeVar("AnyWrapper", bound="CountedCopies")

COUNTING: WeakValueDictionary[str, Any] = WeakValueDictionary()
"""The trackers of this process that copies may count into, by token."""


class CountedCopies:
    """A wrapper whose pickled copies share its tracker, as long as they stay in its process.

    SuperSuit and others make the copies that they step by pickling, and nobody ever sees these: what they do would be
    counted where it is lost. A deep copy counts for itself, as of one that is walked to see what it shows.
    """

    shared: ClassVar[tuple[str, ...]]
    """The attributes with what is counted; the first is the tracker."""

    _token: str | None = None

    def __getstate__(self) -> dict[str, Any]:
        if self._token is None:
            self._token = uuid.uuid4().hex
        COUNTING[self._token] = getattr(self, self.shared[0])
        return {**self.__dict__, "_process": os.getpid()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        process = state.pop("_process")
        self.__dict__.update(state)
        tracker = COUNTING.get(state["_token"]) if process == os.getpid() else None
        if tracker is None:
            self._token = None
        else:
            self._take(tracker)

    def _take(self, tracker: Any) -> None:
        """Counts into another's tracker from now on."""
        setattr(self, self.shared[0], tracker)
        for name in self.shared[1:]:
            setattr(self, name, getattr(tracker, name))

    def __deepcopy__(self: AnyWrapper, memo: dict[int, Any]) -> AnyWrapper:
        made = type(self).__new__(type(self))
        memo[id(self)] = made
        made.__dict__.update({name: copy.deepcopy(value, memo) for name, value in self.__dict__.items()})
        made._token = None
        return made

    def _warn_if_lost(self, counted: bool) -> None:
        """Says so where nothing was counted, and copies may have been stepped in other processes."""
        if self._token is not None and not counted:
            warnings.warn(
                f"{type(self).__name__}: nothing was counted, although copies of it were made. Those in other "
                "processes count for themselves; let them run in this one, as with num_cpus=0 of SuperSuit",
                stacklevel=3,
            )
