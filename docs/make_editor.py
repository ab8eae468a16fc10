"""Draws the picture of the editor for docs/editor.md, by pressing its keys.

python docs/make_editor.py [FILE]     writes docs/images/editor.svg, or FILE
"""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

from power_metrics.editor.app import WorldEditor
from power_metrics.editor.live import LivePower
from powerenvs.model.files import atomic_path
from powerenvs.worlds.power.editing import EditedWorld

PICTURE = Path(__file__).with_name("images") / "editor.svg"
KEYS = (*["down"] * 2, "x", "right", *["down"] * 3, *["right"] * 3, "space", *["up"] * 3, "x", "up")


async def picture() -> str:
    """The maze with a wall and two removed transitions, in a window of 80 by 24 characters, as SVG."""
    app = WorldEditor(EditedWorld("maze_7x7"), "maze_7x7", None, 0.9, LivePower(2000))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press(*KEYS)
        while not app.editor.up_to_date:
            await pilot.pause(0.05)
        await pilot.pause(0.1)
        svg = app.export_screenshot()
    return re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)  # fonts from the web; any monospace will do


def main() -> None:
    """Writes the picture."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURE
    svg = asyncio.run(picture())
    with atomic_path(path) as temporary:
        temporary.write_text(svg, encoding="utf-8")
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
