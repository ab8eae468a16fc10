"""The comparison: its scale, its statistics, its intervals, and the same answer whichever way a policy arrives."""

from __future__ import annotations

import itertools
import json
import math

import gymnasium as gym
import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given, settings, strategies as st
from stable_baselines3 import PPO
from torch import nn

import power_metrics as pm
import powerenvs
from power_metrics.comparison.behaviour import p_value, rank_correlation, share_to_more_power
from power_metrics.comparison.references import LEAST, MOST, RANDOM, TASK_OPTIMAL, References
from powerenvs import TabularMDP
from powerenvs.model.transforms import reachable_states, restricted
from powerenvs.worlds.power import PowerGrid, turner_figure_1
from tests.models import mdps, random_table, uniform

torch.set_num_threads(1)


def hub_and_end():
    """From the hub either to a dead end that pays, or around a ring of three states."""
    return TabularMDP.from_transitions(
        [
            ("hub", "end", "dead", 1.0), ("hub", "ring", "r0", 1.0),
            *((f"r{i}", "on", f"r{(i + 1) % 3}", 1.0) for i in range(3)),
            *((f"r{i}", "back", "hub", 1.0) for i in range(3)),
        ],
        state_labels=["hub", "dead", "r0", "r1", "r2"],
        action_labels=["end", "ring", "on", "back"],
        initial="hub",
        terminal=["dead"],
        reward={("hub", "end", "dead"): 1.0},
    )  # fmt: skip


# The scale


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(mdps(), st.sampled_from([0.1, 0.5, 0.9, 0.99]), st.integers(0, 2**32 - 1))
def test_scale_is_one_zero_and_at_most_one(mdp, gamma, seed):
    rng = np.random.default_rng(seed)
    power = rng.normal(size=mdp.num_states)
    comparison = pm.compare(random_table(mdp, seed), mdp, gamma, power)
    seeking = {name: comparison[name].power_seeking for name in comparison.policies}
    assert seeking[LEAST] - 1e-9 <= min(seeking.values())
    assert max(seeking.values()) <= seeking[MOST] + 1e-9
    if math.isnan(comparison[MOST].normalised):
        assert seeking[MOST] - seeking[RANDOM] <= 1e-8 * np.ptp(power)
        return
    assert comparison[MOST].normalised == pytest.approx(1.0, abs=1e-12)
    assert comparison[RANDOM].normalised == pytest.approx(0.0, abs=1e-12)
    assert all(comparison[name].normalised <= 1 + 1e-9 for name in comparison.policies)
    low, high = comparison.optimal_range
    assert low - 1e-9 <= seeking[TASK_OPTIMAL] <= high + 1e-9


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(mdps(max_states=4, max_actions=3), st.integers(0, 2**32 - 1))
def test_most_and_least_against_all_deterministic_policies(mdp, seed):
    power = np.random.default_rng(seed).normal(size=mdp.num_states)
    choices = itertools.product(*(np.flatnonzero(mdp.available[s]) for s in range(mdp.num_states)))
    tables = np.array([np.eye(mdp.num_actions)[list(choice)] for choice in choices])
    seeking = pm.occupancy(mdp, tables, 0.8) @ power
    comparison = pm.compare(uniform(mdp), mdp, 0.8, power)
    assert comparison[MOST].power_seeking == pytest.approx(seeking.max(), abs=1e-12)
    assert comparison[LEAST].power_seeking == pytest.approx(seeking.min(), abs=1e-12)
    returns = pm.expected_return(mdp, tables, 0.8)
    best = returns > returns.max() - 1e-10  # as good as optimal from the start
    low, high = comparison.optimal_range
    assert low >= seeking[best].min() - 1e-9
    assert high <= seeking[best].max() + 1e-9


def test_numbers_by_hand():
    mdp = hub_and_end()
    power = np.array([0.8, 0.5, 0.6, 0.6, 0.6])
    end = np.zeros((5, 4))
    end[[0, 1], 0] = 1.0
    end[2:, 2] = 1.0
    comparison = pm.compare(end, mdp, 0.5, power)
    learned = comparison["learned"]
    assert learned.expected_return == pytest.approx(1.0)
    assert learned.power_seeking == pytest.approx(0.5 * 0.8 + 0.5 * 0.5)
    assert learned.power_alive == pytest.approx(0.8)  # it is in the hub until it ends
    assert learned.entropy == 0
    assert learned.distance == pytest.approx(0.0)  # ending is what the task wants
    assert learned.to_more_power == 0.0
    # the most power-seeking goes to r0 and back to the hub: time there 1 / (1 + γ)
    most = comparison[MOST]
    assert most.power_seeking == pytest.approx((0.8 + 0.5 * 0.6) / 1.5)
    assert most.distance == pytest.approx(0.5)  # half of the time is spent in the hub either way
    assert most.to_more_power == 1.0
    random = comparison[RANDOM].power_seeking
    assert learned.normalised == pytest.approx((0.65 - random) / (most.power_seeking - random))


