"""Models of wrapped environments: what wrappers do to dynamics, rewards and ends is in the tables, or refused."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import gymnasium as gym
import numpy as np

from powerenvs.model.game import TabularGame
from powerenvs.model.mdp import TabularMDP
from powerenvs.sources import environments
from powerenvs.sources.any_model import sources, tabular_model
from powerenvs.sources.clone import Copied, compiled_model, state_labels
from powerenvs.sources.compiled import can_be_compiled
from powerenvs.sources.copies import Copies
from powerenvs.sources.exploration import Outcome, explore
from powerenvs.sources.foreign import is_a, is_exactly
from powerenvs.sources.neutral import keeps_dynamics, shows_history
from powerenvs.sources.obeying import started, stepped
from powerenvs.sources.p_dict import entries_of, has_p, read_p
from powerenvs.sources.sticky import sticky_model

STICKY = "gymnasium.wrappers:StickyAction"
MAX_STATES = 1_000_000

COMPILED = "environments that are compiled"
"""The source of those without tables, which are found by stepping them."""


def is_wrapped(env: Any) -> bool:
    """Whether something is a wrapper of Gymnasium, of its vectors, of Stable-Baselines3's or of PettingZoo."""
    return below(env) is not None


def below(env: Any) -> Any:
    """What a wrapper is around; None for anything else."""
    if isinstance(env, (gym.Wrapper, gym.vector.VectorWrapper)):
        return env.env
    if is_a(env, "stable_baselines3.common.vec_env:VecEnvWrapper"):
        return env.venv
    if is_a(env, "power_metrics.training.sb3_vec_env:NativeVecEnv"):
        return env.vector_env
    if is_a(
        env,
        "pettingzoo.utils.wrappers:BaseParallelWrapper",
        "pettingzoo.utils.wrappers:BaseWrapper",
        "pettingzoo.utils.conversions:parallel_to_aec_wrapper",
    ):
        return env.env
    if is_a(env, "pettingzoo.utils.conversions:aec_to_parallel_wrapper"):
        return env.aec_env
    return None


def model_of_wrapped(env: Any) -> TabularMDP | TabularGame:
    """The model of a wrapped environment.

    Wrappers that are known to change nothing are looked through. Sticky actions are applied to the tables, and what a
    wrapper's own ``shaped_model(mdp)`` makes of them is taken. Any other wrapper of a Gymnasium environment is stepped
    through everything that the environment below may do, so the environment may be random while the wrapper may not.

    Raises:
        ValueError: for a wrapper whose effect cannot be found in this way; the message says what to do.
    """
    inner = below(env)
    if is_exactly(env, STICKY):
        model = tabular_model(inner)
        assert isinstance(model, TabularMDP)  # which is what environments of Gymnasium have
        durations = getattr(env, "repeat_action_duration_range", (1, 1))  # which came with Gymnasium 1.2
        return sticky_model(model, env.get_wrapper_attr("repeat_action_probability"), durations)
    if _is_stepped_whole(env):
        return compiled_model(env)
    if keeps_dynamics(env):
        return tabular_model(inner)
    if hasattr(type(env), "shaped_model"):
        return env.shaped_model(tabular_model(inner))
    name = type(env).__name__
    if not isinstance(env, gym.Wrapper):
        raise ValueError(
            f"env: it is not known what {name} does to dynamics, rewards and ends. Give the environment without it if "
            "it leaves them as they are; or wrap a single environment of Gymnasium, whose wrappers are stepped"
        )
    return _stepped_through(env)


def _is_stepped_whole(env: Any) -> bool:
    """Whether it is compiled with its wrappers, so that what they show is known.

    It is not where nothing is left of a state in what they show.
    """
    if not can_be_compiled(env):
        return False
    source = next((one.name for one in sources() if one.fits(env.unwrapped)), None)
    return source == COMPILED and not (keeps_dynamics(env) and any(map(shows_history, Copies(env).layers(env))))


