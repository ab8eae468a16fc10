"""Deep copies of an environment and of the wrappers around it that do something."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import gymnasium as gym

from powerenvs.sources.minigrid import is_minigrid, unchanging
from powerenvs.sources.neutral import passes_on


def telling(wrapper: Any, env: Any) -> Any:
    """An environment with the infos that a wrapper adds, which others outside it may read; itself for most."""
    return wrapper.telling(env) if hasattr(type(wrapper), "telling") else env


class Copies:
    """Makes copies of an environment, without the wrappers that only pass on, and without what no step changes.

    Args:
        env: the environment.

    Attributes:
        shared: what copies share with it: spaces, spec, and the walls, goals and lava of a MiniGrid.
    """

    def __init__(self, env: Any):
        base = env.unwrapped
        self.shared = [base.observation_space, base.action_space, base.spec]
        if is_minigrid(base):
            self.shared += unchanging(base)

    def bare(self, env: Any, base: Any = None) -> Any:
        """A copy without the wrappers that only pass on, some of which write files.

        Args:
            env: the environment.
            base: what the wrappers of the copy are around; a copy of the environment below them when not given.
        """
        memo = self._memo()
        if base is not None:
            memo[id(env.unwrapped)] = base
        chain = list(self.layers(env))
        copied = _deep(chain[-1], memo)
        for wrapper in chain[-2::-1]:
            if passes_on(wrapper):
                copied = memo[id(wrapper)] = telling(wrapper, copied)
            else:
                copied = _deep(wrapper, memo)
        return copied

    def of(self, source: Any) -> Any:
        """A copy."""
        return _deep(source, self._memo())

    def with_parts(self, source: Any) -> tuple[Any, list[Any]]:
        """A copy, and all objects in it that are copies."""
        memo = self._memo()
        copied = _deep(source, memo)
        return copied, list(memo.values())[len(self.shared) :]

    def layers(self, env: Any) -> Iterator[Any]:
        """An environment and its wrappers, outermost first."""
        yield env
        while isinstance(env, gym.Wrapper):
            env = env.env
            yield env

    def share_walls(self, base: Any) -> None:
        """Lets copies share what no step changes in the episode that an environment is in now."""
        if is_minigrid(base):
            self.shared += unchanging(base)

    def _memo(self) -> dict[int, Any]:
        return {id(item): item for item in self.shared}


def _deep(source: Any, memo: dict[int, Any]) -> Any:
    try:
        return copy.deepcopy(source, memo)
    except (TypeError, AttributeError, RuntimeError, NotImplementedError) as error:  # of windows and files, for one
        raise ValueError(
            f"env: {type(source).__name__} cannot be deep-copied ({error}); leave out what cannot, such as a window to "
            "draw in, or write the environment as a powerenvs.World"
        ) from error
