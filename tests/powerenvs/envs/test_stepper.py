"""Many copies of a game, stepped at once."""

from __future__ import annotations

import numpy as np
import pytest
from gymnasium.error import ResetNeeded

from powerenvs.envs.parallel import GameStepper
from powerenvs.multi import one_key_v0, power_pair_v0
from powerenvs.worlds.power.pair import PowerPair

STAY, UP, DOWN, LEFT, RIGHT = range(5)


class TestGameStepper:
    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("make", "limit"),
        [
            (lambda: power_pair_v0.parallel_env(noise=0.4, level=["S.G", "S.."]), 7),
            (lambda: power_pair_v0.parallel_env(noise=0.4, overlaps=False, walls="absent"), 5),
            (one_key_v0.parallel_env, 30),
        ],
    )
    def test_same_trajectories_as_the_environments(self, make, limit):
        num_envs, num_steps, seed = 6, 120, 11
        envs = [make() for _ in range(num_envs)]
        game = envs[0].game
        stepper = GameStepper(game, num_envs, max_cycles=limit)
        states = stepper.reset(seed=seed)
        for i, env in enumerate(envs):
            env.max_cycles = limit
            env.reset(seed=seed + i)
        assert states.tolist() == [env.joint_state for env in envs]
        rng = np.random.default_rng(0)
        ends = 0
        for _ in range(num_steps):
            masks = stepper.action_masks()
            actions = {
                agent: np.array([rng.choice(np.flatnonzero(mask)) for mask in masks[agent]]) for agent in game.agents
            }
            states, rewards, terminated, truncated, infos = stepper.step(actions)
            for i, env in enumerate(envs):
                _, paid, ended, cut, info = env.step({agent: actions[agent][i] for agent in game.agents})
                assert infos["final_state"][i] == env.joint_state
                assert rewards[i].tolist() == list(paid.values())
                assert infos["performance"][i].tolist() == [info[agent]["performance"] for agent in game.agents]
                assert (terminated[i], truncated[i]) == (ended["ai"], cut["ai"])
                if not env.agents:
                    ends += 1
                    env.reset()
                assert states[i] == env.joint_state
        assert ends > num_envs
        assert np.array_equal(stepper.states, states)

    def test_actions_as_an_array_or_by_agent(self):
        game = PowerPair().tables()
        one, two = GameStepper(game, 3), GameStepper(game, 3)
        one.reset(seed=0)
        two.reset(seed=[0, 1, 2])
        actions = np.array([[UP, LEFT], [DOWN, STAY], [RIGHT, RIGHT]])
        first = one.step(actions)
        second = two.step({"ai": actions[:, 1], "human": actions[:, 0]})
        assert np.array_equal(first[0], second[0])

    def test_later_resets_go_on_with_the_random_numbers(self):
        stepper = GameStepper(PowerPair().tables(), 50)
        first, second = stepper.reset(seed=0), stepper.reset()
        assert not np.array_equal(first, second)
        assert np.array_equal(stepper.reset(seed=0), first)

    def test_bad_input(self):
        game = PowerPair(walls="absent").tables()
        for kwargs, message in (
            ({"num_envs": 0}, "num_envs: expected at least 1"),
            ({"num_envs": 1, "max_cycles": 0}, "max_cycles: expected at least 1"),
        ):
            with pytest.raises(ValueError, match=message):
                GameStepper(game, **kwargs)
        stepper = GameStepper(game, 2)
        with pytest.raises(ResetNeeded):
            stepper.step(np.zeros((2, 2), dtype=int))
        stepper.reset(seed=0)
        before = stepper.states
        for actions, message in (
            (np.zeros((2, 3), dtype=int), r"expected an integer array \(2, 2\), found int64 \(2, 3\)"),
            (np.zeros((2, 2)), "found float64"),
            ([[0, 0], [0, 5]], r"actions\[1\]: expected 0 to 4 for ai, found 5"),
            ({"human": [0, 0]}, "expected those of"),
        ):
            with pytest.raises(ValueError, match=message):
                stepper.step(actions)
        with pytest.raises(ValueError, match="seed"):
            stepper.reset(seed=[1, 2, 3])
        assert np.array_equal(stepper.states, before)

    def test_joint_actions_that_do_not_exist(self):
        """The stepper takes games that PettingZoo cannot mask, and says which joint action is missing."""
        game = PowerPair(["..."], walls="absent").tables().without_overlaps().with_(initial=((0, 0), (0, 2)))
        stepper = GameStepper(game, 1)
        stepper.reset(seed=0)
        with pytest.raises(
            ValueError, match=r"actions\[0\]: the joint action human=right, ai=left does not exist in human="
        ):
            stepper.step([[RIGHT, LEFT]])
