"""Writes docs/environments.md from the declarations of the families and the worlds' docstrings.

python docs/make_cards.py                                  write the page
python docs/make_cards.py --check                          exit 1 if the page is not what would be written
python docs/make_cards.py --family acme --page worlds.md   a page of the families that are named, from any package
"""

from __future__ import annotations

import argparse
import inspect
import re
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import gymnasium as gym

from power_metrics import safety_scores
from power_metrics.cli.safety import range_text, score_text
from powerenvs import tabular_model
from powerenvs.authoring.family import Family, GameEntry, Target, WorldEntry, load
from powerenvs.registry import families, family_named
from powerenvs.sources.by_name import load_game

PAGE = Path(__file__).with_name("environments.md")
HEAD = """# Environments

Every environment is made by `gymnasium.make(id, ...)` or `gymnasium.make_vec(id, num_envs=..., ...)` after
`import powerenvs`, and carries its exact tables: `powerenvs.tabular_model(env)`. Arguments that all of them take:

- `observation`: `"state"` (the state's number), `"onehot"`, `"board"` (one plane of 0 and 1 for each glyph, channels
  first) or `"rgb"` (a picture). In [labs](labs.md) also `"first_person"` and others.
- `render_mode`: `None`, `"ansi"`, `"rgb_array"` or `"human"`.

`info` has `state`, `action_mask` and `performance` (the hidden performance of the step) after every reset and step.
This page is written by `python docs/make_cards.py`; `powerenvs show ID` prints much of it, with the tables' sizes.

| id | what it is |
|---|---|
"""
GAMES_HEAD = """## Two agents

These are [PettingZoo](https://pettingzoo.farama.org) environments: `parallel_env(...)` for both agents at once,
`env(...)` for one after the other. `powerenvs.tabular_model(env)` is a `TabularGame`, which `pm.multiagent_power` takes
([two agents](two_agents.md)); for a game of your own see [your own worlds](your_own.md#a-world-of-two-agents).

```python
import power_metrics as pm
import powerenvs
from powerenvs.multi import power_pair_v0

env = power_pair_v0.parallel_env(level="open_3x3", walls="absent")
observations, infos = env.reset(seed=0)
observations, rewards, terminations, truncations, infos = env.step({"human": 1, "ai": 0})
print(pm.multiagent_power(powerenvs.tabular_model(env), gamma=0.6, num_samples=500))
```

`power_pair_v0.vector_env(num_envs=1024, ...)` steps many copies at once, everything by agent and as arrays, 28 to 76
times as fast (`python tests/benchmarks/bench_games.py steps`).

Besides their own arguments they take `observation` and `render_mode`, as above, and `max_cycles`, the limit of steps
(default 100). In the shell they are {names}, for `powerenvs power`, `rollout`, `show` and `sweep`.

"""


def card(family: Family, entry: WorldEntry) -> str:
    """The section of one environment."""
    text = description(entry.world)
    env = gym.make(entry.id, **entry.exact)
    model = tabular_model(env)
    kind = "deterministic" if model.deterministic else "stochastic"
    given = ", ".join(f"`{name}={value!r}`" for name, value in entry.exact.items())
    made = f"With {given}" if given else "By default"
    size = f"{made} {model.num_states} states, {model.num_actions} actions, {kind}"
    size += f"; time limit {entry.max_episode_steps}."
    parts = [
        f"## {entry.id}",
        text,
        *levels(family),
        size,
        *scores(env),
        *map_of_power(entry),
        *episodes(entry.short),
        *film(entry),
    ]
    return "\n\n".join(parts) + "\n"


def game_card(entry: GameEntry) -> str:
    """The section of one game."""
    text = description(entry.world, level=4)
    game = load_game(entry.name, {}).game
    kind = "deterministic" if game.deterministic else "stochastic"
    actions = " × ".join(map(str, game.num_actions))
    size = f"By default {game.num_states} states, {actions} actions, {kind}, on this level:"
    level = "\n".join(["```", *(game.board or ()), "```"])
    drawn = gallery_picture([entry.short], "POWER of the first agent, for places of the second")
    return "\n\n".join([f"### powerenvs.multi.{entry.name}", text, size, level, *drawn]) + "\n"


