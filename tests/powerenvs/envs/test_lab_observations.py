"""DeepMind Lab's names: what they show, where it is, and that agents of them can be asked in every state."""

import gymnasium as gym
import numpy as np
import pytest

import power_metrics as pm
from powerenvs.envs import LabObservations
from powerenvs.envs.lab_observations import ABSENT, NAMES

LEVEL = "****\n* G*\n*P *\n****"


def lab(names=NAMES, level=LEVEL, **kwargs):
    return LabObservations(gym.make("powerenvs/Lab-v0", level=level, **kwargs), names, 40, 48)


def test_everything_by_its_name():
    env = lab(heading="north", variations="\n....\n.BC.\n.AB.")
    seen, _ = env.reset(seed=0)
    assert list(seen) == list(NAMES)
    assert env.observation_space.contains(seen)
    rgb, rgbd = seen["RGB_INTERLEAVED"], seen["RGBD_INTERLEAVED"]
    assert rgb.shape == (40, 48, 3)
    np.testing.assert_array_equal(rgbd[..., :3], rgb)
    np.testing.assert_array_equal(seen["RGB"], rgb.transpose(2, 0, 1))
    np.testing.assert_array_equal(seen["RGBD"], rgbd.transpose(2, 0, 1))
    np.testing.assert_array_equal(seen["BGR_INTERLEAVED"], rgb[..., ::-1])
    np.testing.assert_array_equal(seen["BGRD_INTERLEAVED"], rgbd[..., [2, 1, 0, 3]])
    assert seen["DEBUG.CAMERA.TOP_DOWN"].shape == (3, 64, 64)
    assert seen["INSTR"] == ""
    assert seen["DEBUG.MAZE.VARIATION"] == "....\n.BC.\n.AB.\n....\n"
    assert seen["DEBUG.MAZE.LAYOUT"].splitlines()[3] == "****"
    np.testing.assert_array_equal(seen["DEBUG.POS.TRANS"], [150.0, 150.0, 50.0])  # x from the west, y from the south
    np.testing.assert_array_equal(seen["DEBUG.POS.ROT"], [0.0, 90.0, 0.0])
    names = list(env.unwrapped.world.actions)
    yaws = [env.step(names.index("turn_left"))[0]["DEBUG.POS.ROT"][1] for _ in range(4)]
    assert [yaw % 360 for yaw in yaws] == [180, 270, 0, 90]  # counterclockwise
    np.testing.assert_array_equal(env.step(names.index("forward"))[0]["DEBUG.POS.TRANS"], [150.0, 250.0, 50.0])


@pytest.mark.parametrize(("heading", "yaw"), [("north", 90), ("east", 0), ("south", -90), ("west", -180)])
def test_the_yaw_is_that_of_deepmind_lab(heading, yaw):
    """Its docs/users/observations.md has (pitch, yaw, roll) in degrees. How yaws go is in its python/tests/utils.

    An agent at p that looks to q has the yaw atan2(q.y - p.y, q.x - p.x) (game_controller.py, move_to), with y upwards
    on the map (maze_game_controller.py); to look right makes it less, and it is in [-180, 180) (math_utils.py).
    """
    env = lab(("DEBUG.POS.TRANS", "DEBUG.POS.ROT"), "*****\n*   *\n* P *\n* G *\n*****", heading=heading)
    names = list(env.unwrapped.world.actions)
    before, _ = env.reset(seed=0)
    np.testing.assert_array_equal(before["DEBUG.POS.ROT"], [0.0, yaw, 0.0])
    x, y, _ = env.step(names.index("forward"))[0]["DEBUG.POS.TRANS"] - before["DEBUG.POS.TRANS"]
    assert np.degrees(np.arctan2(y, x)) % 360 == yaw % 360
    env.reset(seed=0)
    right = env.step(names.index("turn_right"))[0]["DEBUG.POS.ROT"][1]
    assert (yaw - right) % 360 == 90
    assert -180 <= right < 180


def test_thin_mazes_and_worlds_without_tables():
    thin = lab(level="small_maze")
    seen, _ = thin.reset(seed=0)
    layout, looks = (seen[f"DEBUG.MAZE.{layer}"].splitlines() for layer in ("LAYOUT", "VARIATION"))
    assert {len(line) for line in layout + looks} == {7}
    large = lab(level="nav_maze_static_02")
    assert not hasattr(large.unwrapped, "mdp")
    seen, _ = large.reset(seed=0)
    assert large.observation_space.contains(seen)
    expected = gym.make("powerenvs/Lab-v0", level="nav_maze_static_02", observation="first_person:40x48").reset(seed=0)
    np.testing.assert_array_equal(seen["RGB_INTERLEAVED"], expected[0])


def test_agents_of_these_observations_have_policy_tables():
    env = lab(("RGB_INTERLEAVED", "DEBUG.POS.TRANS"))

    def agent(seen):
        east = seen["DEBUG.POS.TRANS"][:, 0] > 200
        return np.stack([east, ~east, east & ~east], axis=1).astype(float)

    table = np.asarray(pm.policy_table(agent, env, kind="probabilities"))
    mdp = env.unwrapped.mdp
    for state, row in zip(mdp.state_labels, table, strict=True):
        if not mdp.terminal[mdp.index(state)]:
            assert row.tolist() == [float(state.agent[1] == 2), float(state.agent[1] == 1), 0.0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: lab(("RGB_INTERLEAVE",)), "did you mean 'RGB_INTERLEAVED'"),
        (lambda: lab(()), "at least one name"),
        *((lambda name=name: lab(name), f"no {name} here") for name in ABSENT),
        (lambda: lab(observation="first_person"), 'observation="state"'),
        (lambda: LabObservations(gym.make("PowerGrid-v0")), "a world with a scene"),
        (lambda: LabObservations(gym.make("powerenvs/Lab-v0"), height=3), "expected 8 to 2048"),
    ],
)
def test_what_there_is_not_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
