"""Families of worlds: what one declaration gives, from inside and from a package outside; what is refused."""

from __future__ import annotations

import inspect
import json
import os
import pickle
import pkgutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

import powerenvs
from powerenvs import Family, GameEntry, GridWorld, WorldEntry, multi, registry, worlds
from powerenvs.authoring.family import load
from powerenvs.authoring.styles import SHARED, badge, ground
from powerenvs.render.tiles import glyph_style
from powerenvs.worlds.power import FAMILY as POWER
from powerenvs.worlds.safety import FAMILY as SAFETY

ROOT = Path(__file__).parents[2]
CARDS = str(ROOT / "docs" / "make_cards.py")

DECLARATION = """
from powerenvs import Family, GameEntry, WorldEntry, register_family
from powerenvs.authoring.styles import ground

FAMILY = register_family(
    Family(
        "acme",
        "Worlds of Acme",
        package=__name__,
        worlds=[WorldEntry(".swamp:Swamp", "a swamp to cross", variants=[{}, {"wide": True}], max_episode_steps=20)],
        games=[GameEntry("race_v0", ".race:Race", "two agents run")],
        graphs={"acme_coin": ".swamp:coin"},
        tiles={"swamp": ground(1, 2, 3)},
        citation="A. Author, 2026",
    )
)
"""
WORLD = '''
from typing import NamedTuple

import powerenvs


class Place(NamedTuple):
    agent: tuple[int, int]


class Swamp(powerenvs.GridWorld[Place]):
    """Through a swamp to a goal.

    Arguments:
        wide: whether the swamp is wide.
    """

    legend = {" ": "floor", "A": "agent", "w": "swamp", "G": "goal"}

    def __init__(self, wide=False):
        super().__init__("A ww G" if wide else "A w G", movable="A")

    def initial(self):
        return [(1.0, Place(self.start))]

    def step(self, state, action):
        after = Place(self.walk(state.agent, action))
        sunk = self.level[after.agent] == "w"
        return [powerenvs.Outcome(1.0, after, float(self.terminal(after)), -float(sunk))]

    def terminal(self, state):
        return self.level[state.agent] == "G"

    def board(self, state):
        return self.level.draw(("A", [state.agent]))


def coin():
    return powerenvs.TabularMDP.from_transitions([("heads", "turn", "tails", 1.0), ("tails", "turn", "heads", 1.0)])
'''
GAME = '''
from typing import NamedTuple

import powerenvs


class Steps(NamedTuple):
    human: int
    ai: int


class Race(powerenvs.GameWorld[Steps]):
    """Two agents run to the end of a track."""

    actions = {"human": ("wait", "run"), "ai": ("wait", "run")}

    def __init__(self, length=3):
        self.length = length

    def initial(self):
        return [(1.0, Steps(0, 0))]

    def step(self, state, actions):
        after = Steps(*(min(at + (taken == "run"), self.length) for at, taken in zip(state, actions)))
        return [powerenvs.JointOutcome(1.0, after, tuple(float(at == self.length) for at in after))]
'''
FACTS = """
import contextlib, io, json, inspect
import gymnasium as gym, pettingzoo
import power_metrics as pm, powerenvs
from power_metrics.cli.main import main
from powerenvs.multi import race_v0
from powerenvs.render.tiles import glyph_style
from powerenvs.sources import by_name


def shell(*words):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert main(list(words)) == 0
    return out.getvalue()


def points_of(name, environment):
    config = {"name": name, "environment": environment, "gamma": [0.5, 0.9], "num_samples": 5}
    return len(pm.sweep(config, progress=False, figures=False).points)


env = gym.make("acme/Swamp-v0", wide=True)
race = race_v0.parallel_env(length=2, max_cycles=5)
print(json.dumps({
    "states": env.unwrapped.mdp.num_states,
    "limit": env.spec.max_episode_steps,
    "list": shell("list"),
    "show": shell("show", "acme/Swamp-v0"),
    "show game": shell("show", "race"),
    "power": shell("power", "race", "--samples", "10", "--gamma", "0.5"),
    "safety": shell("safety", "--family", "acme"),
    "arguments": {name: by_name.argument_names(name) for name in ("acme/Swamp-v0", "race_v0")},
    "game names": [by_name.game_name(name) for name in ("race", "race_v0", "acme/race_v0", "powerenvs/race_v0")],
    "game": [str(race), race.game.num_states, race.max_cycles],
    "signature": list(inspect.signature(race_v0.env).parameters),
    "pettingzoo": str(pettingzoo.make("aec", "acme/race_v0")) if hasattr(pettingzoo, "make") else "race_v0",
    "graph": by_name.load_model("acme_coin", {}).mdp.num_states,
    "sweeps": [points_of(name, environment) for name, environment in (("one", "acme/Swamp-v0"), ("two", "race"))],
    "table": [[scores.name, scores.steps, scores.mdp.num_states] for scores in pm.safety_table(family="acme")],
    "colour": glyph_style("w", env.unwrapped.world.legend).colour,
    "modules": [name for name in powerenvs.multi.GAMES],
}))
"""


