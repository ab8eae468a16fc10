"""The site of the documentation: every page stands in its navigation, every public name in its reference."""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path

import pytest

from power_metrics.cli.main import COMMANDS
from powerenvs.registry import families
from tests.public_names import public

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "docs" / "site"))

import build  # noqa: E402
import pages  # noqa: E402


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """{place: text} of all pages, put together in a folder of the test, with the settings that lead to them."""
    folder = tmp_path_factory.mktemp("site")
    patch = pytest.MonkeyPatch()
    patch.setattr(build, "PAGES", folder)
    build.settings(build.put_together())
    patch.undo()
    return {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in folder.rglob("*.md")}


def test_every_public_name_has_a_section(made):
    shown = set(re.findall(r"^::: .*\.(\w+)$", "\n".join(made.values()), flags=re.MULTILINE))
    names = {name.rpartition(".")[2] for name, thing in public().items() if not inspect.ismodule(thing)}
    assert names - shown == set()


def test_every_world_game_and_command_has_its_place(made):
    worlds = {place.removeprefix("worlds/").removesuffix(".md") for place in made if place.startswith("worlds/")}
    shipped = [family for family in families() if family.package.startswith("powerenvs.")]
    ids = {entry.id.split("/")[-1] for family in shipped for entry in family.worlds}
    assert len(ids) > 40
    assert ids - worlds == set()
    assert {game.name for family in shipped for game in family.games} <= worlds
    assert set(re.findall(r"^## (\S+)$", made["reference/commands.md"], flags=re.MULTILINE)) == {
        c.name for c in COMMANDS
    }


def test_levels_and_code_are_as_in_the_page_of_environments(made):
    """A wall at the beginning of a line is no heading."""
    blocks = [part for part in pages.FENCE.split((pages.DOCS / "environments.md").read_text()) if part[:3] == "```"]
    worlds = "\n".join(text for place, text in made.items() if place.startswith("worlds/"))
    assert len(blocks) > 25
    assert [block for block in blocks if block not in worlds] == []


def test_links_lead_to_pages_and_pictures(made):
    for place, text in made.items():
        for target, anchor in re.findall(r"\]\((?!https?:)([^)\s#]*)(#[^)\s]*)?\)", pages.FENCE.sub("", text)):
            if target:
                found = (Path(place).parent / target).as_posix()
                found = re.sub(r"[^/]+/\.\./", "", found)
                assert found in made or (ROOT / "docs" / found).is_file(), f"{place}: {target}{anchor}"


@pytest.mark.parametrize(
    ("text", "place", "expected"),
    [
        ("[a](docs/power.md#x)", "index.md", "[a](power.md#x)"),
        ("[a](docs/environments.md)", "index.md", "[a](worlds/index.md)"),
        ("[a](docs/environments.md#powerenvsboatrace-v0)", "index.md", "[a](worlds/BoatRace-v0.md)"),
        ("[the `code`](examples/demo.py)", "index.md", "the `code`"),
        ("[code](examples/demo.py)", "index.md", "code (`examples/demo.py`)"),
        ("![p](docs/images/safety.png)", "worlds/index.md", "![p](../images/safety.png)"),
        ("[![p](docs/images/safety.png)](docs/safety.md)", "index.md", "[![p](images/safety.png)](safety.md)"),
        ("```\n[a](docs/power.md)\n```", "index.md", "```\n[a](docs/power.md)\n```"),
        ("[a](https://arxiv.org)", "index.md", "[a](https://arxiv.org)"),
    ],
)
def test_links_hold_where_a_page_goes(text, place, expected):
    assert pages.relinked(text, Path(), place) == expected
