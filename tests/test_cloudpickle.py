"""What workers of Ray, SubprocVecEnv and spawned environments are sent: functions that mention public names."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import cloudpickle
import pytest

import power_metrics as pm
import powerenvs
from power_metrics import plots
from powerenvs import multi
from tests.public_names import public

PUBLIC = public()
GAMES = [name for name in multi.__all__ if name in multi.GAMES]


def mentioned(module, name):
    """A function as a user would write it in a script: it finds the name through the module."""
    return lambda: getattr(module, name)


@pytest.mark.parametrize("module", [pm, powerenvs, plots, multi, *(getattr(multi, name) for name in GAMES)])
def test_functions_that_mention_a_module(module):
    names = module.__all__
    again = cloudpickle.loads(cloudpickle.dumps([mentioned(module, name) for name in names]))
    for name, found in zip(names, again, strict=True):
        assert name == "GAMES" or found() is getattr(module, name), name  # it is made when it is asked for


def test_public_things_themselves():
    """By reference, as pickle does it: what comes back is the thing itself."""
    for name, thing in PUBLIC.items():
        assert cloudpickle.loads(cloudpickle.dumps(thing)) is thing, name


WRAPPED = """
import cloudpickle, sys
made = cloudpickle.load(open(sys.argv[1], "rb"))
for name, make in made.items():
    env = make()
    env.reset(seed=0)
    print(name, type(env).__name__)
"""


def test_wrappers_are_made_in_a_spawned_process(tmp_path):
    """Each from a function that mentions the package, in a Python that has not imported it."""
    import gymnasium as gym
    import numpy as np

    def grid():
        return gym.make("powerenvs:PowerGrid-v0", level="open_3x3")

    def copies():
        return gym.make_vec("powerenvs:PowerGrid-v0", 2, "vector_entry_point", level="open_3x3")

    def game():
        return multi.power_pair_v0.parallel_env(level="..")

    power = np.arange(9.0)
    both = {"human": np.arange(4.0), "ai": np.arange(4.0)}
    made = {
        "PowerWrapper": lambda: pm.PowerWrapper(grid(), power),
        "PowerVectorWrapper": lambda: pm.PowerVectorWrapper(copies(), power),
        "PowerReward": lambda: pm.PowerReward(grid(), -1.0, power),
        "PowerParallelWrapper": lambda: pm.PowerParallelWrapper(game(), both),
        "ReturnsWrapper": lambda: pm.ReturnsWrapper(grid()),
        "ReturnsVectorWrapper": lambda: pm.ReturnsVectorWrapper(copies()),
        "SideEffectPenalty": lambda: pm.SideEffectPenalty(grid(), beta=1.0),
    }
    # Functions of this module go by value, as those of a user's script do.
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    try:
        (tmp_path / "made.pkl").write_bytes(cloudpickle.dumps(made))
    finally:
        cloudpickle.unregister_pickle_by_value(sys.modules[__name__])
    folder = str(Path(pm.__file__).parent.parent)
    path = os.pathsep.join([folder, os.environ.get("PYTHONPATH", "")])
    found = subprocess.run(
        [sys.executable, "-c", WRAPPED, str(tmp_path / "made.pkl")],
        capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": path}, cwd=tmp_path,
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    assert found.stdout.split() == [word for name in made for word in (name, name)]
