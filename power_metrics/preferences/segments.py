"""`Segment`: a short piece of behaviour, to be compared with another; and how segments are cut from environments."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import ArrayLike, NDArray

from power_metrics.arguments.checks import check_count, check_policy, check_seed, resolve_model
from powerenvs.model.checks import array_of, flag
from powerenvs.model.mdp import TabularMDP
from powerenvs.model.policy import Policy
from powerenvs.render.animation import write_animation
from powerenvs.render.pictures import StatePictures
from powerenvs.sources.wrapped import check_numbering

Floats = NDArray[np.float64]
Frames = NDArray[np.uint8]

LENGTH = 25
"""Steps of a segment: those of the paper's Atari clips."""


@dataclass(frozen=True, eq=False, repr=False)
class Segment:
    """T steps of behaviour, with what was there before the first and after each.

    Attributes:
        actions: (T,) whole numbers, or (T, ...) numbers; T is at least 1.
        states: (T + 1,) states of the model, or None where there are no tables.
        observations: (T + 1, ...) what the agent saw, or None.
        rewards: (T,) what the environment paid, or None. Reward models and persons never see it; synthetic teachers do.
        frames: (T + 1, height, width, 3) uint8 pictures, or None; those of states are drawn when they are asked for.
        ended: whether the last step ended the task, so that the segment may be shorter than others.

    Raises:
        ValueError: for arrays that do not fit each other.

    Example:
        >>> import power_metrics as pm
        >>> pm.preferences.Segment([3, 3], states=[0, 1, 2], ended=True)
        Segment(2 steps, states 0 1 2, actions 3 3, ended)
    """

    actions: NDArray[Any]
    states: NDArray[np.int64] | None = None
    observations: NDArray[Any] | None = None
    rewards: Floats | None = None
    frames: Frames | None = None
    ended: bool = False
    _digest: list[str] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        steps = self._put("actions", _plain("actions", self.actions), None)
        if self.states is not None:
            found = _plain("states", self.states)
            if found.ndim != 1 or found.dtype.kind != "i" or (found < 0).any():
                raise ValueError(f"states: expected (T + 1,) whole numbers of at least 0, found {self.states!r}")
            self._put("states", found, steps + 1)
        if self.observations is not None:
            self._put("observations", _plain("observations", self.observations), steps + 1)
        if self.rewards is not None:
            rewards = array_of("rewards", self.rewards, np.float64)
            if not np.isfinite(rewards).all():
                raise ValueError(f"rewards: expected finite numbers, found {self.rewards!r}")
            self._put("rewards", rewards, steps)
        if self.frames is not None:
            pictures = np.asarray(self.frames)
            if pictures.dtype != np.uint8 or pictures.ndim != 4 or pictures.shape[-1] != 3:
                raise ValueError(
                    f"frames: expected (T + 1, height, width, 3) uint8, found {pictures.shape} {pictures.dtype}"
                )
            self._put("frames", pictures, steps + 1)
        if self.states is None and self.observations is None:
            raise ValueError("states, observations: expected at least one of them, found neither")
        object.__setattr__(self, "ended", flag("ended", self.ended))

    def _put(self, name: str, values: NDArray[Any], length: int | None) -> int:
        if values.ndim == 0 or len(values) == 0 or (length is not None and len(values) != length):
            wanted = "at least one step" if length is None else f"{length}, as there are {len(self.actions)} actions"
            raise ValueError(f"{name}: expected {wanted}, found shape {values.shape}")
        kept = np.ascontiguousarray(values).copy()
        kept.flags.writeable = False
        object.__setattr__(self, name, kept)
        return len(kept)

    def __len__(self) -> int:
        return len(self.actions)

    def __repr__(self) -> str:
        parts = [f"{len(self)} step{'s' if len(self) != 1 else ''}"]
        if self.states is not None:
            parts.append(f"states {_few(self.states)}")
        if self.actions.ndim == 1 and self.actions.dtype.kind == "i":
            parts.append(f"actions {_few(self.actions)}")
        return f"Segment({', '.join(parts)}{', ended' if self.ended else ''})"

    @property
    def digest(self) -> str:
        """A name for what is in it, frames aside: segments with the same content have the same."""
        if not self._digest:
            mixed = hashlib.sha256(b"ended" if self.ended else b"")
            for name in ("actions", "states", "observations", "rewards"):
                values = getattr(self, name)
                if values is not None:
                    mixed.update(f"{name} {values.dtype.str} {values.shape}".encode())
                    mixed.update(values.tobytes())
            self._digest.append(mixed.hexdigest()[:32])
        return self._digest[0]

    def __eq__(self, other: object) -> bool:
        return self.digest == other.digest if isinstance(other, Segment) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.digest)


