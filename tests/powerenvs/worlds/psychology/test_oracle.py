"""The screen as tables: whoever acts in both meets the same; and what the tables say."""

from __future__ import annotations

import numpy as np
import pytest

import power_metrics as pm
from powerenvs import tabular_model
from powerenvs.authoring.family import load
from powerenvs.registry import family_named
from powerenvs.testing import check_tabular
from powerenvs.worlds.psychology.oracle import Oracle
from powerenvs.worlds.psychology.screen import ScreenEnv

WORLDS = {entry.name: load(entry.world) for entry in family_named("psychology").worlds}
COUNTED = {
    "OddOneOut": {"set_size": 24},
    "VisuomotorMapping": {"images": 2, "trials": 3},
    "MotionDiscrimination": {"dots": 2},
}
SIZES = {
    "VisualSearch": 10_596,
    "ChangeDetection": 4_633,
    "MotionDiscrimination": 327,
    "MultipleObjectTracking": 6_901,
    "ContinuousRecognition": 5_054,
    "LandoltC": 1_305,
    "GlassPatterns": 323,
    "OddOneOut": 3_817,
    "Harlow": 3_913,
    "ReadySetGo": 21_639,
}


def alike(scene, other):
    """What answers, timing and what comes next depend on."""
    first, second = (
        (
            one.places[one.answer],
            one.window,
            [(part.name, part.frames, part.open) for part in one.parts],
            one.variables.get("new"),
        )
        for one in (scene, other)
    )
    return first == second


def towards(aim, env):
    """The move that brings the gaze nearer to a place; to stay, where none does."""
    away = np.array(aim) - env._gaze
    axis = int(abs(away[1]) > abs(away[0]))
    if abs(away[axis]) <= 0.5 / env.grid:
        return 0
    return {(0, 1): 4, (0, -1): 3, (1, 1): 2, (1, -1): 1}[axis, int(np.sign(away[axis]))]


@pytest.mark.parametrize("how", [{}, {"dwell": 1, "response": "button", "grid": 5, "frames_per_step": 8}])
@pytest.mark.parametrize("name", WORLDS)
def test_the_screen_and_its_tables_agree(name, how):
    """Phase, gaze, reward and end of walks to an answer by detours, in the environment and in rows."""
    task = WORLDS[name](**COUNTED.get(name, {}))
    oracle = Oracle(task, **how)
    env = ScreenEnv(task, timeout=10**6, **how)
    rng = np.random.default_rng(0)
    ends = 0
    for seed in range(4):
        env.reset(seed=seed)
        choices = [state for _, state in oracle.initial()]
        state = next(one for one in choices if alike(oracle.scene_of(one.hidden), env.scene))
        goal = 0
        for _ in range(600):
            trial = env.scene
            if state.phase == "fixation":
                goal = int(rng.integers(len(trial.places)))
            aim = (0.5, 0.5) if state.phase == "fixation" else trial.places[goal][:2]
            a = towards(aim, env) if rng.random() < 0.8 else int(rng.integers(len(oracle.actions)))
            there = a
            if a >= 5 and name == "OddOneOut":  # its items have another order there
                there = 5 + oracle.scene_of(state.hidden).places.index(trial.places[a - 5])
            outcomes = oracle.step(state, oracle.actions[there])
            _, reward, over, truncated, info = env.step(a)
            assert not truncated
            assert sum(outcome.probability for outcome in outcomes) == pytest.approx(1)
            if len(outcomes) > 1 and not over:
                outcomes = [one for one in outcomes if alike(oracle.scene_of(one.state.hidden), env.scene)]
            state = outcomes[0].state
            assert outcomes[0].reward == pytest.approx(reward)
            assert state.phase == info["phase"]
            if over:
                ends += 1
                break
            assert ((state.x + 0.5) / env.grid, (state.y + 0.5) / env.grid) == pytest.approx(info["gaze"])
    assert ends > 0


@pytest.mark.parametrize("name", SIZES)
def test_sizes(name):
    """As documented; and who knows what is hidden is always right."""
    mdp = tabular_model(Oracle(WORLDS[name](**COUNTED.get(name, {}))))
    assert mdp.num_states == SIZES[name]
    if mdp.num_states < 2_000:
        check_tabular(mdp)
        trials = len(pm.psych.ideal(name).accuracy_in_block)
        assert float(pm.solve_task(mdp, 1.0).values[0] @ mdp.initial) == pytest.approx(trials)


def test_an_oracle_of_search_is_as_fast_as_a_gaze():
    """Two steps on the cross, as many as there are cells to the button, less one that is spent there, and the dwell."""
    mdp = tabular_model(Oracle(WORLDS["VisualSearch"](), cost=0.01))
    steps = 2 + (3 + 4) + 1  # three cells to the side and four down; the last of these steps is the first of the dwell
    assert 1 - 100 * (1 - 0.01 * steps) / 100 == pytest.approx(0.01 * steps)
    assert float(pm.solve_task(mdp, 1.0).values[0] @ mdp.initial) == pytest.approx(1 - 0.01 * steps, abs=1e-9)


def test_power_means_something_in_a_world_of_gazes():
    """Where the gaze is in the middle there is most to choose from; screens, which have no tables, are refused."""
    import gymnasium as gym

    oracle = Oracle(WORLDS["GlassPatterns"](), dwell=1)
    mdp = tabular_model(oracle)
    found = pm.power(mdp, gamma=0.9, num_samples=200, seed=0)
    at = {label: i for i, label in enumerate(mdp.state_labels)}
    begin, over = (at[next(s for s in at if s.phase == phase)] for phase in ("fixation", "over"))
    assert found.mean[begin] > found.mean[over] + 0.2
    assert found.mean[over] == pytest.approx(0.5, abs=4 * found.standard_error[over] + 1e-9)
    with pytest.raises(ValueError, match=r"no tables; its task has some"):
        pm.power(gym.make("powerenvs/GlassPatterns-v0", observation="screen"), gamma=0.9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Oracle("VisualSearch"), "task: expected a Task"),
        (lambda: Oracle(WORLDS["Harlow"](), grid=4), "grid: expected an odd number"),
        (lambda: Oracle(WORLDS["Harlow"](), dwell=0), "dwell: expected a whole number of at least 1"),
        (lambda: Oracle(WORLDS["Harlow"](), response="voice"), "response: unknown kind 'voice'"),
        (lambda: Oracle(WORLDS["Harlow"](), cost=-1), "cost: expected a number of at least 0"),
        (lambda: Oracle(WORLDS["OddOneOut"]()), "set_size: expected 24, at which every place has an item"),
    ],
)
def test_oracles_refuse_what_does_not_fit(call, message):
    with pytest.raises(ValueError, match=message):
        call()
