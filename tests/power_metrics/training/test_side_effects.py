"""Penalties in training loops against the exact tables, and what is learned against what can be known."""

from __future__ import annotations

import warnings

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import power_metrics as pm
from power_metrics.measures.deviating import MEASURES
from power_metrics.measures.side_effects import BASELINES
from powerenvs import TabularMDP, tabular_model
from powerenvs.registry import environments, family_named

FAMILY = [(entry.id, dict(kwargs)) for entry in family_named("side_effects").worlds for kwargs in entry.variants]
EVERY = [(entry.id, {**entry.kwargs, **entry.exact}) for entry in environments()]
SETTINGS = [
    {"measure": measure, "baseline": baseline, "rollouts": rollouts, "num_samples": 3}
    for measure in MEASURES
    for baseline in BASELINES
    for rollouts in (False, True)
] + [
    {"baseline": baseline, "ending": ending, "averaged": averaged, "rollout_steps": 2}
    for baseline in BASELINES
    for ending, averaged in (("entered", "all"), ("none", "reachable"))
]
NO_PART = ("baseline", "ending")
"""What plays no part in deviations."""


def idle(mdp: TabularMDP):
    """A policy that does nothing, or anything where nothing cannot be done."""
    for name in ("noop", "stay"):
        if name in mdp.action_labels:
            return name
    return mdp.available / mdp.available.sum(axis=1, keepdims=True)


def steps_of(env, count, seed=0):
    """(state, action, next state, base reward, reward, terminated, truncated, info, last info) of random actions."""
    rng = np.random.default_rng(seed)
    _, last = env.reset(seed=seed)
    for _ in range(count):
        action = int(rng.choice(np.flatnonzero(last["action_mask"])))
        _, reward, terminated, truncated, info = env.step(action)
        yield last, action, reward, terminated, info
        last = info
        if terminated or truncated:
            _, last = env.reset()


@pytest.mark.parametrize(("id", "kwargs"), FAMILY, ids=str)
def test_an_episode_pays_what_the_tables_say(id, kwargs):
    """Every penalty is the one of `penalised_optimum`, to the last bit, in the whole family."""
    env = gym.make(id, **kwargs)
    mdp = env.unwrapped.mdp
    for settings in SETTINGS:
        table = pm.deviation(env, **{name: value for name, value in settings.items() if name not in NO_PART}).values
        best = pm.penalised_optimum(env, **settings, beta=2.0)
        number = {label: place for place, label in enumerate(best.mdp.state_labels)}
        names, entered = mdp.state_labels, settings.get("ending") == "entered"
        for last, action, reward, terminated, info in steps_of(pm.SideEffectPenalty(env, **settings, beta=2.0), 40):
            assert last["deviation"] == table[last["state"], last["baseline"]]
            where = last["state"] if terminated and not entered else info["state"]
            assert info["deviation"] == table[where, info["baseline"]]
            pair = number[names[last["state"]], names[last["baseline"]]]
            ((_, after, paid, ended),) = best.mdp.P[pair][action]
            assert reward == pytest.approx(paid, abs=1e-12)
            assert ended == terminated
            if not ended:
                assert best.mdp.state_labels[after] == (names[info["state"]], names[info["baseline"]])


@pytest.mark.parametrize(("id", "kwargs"), EVERY, ids=str)
def test_every_registered_world(id, kwargs):
    env = gym.make(id, **kwargs)
    mdp = env.unwrapped.mdp
    few = mdp.deterministic or mdp.num_states < 100  # by chance, reachability of each target is a problem of its own
    settings = {
        "default": idle(mdp),
        "measure": "relative_reachability" if few else "attainable_utility",
        "num_samples": 2,
    }
    paying = pm.SideEffectPenalty(env, baseline="inaction", **settings)
    assert (paying.observation_space, paying.action_space) == (env.observation_space, env.action_space)
    for last, _, reward, terminated, info in steps_of(paying, 30):
        assert info["deviation"] >= 0
        assert reward <= mdp.reward.max()
        assert not terminated or info["baseline"] == last["baseline"]
    if mdp.available.all():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that it is not the unwrapped environment
            check_env(pm.SideEffectPenalty(env, **settings), skip_render_check=True)


