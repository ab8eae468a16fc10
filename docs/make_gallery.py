"""Draws every shipped level and world beside its POWER, and writes docs/gallery.md.

python docs/make_gallery.py            the pictures and the page; some minutes
python docs/make_gallery.py --check    exit 1 if the page or a picture is missing or of another list of worlds
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
from make_cards import gallery_name
from PIL import Image

import power_metrics as pm
from power_metrics.plots import plot_joint_power, plot_power
from powerenvs import tabular_model
from powerenvs.model.files import atomic_path
from powerenvs.registry import families
from powerenvs.sources.by_name import load_game
from powerenvs.worlds.power import LEVELS

DOCS = Path(__file__).parent
PAGE, IMAGES = DOCS / "gallery.md", DOCS / "images" / "gallery"
GAMMA, SAMPLES, PAIRS = 0.9, 1_000, 200
HEIGHT, WIDEST = 340, 900
"""The height of a picture and its largest width, in pixels."""
PALETTES, LARGEST = (256, 128, 64, 32), 55_000
"""Colours of a picture: as many of these as keep its file below so many bytes."""
GAP = 16
HEAD = f"""# Gallery

Every level and world that is shipped, beside its POWER: γ = {GAMMA:g}, {SAMPLES:,} reward functions, rewards uniform in
[0, 1]. Where several states share a cell, it shows their mean; `result.plot(by=...)` tells them apart. Black cells have
less POWER than the scale shows, such as ends of episodes. This page and its pictures are made by
`python docs/make_gallery.py`; the line below each picture draws its map. Screens of [psychology](psychology.md) and
views of [labs](labs.md) have pages of their own.
"""


class Shown(NamedTuple):
    """A world of one agent, or a game.

    Attributes:
        name: of the picture.
        title: above it.
        id: for `gymnasium.make`, or the name of a game.
        kwargs: its arguments.
        game: whether it is a game.
    """

    name: str
    title: str
    id: str
    kwargs: dict[str, Any]
    game: bool = False

    @property
    def command(self) -> str:
        """The line that draws the map."""
        words = [f"--kwarg {name}={value}" for name, value in self.kwargs.items() if name != "level"]
        level = [f"--level {self.kwargs['level']}"] if "level" in self.kwargs else []
        how = f"--gamma {GAMMA:g} --num-samples {PAIRS if self.game else SAMPLES} --plot {self.name}.png"
        line = " ".join(["powerenvs power", self.id, *level, *words, how])
        return line.replace("=True", "=true").replace("=False", "=false")


def shown() -> Iterator[Shown]:
    """All levels, worlds with their variants, and games of this package."""
    for family in families():
        if not family.package.startswith("powerenvs."):
            continue
        for entry in family.worlds:
            variants = [{"level": level} for level in LEVELS] if entry.id == "PowerGrid-v0" else entry.variants
            for kwargs in variants:
                given = ", ".join(f"{key}={value}" for key, value in kwargs.items())
                name = gallery_name(entry, kwargs)
                title = f"{entry.id}, {given}" if given else entry.id
                if tabular_model(gym.make(entry.id, **kwargs)).board is not None:
                    yield Shown(name, title, entry.id, dict(kwargs))
        for game in family.games:
            if load_game(game.name, {}).game.board is not None:
                yield Shown(game.short, f"powerenvs.multi.{game.name}", game.short, {}, game=True)


def draw(one: Shown) -> Image.Image:
    """The board beside the map of POWER, or the maps of a game."""
    if one.game:
        game = load_game(f"{one.id}_v0", {}).game
        both = pm.multiagent_power(game, GAMMA, num_samples=PAIRS, progress=False)
        return pixels(plot_joint_power(both[game.agents[0]], title=f"POWER of the {game.agents[0]}"))
    env = gym.make(one.id, render_mode="rgb_array", **one.kwargs)
    env.reset(seed=0)
    board = Image.fromarray(np.asarray(env.render()))
    power = pm.power(env, GAMMA, num_samples=SAMPLES, progress=False)
    heat = pixels(plot_power(power, title="POWER"))
    wide = round(board.width * HEIGHT * 0.8 / board.height)
    board = board.resize((min(wide, 480), round(board.height * min(wide, 480) / board.width)), Image.Resampling.BOX)
    joined = Image.new("RGB", (board.width + GAP + heat.width, max(board.height, heat.height)), "white")
    joined.paste(board, (0, (joined.height - board.height) // 2))
    joined.paste(heat, (board.width + GAP, (joined.height - heat.height) // 2))
    return joined


def pixels(figure: Any) -> Image.Image:
    """A figure, `HEIGHT` pixels high or `WIDEST` wide."""
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=160)
    with Image.open(data) as picture:
        scale = min(HEIGHT * (1.4 if len(figure.axes) > 3 else 1) / picture.height, WIDEST / picture.width)
        size = (round(picture.width * scale), round(picture.height * scale))
        return picture.convert("RGB").resize(size, Image.Resampling.LANCZOS)


def compressed(picture: Image.Image) -> bytes:
    """A file of few bytes."""
    data = b""
    for colours in PALETTES:
        written = io.BytesIO()
        small = picture.quantize(colours, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        small.save(written, format="png", optimize=True)
        data = written.getvalue()
        if len(data) < LARGEST:
            break
    return data


def page(all_shown: list[Shown]) -> str:
    """The page."""
    parts = [HEAD]
    for one in all_shown:
        picture = f"![{one.title}: the level, and POWER](images/gallery/{one.name}.png)"
        parts.append(f"## {one.title}\n\n{picture}\n\n```\n{one.command}\n```\n")
    return "\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only compare with what is there")
    args = parser.parse_args()
    all_shown = list(shown())
    text = page(all_shown)
    if args.check:
        found = {path.stem for path in IMAGES.glob("*.png")}
        if PAGE.read_text(encoding="utf-8") != text or found != {one.name for one in all_shown}:
            sys.exit(f"{PAGE.name} is out of date; run: python docs/make_gallery.py")
        return
    IMAGES.mkdir(parents=True, exist_ok=True)
    for one in all_shown:
        data = compressed(draw(one))
        with atomic_path(IMAGES / f"{one.name}.png") as temporary:
            temporary.write_bytes(data)
        print(f"wrote {one.name}.png, {len(data) / 1000:.0f} kB", flush=True)
    with atomic_path(PAGE) as temporary:
        temporary.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