def test_degenerate_scale_is_nan_and_said():
    mdp = PowerGrid("open_3x3").tables()
    comparison = pm.compare(uniform(mdp), mdp, 0.0, num_samples=50)  # nothing after the start counts
    assert math.isnan(comparison[MOST].normalised)
    assert "no policy is more power-seeking than the random one" in str(comparison)
    assert comparison.confidence_interval("learned", "normalised") == pytest.approx((math.nan, math.nan), nan_ok=True)
    one = pm.compare(uniform(mdp), mdp, 0.9, np.full(9, 0.7))
    assert math.isnan(one["learned"].normalised)
    assert math.isnan(one["learned"].correlation)
    assert math.isnan(one["learned"].to_more_power)


# Statistics


def test_rank_correlation_is_scipys():
    rng = np.random.default_rng(0)
    share, power = rng.exponential(size=20), rng.normal(size=(3, 20)).round(1)
    counted = rng.random(20) < 0.8
    found, p = rank_correlation(share, power, counted)
    for i in range(3):
        expected = scipy.stats.spearmanr(share[counted], power[i, counted])
        assert found[i] == pytest.approx(expected.statistic)
        assert p[i] == pytest.approx(expected.pvalue)
    nearly = np.repeat(rng.random(10), 2) * (1 + 1e-15 * np.arange(20))  # pairs that differ by rounding are ties
    clean, _ = rank_correlation(np.repeat(nearly[::2], 2), power[0], np.ones(20, bool))
    assert rank_correlation(nearly, power[0], np.ones(20, bool))[0] == clean


@pytest.mark.parametrize("correlation", [1.0, -1.0, np.array([1.0])])
def test_p_value_of_ranks_that_agree_entirely(correlation):
    assert p_value(correlation, 5) == 0.0
    assert p_value(0.5, 5) == pytest.approx(scipy.stats.t.sf(0.5 * np.sqrt(3 / 0.75), 3) * 2)


def test_correlation_leaves_out_terminal_and_unreachable_states():
    mdp = TabularMDP.from_transitions(
        [(s, a, (s + a + 1) % 4, 1.0) for s in range(4) for a in (0, 1)] + [(4, 0, 0, 1.0), (3, 2, 5, 1.0)],
        state_labels=range(6), initial=0, terminal=[5],
    )  # fmt: skip
    assert reachable_states(mdp).tolist() == [True] * 4 + [False, True]
    power, table = np.array([0.1, 0.4, 0.2, 0.9, 0.0, 0.5]), random_table(mdp)
    comparison = pm.compare(table, mdp, 0.9, power)
    expected = scipy.stats.spearmanr(comparison.occupancies["learned"][:4], power[:4])
    assert comparison["learned"].correlation == pytest.approx(expected.statistic)
    assert comparison["learned"].p_value == pytest.approx(expected.pvalue)


@settings(max_examples=25, deadline=None)
@given(mdps(), st.integers(0, 2**32 - 1))
def test_share_to_more_power_by_counting(mdp, seed):
    rng = np.random.default_rng(seed)
    power, table = rng.normal(size=mdp.num_states), random_table(mdp, seed)
    share = pm.occupancy(mdp, table, 0.9)
    leads = mdp.transition_tensor().numpy() @ power
    above = below = 0.0
    for s in range(mdp.num_states):
        actions = np.flatnonzero(mdp.available[s])
        mean = leads[s, actions].mean()
        for a in actions:
            if abs(leads[s, a] - mean) > 1e-11:
                above += share[s] * table[s, a] * (leads[s, a] > mean)
                below += share[s] * table[s, a] * (leads[s, a] < mean)
    found = float(share_to_more_power(table, share, power, mdp))
    assert found == pytest.approx(above / (above + below) if above + below else math.nan, nan_ok=True)


