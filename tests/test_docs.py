"""The documentation is true: its code runs, its pages are what their generators write."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)[^)]*\)")


def code_blocks(page: Path) -> list[str]:
    """The Python blocks of a page, each padded with blank lines so that errors have the page's line numbers."""
    text = page.read_text(encoding="utf-8")
    return [
        "\n" * text[: match.start(1)].count("\n") + match[1]
        for match in re.finditer(r"^```python\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("page", [p for p in PAGES if code_blocks(p)], ids=lambda p: p.name)
def test_code_blocks_run(page, tmp_path, monkeypatch):
    """The blocks of a page run in order, as a reader would run them."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "__main__"}
    for block in code_blocks(page):
        exec(compile(block, str(page), "exec", dont_inherit=True), names)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page):
    missing = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if not (page.parent / link).exists()]
    assert missing == []


def test_every_picture_has_a_command_that_draws_it():
    commands = runpy.run_path(str(ROOT / "docs" / "make_pictures.py"))["COMMANDS"]
    made = {name for pictures in commands.values() for name in pictures}
    found = {path.stem for path in (ROOT / "docs" / "images").glob("*.png")}
    others = {
        "performance_cost",
        "performance_roofline",
        "performance_scaling",
        "coverage",
    }  # of make_performance.py and coverage_study.py
    assert found == made | others


@pytest.mark.slow
def test_the_gallery_has_all_levels_and_worlds_in_small_pictures():
    done = subprocess.run(
        [sys.executable, "docs/make_gallery.py", "--check"], cwd=ROOT, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    sizes = [path.stat().st_size for path in (ROOT / "docs" / "images" / "gallery").glob("*.png")]
    assert max(sizes) < 60_000
    assert sum(sizes) < 2_500_000


@pytest.mark.slow
def test_environment_cards_are_up_to_date():
    done = subprocess.run(
        [sys.executable, "docs/make_cards.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
