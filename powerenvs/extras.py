"""What installs an optional part, from wherever this package came."""

from __future__ import annotations

import json
import os
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

ROOT = Path(__file__).parent.parent


def install_line(extra: str) -> str:
    """The line for a shell that installs an extra: into this checkout, from where pip took the package, or a release.

    Example:
        >>> install_line("app").startswith("pip install ")
        True
    """
    if (ROOT / "setup.cfg").is_file():
        place = "." if _is_here(ROOT) else os.fspath(ROOT)
        return f"pip install -e '{place}[{extra}]'"
    origin = _origin()
    return f"pip install 'powerenvs[{extra}]{f' @ {origin}' if origin else ''}'"


def _is_here(folder: Path) -> bool:
    try:
        return folder.samefile(Path.cwd())
    except OSError:  # it is gone
        return False


def _origin() -> str | None:
    """Where pip took the package from, if that was no index."""
    try:
        text = distribution("powerenvs").read_text("direct_url.json")
    except PackageNotFoundError:
        return None
    if text is None:
        return None
    found = json.loads(text)
    version = found.get("vcs_info")
    return f"{version['vcs']}+{found['url']}@{version['commit_id']}" if version else str(found["url"])
