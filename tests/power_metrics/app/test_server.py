"""The server: who may ask, what it refuses, that nothing it is sent makes it fail, and that it keeps what was saved."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

import power_metrics as pm
from power_metrics.app.guard import Guard, is_loopback
from tests.power_metrics.app.fuzz import broken, messages, requests

ROWS = ["...", ".#.", "..."]
WORLD = {"rows": ROWS}
REQUEST = {"source": {"kind": "level", **WORLD}, "measure": "power", "settings": {"num_samples": 50}}


@pytest.fixture(scope="module")
def client(served):
    with httpx.Client(base_url=served.address, timeout=120, headers={"origin": served.address}) as made:
        yield made


def socket(served, origin=None, **options):
    address = served.address.replace("http", "ws") + "/ws"
    return connect(address, origin=served.address if origin is None else origin, max_size=None, **options)


def answer(ws, number, event):
    """The answer of this kind to a message."""
    while True:
        found = json.loads(ws.recv(timeout=120))
        if found["n"] == number and found["event"] in (event, "error"):
            assert found["event"] == event, found
            return found


def test_the_page_and_what_it_may_load(client):
    page = client.get("/")
    rules = page.headers["content-security-policy"]
    assert "default-src 'none'" in rules
    assert "unsafe" not in rules
    assert page.headers["x-content-type-options"] == "nosniff"
    assert "<script>" not in page.text
    assert "style=" not in page.text
    assert "onclick" not in page.text
    assert client.get("/static/js/main.js").status_code == 200
    for path in (
        "/static/../server.py",
        "/static/%2e%2e/server.py",
        "/static/js/..%2f..%2f..%2fserver.py",
        "/server.py",
    ):
        assert client.get(path).status_code == 404
    assert client.get("/api/catalogue").json()["version"]


def test_maps_over_http_and_over_the_socket_are_the_same(served, client):
    by_http = client.post("/api/explore", json={"request": REQUEST}).json()
    with socket(served) as ws:
        ws.send(json.dumps({"do": "explore", "n": 1, "ask": {"request": REQUEST}}))
        by_socket = answer(ws, 1, "done")["data"]
    assert by_http["result"]["maps"] == by_socket["result"]["maps"]
    lines = client.post("/api/lines", json={"request": REQUEST}).json()["lines"]
    assert "pm.power(env, num_samples=50)" in lines


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", "file://"])
def test_foreign_origins_are_refused(served, client, origin):
    assert client.post("/api/explore", json={"request": REQUEST}, headers={"origin": origin}).status_code == 403
    with pytest.raises(InvalidStatus):
        socket(served, origin=origin)


def test_foreign_hosts_and_kinds_of_content_are_refused(served, client):
    assert client.get("/", headers={"host": "evil.example"}).status_code == 403
    assert client.get("/", headers={"host": "evil.example:80@127.0.0.1"}).status_code == 403
    assert client.post("/api/lines", content=json.dumps({"request": REQUEST})).status_code == 400
    assert client.post("/api/lines", json={"request": "x" * (2 << 20)}).status_code == 413
    assert client.post("/api/lines", json={}, headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "127.8.8.8", "10.0.0.1", "example.com")] == [
        True, True, True, True, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize("given", [None, "wrong", "right", "cookie"])
def test_a_token_beyond_this_machine(given):
    import asyncio

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"in"})

    async def ask():
        transport = httpx.ASGITransport(Guard(app, None, "right"))
        async with httpx.AsyncClient(transport=transport, base_url="http://10.1.2.3:8765") as client:
            if given == "cookie":
                assert (await client.get("/?token=right")).status_code == 200
                return (await client.get("/")).status_code
            return (await client.get("/" if given is None else f"/?token={given}")).status_code

    with ThreadPoolExecutor(1) as other:  # where no loop runs
        status = other.submit(lambda: asyncio.run(ask())).result()
    assert status == (200 if given in ("right", "cookie") else 403)
    with pytest.raises(ValueError, match="token"):
        Guard(app, None, None)


def test_a_newer_request_ends_an_older_one_and_long_ones_can_be_cancelled(served):
    long = {**REQUEST, "source": {"kind": "id", "id": "PowerGrid-v0", "kwargs": {"noise": 0.1}}, "settings": {"num_samples": 1_000_000}}  # fmt: skip
    with socket(served) as ws:
        ws.send(json.dumps({"do": "explore", "n": 1, "ask": {"request": long}}))
        assert answer(ws, 1, "progress")["data"]["total"] == 1_000_000
        started = time.monotonic()
        ws.send(json.dumps({"do": "explore", "n": 2, "ask": {"request": REQUEST}}))
        answer(ws, 2, "done")
        assert time.monotonic() - started < 20  # the older one takes minutes
        ws.send(json.dumps({"do": "explore", "n": 3, "ask": {"request": long}}))
        answer(ws, 3, "progress")
        ws.send(json.dumps({"do": "cancel", "n": 4}))
        answer(ws, 4, "cancelled")
        ws.send(json.dumps({"do": "explore", "n": 5, "ask": {"request": REQUEST}}))
        answer(ws, 5, "done")


def test_edits_are_those_of_the_edit_model(served):
    with socket(served) as ws:
        ws.send(
            json.dumps({"do": "edit", "n": 1, "world": WORLD, "edits": [{"op": "draw", "cell": [0, 0], "glyph": "G"}]})
        )
        assert answer(ws, 1, "world")["world"]["rows"][0] == "G.."
        walls = [{"op": "draw", "cell": [r, c], "glyph": "#"} for r in range(3) for c in range(3)]
        ws.send(json.dumps({"do": "edit", "n": 2, "world": WORLD, "edits": walls}))
        assert "walls only" in answer(ws, 2, "world")["problem"]


def test_files_stay_in_their_folder(served, client):
    saved = {"world": {**WORLD, "removed": [[0, 0, "right", None]]}, "name": "cut.txt"}
    assert client.post("/api/save", json=saved).json()["written"] == ["cut.txt", "cut.npz"]
    assert "exists" in client.post("/api/save", json=saved).json()["message"]
    assert client.post("/api/save", json={**saved, "replace": True}).status_code == 200
    opened = client.post("/api/open", json={"name": "cut.npz"}).json()
    assert opened["rows"] == ROWS
    assert opened["removed"] == [[0, 0, "right", None]]
    (served.folder / "out.txt").symlink_to("/etc/hostname")
    for name in (
        "../cut.txt",
        "/etc/passwd",
        "out.txt",
        "a/b.txt",
        ".hidden.txt",
        "x" * 200 + ".txt",
        "cut.exe",
        "",
        3,
    ):
        assert client.post("/api/open", json={"name": name}).status_code == 400
        assert client.post("/api/save", json={**saved, "name": name, "replace": True}).status_code == 400
    (served.folder / "out.txt").unlink()
    assert {one["name"] for one in client.get("/api/files").json()["files"]} >= {"cut.txt", "cut.npz"}


def test_results_that_are_watched(served, client):
    config = {"name": "grid", "level": "open_3x3", "gamma": [0.1, 0.9], "num_samples": 50}
    with socket(served) as ws:
        ws.send(json.dumps({"do": "watch", "n": 1}))
        answer(ws, 1, "results")
        pm.sweep(config, served.results / "grid", progress=False, figures=False)
        (served.results / "curve.csv").write_text("step,power\n0,0.5\n10,0.75\n")
        while {one["path"] for one in answer(ws, 1, "results")["entries"]} < {"grid", "curve.csv"}:
            pass
    table = client.get("/api/result", params={"path": "grid"}).json()
    assert (table["done"], table["total"], table["swept"]) == (2, 2, ["gamma"])
    assert client.get("/api/result", params={"path": "curve.csv"}).json()["rows"] == [[0, 0.5], [10, 0.75]]
    for path in ("..", "/etc/passwd", "grid/../../x", "nothing", ".lock", "grid/config.yaml"):
        assert client.get("/api/result", params={"path": path}).status_code == 400


@pytest.mark.slow
def test_nonsense_gets_an_answer_and_no_traceback(served, client):
    rng = random.Random(0)
    for method, path, options in requests(rng, 150):
        found = client.request(method, path, **options)
        assert found.status_code < 500, (method, path, options, found.text)
        assert "Traceback" not in found.text
    with socket(served) as ws:
        for text in messages(rng, 150):
            ws.send(text)
        ws.send(json.dumps({"do": "explore", "n": 77777, "slot": "less", "ask": {"request": REQUEST}}))
        while True:
            found = json.loads(ws.recv(timeout=120))
            assert "Traceback" not in json.dumps(found)
            if found.get("n") == 77777:
                assert found["event"] == "done", found
                break
    assert broken("x" * 3) != ""


def test_a_message_that_is_too_large_closes_only_its_own_connection(served):
    with socket(served) as ws:
        with contextlib.suppress(ConnectionClosed):
            ws.send("x" * (3 << 20))
        with pytest.raises(ConnectionClosed):
            ws.recv(timeout=20)
    with socket(served) as ws:
        ws.send(json.dumps({"do": "cancel", "n": 1}))
        answer(ws, 1, "cancelled")


@pytest.mark.slow
def test_fifty_pages_at_once(served):
    def page(number):
        request = {**REQUEST, "settings": {"num_samples": 50, "seed": number}}
        with socket(served) as ws:
            ws.send(json.dumps({"do": "explore", "n": 1, "ask": {"request": request}}))
            power = answer(ws, 1, "done")["data"]["result"]["maps"][0]["columns"]["power"]
            ws.send(json.dumps({"do": "play", "n": 2, "id": "powerenvs/BoatRace-v0", "seed": number}))
            answer(ws, 2, "frame")
            return number, power

    with ThreadPoolExecutor(50) as pool:
        found = dict(pool.map(page, range(50)))
    from powerenvs import EditedWorld

    for number in (0, 49):
        expected = pm.power(EditedWorld(ROWS).model(), num_samples=50, seed=number, progress=False)
        assert found[number] == expected.mean.tolist()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals are of Unix")
def test_the_command_and_that_a_killed_server_loses_nothing_saved(tmp_path):
    words = ["app", "--port", "0", "--no-browser", "--folder", str(tmp_path / "saved"), "--workers", "1", "--token"]
    process = subprocess.Popen(
        [sys.executable, "-m", "power_metrics.cli", *words], stdout=subprocess.PIPE, text=True, env={**os.environ}
    )
    try:
        link = process.stdout.readline().split(": ", 1)[1].strip()
        with httpx.Client() as client:
            for _ in range(100):
                try:
                    client.get(link)
                    break
                except httpx.ConnectError:
                    time.sleep(0.1)
            assert httpx.get(link.split("?")[0]).status_code == 403
            saved = client.post(link.split("?")[0] + "api/save", json={"world": WORLD, "name": "kept.txt"})
            assert saved.json()["written"] == ["kept.txt"]
        process.send_signal(signal.SIGKILL)
    finally:
        process.kill()
        process.wait(20)
        process.stdout.close()
    assert (tmp_path / "saved" / "kept.txt").read_text().split() == ROWS
