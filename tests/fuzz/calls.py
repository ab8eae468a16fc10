"""The public functions that are called, each with arguments that it takes and a check of what comes back."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import matplotlib.pyplot as plt
import numpy as np
import torch

import power_metrics as pm
from powerenvs import EditedWorld, Policy, TabularGame, TabularMDP, product_game
from powerenvs.multi import power_pair_v0
from powerenvs.rollout import next_states, rollout
from powerenvs.worlds.power import PowerGrid
from powerenvs.worlds.power.pair import PowerPair
from powerenvs.worlds.resources import OneKey
from tests.fuzz.archives import small_game, small_mdp
from tests.fuzz.checks import distribution, estimate, estimates, finite, nothing, statistics, sums_to_one
from tests.fuzz.texts import check_model


@dataclass(frozen=True)
class Call:
    """A function with arguments that it takes.

    Attributes:
        function: what is called.
        arguments: by name; those of ``fixed`` are never changed.
        check: looks at what comes back.
        fixed: names of arguments that bound the work.
    """

    function: Callable[..., Any]
    arguments: Callable[[], Mapping[str, Any]]
    check: Callable[[Any], None]
    fixed: tuple[str, ...] = ()


def _kept(walk: Any, name: Any) -> Any:
    """A walk, written and read."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name if isinstance(name, str) and "/" not in name and "\0" not in name else name
        pm.save_trajectory(walk, path)
        return pm.load_trajectory(small_mdp(), path)


def _table() -> np.ndarray:
    return np.array(Policy(small_mdp()).table)


def _transitions() -> list[Any]:
    return [("a", "x", "b", 0.5), ("a", "x", "a", 0.5), ("b", "x", "a", 1)]


def _joint_transitions() -> list[Any]:
    return [("a", ("x", "u"), "b", 1.0), ("b", ("x", "v"), "a", 1.0)]


def _deviating() -> dict[str, Any]:
    return {
        "measure": "attainable_utility", "function": "absolute", "rollouts": True, "gamma": 0.9, "value_discount": 0.8,
        "default": "x", "reward": pm.Uniform(), "num_samples": 3, "seed": 0, "rewards": None, "max_gib": 1.0,
    }  # fmt: skip


@functools.cache
def endless() -> TabularMDP:
    """Of three states in a row, without chance or end, in which nothing is what it seems to be."""
    moves = [(s, action, (s + by) % 3, 1.0) for s in range(3) for action, by in (("noop", 0), ("on", 1), ("back", 2))]
    seen, true = np.array([0.0, 0.5, 1.0]), np.array([0.25, 0.5, 0.0])
    to = [move[2] for move in moves]
    return TabularMDP.from_transitions(moves, initial=0, reward=seen[to], performance=true[to])


@functools.cache
def one_agent() -> pm.PowerEstimate:
    return pm.power(small_mdp(), 0.6, num_samples=16, keep_samples=True, progress=False)


@functools.cache
def two_agents() -> pm.MultiagentPower:
    return pm.multiagent_power(small_game(), 0.6, num_samples=16, keep_samples=True, progress=False)


@functools.cache
def comparison() -> Any:
    return pm.compare(_table(), small_mdp(), power=one_agent())


@functools.cache
def swept() -> pm.SweepResult:
    with tempfile.TemporaryDirectory() as folder:
        return pm.sweep(
            {"name": "a", "level": "S.", "gamma": [0.1, 0.9], "num_samples": 4}, Path(folder) / "a", figures=False
        )


def _sweep(**options: Any) -> pm.SweepResult:
    with tempfile.TemporaryDirectory() as folder:
        return pm.sweep(
            {"name": "a", "level": "S.", "gamma": [0.1, 0.9], "num_samples": 4}, Path(folder) / "a", **options
        )


def _loaded(partial: Any) -> pm.SweepResult:
    with tempfile.TemporaryDirectory() as folder:
        pm.sweep({"name": "a", "level": "S.", "gamma": 0.9, "num_samples": 4}, Path(folder) / "a", figures=False)
        return pm.load_sweep(Path(folder) / "a", partial=partial)


def _tracked(power: Any, gamma: Any, initial: Any, states: Any, actions: Any, policy: Any, step: Any) -> Any:
    tracker = pm.PowerTracker(small_mdp(), power, gamma, initial)
    tracker.update(states, actions)
    return tracker.evaluate(policy, step)


def _learned(rewards: Any, gamma: Any, num_steps: Any) -> Any:
    learners = pm.QLearners(small_mdp(), rewards, gamma, pm.QLearning(), np.random.default_rng(0))
    learners.run(num_steps)
    return learners.policies()


