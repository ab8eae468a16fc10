"""YAML and JSON that is read strictly: plain values only, and no key twice."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from powerenvs.model.files import read_text


class _Loader(yaml.SafeLoader):
    """Safe YAML that refuses a key given twice, and reads 1e6 as a number, as YAML 1.2 does."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """A dict; a ValueError for two equal keys."""
        seen = set()
        for key, _ in node.value:
            text = getattr(key, "value", None)
            if isinstance(text, str) and text in seen:
                raise ValueError(f"{text}: given twice, the second time in line {key.start_mark.line + 1}")
            if isinstance(text, str):
                seen.add(text)
        return super().construct_mapping(node, deep)  # type: ignore[no-any-return]  # PyYAML's types say Any


class _Dumper(yaml.SafeDumper):
    """Writes what `_Loader` reads back equal: texts of several lines as blocks, lists in a line."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    odd = any(mark in text for mark in "\r\x85\u2028\u2029")  # other line ends, which only quotes keep
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"' if odd else "|" if "\n" in text else None)


def _list(dumper: yaml.SafeDumper, values: list[Any]) -> yaml.SequenceNode:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", values, flow_style=True)


_FLOAT = re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$")
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+0123456789"))
_Dumper.add_implicit_resolver(
    "tag:yaml.org,2002:float", _FLOAT, list("-+0123456789")
)  # quotes texts that look like one
_Dumper.add_representer(str, _text)
_Dumper.add_representer(list, _list)


def read_mapping(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The mapping in a YAML or JSON file, by its suffix.

    Raises:
        ValueError: naming the file, if it has another suffix, does not parse, or holds no mapping.
        OSError: if it cannot be read.
    """
    path = Path(path)
    if path.suffix not in (".yaml", ".yml", ".json"):
        raise ValueError(f"{os.fspath(path)!r}: expected a name that ends in .yaml, .yml or .json")
    try:
        text = read_text(path)
        found = json.loads(text, object_pairs_hook=_unique) if path.suffix == ".json" else _read_yaml(text)
    except RecursionError:
        raise ValueError(f"{os.fspath(path)!r}: expected lists in lists to a reasonable depth, found more") from None
    except (ValueError, yaml.YAMLError) as error:
        raise ValueError(f"{os.fspath(path)!r}: {' '.join(str(error).split())}") from None
    if not isinstance(found, Mapping):
        raise ValueError(f"{os.fspath(path)!r}: expected a mapping of keys to values, found {type(found).__name__}")
    return dict(found)


MAX_NODES = 1_000_000


def _read_yaml(text: str) -> Any:
    """What YAML text holds; aliases that repeat each other without bound are refused before they are written out."""
    root = yaml.compose(text, _Loader)
    sizes: dict[int, int] = {}
    if root is not None and _size(root, sizes, set()) > MAX_NODES:
        raise ValueError(f"expected at most {MAX_NODES:,} values with aliases written out, found more")
    return yaml.load(text, _Loader)


def _size(node: yaml.Node, sizes: dict[int, int], within: set[int]) -> int:
    """How many values a node stands for with its aliases written out."""
    if id(node) in within:
        raise ValueError(
            f"expected aliases of what is complete, found one in itself in line {node.start_mark.line + 1}"
        )
    if id(node) not in sizes:
        parts = node.value if isinstance(node, yaml.CollectionNode) else []
        flat = [part for pair in parts for part in pair] if isinstance(node, yaml.MappingNode) else parts
        sizes[id(node)] = 1 + sum(_size(part, sizes, within | {id(node)}) for part in flat)
    return sizes[id(node)]


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"{key}: given twice")
        found[key] = value
    return found


def yaml_text(mapping: Mapping[str, Any]) -> str:
    """The mapping as YAML, in its order."""
    return yaml.dump(  # type: ignore[no-any-return]  # PyYAML's types say Any
        dict(mapping), Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False, width=110
    )