def test_entropy_of_time_before_the_end():
    mdp = hub_and_end()
    comparison = pm.compare(uniform(mdp), mdp, 0.9, np.arange(5.0))
    assert comparison["learned"].entropy == pytest.approx(math.log(2))
    assert comparison[MOST].entropy == pytest.approx(0.0)


def test_optimal_range_opens_where_optima_tie():
    mdp = PowerGrid("maze_7x7").tables()  # no goal: everything is optimal
    comparison = pm.compare(uniform(mdp), mdp, 0.9, num_samples=200)
    assert comparison.optimal_range[0] == pytest.approx(comparison[LEAST].power_seeking)
    assert comparison.optimal_range[1] == pytest.approx(comparison[MOST].power_seeking)
    assert "optimal policies: normalised" in str(comparison)
    assert "optimal policies: normalised" not in str(
        pm.compare(random_table(hub_and_end()), hub_and_end(), 0.9, num_samples=50)
    )


def test_restrict_keeps_only_what_is_kept():
    mdp = hub_and_end()
    kept = np.ones(mdp.available.shape, dtype=bool)
    kept[0, 0] = False
    fewer = restricted(mdp, kept)
    assert fewer.available[0].tolist() == [False, True, False, False]
    assert np.array_equal(fewer.transition_tensor().numpy()[2:], mdp.transition_tensor().numpy()[2:])


# Intervals


def test_interval_of_a_linear_statistic_is_that_of_the_delta_method():
    mdp = PowerGrid("maze_7x7").tables()
    estimate = pm.power(mdp, 0.9, num_samples=4_000, keep_samples=True)
    comparison = pm.compare(random_table(mdp), mdp, power=estimate)
    d = comparison.occupancies["learned"]
    error = float((estimate.samples @ d).std(ddof=1)) / math.sqrt(4_000)
    low, high = comparison.confidence_interval("learned", "power_seeking")
    assert high - low == pytest.approx(2 * 1.96 * error, rel=0.2)
    assert low < comparison["learned"].power_seeking < high
    narrow = comparison.confidence_interval("learned", "power_seeking", level=0.5)
    assert low < narrow[0] < narrow[1] < high


@pytest.mark.slow
def test_interval_of_the_score_covers_the_truth():
    """With few reward functions, 95 % intervals hold the value of many in most of 40 runs."""
    mdp = hub_and_end()
    table = random_table(mdp, 3)
    truth = pm.compare(table, mdp, 0.7, pm.power(mdp, 0.7, num_samples=200_000, seed=99).mean)["learned"].normalised
    held = 0
    for seed in range(40):
        low, high = pm.compare(table, mdp, 0.7, num_samples=400, seed=seed).confidence_interval("learned", "normalised")
        held += low <= truth <= high
    assert held >= 33  # 38 expected; fewer than 33 has probability below 1 %


def test_difference_from_the_task_optimal():
    mdp = PowerGrid("maze_7x7", reward={(6, 6): 1.0}).tables()
    estimate = pm.power(mdp, 0.9, num_samples=2_000, keep_samples=True)
    near = 0.9 * pm.optimal_policies(mdp, None, 0.9)[0].numpy() + 0.1 * uniform(mdp)
    comparison = pm.compare(near, mdp, power=estimate)
    value, low, high = comparison.difference("learned")
    assert value == pytest.approx(comparison["learned"].normalised - comparison[TASK_OPTIMAL].normalised)
    assert low < value < high
    own = comparison.confidence_interval("learned", "normalised")
    assert high - low < 0.5 * (own[1] - own[0])  # the error of POWER is shared
    seeking = comparison.difference("learned", RANDOM, "power_seeking")
    gap = comparison.occupancies["learned"] - comparison.occupancies[RANDOM]
    error = float((estimate.samples @ gap).std(ddof=1)) / math.sqrt(2_000)
    assert seeking[2] - seeking[1] == pytest.approx(2 * 1.96 * error, rel=0.2)
    assert (
        comparison.difference("learned", statistic="entropy")[0]
        == comparison.difference("learned", statistic="entropy")[2]
    )
    assert f"learned minus {TASK_OPTIMAL}: normalised {value:+.3f} (95 % interval {low:+.3f} to {high:+.3f})" in str(
        comparison
    )


def test_score_of_the_references_has_no_error():
    comparison = pm.compare(uniform(hub_and_end()), hub_and_end(), 0.9, num_samples=300)
    assert comparison.confidence_interval(MOST, "normalised") == pytest.approx((1, 1))
    assert comparison.confidence_interval(RANDOM, "normalised") == pytest.approx((0, 0))
    value = comparison["learned"].expected_return
    assert comparison.confidence_interval("learned", "expected_return") == (value, value)


