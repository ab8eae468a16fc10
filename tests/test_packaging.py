"""What is built and what it asks for: the wheel, the source distribution, the dependencies and their page."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from configparser import ConfigParser
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest

from powerenvs.extras import install_line

ROOT = Path(__file__).parent.parent
PACKAGES = ("powerenvs", "power_metrics")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
RUNTIME_EXTRAS = ("render", "minigrid", "contrib", "video", "app", "labs", "tensorboard", "ray", "rllib")
DISTRIBUTION = {
    "PIL": "pillow",
    "yaml": "pyyaml",
    "pygame": "pygame-ce",
    "mdptoolbox": "pymdptoolbox",
    "tree": "dm-tree",
}
PM = ROOT / "power_metrics"
WHOLE_MODULES = {
    "app": (PM / "app" / "server.py",),
    "rllib": (PM / "agents" / "rllib.py", PM / "learners" / "impala.py", PM / "training" / "rllib.py"),
}
"""An extra's own modules, imported only when asked for."""


def is_of(path: Path, extra: str) -> bool:
    """Whether a file is of an extra's own modules."""
    return any(path.is_relative_to(place) for place in WHOLE_MODULES.get(extra, ()))


BROUGHT = {"tensordict"}  # by modules of torchrl that a user gives us, which are made of it
NOT_BY_US = {"minigrid", "tensorboard", "websockets"}  # imported by gymnasium.make, torch.utils.tensorboard, uvicorn


def read_requirements(lines: str) -> dict[str, str]:
    """From the lines of setup.cfg, the lower bound of each distribution; other extras' lines are left out."""
    found = re.findall(r"^([A-Za-z][\w-]*)(?:\[\w+\])?>=(\S+)$", lines, flags=re.MULTILINE)
    assert len(found) == len([line for line in lines.split("\n") if line and "%(" not in line]), lines
    return {name.lower(): bound for name, bound in found}


CONFIG = ConfigParser(interpolation=None)
CONFIG.read(ROOT / "setup.cfg", encoding="utf-8")
CORE = read_requirements(CONFIG["options"]["install_requires"])
EXTRAS = {extra: read_requirements(lines) for extra, lines in CONFIG["options.extras_require"].items()}


def third_party(path: Path) -> Iterator[tuple[str, bool]]:
    """The distribution of each import in a file, and whether it is imported when the module is."""

    def visit(node: ast.AST, at_import: bool) -> Iterator[tuple[str, bool]]:
        for child in ast.iter_child_nodes(node):
            names = []
            if isinstance(child, ast.Import):
                names = [alias.name for alias in child.names]
            elif isinstance(child, ast.ImportFrom) and child.level == 0:
                names = [str(child.module)]
            for name in {name.split(".")[0] for name in names} - sys.stdlib_module_names - {*PACKAGES, "tests"}:
                yield DISTRIBUTION.get(name, name.lower().replace("_", "-")), at_import
            inside = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef))
            typing_only = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
            yield from visit(child, at_import and not inside and not typing_only)

    yield from visit(ast.parse(path.read_text(encoding="utf-8")), True)


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    """A copy of what is distributed, so that building leaves nothing in the working tree."""
    copy = tmp_path_factory.mktemp("source") / "powerenvs"
    ignore = shutil.ignore_patterns("__pycache__", ".*")
    for folder in (*PACKAGES, "docs", "examples", "tests"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=ignore)
        (copy / folder / "__pycache__").mkdir()
        for suffix in ("pyc", "nbc", "nbi"):  # what running Python and Numba leave behind
            (copy / folder / "__pycache__" / f"cached.{suffix}").touch()
    for path in ROOT.iterdir():
        if path.is_file() and not path.name.startswith("."):
            shutil.copy(path, copy)
    return copy