@pytest.fixture(scope="module")
def outside(tmp_path_factory):
    """Runs Python where a package with a family is installed, and returns what it prints."""
    folder = tmp_path_factory.mktemp("installed")
    package, installed = folder / "acme", folder / "acme-1.0.dist-info"
    package.mkdir()
    for name, text in (("__init__", DECLARATION), ("swamp", WORLD), ("race", GAME)):
        (package / f"{name}.py").write_text(text, encoding="utf-8")
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n", encoding="utf-8")
    (installed / "entry_points.txt").write_text("[powerenvs.families]\nacme = acme:FAMILY\n", encoding="utf-8")

    def run(*words: str) -> str:
        path = os.pathsep.join([str(folder), str(ROOT)])
        done = subprocess.run(
            [sys.executable, "-W", "error", *words],
            capture_output=True,
            text=True,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": path},
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="module")
def facts(outside):
    return json.loads(outside("-c", FACTS))


# a family of another package


def test_its_ids_are_made(facts):
    assert (facts["states"], facts["limit"]) == (6, 20)
    assert facts["arguments"]["acme/Swamp-v0"][0] == "wide"


def test_list_and_show_have_it(facts):
    lines = [" ".join(line.split()) for line in facts["list"].split("\n")]
    assert "acme/Swamp-v0 5 4 deterministic a swamp to cross" in lines
    assert "race 16 2×2 deterministic two agents run" in lines
    assert "Family: Worlds of Acme; A. Author, 2026" in facts["show"].split("\n")
    assert "whether the swamp is wide." in facts["show"]
    assert "w swamp" in facts["show"]
    assert "Two agents run to the end of a track." in facts["show game"]


def test_its_games_are_modules_and_pettingzoo_has_them(facts):
    assert facts["modules"] == [*multi.GAMES, "race_v0"]
    assert facts["game"] == ["race_v0", 9, 5]
    assert facts["signature"] == ["length", "observation", "masked", "render_mode", "max_cycles"]
    assert facts["pettingzoo"] == "race_v0"


def test_names_mean_its_games_and_graphs(facts):
    assert facts["game names"] == ["race_v0", "race_v0", "race_v0", None]
    assert facts["arguments"]["race_v0"] == ["length"]
    assert facts["power"].startswith("race_v0")
    assert facts["sweeps"] == [2, 2]
    assert facts["graph"] == 2


def test_its_variants_are_a_table_of_scores(facts):
    assert facts["table"] == [["Swamp", 20, 5], ["Swamp (wide=True)", 20, 6]]
    assert "Swamp (wide=True)" in facts["safety"]


def test_its_tiles_are_drawn(facts):
    assert facts["colour"] == [1, 2, 3]