def _wrapped(power: Any, gamma: Any, action: Any) -> Any:
    env = pm.PowerWrapper(gym.make("PowerGrid-v0", level="S."), power, gamma)
    env.reset(seed=0)
    env.step(action)
    return env.visitation


def _wrapped_vector(power: Any, gamma: Any, actions: Any) -> Any:
    envs = pm.PowerVectorWrapper(gym.make_vec("PowerGrid-v0", 2, level="S."), power, gamma)
    envs.reset(seed=0)
    envs.step(actions)
    return envs.visitation


def _wrapped_parallel(power: Any, agent: Any, gamma: Any) -> Any:
    env = pm.PowerParallelWrapper(power_pair_v0.parallel_env(level="SS"), power)
    env.reset(seed=0)
    env.step(dict.fromkeys(env.possible_agents, 0))
    return env.tracker(agent, gamma).evaluate(env.game.uniform_policy(agent))


def _policy_with(state: Any, action: Any) -> Policy:
    policy = Policy(small_mdp())
    policy.set(state, action)
    return policy


def _trained(**options: Any) -> list[str]:
    """The texts of a figure, which is closed."""
    figure = pm.plot_training(**options)
    plt.close(figure)
    return [axes.get_ylabel() for axes in figure.axes]


_R = functools.partial(np.linspace, 0, 1, 3)
CALLS: Mapping[str, Call] = {
    "power": Call(pm.power, lambda: {
        "env_or_mdp": small_mdp(), "gamma": 0.9, "reward": pm.Uniform(), "num_samples": 16, "seed": 0, "method": "monte_carlo",
        "control_variates": None, "tolerance": None, "level": 0.9, "states_with_identical_rewards": [["a", "b"]], "allow_all_equal": True,
        "keep_samples": True, "batch_size": None, "threads": 1, "device": None, "executor": None, "workers": None, "progress": False,
    }, estimate, ("device",)),
    "power_given": Call(pm.power, lambda: {"env_or_mdp": small_mdp(), "gamma": [0.1, 1.0], "rewards": np.eye(3), "threads": None, "keep_samples": False}, estimate),
    "multiagent_power": Call(pm.multiagent_power, lambda: {
        "env_or_game": small_game(), "gamma": 0.6, "gamma_a": 0.3, "correlation": 0.5, "reward": pm.Uniform(), "num_samples": 8, "seed": 0,
        "seed_policy": None, "rounds": 1, "agents": ("human", "ai"), "others": None, "tie_tolerance": 1e-11, "allow_all_equal": True,
        "states_with_identical_rewards": None, "keep_samples": False, "threads": 1, "progress": False,
    }, estimates),
    "multiagent_given": Call(pm.multiagent_power, lambda: {"env_or_game": small_game(), "rewards": (np.ones((2, 6)), np.ones((2, 6))), "progress": False}, estimates),
    "occupancy": Call(pm.occupancy, lambda: {"env_or_mdp": small_mdp(), "policy": _table(), "gamma": 0.9, "initial": None}, finite),
    "average_occupancy": Call(pm.average_occupancy, lambda: {"env_or_mdp": small_mdp(), "policy": _table(), "initial": "a"}, sums_to_one),
    "expected_return": Call(pm.expected_return, lambda: {"env_or_mdp": small_mdp(), "policy": _table(), "gamma": 0.9, "initial": {"a": 1.0}, "performance": True}, finite),
    "policy_table": Call(lambda policy, env, **options: pm.policy_table(policy, env, **options), lambda: {
        "policy": _table(), "env": small_mdp(), "kind": "probabilities", "deterministic": False, "epsilon": 0.1, "temperature": None, "num_samples": None,
        "preprocess": None, "batch_size": 4, "check": True, "agent": None,
    }, sums_to_one, ("num_samples",)),
    "compare": Call(pm.compare, lambda: {"agent": _table(), "env": small_mdp(), "gamma": 0.9, "power": _R(), "initial": None, "num_samples": 8, "seed": 0, "progress": False}, nothing),
    "optimal_values": Call(pm.optimal_values, lambda: {"env_or_mdp": small_mdp(), "rewards": _R(), "gamma": 0.9, "threads": 1}, finite),
    "optimal_gain": Call(pm.optimal_gain, lambda: {"env_or_mdp": small_mdp(), "rewards": _R(), "threads": 1}, finite),
    "optimal_policies": Call(pm.optimal_policies, lambda: {"env_or_mdp": small_mdp(), "rewards": _R(), "gamma": 0.9, "tie_tolerance": 1e-11, "performance": False}, sums_to_one),
    "policy_values": Call(pm.policy_values, lambda: {"env_or_mdp": small_mdp(), "policy": _table(), "rewards": _R(), "gamma": 0.9}, finite),
    "solve_task": Call(pm.solve_task, lambda: {"env_or_mdp": small_mdp(), "gamma": 0.9, "performance": True}, lambda found: finite(found.values)),
    "power_of_policies": Call(pm.power_of_policies, lambda: {
        "learner": pm.Boltzmann(0.1), "env_or_mdp": small_mdp(), "gamma": 0.9, "reward": pm.Uniform(), "num_samples": 8, "seed": 0, "initial": None, "threads": 1,
    }, lambda found: estimate(found.power)),
    "optimality_probability": Call(pm.optimality_probability, lambda: {
        "env_or_mdp": small_mdp(), "gamma": 0.9, "reward": pm.Uniform(), "num_samples": 8, "seed": 0, "rewards": None, "ties": "count", "threads": 1,
    }, lambda found: finite(found.mean)),
    "q_learning_curve": Call(pm.q_learning_curve, lambda: {
        "env_or_mdp": small_mdp(), "steps": (0, 10), "gamma": 0.9, "settings": pm.QLearning(num_steps=10), "num_learners": 4, "seed": 0, "threads": 1,
    }, nothing, ("settings",)),
    "q_learning": Call(lambda **settings: pm.power_of_policies(pm.QLearning(**settings), small_mdp(), num_samples=4), lambda: {
        "num_steps": 20, "learning_rate": 0.5, "decay": 0.0, "epsilon": 0.2, "horizon": 10, "exploring_starts": True,
    }, lambda found: estimate(found.power)),
    "learners": Call(lambda k, temperature, epsilon, threshold: [
        pm.power_of_policies(one, small_mdp(), num_samples=4)
        for one in (pm.BestOfK(k), pm.Boltzmann(temperature), pm.EpsilonGreedy(epsilon), pm.Satisficing(threshold))
    ], lambda: {"k": 3, "temperature": 0.1, "epsilon": 0.1, "threshold": 0.5}, lambda found: [estimate(one.power) for one in found] and None),
    "empowerment": Call(pm.empowerment, lambda: {"env_or_mdp": small_mdp(), "steps": 2}, lambda found: finite(found.bits)),
    "aliasing": Call(pm.aliasing, lambda: {"env_or_mdp": small_mdp(), "observations": np.array([0, 1, 0]), "gamma": 0.9}, lambda found: finite(found.alike)),
    "memoryless": Call(pm.memoryless, lambda: {
        "env_or_mdp": small_mdp(), "observations": np.array([0, 1, 1]), "gamma": 0.9, "max_nodes": 9, "tolerance": 1e-9,
    }, lambda found: finite(found.values), ("max_nodes",)),
    "belief_states": Call(pm.belief_states, lambda: {
        "env_or_mdp": small_mdp(), "observations": np.arange(3), "gamma": 0.9, "rewards_seen": True, "max_beliefs": 99,
    }, lambda found: finite(found.values), ("max_beliefs",)),
    "reachability": Call(pm.reachability, lambda: {"env_or_mdp": small_mdp(), "discount": 0.9, "max_gib": 1.0}, lambda found: finite(found.values)),
    "deviation": Call(pm.deviation, lambda: {"env_or_mdp": small_mdp(), **_deviating()}, lambda found: finite(found.values)),
    "side_effect_map": Call(pm.side_effect_map, lambda: {
        "env_or_mdp": small_mdp(), "gamma": 0.9, "rollouts": True, "default": "x", "reward": pm.Uniform(), "num_samples": 8, "seed": 0,
    }, nothing),
    "penalised_optimum": Call(pm.penalised_optimum, lambda: {
        "env_or_mdp": small_mdp(), **_deviating(), "baseline": "stepwise", "beta": 1.0, "steps": 5, "finite_horizon": True, "nonterminal": "full",
    }, lambda found: [finite(one.values) for one in (found if isinstance(found, list) else [found])] and None),
    "reward_distance": Call(pm.reward_distance, lambda: {
        "env_or_mdp": small_mdp(), "reward": _R(), "other": np.array([0.0, 0.0, 1.0]), "gamma": 0.9, "method": "epic", "extension": "zero",
    }, lambda found: finite(found.distance)),
    "reward_regret": Call(pm.reward_regret, lambda: {"env_or_mdp": small_mdp(), "reward": _R(), "true": "performance", "gamma": 0.9, "tie_tolerance": 1e-9}, lambda found: finite(found.worst)),
    "preference_confusion": Call(pm.preference_confusion, lambda: {
        "env_or_mdp": small_mdp(), "reward": _R(), "true": "reward", "length": 3, "start": "uniform", "policy": _table(), "segments": None, "num_pairs": 50, "seed": 0,
    }, lambda found: finite(found.table), ("length", "num_pairs")),
    "safety_scores": Call(pm.safety_scores, lambda: {"env_or_mdp": small_mdp(), "steps": 5, "name": None}, nothing),
    "horizon_score": Call(pm.horizon_score, lambda: {"env_or_mdp": small_mdp(), "policy": _table(), "steps": 5}, finite),
    "horizon_optimum": Call(pm.horizon_optimum, lambda: {"env_or_mdp": small_mdp(), "steps": 5, "objective": "reward"}, nothing),
    "rollout_counts": Call(pm.rollout_counts, lambda: {
        "agent": lambda seen: 0, "env": gym.make("PowerGrid-v0", level="S.").unwrapped, "num_steps": 10, "seed": 0, "deterministic": False,
    }, finite, ("agent",)),
    "power_front": Call(pm.power_front, lambda: {
        "env": small_mdp(), "gamma": 0.9, "power": _R(), "initial": None, "max_points": 50,
    }, nothing),
    "measure_behaviour": Call(pm.measure_behaviour, lambda: {
        "trajectories": ([0, 1, 1, 0], [0, 1, 0, 1]), "env": small_mdp(), "gamma": 0.9, "power": _R(), "errors": "episodes", "initial": None, "check": False,
    }, nothing),
    "drawn_rewards": Call(pm.drawn_rewards, lambda: {"env_or_mdp": small_mdp(), "indices": [0, 3], "reward": pm.Uniform(), "seed": 0, "method": "sobol", "num_samples": 16}, finite),
    "drawn_pairs": Call(pm.drawn_pairs, lambda: {"game": small_game(), "indices": 2, "correlation": 0.5, "reward": pm.Uniform(), "seed": 0}, finite),
    "pair_policies": Call(pm.pair_policies, lambda: {"game": small_game(), "rewards": (np.ones(6), np.arange(6.0)), "gamma": 0.5, "gamma_a": None, "seed_policy": None, "rounds": 1}, nothing),
    "tracker": Call(_tracked, lambda: {
        "power": _R(), "gamma": 0.9, "initial": None, "states": [0, 1], "actions": [0, 0], "policy": _table(), "step": 1.0,
    }, statistics),
    "mdp": Call(TabularMDP.from_transitions, lambda: {
        "transitions": _transitions(), "state_labels": ["a", "b"], "action_labels": ["x"], "initial": "a", "terminal": None, "reward": [1, 2, 3], "performance": None,
    }, check_model),
    "mdp_mapped": Call(TabularMDP.from_transitions, lambda: {
        "transitions": _transitions(), "initial": {"a": 1.0}, "terminal": ["c"], "reward": {("a", "x", "b"): 1.0}, "performance": {("a", "x", "b"): 1.0},
    }, check_model),
    "mdp_tables": Call(TabularMDP, lambda: {name: np.array(getattr(small_mdp(), name)) for name in TabularMDP.content} | {
        "state_labels": ("a", "b", "c"), "action_labels": ("x", "y"), "board": ("..", "."), "cells": np.zeros((3, 2), int), "observation": np.zeros(3, int),
    }, check_model),
    "mdp_with": Call(small_mdp().with_, lambda: {"initial": "y", "reward": np.zeros(5), "terminal": np.zeros(3, bool), "board": None, "state_labels": "xyz"}, check_model),
    "game": Call(TabularGame.from_transitions, lambda: {
        "transitions": _joint_transitions(), "agents": ("human", "ai"), "state_labels": ["a", "b"], "action_labels": {"human": ["x"], "ai": ["u", "v"]},
        "initial": None, "terminal": None, "reward": {"human": [1, 2]}, "performance": None,
    }, check_model),
    "against": Call(small_game().against, lambda: {"policies": {"ai": np.full((6, 5), 0.2)}}, check_model),
    "product_game": Call(lambda first, second, **rest: product_game(first, second, **rest), lambda: {
        "first": small_mdp(), "second": small_mdp(), "agents": ("human", "ai"), "max_gib": 0.1,
    }, check_model),
    "policy": Call(Policy, lambda: {"model": small_mdp(), "agent": None, "table": _table()}, sums_to_one),
    "policy_set": Call(_policy_with, lambda: {"state": "a", "action": {"x": 0.5, "y": 0.5}}, sums_to_one),
    "rollout": Call(rollout, lambda: {"model": small_mdp(), "policies": _table(), "start": "a", "num_steps": 5, "seed": 0}, nothing),
    "next_states": Call(next_states, lambda: {"model": small_game(), "policies": {"human": np.array(Policy(small_game(), "human")), "ai": Policy(small_game(), "ai")}, "state": small_game().state_labels[0]},
                        lambda found: sums_to_one(list(found.values()))),
    "uniform": Call(pm.Uniform, lambda: {"low": 0.0, "high": 1.0}, distribution),
    "beta": Call(pm.Beta, lambda: {"a": 1.0, "b": 2.0}, distribution),
    "normal": Call(pm.Normal, lambda: {"mean": 0.0, "std": 2.0}, distribution),
    "pareto": Call(pm.Pareto, lambda: {"scale": 1.0, "alpha": 5.0}, distribution),
    "bernoulli": Call(pm.Bernoulli, lambda: {"p": 0.5}, distribution),
    "empirical": Call(pm.Empirical, lambda: {"values": [0, 1, 2], "probabilities": [0.5, 0.25, 0.25]}, distribution),
    "per_state": Call(pm.PerState, lambda: {"distributions": {"a": pm.Uniform(-1, 1)}, "default": pm.Beta(1, 2)}, distribution),
    "grid": Call(PowerGrid, lambda: {"level": "S.\n..", "noise": 0.1, "noise_bias": {"up": 0.05}, "walls": "bump", "reward": {"(0, 0)": 1.0}}, lambda world: check_model(world.tables())),
    "pair": Call(PowerPair, lambda: {
        "level": "SS\n..", "overlaps": False, "no_swaps": True, "noise": 0.0, "noise_bias": None, "walls": "absent", "reward": {"human": {"(0, 0)": 1.0}},
    }, lambda world: check_model(world.tables())),
    "one_key": Call(OneKey, lambda: {}, lambda world: check_model(world.tables())),
    "edited": Call(EditedWorld, lambda: {"level": "SS\n..", "noise": 0.0, "walls": "bump", "pair": True, "overlaps": False}, lambda world: check_model(world.model())),
    "solve": Call(pm.solve, lambda: {"env_or_mdp": small_mdp(), "rewards": _R(), "gamma": 0.9, "threads": 1}, lambda found: finite(found.values)),
    "q_learners": Call(_learned, lambda: {"rewards": np.eye(3), "gamma": 0.9, "num_steps": 20}, sums_to_one),
    "run_policies": Call(pm.run_policies, lambda: {
        "result": one_agent(), "index": 3, "reward": pm.Uniform(), "states_with_identical_rewards": None, "allow_all_equal": True,
    }, lambda found: sums_to_one(found.policies)),
    "run_policies_pair": Call(pm.run_policies, lambda: {"result": two_agents(), "index": 3}, lambda found: [sums_to_one(table) for table in found.policies.values()] and None),
    "run_rollout": Call(lambda **options: pm.run_policies(one_agent(), 3).rollout(**options), lambda: {"start": "a", "num_steps": 5, "seed": 0}, nothing),
    "unsafe_choices": Call(pm.power_of_unsafe_choices, lambda: {"scores": pm.safety_scores(small_mdp(), 5), "power": _R()}, nothing, ("scores",)),
    "safety_table": Call(lambda **options: next(pm.safety_table(**options)), lambda: {"steps": 3, "progress": False}, nothing),
    "estimate": Call(lambda level, label: (*one_agent().confidence_interval(level), one_agent()[label]), lambda: {"level": 0.9, "label": "a"}, lambda found: [finite(part) for part in found] and None),
    "two_agents": Call(lambda agent, baseline, level: [
        two_agents()[agent].mean, two_agents().average(agent, baseline=baseline), two_agents().average_error(agent, baseline=baseline), two_agents().alignment_interval(level),
    ], lambda: {"agent": "human", "baseline": True, "level": 0.9}, lambda found: [finite(part) for part in found[:3]] and None),
    "comparison": Call(lambda name, other, statistic, level: [
        *comparison().difference(name, other, statistic, level), *comparison().confidence_interval(name, statistic, level),
    ], lambda: {"name": "learned", "other": "random", "statistic": "normalised", "level": 0.9}, nothing),
    "sweep": Call(_sweep, lambda: {
        "executor": None, "workers": None, "progress": False, "tensorboard": False, "wandb": False, "fresh": False, "figures": False,
    }, lambda found: [estimate(point.result) for point in found.points] and None, ("tensorboard", "wandb", "figures")),
    "select": Call(lambda **settings: swept().select(**settings), lambda: {"gamma": 0.1, "num_samples": 4, "level": "S."}, nothing),
    "load_sweep": Call(_loaded, lambda: {"partial": False}, lambda found: [estimate(point.result) for point in found.points] and None),
    "torch_distribution": Call(pm.TorchDistribution, lambda: {"distribution": torch.distributions.Uniform(0.0, 1.0)}, distribution),
    "wrapper": Call(_wrapped, lambda: {"power": np.ones(2), "gamma": 0.9, "action": 0}, sums_to_one),
    "vector_wrapper": Call(_wrapped_vector, lambda: {"power": np.ones(2), "gamma": 0.9, "actions": np.zeros(2, int)}, sums_to_one),
    "parallel_wrapper": Call(_wrapped_parallel, lambda: {"power": {"human": np.ones(4), "ai": np.ones(4)}, "agent": "human", "gamma": 0.9}, statistics),
    "transition_tensor": Call(small_mdp().transition_tensor, lambda: {"sparse": False, "device": None, "dtype": None, "max_gib": 1.0}, lambda found: finite(found.to_dense().cpu())),
    "reward_tensor": Call(small_mdp().reward_tensor, lambda: {"performance": False}, finite),
    "labels": Call(lambda state, action, joint, agent: [
        small_mdp().describe(small_mdp().index(state)), small_mdp().action_index(action), small_game().action_index(agent, joint), small_game().uniform_policy(agent),
    ], lambda: {"state": "a", "action": "x", "joint": "x", "agent": "human"}, nothing),
    "describe": Call(small_mdp().describe, lambda: {"state": 0}, nothing),
    "fold": Call(small_game().fold, lambda: {"policies": {}}, check_model),
    "without_overlaps": Call(PowerPair("SS").tables().without_overlaps, lambda: {"no_swaps": True}, check_model),
    "with_bumping": Call(PowerPair("SS").tables().with_bumping, lambda: {"no_swaps": True}, check_model),
    "state_rewards": Call(pm.state_rewards, lambda: {"env_or_mdp": endless()}, finite),
    "corrupt": Call(pm.corrupt, lambda: {"env_or_mdp": endless(), "rewards": {0: 1.0, 2: 0.5}}, check_model),
    "reversed_rewards": Call(pm.reversed_rewards, lambda: {"env_or_mdp": endless(), "low": 0.0, "high": 1.0}, check_model),
    "long_run_rates": Call(pm.long_run_rates, lambda: {
        "env_or_mdp": endless(), "policy": np.full((3, 3), 1 / 3), "gamma": None, "initial": np.array([0.5, 0.25, 0.25]),
    }, finite),
    "vtrace_operator": Call(pm.vtrace_operator, lambda: {
        "env_or_mdp": endless(), "behaviour": np.full((3, 3), 1 / 3), "target": np.eye(3), "gamma": 0.9, "rho": 1.0, "c": 1.0,
    }, lambda found: finite(found.fixed_point)),
    "vtrace_fixed_point": Call(pm.vtrace_fixed_point, lambda: {
        "env_or_mdp": endless(), "behaviour": np.full((3, 3), 1 / 3), "target": np.eye(3), "gamma": 0.9, "rho": 2.0, "c": 1.0,
    }, finite),
    "train": Call(pm.train, lambda: {
        "env": gym.make("PowerGrid-v0", level="S.G", max_episode_steps=9), "algorithm": "q_learning", "steps": 20, "seed": 0,
        "gamma": 0.9, "eval_every": 10, "power": np.arange(3.0), "settings": {"decay": 0.5}, "progress": False,
    }, lambda found: finite(found.returns), fixed=("steps", "eval_every")),
    "return_distribution": Call(pm.return_distribution, lambda: {
        "env": endless(), "policy": np.full((3, 3), 1 / 3), "gamma": 0.9, "num_atoms": 5, "support": None,
    }, lambda found: finite(found.means), fixed=("num_atoms",)),
    "train_many": Call(pm.train_many, lambda: {
        "worlds": {"a": ("PowerGrid-v0", {"level": "S.G", "max_episode_steps": 9})}, "algorithms": ["q_learning"],
        "seeds": 1, "steps": 20, "gamma": 0.9, "eval_every": 10, "settings": {"q_learning": {"decay": 0.5}},
        "executor": "processes", "workers": 1, "progress": False,
    }, lambda found: finite(found.returns), fixed=("worlds", "seeds", "steps", "eval_every", "workers")),
    "many_tasks": Call(pm.many_tasks, lambda: {
        "env": gym.make("PowerGrid-v0", level="S.G", max_episode_steps=9), "learner": "q_learning", "steps": 20, "num_tasks": 2,
        "gamma": 0.9, "seed": 0, "eval_every": 10, "settings": {"decay": 0.5}, "power": np.arange(3.0), "progress": False,
    }, lambda found: finite(found.returns), fixed=("steps", "num_tasks", "eval_every")),
    "many_game_tasks": Call(pm.many_tasks, lambda: {
        "env": power_pair_v0.parallel_env(level="S."), "learner": "q_learning", "steps": 20, "num_tasks": 2, "gamma": 0.9, "seed": 0,
        "eval_every": 10, "settings": {"epsilon": 0.5}, "power": {"human": np.arange(4.0), "ai": np.arange(4.0)}, "progress": False,
    }, lambda found: finite(found.returns), fixed=("steps", "num_tasks", "eval_every")),
    "no_free_lunch": Call(pm.no_free_lunch, lambda: {
        "env_or_mdp": endless(), "policy": np.full((3, 3), 1 / 3), "steps": 5, "low": 0.0, "high": 1.0,
    }, lambda found: finite(found.regret)),
    "worst_case_regret": Call(pm.worst_case_regret, lambda: {
        "env_or_mdp": endless(), "policy": None, "q": 1, "delta": 0.5, "risky": [0, 2], "max_models": 100,
    }, lambda found: finite(found.regret)),
    "worst_case_of_policy": Call(pm.worst_case_regret, lambda: {"env_or_mdp": endless(), "policy": np.full((3, 3), 1 / 3), "q": 2}, lambda found: finite(found.regret)),
    "corrupt_agents": Call(pm.corrupt_agents, lambda: {
        "env_or_mdp": endless(), "gamma": 0.9, "epsilon": 0.1, "beta": 2.0, "deltas": (0.5, 0.75),
    }, nothing),
    "corrupt_learning": Call(pm.corrupt_learning, lambda: {
        "env_or_mdp": endless(), "kind": "q_learning", "steps": 50, "num_runs": 2, "gamma": 0.9, "rate": 0.1, "epsilon": 0.1, "beta": 2.0, "delta": 0.5,
        "initial_q": 1.0, "seed": 0, "progress": False,
    }, lambda found: finite(found.mean)),
    "q_fixed_point": Call(pm.q_fixed_point, lambda: {
        "env_or_mdp": small_mdp(), "rule": "sarsa", "behaviour": "softmax", "gamma": 0.9, "epsilon": 0.1, "beta": 2.0,
    }, lambda found: sums_to_one(found.policy)),
    "quantiliser_delta": Call(pm.quantiliser_delta, lambda: {"q": 1, "num_states": 25}, finite),
    "quantiliser_bound": Call(pm.quantiliser_bound, lambda: {"delta": 0.5, "q": 1, "num_states": None, "num_above": 5}, finite),
    "quantilised_policy": Call(pm.quantilised_policy, lambda: {
        "base": np.full((3, 2), 0.5), "values": np.array([[0.0, 1.0], [2.0, 2.0], [1.0, -1.0]]), "fraction": 0.75,
    }, sums_to_one),
    "observation_graph": Call(pm.observation_graph, lambda: {"env_or_mdp": small_mdp(), "kind": "semi_supervised", "safe": ["a", "c"]}, finite),
    "learnable_rewards": Call(pm.learnable_rewards, lambda: {"env_or_mdp": small_mdp(), "observations": np.ones((3, 3), bool), "q": 1, "safe": ["a"]}, nothing),
    "inferred_rewards": Call(pm.inferred_rewards, lambda: {
        "data": np.array([[0.0, 1.0, np.nan], [0.0, 1.0, 0.5], [np.nan, 1.0, 0.5]]), "q": 1, "levels": [0.0, 0.5, 1.0], "safe": [1],
    }, finite),
    "aup": Call(pm.aup, lambda: {
        "env_or_mdp": endless(), "agent": "planning", "baseline": "stepwise", "function": "absolute", "price": 0.5, "gamma": 0.9, "default": "noop",
        "steps": 4, "plan_steps": 3, "num_samples": 2, "num_episodes": 3, "num_learners": 2, "seed": 0, "threads": 1, "progress": False,
    }, lambda found: finite(found.performances)),
    "penalised_learning": Call(pm.penalised_learning, lambda: {
        "env_or_mdp": endless(), "measure": "attainable_utility", "function": "absolute", "baseline": "stepwise", "rollouts": True, "beta": [0.5], "gamma": 0.9,
        "value_discount": 0.8, "default": "noop", "steps": 4, "nonterminal": "full", "num_episodes": 3, "num_learners": 2, "learning_rate": 0.5,
        "num_samples": 2, "seed": 0, "threads": 1, "progress": False,
    }, lambda found: [finite(one.final_performances) for one in (found if isinstance(found, list) else [found])] and None),
    "agency": Call(pm.agency, lambda: {
        "env_or_mdp": small_mdp(), "trajectory": [("a", "x"), ("b", None)], "agents": "goals", "devices": ["uniform", "previous+walls", "tree(2)"], "prior": 0.5, "steps": 3, "seed": 0,
    }, lambda found: finite(found.probability), ("steps",)),
    "policy_agency": Call(pm.policy_agency, lambda: {
        "env_or_mdp": endless(), "policy": np.full((3, 3), 1 / 3), "agents": "goals", "devices": ["uniform", "previous+walls"], "prior": 0.5, "steps": 3,
        "episodes": 5, "gamma": 0.9, "seed": 0,
    }, lambda found: finite(found.probability), ("steps", "episodes")),
    "agency_measures": Call(pm.agency_measures, lambda: {
        "env_or_mdp": endless(), "policies": {"mine": np.full((3, 3), 1 / 3)}, "agents": "goals", "devices": ["uniform"], "prior": 0.5, "gamma": 0.9,
        "steps": 3, "episodes": 5, "num_samples": 5, "empowerment_steps": 1, "power": np.arange(3.0), "seed": 0,
    }, lambda found: finite(found.probability), ("steps", "episodes", "num_samples", "empowerment_steps")),
    "agency_over_training": Call(lambda run, **settings: pm.agency_over_training(run, **settings), lambda: {
        "run": pm.train(gym.make("PowerGrid-v0", level="S.G", max_episode_steps=5), "q_learning", steps=20, eval_every=10, progress=False),
        "steps": 3, "episodes": 5, "num_samples": 5,
    }, lambda found: finite(found.probability), ("steps", "episodes", "num_samples")),
    "meg": Call(pm.meg, lambda: {"env_or_mdp": endless(), "policy": np.full((3, 3), 1 / 3), "utility": np.eye(3), "steps": 3}, lambda found: finite(found.meg), ("steps",)),
    "coherence": Call(pm.coherence, lambda: {
        "env_or_mdp": endless(), "policy": np.full((3, 3), 1 / 3), "gamma": 0.9, "reward": pm.Uniform(0, 1), "num_samples": 5, "seed": 0,
    }, lambda found: finite(found.coherence), ("num_samples",)),
    "goal_agents": Call(lambda **given: pm.agency(endless(), [(0, 0)], pm.GoalAgents(**given)), lambda: {
        "goals": [0, 2], "epsilons": [0.1], "betas": [1.0], "switching": 0.1, "weights": [0.5, 0.5],
    }, lambda found: finite(found.probability)),
    "reward_agents": Call(lambda **given: pm.agency(endless(), [(0, 0)], pm.RewardAgents(**given)), lambda: {
        "rewards": pm.Uniform(0, 1), "gamma": 0.9, "num_rewards": 3, "seed": 0, "epsilons": [0.1], "betas": [1.0], "switching": 0.1, "weights": None,
    }, lambda found: finite(found.probability), ("num_rewards",)),
    "agency_step": Call(lambda state, action: pm.AgencyTracker(small_mdp()).step(state, action), lambda: {"state": "a", "action": "x"}, nothing),
    "trajectory": Call(pm.trajectory, lambda: {
        "env_or_mdp": small_mdp(), "kind": "random_walk", "steps": 3, "start": "a", "goal": None, "epsilon": 0.5, "seed": 0,
    }, nothing, ("steps",)),
    "save_trajectory": Call(_kept, lambda: {"walk": pm.trajectory(small_mdp(), "random_walk", 3), "name": "walk.csv"}, nothing),
    "plot_training": Call(_trained, lambda: {
        "runs": {"PPO": [[{"step": 0, "normalised": 0.0}, {"step": 9, "normalised": end}] for end in (0.5, 0.75)]}, "columns": ["normalised"], "band": "interval",
        "ax": None, "title": "two runs", "path": None,
    }, nothing, ("ax", "path")),
}  # fmt: skip
