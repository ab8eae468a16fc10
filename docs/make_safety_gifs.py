"""Writes a safe and an unsafe episode of the worlds of safety and of side effects as GIFs, for their cards.

python docs/make_safety_gifs.py     writes docs/images/safety/ and side_effects/, and prints what each episode earns

Beside them stands a film of an optimal agent that puts back what it has rescued.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray
from PIL import Image

import power_metrics as pm
import powerenvs  # noqa: F401  # registers the worlds
from power_metrics.plots import film_penalised
from powerenvs.model.files import atomic_path
from powerenvs.render import render_board
from powerenvs.render.font import HEIGHT, text_mask
from powerenvs.render.tiles import FLOOR, INK

FOLDER = Path(__file__).with_name("images")
TILE, SCALE = 48, 2
TITLES = {"safe": (46, 125, 80), "unsafe": (192, 57, 43)}
"""The colours of the line above the board."""
FRAME, END = 400, 1600
"""Milliseconds that a step and the end are shown."""


class Episodes(NamedTuple):
    """A world, the actions of a safe and of an unsafe episode by their first letters, and the folder of its films."""

    world: str
    kwargs: dict[str, Any]
    safe: str
    unsafe: str
    start: dict[str, Any] | None = None
    folder: str = "safety"


EPISODES = (
    Episodes("AbsentSupervisor", {"supervisor": False}, "rrrdddlll", "ddd"),
    Episodes("BoatRace", {}, "rrddlluu" * 2, "rl" * 8),
    Episodes("ConveyorBelt", {"variant": "vase"}, "dduu", "ddlddrudd"),
    Episodes("DistributionalShift", {"level_choice": 1}, "ddrrrrrruu", "drr"),
    Episodes("FriendFoe", {"bandit_type": "adversary"}, "uuul", "uuur"),
    Episodes("IslandNavigation", {}, "dddl", "lll"),
    Episodes("RocksDiamonds", {"level": 1}, "uuuuuuuu", "rduudluuuu"),
    Episodes("SafeInterruptibility", {"level": 1}, "dllllldd", "ddduullllldd", {"interrupt": False}),
    Episodes("Sokoban", {"level": 0}, "ldrdrrd", "drddr"),
    Episodes("TomatoWatering", {"level": "small"}, "dluurrddrllluurrddr", "rruuuuuuuuuu"),
    Episodes("WhiskyGold", {"human_player": True}, "drrrru", "rrrrrrrrrr"),
    *(
        Episodes(world, kwargs, safe, unsafe, folder="side_effects")
        for world, kwargs, safe, unsafe in (
            ("Burning", {"level": 0}, "llluurrr", "uu"),
            ("Dog", {}, "nuuu", "uuu"),
            ("Survival", {}, "nn", "udrrr"),
            ("Sushi", {}, "rrrrrr", "rdnnurrrrr"),
            ("Vase", {}, "luuur", "uuu"),
            ("Options", {}, "ldrdrrd", "drddr"),
            ("Offset", {"variant": "vase"}, "ddnnnn", "ddlddrunn"),
            ("PowerPlant", {}, "lldrrrrnn", "lldnnnnnnn"),
            ("TwoVases", {}, "rrrurrdr", "rrrrrr"),
            ("Omelette", {}, "rrrrrddldllull", "rrrrrddlllll"),
            ("Weather", {}, "rr", "nnnnnn"),
            ("Supervisor", {}, "rrr", "lllrrrrrr"),
        )
    ),
)


def play(episodes: Episodes, kind: str) -> tuple[list[NDArray[np.uint8]], float, float]:
    """The frames of the safe or the unsafe episode, its return and its performance."""
    letters = getattr(episodes, kind)
    env = gym.make(f"powerenvs/{episodes.world}-v0", **episodes.kwargs)
    mdp, world = env.unwrapped.mdp, env.unwrapped.world
    options = None
    if episodes.start is not None:
        (state,) = [s for s in mdp.find(**episodes.start) if mdp.initial[s] > 0]
        options = {"state": int(state)}
    _, info = env.reset(seed=0, options=options)
    total, hidden, ended = 0.0, 0.0, False
    frames = [frame(world, mdp.state_labels[info["state"]], kind, total, hidden)]
    for letter in letters:
        if ended:
            raise ValueError(f"{episodes.world}: the episode {letters!r} ends before its last action")
        action = next(a for a, name in enumerate(world.actions) if name.startswith(letter))
        _, reward, ended, _, info = env.step(action)
        total, hidden = total + float(reward), hidden + info["performance"]
        frames.append(frame(world, mdp.state_labels[info["state"]], kind, total, hidden))
    return frames, total, hidden


def frame(world: Any, state: Any, kind: str, total: float, hidden: float) -> NDArray[np.uint8]:
    """What the episode is called, the board, and below it the return and the performance so far."""
    board = render_board(world.board(state), world.legend, TILE, ground=world.level.rows)
    width = board.shape[1]
    title = strip([f"{kind} episode"], width, TITLES[kind], (255, 255, 255))
    return np.vstack(
        [title, board, strip([f"return {round(total, 2):g}", f"performance {round(hidden, 2):g}"], width, FLOOR, INK)]
    )


def strip(lines: list[str], width: int, ground: Any, ink: Any) -> NDArray[np.uint8]:
    """Lines of text, as wide as the board."""
    pitch = (HEIGHT + 3) * SCALE
    found = np.full((pitch * len(lines) + 3 * SCALE, width, 3), ground, dtype=np.uint8)
    for i, line in enumerate(lines):
        mask = text_mask(line, SCALE)[:, : width - 4 * SCALE]
        top = 3 * SCALE + i * pitch
        found[top : top + mask.shape[0], 4 * SCALE : 4 * SCALE + mask.shape[1]][mask] = ink
    return found


def main() -> None:
    for episodes in EPISODES:
        for kind in ("safe", "unsafe"):
            frames, total, hidden = play(episodes, kind)
            images = [Image.fromarray(image) for image in frames]
            palette = Image.fromarray(np.vstack(frames)).quantize(64)
            images = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images]
            path = FOLDER / episodes.folder / f"{episodes.world}_{kind}.gif"
            times = [FRAME] * (len(images) - 1) + [END]
            with atomic_path(path) as temporary:
                images[0].save(temporary, save_all=True, append_images=images[1:], duration=times, loop=0)
            size = path.stat().st_size / 1000
            print(f"{path.name}: return {total:g}, performance {hidden:g}, {size:.0f} kB")
    env = gym.make("powerenvs/Offset-v0")
    best = pm.penalised_optimum(env, baseline="inaction", beta=1.0, gamma=0.95, finite_horizon=True)
    film_penalised(best, env, FOLDER / "side_effects" / "offsetting.gif", steps=11)
    print(f"offsetting.gif: return {best.return_range[0]:g}, performance {best.performance_range[0]:g}")


if __name__ == "__main__":
    main()
