"""Writes docs/measures.md from the measures' signatures and docstrings.

python docs/make_measures.py           write the page
python docs/make_measures.py --check   exit 1 if the page is not what would be written
python docs/make_measures.py --print   print it, with the measures of all packages that are installed
"""

from __future__ import annotations

import argparse
import inspect
import re
import sys
from pathlib import Path

from power_metrics.measures.registry import Measure, measures

PAGE = Path(__file__).with_name("measures.md")
HEAD = """# Measures

A measure is a function from an environment (or its tables) and settings to a result: `pm.NAME(env, ...)` in Python,
`powerenvs measure NAME ID ...` in the shell, `measure: NAME` in a [sweep](sweeps.md). All results have `to_frame()`,
`to_json()`, `save()`, `load()` and `plot()`. Yours are added by a decorator: [add a measure in five
minutes](architecture.md#add-a-measure-in-five-minutes). This page is written by `python docs/make_measures.py`.

| measure | of | what it is |
|---|---|---|
"""


def page(shown: list[Measure]) -> str:
    """The whole page."""
    rows = [f"| [{one.name}](#{one.name}) | {_of(one)} | {one.summary} |" for one in shown]
    return HEAD + "\n".join(rows) + "\n\n" + "\n".join(map(card, shown))


def card(measure: Measure) -> str:
    """The section of one measure."""
    rows = ["| setting | default | meaning |", "|---|---|---|"]
    for one in measure.parameters.values():
        default = "" if one.default in (None, one.empty) else f"`{one.default!r}`"
        rows.append(f"| `{one.name}` | {default} | {_cell(one.meaning)} |")
    body = "\n".join(re.sub(r"``", "`", line) for line in measure.description.split("\n"))
    returned = inspect.signature(measure.call).return_annotation
    option = next(iter(measure.parameters.values())).option
    about = f"Of {_of(measure)}; gives `{returned}`. In the shell: `powerenvs measure {measure.name} ID {option} ...`."
    return "\n\n".join([f"## {measure.name}", body, about, "\n".join(rows)]) + "\n"


def _of(measure: Measure) -> str:
    return "games of several agents" if measure.game else "models of one agent"


def _cell(text: str) -> str:
    return text.replace("``", "`").replace("|", "\\|")


def main() -> None:
    """Writes, checks or prints the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--check", action="store_true", help="exit 1 if the page is not what would be written")
    parser.add_argument("--print", action="store_true", help="print the page, with the measures of all packages")
    args = parser.parse_args()
    found = list(measures().values())
    if args.print:
        print(page(found))
        return
    text = page([one for one in found if one.call.__module__.startswith("power_metrics.")])
    if not args.check:
        PAGE.write_text(text, encoding="utf-8")
    elif PAGE.read_text(encoding="utf-8") != text:
        sys.exit("docs/measures.md is not what would be written; run: python docs/make_measures.py")


if __name__ == "__main__":
    main()
