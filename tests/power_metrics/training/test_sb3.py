"""The callback: what it logs is what the policy is, and the counts are of what was really done."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
import torch
from sb3_contrib import MaskablePPO, RecurrentPPO
from stable_baselines3 import A2C, DQN, PPO
from stable_baselines3.common.callbacks import BaseCallback, CallbackList
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.logger import KVWriter, Logger
from stable_baselines3.common.vec_env import SubprocVecEnv, VecNormalize

import power_metrics as pm

torch.set_num_threads(1)


def make(**kwargs):
    return gym.make("powerenvs:PowerGrid-v0", **{"level": "open_3x3", "max_episode_steps": 9, **kwargs})


POWER = np.linspace(0.5, 0.9, 9)


class Recorder(KVWriter):
    def __init__(self):
        self.rows = []

    def write(self, values, excluded, step=0):
        self.rows.append(dict(values))

    def close(self):
        pass


class Witness(BaseCallback):
    """Counts states and actions by asking the environments before each step."""

    def __init__(self):
        super().__init__()
        self.counts = np.zeros((9, 5), dtype=int)

    def _where(self):
        return [env.unwrapped.state for env in self.training_env.unwrapped.envs]

    def _on_training_start(self):
        self.before = self._where()

    def _on_step(self):
        np.add.at(self.counts, (np.array(self.before), self.locals["actions"]), 1)
        self.before = self._where()
        return True


def learn(algorithm, env, callback, steps=64, **kwargs):
    options = {"n_steps": 16, "batch_size": 16} if "PPO" in algorithm.__name__ else {}
    model = algorithm("MlpPolicy", env, device="cpu", seed=0, **{**options, **kwargs})
    recorder = Recorder()
    model.set_logger(Logger(None, [recorder]))
    model.learn(steps, callback=callback, log_interval=1)
    return model, recorder.rows


def test_logs_and_history():
    callback = pm.sb3.PowerCallback(eval_every=16, power=POWER, gamma=0.8)
    model, rows = learn(PPO, make(), callback)
    tracker = callback.tracker
    assert [found["step"] for found in tracker.history] == [0, 16, 32, 48, 64]
    logged = {key for row in rows for key in row if key.startswith("power/")}
    assert {
        "power/visited", "power/normalised", "power/task_optimal", "power/random", "power/correlation",
        "power/return_exact", "power/seconds", "power/overhead",
    } <= logged  # fmt: skip
    assert [row["power/normalised"] for row in rows] == [found["normalised"] for found in tracker.history]
    assert rows[1]["power/visited"] == tracker.history[1]["visited"]
    assert tracker.history[0]["normalised"] != tracker.history[1]["normalised"]  # after the first update
    final = pm.compare(model, make(), 0.8, POWER)
    assert tracker.history[-1]["normalised"] == pytest.approx(final["learned"].normalised, abs=1e-9)
    assert callback.compare()["learned"].power_seeking == pytest.approx(final["learned"].power_seeking, abs=1e-9)
    assert 0 < callback.overhead < 1
    assert rows[-1]["power/return_exact"] == tracker.history[-1]["return_exact"]


@pytest.mark.parametrize("copies", [1, 3])
@pytest.mark.parametrize("algorithm", [PPO, A2C, DQN])
def test_counts_are_of_what_was_done(algorithm, copies):
    callback, witness = pm.sb3.PowerCallback(50, POWER), Witness()
    env = make_vec_env(make, copies)
    options = {"learning_starts": 10, "buffer_size": 200} if algorithm is DQN else {}
    learn(algorithm, env, CallbackList([callback, witness]), 120, **options)
    assert callback.tracker.counts.sum() >= 120
    assert np.array_equal(callback.tracker.counts, witness.counts)


def test_mean_power_of_visits():
    callback = pm.sb3.PowerCallback(32, POWER)
    learn(PPO, make(), callback, 32)
    visits = callback.tracker.counts.sum(axis=1)
    assert callback.tracker.history[-1]["visited"] == pytest.approx(visits @ POWER / visits.sum())


def test_masks_normalisation_and_epsilon():
    masked = pm.sb3.PowerCallback(16, POWER)
    learn(MaskablePPO, make(walls="absent"), masked, 32)
    assert np.all(masked.tracker.counts[~masked.tracker.mdp.available] == 0)
    assert np.all(masked.tracker.policies[-1][~masked.tracker.mdp.available] == 0)
    scaled = pm.sb3.PowerCallback(16, POWER)
    model, _ = learn(PPO, VecNormalize(make_vec_env(lambda: make(observation="onehot"), 1)), scaled, 32)
    assert scaled.tracker.policies[-1] == pytest.approx(pm.policy_table(model, model.get_env()))
    mixed = pm.sb3.PowerCallback(16, POWER, epsilon=0.5)
    learn(DQN, make(), mixed, 16, buffer_size=50)
    assert mixed.tracker.policies[0].max(axis=1) == pytest.approx(np.full(9, 0.6))


@pytest.mark.slow
def test_training_that_goes_on():
    callback = pm.sb3.PowerCallback(16, POWER)
    model, _ = learn(PPO, make(), callback, 32)
    model.learn(32, callback=callback, reset_num_timesteps=False)
    assert [found["step"] for found in callback.tracker.history] == [0, 16, 32, 48, 64]
    assert callback.tracker.counts.sum() == 64


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["csv", "npz"])
def test_a_resumed_run_goes_on_with_its_history(tmp_path, suffix):
    """In another process there is a new callback; it began its file anew, and the first half of the run was gone."""
    path = tmp_path / f"history.{suffix}"
    first = pm.sb3.PowerCallback(16, POWER, save_path=path)
    model, _ = learn(PPO, make(), first, 32)
    model.save(tmp_path / "model.zip")
    model = PPO.load(tmp_path / "model.zip", env=make(), device="cpu")
    second = pm.sb3.PowerCallback(16, POWER, save_path=path)
    model.learn(32, callback=second, reset_num_timesteps=False)
    assert [found["step"] for found in second.tracker.history] == [0, 16, 32, 48, 64]
    assert second.tracker.to_frame().iloc[:3].to_numpy() == pytest.approx(
        first.tracker.to_frame().to_numpy(), nan_ok=True
    )
    assert second.tracker.counts.sum() == (64 if suffix == "npz" else 32)
    older = PPO.load(tmp_path / "model.zip", env=make(), device="cpu")
    with pytest.raises(ValueError, match="past the 32 steps of the model"):
        older.learn(16, callback=pm.sb3.PowerCallback(16, POWER, save_path=path), reset_num_timesteps=False)
    older.learn(16, callback=pm.sb3.PowerCallback(16, POWER, save_path=path))  # begins anew, and so does its file
    again = pm.PowerTracker(make(), POWER, 0.99)
    again.resume(path)
    assert [found["step"] for found in again.history] == [0, 16]


@pytest.mark.slow
def test_tensorboard_shows_evaluations_when_they_were_made(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    callback = pm.sb3.PowerCallback(16, POWER)
    PPO("MlpPolicy", make(), n_steps=16, batch_size=16, device="cpu", tensorboard_log=tmp_path).learn(48, callback)
    events = EventAccumulator(str(next(tmp_path.iterdir())))
    events.Reload()
    shown = [(event.step, event.value) for event in events.Scalars("power/normalised")]
    assert [step for step, _ in shown] == [0, 16, 32, 48]
    assert [value for _, value in shown] == pytest.approx(
        [row["normalised"] for row in callback.tracker.history], rel=1e-6
    )


@pytest.mark.slow
def test_training_whose_steps_are_counted_from_the_start_again():
    callback = pm.sb3.PowerCallback(eval_every=16, power=POWER)
    model, _ = learn(PPO, make(), callback, steps=64)
    model.learn(32, callback=callback)
    assert [found["step"] for found in callback.tracker.history] == [0, 16, 32, 48, 64, 0, 16, 32]
    assert callback.tracker.counts.sum() == 96


@pytest.mark.slow
def test_discount_is_the_models_own_unless_given():
    own = pm.sb3.PowerCallback(100, POWER)
    learn(PPO, make(), own, 16, gamma=0.7)
    assert own.tracker.gamma == 0.7
    of_power = pm.sb3.PowerCallback(100, pm.power(make(), 0.6, num_samples=20))
    learn(PPO, make(), of_power, 16, gamma=0.7)
    assert of_power.tracker.gamma == 0.6
    endless = pm.sb3.PowerCallback(100, POWER)
    learn(PPO, make(), endless, 16, gamma=1.0)
    assert endless.tracker.gamma == 0.9


@pytest.mark.slow
def test_files(tmp_path, capsys):
    table, film = tmp_path / "history.csv", tmp_path / "occupancy.gif"
    learn(PPO, make(), pm.sb3.PowerCallback(16, POWER, save_path=table, animation_path=film, verbose=1), 32)
    assert len(table.read_text().splitlines()) == 4
    assert film.read_bytes()[:6] == b"GIF89a"
    assert "normalised power-seeking" in capsys.readouterr().out


@pytest.mark.slow
def test_copies_in_other_processes():
    remote = SubprocVecEnv([make, make])
    try:
        with pytest.raises(ValueError, match="run in other processes"):
            learn(PPO, remote, pm.sb3.PowerCallback(16, POWER), 16)
        callback = pm.sb3.PowerCallback(32, POWER, env=make())
        learn(PPO, remote, callback, 64)
        assert callback.tracker.counts.sum() == 64
    finally:
        remote.close()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pm.sb3.PowerCallback(0), "eval_every: expected a whole number"),
        (lambda: pm.sb3.PowerCallback(save_path="a.json"), r"save_path: expected a name that ends in \.csv or \.npz"),
        (lambda: pm.sb3.PowerCallback(animation_path="a.avi"), r"animation_path: expected a name that ends in \.gif"),
        (lambda: learn(PPO, gym.make("CartPole-v1"), pm.sb3.PowerCallback(), 16), "found no tables in CartPoleEnv"),
        (lambda: learn(PPO, make(), pm.sb3.PowerCallback(power=np.ones(4)), 16), "power: expected"),
        (
            lambda: RecurrentPPO("MlpLstmPolicy", make(), device="cpu", n_steps=16).learn(
                16, pm.sb3.PowerCallback(16, POWER)
            ),
            r"RecurrentActorCriticPolicy.*rollout_counts",
        ),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_nothing_is_compared_before_training():
    with pytest.raises(RuntimeError, match="nothing has been trained yet"):
        pm.sb3.PowerCallback().compare()
