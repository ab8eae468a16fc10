"""Changes to valid inputs: bytes, texts, JSON values, and the members of ``.npz`` files."""

from __future__ import annotations

import copy
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

ODD: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 3, 10**30, -(10**30), 2**31, 2**63, 0.0, -0.0, 0.5, 1.5, -1.5, 1e-300, 1e300,
    float("nan"), float("inf"), float("-inf"), "", " ", "a", "0", "nan", "\x00", "é∅★", "\u2028", "x" * 300, "../x", "-",
    [], [[]], [None], [1, 2], ["a", "b"], [float("nan")], {}, {"a": 1}, {"a": {}}, [[1, 2], [3]],
)  # fmt: skip
"""Values that JSON can hold."""


def pick(rng: np.random.Generator, options: Sequence[Any]) -> Any:
    """One of them."""
    return options[int(rng.integers(len(options)))]


def mutate_bytes(rng: np.random.Generator, data: bytes) -> bytes:
    """The bytes with one to four changes: bits, bytes, slices, or the end gone."""
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, 5))):
        at = int(rng.integers(len(changed) + 1))
        size = int(rng.integers(1, 9))
        match int(rng.integers(7)):
            case 0 if at < len(changed):
                changed[at] ^= 1 << int(rng.integers(8))
            case 1 if at < len(changed):
                changed[at] = pick(rng, (0, 1, 9, 10, 32, 127, 128, 255))
            case 2:
                changed[at:at] = rng.bytes(size)
            case 3:
                del changed[at : at + size]
            case 4:
                changed[at:at] = changed[at : at + 4 * size]
            case 5 if at + 8 <= len(changed):
                number = pick(rng, (0, 1, 2**16 - 1, 2**31 - 1, 2**32 - 1, 2**63 - 1))
                changed[at : at + 8] = number.to_bytes(8, "little")
            case 6 if rng.random() < 0.2:
                del changed[at:]
    return bytes(changed)


def mutate_text(rng: np.random.Generator, text: str, words: Sequence[str]) -> str:
    """The text with one to three changes: words, lines and characters put in, taken out, or exchanged."""
    for _ in range(int(rng.integers(1, 4))):
        lines = text.split("\n")
        i, j = (int(k) for k in rng.integers(len(lines), size=2))
        at = int(rng.integers(len(text) + 1))
        match int(rng.integers(8)):
            case 0:
                text = text[:at] + pick(rng, words) + text[at:]
            case 1:
                text = text[:at] + text[at + int(rng.integers(1, 6)) :]
            case 2:
                lines[i], lines[j] = lines[j], lines[i]
                text = "\n".join(lines)
            case 3:
                text = "\n".join(lines[:i] + lines[i + 1 :])
            case 4:
                text = "\n".join([*lines[:i], lines[j], *lines[i:]])
            case 5:
                text = text[:at] + chr(pick(rng, (0, 9, 13, 32, 35, 46, 83, 0x2028, 0xD7, 0x1F600))) + text[at + 1 :]
            case 6:
                parts = text.split(" ")
                parts[int(rng.integers(len(parts)))] = pick(rng, words)
                text = " ".join(parts)
            case 7 if rng.random() < 0.3:
                text = text[:at]
    return text


def mutate_value(rng: np.random.Generator, value: Any, odd: Sequence[Any] = ODD) -> Any:
    """A JSON value with one or two of its parts replaced, taken out, repeated or renamed."""
    value = copy.deepcopy(value)
    for _ in range(int(rng.integers(1, 3))):
        value = _change(rng, value, odd)
    return value


def _change(rng: np.random.Generator, value: Any, odd: Sequence[Any]) -> Any:
    deeper = isinstance(value, (dict, list)) and len(value) > 0
    if not deeper or rng.random() < 0.1:
        return copy.deepcopy(pick(rng, odd))
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    key = pick(rng, keys)
    chance = rng.random()
    if chance < 0.7:
        value[key] = _change(rng, value[key], odd)
    elif chance < 0.8:
        del value[key]
    elif isinstance(value, list):
        value.insert(key, copy.deepcopy(value[pick(rng, keys)]))
    elif chance < 0.9:
        value[pick(rng, [*keys, "x", ""])] = value[key]
    else:
        value[str(key) + pick(rng, ("x", "s", "_"))] = value.pop(key)
    return value


def read_members(data: bytes) -> dict[str, np.ndarray]:
    """The arrays of an ``.npz`` file."""
    with np.load(io.BytesIO(data)) as archive:
        return {name: archive[name] for name in archive.files}


