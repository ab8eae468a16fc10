"""What happens in labs: pickups, keys and doors, heights, hidden rewards; and the numbers that follow."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

import power_metrics as pm
from powerenvs import tabular_model
from powerenvs.worlds.labs import (
    DeferredEffects,
    KeysDoors,
    Lab,
    ObjectRewards,
    ObstructedGoals,
    SelectObject,
    Skymaze,
    Watermaze,
)
from powerenvs.worlds.labs.pickups import REWARDS


def walked(world, start, actions):
    """(state, rewards) after these actions, in a world without chance."""
    state, rewards = start, []
    for action in actions.split():
        (outcome,) = world.step(state, action)
        state, rewards = outcome.state, [*rewards, outcome.reward]
    return state, rewards


class TestLab:
    def test_the_goal_ends_the_episode_and_pays_10(self):
        env = gym.make("powerenvs/Lab-v0", level="*****\n*P G*\n*****", heading="east")
        _, info = env.reset(seed=0)
        assert env.unwrapped.mdp.state_labels[info["state"]].heading == "east"
        assert [env.step(2)[1:3] for _ in range(2)] == [(0.0, False), (10.0, True)]

    @pytest.mark.parametrize(("kind", "reward"), REWARDS.items())
    def test_pickups_pay_once_and_goals_end(self, kind, reward):
        lab = Lab("PXG", pickups={"X": kind, "G": "goal"}, heading="east")
        start = lab.initial()[1][1]
        first = lab.step(start, "forward")[0]
        assert (first.reward, lab.terminal(first.state)) == (reward, "goal" in kind)
        if "goal" not in kind:
            back, rewards = walked(
                lab, start, "forward turn_left turn_left forward turn_left turn_left forward forward"
            )
            assert rewards == [reward, 0, 0, 0, 0, 0, 0, 10]
            assert lab.terminal(back)

    def test_what_renews_pays_whenever_it_is_entered(self):
        lab = Lab("PA.G", renew=True, strafe=True)
        _, rewards = walked(lab, lab.initial()[1][1], "forward turn_left turn_right forward backward backward forward")
        assert rewards == [1, 0, 0, 0, 1, 0, 1]
        assert lab.tables().num_states == 16

    def test_without_a_goal_the_end_comes_when_everything_good_is_eaten(self):
        lab = Lab("PALA", pickups={"A": "apple_reward", "L": "lemon_reward"}, heading="east")
        state, rewards = walked(lab, lab.initial()[1][1], "forward forward forward")
        assert rewards == [1, -1, 1]
        assert lab.terminal(state)

    def test_too_many_pickups_step_without_tables_and_fewer_have_some(self):
        env = gym.make("powerenvs/Lab-v0", level="nav_maze_static_03", observation="board")
        with pytest.raises(ValueError, match=r"with 26 pickups; num_pickups=\.\.\. has fewer, renew=True has none"):
            tabular_model(env)
        env.reset(seed=0)
        for action in np.random.default_rng(0).integers(3, size=300):
            _, reward, ended, _, _ = env.step(int(action))
            assert reward in (0, 1, 10)
            if ended:
                break
        assert tabular_model(gym.make("powerenvs/Lab-v0", level="nav_maze_static_03", renew=True)).num_states == 1040

    def test_goals_are_drawn_evenly_and_starts_keep_their_distance(self):
        mdp = Lab("small_maze", min_distance=2).tables()
        starts = [mdp.state_labels[s] for s in np.flatnonzero(mdp.initial)]
        goals = {state.goal for state in starts}
        chance = {goal: sum(mdp.initial[mdp.index(s)] for s in starts if s.goal == goal) for goal in goals}
        assert len(goals) == 9
        assert np.allclose(list(chance.values()), 1 / 9)
        text = Lab("small_maze").text
        assert all(text.distances(state.goal)[state.agent] > 2 for state in starts)

    @pytest.mark.parametrize(
        ("actions", "action", "expected"),
        [
            ("grid", "turn_left", ((1, 1), "west")),
            ("grid", "forward", ((0, 1), "north")),
            ("strafe", "backward", ((2, 1), "north")),
            ("strafe", "strafe_left", ((1, 0), "north")),
            ("strafe", "strafe_right", ((1, 2), "north")),
            ("impala9", "forward_turn_left", ((0, 1), "west")),
            ("impala9", "forward_turn_right", ((0, 1), "east")),
            ("impala9", "fire", ((1, 1), "north")),
            ("allo", "down", ((2, 1), "south")),
            ("allo", "left", ((1, 0), "west")),
        ],
    )
    def test_actions(self, actions, action, expected):
        strafe = actions == "strafe"
        lab = Lab(["P  ", "   ", "   "], actions="grid" if strafe else actions, strafe=strafe)
        assert lab.go((1, 1), "north", action) == expected

    def test_turned_around_a_level_has_the_values_turned_around(self):
        rows = ["******", "*P A *", "* ** *", "*  *G*", "******"]
        turned = ["".join(row) for row in zip(*rows[::-1], strict=True)]  # a quarter turn to the right
        first, second = Lab(rows).tables(), Lab(turned).tables()
        value, other = (pm.solve_task(mdp, gamma=0.9).values[0] for mdp in (first, second))
        clockwise = {"north": "east", "east": "south", "south": "west", "west": "north"}
        for s, label in enumerate(first.state_labels):
            r, c = label.agent
            there = label._replace(agent=(c, len(rows) - 1 - r), heading=clockwise[label.heading])
            assert other[second.index(there)] == pytest.approx(value[s], abs=1e-12)


class TestKeysAndDoors:
    def test_a_key_opens_a_door_of_its_colour_once(self):
        world = KeysDoors("PKIIG", keys=["red"], doors=["red", "red"], heading="east")
        start = world.initial()[0][1]
        state, rewards = walked(world, start, "forward forward forward")
        assert rewards == [1, 0, 0]
        assert state == ((0, 2), "east", "nothing", 0, 0b10)
        assert world.opened(state) == [True, False]
        other = KeysDoors("PKIG", keys=["blue"], doors=["red"], heading="east")
        assert walked(other, other.initial()[0][1], "forward forward")[0].agent == (0, 1)

    def test_one_key_is_held_at_a_time(self):
        world = KeysDoors("PKKIG", keys=["red", "blue"], doors=["blue"], heading="east")
        state, rewards = walked(world, world.initial()[0][1], "forward forward forward")
        assert (state.agent, state.held, state.keys, rewards) == ((0, 2), "red", 0b10, [1, 0, 0])
        assert world.present(state) == [False, True, True]

    @pytest.mark.parametrize("name", ["keys_doors_trap", "keys_doors_simple_trap", "keys_doors_red_herring_key"])
    def test_the_goal_is_within_reach_until_a_mistake_that_cannot_be_undone(self, name):
        mdp = KeysDoors(name).tables()
        values = pm.solve_task(mdp, gamma=1.0).values[0]
        assert values[mdp.initial > 0].min() >= 51
        lost = (values < 50) & ~mdp.terminal
        assert lost.any()
        assert mdp.successors()[lost].reshape(-1).tolist() == [
            s for s in mdp.successors()[lost].ravel() if values[s] < 50
        ]
        steps = pm.reachability(mdp).irreversible
        assert steps.any()

    def test_colours_have_to_fit(self):
        with pytest.raises(ValueError, match="keys: expected a colour for each of 1 keys"):
            KeysDoors("PKIG", doors=["red"])
        with pytest.raises(ValueError, match="doors: unknown colour 'rde'; did you mean 'red'"):
            KeysDoors("PKIG", keys=["red"], doors=["rde"])


class TestObstructedGoals:
    def test_there_is_always_a_way(self):
        world = ObstructedGoals()
        mdp = world.tables()
        values = pm.solve_task(mdp, gamma=1.0).values[0]
        assert np.allclose(values[mdp.initial > 0], 10)
        assert {bin(state.shut).count("1") for state in mdp.state_labels} == {1}

    def test_how_likely_each_choice_of_doors_is(self):
        """Two ways of two doors each, and of the two other doors one is open: four choices, each as likely."""
        mdp = ObstructedGoals().tables()
        chance = np.bincount([state.shut for state in mdp.state_labels], mdp.initial)
        assert np.allclose(chance[[1, 2, 4, 8]], 0.25)
        assert sum(len(ways) for _, _, ways in ObstructedGoals("explore_obstructed_goals_small")._draws) > 100

    def test_a_level_without_a_way_is_refused(self):
        with pytest.raises(ValueError, match="found no way to a goal from the spawn in line 1, column 1"):
            ObstructedGoals("P *G")


class TestSkymaze:
    def test_no_step_goes_up(self):
        world = Skymaze()
        mdp = world.tables()
        heights = np.array([world.heights[state.agent] for state in mdp.state_labels])
        assert (heights[mdp.successors()] <= heights[:, None]).all()

    def test_some_steps_make_the_goal_unreachable(self):
        mdp = Skymaze().tables()
        reach = pm.reachability(mdp)
        to_goal = reach.values[:, mdp.terminal].max(axis=1)
        assert to_goal[mdp.initial > 0].tolist() == [1.0] * 4
        fatal = [
            (mdp.state_labels[s].agent, mdp.state_labels[t].agent)
            for s, row in enumerate(mdp.successors())
            for t in row
            if to_goal[s] == 1 and to_goal[t] == 0
        ]
        assert ((2, 5), (3, 5)) not in fatal
        assert ((3, 5), (3, 4)) in fatal  # one step down, and the goal is higher than anything ahead

    def test_generated_ones_have_a_way_to_the_goal_and_many_that_lose_it(self):
        lost = []
        for seed in range(5):
            world = Skymaze(size=6, seed=seed)
            assert world.text.rows == Skymaze(size=6, seed=seed).text.rows
            mdp = world.tables()
            to_goal = pm.reachability(mdp).values[:, mdp.terminal].max(axis=1)
            assert to_goal[mdp.initial > 0].min() == 1
            assert len(world.text.cells) == 2 * 36 - 1  # a tree of 36 platforms, and one between each two
            lost.append((to_goal == 0).mean())
        assert min(lost) > 0.05
        with pytest.raises(ValueError, match="size: expected a whole number from 2 to 30, found 1"):
            Skymaze(size=1)

    def test_letters_are_deepmind_labs_heights(self):
        assert Skymaze("P*G", "a.z").heights.tolist() == [[40, -1, 15]]

    def test_every_platform_needs_a_height(self):
        with pytest.raises(ValueError, match="heights: expected a digit or a letter in line 1, column 3, found none"):
            Skymaze("P G", "11")


class TestHiddenRewards:
    def test_which_things_are_good_is_drawn_and_not_seen(self):
        world = ObjectRewards("small_room", kinds=2)
        mdp = world.tables()
        assert {state.good for state in mdp.state_labels} == {1, 2}
        alike = [len(states) for states in mdp.observation_classes()]
        assert max(alike) == 2
        start = world.initial()[0][1]
        rewards = [walked(world, start._replace(good=good, heading="east"), "forward forward")[1] for good in (1, 2)]
        assert rewards == [[0, 2], [0, -1]]

    def test_words_say_which_thing_is_meant_and_nothing_else_does(self):
        world = SelectObject()
        mdp = world.tables()
        told = {world.instruction(state) for state in mdp.state_labels}
        assert told == {f"Pick up the {look}." for look in ("red ball", "blue ball", "green ball", "red hat")}
        looks = [str((state.agent, state.heading)) for state in mdp.state_labels]
        heard = [look + world.instruction(state) for look, state in zip(looks, mdp.state_labels, strict=True)]
        deaf, listening = pm.belief_states(mdp, looks, gamma=0.9), pm.memoryless(mdp, heard, gamma=0.9)
        assert deaf.best == 0.0  # walking on is better than a guess
        assert listening.best == pytest.approx(listening.optimum)
        ends = {(world.things.index(s.agent) == s.target): None for s in mdp.state_labels if s.agent in world.things}
        assert set(ends) == {True, False}
        assert SelectObject(balanced=True).wrong == -3.0

    def test_the_board_does_not_show_the_platform(self):
        mdp = Watermaze(radius=2, triggers=1).tables()
        assert len(mdp.observation_classes()) == 13 * 4
        assert {s.agent for s in mdp.state_labels if s.paid} == {s.agent for s in mdp.state_labels}

    def test_the_platform_pays_while_one_stays(self):
        world = Watermaze(radius=1, triggers=3)
        start = next(
            s for _, s in world.initial() if s.agent == (1, 2) and s.platform == (2, 2) and s.heading == "south"
        )
        state, rewards = walked(world, start, "forward turn_left turn_left")
        assert rewards == [1, 1, 1]
        assert world.terminal(state)


def test_how_far_one_looks_ahead_decides_about_the_box():
    """Where the box is worth it: -3 now and 10 in some steps."""
    mdp = DeferredEffects(heading="south").tables()
    start = int(np.flatnonzero(mdp.initial)[0])
    near, far = (pm.solve_task(mdp, gamma=gamma).values[0, start] for gamma in (0.8, 0.95))
    # the apple: forward, turn left, forward; the box: one more cell down and its two turns
    assert near == pytest.approx(0.8**2)
    assert far > 0.95**2
