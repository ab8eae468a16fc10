"""Environments named by their class or by a Python file."""

import numpy as np
import pytest

from power_metrics.cli.main import main
from powerenvs import tabular_model
from tests.own_envs import FromZero

SOURCE = """
import gymnasium as gym

class Two(gym.Env):
    observation_space = action_space = gym.spaces.Discrete(2)
    def __init__(self, pay=1.0):
        self.pay, self.at = pay, 0
    def reset(self, *, seed=None, options=None):
        self.at = 0
        return 0, {}
    def step(self, action):
        self.at = int(action)
        return self.at, self.pay * self.at, False, False, {}
"""


@pytest.mark.parametrize("name", ["{file}", "{file}:Two", "tests.own_envs:FromZero", "minigrid:MiniGrid-Empty-5x5-v0"])
def test_names(name, tmp_path, capsys):
    if "minigrid" in name:
        pytest.importorskip("minigrid")
    file = tmp_path / "two.py"
    file.write_text(SOURCE)
    given = name.format(file=file)
    assert main(["power", given, "--gamma", "0.5", "--samples", "20"]) == 0
    assert given in capsys.readouterr().out


def test_classes_are_those_of_their_files(tmp_path):
    for folder, pay in (("a", 1.0), ("b", 2.0)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "two.py").write_text(SOURCE.replace("pay=1.0", f"pay={pay}"))
    found = [tabular_model(str(tmp_path / folder / "two.py") + ":Two").reward.max() for folder in "ab"]
    assert found == [1.0, 2.0]
    np.testing.assert_array_equal(tabular_model("tests.own_envs:FromZero").P, tabular_model(FromZero()).P)


def test_refusals(tmp_path, capsys):
    file = tmp_path / "two.py"
    for text, message in (
        ("", "found none"),
        ("1 / 0", "ZeroDivisionError"),
        (SOURCE + SOURCE.replace("Two", "Four"), "Two, Four"),
    ):
        file = tmp_path / f"file_{len(text)}.py"
        file.write_text(text)
        assert main(["power", str(file)]) == 2
        assert message in capsys.readouterr().err
    assert main(["power", str(tmp_path / "missing.py")]) == 2
    assert "no such file" in capsys.readouterr().err