def check_numbering(env: Any, mdp: TabularMDP) -> None:
    """Checks that the state that an environment tells in its steps is the one of its model.

    Raises:
        ValueError: if wrappers make several states of one of the environment below.
    """
    if mdp.seen is not None:  # which tells the state by itself
        return
    if environments.holds_copies(env):
        base = env.unwrapped
        env = base.envs[0] if hasattr(base, "envs") else base.env_fns[0]()
    if below(env) is None:
        return
    base = tabular_model(getattr(env, "unwrapped", env))
    if mdp.num_states > base.num_states and not mdp.terminal[base.num_states :].all():
        raise ValueError(
            f"env: its wrappers make {mdp.num_states} states of {base.num_states}, since they remember something, and "
            "its observations and infos tell the latter only; give the policy as an array with a row for each of the "
            f"{mdp.num_states} states of powerenvs.tabular_model(env)"
        )


def _stepped_through(env: gym.Wrapper[Any, Any, Any, Any]) -> TabularMDP:
    """The model that wrappers make of an environment with tables."""
    base = env.unwrapped
    mdp = tabular_model(base)
    copies = Copies(env)
    for layer in copies.layers(env):
        if is_exactly(layer, STICKY):
            raise ValueError(
                f"env: {type(env).__name__} is around StickyAction, whose states remember the last action; put "
                "StickyAction outermost"
            )
    if not isinstance(mdp, TabularMDP) or not (hasattr(base, "observation_table") or has_p(base)):
        raise ValueError(
            f"env: {type(env).__name__} may change what {type(base).__name__} does. A deterministic environment that "
            "can be deep-copied is enumerated with its wrappers by powerenvs.compile_env(env, key=...); otherwise give "
            "the environment without the wrapper"
        )
    if not isinstance(env.action_space, gym.spaces.Discrete):
        raise ValueError(f"env: expected a Discrete action space, found {env.action_space}")
    if not mdp.available.all() and env.action_space != base.action_space:
        raise ValueError(
            f"env: {type(env).__name__} changes actions, and not every state has every action; make the world with "
            'walls="bump" where it has that option'
        )
    subject = _Through(env, copies, mdp)
    with subject.generators.left_alone():
        found = explore(subject, MAX_STATES, None)
    labels = state_labels(found, minigrid=False)
    actions = range(int(env.action_space.n))
    rows = {s: row or {a: [(1.0, s, 0.0, True, 0.0)] for a in actions} for s, row in enumerate(found.rows)}
    initial = np.concatenate([subject.initial, np.zeros(len(labels) - len(subject.initial))])
    return read_p(
        rows,  # type: ignore[arg-type]  # mappings are invariant in their keys alone
        initial,
        labels,
        mdp.action_labels if env.action_space == base.action_space else None,
        mdp.board,
        None if mdp.cells is None else found.places,  # type: ignore[arg-type]  # each has one then
    )


_OWN = ("state", "choice", "taken", "rows", "observation_space", "action_space", "np_random")
"""Attributes that may be set without changing the environment below."""


class _Tabled(gym.Env[Any, Any]):
    """Stands below wrappers for an environment with tables: of what may happen, it does what it is told to.

    Attributes:
        state: where it is.
        choice: which of the things that the next action may lead to happens.
        taken: the actions that have been taken.
        rows: ``rows[state][action]`` lists what may happen.
    """

    def __init__(self, base: Any, mdp: TabularMDP):
        self._base, self._mdp = base, mdp
        self.observation_space, self.action_space = base.observation_space, base.action_space
        self.state, self.choice = 0, 0
        self.taken: list[int] = []
        self._ours = hasattr(base, "observation_table")
        if self._ours:
            performance = iter(mdp.performance.tolist())
            self.rows = {
                s: {a: [(*entry, next(performance)) for entry in entries] for a, entries in row.items()}
                for s, row in mdp.P.items()
            }
        else:
            self.rows = entries_of(base.P)
        self._np_random = np.random.default_rng(0)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._base, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "s" and not self._ours:  # by which wrappers put Gymnasium's environments into a state
            self.state = int(value)
        elif name in _OWN or name.startswith("_") or not hasattr(self._base, name):
            super().__setattr__(name, value)
        else:
            raise ValueError(
                f"env: a wrapper changes {name} of {type(self._base).__name__}, after which its tables are others; "
                "make the environment with what it is to be, or compile it by powerenvs.compile_env(env, key=...)"
            )

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        if self._ours and options is not None and "state" in options:
            self.state = self._mdp.index(options["state"])
        return self._enter(0.0, 1.0)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        if self.over:
            raise ValueError(
                "env: a wrapper goes on after the end of an episode, where environments of powerenvs need a reset"
            )
        self.taken.append(int(action))
        p, self.state, reward, ended, performance = self.rows[self.state][int(action)][self.choice]
        observation, info = self._enter(performance, p)
        return observation, float(reward), bool(ended), False, info

    @property
    def over(self) -> bool:
        """Whether the environment below would refuse to go on."""
        return self._ours and bool(self._mdp.terminal[self.state])

    def _enter(self, performance: float, probability: float) -> tuple[Any, dict[str, Any]]:
        """What is seen in the state, which the environment below is put into: wrappers may look at it."""
        if not self._ours:
            self._base.s = self.state
            return self.state, {"prob": probability, "performance": performance}
        if not self.over:
            self._base.reset(options={"state": self.state})
        value, mask = self._base.observation_table.values[self.state], self._mdp.available[self.state].astype(np.int8)
        info = {"state": self.state, "action_mask": mask, "performance": performance}
        return int(value) if np.ndim(value) == 0 else value.copy(), info


