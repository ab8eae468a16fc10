"""What logs say: every form of them alike, what they cannot know, and how often their intervals hold the truth."""

import json
from types import SimpleNamespace

import gymnasium as gym
import numpy as np
import pandas
import pytest

import power_metrics as pm
from powerenvs import TabularMDP
from powerenvs.worlds.power import PowerGrid

MDP = PowerGrid("S..", reward={(0, 2): 1.0}).tables()
POWER = [0.5, 0.9, 0.7]
STATES, ACTIONS = [0, 1, 2, 2, 0, 1], [4, 4, 4, 3, 4, 3]
LABELS, NAMES = [(0, s) for s in STATES], [MDP.action_labels[a] for a in ACTIONS]
EPISODES, ENDS = [0, 0, 0, 0, 1, 1], [False, False, False, True, False, False]


class Minari:
    """A data set in Minari's form; observations have one more entry than actions."""

    def iterate_episodes(self):
        yield SimpleNamespace(observations=np.array([0, 1, 2, 2, 1]), actions=np.array([4, 4, 4, 3]))
        yield SimpleNamespace(observations=np.array([0, 1, 0]), actions=np.array([4, 3]))


FORMS = {
    "numbered": {"states": STATES, "actions": ACTIONS, "episodes": EPISODES},
    "D4RL": {"observations": np.array(STATES), "actions": np.array(ACTIONS), "timeouts": np.array(ENDS)},
    "labels": {"state": LABELS, "action": NAMES, "episode": ["a"] * 4 + ["b"] * 2},
    "two copies side by side": {
        "states": [0, 0, 1, 1, 2, 2],
        "actions": [4, 4, 4, 3, 4, 3],
        "episodes": [7, 3, 7, 3, 7, 7],
    },
    "pairs of arrays": [(STATES[:4], ACTIONS[:4]), (STATES[4:], ACTIONS[4:])],
    "arrays of pairs": [
        list(zip(STATES[:4], ACTIONS[:4], strict=True)),
        np.array(list(zip(STATES[4:], ACTIONS[4:], strict=True))),
    ],
    "mappings": [
        {"states": [*STATES[:4], 1], "actions": ACTIONS[:4]},
        {"observation": STATES[4:], "action": NAMES[4:]},
    ],
    "Minari": Minari(),
    "pandas": pandas.DataFrame({"state": STATES, "action": NAMES, "terminated": ENDS}),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_says_the_same(form):
    found = pm.measure_behaviour(FORMS[form], MDP, power=POWER)
    assert found.counts.tolist() == [[0, 0, 0, 0, 2], [0, 0, 0, 1, 1], [0, 0, 0, 1, 1]]
    assert found.num_episodes == 2
    assert found.num_steps == 6
    assert found.visitation == pytest.approx([1 / 3] * 3)
    assert found.power_visited == pytest.approx(0.7)
    assert found.agreement == pytest.approx(4 / 6)  # to the right, where the prize is
    assert found.agreement_random == pytest.approx(np.mean([1 / 5, 1 / 5, 4 / 5]))


def test_files(tmp_path):
    table = pandas.DataFrame({"episode": EPISODES, "state": [str(label) for label in LABELS], "action": NAMES})
    table.to_csv(tmp_path / "log.csv", index=False)
    np.savez(tmp_path / "log.npz", states=STATES, actions=ACTIONS, terminals=ENDS)
    steps = [{"episode": e, "state": s, "action": a} for e, s, a in zip(EPISODES, STATES, ACTIONS, strict=True)]
    (tmp_path / "steps.jsonl").write_text("\n".join(map(json.dumps, steps)))
    whole = [{"states": [list(x) for x in LABELS[:4]], "actions": NAMES[:4]}, {"states": [0, 1], "actions": [4, 3]}]
    (tmp_path / "episodes.jsonl").write_text("\n".join(map(json.dumps, whole)) + "\n")
    expected = pm.measure_behaviour(FORMS["numbered"], MDP, power=POWER)
    for name in ("log.csv", "log.npz", "steps.jsonl", "episodes.jsonl"):
        assert pm.measure_behaviour(tmp_path / name, MDP, power=POWER) == expected, name
    expected.save(tmp_path / "found.npz")
    assert pm.Behaviour.load(tmp_path / "found.npz") == expected
    assert "2 episodes, 6 steps, in 3 of 3 states" in str(expected)


def seen(**columns):
    return {"states": [0, 1], "actions": [4, 4]} | columns


@pytest.mark.parametrize(
    ("log", "options", "message"),
    [
        (seen(actions=[4]), {}, None),
        (seen(states=[0]), {}, "expected an action for each state"),
        (seen(states=[0, 2]), {}, "step 0 of episode 0, state 0 .* is followed by state 2 .* where episodes end"),
        (seen(states=[0, 3]), {}, "expected states from 0 to 2"),
        (seen(states=[0, 0.5]), {}, "unknown state 0.5"),
        (seen(states=["(0, 0)", "(9, 9)"]), {}, r"unknown state '\(9, 9\)'"),
        (seen(actions=["right", "jump"]), {}, "unknown action 'jump'"),
        (seen(actions=[4, -1]), {}, "expected actions from 0 to 4"),
        ({"actions": [4]}, {}, "expected 'states' or 'observations'"),
        ({"states": [0]}, {}, "expected 'actions'"),
        ({"states": [], "actions": []}, {}, "no step"),
        ([], {}, "at least one episode"),
        (seen(episodes=[0]), {}, "arrays of one length"),
        ([np.zeros((2, 3))], {}, "array of .state, action. pairs"),
        (5, {}, "expected a file, arrays by name"),
        ("log.txt", {}, "ends in .csv"),
        (seen(), {"errors": "bootstrap"}, "errors: expected"),
        (seen(), {"num_samples": 5, "power": POWER}, "num_samples"),
        ({"observations": np.zeros((2, 4)), "actions": [4, 4]}, {}, "expected observations of 1 numbers"),
        ({"observations": [0, 7], "actions": [4, 4]}, {}, "that of no state"),
    ],
)
def test_what_is_no_log_of_this_world(log, options, message):
    if message is None:
        assert pm.measure_behaviour(log, MDP, **{"power": POWER, **options}).num_steps == 1
        return
    with pytest.raises(ValueError, match=message):
        pm.measure_behaviour(log, MDP, **{"power": POWER, **options})


def test_observations_are_matched_through_wrappers_and_what_several_states_share_is_left_out():
    env = gym.make("PowerGrid-v0", level="open_3x3", observation="onehot")
    env = gym.wrappers.TransformObservation(env, lambda seen: seen[1:], gym.spaces.Box(0, 1, (8,), np.float32))
    board, info = env.reset(seed=0)
    states, boards, actions = [], [], np.random.default_rng(0).integers(5, size=300).tolist()
    for action in actions:
        states.append(info["state"])
        boards.append(board)
        board, *_, info = env.step(action)
    log = {"observations": np.array(boards), "actions": actions}
    found = pm.measure_behaviour(log, env, power=np.arange(9.0))
    told = pm.measure_behaviour((states, actions), env, power=np.arange(9.0))
    assert np.array_equal(found.counts, told.counts)
    assert found.errors == "steps"
    two = gym.wrappers.TransformObservation(env, lambda seen: seen[1:], gym.spaces.Box(0, 1, (7,), np.float32))
    hidden = pm.measure_behaviour({**log, "observations": np.array(boards)[:, 1:]}, two, power=np.arange(9.0))
    assert hidden.num_steps == told.counts[2:].sum()
    assert f"left out: {told.counts[:2].sum()} of 300 steps" in str(hidden)
    assert hidden.visitation[:2].tolist() == [0.0, 0.0]


def test_steps_that_only_start_the_next_episode_are_left_out():
    mdp = TabularMDP.from_transitions(
        [("s", "stay", "s", 1.0), ("s", "go", "end", 1.0), ("end", "stay", "end", 1.0), ("end", "go", "end", 1.0)],
        terminal=["end"],
    )
    log = {"states": ["s", "s", "end", "s", "end"], "actions": ["stay", "go", "stay", "go", "go"]}
    found = pm.measure_behaviour(log, mdp, power=[1.0, 0.0])
    assert found.counts.tolist() == [[1, 2], [0, 0]]
    assert "left out: 2 steps that began in terminal states" in str(found)
    assert np.isnan(found.power_visited_error)  # a single episode does not tell how episodes differ
    assert "no errors: a single episode" in str(found)
    with pytest.raises(ValueError, match="terminal states"):
        pm.measure_behaviour(log, mdp, power=[1.0, 0.0], errors="steps")


def test_errors_of_episodes_are_those_of_a_ratio_of_sums():
    rng = np.random.default_rng(0)
    episodes = [(s, rng.integers(5, size=len(s))) for s in (rng.integers(3, size=n) for n in rng.integers(1, 9, 40))]
    found = pm.measure_behaviour(episodes, MDP, power=POWER, check=False)
    sums = np.array([np.sum(np.array(POWER)[s]) for s, _ in episodes])
    lengths = np.array([len(s) for s, _ in episodes])
    drawn = rng.integers(40, size=(20_000, 40))
    again = sums[drawn].sum(axis=1) / lengths[drawn].sum(axis=1)
    assert found.errors == "episodes"
    assert found.power_visited == pytest.approx(sums.sum() / lengths.sum())
    assert found.power_visited_error == pytest.approx(again.std(), rel=0.05)
    low, high = found.confidence_interval("agreement", 0.5)
    assert 0 < low < found.agreement < high < 1


def walks(mdp, steps, count, seed):
    """(states, actions) of uniform agents, (n, T) each."""
    rng, chain = np.random.default_rng(seed), np.cumsum(mdp.transition_tensor().numpy(), axis=2)
    state = rng.choice(mdp.num_states, p=mdp.initial, size=count)
    states, actions = np.empty((2, steps, count), dtype=int)
    for t in range(steps):
        action = rng.integers(mdp.num_actions, size=count)
        states[t], actions[t] = state, action
        state = (rng.random(count)[:, None] > chain[state, action]).sum(axis=1)
    return states.T, actions.T


@pytest.mark.slow
@pytest.mark.parametrize(("steps", "episodes"), [(300, 1), (30, 25)])
def test_intervals_cover(steps, episodes):
    """200 logs of uniform behaviour in the maze: 96.5 % of one episode, 94.5 % of 25; of 16, 12 are below 1 %."""
    mdp = PowerGrid("maze_7x7").tables()
    power = pm.power(mdp, 0.9, num_samples=1_000, method="monte_carlo", keep_samples=True, progress=False)
    chain, share, true = mdp.transition_tensor().numpy().mean(axis=1), mdp.initial, 0.0
    for _ in range(steps):
        true, share = true + share @ power.mean / steps, share @ chain
    held = 0
    for seed in range(16):
        log = list(zip(*walks(mdp, steps, episodes, seed), strict=True))
        low, high = pm.measure_behaviour(log, mdp, power=power).confidence_interval()
        held += low <= true <= high
    assert held >= 13


@pytest.mark.filterwarnings("ignore")
def test_data_sets_of_minari_itself(tmp_path, monkeypatch):
    minari = pytest.importorskip("minari")
    pytest.importorskip("jax")  # which Minari needs to record
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    env = gym.make("powerenvs:PowerGrid-v0", level="open_3x3", observation="onehot", max_episode_steps=10)
    recorder, steps = minari.DataCollector(env), []
    for episode in range(4):
        seen, _ = recorder.reset(seed=episode)
        ended = False
        while not ended:
            steps.append((int(seen.argmax()), int(recorder.action_space.sample())))
            seen, _, terminated, truncated, _ = recorder.step(steps[-1][1])
            ended = terminated or truncated
    recorder.create_dataset("powerenvs/open-v0")
    found = pm.measure_behaviour(minari.load_dataset("powerenvs/open-v0"), env, 0.9, np.arange(9.0))
    assert (found.num_episodes, found.num_steps) == (4, 40)
    counts = np.zeros((9, 5))
    np.add.at(counts, tuple(np.array(steps).T), 1)
    assert found.visitation == pytest.approx(counts.sum(axis=1) / 40)
