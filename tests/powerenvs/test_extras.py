"""Lines that install optional parts, and messages that name what to write instead."""

from __future__ import annotations

import json

import pytest

from powerenvs import Level, extras
from powerenvs.worlds.power import PowerGrid

PIP = {
    "release": (None, "pip install 'powerenvs[app]'"),
    "folder": ({"url": "file:///home/me/powerenvs", "dir_info": {}}, "'powerenvs[app] @ file:///home/me/powerenvs'"),
    "git": (
        {"url": "https://example.org/p.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}},
        "'powerenvs[app] @ git+https://example.org/p.git@abc'",
    ),
}


@pytest.mark.parametrize("name", PIP)
def test_what_pip_has_installed(tmp_path, monkeypatch, name):
    origin, expected = PIP[name]
    info = tmp_path / "powerenvs-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: powerenvs\nVersion: 1\n")
    if origin is not None:
        (info / "direct_url.json").write_text(json.dumps(origin))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(extras, "ROOT", tmp_path)
    assert extras.install_line("app").endswith(expected)


def test_a_checkout(tmp_path, monkeypatch):
    (tmp_path / "setup.cfg").write_text("")
    monkeypatch.setattr(extras, "ROOT", tmp_path)
    assert extras.install_line("ray") == f"pip install -e '{tmp_path}[ray]'"
    monkeypatch.chdir(tmp_path)
    assert extras.install_line("ray") == "pip install -e '.[ray]'"


@pytest.mark.parametrize(
    ("name", "there"),
    [
        ("labels", "state_labels and action_labels"),
        ("label", r"state_labels\[state\]"),
        ("T", "transition_tensor"),
        ("num_state", "num_states"),
        ("fingerprnt", "fingerprint"),
    ],
)
def test_names_of_other_programs(name, there):
    with pytest.raises(AttributeError, match=f"TabularMDP has no attribute '{name}'; there is .*{there}"):
        getattr(PowerGrid("S..").tables(), name)


@pytest.mark.parametrize("name", ["_labls", "zzzz"])
def test_names_that_nobody_has(name):
    with pytest.raises(AttributeError, match=f"TabularMDP has no attribute '{name}'$"):
        getattr(PowerGrid("S..").tables(), name)
    assert not hasattr(PowerGrid("S..").tables(), name)


def test_states_that_are_not_there():
    mdp = PowerGrid("S..\n...").tables()
    assert mdp.index("(0,1)") == mdp.index("( 0, 1 )") == mdp.index((0, 1)) == 1
    for name in ("(9,9)", (9, 9), "(9, 9)"):
        with pytest.raises(ValueError, match=r"unknown state .*; expected one of 6, from '\(0, 0\)' to '\(1, 2\)'"):
            mdp.index(name)


def test_two_kinds_of_starts():
    legend = {"a": "AI start", "h": "human start", ".": "floor"}
    with pytest.raises(ValueError, match=r"whose starts are 'a' and 'h', write Level\.parse\(\.\.\., start=None\)"):
        Level.parse("a.#h..", legend)
    assert Level.parse("a.#h..", legend, start=None).find("h").tolist() == [[0, 3]]
