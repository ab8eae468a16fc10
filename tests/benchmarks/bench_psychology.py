"""Psychology: steps a second of each task's screen at 84x84, on one core, without and with the fovea.

Run with ``python tests/benchmarks/bench_psychology.py``. The subject looks at the cross for two steps and at the screen
for eight, moves its gaze there and back, and then presses a button, so that every trial is staged, drawn and answered;
a step of the drawing is counted as well as one that shows the same picture again. The least CPU time of several rounds
counts; the issue asks for 5,000.
"""

from __future__ import annotations

from common import best_time, on_one_thread

from powerenvs.authoring.family import load
from powerenvs.registry import family_named
from powerenvs.worlds.psychology.screen import ScreenEnv

STEPS = 2_000
LOOKS = (0, 0, 1, 2, 3, 4, 0, 0, 0, 0)
"""What is done over and over in a trial: stay, up, down, left, right."""


def steps(env: ScreenEnv) -> None:
    """Steps of trials, one after the other."""
    env.reset(seed=0)
    done = 0
    for _ in range(STEPS):
        waits = env._info()["phase"] != env.scene.parts[-1].name  # until answers count
        done = 0 if waits else done + 1
        _, _, over, _, _ = env.step(LOOKS[done] if done < len(LOOKS) else 5)
        if over:
            env.reset()


def show(name: str, settings: dict[str, object]) -> None:
    """A row of the table."""
    task = load(next(one.world for one in family_named("psychology").worlds if one.name == name))(**settings)
    found = []
    for foveal in (None, "grid", "log-polar"):
        env = ScreenEnv(task, response="button", foveal=foveal)
        steps(env)  # fills caches
        found.append(STEPS / best_time(lambda env=env: steps(env), 3))  # type: ignore[misc]
    words = ", ".join(f"{name}={value}" for name, value in settings.items())
    print(f"{name + (f' ({words})' if words else ''):42}" + "".join(f"{rate:>12,.0f}" for rate in found), flush=True)


if __name__ == "__main__":
    on_one_thread()
    print(f"{'steps a second':42}" + "".join(f"{name:>12}" for name in ("84x84", "foveal grid", "log-polar")))
    for entry in family_named("psychology").worlds:
        show(entry.name, {})
    show("VisualSearch", {"set_size": 64})
    show("OddOneOut", {"set_size": 15, "kind": "motion"})
    show("MultipleObjectTracking", {"track": 8})
    show("MotionDiscrimination", {"dots": 350})
