"""The pages of the site that are made from something else, and where links lead on it.

The README is its first page, the notebook a page, every world and every package of public names one, and the commands'
help another: nothing is written twice. `make docs` calls this through mkdocs.yml.
"""

from __future__ import annotations

import argparse
import inspect
import json
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import power_metrics as pm
import powerenvs
from power_metrics import plots
from power_metrics.cli.main import build_parser
from powerenvs import multi, rollout, sources, testing
from powerenvs.render import first_person

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
LINK = re.compile(r"(\[(?:[^\[\]]|!\[[^\]]*\]\([^)]*\)|\[[^\]]*\])*\])\((?!https?:|#|mailto:)([^)\s#]*)(#[^)\s]*)?\)")
FENCE = re.compile(r"(^```.*?^```[ \t]*$)", flags=re.DOTALL | re.MULTILINE)
# what stands outside docs/ and has a page
MOVED = {"README.md": "index.md", "CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md"}
MOVED |= {"docs/environments.md": "worlds/index.md", "docs/tutorial.ipynb": "tutorial.md"}


def made_pages() -> dict[str, str]:
    """All pages that are made, {place on the site: Markdown}, with the worlds and the reference in their order."""
    made = {
        place: relinked((ROOT / source).read_text(encoding="utf-8"), Path(source).parent, place)
        for source, place in MOVED.items()
        if source.endswith(".md") and "/" not in source
    }
    made["tutorial.md"] = relinked(notebook(DOCS / "tutorial.ipynb"), Path("docs"), "tutorial.md")
    return made | worlds() | reference() | {"reference/commands.md": commands()}


def slug(title: str) -> str:
    """The anchor that a heading has, here and on the code's hosts."""
    return re.sub(r"[^a-z0-9_ -]", "", title.lower().strip()).replace(" ", "-")


def relinked(text: str, folder: Path, place: str) -> str:
    """A text of ``folder`` with links that hold at ``place`` of the site; to what has no page, the name is left."""

    def one(match: re.Match[str]) -> str:
        label, target, anchor = match[1], match[2], match[3] or ""
        label = LINK.sub(one, label[1:-1]).join("[]")  # a picture that is a link
        source = os.path.normpath(folder / target)
        if source == "docs/environments.md" and anchor[1:] in _world_places():
            found, anchor = _world_places()[anchor[1:]], ""
        elif source in MOVED:
            found = MOVED[source]
        elif source.startswith("docs/") and (ROOT / source).is_file() and not source.endswith(".py"):
            found = source.removeprefix("docs/")
        else:
            inner = label[1:-1]
            return inner if "`" in inner else f"{inner} (`{source}`)"
        return f"{label}({os.path.relpath(found, Path(place).parent)}{anchor})"

    parts = FENCE.split(text)  # code stays as it is
    return "".join(part if part.startswith("```") else LINK.sub(one, part) for part in parts)


def notebook(path: Path) -> str:
    """A notebook as Markdown, with what its cells printed and drew when it was last run."""
    parts = []
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        parts.append(f"```python\n{source}\n```" if cell["cell_type"] == "code" else source)
        parts += filter(None, map(_output, cell.get("outputs", [])))
    return "\n\n".join(parts) + "\n"


def _output(output: dict[str, Any]) -> str:
    data = output.get("data", {})
    if "image/png" in data:
        return f'<img alt="what the cell draws" src="data:image/png;base64,{"".join(data["image/png"]).strip()}">'
    text = "".join(data.get("text/plain", output.get("text", ""))).rstrip()
    return f"```text\n{text}\n```" if text else ""


@cache
def _cards() -> tuple[str, dict[str, str]]:
    """The head of the page of environments, and {title: section} of each world and game."""
    text = (DOCS / "environments.md").read_text(encoding="utf-8")
    parts: list[list[str]] = [[]]
    in_code = False
    for line in text.splitlines(keepends=True):
        in_code ^= line.startswith("```")
        if line.startswith(("## ", "### powerenvs.multi.")) and not in_code:  # levels have such lines too
            parts.append([])
        parts[-1].append(line)
    head, *sections = map("".join, parts)
    return head, {section.split("\n", 1)[0].lstrip("# "): section for section in sections}