def _plain(name: str, values: ArrayLike) -> NDArray[Any]:
    """Numbers: whole ones as int64, pictures as uint8, others as they are, or as float64."""
    try:
        found = np.asarray(values)
    except (TypeError, ValueError):
        found = np.empty(0, dtype=object)
    if found.dtype == np.uint8:
        return found
    if found.dtype == np.bool_ or np.issubdtype(found.dtype, np.integer):
        return found.astype(np.int64)
    if np.issubdtype(found.dtype, np.floating):
        if not np.isfinite(found).all():
            raise ValueError(f"{name}: expected finite numbers, found some that are not")
        return found
    raise ValueError(f"{name}: expected an array of numbers, found {values!r:.80}")


def _few(values: NDArray[Any]) -> str:
    texts = [str(value) for value in values.tolist()]
    return " ".join(texts if len(texts) <= 8 else [*texts[:4], "...", *texts[-3:]])


def frames(segment: Segment, env: Any = None) -> Frames:
    """The pictures of a segment: its own, or drawn from its states as the environment draws them.

    Args:
        segment: the segment.
        env: an environment with tables, or these; not needed for a segment that has its pictures.

    Returns:
        (T + 1, height, width, 3) uint8.

    Raises:
        ValueError: where there are neither pictures nor tables.

    Example:
        >>> import gymnasium as gym, powerenvs
        >>> import power_metrics as pm
        >>> env = gym.make("PowerGrid-v0", level="S..")
        >>> pm.preferences.frames(pm.preferences.Segment([3], states=[0, 1]), env).shape[0]
        2
    """
    if not isinstance(segment, Segment):
        raise ValueError(f"segment: expected a Segment, found {segment!r}")
    if segment.frames is not None:
        return segment.frames
    if segment.states is None or env is None:
        raise ValueError(
            "segment: expected one with frames, or with states and an environment that draws them, found neither; "
            "collect(env, ..., frames=True) keeps pictures of any environment with render_mode='rgb_array'"
        )
    mdp = resolve_model(env)
    if segment.states.max() >= mdp.num_states:
        raise ValueError(
            f"segment: expected states below {mdp.num_states}, as the environment has, found {segment.states.max()}"
        )
    world = None if env is mdp else getattr(env.unwrapped, "world", None)
    pictures = StatePictures(mdp, world)
    drawn = {state: pictures.frame(state) for state in set(segment.states.tolist())}
    return np.stack([drawn[state] for state in segment.states.tolist()])


def film(segment: Segment, path: str | os.PathLike[str], env: Any = None, *, frame_seconds: float = 0.2) -> None:
    """Writes the pictures of a segment as .gif or .mp4, whole or not at all.

    Args:
        segment: the segment.
        path: where to.
        env: as for `frames`.
        frame_seconds: how long each picture is shown; the last one three times as long.

    Raises:
        ValueError: as `frames`, and for a path that names no film.

    Example:
        >>> import os, gymnasium as gym, powerenvs
        >>> import power_metrics as pm
        >>> env = gym.make("PowerGrid-v0", level="S..")
        >>> pm.preferences.film(pm.preferences.Segment([3, 3], states=[0, 1, 2]), "clip.gif", env)
        >>> os.path.exists("clip.gif")
        True
    """
    write_animation(frames(segment, env), path, frame_seconds=frame_seconds, last_seconds=3 * frame_seconds)


