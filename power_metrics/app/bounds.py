"""Checks of what comes from a page: kinds, sizes, names. Each raises a ValueError that says what was expected."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

MAX_TEXT = 200_000
"""Characters of a text, such as that of a Graphviz file."""
MAX_BODY = 1 << 20
"""Bytes of a request or a message."""
MAX_SAMPLES = 1_000_000
MAX_STATES = 20_000
"""Larger models are for programs: a page could not show them."""
MAX_NUMBER = 1e9
MAX_ITEMS = 500
MAX_DEPTH = 6
FILE_NAME = re.compile(r"[A-Za-z0-9][\w.\- ]{0,79}")


def shown(value: Any) -> str:
    """A value for a message, cut."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def mapping(name: str, value: Any) -> dict[str, Any]:
    """The value, a JSON object."""
    if not isinstance(value, dict):
        raise ValueError(f"{name}: expected an object, found {shown(value)}")
    return value


def text(name: str, value: Any, most: int = 200) -> str:
    """The value, a text of up to so many characters that UTF-8 can hold."""
    if not isinstance(value, str) or len(value) > most:
        raise ValueError(f"{name}: expected a text of at most {most:,} characters, found {shown(value)}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{name}: expected text that UTF-8 can hold, found {shown(value)}") from None
    return value


def whole(name: str, value: Any, least: int = 0, most: int = 1 << 53) -> int:
    """The value, a whole number in a range."""
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ValueError(f"{name}: expected a whole number from {least} to {most:,}, found {shown(value)}")
    return value


def flag(name: str, value: Any) -> bool:
    """The value, true or false."""
    if not isinstance(value, bool):
        raise ValueError(f"{name}: expected true or false, found {shown(value)}")
    return value


def one_of(name: str, value: Any, known: Any) -> Any:
    """The value, if it is a known one."""
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"{name}: expected one of {', '.join(known)}, found {shown(value)}")
    return value


def plain(name: str, value: Any, depth: int = MAX_DEPTH) -> Any:
    """The value, JSON of bounded size: short texts, numbers that are not huge, few items, little depth."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return text(name, value, 20_000)
    if isinstance(value, (int, float)):
        if not abs(value) <= MAX_NUMBER:  # nan is not
            raise ValueError(f"{name}: expected a number of at most {MAX_NUMBER:g}, found {shown(value)}")
        return value
    if depth == 0 or not isinstance(value, (list, dict)) or len(value) > MAX_ITEMS:
        raise ValueError(f"{name}: expected values at most {MAX_DEPTH} deep and {MAX_ITEMS} wide, found {shown(value)}")
    if isinstance(value, list):
        return [plain(name, one, depth - 1) for one in value]
    return {text(name, key): plain(name, one, depth - 1) for key, one in value.items()}


def known_keys(name: str, value: Mapping[str, Any], keys: Any) -> None:
    """Refuses a key that there is not."""
    for key in value:
        if key not in keys:
            raise ValueError(f"{name}: expected the keys {', '.join(keys)}, found {shown(key)}")


def file_name(value: Any, suffixes: tuple[str, ...]) -> str:
    """The name of a file in the application's folder: no path, no hidden file, one of the suffixes."""
    if not isinstance(value, str) or not FILE_NAME.fullmatch(value) or ".." in value:
        raise ValueError(f"name: expected letters, digits, '-', '_', '.' and blanks, found {shown(value)}")
    if not value.endswith(suffixes):
        raise ValueError(f"name: expected a name that ends in {' or '.join(suffixes)}, found {shown(value)}")
    return value


def parsed(data: str | bytes) -> dict[str, Any]:
    """The JSON object of a request or a message.

    Raises:
        ValueError: for anything else, for nesting that Python cannot follow, and for numbers that JSON does not have.
    """

    def refuse(word: str) -> Any:
        raise ValueError(f"message: expected JSON, found the number {word}")

    try:
        found = json.loads(data, parse_constant=refuse)
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"message: expected JSON, found something else ({type(error).__name__})") from None
    return mapping("message", found)