def contents(worlds: Sequence[WorldEntry], games: Sequence[GameEntry]) -> str:
    """The rows of the table at the top."""
    rows = [(entry.id, entry.summary) for entry in worlds]
    rows += [(f"powerenvs.multi.{entry.name}", f"two agents: {entry.summary}") for entry in games]
    return "".join(f"| [{id}](#{re.sub(r'[^a-z0-9_-]', '', id.lower())}) | {summary} |\n" for id, summary in rows)


def description(world: Target, level: int = 3) -> str:
    """The docstring of a world as a section, with headings of this level."""
    text = inspect.cleandoc(load(world).__doc__ or "")
    text = re.sub(r"\n\n(Raises):\n.*", "", text, flags=re.DOTALL)
    text = re.sub(r"^([A-Z][A-Za-z ]+):\n", lambda m: f"{'#' * level} {m[1]}\n\n", text, flags=re.MULTILINE)
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
    return "\n".join(lines).strip()


def levels(family: Family) -> list[str]:
    """The names of the levels that all worlds of a family take, if its package has some."""
    named = vars(import_module(family.package)).get("LEVELS") if family.package else None
    if not isinstance(named, dict) or not all(isinstance(name, str) for name in named):
        return []
    return [f"Shipped levels: {', '.join(f'`{name}`' for name in named)}."]


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


def map_of_power(entry: WorldEntry) -> list[str]:
    """The level and its POWER, of the first variant that the gallery shows."""
    names = [gallery_name(entry, kwargs) for kwargs in (*entry.variants, {"level": "maze_7x7"})]
    return gallery_picture(names, "the level, and POWER of its cells")


def gallery_name(entry: WorldEntry, kwargs: Mapping[str, Any]) -> str:
    """What the gallery calls the picture of a variant."""
    return "_".join([entry.short, *(re.sub(r"\W", "", str(value)) for value in kwargs.values())])


def gallery_picture(names: Sequence[str], what: str) -> list[str]:
    """The first of these pictures that there is, and where more are; nothing if there is none."""
    for name in names:
        if (PAGE.parent / f"images/gallery/{name}.png").exists():
            return [f"![{what}](images/gallery/{name}.png)", "More of them are in the [gallery](gallery.md)."]
    return []


def episodes(name: str) -> list[str]:
    """Pictures of a safe and an unsafe episode, where there are some."""
    kinds = ("safe", "unsafe")
    for folder in ("safety", "side_effects"):
        if (PAGE.parent / f"images/{folder}/{name}_safe.gif").exists():
            pictures = " ".join(f"![{kind} episode](images/{folder}/{name}_{kind}.gif)" for kind in kinds)
            return [f"{' and '.join(kinds).capitalize()} episode:", pictures]
    return []


def film(entry: WorldEntry) -> list[str]:
    """A film of an optimal episode with what the agent sees, where there is one."""
    name = f"images/labs/{entry.id.rpartition('/')[2].rpartition('-')[0]}.gif"
    return [f"An optimal episode:\n\n![what the agent sees, and the level from above]({name})"] * (
        PAGE.parent / name
    ).exists()


def page_of(chosen: Sequence[Family]) -> str:
    """The page with the cards of these families: all worlds, then all games."""
    worlds = [entry for family in chosen for entry in family.worlds]
    games = [entry for family in chosen for entry in family.games]
    page = HEAD + contents(worlds, games) + "\n"
    page += "\n".join(card(family, entry) for family in chosen for entry in family.worlds)
    if not games:
        return page
    *others, last = (f"`{entry.short}`" for entry in games)
    names = f"{', '.join(others)} and {last}" if others else last
    return page + "\n" + GAMES_HEAD.replace("{names}", names) + "\n".join(map(game_card, games))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only compare with the page that is there")
    parser.add_argument("--family", action="append", help="the families; those of powerenvs by default")
    parser.add_argument("--page", type=Path, default=PAGE, help=f"the file; default {PAGE.name}")
    args = parser.parse_args()
    own = [family for family in families() if family.package.startswith("powerenvs.")]
    page = page_of([family_named(name) for name in args.family] if args.family else own)
    if not args.check:
        args.page.write_text(page, encoding="utf-8")
    elif args.page.read_text(encoding="utf-8") != page:
        sys.exit(f"{args.page.name} is out of date; run: python docs/make_cards.py")


if __name__ == "__main__":
    main()
