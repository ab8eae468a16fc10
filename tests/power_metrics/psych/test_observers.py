"""Ideal observers against closed forms and enumeration, and simulated ones against the exact numbers."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import norm

import power_metrics as pm
from power_metrics.psych.named import Tables
from power_metrics.psych.observers import ideal_policy
from powerenvs import tabular_model

TASKS = pm.psych.tasks()


@pytest.mark.parametrize("coherence", [0.05, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("bound", [1, 3, 8])
def test_motion_between_bounds(coherence, bound):
    """Wald: accuracy 1/(1 + (q/p)^B) and mean time B (2P - 1)/(p - q)."""
    found = pm.psych.ideal("MotionDiscrimination", coherence=coherence, bound=bound)
    p, q = (1 + coherence) / 2, (1 - coherence) / 2
    accuracy = 1 / (1 + (q / p) ** bound)
    assert found.accuracy == pytest.approx(accuracy, abs=1e-12)
    assert found.ticks == pytest.approx(bound * (2 * accuracy - 1) / (p - q), abs=1e-12 * bound**2 / coherence)


@pytest.mark.parametrize(("directions", "deadline", "coherence"), [(2, 7, 0.2), (4, 4, 0.3), (8, 3, 0.25), (8, 4, 0.6)])
def test_motion_with_a_deadline_against_all_sequences(directions, deadline, coherence):
    """The most likely direction after all ticks, over every sequence of ticks that there is."""
    other = (1 - coherence) / directions
    rates = np.full((directions, directions), other) + coherence * np.eye(directions)
    total = 0.0
    for sequence in itertools.product(range(directions), repeat=deadline):
        total += rates[:, sequence].prod(axis=1).max() / directions
    found = pm.psych.ideal(
        "MotionDiscrimination", directions=directions, deadline=deadline, bound=None, coherence=coherence
    )
    assert found.accuracy == pytest.approx(total, abs=1e-12)
    assert found.ticks <= deadline


@pytest.mark.parametrize("directions", [2, 8])
def test_motion_with_costs_against_stopping_by_hand(directions):
    """Backward induction over sequences, not over what is known: stop when waiting is not worth its cost."""
    deadline, coherence, cost = 4, 0.5, 0.06
    other = (1 - coherence) / directions
    rates = np.full((directions, directions), other) + coherence * np.eye(directions)

    def worth(weights, left):
        stop = weights.max()
        if left == 0:
            return stop
        go = sum(worth(weights * rates[:, seen], left - 1) for seen in range(directions)) - cost * weights.sum()
        return max(stop, go)

    found = pm.psych.ideal(
        "MotionDiscrimination", directions=directions, deadline=deadline, bound=None, coherence=coherence, cost=cost
    )
    assert found.reward == pytest.approx(worth(np.full(directions, 1 / directions), deadline), abs=1e-12)
    assert found.reward == pytest.approx(found.accuracy - cost * found.ticks, abs=1e-12)


@pytest.mark.parametrize("size", [1, 2, 8, 24])
def test_search_ends_with_the_target(size):
    found = pm.psych.ideal("VisualSearch", set_size=size)
    assert found.accuracy == pytest.approx(1, abs=1e-12)
    assert found.ticks_given["present"] == pytest.approx((size + 1) / 2, abs=1e-12)
    assert found.ticks_given["absent"] == pytest.approx(size, abs=1e-12)


def test_targets_that_pop_out_take_one_look():
    for kind in ("colour", "shape"):
        found = pm.psych.ideal("VisualSearch", kind=kind, set_size=32)
        assert found.ticks_given == {"present": 1.0, "absent": 1.0}


@pytest.mark.parametrize("size", [1, 8, 24])
def test_search_of_three_kinds(size):
    """Each kind in a third of the trials: one look, one look, and (N+1)/2 or N."""
    found = pm.psych.ideal("VisualSearch", kind="interleaved", set_size=size)
    looks = {"present": (2 + (size + 1) / 2) / 3, "absent": (2 + size) / 3}
    assert found.ticks_given == pytest.approx(looks, abs=1e-12)


def test_noisy_search_against_bayes_by_hand():
    """After each pass in vain the target is less likely; two passes miss it with probability (1 - hit)²."""
    hit = 0.6
    found = pm.psych.ideal("VisualSearch", set_size=5, hit=hit, passes=2)
    assert found.accuracy_given["present"] == pytest.approx(1 - (1 - hit) ** 2, abs=1e-12)
    assert found.accuracy_given["absent"] == pytest.approx(1, abs=1e-12)


def test_costly_search_stops_early():
    free, costly = (pm.psych.ideal("VisualSearch", set_size=8, cost=cost) for cost in (0.0, 0.08))
    assert costly.ticks < free.ticks
    assert costly.accuracy < free.accuracy
    assert costly.reward == pytest.approx(costly.accuracy - 0.08 * costly.ticks, abs=1e-12)


def test_harlow_is_learned_in_one_trial():
    found = pm.psych.ideal("Harlow")
    assert found.accuracy_in_block == pytest.approx([0.5, 1, 1, 1, 1, 1], abs=1e-12)
    assert found.reward == pytest.approx(5.5, abs=1e-12)
    assert pm.psych.ideal("Harlow", right=5.0, wrong=-5.0).reward == pytest.approx(25, abs=1e-12)


@pytest.mark.parametrize("retention", [1.0, 0.9, 0.0])
@pytest.mark.parametrize(("size", "capacity"), [(3, 4), (6, 4), (4, 0)])
def test_slots(size, capacity, retention):
    """What is held is recognised; for the rest one does best to say no: (1 + min(K, N) r^t / N) / 2."""
    held = min(size, capacity) / size
    found = pm.psych.ideal("ChangeDetection", set_size=size, capacity=capacity, retention=retention, delay=3)
    assert found.accuracy == pytest.approx((1 + held * retention**3) / 2, abs=1e-12)
    found = pm.psych.ideal("MultipleObjectTracking", track=size, capacity=capacity, retention=retention, duration=2)
    assert found.accuracy == pytest.approx((1 + held * retention**2) / 2, abs=1e-12)


def test_perfect_memory_is_always_right():
    for name in ("ContinuousRecognition", "VisuomotorMapping"):
        found = pm.psych.ideal(name, retention=1.0)
        assert found.accuracy_in_block == pytest.approx(1, abs=1e-12)


def test_recognition_against_memories_of_single_images():
    """Another model: a set of remembered images, each forgotten by itself; the answer by the posterior of counts."""
    trials, new, retention = 6, 0.4, 0.7
    exact = pm.psych.ideal("ContinuousRecognition", trials=trials, new=new, retention=retention)
    rng, right, runs = np.random.default_rng(0), np.zeros(trials), 20_000
    for _ in range(runs):
        seen, held = 0, set()
        for trial in range(trials):
            is_new = seen == 0 or rng.random() < new
            image = seen if is_new else int(rng.integers(seen))
            forgotten = (1 - new) * (1 - len(held) / seen) if seen else 0.0
            says_new = image not in held and (seen == 0 or new >= forgotten)
            right[trial] += says_new == is_new
            seen += is_new
            held = {one for one in held | {image} if rng.random() < retention}
    error = np.sqrt(np.abs(exact.accuracy_in_block * (1 - exact.accuracy_in_block)) / runs)
    assert (np.abs(right / runs - exact.accuracy_in_block) <= 4 * error + 1e-12).all()


@pytest.mark.parametrize("directions", [2, 4, 8])
def test_acuity(directions):
    found = pm.psych.ideal("LandoltC", directions=directions, scale=0.25, contrast=0.5, sensitivity=8.0)
    assert found.accuracy == pytest.approx(pm.psych.choice_accuracy(1.0, directions), abs=1e-12)
    away = pm.psych.ideal("LandoltC", directions=directions, scale=0.5, contrast=0.5, sensitivity=8.0, eccentricity=2.0)
    assert away.accuracy == pytest.approx(found.accuracy, abs=1e-12)  # twice as large, half as well seen
    if directions == 2:
        assert found.accuracy == pytest.approx(norm.cdf(1 / np.sqrt(2)), abs=1e-12)


def test_glass_patterns():
    side, there = (
        pm.psych.ideal("GlassPatterns", coherence=0.5, sensitivity=3.0, ask=ask) for ask in ("side", "there")
    )
    assert side.accuracy == pytest.approx(norm.cdf(1.5 / np.sqrt(2)), abs=1e-12)
    assert there.accuracy == pytest.approx(norm.cdf(0.75), abs=1e-12)


@pytest.mark.parametrize("size", [3, 4, 6, 15])
def test_odd_items(size):
    """Known to be there, and what it looks like: (N+1)/2 - 1/N looks. Else the third look tells of the first two."""
    known = pm.psych.ideal("OddOneOut", set_size=size, known=True)
    assert (known.accuracy, known.ticks) == pytest.approx((1, (size + 1) / 2 - 1 / size), abs=1e-12)
    looks = [3 if k <= 2 else min(k, size - 1) for k in range(1, size + 1)]
    found = pm.psych.ideal("OddOneOut", set_size=size)
    assert (found.accuracy, found.ticks) == pytest.approx((1, np.mean(looks)), abs=1e-12)


def test_timing():
    """Without noise one is right, as soon as the tolerance allows; with noise as often as the best of all guesses."""
    sure = pm.psych.ideal("ReadySetGo", weber=0.0)
    assert sure.accuracy == pytest.approx(1, abs=1e-12)
    assert sure.ticks == pytest.approx((9 + 14) / 2, abs=1e-12)
    task = pm.psych.task("ReadySetGo", intervals=(8, 10, 12), weber=0.2)
    total = 0.0
    for measured in {m for measures in task.measures.values() for m in measures}:
        weights = {t: task.measures[t].get(measured, 0.0) / 3 for t in task.intervals}
        total += max(sum(p for t, p in weights.items() if abs(t - go) <= 1) for go in range(14))
    assert pm.psych.ideal(task).accuracy == pytest.approx(total, abs=1e-12)


def test_signal_detection():
    for sensitivity in (0.0, 0.5, 1.0, 2.5):
        assert pm.psych.choice_accuracy(sensitivity) == pytest.approx(norm.cdf(sensitivity / np.sqrt(2)), abs=1e-12)
        assert pm.psych.yes_no_accuracy(sensitivity) == pytest.approx(norm.cdf(sensitivity / 2), abs=1e-12)
    rng = np.random.default_rng(0)
    draws = rng.normal(size=(200_000, 8)) + [1.5] + np.array([0] * 8)
    draws[:, 1:] -= 1.5
    share = (draws.argmax(axis=1) == 0).mean()
    assert pm.psych.choice_accuracy(1.5, 8) == pytest.approx(share, abs=4 * 0.5 / np.sqrt(200_000))
    assert pm.psych.choice_accuracy(0.0, 5) == pytest.approx(0.2, abs=1e-12)
    for bad in (-1, np.nan, np.inf, "x"):
        with pytest.raises(ValueError, match="sensitivity: expected a number"):
            pm.psych.choice_accuracy(bad)


@pytest.mark.parametrize("name", TASKS)
def test_exact_numbers_are_those_of_the_tables(name):
    """Evaluated truth by truth, they are what the belief MDP says of the same policy."""
    for policy in ("random", "ideal"):
        found = pm.psych.ideal(name) if policy == "ideal" else pm.psych.observer(name, "random")
        mdp = found.model
        visits = _visits(mdp, found.policy)
        performance = float((visits[:, None] * found.policy * mdp.action_rewards(True))[~mdp.terminal].sum())
        trials = len(found.accuracy_in_block)
        assert found.accuracy * trials == pytest.approx(performance, abs=1e-10)
        reward = float((visits[:, None] * found.policy * mdp.action_rewards())[~mdp.terminal].sum())
        assert found.reward == pytest.approx(reward, abs=1e-10)


def _visits(mdp, policy):
    chain = np.einsum("sa,sat->st", policy, mdp.transition_tensor().numpy())
    moving = ~mdp.terminal
    visits = np.zeros(mdp.num_states)
    visits[moving] = np.linalg.solve(np.eye(moving.sum()) - chain[moving][:, moving].T, mdp.initial[moving])
    return visits


@pytest.mark.parametrize("name", TASKS)
def test_the_ideal_observer_is_the_optimum_of_the_tables(name):
    task = pm.psych.task(name)
    mdp = tabular_model(task)
    best = float(pm.solve_task(mdp, 1.0).values[0] @ mdp.initial)
    assert pm.psych.ideal(task).reward == pytest.approx(best, abs=1e-10)


@pytest.mark.parametrize("subject", ["ideal", "random"])
@pytest.mark.parametrize("name", TASKS)
def test_simulated_subjects_agree_with_the_exact_ones(name, subject):
    """Within 4 standard errors, in accuracy under each truth taken together and in time."""
    task = pm.psych.task(name)
    exact = pm.psych.ideal(task) if subject == "ideal" else pm.psych.observer(task, "random")
    log = pm.psych.run(task, subject, trials=600, seed=11)
    error = np.sqrt(abs(exact.accuracy * (1 - exact.accuracy)) / len(log))
    assert abs(log.accuracy() - exact.accuracy) <= 4 * error + 1e-9
    times = log.column("reaction_time")
    spread = times.std() / np.sqrt(len(times))
    assert abs(times.mean() - exact.seconds) <= 4 * spread + 1e-9
    for k, accuracy in enumerate(exact.accuracy_in_block):
        part = log.where(trial=k)
        assert abs(part.accuracy() - accuracy) <= 4 * np.sqrt(abs(accuracy * (1 - accuracy)) / len(part)) + 1e-9


def test_frontiers_rise():
    front = pm.psych.tradeoff("MotionDiscrimination", coherence=0.2, bound=8)
    assert (np.diff(front.ticks) >= 0).all()
    assert (np.diff(front.accuracy) >= -1e-12).all()
    for time, accuracy in zip(front.ticks, front.accuracy, strict=True):
        assert (accuracy - front.cost * time <= front.accuracy - front.cost * front.ticks + 1e-12).all()


def test_policies_that_never_answer_are_refused():
    tables = Tables(pm.psych.task("MotionDiscrimination", bound=None, deadline=3))
    assert ideal_policy(tables).shape == (tables.mdp.num_states, 3)
    tables = Tables(pm.psych.task("MotionDiscrimination", bound=2))
    policy = np.zeros((tables.mdp.num_states, 3))
    policy[:, 2] = 1
    with pytest.raises(ValueError, match="policy: expected one that comes to an answer"):
        pm.psych.observer(tables.task, policy)
    policy[~tables.useful[:, 2]] = [1, 0, 0]  # waits to the bound, and says right
    assert pm.psych.observer(tables.task, policy).accuracy == pytest.approx(0.5)
    policy[tables.useful[:, 2]] = [0.5, 0.5, 0]
    assert pm.psych.observer(tables.task, policy).ticks == 0


def test_answers_before_they_count_are_waiting():
    for name in ("ChangeDetection", "ReadySetGo"):
        task = pm.psych.task(name)
        state = next(iter(task.start()))[1]
        assert task.step(state, task.answers[0]) == task.step(state, "wait")
        hasty = pm.psych.ideal(task).policy.copy()
        tables = Tables(task)
        hasty[~tables.open] = np.eye(len(task.actions))[0]
        assert pm.psych.observer(task, hasty).accuracy == pytest.approx(pm.psych.ideal(task).accuracy, abs=1e-12)
        log = pm.psych.run(task, hasty, trials=40, seed=0)
        assert log.rows == [{**row} for row in pm.psych.run(task, "ideal", trials=40, seed=0)]
    with pytest.raises(ValueError, match="policy: expected an array or 'random'"):
        pm.psych.observer(tables.task, "best")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pm.psych.task("VisualSerch"), "task: unknown task 'VisualSerch'; did you mean 'VisualSearch'"),
        (lambda: pm.psych.task("BoatRace"), "unknown task"),
        (lambda: pm.psych.task("Harlow", trialls=3), "did you mean 'trials'"),
        (lambda: pm.psych.task(3), "task: expected the name of a task"),
        (lambda: pm.psych.task(pm.psych.task("Harlow"), trials=3), "expected a name with settings"),
        (lambda: pm.psych.tradeoff("Harlow", costs=[]), "costs: expected a list"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
