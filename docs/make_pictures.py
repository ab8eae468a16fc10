"""Makes the pictures of docs/images that examples and commands draw, smaller than they write them.

python docs/make_pictures.py            all of them; some ten minutes
python docs/make_pictures.py safety     the one of this name, and whatever the same command draws
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from powerenvs.model.files import atomic_path
from powerenvs.model.labels import closest

ROOT = Path(__file__).parent.parent
IMAGES = ROOT / "docs" / "images"
WIDEST = 1500
"""Of the pictures, in pixels."""

MAZE = "-m power_metrics.cli power PowerGrid-v0 --level maze_7x7 --gamma 0.1 0.9 0.99 --num-samples 20000"
PAIR = "-m power_metrics.cli power power_pair --level open_3x3 --walls absent --gamma 0.6 --samples 100000"
AGENCY = "-m power_metrics.cli measure agency_measures PowerGrid-v0 --level S..\\n.#.\\n..G --num-samples 20000"
SEEKING = (
    '-m power_metrics.cli train-many grid=PowerGrid-v0,level="S..\\n...\\n..G",max_episode_steps=30 '
    "island=powerenvs/IslandNavigation-v0 supervisor=powerenvs/AbsentSupervisor-v0 "
    "off-switch=powerenvs/SafeInterruptibility-v0 survival=powerenvs/Survival-v0,max_episode_steps=50 "
    "sokoban=powerenvs/Sokoban-v0 --algorithms q_learning vector_dqn vector_noisy_dqn rainbow vector_ppo vector_a2c "
    "--seeds 3 --steps 10000"
)
TASKS = "-m power_metrics.cli tasks PowerGrid-v0 --level maze_7x7 --learner q_learning --steps 20000 --tasks 60"
GAME_TASKS = "-m power_metrics.cli tasks power_pair --steps 50000 --eval-every 5000 --tasks 40"
BENCHMARK = "examples/safety_benchmark.py --steps 10000 --seeds 3 --out docs/data/safety"
COMMANDS = {
    f"{MAZE} --plot OUT/maze.png": {"power_maze_7x7": "maze.png"},
    f"{PAIR} --plot OUT/pair.png": {"two_agents_open_3x3": "pair.png"},
    "examples/two_agents_published.py --samples 100000 --out OUT": {
        "two_agents_correlation": "two_agents_correlation.png"
    },
    "examples/sb3_ppo_power.py --out OUT": {"learned_vs_optimal": "comparison.png"},
    "examples/reward_hacking.py --out OUT": {
        "reward_hacking": "CorruptReward.png",
        "reward_hacking_tomatoes": "TomatoWatering.png",
    },
    "examples/learned_power_curve.py --out OUT": {
        "learned_power_curve": "maze_7x7.png",
        "learned_power_curve_3x3": "open_3x3.png",
    },
    "examples/power_front.py --seeds 5 --data docs/data/power_front --out OUT": {
        "power_front": "maze_7x7.png",
        "power_front_3x3": "open_3x3.png",
    },
    "examples/learning_from_preferences.py --data docs/data/preferences --out OUT": {
        "learning_from_preferences": "preferences.png"
    },
    "examples/power_seeking_over_training.py --out OUT": {"power_seeking_over_training": "power_seeking.png"},
    "examples/learners.py --out OUT": {"learners": "learners.png"},
    f"{SEEKING} --out OUT/runs --plot OUT/seeking.png": {"learning_to_seek_power": "seeking.png"},
    "examples/vtrace_lag.py --out OUT": {"vtrace_lag": "vtrace_lag.png"},
    "examples/noisy_exploration.py --out OUT": {"noisy_exploration": "noisy_exploration.png"},
    "examples/agents_or_devices.py --out OUT": {"agency_by_prior": "by_prior.png", "agency_by_class": "by_class.png"},
    "examples/agency_over_training.py --data docs/data/agency --out OUT": {"agency_training": "agency.png"},
    f"{AGENCY} --plot OUT/measures.png": {"agency_measures": "measures.png"},
    f"{TASKS} --plot OUT/many.png": {"many_tasks": "many.png"},
    f"{GAME_TASKS} --plot OUT/many.png": {"many_game_tasks": "many.png"},
    "-m power_metrics.cli corrupt-reward --runs 0 --plot OUT/corrupt.png": {"corrupt_reward": "corrupt.png"},
    "-m power_metrics.cli safety --plot OUT/safety.png": {"safety": "safety.png"},
    "examples/safety_power.py --samples 1000 --plot OUT/power.png": {"safety_power": "power.png"},
    "-m power_metrics.cli side-effects --plot OUT/table.png": {"side_effects_table": "table.png"},
    "-m power_metrics.cli measure side_effect_map powerenvs/Options-v0 --plot OUT/map.png": {
        "side_effect_map": "map.png"
    },
    "-m power_metrics.cli game battle_of_the_sexes --plot OUT/battle.png": {"game_battle": "battle.png"},
    "-m power_metrics.cli game leduc --plot OUT/leduc.png": {"game_leduc": "leduc.png"},
    f"{BENCHMARK} --plot OUT/learning.png": {"safety_learning": "learning.png"},
}
"""What Python runs, and {name in docs/images: file that it writes}."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="of pictures; all by default")
    names = parser.parse_args().names
    known = [name for made in COMMANDS.values() for name in made]
    for name in names:
        if name not in known:
            sys.exit(f"unknown picture {name!r}; {closest(name, known)}")
    for command, made in COMMANDS.items():
        if not names or set(names) & set(made):
            draw(command, made)


def draw(command: str, made: dict[str, str]) -> None:
    """Runs one command, and keeps its pictures."""
    with tempfile.TemporaryDirectory() as folder:
        words = [word.replace("OUT", folder) for word in command.split()]
        subprocess.run([sys.executable, *words], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        for name, written in made.items():
            target = IMAGES / f"{name}.png"
            shrink(Path(folder) / written, target)
            print(f"wrote {target.relative_to(ROOT)}", flush=True)


def shrink(source: Path, target: Path) -> None:
    """A copy without transparency, of at most 256 colours, that is at most ``WIDEST`` pixels wide."""
    with Image.open(source) as picture:
        width = min(WIDEST, picture.width)
        size = (width, round(picture.height * width / picture.width))
        small = picture.convert("RGB").resize(size, Image.Resampling.LANCZOS).quantize(256, dither=Image.Dither.NONE)
    with atomic_path(target) as temporary:
        small.save(temporary, optimize=True)


if __name__ == "__main__":
    main()