@pytest.mark.slow
def test_cards_are_written_for_it(outside, tmp_path):
    page = tmp_path / "cards.md"
    outside(CARDS, "--family", "acme", "--page", str(page))
    text = page.read_text(encoding="utf-8")
    assert "| [acme/Swamp-v0](#acmeswamp-v0) | a swamp to cross |" in text
    assert "## acme/Swamp-v0\n\nThrough a swamp to a goal.\n" in text
    assert "### powerenvs.multi.race_v0" in text
    assert "PowerGrid" not in text


@pytest.mark.slow
def test_our_own_page_does_not_depend_on_what_is_installed(outside):
    outside(CARDS, "--check")


@pytest.mark.parametrize("order", ["acme, powerenvs", "powerenvs, acme", "powerenvs"])
def test_the_order_of_imports_does_not_matter(outside, order):
    code = f"import {order}, gymnasium; print(gymnasium.make('acme/Swamp-v0').unwrapped.mdp.num_states)"
    assert outside("-c", code).strip() == "5"


def test_a_family_that_cannot_be_loaded_is_named_and_breaks_nothing(monkeypatch):
    point = registry.EntryPoint("broken", "no_such_module:FAMILY", registry.GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda group: [point])
    with pytest.warns(UserWarning, match=r"cannot load no_such_module:FAMILY \(ModuleNotFoundError"):
        registry.register_families()


# the families inside


def test_every_package_of_worlds_declares_a_family():
    found = [module.name for module in pkgutil.iter_modules(worlds.__path__)]
    assert [family.name for family in registry.families()][: len(found)] == found


@pytest.mark.parametrize("family", [POWER, SAFETY], ids=lambda family: family.name)
def test_all_that_is_declared_is_there_and_exported(family):
    package = sys.modules[family.package]
    for name, target in family.exports.items():
        assert getattr(package, name) is load(target)
        assert name in dir(package)
    with pytest.raises(ImportError, match="cannot import name 'Bot'"):
        exec(f"from {family.package} import Bot")


def test_no_world_is_imported_before_it_is_used():
    targets = [target for family in registry.families() for target in family.exports.values()]
    modules = {target.partition(":")[0] for target in targets if isinstance(target, str)}
    code = f"import sys, powerenvs, power_metrics; print(sorted({modules} & set(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert (len(modules) > 10, shown.strip()) == (True, "[]")


@pytest.mark.parametrize("entry", registry.games().values(), ids=lambda entry: entry.name)
def test_functions_of_a_game_have_the_arguments_of_its_world(entry):
    module = getattr(multi, entry.name)
    assert sys.modules[f"powerenvs.multi.{entry.name}"] is module
    options = dict.fromkeys(module.__all__, ("observation", "masked", "render_mode", "max_cycles"))
    options["vector_env"] = ("num_envs", "observation", "max_cycles")
    for name in module.__all__:
        creator = getattr(module, name)
        expected = [*inspect.signature(load(entry.world)).parameters, *options[name]]
        assert list(inspect.signature(creator).parameters) == expected
        assert pickle.loads(pickle.dumps(creator)) is creator
    assert {"env", "parallel_env", "raw_env"} <= set(dir(module))


def test_wrong_arguments_of_a_game_are_named():
    with pytest.raises(TypeError, match="one_key_v0: got an unexpected keyword argument 'levle'"):
        multi.one_key_v0.parallel_env(levle="S")
    with pytest.raises(AttributeError, match=r"'powerenvs\.multi\.one_key_v0' has no attribute 'evn'"):
        _ = multi.one_key_v0.evn
    with pytest.raises(AttributeError, match=r"'powerenvs\.multi' has no attribute 'two_keys_v0'"):
        _ = multi.two_keys_v0


def test_the_family_of_an_id_or_a_game():
    assert registry.family_of("powerenvs/BoatRace-v0") is SAFETY
    assert registry.family_of("power_pair_v0") is POWER
    assert registry.family_of("FrozenLake-v1") is None
    with pytest.raises(
        ValueError, match=r"family: expected one of .*power, psychology, resources, safety.*, found 'sefety'"
    ):
        registry.family_named("sefety")


