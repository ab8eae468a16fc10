"""First-person pictures per CPU second on one core, of a lab with 1,040 places and 27 things in it.

Run with ``python tests/benchmarks/bench_views.py``. Rounds of everything alternate, and the median round counts; the
last column is against the first line.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
from common import on_one_thread

import powerenvs  # noqa: F401  # registers ours
import powerenvs.envs.views as views
from power_metrics.results.machine import machine
from powerenvs.render.first_person import Renderer, Scene, TopDown, Viewpoints
from powerenvs.worlds.labs import Lab

ROUNDS = 7
COPIES = 256


def scene_of(level: str) -> tuple[Scene, Viewpoints]:
    """The scene of a level, and a viewpoint in every cell and heading with everything there."""
    scene = Lab(level).scene()
    rows, columns = np.argwhere(~scene.solid).repeat(4, axis=0).T
    return scene, Viewpoints(rows, columns, np.arange(len(rows)) % 4)


def drawn(scene: Scene, places: Viewpoints, height: int, width: int, kind: str = "rgb") -> Callable[[], float]:
    """A function that draws all views into one array, again and again, and returns pictures per CPU second."""
    renderer = Renderer(scene, height, width)
    prepared, eight = renderer.prepare(places)
    out = renderer.draw_prepared(prepared, eight, kind)
    return partial(rate, lambda: renderer.draw_prepared(prepared, eight, kind, out), len(places))


def looked_up(scene: Scene, places: Viewpoints, together: int) -> Callable[[], float]:
    """The same from a table of all views: so many random ones at once, copied into one array."""
    table = Renderer(scene).draw(places)
    batches = iter(np.random.default_rng(0).integers(len(table), size=(10**5, together)))
    out = np.empty((together, *table.shape[1:]), table.dtype)
    return partial(rate, lambda: np.take(table, next(batches), axis=0, out=out, mode="clip"), together)


def stepped(live: bool, **kwargs: Any) -> Callable[[], float]:
    """Steps of single copies per CPU second in a vector environment that shows every copy its view."""
    kept, views.MAX_KEPT = views.MAX_KEPT, 0 if live else views.MAX_KEPT
    envs = gym.make_vec(
        "powerenvs/Lab-v0", num_envs=COPIES, vectorization_mode="vector_entry_point", max_episode_steps=100, **kwargs
    )
    views.MAX_KEPT = kept
    envs.reset(seed=0)
    count = int(envs.single_action_space.n)  # type: ignore[attr-defined]
    actions = np.random.default_rng(0).integers(count, size=COPIES)
    return partial(rate, lambda: envs.step(actions), COPIES)


def rate(call: Callable[[], Any], count: int, seconds: float = 0.3) -> float:
    """How many of what a call makes ``count`` of are made in a CPU second."""
    made, start = 0, time.process_time()
    while time.process_time() - start < seconds:
        call()
        made += count
    return made / (time.process_time() - start)


def main() -> None:
    """Prints the table."""
    large, small = scene_of("nav_maze_static_03"), scene_of("nav_maze_static_01")
    above, places = TopDown(large[0]), large[1].part(slice(0, 64))
    maze = {"level": "nav_maze_static_01"}
    lines = {
        "84x84 RGB, drawn": drawn(*large, 84, 84),
        "84x84 RGB, drawn, small maze": drawn(*small, 84, 84),
        "64x64 RGB, drawn": drawn(*large, 64, 64),
        "72x96 RGB, drawn": drawn(*large, 72, 96),
        "240x320 RGB, drawn": drawn(*large, 240, 320),
        "84x84 depth, drawn": drawn(*large, 84, 84, "depth"),
        "84x84 RGB-D, drawn": drawn(*large, 84, 84, "rgbd"),
        "the level from above, drawn": partial(rate, partial(above.draw, places), len(places)),
        "84x84 RGB from the table, 64 at once": looked_up(*large, 64),
        f"84x84 RGB from the table, {COPIES} at once": looked_up(*large, COPIES),
        f"{COPIES} copies stepped, views drawn": stepped(True, observation="first_person", **maze),
        f"{COPIES} copies stepped, views from the table": stepped(False, observation="first_person", **maze),
        f"{COPIES} copies stepped, numbers of states": stepped(False, **maze),
    }
    found: dict[str, list[float]] = {name: [] for name in lines}
    for _ in range(ROUNDS):
        for name, measure in lines.items():
            found[name].append(measure())
    print(machine())
    first = statistics.median(found["84x84 RGB, drawn"])
    for name, rates in found.items():
        median = statistics.median(rates)
        print(f"{name:<45} {median:>12,.0f} /s {median / first:8.2f}")


if __name__ == "__main__":
    on_one_thread()
    main()