def test_no_intervals_without_samples():
    mdp = hub_and_end()
    bare = pm.compare(uniform(mdp), mdp, power=pm.power(mdp, 0.6, num_samples=50))
    assert bare.gamma == 0.6
    assert not bare.has_intervals
    assert "keep_samples=True" in str(bare)
    with pytest.raises(ValueError, match="POWER was given without samples"):
        bare.confidence_interval("learned", "normalised")
    sobol = pm.power(mdp, 0.6, num_samples=64, method="sobol", keep_samples=True)
    assert not pm.compare(uniform(mdp), mdp, power=sobol).has_intervals  # its points are not independent
    assert "POWER: as given" in str(pm.compare(uniform(mdp), mdp, 0.6, np.arange(5.0)))


def test_exact_power_leaves_no_error():
    mdp = hub_and_end()
    exact = pm.power(mdp, 0.6, pm.Bernoulli(0.5), method="enumeration")
    comparison = pm.compare(random_table(mdp), mdp, power=exact)
    value = comparison["learned"].normalised
    assert comparison.confidence_interval("learned", "normalised") == pytest.approx((value, value))
    assert "exact, by enumeration" in str(comparison)
    assert "±" not in str(comparison)


# Every way in


class Network(nn.Module):
    def __init__(self, logits):
        super().__init__()
        self.rows = nn.Embedding.from_pretrained(torch.as_tensor(logits))

    def forward(self, states):
        return self.rows(states)


@pytest.mark.slow
def test_every_route_gives_the_same_comparison():
    env = gym.make("PowerGrid-v0", level="dead_ends")
    mdp = env.unwrapped.mdp
    estimate = pm.power(mdp, 0.9, num_samples=500, keep_samples=True)
    table = random_table(mdp)
    logits = np.log(table)
    model = PPO("MlpPolicy", env, policy_kwargs={"net_arch": []}, device="cpu", seed=0)
    with torch.no_grad():
        model.policy.action_net.weight.copy_(torch.as_tensor(logits.T))
        model.policy.action_net.bias.zero_()
    routes = {
        "array": pm.compare(table, env, power=estimate),
        "tables": pm.compare(table, mdp, power=estimate),
        "callable": pm.compare(lambda states: table[states], env, power=estimate, kind="probabilities"),
        "module": pm.compare(Network(logits), env, power=estimate, kind="logits"),
        "sb3": pm.compare(model, env, power=estimate),
    }
    first = routes["array"].to_frame()
    for name, comparison in routes.items():
        difference = (comparison.to_frame() - first).abs().max().max()
        assert difference <= 1e-6, name


@pytest.mark.slow
def test_arrays_need_no_observations():
    env = gym.make("minigrid:MiniGrid-Empty-5x5-v0")
    env.reset(seed=0)
    mdp = powerenvs.tabular_model(env)
    table = uniform(mdp)
    found = [pm.compare(one, env, 0.9, num_samples=50) for one in (table, torch.as_tensor(table), table.tolist())]
    assert found[0]["learned"] == found[1]["learned"] == found[2]["learned"]


def test_several_agents_at_once():
    mdp = hub_and_end()
    both = pm.compare({"a": random_table(mdp, 1), "b": random_table(mdp, 2)}, mdp, 0.9, num_samples=100)
    assert both.learned == ("a", "b")
    alone = pm.compare(random_table(mdp, 2), mdp, 0.9, num_samples=100)
    assert both["b"] == alone["learned"]
    assert list(both.to_frame().index) == ["a", "b", TASK_OPTIMAL, RANDOM, MOST, LEAST]


def test_power_of_the_same_dynamics_will_do():
    plain, other = PowerGrid("two_rooms"), PowerGrid("two_rooms", reward={(1, 1): 1.0})
    estimate = pm.power(other.tables(), 0.9, num_samples=50)
    pm.compare(uniform(plain.tables()), plain.tables(), power=estimate)
    with pytest.raises(ValueError, match=r"power: expected POWER of this model.*found that of another"):
        pm.compare(
            uniform(plain.tables()),
            plain.tables(),
            power=pm.power(PowerGrid("two_rooms", noise=0.1), 0.9, num_samples=50),
        )


# What comes out


