"""`Shipped`: a level and what is usual on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Shipped(NamedTuple):
    """A level and what is usual on it.

    Attributes:
        text: the entity layer.
        variations: the variations layer; "" for none.
        walls: "full" or "thin".
        randomise: what is drawn anew in each episode.
        pickups: what letters mean; None for DeepMind Lab's defaults.
    """

    text: str
    variations: str = ""
    walls: str = "full"
    randomise: tuple[str, ...] = ()
    pickups: Mapping[str, Any] | None = None