@cache
def _world_places() -> dict[str, str]:
    """{anchor on the page of environments: page of its own}."""
    return {slug(title): f"worlds/{re.split(r'[/.]', title)[-1].replace(' ', '_')}.md" for title in _cards()[1]}


def worlds() -> dict[str, str]:
    """A page for each world and each game, and one that lists them."""
    head, cards = _cards()
    made = {"worlds/index.md": relinked(_own_anchors(head), Path("docs"), "worlds/index.md")}
    for title, section in cards.items():
        place = _world_places()[slug(title)]
        body = _pictures_first(_raised(_own_anchors(section)))
        made[place] = relinked(body, Path("docs"), place)
    return made


def _raised(card: str) -> str:
    """A section as a page: its headings are raised until the first is the page's. Levels have lines like headings."""
    deeper = len(card) - len(card.lstrip("#")) - 1
    heading = re.compile(rf"^#{{{deeper}}}(#+ )", flags=re.MULTILINE)
    return "".join(part if part.startswith("```") else heading.sub(r"\1", part) for part in FENCE.split(card))


def _pictures_first(card: str) -> str:
    """A card with its map and its films below its first paragraph, where one looks first."""
    pictures = [part for part in card.split("\n\n") if part.startswith("![")]
    rest = [part for part in card.split("\n\n") if part not in pictures]
    return "\n\n".join([*rest[:2], *pictures, *rest[2:]])


def _own_anchors(text: str) -> str:
    """Links within the page of environments, as links to that page, whose parts are pages now."""
    return re.sub(r"\]\(#", "](environments.md#", text)


MODULES: dict[ModuleType, list[str]] = {
    powerenvs: powerenvs.__all__,
    multi: multi.__all__,
    rollout: ["Rollout", "next_states", "rollout"],
    sources: ["load", "register_format", "register_source", "save"],
    testing: ["check_env_against_tables", "check_tabular"],
    first_person: first_person.__all__,
    pm: pm.__all__,
    plots: plots.__all__,
}
MODULES |= {
    space: space.__all__
    for space in (getattr(pm, name) for name in pm.__all__)
    if inspect.ismodule(space) and hasattr(space, "__all__")
}
"""What the reference shows of each module; the names of `power_metrics` go by the package that they live in."""


def public_names() -> Iterator[tuple[str, str]]:
    """(page, full name) of every public function and class."""
    for module, names in MODULES.items():
        for name in names:
            thing = getattr(module, name)
            if inspect.isfunction(thing) or inspect.isclass(thing):
                package = thing.__module__.split(".")[1] if module is pm else module.__name__
                yield package.removeprefix("power_metrics."), f"{thing.__module__}.{thing.__qualname__}"


def reference() -> dict[str, str]:
    """A page of names for each package, made from their docstrings, and one that lists all names."""
    by_package: dict[str, list[str]] = {}
    for package, name in public_names():
        by_package.setdefault(package, []).append(name)
    made = {}
    rows = ["# Reference", "", "Every public name, by the package it lives in, and all [commands](commands.md).", ""]
    namespaces = {module.__name__.removeprefix("power_metrics.") for module in MODULES}
    for package, names in sorted(by_package.items()):
        title = (
            package
            if package.startswith("powerenvs")
            else f"pm.{package}"
            if package in namespaces
            else f"pm: {package.replace('_', ' ')}"
        )
        made[f"reference/{package}.md"] = f"# {title}\n\n" + "\n\n".join(f"::: {name}" for name in names) + "\n"
        links = ", ".join(f"[`{name.rpartition('.')[2]}`]({package}.md#{name})" for name in names)
        rows += [f"## [{title}]({package}.md)", "", links, ""]
    return {"reference/index.md": "\n".join(rows)} | made


def commands() -> str:
    """The help of every command, from its parser."""
    parser = build_parser()
    [subparsers] = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    parts = ["# Commands", "What `powerenvs COMMAND --help` prints.", f"```text\n{parser.format_help().rstrip()}\n```"]
    for name, command in subparsers.choices.items():
        parts += [f"## {name}", f"```text\n{command.format_help().rstrip()}\n```"]
    return "\n\n".join(parts) + "\n"
