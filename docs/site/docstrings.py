"""What the reference needs to know of this code's docstrings: how examples begin, and that V* is no emphasis."""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension, Object


class HouseStyle(Extension):
    """Reads ``Example:`` as Griffe reads ``Examples:``, and the stars of formulas, as in V*(s), as stars."""

    def on_instance(self, *, obj: Object, **_: Any) -> None:
        """Is called for every function, class and module that was read."""
        if obj.docstring:
            obj.docstring.value = "\n".join(map(_line, obj.docstring.value.split("\n")))


def _line(line: str) -> str:
    if line.lstrip().startswith((">>>", "...")):
        return line
    return re.sub(r"(?<=\w)\*(?=[\s(_,.;:'-]|$)", r"\*", re.sub(r"^(\s*)Example:$", r"\1Examples:", line))
