"""Data flows one way: what docs/architecture.md says of imports holds."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = sorted([*(ROOT / "powerenvs").rglob("*.py"), *(ROOT / "power_metrics").rglob("*.py")])


def imports(path: Path) -> Iterator[str]:
    """The modules that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_one_way(path):
    parts = path.relative_to(ROOT).parts
    for module in imports(path):
        if parts[0] == "powerenvs":
            assert not module.startswith("power_metrics"), f"worlds must not know of metrics: {module}"
        if parts[:2] == ("powerenvs", "worlds") and module.startswith("powerenvs.worlds."):
            assert module.split(".")[2] == parts[2].removesuffix(".py"), f"a family must not import another: {module}"


def test_files_stay_readable():
    lengths = {str(p.relative_to(ROOT)): len(p.read_text(encoding="utf-8").splitlines()) for p in MODULES}
    assert {name: length for name, length in lengths.items() if length > 500} == {}
