"""Tasks: what their states know is what Bayes' rule says, and one seed makes one trial, on screens too."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env

from powerenvs import tabular_model
from powerenvs.authoring.family import load
from powerenvs.envs import FovealObservation
from powerenvs.envs.foveal import FovealMap
from powerenvs.registry import environments, family_named
from powerenvs.testing import check_tabular
from powerenvs.worlds.psychology.screen import ScreenEnv

WORLDS = {entry.name: load(entry.world) for entry in family_named("psychology").worlds}
CASES = [(name, {}) for name in WORLDS] + [
    ("VisualSearch", {"hit": 0.7, "passes": 2, "set_size": 3, "present": 0.3}),
    ("VisualSearch", {"kind": "colour", "hit": 0.8, "passes": 3}),
    ("VisualSearch", {"kind": "interleaved", "set_size": 3, "hit": 0.8, "passes": 2}),
    ("OddOneOut", {"set_size": 5, "kind": "motion"}),
    ("MotionDiscrimination", {"directions": 8, "bound": None, "deadline": 3, "coherence": 0.4}),
    ("MotionDiscrimination", {"directions": 4, "bound": 2, "deadline": 4}),
    ("MotionDiscrimination", {"deadline": 5, "coherence": 1.0}),
    ("ChangeDetection", {"set_size": 6, "capacity": 3, "delay": 0}),
    ("MultipleObjectTracking", {"track": 5, "retention": 0.7}),
    ("ContinuousRecognition", {"trials": 4, "new": 0.3, "retention": 0.6}),
    ("VisuomotorMapping", {"images": 2, "trials": 4, "new": 0.8, "retention": 0.5}),
    ("LandoltC", {"directions": 2, "contrast": 0.5, "eccentricity": 4.0}),
    ("GlassPatterns", {"ask": "there", "coherence": 0.7}),
    ("OddOneOut", {"set_size": 3}),
    ("OddOneOut", {"set_size": 7, "known": True, "kind": "orientation"}),
    ("ReadySetGo", {"intervals": (6, 8, 10), "tolerance": 0}),
    ("ReadySetGo", {"weber": 0.0}),
]
every_case = pytest.mark.parametrize(("name", "settings"), CASES, ids=lambda value: str(value))


@every_case
def test_knowledge_is_what_bayes_rule_says(name, settings):
    """How often each state is reached together with each truth, counted forward, gives the posterior of the state."""
    task = WORLDS[name](**settings)
    assert sum(task.truths().values()) == pytest.approx(1, abs=1e-12)
    together: dict = {}
    now = {(state, truth): p * share for p, state in task.start() for truth, share in task.posterior(state).items()}
    for _ in range(200):
        after: dict = {}
        for (state, truth), p in now.items():
            together[state, truth] = together.get((state, truth), 0.0) + p
            if task.terminal(state):
                continue
            actions = [a for a in task.useful(state) if a not in task.answers] or list(task.useful(state))
            for action in actions:
                changes = list(task.happens(state, action, truth))
                assert sum(change.probability for change in changes) == pytest.approx(1, abs=1e-12)
                for change in changes:
                    reached = change.state, truth if change.truth is None else change.truth
                    after[reached] = after.get(reached, 0.0) + p * change.probability / len(actions)
        now = {reached: p for reached, p in after.items() if p > 1e-14}
        if not now:
            break
    totals: dict = {}
    for (state, _), p in together.items():
        totals[state] = totals.get(state, 0.0) + p
    for state, total in totals.items():
        if total > 1e-9 and not task.terminal(state):
            known = task.posterior(state)
            assert sum(known.values()) == pytest.approx(1, abs=1e-12)
            for truth in task.truths():
                share = together.get((state, truth), 0.0) / total
                assert known.get(truth, 0.0) == pytest.approx(share, abs=1e-9), (state, truth)


@every_case
def test_tables(name, settings):
    check_tabular(tabular_model(WORLDS[name](**settings)))


@every_case
def test_one_seed_makes_one_block(name, settings):
    task = WORLDS[name](**settings)
    for trial in range(3):
        first, again = task.block(5, trial), task.block(5, trial)
        assert (first.truth, first.noise) == (again.truth, again.noise)
        for one, other in zip(first.scenes, again.scenes, strict=True):
            assert (one.answer, one.variables) == (other.answer, other.variables)
            for part, same in zip(one.parts, other.parts, strict=True):
                assert np.array_equal(part.draw(48, 3), same.draw(48, 3))
    first = [task.block(5, trial).scenes[0] for trial in range(12)]
    assert len({scene.parts[0].draw(48, 0).tobytes() + repr(scene.variables).encode() for scene in first}) > 1


@every_case
def test_truths_are_as_frequent_as_they_should_be(name, settings):
    task = WORLDS[name](**settings)
    blocks = [task.block(0, trial) for trial in range(200)]
    found = [task.truth_at(block, next(iter(task.start()))[1]) for block in blocks]
    for truth, p in task.posterior(next(iter(task.start()))[1]).items() if not task.fresh else ():
        assert abs(found.count(truth) / 200 - p) < 4.5 * np.sqrt(p * (1 - p) / 200) + 1e-12


@pytest.mark.parametrize("name", WORLDS)
def test_every_level_is_easier_than_the_next_and_has_screens(name):
    task = WORLDS[name]()
    for level in range(1, len(task.values) + 1):
        block = task.at(level).block(0)
        assert block.scenes[0].parts[-1].open
        assert getattr(block.task, task.variable) == task.values[level - 1]
    for bad in (0, len(task.values) + 1, "x"):
        with pytest.raises(ValueError, match="level: expected 1 to"):
            task.at(bad)


@pytest.mark.parametrize("name", WORLDS)
@pytest.mark.parametrize("settings", [{}, {"foveal": "grid", "response": "button"}, {"gaze": "pixels", "size": 40}])
def test_screens_are_gymnasium_environments(name, settings):
    env = gym.make(f"powerenvs/{name}-v0", observation="screen", **settings)
    check_env(env.unwrapped, skip_render_check=True)
    twin = pickle.loads(pickle.dumps(env))
    other = copy.deepcopy(env)
    env.action_space.seed(0)
    for one in (env, twin, other):
        one.reset(seed=4)
    for _ in range(40):
        action = env.action_space.sample()
        steps = [one.step(action) for one in (env, twin, other)]
        assert all(np.array_equal(steps[0][0], step[0]) and step[1:4] == steps[0][1:4] for step in steps)
        if steps[0][2] or steps[0][3]:
            break


@pytest.mark.parametrize("name", WORLDS)
def test_a_person_who_knows_the_answer_is_right_on_the_screen(name):
    """Looking at the place of the right answer is what the trial asks for."""
    env = ScreenEnv(WORLDS[name](**({"tolerance": 3} if name == "ReadySetGo" else {})), blocks=2)
    env.reset(seed=1)
    records, over = [], False
    while not over:
        scene = env.scene
        open_ = env._info()["phase"] == scene.parts[-1].name
        early = scene.window is not None and env._waited < scene.window[0]
        place = scene.places[scene.answer] if open_ and not early else (0.5, 0.5)
        away = np.array(place[:2]) - env._gaze
        axis = int(abs(away[1]) > abs(away[0]))
        sign = 0 if abs(away[axis]) <= 0.5 / env.grid else np.sign(away[axis])
        action = 0 if sign == 0 else {(0, 1): 4, (0, -1): 3, (1, 1): 2, (1, -1): 1}[axis, int(sign)]
        _, reward, over, truncated, info = env.step(action)
        assert not truncated
        if "trial" in info:
            assert reward == 1
            records.append(info["trial"])
    assert all(record["correct"] for record in records)
    assert len({record["block"] for record in records}) == 2
    assert all(0 < record["reaction_time"] < 10 for record in records)


def test_the_screen_is_shifted_so_that_the_gaze_is_in_the_middle():
    env = ScreenEnv(WORLDS["VisualSearch"](set_size=8), size=90)
    env.reset(seed=0)
    for _ in range(2):
        before, *_ = env.step(0)
    whole = env.block.scenes[0].parts[0].draw(90, 0)
    assert np.array_equal(before, whole)
    right, *_ = env.step(4)
    assert np.array_equal(right[:, :80], whole[:, 10:])
    assert (right[:, 80:] == 128).all()


def test_timeouts_count_as_wrong():
    env = ScreenEnv(WORLDS["VisualSearch"](), timeout=40)
    env.reset(seed=0)
    for _ in range(13):
        _, reward, over, _, info = env.step(0)
        if over:
            break
    assert (reward, info["trial"]["response"], info["trial"]["correct"]) == (0, "", False)
    assert info["trial"]["reaction_time"] == pytest.approx(40 / 60)
    with pytest.raises(ResetNeeded):
        env.step(0)
    env.reset(seed=0)
    for _ in range(10):  # away from the cross
        _, reward, over, _, info = env.step(1)
    assert (over, reward, info["trial"]["response"], info["trial"]["reaction_time"]) == (True, 0, "", 0)


@pytest.mark.parametrize("name", WORLDS)
def test_trials_on_screens_end_before_the_time_limit(name):
    """Of a subject that looks at the cross and does nothing more; and the terminal shows where it looks."""
    env = gym.make(f"powerenvs/{name}-v0", observation="screen", size=16, render_mode="ansi")
    env.reset(seed=0)
    over = truncated = False
    while not over and not truncated:
        _, _, over, truncated, info = env.step(0)
    assert over
    assert info["trial"]["response"] == ""
    env.reset(seed=1)
    rows = env.render().split("\n")
    assert rows[15][15] == "@"
    assert "#" in "".join(rows[14:17])
    assert rows[30] == "fixation, gaze at 0.50, 0.50"


def test_screens_have_no_tables_and_say_where_they_are():
    env = gym.make("powerenvs/Harlow-v0", observation="screen")
    with pytest.raises(ValueError, match=r"no tables; its task has some: tabular_model\(env.unwrapped.world\)"):
        tabular_model(env)
    assert tabular_model(env.unwrapped.world).num_states == 24


def test_screens_side_by_side():
    envs = gym.make_vec("powerenvs/VisualSearch-v0", num_envs=2, vectorization_mode="vector_entry_point",
                        observation="screen", size=40)  # fmt: skip
    observations, _ = envs.reset(seed=3)
    assert observations.shape == (2, 40, 40, 3)
    assert envs.step(np.array([0, 1]))[0].shape == (2, 40, 40, 3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sizee": 3}, "sizee: VisualSearch has no such argument; did you mean 'size'"),
        ({"size": 3}, "size: expected a whole number of at least 16"),
        ({"gaze": "eyes"}, "gaze: unknown kind"),
        ({"grid": 8}, "grid: expected an odd number"),
        ({"foveal": "mosaik"}, "did you mean 'mosaic'"),
        ({"response": "button", "gaze": "pixels"}, "response: expected 'gaze'"),
        ({"set_size": 65}, "set_size: expected at most 64"),
        ({"level": 99}, "level: expected 1 to 11"),
        ({"hit": 1.5}, "hit: expected a number from 0 to 1"),
        ({"cost": -1}, "cost: expected a number of at least 0"),
        ({"kind": "color"}, "did you mean 'colour'"),
    ],
)
def test_screens_refuse_what_does_not_fit(settings, message):
    with pytest.raises(ValueError, match=message):
        gym.make("powerenvs/VisualSearch-v0", observation="screen", **settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"directions": 3}, "directions: expected 2, 4 or 8"),
        ({"directions": 8}, "deadline: expected a deadline"),
        ({"bound": None}, "deadline: expected a bound or a deadline"),
        ({"bound": 0}, "bound: expected a whole number of at least 1"),
        ({"coherence": -0.1}, "coherence: expected a number from 0 to 1"),
    ],
)
def test_motion_refuses_what_does_not_fit(settings, message):
    with pytest.raises(ValueError, match=message):
        WORLDS["MotionDiscrimination"](**settings)


@pytest.mark.parametrize("action", [7, -1, None, "up", 1.5])
def test_refused_actions_change_nothing(action):
    env = ScreenEnv(WORLDS["Harlow"]())
    first, _ = env.reset(seed=0)
    with pytest.raises(ValueError, match="action: expected"):
        env.step(action)
    assert np.array_equal(first, env._observe())


def test_dots_move_as_the_model_has_it():
    """At full coherence all dots take the way of the truth, by the speed of the task in every frame."""
    task = WORLDS["MotionDiscrimination"](coherence=1.0, dots=1)
    block = task.block(0)
    draw = block.scenes[0].parts[0].draw
    assert (block.fixed == block.scenes[0].answer).all()
    half = replace(task, coherence=0.0, directions=4, deadline=9).block(0).fixed
    assert set(np.unique(half)) == {0, 1, 2, 3}
    middles = []
    for frame in range(0, 12):
        light = draw(200, frame)[..., 0].astype(float)
        rows, columns = np.nonzero((light > 200) & (np.hypot(*(np.indices(light.shape) - 99.5)) < 70))
        middles.append((rows.mean() if len(rows) else np.nan, columns.mean() if len(rows) else np.nan))
    steps = np.diff(np.array(middles), axis=0)
    seen = steps[np.isfinite(steps).all(axis=1) & (np.abs(steps) < 10).all(axis=1)]
    assert len(seen) >= 4
    sign = 1 if block.truth == "right" else -1
    assert seen[:, 1].mean() == pytest.approx(sign * 0.012 * 200, abs=0.4)


@pytest.mark.parametrize("size", [40, 84])
def test_all_pictures_of_a_ring(size):
    """Those of blocks are among them, as often as they say."""
    task = WORLDS["LandoltC"](scale=0.5, directions=2)
    pictures = task.pictures(size)
    assert sum(p for p, _, _ in pictures) == pytest.approx(1, abs=1e-12)
    known = {picture.tobytes(): (p, answer) for p, answer, picture in pictures}
    assert len(known) == len(pictures)
    counts: dict = {}
    for trial in range(600):
        scene = task.block(0, trial).scenes[0]
        shown = scene.parts[0].draw(size, 0).tobytes()
        assert known[shown][1] == scene.answer
        counts[shown] = counts.get(shown, 0) + 1
    for shown, (p, _) in known.items():
        assert abs(counts.get(shown, 0) / 600 - p) < 4.5 * np.sqrt(p * (1 - p) / 600)
    with pytest.raises(ValueError, match="eccentricity: expected 0"):
        replace(task, eccentricity=1.0).pictures(size)


def test_the_screen_as_it_is_seen_from_anywhere():
    """`seen` shows what a step would, and changes nothing."""
    env = ScreenEnv(WORLDS["VisualSearch"](), size=40, foveal="grid", dwell=1)
    env.reset(seed=0)
    first, *_ = env.step(0)
    elsewhere = env.seen(env.block.scenes[0].parts[0].draw(40, 0), 0.5 + 1 / 9, 0.5)
    assert np.array_equal(env._observe(), first)
    assert np.array_equal(env.step(4)[0], elsewhere)
    with pytest.raises(ValueError, match=r"picture: expected shape \(40, 40, 3\)"):
        env.seen(np.zeros((84, 84, 3), np.uint8), 0.5, 0.5)


@pytest.mark.parametrize("kind", ["mosaic", "grid", "log-polar"])
def test_foveal_maps(kind):
    fovea = FovealMap((84, 84), kind)
    rows, columns = np.indices((84, 84))
    seen = fovea(np.stack([rows, columns], axis=-1))
    assert seen.shape == (*fovea.shape, 2)
    assert fovea.kept == len(np.unique(seen[..., 0] * 84 + seen[..., 1]))
    if kind == "log-polar":
        radius = np.hypot(seen[..., 0] - 41.5, seen[..., 1] - 41.5).mean(axis=1)
        assert (np.diff(radius) > -0.3).all()
        assert radius[-1] > 40
    else:
        middle = fovea.shape[0] // 2
        assert np.array_equal(np.diff(seen[middle - 6 : middle + 6, 0, 0]), np.ones(11))  # sharp in the middle
        assert len(np.unique(seen[..., 0])) == 40
        assert (np.diff(seen[:, 0, 0]) >= 0).all()


def test_any_images_can_be_foveal():
    env = FovealObservation(gym.make("PowerGrid-v0", level="open_3x3", observation="rgb"), "grid")
    assert env.observation_space.contains(env.reset(seed=0)[0])
    assert env.observation_space.contains(env.step(0)[0])
    assert tabular_model(env).num_states == 9
    with pytest.raises(ValueError, match="env: expected one whose observations are images"):
        FovealObservation(gym.make("PowerGrid-v0"))
    with pytest.raises(ValueError, match="shape: expected images of at least 16 by 16"):
        FovealMap((8, 8))


def test_every_task_is_registered():
    ids = {entry.id for entry in environments()}
    assert {f"powerenvs/{name}-v0" for name in WORLDS} <= ids


def test_answers_out_of_time_are_wrong():
    env = ScreenEnv(WORLDS["ReadySetGo"](), response="button")
    env.reset(seed=0)
    phase, record = "", None
    while record is None:
        _, reward, _, _, info = env.step(5 if phase == "go" else 0)
        phase, record = info["phase"], info.get("trial")
    assert (record["response"], record["correct"], reward) == ("go", False, 0)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("ChangeDetection", {"set_size": 17}, "set_size: expected at most 16"),
        ("ChangeDetection", {"retention": 2}, "retention: expected a number from 0 to 1"),
        ("MultipleObjectTracking", {"track": 9}, "track: expected at most 8"),
        ("MultipleObjectTracking", {"speed": -1}, "speed: expected a number of at least 0"),
        ("ContinuousRecognition", {"trials": 0}, "trials: expected a whole number of at least 1"),
        ("VisuomotorMapping", {"images": 0}, "images: expected a whole number"),
        ("LandoltC", {"scale": 2}, "scale: expected a number from 0 to 1"),
        ("LandoltC", {"directions": 5}, "directions: expected 2, 4 or 8"),
        ("LandoltC", {"eccentricity": 90}, "eccentricity: expected a number of at least 0 and at most 12"),
        ("GlassPatterns", {"ask": "where"}, "ask: unknown kind 'where'"),
        ("GlassPatterns", {"sensitivity": float("inf")}, "sensitivity: expected a number"),
        ("OddOneOut", {"set_size": 2}, "set_size: expected a whole number of at least 3"),
        ("OddOneOut", {"kind": "size"}, "kind: unknown kind"),
        ("ReadySetGo", {"intervals": ()}, "intervals: expected different numbers"),
        ("ReadySetGo", {"intervals": (3, 3)}, "intervals: expected different numbers"),
        ("ReadySetGo", {"intervals": (3, 0)}, "intervals: expected a whole number"),
        ("ReadySetGo", {"weber": -0.1}, "weber: expected a number"),
        ("Harlow", {"right": -1}, "right: expected more than wrong"),
    ],
)
def test_tasks_refuse_what_does_not_fit(name, settings, message):
    with pytest.raises(ValueError, match=message):
        WORLDS[name](**settings)