def write_members(members: Mapping[str, np.ndarray]) -> bytes:
    """The ``.npz`` file with these arrays."""
    data = io.BytesIO()
    np.savez_compressed(data, **members)  # type: ignore[arg-type]
    return data.getvalue()


def mutate_archive(rng: np.random.Generator, data: bytes) -> bytes:
    """A damaged ``.npz`` file: its bytes, its members, its JSON header, or what a member claims to be."""
    try:
        members = read_members(data)
    except Exception:  # an earlier change left no archive
        return mutate_bytes(rng, data)
    chance = rng.random()
    if chance < 0.2:
        return mutate_bytes(rng, data)
    if chance < 0.3:
        return _claim(rng, data)
    for _ in range(int(rng.integers(1, 3))):
        name = pick(rng, [*members, "header"])
        if name == "header" and "header" in members:
            members["header"] = _mutate_header(rng, str(members["header"]))
        elif name in members and members[name].dtype == np.uint8 and members[name].size > 300:  # a file in the file
            inner = mutate_archive(rng, members[name].tobytes())
            members[name] = np.frombuffer(inner, dtype=np.uint8)
        elif name in members:
            members[name] = mutate_array(rng, members[name])
        if rng.random() < 0.1 and members:
            members.pop(pick(rng, list(members)))
        if rng.random() < 0.05:
            members[pick(rng, ("x", "mean", "table", "0.mean", "cells"))] = np.arange(3)
    return write_members(members)


def _mutate_header(rng: np.random.Generator, text: str) -> np.ndarray:
    """The header with odd values, or no JSON at all."""
    try:
        text = json.dumps(mutate_value(rng, json.loads(text))) if rng.random() < 0.9 else text[:-1]
    except ValueError:  # an earlier change left no JSON
        text = "{}"
    return np.array(text)


def mutate_array(rng: np.random.Generator, array: np.ndarray) -> np.ndarray:
    """An array with another shape, another dtype, or odd values."""
    odd = pick(rng, (np.nan, np.inf, -np.inf, -1, 0, 1, 2, 0.5, 1e300, 2**31, 2**40, 1e-320, 1 + 1e-9))
    match int(rng.integers(9)):
        case 0:
            return array[..., None]
        case 1:
            return array.reshape(-1)[:-1]
        case 2:
            return array.reshape(-1)[: int(rng.integers(2))]
        case 3:
            return array.T
        case 4 if array.dtype.kind in "fiub":
            with np.errstate(all="ignore"):
                return array.astype(
                    pick(rng, (np.float32, np.int64, np.int8, np.uint64, bool, complex, ">f8", "U5", np.float16))
                )
        case 5 if array.dtype.kind in "fiub" and array.size:
            changed = array.astype(float).reshape(-1)
            changed[int(rng.integers(changed.size))] = odd
            with np.errstate(all="ignore"):
                keep = array.dtype if rng.random() < 0.7 and np.isfinite(odd) else float
                return changed.reshape(array.shape).astype(keep)
        case 6 if array.dtype.kind in "fiub":
            return np.full(array.shape, odd)
        case 7:
            return rng.permutation(array) if array.ndim else array
        case 8:
            return np.concatenate([array, array]) if array.ndim else np.array([array, array])
    return np.array(pick(rng, ("text", 3, 1.5, True, np.nan)))


def _claim(rng: np.random.Generator, data: bytes) -> bytes:
    """A member whose header claims another shape or dtype than its data have."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as changed:
        names = archive.namelist()
        chosen = pick(rng, names)
        for name in names:
            content = archive.read(name)
            if name == chosen:
                start = content.index(b"\n") + 1 if b"\n" in content[:200] else len(content)
                shape = pick(
                    rng,
                    (
                        "(10000000000000,)",
                        "(2000000000,)",
                        "(-1,)",
                        "()",
                        "(0,)",
                        "(99999999999999999999,)",
                        "(3, 4)",
                        "'a'",
                    ),
                )
                dtype = pick(rng, ("<f8", "|O", "<U100000000", "<i4", ">f8", "|V8", "<M8[s]", "?"))
                text = pick(
                    rng, ("{'descr': %r, 'fortran_order': False, 'shape': %s, }", "{'descr': %r, 'shape': %s}")
                ) % (dtype, shape)
                header = text.encode() + b"\n"
                content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + content[start:]
            changed.writestr(name, content if rng.random() < 0.9 else mutate_bytes(rng, content))
    return out.getvalue()
