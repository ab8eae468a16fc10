"""Data flows one way: what docs/architecture.md says of imports holds."""

from __future__ import annotations

import ast
import fnmatch
import re
from collections.abc import Iterator
from pathlib import Path

import networkx as nx
import pytest

ROOT = Path(__file__).parent.parent
MODULES = sorted([*(ROOT / "powerenvs").rglob("*.py"), *(ROOT / "power_metrics").rglob("*.py")])


def name_of(path: Path) -> str:
    """The module's name."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


NAMES = {name_of(path) for path in MODULES}


def imports(path: Path) -> Iterator[str]:
    """The modules that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def modules_behind(path: Path) -> Iterator[str]:
    """Our modules that a file imports: anywhere in it, in functions and for type checkers too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            inside = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (module if module in NAMES else node.module for module in inside)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_one_way(path):
    parts = path.relative_to(ROOT).parts
    for module in imports(path):
        if parts[0] == "powerenvs" and path.name != "__main__.py":  # the command comes with the metrics
            assert not module.startswith("power_metrics"), f"worlds must not know of metrics: {module}"
        if parts[:2] == ("powerenvs", "worlds") and module.startswith("powerenvs.worlds."):
            assert module.split(".")[2] == parts[2].removesuffix(".py"), f"a family must not import another: {module}"


def test_files_stay_readable():
    lengths = {str(p.relative_to(ROOT)): len(p.read_text(encoding="utf-8").splitlines()) for p in MODULES}
    assert {name: length for name, length in lengths.items() if length > 500} == {}


@pytest.mark.slow
def test_no_module_imports_itself_by_way_of_others():
    graph = nx.DiGraph(
        (name_of(path), module) for path in MODULES for module in modules_behind(path) if module in NAMES
    )
    graph.remove_edges_from(nx.selfloop_edges(graph))
    graph.remove_nodes_from(["powerenvs", "power_metrics"])  # which have the public names of everything
    assert len(graph) > 100
    assert list(nx.simple_cycles(graph)) == []


@pytest.mark.parametrize("stub", sorted(ROOT.glob("power_metrics/**/__init__.pyi")), ids=lambda p: p.parent.name)
def test_no_file_is_called_like_a_function_in_it(stub):
    """Importing the file would hide the function, where names load when they are first used."""
    files = {path.stem for path in stub.parent.glob("*.py")}
    names = {
        alias.asname
        for node in ast.walk(ast.parse(stub.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert names
    assert files & names == set()


def test_every_module_has_its_place_in_the_description():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    for package in ("powerenvs", "power_metrics"):
        table = text.partition(f"| `{package}/` |")[2].partition("\n\n")[0]
        patterns = re.findall(r"`([\w*./]+)`", table)
        found = {
            path.name + "/" * path.is_dir() for path in (ROOT / package).iterdir() if not path.name.startswith("_")
        }
        code = {name for name in found if name.endswith(".py") or (ROOT / package / name / "__init__.py").exists()}
        assert {name for name in code if not any(fnmatch.fnmatch(name, p) for p in patterns)} == {"version.py"} & code
        assert [p for p in patterns if p.endswith((".py", "/")) and not fnmatch.filter(found, p)] == []
