"""Importing the package is cheap, and registering happens once."""

from __future__ import annotations

import subprocess
import sys

import gymnasium as gym
import pytest

from powerenvs.registry import environments, register_families

HEAVY = ("torch", "numba", "matplotlib", "pygame", "pandas", "stable_baselines3", "pettingzoo")


@pytest.mark.parametrize("package", ["powerenvs", "power_metrics"])
def test_import_loads_nothing_heavy(package):
    code = f"import sys, {package}; print([m for m in {HEAVY!r} if m in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_make_by_module_needs_no_import():
    code = "import gymnasium; print(gymnasium.make('powerenvs:PowerGrid-v0').unwrapped.mdp.num_states)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "104"


def test_every_id_is_registered_once():
    register_families()
    for entry in environments():
        spec = gym.registry[entry.id]
        assert spec.vector_entry_point is not None
        assert spec.max_episode_steps == entry.max_episode_steps