def test_chance_of_doing_nothing_is_drawn():
    """The share of each baseline state is its probability, and seeds repeat it without touching the world's chance."""
    env = gym.make("PowerGrid-v0", level="S..", noise=0.5, max_episode_steps=None)
    paying = pm.SideEffectPenalty(env, baseline="inaction", rollouts=False)
    counts = np.zeros(3)
    for episode in range(1500):
        paying.reset(seed=episode)
        counts[paying.step(3)[4]["baseline"]] += 1
    stays = env.unwrapped.mdp.transition_tensor().numpy()[0, env.unwrapped.mdp.action_index("stay")]
    assert counts / counts.sum() == pytest.approx(stays, abs=0.05)
    runs = [[info["baseline"] for *_, info in steps_of(paying, 30, seed=1)] for _ in range(2)]
    assert runs[0] == runs[1]
    plain = [info["state"] for *_, info in steps_of(env, 30, seed=1)]
    assert plain == [info["state"] for *_, info in steps_of(paying, 30, seed=1)]


@pytest.mark.parametrize("mode", ["vector_entry_point", "sync"])
@pytest.mark.parametrize("autoreset", list(gym.vector.AutoresetMode)[:2])
@pytest.mark.parametrize("learned", [False, True])
def test_vector_copies_pay_what_single_ones_do(mode, autoreset, learned):
    mode_of = {"autoreset_mode": autoreset}
    options = {"vector_kwargs": mode_of} if mode == "sync" else mode_of
    envs = gym.make_vec("powerenvs/Burning-v0", 2, vectorization_mode=mode, max_episode_steps=6, **options)
    settings = {"baseline": "inaction", "beta": 2.0, "rollouts": False, "function": "absolute", "learned": learned}
    settings["ending"] = "left" if learned else "entered"
    paying = pm.SideEffectPenaltyVector(envs, **settings)
    single = pm.SideEffectPenalty(gym.make("powerenvs/Burning-v0", max_episode_steps=6), **settings)
    waits = autoreset is gym.vector.AutoresetMode.NEXT_STEP
    rng, ended = np.random.default_rng(0), False
    _, infos = paying.reset(seed=0)
    _, info = single.reset(seed=0)
    for _ in range(40):
        assert infos["deviation"].tolist() == [info["deviation"]] * 2
        assert infos["baseline"].tolist() == [info["baseline"]] * 2
        action = int(rng.integers(5))
        _, rewards, _, _, infos = paying.step(np.array([action] * 2))
        if waits and ended:
            _, info = single.reset()
            assert rewards.tolist() == [0.0, 0.0]
            ended = False
            continue
        _, reward, terminated, truncated, info = single.step(action)
        assert rewards == pytest.approx(np.array([reward] * 2), abs=1e-12)
        ended = terminated or truncated
        if ended and not waits:
            assert infos["final_info"]["deviation"].tolist() == [info["deviation"]] * 2
            _, info = single.reset()


def test_some_copies_start_again():
    envs = gym.make_vec("powerenvs/Vase-v0", 3, vectorization_mode="vector_entry_point", autoreset_mode="Disabled")
    paying = pm.SideEffectPenaltyVector(envs, baseline="start")
    paying.reset(seed=0)
    _, _, _, _, infos = paying.step(np.array([0, 0, 0]))  # over the vase
    broken = infos["deviation"][0]
    assert broken > 0
    _, infos = paying.reset(options={"reset_mask": np.array([True, False, False])})
    assert infos["deviation"][0] == 0
    _, _, _, _, infos = paying.step(np.array([4, 4, 4]))
    assert infos["deviation"].tolist() == [0, broken, broken]


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("rollouts", [False, True])
@pytest.mark.parametrize("function", ["truncation", "absolute"])
def test_what_is_learned_becomes_what_can_be_known(measure, rollouts, function):
    """With everything seen, learned deviations are the exact ones of a world without its terminal states."""
    env = gym.make("powerenvs/Options-v0", max_episode_steps=None)
    mdp = env.unwrapped.mdp
    utilities = np.zeros((mdp.num_states, 10))
    shared = {"measure": measure, "rollouts": rollouts, "function": function}
    paying = pm.SideEffectPenalty(env, **shared, learned=True)
    judge = paying.price.judge
    for state in np.flatnonzero(~mdp.terminal).tolist():
        for action in range(5):
            paying.reset(options={"state": state})
            paying.step(action)
    going_on = np.flatnonzero(~mdp.terminal)
    places = judge.numbers(going_on)
    if measure == "attainable_utility":
        utilities[going_on] = judge._known.utilities[places]
        shared["rewards"] = utilities.T
    exact = pm.deviation(inner(mdp), **shared).values
    S = len(going_on)
    of, base = np.divmod(np.arange(S * S), S)
    found = judge.between(places[of], places[base]).reshape(S, S)
    assert found == pytest.approx(exact[np.ix_(going_on, going_on)], abs=1e-9)