class _Through(Copied):
    """Wrappers to `explore`, in every state of an environment with tables and through all that may happen there."""

    def __init__(self, env: Any, copies: Copies, mdp: TabularMDP):
        super().__init__(env, copies, None, None, minigrid=False)
        base = copies.of(env.unwrapped)
        tabled = _Tabled(base, mdp)
        copies.shared += [base, mdp, tabled.rows]
        self._chain, self._mdp, self.name = copies.bare(env, tabled), mdp, type(env).__name__
        self._keys = mdp.state_labels
        self.initial = mdp.initial[: len(tabled.rows)]

    def starts(self) -> Sequence[tuple[Any, Any, bool]]:
        found = []
        for state in range(len(self.initial)):
            copied = self.copied(self._chain)
            copied.unwrapped.state = state
            observation = started(copied, 0)
            if copied.unwrapped.state != state:
                raise ValueError(
                    f"env: {self.name} begins episodes in {self._mdp.state_name(copied.unwrapped.state)} where the "
                    f"environment below begins them in {self._mdp.state_name(state)}; give the tables without it, "
                    "powerenvs.tabular_model(env.env).with_(initial=...)"
                )
            found.append((copied, observation, copied.unwrapped.over))
        return found

    def chances(self, copied: Any) -> dict[int, Sequence[float]]:
        row = copied.unwrapped.rows[copied.unwrapped.state]
        actions = list(row) if copied.action_space == copied.unwrapped.action_space else self._actions
        if self._mdp.deterministic:
            return dict.fromkeys(actions, (1.0,))
        found: dict[int, Sequence[float]] = {}
        for action in actions:  # which the wrapper may turn into another
            tried = self.copied(copied)
            self.step(tried, action, 0)
            found[action] = [entry[0] for entry in row[tried.unwrapped.taken[-1]]]
        return found

    def step(self, copied: Any, action: int, choice: int) -> Outcome:
        inner = copied.unwrapped
        inner.choice, inner.taken = choice, []
        observation, reward, terminated, info = stepped(copied, action + self._offset)
        if len(inner.taken) != 1 and not self._mdp.deterministic:
            raise ValueError(
                f"env: {self.name} took {len(inner.taken)} steps of the environment below in one, which is random, so "
                "what they lead to together cannot be told; give the environment without it"
            )
        return Outcome(copied, observation, reward, terminated, float(info.get("performance", reward)))

    def key(self, copied: Any, observation: Any) -> Hashable:
        return self._keys[copied.unwrapped.state]

    def memory(self, copied: Any) -> dict[str, Hashable]:
        return self._memories.of(list(self._copies.layers(copied))[:-1])

    def place(self, copied: Any) -> tuple[int, int] | None:
        cells = self._mdp.cells
        return None if cells is None else tuple(cells[copied.unwrapped.state].tolist())