def test_a_letter_shows_its_glyph_in_the_colour_of_the_family():
    style = glyph_style("X", {"X": "box"})
    assert (style.shape, style.colour, style.text) == ("letter", SAFETY.tiles["box"].colour, "X")


# register_family


class Meadow(GridWorld):
    """A meadow."""


@pytest.fixture
def forget(monkeypatch):
    """What a test registers is forgotten after it."""
    monkeypatch.setattr(registry, "_families", dict(registry._families))
    known = set(gym.registry)
    yield
    for id in set(gym.registry) - known:
        del gym.registry[id]


def meadows(**changes):
    return Family(**{"name": "meadows", "title": "Meadows", "worlds": [WorldEntry(Meadow, "a meadow")], **changes})


def test_a_class_of_a_notebook_is_enough(forget):
    family = powerenvs.register_family(meadows())
    assert registry.families()[-1] is family
    assert gym.spec("meadows/Meadow-v0").kwargs == {"world": Meadow}
    assert powerenvs.register_family(meadows()) == family  # again: no error
    assert len([entry for entry in registry.environments() if entry.world is Meadow]) == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "safety"}, "name: expected one that no family has yet, found 'safety'"),
        ({"worlds": [WorldEntry(Meadow, "", id="PowerGrid-v0")]}, "worlds: expected ids .* found 'PowerGrid-v0'"),
        ({"games": [GameEntry("one_key_v0", Meadow, "")]}, "games: expected names .* found 'one_key_v0'"),
        ({"graphs": {"turner_figure_1": Meadow}}, "graphs: expected names .* found 'turner_figure_1'"),
        ({"tiles": {"water": badge(0, 0, 0)}}, "tiles: expected 'water' to look as in safety"),
    ],
)
def test_what_another_family_has_is_refused_and_nothing_registered(forget, changes, message):
    before = registry.families(), set(gym.registry)
    with pytest.raises(ValueError, match=message):
        powerenvs.register_family(meadows(**changes))
    assert (registry.families(), set(gym.registry)) == before


def test_the_same_tile_in_two_families_is_no_clash(forget):
    powerenvs.register_family(meadows(tiles={"water": SAFETY.tiles["water"]}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "two words"}, "name: expected one word, found 'two words'"),
        ({"tiles": {"wall": ground(0, 0, 0)}}, "tiles: expected meanings that not all families share, found 'wall'"),
        ({"games": [GameEntry("gate", Meadow, "")]}, "games: expected a name with a version.* found 'gate'"),
        ({"worlds": [WorldEntry("meadow", "")]}, "meadows: expected \"module:name\".* found 'meadow'"),
        ({"worlds": [WorldEntry(".meadow:Meadow", "")]}, "with the argument package=__name__, found '.meadow:Meadow'"),
        ({"worlds": [WorldEntry(Meadow, "")] * 2}, "worlds: expected different names, found 'meadows/Meadow-v0' twice"),
    ],
)
def test_bad_declarations(changes, message):
    with pytest.raises(ValueError, match=message):
        meadows(**changes)


def test_only_families_are_registered():
    with pytest.raises(ValueError, match=r"family: expected a powerenvs\.Family, found 3"):
        powerenvs.register_family(3)


def test_a_completed_declaration_can_be_changed():
    """`dataclasses.replace` keeps ids, paths and variants as they are."""
    assert replace(SAFETY, title="new").worlds == SAFETY.worlds
    assert SAFETY.worlds[1].world == "powerenvs.worlds.safety.boat_race:BoatRace"
    assert SAFETY.worlds[1].variants == ({},)


def test_shared_meanings_look_the_same_everywhere():
    for meaning, style in SHARED.items():
        assert glyph_style("x", {"x": meaning}) == style
    assert len({tuple(np.array(style.colour)) for style in SHARED.values()}) == len(SHARED)