def build(source: Path, kind: str) -> Path:
    """The file that the build backend makes, without the network and without another environment."""
    code = f"import setuptools.build_meta as backend; backend.build_{kind}('dist')"
    done = subprocess.run([sys.executable, "-c", code], cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Deprecat" not in done.stderr
    (made,) = (source / "dist").glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return made


@pytest.mark.slow
def test_the_wheel_holds_the_packages_and_nothing_else(source):
    with zipfile.ZipFile(build(source, "wheel")) as wheel:
        names = set(wheel.namelist())
        distribution = PathDistribution(zipfile.Path(wheel, next(n for n in names if n.endswith("/METADATA"))[:-8]))
        requires = list(distribution.requires or [])
        scripts = {entry.name for entry in distribution.entry_points}
        description = distribution.metadata["Description"]
    in_packages = {name for name in names if ".dist-info/" not in name}
    configs = {path.relative_to(ROOT).as_posix() for path in (ROOT / "power_metrics").rglob("*.yaml")}
    page = {path.relative_to(ROOT).as_posix() for path in (PM / "app" / "static").rglob("*.*")}
    assert len(configs) >= 6
    assert len(page) >= 10
    assert in_packages == (
        {path.relative_to(ROOT).as_posix() for path in MODULES}
        | {f"{package}/py.typed" for package in PACKAGES}
        | {"power_metrics/__init__.pyi"}
        | {f"power_metrics/{family}/__init__.pyi" for family in ("games", "preferences", "psych")}
        | configs
        | page
    )
    assert {name.split(".dist-info/")[1].removeprefix("licenses/") for name in names - in_packages} == {
        "METADATA", "RECORD", "WHEEL", "entry_points.txt", "LICENSE", "top_level.txt",
    }  # fmt: skip
    assert scripts == {"powerenvs"}
    assert "exact POWER" in description
    core = dict(re.split(r"\s*>=", line) for line in requires if "extra ==" not in line)
    assert {name.lower(): bound for name, bound in core.items()} == CORE
    assert {extra for line in requires for extra in re.findall(r"""extra == ["'](\w+)""", line)} == set(EXTRAS)


@pytest.mark.slow
def test_the_source_distribution_holds_the_repository_without_caches(source):
    made = build(source, "sdist")
    with tarfile.open(made) as archive:
        names = {member.name.split("/", 1)[1] for member in archive.getmembers() if member.isfile()}
    tracked = {
        path.relative_to(source).as_posix()
        for folder in (*PACKAGES, "docs", "examples", "tests")
        for path in (source / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert tracked - names == set()
    assert {"LICENSE", "README.md", "CHANGELOG.md", "CITATION.cff", "Makefile", "constraints.txt"} <= names
    assert {name for name in names if "cache" in name or name.endswith((".pyc", ".nbc", ".nbi"))} == set()
    assert made.stat().st_size < 20e6


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_imports_are_required(path):
    """A core requirement may be imported anywhere; an extra's only inside functions or in the extra's own subpackage."""
    for name, at_import in third_party(path):
        extras = {extra for extra in RUNTIME_EXTRAS if name in EXTRAS[extra]}
        own = any(is_of(path, extra) for extra in extras)
        assert name in CORE or extras or name in BROUGHT, f"{name} is in no list of setup.cfg"
        assert name in CORE or own or not at_import, f"{name} is optional and imported with the module"


@pytest.mark.slow
def test_an_optional_subpackage_is_imported_only_inside_functions():
    for extra, places in WHOLE_MODULES.items():
        modules = tuple(".".join(place.relative_to(ROOT).with_suffix("").parts) for place in places)
        for path in MODULES:
            if not is_of(path, extra):
                for node in ast.parse(path.read_text(encoding="utf-8")).body:
                    assert not (isinstance(node, ast.ImportFrom) and str(node.module).startswith(modules)), path


@pytest.mark.slow
def test_requirements_are_imported():
    """No dependency is asked for in vain."""
    used = {name for path in MODULES for name, _ in third_party(path)}
    asked = {*CORE, *(name for extra in RUNTIME_EXTRAS for name in EXTRAS[extra])}
    assert asked - used - NOT_BY_US == set()
    benchmarks = (ROOT / "tests" / "benchmarks").glob("*.py")
    assert set(EXTRAS["bench"]) <= {name for path in benchmarks for name, _ in third_party(path)}
    assert set(EXTRAS) == {*RUNTIME_EXTRAS, "supersuit", "minari", "bench", "docs", "dev"}  # what users bring along


@pytest.mark.slow
def test_the_core_works_without_any_extra(tmp_path):
    """Every module that is no extra's own is imported, and POWER computed and drawn, where no extra can be imported."""
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in MODULES
        if path.name != "__main__.py" and not any(is_of(path, extra) for extra in WHOLE_MODULES)
    ]
    code = f"""
import sys
for name in ("pygame", "minigrid", "sb3_contrib", "imageio", "imageio_ffmpeg", "starlette", "uvicorn", "websockets", "tensorboard", "ray"):
    sys.modules[name] = None
from importlib import import_module
for module in {modules!r}:
    import_module(module)
import gymnasium as gym, power_metrics as pm
result = pm.power(gym.make("PowerGrid-v0", level="open_3x3"), gamma=0.9, num_samples=64)
result.plot().savefig("power.png")
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "power.png").stat().st_size > 0


def test_the_page_of_dependencies_is_setup_cfg():
    """docs/dependencies.md has each direct dependency once, with its bound, and pins that constraints.txt has."""
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([\w-]+) \| ([\w ,]+) \| (\S+) \| (\S+) \| ([^|]+) \|", page, flags=re.MULTILINE)
    shown = {(name, extra, bound) for name, where, bound, _, _ in rows for extra in where.split(", ")}
    wanted = {(name, "core", bound) for name, bound in CORE.items()}
    wanted |= {(name, extra, bound) for extra, names in EXTRAS.items() for name, bound in names.items()}
    assert shown == wanted
    assert len(rows) == len({name for name, *_ in rows})


def test_minigrid_that_is_not_installed(monkeypatch, capsys):
    from power_metrics.cli.main import main

    monkeypatch.setitem(sys.modules, "minigrid", None)
    assert main(["power", "minigrid:MiniGrid-Empty-5x5-v0"]) == 2
    assert install_line("minigrid") in capsys.readouterr().err


def test_sb3_contrib_that_is_not_installed(monkeypatch, tmp_path):
    import gymnasium as gym
    from sb3_contrib import QRDQN

    from power_metrics.agents.sb3_files import load_policy

    env = gym.make("PowerGrid-v0", level="open_3x3")
    QRDQN("MlpPolicy", env, buffer_size=10).save(tmp_path / "model.zip")
    monkeypatch.setitem(sys.modules, "sb3_contrib.qrdqn.policies", None)
    with pytest.raises(ValueError, match=f"QR-DQN model needs sb3-contrib: {re.escape(install_line('contrib'))}"):
        load_policy(tmp_path / "model.zip", env)
