"""Episodes that somebody plays from a page: actions in, pictures and rewards out, hidden performance at the end."""

from __future__ import annotations

import base64
import io
import json
import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.agents_and_devices.walks import save_trajectory
from power_metrics.app import bounds
from power_metrics.app.catalogue import environment_ids
from power_metrics.app.players import Table, table_of
from powerenvs.model.labels import label_text
from powerenvs.model.mdp import TabularMDP
from powerenvs.rollout import Rollout

MAX_STEPS = 100_000
MAX_PIXELS = 1200
VIEWS = ("picture", "observation")
KEYS = ("do", "n", "id", "kwargs", "seed", "view")


class Episode:
    """A game that is played: one environment, episode after episode.

    Args:
        given: the message of a page: "id", "kwargs", "seed", "view".

    Raises:
        ValueError: for an unknown id, arguments that it refuses, and actions that keys cannot choose.

    Attributes:
        table: the environment with its players.
        over: whether the episode has ended.
        log: what happened, step by step, hidden performance included.
    """

    def __init__(self, given: dict[str, Any]):
        bounds.known_keys("play", given, KEYS)
        name = bounds.text("id", given.get("id"))
        kwargs = bounds.plain("kwargs", bounds.mapping("kwargs", given.get("kwargs", {})))
        seed = given.get("seed")
        self.seed = None if seed is None else bounds.whole("seed", seed, 0, (1 << 31) - 1)
        self.view = bounds.one_of("view", given.get("view", "picture"), VIEWS)
        self.name, self.kwargs = name, kwargs
        self.table: Table = table_of(name, kwargs, environment_ids())
        self.number = 0
        self.begin(self.seed)

    def begin(self, seed: int | None) -> None:
        """Starts an episode."""
        self._observation = self.table.reset(seed)
        self.number += 1
        self.over, self.ending = False, ""
        self.log: list[dict[str, Any]] = []
        self.returns = [0.0] * len(self.table.players)
        self._performance = [0.0] * len(self.table.players)
        self._visited = [self.table.state]
        self._actions: list[Any] = []

    def act(self, actions: Any, times: Any = None, clock: Any = None) -> None:
        """Takes an action of each player.

        Args:
            actions: numbers, one for each player.
            times: milliseconds between the picture and the key, as the page measured them; None where there was none.
            clock: milliseconds since the first picture of the episode: when the last one was shown, and when the page
                acted.

        Raises:
            ValueError: after the end, for what is no action, and for one that does not exist now.
        """
        if self.over:
            raise ValueError("act: the episode is over; start another")
        if len(self.log) >= MAX_STEPS:
            raise ValueError(f"act: expected at most {MAX_STEPS:,} steps in an episode")
        players = self.table.players
        if not isinstance(actions, list) or len(actions) != len(players):
            raise ValueError(f"actions: expected one for each of {', '.join(players)}, found {bounds.shown(actions)}")
        masks = self.table.masks()
        for player, action, names, mask in zip(players, actions, self.table.actions, masks, strict=True):
            bounds.whole("action", action, 0, len(names) - 1)
            if not mask[action]:
                raise ValueError(f"{names[action]} is not possible here for {player}")
        taken = self.table.step(actions)
        self._observation = taken.observation
        self.over = taken.terminated or taken.truncated
        self.ending = "the episode has ended" if taken.terminated else "time is up" if taken.truncated else ""
        for i in range(len(players)):
            self.returns[i] += taken.rewards[i]
            self._performance[i] += taken.performance[i]
        self._visited.append(self.table.state)
        self._actions.append(actions[0] if len(players) == 1 else tuple(actions))
        self.log.append(
            {
                "step": len(self.log) + 1,
                "actions": [names[action] for names, action in zip(self.table.actions, actions, strict=True)],
                "response_ms": _times(times, len(players)),
                **dict(zip(("shown_ms", "acted_ms"), _times(clock, 2), strict=True)),
                "rewards": taken.rewards,
                "performance": taken.performance,
                "info": taken.info,
            }
        )

    def shown(self) -> dict[str, Any]:
        """What the page may know now: no performance before the end."""
        found: dict[str, Any] = {
            "episode": self.number,
            "step": len(self.log),
            "limit": self.table.limit,
            "players": list(self.table.players),
            "actions": [list(names) for names in self.table.actions],
            "masks": [[bool(one) for one in mask] for mask in self.table.masks()],
            "returns": self.returns,
            "rewards": self.log[-1]["rewards"] if self.log else [],
            "over": self.over,
            "ending": self.ending,
            "board": self.table.board(),
            "rate": self.table.rate,
            "real_time": self.table.real_time,
            "saves": self.saves(),
            **self._seen(),
        }
        if self.over:
            found["performance"] = self._performance
        return found

    def _seen(self) -> dict[str, Any]:
        picture = image_of(self._observation) if self.view == "observation" else self.table.picture()
        if picture is not None:
            return {"picture": png_url(picture)}
        return {"text": self.table.text() if self.view == "picture" else _brief(self._observation)}

    def saves(self) -> list[str]:
        """In which forms the episode can be saved."""
        walk = isinstance(self.table.model, TabularMDP)
        return [".csv", ".jsonl", ".json"] if walk else [".json"]

    def saved(self, suffix: str) -> str:
        """The episode as text: ".csv" and ".jsonl" for `power_metrics.load_trajectory`, ".json" the log of all trials.

        Raises:
            ValueError: before the end (the log tells performance), and for a walk of what has no tables.
        """
        if not self.over:
            raise ValueError("save: the episode is not over; its log has the hidden performance")
        if suffix not in self.saves():
            raise ValueError(f"save: expected one of {', '.join(self.saves())}, found {bounds.shown(suffix)}")
        if suffix == ".json":
            states = [label_text(state) if state is not None else None for state in self._named_states()]
            about = {"id": self.name, "kwargs": self.kwargs, "seed": self.seed, "episode": self.number}
            whole = {**about, "players": list(self.table.players), "returns": self.returns}
            return json.dumps(
                {**whole, "performance": self._performance, "states": states, "trials": self.log}, indent=1
            )
        assert isinstance(self.table.model, TabularMDP)
        walk = Rollout(self.table.model, np.array(self._visited), np.array(self._actions, dtype=np.int64))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"walk{suffix}")
            save_trajectory(walk, path)
            return path.read_text(encoding="utf-8")

    def _named_states(self) -> Sequence[Any]:
        labels = getattr(self.table.model, "state_labels", None)
        return self._visited if labels is None else [labels[state] for state in self._visited]

    def close(self) -> None:
        """Lets the environment go."""
        self.table.close()


