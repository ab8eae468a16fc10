"""Views of scenes as observations: in single, vector and lazy environments, kept or drawn when seen."""

import copy
import pickle
import warnings

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import powerenvs.envs.views as views
from powerenvs.envs.observations import ObservationTable
from powerenvs.render.first_person import Renderer, TopDown
from powerenvs.worlds.labs import KeysDoors, Lab

KINDS = ("first_person", "depth", "rgbd", "top_down", "first_person:24x40", "top_down:5", "instruction")
WORLD = Lab()
MDP = WORLD.tables()


def lab(kind, **kwargs):
    return gym.make("powerenvs/Lab-v0", observation=kind, **kwargs)


@pytest.mark.parametrize("kind", KINDS)
def test_copies_in_a_vector_see_what_single_environments_see(kind):
    copies = gym.make_vec("powerenvs/Lab-v0", num_envs=3, vectorization_mode="vector_entry_point", observation=kind)
    singles = [lab(kind) for _ in range(3)]
    seen, _ = copies.reset(seed=5)
    alone = [env.reset(seed=5 + i)[0] for i, env in enumerate(singles)]
    for actions in ([0, 1, 2], [2, 2, 1], [2, 0, 0], [1, 2, 2]):
        assert copies.observation_space.contains(seen)
        for i, env in enumerate(singles):
            assert env.observation_space.contains(alone[i])
            assert np.array_equal(seen[i], alone[i])
        seen = copies.step(np.array(actions))[0]
        alone = [env.step(action)[0] for env, action in zip(singles, actions, strict=True)]


@pytest.mark.parametrize("kind", KINDS[:-1])
def test_views_drawn_when_seen_are_those_that_would_be_kept(kind, monkeypatch):
    kept = ObservationTable(MDP, WORLD, kind)
    monkeypatch.setattr(views, "MAX_KEPT", 0)
    drawn = ObservationTable(MDP, WORLD, kind)
    assert isinstance(drawn.values, views.RenderedViews)
    assert drawn.kept is None
    assert kept.kept is kept.values
    assert (drawn.values.shape, drawn.values.dtype, drawn.values.ndim) == (
        kept.values.shape, kept.values.dtype, kept.values.ndim
    )  # fmt: skip
    some = np.array([3, 99, 3, 0])
    for use in (
        lambda values: values[7],
        lambda values: values[some],
        lambda values: values[5:9],
        lambda values: values[5, 2],
        lambda values: values[some, 2],
        lambda values: values.take(some, axis=0),
        lambda values: np.asarray(values),
        lambda values: next(iter(values)),
        lambda values: np.transpose(values, (0, 2, 1, 3)[: values.ndim] if values.ndim > 3 else (0, 2, 1))[some],
    ):
        np.testing.assert_array_equal(use(drawn.values), use(kept.values))
    monkeypatch.setattr(views, "MAX_WHOLE", 0)
    with pytest.raises(ValueError, match="all 121 views together need"):
        np.asarray(drawn.values)
    check_env(lab(kind).unwrapped)


@pytest.mark.parametrize("kind", ["first_person", "rgbd:40x60", "top_down", "depth"])
def test_stable_baselines_checker(kind):
    from stable_baselines3.common.env_checker import check_env as check

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        check(lab(kind), skip_render_check=True)
    words = [str(one.message) for one in told]
    # distances are no bytes, and so no image for it: agents of them need a policy that flattens, or "rgbd"
    assert len(words) == (kind == "depth"), words
    assert all("unconventional shape" in one for one in words)


def test_pictures_are_those_of_the_scene():
    table = ObservationTable(MDP, WORLD, "first_person")
    places = WORLD.viewpoints(MDP.state_labels)
    np.testing.assert_array_equal(table.values, Renderer(WORLD.scene()).draw(places))
    np.testing.assert_array_equal(ObservationTable(MDP, WORLD, "top_down").values, TopDown(WORLD.scene()).draw(places))
    assert not table.values.flags.writeable
    assert table.one(0).flags.writeable