def collect(
    env: Any,
    policy: Any = None,
    num_segments: int = 100,
    *,
    length: int = LENGTH,
    limit: int | None = None,
    seed: int | None = 0,
    frames: bool = False,
) -> list[Segment]:
    """Segments of a policy's behaviour, one after the other, cut from episodes.

    An episode is cut into pieces of ``length`` steps; where the task ends, or the time limit comes, the last piece is
    shorter. A piece that the time limit alone made shorter is dropped when the episode has longer ones.

    Args:
        env: tables, or an environment with them, in which segments are walks through the tables; or any Gymnasium
            environment, which is stepped, and whose observations, rewards and (if asked for) pictures are kept.
        policy: for tables (S, A) probabilities; for others a callable observation -> action; random when None.
        num_segments: how many.
        length: steps of each, at most.
        limit: steps of an episode, at most; the environment's time limit when None, and 100 for tables without one.
        seed: of what is drawn; None for a fresh one.
        frames: keep the pictures of an environment without tables; it needs ``render_mode="rgb_array"``.

    Returns:
        The segments.

    Raises:
        ValueError: for arguments that do not fit.

    Example:
        >>> import gymnasium as gym, powerenvs
        >>> import power_metrics as pm
        >>> env = gym.make("PowerGrid-v0", level="open_3x3")
        >>> segments = pm.preferences.collect(env, num_segments=2, length=5)
        >>> [len(segment) for segment in segments]
        [5, 5]
    """
    count, length = check_count("num_segments", num_segments), check_count("length", length)
    rng = np.random.default_rng(check_seed(seed))
    if limit is not None:
        limit = check_count("limit", limit)
    mdp = None
    if isinstance(env, TabularMDP):
        mdp = env
    elif not isinstance(env, gym.Env):
        raise ValueError(f"env: expected a Gymnasium environment or a TabularMDP, found {env!r}")
    elif not callable(policy):
        mdp = tables_or_none(env)
    if mdp is not None:
        table = check_policy(Policy.uniform(mdp) if policy is None else policy, mdp)
        if table.ndim != 2:
            raise ValueError(f"policy: expected one table (S, A), found {len(table)}")
        return walks(mdp, table, count, length, limit or time_limit(env) or 100, rng)
    return list(_stepped(env, policy, count, length, limit or time_limit(env) or 10_000, rng, flag("frames", frames)))


def tables_or_none(env: Any) -> TabularMDP | None:
    """The tables of an environment whose states are those of its tables, if it has them."""
    try:
        mdp = resolve_model(env)
        check_numbering(env, mdp)
    except ValueError:
        return None
    return None if mdp.seen is not None else mdp


def time_limit(env: Any) -> int | None:
    """After how many steps an environment ends its episodes, if it says so."""
    layer = env
    while isinstance(layer, gym.Wrapper):
        if isinstance(layer, gym.wrappers.TimeLimit):
            return int(layer._max_episode_steps)
        layer = layer.env
    spec = getattr(env, "spec", None)
    found = None if spec is None else spec.max_episode_steps
    return None if found is None else int(found)


