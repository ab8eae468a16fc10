"""Builds the site of the documentation: `make docs`.

The pages are put together in build/pages (those of docs/ as they are, others made from the code) and become the site
in build/site, which asks no other machine for anything and can be read from the disk.

python docs/site/build.py            build it
python docs/site/build.py --pages    only put the pages together
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

os.environ["COLUMNS"] = "84"  # the width of the commands' help

from pages import DOCS, ROOT, made_pages, relinked

BUILD = ROOT / "build"
PAGES = BUILD / "pages"
LEFT_OUT = {"environments.md"}  # its parts are pages


def put_together() -> dict[str, str]:
    """Writes all pages and their pictures into build/pages; gives those that are made."""
    shutil.rmtree(PAGES, ignore_errors=True)
    shutil.copytree(DOCS / "images", PAGES / "images")
    shutil.copytree(DOCS / "site" / "assets", PAGES / "assets")
    for source in sorted(DOCS.glob("*.md")):
        if source.name not in LEFT_OUT:
            text = relinked(source.read_text(encoding="utf-8"), Path("docs"), source.name)
            (PAGES / source.name).write_text(text, encoding="utf-8")
    made = made_pages()
    for place, text in made.items():
        (PAGES / place).parent.mkdir(parents=True, exist_ok=True)
        (PAGES / place).write_text(text, encoding="utf-8")
    return made


def settings(made: dict[str, str]) -> dict[str, Any]:
    """The generator's settings, with the pages that are made in the navigation where it says worlds and reference."""
    found: dict[str, Any] = yaml.safe_load((DOCS / "site" / "site.yml").read_text(encoding="utf-8"))
    for entry in found["nav"]:
        for title, place in entry.items():
            if place in ("worlds", "reference"):
                entry[title] = [_entry(one) for one in made if one.startswith(f"{place}/")]
    shown = set(_places(found["nav"]))
    there = {path.relative_to(PAGES).as_posix() for path in PAGES.rglob("*.md")}
    if shown != there:
        raise SystemExit(
            f"docs/site/site.yml: not in its nav: {sorted(there - shown)}; not there: {sorted(shown - there)}"
        )
    return found


def _entry(place: str) -> str | dict[str, str]:
    """A page in the navigation: a world by its name alone."""
    folder, name = place.removesuffix(".md").split("/")
    return place if folder != "worlds" or name in ("index", "Two_agents") else {name.removesuffix("-v0"): place}


def _places(nav: Any) -> list[str]:
    if isinstance(nav, str):
        return [nav]
    return [place for one in (nav.values() if isinstance(nav, dict) else nav) for place in _places(one)]


def main() -> None:
    """Puts the pages together and builds the site."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--pages", action="store_true", help="only put the pages together, in build/pages")
    args = parser.parse_args()
    written = BUILD / "mkdocs.yml"
    found = settings(put_together())
    written.write_text(yaml.safe_dump(found, sort_keys=False), encoding="utf-8")
    if not args.pages:
        shutil.rmtree(BUILD / "site", ignore_errors=True)
        generator = Path(sys.executable).with_name("zensical")
        raise SystemExit(
            subprocess.run([generator, "build", "--strict", "--config-file", written], check=False).returncode
        )


if __name__ == "__main__":
    main()