def test_a_world_without_tables_shows_views_too():
    env = gym.make("powerenvs/Lab-v0", level="nav_maze_static_02", observation="first_person").unwrapped
    seen, info = env.reset(seed=0)
    assert not hasattr(env, "mdp")
    expected = Renderer(env.world.scene()).draw(env.world.viewpoints([info["state"]]))[0]
    np.testing.assert_array_equal(seen, expected)
    copies = gym.make_vec("powerenvs/Lab-v0", 2, level="nav_maze_static_02", observation="first_person:20x20")
    assert copies.reset(seed=0)[0].shape == (2, 20, 20, 3)


def test_doors_and_keys_are_seen():
    world = KeysDoors()
    states = world.tables().state_labels
    seen = ObservationTable(world.tables(), world, "first_person").values
    held = {}
    for state, picture in zip(states, seen, strict=True):
        held.setdefault((state.agent, state.heading), set()).add(picture.tobytes())
    assert max(map(len, held.values())) > 2  # from one place, other pictures with other keys and doors


def test_copies_and_pickles_see_the_same():
    for env in (lab("first_person"), gym.make("powerenvs/Lab-v0", level="nav_maze_static_02", observation="depth")):
        env.reset(seed=3)
        twins = [copy.deepcopy(env), pickle.loads(pickle.dumps(env))]
        expected = env.step(0)[0]
        for twin in twins:
            np.testing.assert_array_equal(twin.step(0)[0], expected)


def test_pictures_are_kept_from_one_process_to_the_next(tmp_path, monkeypatch):
    monkeypatch.setenv(views.CACHE, str(tmp_path))
    first = ObservationTable(MDP, WORLD, "first_person:20x20").values
    files = list(tmp_path.rglob("*.npy"))
    assert len(files) == 1
    monkeypatch.setattr(views.SceneViews, "_drawn", None)  # nothing is drawn any more
    np.testing.assert_array_equal(ObservationTable(MDP, WORLD, "first_person:20x20").values, first)
    with pytest.raises(TypeError):
        ObservationTable(MDP, WORLD, "first_person:20x24")
    files[0].write_bytes(b"cut short")
    with pytest.raises(TypeError):
        ObservationTable(MDP, WORLD, "first_person:20x20")


def test_a_folder_that_cannot_be_written_is_told_once(tmp_path, monkeypatch):
    views._warned.cache_clear()
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(views.CACHE, str(tmp_path / "file"))
    with pytest.warns(RuntimeWarning, match="POWERENVS_CACHE"):
        first = ObservationTable(MDP, WORLD, "first_person:20x20").values
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(ObservationTable(MDP, WORLD, "first_person:20x20").values, first)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: lab("first_persn"), "did you mean 'first_person'"),
        (lambda: lab("first_person:84"), "first_person:72x96 for rows and columns"),
        (lambda: lab("first_person:"), "expected a size"),
        (lambda: lab("first_person:4x4"), "height: expected 8 to 2048"),
        (lambda: lab("top_down:8x8"), "top_down:8 for pixels of a cell"),
        (lambda: lab("top_down:2"), "tile: expected 4 to 64"),
        (lambda: lab("instruction:4"), "an instruction has no size"),
        (lambda: gym.make("PowerGrid-v0", observation="first_person"), "needs a world with a scene"),
        (lambda: gym.make("PowerGrid-v0", observation="instruction"), "a world that tells the agent something"),
        (lambda: ObservationTable(MDP, None, "depth"), "a model without a world"),
    ],
)
def test_what_cannot_be_seen_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_image_policies_are_asked_in_all_states_at_once(monkeypatch):
    """The table of a policy of pictures has its answer to each state's picture, kept or not."""
    import torch

    import power_metrics as pm

    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(20 * 20 * 3, 3))

    def policy(pictures):
        return network(torch.as_tensor(pictures, dtype=torch.float32) / 255).softmax(-1)

    env = lab("first_person:20x20")
    with torch.no_grad():
        table = np.asarray(pm.policy_table(policy, env, kind="probabilities"))
        expected = policy(env.unwrapped.observation_table.values.copy()).numpy()
        acts = ~env.unwrapped.mdp.terminal
        np.testing.assert_allclose(table[acts], expected[acts], atol=1e-6)
        monkeypatch.setattr(views, "MAX_KEPT", 0)
        np.testing.assert_allclose(
            np.asarray(pm.policy_table(policy, lab("first_person:20x20"), kind="probabilities")), table
        )
