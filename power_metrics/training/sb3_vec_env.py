"""`NativeVecEnv`: a vector environment of Gymnasium as Stable-Baselines3 has them, without a loop over its copies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from power_metrics.arguments.checks import check_count
from powerenvs.envs.loading import start_state

SAME_STEP = AutoresetMode.SAME_STEP

_OF_EACH = ("state", "memory", "np_random", "np_random_seed")
"""Attributes of a native vector environment that have an entry for each copy."""

MASKS = "action_masks"
"""The method of the copies that sb3-contrib's MaskablePPO asks for."""


class NativeVecEnv(VecEnv):
    """Copies of a world for Stable-Baselines3, stepped together as arrays: what ``DummyVecEnv`` does one by one.

    Observations, rewards, ends, ``terminal_observation``, ``TimeLimit.truncated``, infos and seeds are those of a
    ``DummyVecEnv`` of the same copies. Masks of MaskablePPO need no wrapper. Episodes are not monitored: put
    Stable-Baselines3's ``VecMonitor`` around it.

    Args:
        env: an id of Gymnasium with a vector environment of its own, as all of ours; or a vector environment that
            starts episodes anew within the step (``autoreset_mode="SameStep"``), wrapped or not.
        num_envs: how many copies, with an id.
        **kwargs: with an id: arguments for ``gymnasium.make_vec``, those of the world and ``max_episode_steps`` among
            them.

    Attributes:
        vector_env: the vector environment.

    Raises:
        ValueError: for anything else, and for what the environment refuses.

    Example:
        >>> import powerenvs
        >>> import power_metrics as pm
        >>> from stable_baselines3 import A2C
        >>> env = pm.sb3.NativeVecEnv("PowerGrid-v0", 64, level="maze_7x7", max_episode_steps=50)
        >>> model = A2C("MlpPolicy", env, seed=0, device="cpu").learn(640)
        >>> pm.policy_table(model, env).shape
        (31, 5)
    """

    def __init__(self, env: str | VectorEnv[Any, Any, Any], num_envs: int | None = None, **kwargs: Any):
        if isinstance(env, str):
            count = 1 if num_envs is None else check_count("num_envs", num_envs)
            env = gym.make_vec(env, count, "vector_entry_point", **{"autoreset_mode": SAME_STEP, **kwargs})
        elif not isinstance(env, VectorEnv):
            raise ValueError(f"env: expected an id or a vector environment of Gymnasium, found {env!r}")
        elif num_envs is not None or kwargs:
            name = next(iter(kwargs), "num_envs")
            raise ValueError(f"{name}: expected none with a vector environment, which is made already")
        mode = env.metadata.get("autoreset_mode")
        if mode != SAME_STEP:
            raise ValueError(
                f"env: expected one that starts episodes anew within the step, found {mode}; make it with "
                'gymnasium.make_vec(id, num_envs, "vector_entry_point", autoreset_mode="SameStep")'
            )
        self.vector_env = env
        self._actions: NDArray[Any] | None = None
        super().__init__(env.num_envs, env.single_observation_space, env.single_action_space)

    def reset(self) -> Any:
        """Starts an episode in every copy, with the seeds and options that were set since the last time."""
        seeds: Any = None if all(seed is None for seed in self._seeds) else list(self._seeds)
        options = self._common_options()
        observations, infos = self.vector_env.reset(seed=seeds, **({"options": options} if options else {}))
        self._reset_seeds()
        self._reset_options()
        self.reset_infos = _by_copy(infos, self.num_envs)
        return observations

    def step_async(self, actions: NDArray[Any]) -> None:
        """Takes note of the actions of all copies."""
        self._actions = actions

    def step_wait(self) -> tuple[Any, NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]]:
        """Takes the actions; see Stable-Baselines3's ``VecEnv``."""
        observations, rewards, terminated, truncated, told = self.vector_env.step(self._actions)
        finals = {name: told.pop(name) for name in ("final_obs", "final_info") if name in told}
        infos = _by_copy(told, self.num_envs)
        for info, cut in zip(infos, (truncated & ~terminated).tolist(), strict=True):
            info["TimeLimit.truncated"] = cut
        done = terminated | truncated
        ended = np.flatnonzero(done)
        if ended.size:
            last = _by_copy(finals["final_info"], self.num_envs, ended)
            for i, info in zip(ended.tolist(), last, strict=True):
                cut = infos[i].pop("TimeLimit.truncated")
                self.reset_infos[i] = infos[i]
                infos[i] = {**info, "TimeLimit.truncated": cut, "terminal_observation": finals["final_obs"][i]}
        return observations, np.asarray(rewards, dtype=np.float32), done, infos

    def close(self) -> None:
        """Closes the vector environment."""
        self.vector_env.close()

    def get_images(self) -> Sequence[Any]:
        """A picture of each copy; None of each without the render mode "rgb_array"."""
        return self.vector_env.render() or [None] * self.num_envs

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """An attribute of the copies: the state of each, for one, or what they share."""
        chosen = self._indices(indices)
        if attr_name == MASKS and hasattr(self.vector_env.unwrapped, "mdp"):
            return [partial(self._mask, i) for i in chosen]
        found: Any = getattr(self.vector_env, attr_name, _NOTHING)
        if found is _NOTHING:
            found = getattr(self.vector_env.unwrapped, attr_name)
        if attr_name in _OF_EACH and found is not None:
            return [found[i] for i in chosen]
        return [found for _ in chosen]

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Sets an attribute of all copies.

        Raises:
            ValueError: for some of them only, as they share everything but their states.
        """
        if len(self._indices(indices)) != self.num_envs or attr_name in _OF_EACH:
            raise ValueError(
                f"{attr_name}: cannot be set in single copies of {type(self).__name__}, which are stepped together; "
                "use Stable-Baselines3's DummyVecEnv"
            )
        setattr(self.vector_env, attr_name, value)

    def env_method(self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any) -> list[Any]:
        """Masks of actions, ``env_method("action_masks")``, one for each copy.

        Raises:
            ValueError: for other methods, which single environments would have.
        """
        if method_name != MASKS:
            raise ValueError(
                f"{method_name}: the copies of {type(self).__name__} are stepped together and have no methods but "
                f"{MASKS}; use Stable-Baselines3's DummyVecEnv, or NativeVecEnv.vector_env"
            )
        masks = self.action_masks()
        return [masks[i] for i in self._indices(indices)]

    def env_is_wrapped(self, wrapper_class: type[gym.Wrapper[Any, Any, Any, Any]], indices: Any = None) -> list[bool]:
        """False for every copy: none has a wrapper of its own."""
        return [False for _ in self._indices(indices)]

    def action_masks(self) -> NDArray[np.bool_]:
        """(N, A) which actions exist in the state of each copy.

        Raises:
            RuntimeError: before the first reset.
            AttributeError: for a vector environment without tables.
        """
        base: Any = self.vector_env.unwrapped
        states = base.state
        if states is None:
            raise RuntimeError("action_masks: reset() has to come first")
        return base.mdp.available[states]  # type: ignore[no-any-return]

    def _mask(self, copy: int) -> NDArray[np.bool_]:
        return self.action_masks()[copy]  # type: ignore[no-any-return]

    def _indices(self, indices: int | Iterable[int] | None) -> list[int]:
        return list(self._get_indices(indices))

    def _common_options(self) -> dict[str, Any]:
        """The options of all copies as one mapping.

        Raises:
            ValueError: where they differ in more than the state to start in.
        """
        given = self._options
        if all(options == given[0] for options in given[1:]):
            return dict(given[0])
        if any(set(options) != {"state"} for options in given):
            raise ValueError(
                'options: expected the same for every copy, or {"state": ...} for each, found '
                f"{[dict(options) for options in given][:3]}; use Stable-Baselines3's DummyVecEnv"
            )
        mdp = self.vector_env.unwrapped.mdp  # type: ignore[attr-defined]
        return {"state": np.array([start_state(mdp, options["state"]) for options in given])}


_NOTHING = object()


def _by_copy(infos: Mapping[str, Any], num_envs: int, which: NDArray[np.int64] | None = None) -> list[dict[str, Any]]:
    """Infos of a vector environment, one mapping for each copy, or for each of some."""
    names = [name for name in infos if not name.startswith("_")]
    told = {name: np.asarray(infos.get(f"_{name}", np.ones(num_envs, dtype=bool))) for name in names}
    if which is not None:
        told = {name: mask[which] for name, mask in told.items()}
    columns = []
    for name in names:
        values = infos[name]
        if isinstance(values, Mapping):
            columns.append(_by_copy(values, num_envs, which))
            continue
        values = values if which is None else values[which]
        columns.append(values.tolist() if values.ndim == 1 else list(values))
    if all(mask.all() for mask in told.values()):
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)] or [
            {} for _ in range(num_envs if which is None else len(which))
        ]
    count = num_envs if which is None else len(which)
    return [
        {name: column[i] for name, column in zip(names, columns, strict=True) if told[name][i]} for i in range(count)
    ]