def test_outputs(tmp_path):
    mdp = hub_and_end()
    comparison = pm.compare(uniform(mdp), mdp, 0.9, num_samples=100)
    text = str(comparison)
    assert [line.split("  ")[0] for line in text.splitlines()[2:7]] == ["learned", TASK_OPTIMAL, RANDOM, MOST, LEAST]
    assert len({len(line) for line in text.splitlines()[1:3]}) == 1
    frame = comparison.to_frame()
    assert frame.loc["learned", "normalised_low"] <= frame.loc["learned", "normalised"]
    path = tmp_path / "comparison.json"
    data = json.loads(comparison.to_json(path))
    assert json.loads(path.read_text()) == data
    assert data["policies"]["learned"]["normalised"] == comparison["learned"].normalised
    assert sum(state["occupancy"]["learned"] for state in data["states"]) == pytest.approx(1.0)
    with pytest.raises(KeyError, match=r"did you mean 'learned'"):
        comparison["learnt"]


@pytest.mark.slow
@pytest.mark.parametrize("make", [lambda: PowerGrid("dead_ends").tables(), turner_figure_1], ids=["board", "graph"])
def test_plot(make, tmp_path):
    mdp = make()
    comparison = pm.compare(random_table(mdp), mdp, 0.9, num_samples=100)
    figure = comparison.plot(path=tmp_path / "comparison.png")
    assert (tmp_path / "comparison.png").stat().st_size > 0
    with pytest.raises(ValueError, match="path: expected a picture file"):
        comparison.plot(path=tmp_path / "comparison.txt")
    titles = [ax.get_title() for ax in figure.axes]
    assert "POWER" in titles
    assert f"learned minus {TASK_OPTIMAL}" in titles
    shown = [text.get_text() for ax in figure.axes for text in ax.texts]
    assert f"{comparison['learned'].normalised:.3f}".replace("-", "−") in shown
    figure.savefig(tmp_path / "comparison.png")
    assert (tmp_path / "comparison.png").stat().st_size > 10_000
    with pytest.raises(ValueError, match="name: no policy 'learnt'; did you mean"):
        comparison.plot("learnt")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"gamma": 1.0}, "gamma"),
        ({"power": np.ones(3)}, "power: expected a PowerEstimate or 5 finite numbers.*shape"),
        ({"power": np.full(5, np.nan)}, "power: .*not finite"),
        ({"agent": {"random": np.ones((5, 4))}}, "agent: expected other names"),
        ({"agent": np.ones((4, 5))}, "agent: expected"),
        ({"initial": "nowhere"}, "unknown state"),
        ({"num_samples": 0, "power": None}, "num_samples"),
        ({"kind": "logit"}, "did you mean 'logits'"),
    ],
)
def test_bad_input(arguments, message):
    given = {"agent": uniform(hub_and_end()), "env": hub_and_end(), "gamma": 0.9, "power": np.arange(5.0), **arguments}
    with pytest.raises(ValueError, match=message):
        pm.compare(**given)


def test_bad_questions():
    comparison = pm.compare(uniform(hub_and_end()), hub_and_end(), 0.9, num_samples=50)
    with pytest.raises(ValueError, match="unknown statistic 'normalized'; did you mean 'normalised'"):
        comparison.confidence_interval("learned", "normalized")
    with pytest.raises(ValueError, match="level: expected a probability"):
        comparison.confidence_interval("learned", "normalised", level=95)
    with pytest.raises(ValueError, match="p-value has no interval"):
        comparison.confidence_interval("learned", "p_value")


@pytest.mark.parametrize("options", [{}, {"check": False}])
def test_options_reach_the_agent(monkeypatch, options):
    """What walks compare depends on ``check``: wrappers, and the connectors that only the agent's reader sees."""
    given = []
    monkeypatch.setattr(
        "power_metrics.comparison.compare.policy_table",
        lambda agent, observed, **options: given.append(options) or uniform(observed.mdp),
    )
    pm.compare(lambda seen: 0, gym.make("PowerGrid-v0", level="open_3x3"), 0.9, np.arange(9.0), **options)
    assert given == [options]


def test_initial_moves_the_start():
    mdp = hub_and_end()
    comparison = pm.compare(uniform(mdp), mdp, 0.9, np.arange(5.0), initial="r1")
    assert comparison.occupancies["learned"] == pytest.approx(pm.occupancy(mdp, uniform(mdp), 0.9, "r1"))
    assert isinstance(comparison.references, References)
