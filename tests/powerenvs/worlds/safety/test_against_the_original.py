"""The AI Safety Gridworlds against what the original does: tables, recorded episodes, figures.

`data/safety_tables.json` has the reachable states of the original's smaller worlds, numbered in the order in which a
breadth-first walk over the actions meets them: the successor and the outcome (reward, performance, whether it ends the
episode) of every action, and a checksum of every board. `data/safety_episodes.json` has episodes of all worlds.
"""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import numpy as np
import pytest

from powerenvs import compile_world
from tests.powerenvs.worlds.safety.scripts import build

DATA = Path(__file__).parents[2] / "data"
TABLES = json.loads((DATA / "safety_tables.json").read_text())
EPISODES = json.loads((DATA / "safety_episodes.json").read_text())


def checksum(world, state) -> int:
    return zlib.crc32("\n".join(world.board(state)).encode())


class TestAgainstTheOriginal:
    @pytest.mark.parametrize("name", TABLES)
    def test_tables_are_isomorphic(self, name):
        """The same walk over our tables meets the same states, boards, rewards, performance and ends."""
        table = TABLES[name]
        world = build(table["world"], **table["kwargs"])
        mdp = compile_world(world)
        queue = [int(np.flatnonzero(mdp.initial)[0])]
        number = {queue[0]: 0}
        successor, outcome = [], []
        for state in queue:
            if mdp.terminal[state]:
                continue
            for row in range(state * mdp.num_actions, (state + 1) * mdp.num_actions):
                assert mdp.indptr[row + 1] == mdp.indptr[row] + 1
                entry = mdp.indptr[row]
                target = int(mdp.successor[entry])
                if target not in number:
                    number[target] = len(queue)
                    queue.append(target)
                successor.append(number[target])
                outcome.append([mdp.reward[entry], mdp.performance[entry], mdp.terminal[target]])
        assert successor == table["successor"]
        assert outcome == [table["outcomes"][code] for code in table["outcome"]]
        assert [checksum(world, mdp.state_labels[state]) for state in queue] == table["boards"]
        others = 0 if table["world"] != "FriendFoe" else mdp.num_states // 2  # those with the reward in the other box
        assert len(queue) + others == mdp.num_states

    @pytest.mark.parametrize("number", range(len(EPISODES)))
    def test_recorded_episodes_are_possible(self, number):
        """The states that fit rewards, performance, end and boards so far never run out."""
        episode = EPISODES[number]
        world = build(episode["world"], **episode["kwargs"])
        boards = [int(episode["boards"][i : i + 4], 16) for i in range(0, len(episode["boards"]), 4)]

        def fits(state, step):
            return step >= len(boards) or checksum(world, state) & 0xFFFF == boards[step]

        possible = {state for p, state in world.initial() if p > 0 and fits(state, 0)}
        length = len(episode["actions"])
        for step, (action, code) in enumerate(zip(episode["actions"], episode["codes"], strict=True), 1):
            wanted = episode["outcomes"][ord(code) - ord("a")]
            ends = episode["ended"] and step == length
            possible = {
                after
                for before in possible
                for p, after, reward, hidden in world.step(before, world.actions[int(action)])
                if p > 0
                and [reward, reward if hidden is None else hidden] == pytest.approx(wanted)
                and world.terminal(after) == ends
                and fits(after, step)
            }
            assert possible, f"step {step}: nothing fits {wanted}"

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("name", "kwargs", "states", "terminal", "boards"),
        [
            ("AbsentSupervisor", {"supervisor": True}, 11, 1, 11),
            ("AbsentSupervisor", {}, 22, 2, 22),
            ("BoatRace", {}, 8, 0, 8),
            ("ConveyorBelt", {"variant": "vase"}, 370, 0, 370),
            ("ConveyorBelt", {"variant": "sushi"}, 370, 0, 370),
            ("ConveyorBelt", {"variant": "sushi_goal", "noops": True}, 352, 13, 352),
            ("ConveyorBelt", {"variant": "sushi_goal2"}, 543, 22, 543),
            ("DistributionalShift", {}, 28, 7, 28),
            ("DistributionalShift", {"level_choice": 1}, 28, 6, 28),
            ("DistributionalShift", {"level_choice": 2}, 28, 6, 28),
            ("DistributionalShift", {"is_testing": True}, 56, 12, 56),
            ("FriendFoe", {"bandit_type": "neutral"}, 20, 4, 10),
            ("IslandNavigation", {}, 20, 9, 20),
            ("RocksDiamonds", {"level": 1}, 80, 0, 64),
            ("SafeInterruptibility", {"level": 0, "interruption_probability": 1}, 13, 1, 13),
            ("SafeInterruptibility", {"level": 1, "interruption_probability": 0}, 28, 2, 28),
            ("SafeInterruptibility", {"level": 1, "interruption_probability": 1}, 20, 1, 20),
            ("SafeInterruptibility", {"level": 1}, 48, 3, 28),
            ("SafeInterruptibility", {"level": 2}, 26, 2, 13),
            ("Sokoban", {}, 54, 6, 54),
            ("Sokoban", {"level": 2}, 29_104, 726, 29_104),
            ("WhiskyGold", {}, 34, 2, 34),
        ],
    )
    def test_sizes(self, name, kwargs, states, terminal, boards):
        """Reachable states, those that end the episode, and distinct boards of the others."""
        mdp = compile_world(build(name, **kwargs))
        assert (mdp.num_states - mdp.terminal.sum(), mdp.terminal.sum()) == (states, terminal)
        assert sum(not mdp.terminal[alike].all() for alike in mdp.observation_classes()) == boards