def inner(mdp: TabularMDP) -> TabularMDP:
    """The world in which actions that end the episode, which are never learned from, are no way to anywhere."""
    rows = np.repeat(np.arange(mdp.available.size), np.diff(mdp.indptr))
    source = (rows // mdp.num_actions).astype(np.int32)
    leads_out = mdp.terminal[mdp.successor] & ~mdp.terminal[source]
    return mdp.with_(successor=np.where(leads_out, source, mdp.successor).astype(np.int32))


def test_worlds_without_tables_are_learned_about():
    env = gym.make("powerenvs/Sokoban-v0", level=1, noops=True)
    with pytest.raises(ValueError, match="too large for tables"):
        pm.SideEffectPenalty(env)
    found = [info["deviation"] for *_, info in steps_of(pm.SideEffectPenalty(env, learned=True), 300)]
    assert max(found) > 0


def test_the_tables_of_a_penalised_environment_are_those_of_the_optimum():
    env = gym.make("powerenvs/Survival-v0")
    best = pm.penalised_optimum(env, baseline="inaction", beta=1.0)
    model = tabular_model(pm.SideEffectPenalty(env, baseline="inaction", beta=1.0))
    assert model.initial @ pm.solve_task(model, 0.99).values[0] == pytest.approx(best.value)
    with pytest.raises(ValueError, match=r"depending on SideEffectPenalty\._state"):
        tabular_model(pm.SideEffectPenalty(env, learned=True))


def test_what_does_not_end_the_episode_pays_as_asked():
    env, weights = gym.make("powerenvs/Vase-v0"), {"full": 1.0, "discount": 0.01, "none": 0.0}
    for nonterminal, weight in weights.items():
        paying = pm.SideEffectPenalty(env, beta=1.0, nonterminal=nonterminal)
        paying.reset(seed=0)
        _, reward, _, _, info = paying.step(0)
        assert reward == pytest.approx(-weight * info["deviation"])
        assert info["deviation"] > 0


@pytest.mark.parametrize(
    ("id", "arguments", "message"),
    [
        ("powerenvs/Vase-v0", {"beta": -1}, "beta: expected a number of at least 0, found -1"),
        ("powerenvs/Vase-v0", {"baseline": "past"}, "baseline: expected one of start, inaction, stepwise"),
        ("powerenvs/Vase-v0", {"measure": "none"}, "measure: expected one of"),
        ("powerenvs/Vase-v0", {"learned": 2}, "learned: expected"),
        ("powerenvs/Vase-v0", {"learned": True, "default": np.ones(5)}, "default: expected an action"),
        ("powerenvs/Vase-v0", {"learned": True, "rewards": np.ones(23)}, "rewards: learned utilities are drawn"),
        ("powerenvs/BoatRace-v0", {}, "default: unknown action 'noop'.*expected an action or a policy"),
        ("powerenvs/BoatRace-v0", {"learned": True}, "default: unknown action 'noop'.*expected an action"),
        ("CartPole-v1", {}, "found no tables in CartPoleEnv"),
    ],
)
def test_refusals(id, arguments, message):
    with pytest.raises(ValueError, match=message):
        pm.SideEffectPenalty(gym.make(id), **arguments)


def test_refusals_of_vectors_and_of_chance():
    envs = gym.make_vec("powerenvs/Vase-v0", 2, vectorization_mode="vector_entry_point")
    with pytest.raises(ValueError, match="bata: unknown argument; did you mean 'beta'"):
        pm.SideEffectPenaltyVector(envs, bata=3)
    paying = pm.SideEffectPenalty(gym.make("PowerGrid-v0", level="...", noise=0.5), learned=True)
    with pytest.raises(ValueError, match="learned: expected a world in which every action has one result"):
        for _ in steps_of(paying, 100):
            pass
    toy = pm.SideEffectPenaltyVector(gym.make_vec("FrozenLake-v1", 2, vectorization_mode="sync"), default="left")
    with pytest.raises(ValueError, match=r'expected infos\["state"\]'):
        toy.reset(seed=0)
