"""Nonsense for the server: requests and messages of odd sizes, types, paths and origins.

``python -m tests.power_metrics.app.fuzz --inputs 10000`` sends so many to a server of its own, and says what came back and
how its memory, and that of the process that does its work, grew.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
import os
import random
import string
import tempfile
import time
from collections.abc import Iterator
from typing import Any

PATHS = (
    "/",
    "/api/lines",
    "/api/explore",
    "/api/download",
    "/api/save",
    "/api/open",
    "/api/files",
    "/api/result",
    "/api/label",
    "/api/label/clip",
    "/api/label/counts",
    "/api/label/next",
    "/api/label/answer",
    "/api/label/undo",
    "/api/label/practice",
    "/static/",
    "/ws",
)
ODD = (
    "..",
    "/etc/passwd",
    "\0",
    "%2e%2e%2f",
    "a" * 5000,
    "\ud800",
    "🙂",
    "",
    "None",
    "__class__",
    "-1",
    "nan",
    "C:\\x",
    "con.txt",
)
DOS = ("explore", "equation", "cancel", "edit", "play", "act", "again", "walk", "watch", "", "nothing", "__init__")
KEYS = (
    "request", "source", "measure", "settings", "keep", "kind", "rows", "noise", "walls", "pair", "removed", "places", "id",
    "kwargs", "name", "text", "bytes", "state", "sample", "arrows", "less", "format", "world", "edits", "op", "cell", "glyph",
    "actions", "times", "seed", "view", "suffix", "slot", "ask", "n", "path", "replace", "gamma", "num_samples", "level",
    "rater", "pair", "label", "seconds", "comparison", "number",
)  # fmt: skip
GOOD = {
    "measure": ("power", "empowerment", "multiagent_power", "reachability"), "kind": ("level", "id", "file"),
    "rows": (["..."], ["S.G", ".#."], ["#"]), "op": ("draw", "remove", "add_row", "place"), "format": ("csv", "svg", "py"),
    "id": ("PowerGrid-v0", "powerenvs/Vase-v0", "one_key_v0", "turner_figure_1"), "num_samples": (5, 50), "n": (1, 2, 3),
    "name": ("x.txt", "y.gv"), "glyph": ("#", "G"), "cell": ([0, 0], [1, 2]), "slot": ("main", "less"),
}  # fmt: skip


def broken(text: str) -> str:
    """A text with a few characters changed."""
    rng = random.Random(text)
    letters = list(text)
    for _ in range(1 + len(letters) // 20):
        letters.insert(rng.randrange(len(letters) + 1), rng.choice(string.printable))
    return "".join(letters)


def value(rng: random.Random, depth: int = 4) -> Any:
    """A value of any kind that JSON has."""
    kind = rng.randrange(9)
    if kind < 2 and depth:
        return {rng.choice(KEYS): value(rng, depth - 1) for _ in range(rng.randrange(5))}
    if kind == 2 and depth:
        return [value(rng, depth - 1) for _ in range(rng.randrange(4))]
    if kind == 3:
        return rng.choice((0, 1, -1, 2**31, 2**63, 10**400, -(10**30)))
    if kind == 4:
        return rng.choice((0.5, -0.0, 1e308, 1e-320))
    if kind == 5:
        return rng.choice((True, False, None))
    return rng.choice(ODD)


def likely(rng: random.Random) -> dict[str, Any]:
    """A request that is nearly good."""

    def one(key: str) -> Any:
        return rng.choice(GOOD[key]) if key in GOOD and rng.random() < 0.8 else value(rng, 2)

    source = {"kind": one("kind"), "rows": one("rows"), "id": one("id"), "name": one("name"), "text": value(rng, 1)}
    source = {key: source[key] for key in source if rng.random() < 0.7}
    settings = {"num_samples": one("num_samples"), **({rng.choice(KEYS): value(rng, 2)} if rng.random() < 0.3 else {})}
    request = {"source": source, "measure": one("measure"), "settings": settings}
    edits = [{"op": one("op"), "cell": one("cell"), "glyph": one("glyph")} for _ in range(rng.randrange(3))]
    world = {"rows": one("rows"), "noise": value(rng, 0), "pair": rng.choice((True, False))}
    found = {"request": request, "ask": {"request": request, "state": value(rng, 0)}, "world": world, "edits": edits}
    found |= {"format": one("format"), "name": one("name"), "id": one("id"), "n": one("n"), "slot": one("slot")}
    found |= {"actions": value(rng, 2), "kwargs": value(rng, 2)}
    return {key: found[key] for key in found if rng.random() < 0.8}


def requests(rng: random.Random, count: int) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path, and what `httpx.Client.request` takes besides."""
    for _ in range(count):
        path = rng.choice(PATHS)
        if rng.random() < 0.2:
            path += rng.choice(
                ("x", "%00", "../" * 5 + "etc/passwd", "?path=../..", "?path=%2fetc%2fpasswd", "?token=%ff")
            )
        method = rng.choice(("GET", "POST", "POST", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"))
        body = json.dumps(likely(rng) if rng.random() < 0.6 else value(rng))
        if rng.random() < 0.2:
            body = broken(body)
        content = rng.choice(("application/json",) * 6 + ("text/plain", "application/json; charset=x", ""))
        headers = {"content-type": content}
        if rng.random() < 0.1:
            headers["origin"] = rng.choice(("http://evil.example", "null", "", "http://127.0.0.1.evil.example"))
        if rng.random() < 0.05:
            headers["host"] = rng.choice(("evil.example", "[::1", "127.0.0.1:x"))
        if rng.random() < 0.05:
            headers["cookie"] = rng.choice(("a=b; c", "=;;=", "powerenvs_0=\x7f"))
        yield method, path, {"content": body.encode("utf-8", "replace"), "headers": headers}


def messages(rng: random.Random, count: int) -> Iterator[str | bytes]:
    """Texts and bytes for the socket."""
    for _ in range(count):
        kind = rng.random()
        if kind < 0.1:
            yield bytes(rng.randrange(256) for _ in range(rng.randrange(200)))
            continue
        found: Any = {"do": rng.choice(DOS), **likely(rng)} if kind < 0.8 else value(rng)
        text = json.dumps(found)
        yield broken(text) if kind > 0.9 else text


def work(rng: random.Random) -> dict[str, Any]:
    """A message that is good, and of a world that was never measured before."""
    rows = ["".join(rng.choice("....#") for _ in range(8)) for _ in range(8)]
    source = {"kind": "level", "rows": [*rows[:7], rows[7][:7] + "G"], "noise": rng.choice((0.0, 0.1))}
    settings = {"num_samples": 500, "seed": rng.randrange(1000)}
    request = {"source": source, "measure": "power", "settings": settings}
    kinds = (
        {"do": "explore", "ask": {"request": request, "arrows": "task"}},
        {"do": "equation", "ask": {"request": request, "state": 0, "sample": 0}},
        {"do": "explore", "ask": {"request": {**request, "measure": "empowerment", "settings": {"steps": 2}}}},
        {"do": "play", "id": "powerenvs/BoatRace-v0", "seed": rng.randrange(1000)},
    )
    return rng.choice(kinds)


def main() -> None:
    """Sends them, and prints what came back and how memory grew."""
    import httpx
    from websockets.exceptions import ConnectionClosed
    from websockets.sync.client import connect

    from power_metrics.app.run import running
    from power_metrics.app.server import make_app
    from power_metrics.app.workers import Workers, memory_of

    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--inputs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rng, found = random.Random(args.seed), collections.Counter()
    sizes: list[tuple[int, list[int]]] = []
    workers = Workers(1)

    def look() -> None:
        sizes.append((memory_of(os.getpid()) >> 20, [memory_of(pid) >> 20 for pid in workers.pids]))

    with tempfile.TemporaryDirectory() as folder, running(make_app(folder, folder, workers)) as address:
        started = time.monotonic()
        with httpx.Client(base_url=address, timeout=300, headers={"origin": address}) as client:
            for i, (method, path, options) in enumerate(requests(rng, args.inputs // 2)):
                answer = client.request(method, path, **options)
                found[answer.status_code] += 1
                assert answer.status_code < 500, (method, path, options, answer.text)
                assert "Traceback" not in answer.text
                if i % max(1, args.inputs // 20) == 0:
                    look()
        sent, texts = 0, messages(rng, args.inputs - args.inputs // 2)
        for text in texts:
            if sent % 200 == 0:
                ws = contextlib.ExitStack().enter_context(
                    connect(f"{address.replace('http', 'ws')}/ws", origin=address, max_size=None)
                )
            try:
                ws.send(text)
                sent += 1
                if sent % 200 == 0:
                    ws.send(json.dumps({"do": "cancel", "n": 987654}))
                    while True:
                        told = json.loads(ws.recv(timeout=300))
                        found[told["event"]] += 1
                        assert "Traceback" not in json.dumps(told)
                        if told.get("n") == 987654:
                            break
                    ws.close()
                    look()
                elif sent % 20 == 0:  # the process has work in between that is done to the end
                    ws.send(json.dumps({**work(rng), "n": sent}))
                    while True:
                        told = json.loads(ws.recv(timeout=300))
                        found[told["event"]] += 1
                        if told.get("n") == sent and told["event"] in ("done", "error", "frame"):
                            break
            except ConnectionClosed:
                found["closed"] += 1
                sent += 200 - sent % 200
        with httpx.Client(base_url=address, timeout=300) as client:
            assert client.get("/api/files").status_code == 200
        print(f"{args.inputs} inputs in {time.monotonic() - started:.0f} s: {dict(found)}")
        print("memory over time, MB")
        print(f"  server: {[server for server, _ in sizes]}")
        print(f"  worker: {[' '.join(map(str, their)) for _, their in sizes]}")


if __name__ == "__main__":
    main()
