"""Archives that somebody made by hand: one kind of error, and no more memory than the file is worth."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import gymnasium as gym
import pytest
import torch
from sb3_contrib import QRDQN
from stable_baselines3 import DQN, PPO

from power_metrics.agents.sb3_files import load_policy
from power_metrics.cli import main as cli

ROOT = Path(__file__).parents[3]


def make():
    return gym.make("powerenvs:PowerGrid-v0", level="open_3x3")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder, small = tmp_path_factory.mktemp("models"), {"policy_kwargs": {"net_arch": [4]}, "device": "cpu"}
    PPO("MlpPolicy", make(), **small).save(folder / "ppo.zip")
    DQN("MlpPolicy", make(), buffer_size=10, **small).save(folder / "dqn.zip")
    QRDQN("MlpPolicy", make(), buffer_size=10, **small).save(folder / "qrdqn.zip")
    return folder


def crafted(source, path, data=None, weights=None):
    """A copy with other settings or weights: functions of those there."""
    with zipfile.ZipFile(source) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    if data is not None:
        parts["data"] = json.dumps(data(json.loads(parts["data"]))).encode()
    if weights is not None:
        stream = io.BytesIO()
        torch.save(weights(torch.load(io.BytesIO(parts["policy.pth"]), weights_only=True)), stream)
        parts["policy.pth"] = stream.getvalue()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


def with_kwargs(**kwargs):
    return lambda data: {**data, "policy_kwargs": {"net_arch": [4], **kwargs}}


def activation(name):
    return with_kwargs(activation_fn=f"<class 'torch.nn.modules.activation.{name}'>")


DATA = {
    **{f"settings {value!r}": lambda _, value=value: value for value in ([], None, "x", 3)},
    **{
        f"policy_kwargs {value!r}": lambda data, value=value: {**data, "policy_kwargs": value}
        for value in ([1], "x", 3, True)
    },
    **{
        f"net_arch {value!r}": with_kwargs(net_arch=value)
        for value in (
            [-1], [0], ["a"], 5, {"pi": 3}, {"pi": [4], "qf": [4]}, [64.5], [[[]]], True, [True], [[4]], [4, 4], [1] * 10_000,
            [10**6, 10**6], [10**30], {"pi": [4], "vf": [5]}, [{"pi": 3}], "x",
        )
    },
    **{name: activation(name) for name in ("MultiheadAttention", "Module", "Linear", "Parameter", "functional", "Softmax")},
    "share_features_extractor": with_kwargs(share_features_extractor=[]),
    "normalize_images": with_kwargs(normalize_images=3),
}  # fmt: skip

WEIGHTS = {
    "tensor": lambda _: torch.zeros(3),
    "list": lambda _: [1],
    "none": lambda _: None,
    "text": lambda _: "x",
    "int keys": lambda w: dict(enumerate(w.values())),
    "mixed keys": lambda w: {**w, 3: torch.zeros(1)},
    "numbers": lambda w: dict.fromkeys(w, 1.0),
    "empty": lambda _: {},
    "nan": lambda w: {**w, "action_net.bias": torch.full_like(w["action_net.bias"], torch.nan)},
    "another shape": lambda w: {**w, "action_net.bias": torch.zeros(77)},
    "expanded": lambda w: {**w, "action_net.weight": torch.zeros(1).expand(10**6, 10**6)},
    "shared": lambda w: {**w, **{f"more.{i}": w["action_net.weight"] for i in range(100)}},
    "sparse": lambda w: {**w, "action_net.bias": torch.zeros(5).to_sparse()},
    "meta": lambda w: {**w, "action_net.bias": torch.zeros(10**12, device="meta")},
    "one missing": lambda w: {key: value for key, value in w.items() if key != "action_net.bias"},
    "pictures": lambda w: {**w, "features_extractor.cnn.0.weight": torch.zeros(1)},
}


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("kind", ["ppo", "dqn"])
def test_odd_settings_are_refused(models, tmp_path, kind, name):
    path = crafted(models / f"{kind}.zip", tmp_path / "odd.zip", data=DATA[name])
    with pytest.raises(ValueError, match=r"odd\.zip: "):
        load_policy(path, make())


@pytest.mark.parametrize("name", WEIGHTS)
def test_odd_weights_are_refused(models, tmp_path, name):
    path = crafted(models / "ppo.zip", tmp_path / "odd.zip", weights=WEIGHTS[name])
    with pytest.raises(ValueError, match=r"odd\.zip: "):
        load_policy(path, make())


@pytest.mark.parametrize("bias", [None, torch.tensor(3.0), torch.zeros(7)])
def test_odd_quantiles_are_refused(models, tmp_path, bias):
    def change(weights):
        last = [key for key in weights if key.startswith("quantile_net.") and key.endswith("bias")][-1]
        del weights[last]
        return weights if bias is None else {**weights, last: bias}

    path = crafted(models / "qrdqn.zip", tmp_path / "odd.zip", weights=change)
    with pytest.raises(ValueError, match=r"odd\.zip: "):
        load_policy(path, make())


@pytest.mark.parametrize("kind", ["ppo", "dqn", "qrdqn"])
def test_even_ones_are_read(models, tmp_path, kind):
    policy, _ = load_policy(crafted(models / f"{kind}.zip", tmp_path / "even.zip", data=dict), make())
    again, _ = load_policy(models / f"{kind}.zip", make())
    for name, value in again.state_dict().items():
        assert torch.equal(policy.state_dict()[name], value)


@pytest.mark.parametrize("gamma", [[], "x", None, 2, {}])
def test_odd_discounts_are_refused_by_the_command(models, tmp_path, capsys, gamma):
    path = crafted(models / "ppo.zip", tmp_path / "odd.zip", data=lambda data: {**data, "gamma": gamma})
    status = cli.main(["compare", str(path), "--env", "PowerGrid-v0", "--level", "open_3x3", "--samples", "8"])
    assert status == (0 if gamma == {} else 2)  # a mapping is no plain setting, so that the default holds
    assert status == 0 or "gamma" in capsys.readouterr().err


def test_weights_are_sized_before_they_are_read(models, tmp_path, monkeypatch):
    monkeypatch.setattr("powerenvs.model.npz.ALWAYS_READ", 1 << 20)
    path = crafted(models / "ppo.zip", tmp_path / "odd.zip", weights=lambda _: {"a": torch.zeros(3_000, 3_000)})
    with pytest.raises(ValueError, match=r"bytes that claim to be 36,\d{3},\d{3}"):
        load_policy(path, make())


@pytest.mark.slow
def test_a_small_file_takes_little_memory(models, tmp_path):
    """145 kB of settings took 7.3 GB."""
    crafted(models / "ppo.zip", tmp_path / "odd.zip", data=with_kwargs(net_arch=[30_000, 30_000]))
    code = (
        "import resource, sys, gymnasium as gym\nfrom power_metrics.agents.sb3_files import load_policy\n"
        "env = gym.make('powerenvs:PowerGrid-v0', level='open_3x3')\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: load_policy(sys.argv[1], env)\nexcept ValueError: pass\nelse: sys.exit('read')\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "odd.zip")], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 100_000  # kilobytes
