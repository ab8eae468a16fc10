"""Comparisons by people: what the server keeps, whatever is sent twice or too late, and what it shows."""

from __future__ import annotations

import io

import httpx
import numpy as np
import pytest
from PIL import Image

import power_metrics as pm
from power_metrics.app.clips import clip_of
from power_metrics.app.labelling import Labelling
from power_metrics.app.run import running
from power_metrics.app.server import make_app
from power_metrics.app.workers import Workers
from power_metrics.cli.main import main
from tests.power_metrics.app.labels import make_store

ANN, BOB = {"rater": "ann"}, {"rater": "bob"}


class Clock:
    def __init__(self):
        self.now = 1_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def labelling(tmp_path, clock):
    return Labelling(make_store(tmp_path / "labels.db", pairs=5, clock=clock))


def labels(labelling):
    found = labelling.store.comparisons()
    return list(zip(found.pairs.tolist(), found.raters, found.labels, strict=True))


def test_an_answer_that_comes_twice_counts_once_and_so_does_undoing(labelling):
    first = labelling.next(ANN)["pair"]
    answer = {**ANN, "pair": first, "label": "left", "seconds": 1.5}
    found = labelling.answer(answer)
    assert labelling.answer(answer)["pair"] == found["pair"] != first
    assert labels(labelling) == [(first, "ann", "left")]
    assert labelling.store.comparisons().response_time.tolist() == [1.5]
    assert labelling.counts("ann")["mine"] == 1
    assert labelling.counts("bob")["mine"] == 0
    undo = {**ANN, "comparison": found["last"]}
    assert labelling.undo(undo)["pair"] == first
    assert labelling.undo(undo)["pair"] == first  # it means an answer that is undone already
    assert labels(labelling) == []
    labelling.answer({**answer, "label": "tie"})
    with pytest.raises(ValueError, match="undo that to answer anew"):
        labelling.answer({**answer, "label": "right"})
    assert labels(labelling) == [(first, "ann", "tie")]


def test_no_pair_is_shown_to_two_unless_its_two_minutes_are_over(labelling, clock):
    mine, other = labelling.next(ANN)["pair"], labelling.next(BOB)["pair"]
    assert mine != other
    coming = {pair.id for pair in labelling.store.upcoming(10)}
    assert len(coming) == 3
    assert not coming & {mine, other}
    assert labelling.next(ANN)["pair"] == mine  # after a reload
    clock.now += 121
    assert labelling.next(BOB)["pair"] == mine
    late = labelling.answer({**ANN, "pair": mine, "label": "left", "seconds": 121})
    assert "Somebody else" in late["taken"]
    assert late["pair"] != mine
    assert labels(labelling) == []
    assert labelling.answer({**BOB, "pair": mine, "label": "right", "seconds": 1})["taken"] == ""
    assert labels(labelling) == [(mine, "bob", "right")]


def test_raters_that_are_asked_for_the_same_pair_and_how_far_they_agree(tmp_path):
    store = make_store(tmp_path / "labels.db", pairs=1)
    a, b = list(store.segments().values())
    store.add_pairs([(b, a), (a, b)], labels=2, priority=1.0)
    labelling = Labelling(store)
    for rater, words in (("ann", ("left", "right", "right")), ("bob", ("left", "left"))):
        for word in words:
            pair = labelling.next({"rater": rater})["pair"]
            labelling.answer({"rater": rater, "pair": pair, "label": word, "seconds": None})
    found = {row["raters"]: row for row in labelling.agreement()["agreement"]}
    # seen from one side, ann said b, b, b and bob b, a
    assert found["ann", "ann"]["agreement"] == 1.0
    assert found["bob", "bob"]["agreement"] == 0.0
    assert found["ann", "bob"]["agreement"] == 0.5
    assert labelling.next(BOB)["pair"] is None


def test_clips_have_each_frame_once_and_come_back_whole(labelling):
    found = labelling.next(ANN)
    store = labelling.store
    about = found["left"]
    sheet = np.asarray(Image.open(io.BytesIO(labelling.clip(about["clip"]))))
    number = int(about["clip"].removeprefix("segment-"))
    env = labelling.clips.environment()
    frames = pm.preferences.frames(store.segment(number), env)
    assert len(about["frames"]) == len(frames)
    assert about["ended"] == store.segment(number).ended
    w, h, columns = about["width"], about["height"], about["columns"]
    for place, frame in zip(about["frames"], frames, strict=True):
        x, y = place % columns * w, place // columns * h
        assert np.array_equal(sheet[y : y + h, x : x + w], frame)
    large = clip_of("x", np.zeros((3, 20, 1280, 3), np.uint8))
    assert (large.about["width"], large.about["height"], large.about["frames"]) == (640, 10, [0, 0, 0])


