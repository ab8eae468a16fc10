"""A store with pairs to compare, and a server of its own for it, that can be killed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import gymnasium as gym
import httpx

import power_metrics as pm

WORLD = {"id": "powerenvs/IslandNavigation-v0", "kwargs": {}}


def make_store(path, pairs=40, length=4, **options):
    """A store with pairs of random walks, without answers."""
    env = gym.make(WORLD["id"], **WORLD["kwargs"])
    store = pm.preferences.Store(path, **options)
    segments = pm.preferences.collect(env, num_segments=6 * pairs, length=length, seed=1)
    different = list(dict.fromkeys(segments))[: 2 * pairs]
    assert len(different) == 2 * pairs
    store.add_pairs(zip(different[::2], different[1::2], strict=True), schedule="uniform")
    store.note(environment=WORLD)
    return store


class Server:
    """``powerenvs app --labels FILE`` in a process of its own, on a port that it has again after it was killed."""

    def __init__(self, labels: Path, folder: Path, *words: str):
        self._words = ["--labels", str(labels), "--folder", str(folder), "--workers", "1", "--no-browser", *words]
        self.port = 0
        self.start()

    def start(self) -> None:
        """Starts it, and waits until it answers."""
        command = [sys.executable, "-m", "power_metrics.cli", "app", "--port", str(self.port), *self._words]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ})
        line = self.process.stdout.readline()
        self.link = line.split(": ", 1)[1].strip()
        self.address = self.link.split("#")[0].split("?")[0].rstrip("/")
        self.port = int(self.address.rsplit(":", 1)[1])
        for _ in range(200):
            try:
                httpx.get(self.address)
                return
            except httpx.TransportError:
                time.sleep(0.05)
        raise RuntimeError("the server does not answer")

    def kill(self) -> None:
        """Kills it where it stands."""
        self.process.kill()
        self.process.wait(20)
        self.process.stdout.close()