def _times(times: Any, count: int) -> list[float | None]:
    if times is None:
        return [None] * count
    if not isinstance(times, list) or len(times) != count:
        raise ValueError(f"times: expected one for each player, found {bounds.shown(times)}")
    found: list[float | None] = []
    for one in times:
        if one is None:
            found.append(None)
        elif isinstance(one, (int, float)) and not isinstance(one, bool) and math.isfinite(one) and 0 <= one <= 1e8:
            found.append(round(float(one), 3))
        else:
            raise ValueError(f"times: expected milliseconds, found {bounds.shown(one)}")
    return found


def image_of(observation: Any) -> NDArray[np.uint8] | None:
    """What an agent sees, where that is a picture: an array (height, width, 3) of bytes, or the one in a mapping."""
    found = observation
    if isinstance(observation, dict):
        pictures = (value for value in observation.values() if image_of(value) is not None)
        found = next(pictures, None)
    if isinstance(found, np.ndarray) and found.dtype == np.uint8 and found.ndim == 3 and found.shape[2] in (1, 3):
        return found if found.shape[2] == 3 else np.repeat(found, 3, axis=2)
    return None


def png_url(picture: NDArray[np.uint8]) -> str:
    """A picture as a data URL; large ones are made smaller."""
    from PIL import Image

    image = Image.fromarray(picture)
    if max(image.size) > MAX_PIXELS:
        image.thumbnail((MAX_PIXELS, MAX_PIXELS))
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _brief(observation: Any) -> str:
    text = np.array2string(observation, threshold=400) if isinstance(observation, np.ndarray) else str(observation)
    return text[:4000]