def walks(
    mdp: TabularMDP, policy: Floats, count: int, length: int, limit: int, rng: np.random.Generator
) -> list[Segment]:
    """Segments of walks through tables, many episodes side by side."""
    found: list[Segment] = []
    pieces = max(1, limit // length)
    while len(found) < count:
        together = -(-(count - len(found)) // pieces)
        for states, actions, rewards, ended in episodes(mdp, policy, together, limit, rng):
            for start in range(0, len(actions), length):
                piece = slice(start, start + length)
                last = start + length >= len(actions)
                if last and not ended and start and len(actions) - start < length:
                    continue
                found.append(
                    Segment(
                        actions[piece], states[start : start + length + 1], rewards=rewards[piece], ended=last and ended
                    )
                )
    return found[:count]


def candidates(
    mdp: TabularMDP, policy: Floats, steps: int, length: int, limit: int, most: int, rng: np.random.Generator
) -> tuple[list[Segment], int]:
    """Segments of a walk of at least so many steps, at most ``most`` of them, drawn evenly; and the steps taken."""
    walked: list[tuple[NDArray[np.int64], NDArray[np.int64], Floats, bool]] = []
    taken = 0
    while taken < steps:
        together = min(1000, max(1, -(-(steps - taken) // limit)))
        for one in episodes(mdp, policy, together, limit, rng):
            walked.append(one)
            taken += len(one[1])
    pieces = [
        (i, start)
        for i, (_, actions, _, ended) in enumerate(walked)
        for start in range(0, len(actions), length)
        if start + length <= len(actions) or ended or not start
    ]
    chosen = np.sort(rng.permutation(len(pieces))[:most]).tolist()
    found = []
    for i, start in (pieces[k] for k in chosen):
        states, actions, rewards, ended = walked[i]
        some = slice(start, start + length)
        over = ended and start + length >= len(actions)
        found.append(Segment(actions[some], states[start : start + length + 1], rewards=rewards[some], ended=over))
    return found, taken


def episodes(
    mdp: TabularMDP, policy: Floats, count: int, limit: int, rng: np.random.Generator
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], Floats, bool]]:
    """Walks through tables from their start: states (T + 1,), actions (T,), rewards (T,), whether they ended."""
    chosen = np.cumsum(policy, axis=1)
    chosen /= chosen[:, -1:]
    sums = np.cumsum(mdp.probability)
    before = np.concatenate([[0.0], sums])
    states = np.empty((count, limit + 1), dtype=np.int64)
    actions = np.empty((count, limit), dtype=np.int64)
    rewards = np.empty((count, limit))
    states[:, 0] = rng.choice(mdp.num_states, size=count, p=mdp.initial)
    for t in range(limit):
        now = states[:, t]
        actions[:, t] = (rng.random((count, 1)) >= chosen[now]).sum(axis=1)
        row = now * mdp.num_actions + actions[:, t]
        first, last = mdp.indptr[row], mdp.indptr[row + 1]
        drawn = before[first] + rng.random(count) * (sums[last - 1] - before[first])
        entry = np.clip(np.searchsorted(sums, drawn, side="right"), first, last - 1)
        states[:, t + 1], rewards[:, t] = mdp.successor[entry], mdp.reward[entry]
    over = mdp.terminal[states[:, :-1]]
    lengths = np.where(over.any(axis=1), over.argmax(axis=1), limit)
    for i, steps in enumerate(lengths.tolist()):
        if steps:
            ended = bool(mdp.terminal[states[i, steps]])
            yield states[i, : steps + 1], actions[i, :steps], rewards[i, :steps], ended


def _stepped(
    env: gym.Env[Any, Any],
    policy: Callable[[Any], Any] | None,
    count: int,
    length: int,
    limit: int,
    rng: np.random.Generator,
    frames: bool,
) -> Iterator[Segment]:
    """Segments of an environment that is stepped."""
    if policy is not None and not callable(policy):
        raise ValueError(f"policy: expected a callable observation -> action, found {policy!r}")
    if frames and getattr(env, "render_mode", None) != "rgb_array":
        raise ValueError("frames: expected an environment made with render_mode='rgb_array', found another")
    env.action_space.seed(int(rng.integers(2**31)))
    seen, info = env.reset(seed=int(rng.integers(2**31)))
    piece, steps, made = _Piece(seen, info, env, frames), 0, 0
    while made < count:
        action = _random_action(env, info) if policy is None else policy(seen)
        seen, reward, terminated, truncated, info = env.step(action)
        steps += 1
        piece.add(action, seen, float(reward), info)
        over = terminated or truncated or steps >= limit
        if len(piece.actions) == length or over:
            if terminated or len(piece.actions) == length or steps < length:
                yield piece.segment(terminated)
                made += 1
            if over:
                seen, info = env.reset()
                steps = 0
            piece = _Piece(seen, info, env, frames)


def _random_action(env: gym.Env[Any, Any], info: dict[str, Any]) -> Any:
    mask = info.get("action_mask")
    if mask is not None and isinstance(env.action_space, gym.spaces.Discrete):
        return env.action_space.sample(np.asarray(mask, dtype=np.int8))
    return env.action_space.sample()


class _Piece:
    """A segment that grows."""

    def __init__(self, seen: Any, info: dict[str, Any], env: gym.Env[Any, Any], frames: bool):
        self._env, self._keep = env, frames
        self.actions: list[Any] = []
        self.rewards: list[float] = []
        self.observations = [flat_observation(env.observation_space, seen)]
        self.states = [info.get("state")]
        self.frames: list[Any] = [env.render()] if frames else []

    def add(self, action: Any, seen: Any, reward: float, info: dict[str, Any]) -> None:
        self.actions.append(action)
        self.rewards.append(reward)
        self.observations.append(flat_observation(self._env.observation_space, seen))
        self.states.append(info.get("state"))
        if self._keep:
            self.frames.append(self._env.render())

    def segment(self, ended: bool) -> Segment:
        known = all(isinstance(state, int | np.integer) for state in self.states)
        return Segment(
            np.array(self.actions), np.array(self.states) if known else None, np.array(self.observations),
            np.array(self.rewards), np.array(self.frames) if self._keep else None, bool(ended),
        )  # fmt: skip


def flat_observation(space: Any, seen: Any) -> NDArray[Any]:
    """An observation as an array; those with parts, one after the other."""
    if isinstance(seen, np.ndarray | np.generic | int | float):
        return np.asarray(seen).copy()
    return np.asarray(gym.spaces.flatten(space, seen))
