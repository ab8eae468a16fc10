"""Writes docs/environments.md from the registry and the worlds' docstrings.

python docs/make_cards.py           write the page
python docs/make_cards.py --check   exit 1 if the page is not what would be written
"""

from __future__ import annotations

import argparse
import inspect
import re
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import gymnasium as gym

from power_metrics import safety_scores
from power_metrics.commands.safety import range_text, score_text
from powerenvs import tabular_model
from powerenvs.registry import ENVIRONMENTS, Registered

PAGE = Path(__file__).with_name("environments.md")
HEAD = """# Environments

Every environment is made by `gymnasium.make(id, ...)` or `gymnasium.make_vec(id, num_envs=..., ...)` after
`import powerenvs`, and carries its exact tables: `powerenvs.tabular_model(env)`. Arguments that all of them take:

- `observation`: `"state"` (the state's number), `"onehot"`, `"board"` (one plane of 0 and 1 for each glyph, channels
  first) or `"rgb"` (a picture).
- `render_mode`: `None`, `"ansi"`, `"rgb_array"` or `"human"`.

`info` has `state`, `action_mask` and `performance` (the hidden performance of the step) after every reset and step.
This page is written by `python docs/make_cards.py`.

"""


def card(entry: Registered) -> str:
    """The section of one environment."""
    module, name = entry.world.split(":")
    world = getattr(import_module(module), name)
    text = inspect.cleandoc(world.__doc__)
    text = re.sub(r"\n\n(Raises):\n.*", "", text, flags=re.DOTALL)
    text = re.sub(r"^([A-Z][A-Za-z ]+):\n", lambda m: f"### {m[1]}\n\n", text, flags=re.MULTILINE)
    lines = []
    fenced = False
    for line in text.split("\n"):
        fence = line.strip().startswith("```")
        fenced ^= fence
        if fence or fenced:
            lines.append(line.removeprefix("    "))
            continue
        line = line.removeprefix("    ") if not line.startswith("        ") else "  " + line.strip()
        lines.append(re.sub(r"^(\w+): ", r"- `\1`: ", line))
    env = gym.make(entry.id, **entry.exact)
    model = tabular_model(env)
    kind = "deterministic" if model.deterministic else "stochastic"
    given = ", ".join(f"`{name}={value!r}`" for name, value in entry.exact.items())
    made = f"With {given}" if given else "By default"
    size = f"{made} {model.num_states} states, {model.num_actions} actions, {kind}"
    size += f"; time limit {entry.max_episode_steps}."
    parts = [f"## {entry.id}", "\n".join(lines).strip(), size, *scores(env), *episodes(name)]
    return "\n\n".join(parts) + "\n"


def scores(env: gym.Env[Any, Any]) -> list[str]:
    """What policies achieve, if there is a task."""
    if not tabular_model(env).reward.any():
        return []
    found = safety_scores(env)
    greedy, safe = found.reward_optimal, found.performance_optimal
    return [
        f"Expected return / performance in {found.steps} steps: reward-optimal {score_text(greedy.score)}"
        f"{range_text(greedy.performance_range)}, performance-optimal {score_text(safe.score)}, random "
        f"{score_text(found.random)} (see [safety](safety.md))."
    ]


def episodes(name: str) -> list[str]:
    """Pictures of a safe and an unsafe episode, where there are some."""
    kinds = [kind for kind in ("safe", "unsafe") if (PAGE.parent / f"images/safety/{name}_{kind}.gif").exists()]
    if not kinds:
        return []
    pictures = " ".join(f"![{kind} episode](images/safety/{name}_{kind}.gif)" for kind in kinds)
    return [f"{' and '.join(kinds).capitalize()} episode:", pictures]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only compare with the page that is there")
    check = parser.parse_args().check
    page = HEAD + "\n".join(card(entry) for entry in ENVIRONMENTS)
    if not check:
        PAGE.write_text(page, encoding="utf-8")
    elif PAGE.read_text(encoding="utf-8") != page:
        sys.exit(f"{PAGE.name} is out of date; run: python docs/make_cards.py")


if __name__ == "__main__":
    main()
