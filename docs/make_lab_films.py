"""Writes a film of an optimal episode in each lab, for its card, and what agents see as a picture for the page on labs.

python docs/make_lab_films.py     writes docs/images/labs/, and prints what each episode earns

What the agent sees stands beside the level from above. Optimal is what a policy does that sees the state.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from PIL import Image

import power_metrics as pm
from powerenvs import tabular_model
from powerenvs.model.files import atomic_path
from powerenvs.registry import family_named
from powerenvs.render import SideBySide
from powerenvs.render.animation import write_animation
from powerenvs.render.first_person import KINDS, Renderer, Scene, Viewpoints
from powerenvs.rollout import rollout

FOLDER = Path(__file__).with_name("images") / "labs"
VIEW, GAMMA, STEPS = 144, 0.98, 30
LOOKS = 6, 160
"""Pictures in a row of the page's picture, and pixels of each."""


def film(id: str, kwargs: dict[str, Any]) -> None:
    """An optimal episode from the first start state in which there is most to do."""
    env = gym.make(id, **kwargs).unwrapped
    mdp = tabular_model(env)
    best = pm.solve_task(mdp, GAMMA)
    values = np.where(mdp.initial > 0, np.asarray(best.values[0]), np.inf)
    start = int(values.argmin())
    policy = np.eye(mdp.num_actions)[best.policy[0]]
    walk = rollout(mdp, policy, start=mdp.state_labels[start], num_steps=STEPS)
    states = [mdp.state_labels[s] for s in walk.states]
    name = id.rpartition("/")[2].rpartition("-")[0]
    frames = SideBySide(env.world, view=VIEW).frames(states)
    write_animation(frames, FOLDER / f"{name}.gif", frame_seconds=0.35, last_seconds=1.5)
    size = (FOLDER / f"{name}.gif").stat().st_size / 1024
    print(f"{name:<20} {len(states) - 1:>3} steps, from {mdp.describe(start)}: {values[start]:.2f}; {size:.0f} KiB")


def looks() -> None:
    """What there is to see: walls by variation, things, doors, and pictures of distances."""
    solid = np.zeros((9, 9), dtype=bool)
    solid[[0, -1]] = solid[:, [0, -1]] = True
    solid[4, [2, 3, 5, 6]] = solid[[2, 3, 5, 6], 4] = True
    pictures = []
    for number in range(LOOKS[0] - 1):
        random = np.random.default_rng(number)
        places = [(1, 3), (2, 2), (3, 3), (5, 3), (6, 2), (7, 3), (5, 6), (2, 6)]
        sprites = [(*place, str(kind)) for place, kind in zip(places, random.permutation(KINDS)[:8], strict=True)]
        variations = np.zeros(solid.shape, dtype=int)
        for rows, columns in ((slice(0, 5), slice(0, 5)), (slice(0, 5), slice(5, 9)), (slice(5, 9), slice(0, 9))):
            variations[rows, columns] = random.integers(0, 27)
        scene = Scene.from_solid(
            solid,
            variations=variations,
            ceiling=variations + 1 if number % 2 else None,
            sprites=sprites,
            doors=[(4, 4, "H", "red"), (4, 1, "H", "green"), (1, 4, "I", "blue"), (4, 7, "H", "yellow")],
        )
        here = Viewpoints([(2, 6, 3, 1, 7)[number]], [1], [(1, 1, 1, 1, 0)[number]])
        pictures.append(Renderer(scene, LOOKS[1], LOOKS[1]).draw(here)[0])
    depth = Renderer(scene, LOOKS[1], LOOKS[1]).draw(here, "depth")[0]
    pictures.append(np.repeat((255 / (1 + 0.5 * depth))[:, :, None], 3, axis=2).astype(np.uint8))
    row = np.concatenate(
        [np.pad(picture, ((0, 0), (0, 4), (0, 0)), constant_values=255) for picture in pictures], axis=1
    )
    with atomic_path(FOLDER / "views.png") as temporary:
        Image.fromarray(row[:, :-4]).quantize(256, dither=Image.Dither.NONE).save(temporary, optimize=True)


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    looks()
    for entry in family_named("labs").worlds:
        film(entry.id, dict(entry.exact))


if __name__ == "__main__":
    main()