def test_clips_of_other_environments_and_none_at_all(tmp_path):
    store = pm.preferences.Store(tmp_path / "labels.db")
    seen = np.zeros((3, 84, 84, 3), np.uint8)
    seen[:, :, :40] = 200
    pieces = [
        pm.preferences.Segment([0, 1], observations=seen),
        pm.preferences.Segment([0, 1], observations=np.zeros((3, 4)), frames=seen[:, :50]),
        pm.preferences.Segment([1, 1], observations=np.zeros((3, 4))),
        pm.preferences.Segment([1, 0], states=[0, 1, 1]),
    ]
    store.add_pairs([(pieces[0], pieces[1]), (pieces[2], pieces[3])])
    labelling = Labelling(store)
    found = labelling.next(ANN)
    assert [found[side]["height"] for side in ("left", "right")] == [84, 50]
    found = labelling.answer({**ANN, "pair": found["pair"], "label": "tie", "seconds": 2})
    assert all("expected one with frames" in found[side]["trouble"] for side in ("left", "right"))
    store.note(environment={"id": "os:system", "kwargs": {}})  # no module is loaded because a file names it
    assert "environment: expected one of" in labelling.next(ANN)["left"]["trouble"]
    assert labelling.answer({**ANN, "pair": found["pair"], "label": "incomparable", "seconds": 2})["pair"] is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({**ANN, "pair": 1, "label": "up", "seconds": 1}, "label: expected one of left, right, tie, incomparable"),
        ({**ANN, "pair": 99, "label": "tie", "seconds": 1}, "pair: expected the number of a pair in the store"),
        ({**ANN, "pair": "1", "label": "tie"}, "pair: expected a whole number"),
        ({**ANN, "pair": 1, "label": "tie", "seconds": -1}, "seconds: expected a number from 0"),
        ({"rater": " ", "pair": 1, "label": "tie"}, "rater: expected a name"),
        ({"rater": "a\nb", "pair": 1, "label": "tie"}, "rater: expected a name"),
        ({**ANN, "pair": 1, "label": "tie", "more": 1}, "answer: expected the keys"),
    ],
)
def test_what_does_not_fit_is_refused(labelling, given, message):
    with pytest.raises(ValueError, match=message):
        labelling.answer(given)
    assert labels(labelling) == []


def test_instructions_are_text_from_a_file_and_read_anew(tmp_path):
    path = tmp_path / "wanted.txt"
    path.write_text("Stay out of the <b>water</b>.\n", encoding="utf-8")
    labelling = Labelling(instructions=path)
    assert labelling.about()["instructions"] == "Stay out of the <b>water</b>.\n"
    path.write_text("Go to the goal.", encoding="utf-8")
    assert labelling.about() == {
        "there": False,
        "instructions": "Go to the goal.",
        "labels": ["left", "right", "tie", "incomparable"],
    }
    path.write_text("x" * 20_001, encoding="utf-8")
    with pytest.raises(ValueError, match="instructions: expected at most 20,000 characters"):
        labelling.about()
    with pytest.raises(ValueError, match="instructions: expected a text file"):
        Labelling(instructions=tmp_path / "none.txt")
    with pytest.raises(ValueError, match="label: no comparisons are open; start with powerenvs app --labels FILE"):
        labelling.next(ANN)


def test_over_http_with_made_up_clips(tmp_path):
    labelling = Labelling(make_store(tmp_path / "labels.db", pairs=2))
    with running(make_app(tmp_path, None, Workers(1), labelling=labelling)) as address, httpx.Client() as client:
        client.base_url = address
        about = client.get("/api/label").json()
        assert (about["there"], about["counts"]["open"]) == (True, 2)
        made = client.post("/api/label/practice", json={"number": 3}).json()
        again = client.get("/api/label/clip", params={"name": made["left"]["clip"]})
        assert again.headers["content-type"] == "image/png"
        assert again.content.startswith(b"\x89PNG")
        for name in ("", "segment-99", "segment-x", "practice-1-up", "practice-x-left", "../x"):
            assert client.get("/api/label/clip", params={"name": name}).status_code == 400
        found = client.post("/api/label/next", json=ANN).json()
        given = {**ANN, "pair": found["pair"], "label": "right", "seconds": 0.5}
        foreign = client.post("/api/label/answer", json=given, headers={"origin": "http://elsewhere"})
        assert foreign.status_code == 403
        assert labels(labelling) == []
        assert client.post("/api/label/answer", json=given).json()["pair"] not in (None, found["pair"])
        assert client.get("/api/label/counts", params={"rater": "ann"}).json()["mine"] == 1
        assert client.get("/api/label/agreement").json() == {"agreement": []}
    assert labels(labelling) == [(found["pair"], "ann", "right")]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--labels", "none.db"], "--labels: expected a store of preferences, found no file 'none.db'"),
        (["--instructions", "x.txt"], "go with --labels FILE only"),
    ],
)
def test_the_command_refuses_what_is_not_there(words, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["app", "--no-browser", *words]) == 2
    assert message in capsys.readouterr().err
