"""Films: their frames, times and files."""

from __future__ import annotations

import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from powerenvs.extras import install_line
from powerenvs.render.animation import check_animation_path, write_animation


def frames(count, shape=(20, 30), colours=4, seed=0):
    rng = np.random.default_rng(seed)
    palette = rng.integers(0, 256, (colours, 3), dtype=np.uint8)
    return [palette[rng.integers(colours, size=shape)] for _ in range(count)]


def read_gif(path):
    """The frames of a GIF, the milliseconds of each, and how often it repeats."""
    with Image.open(path) as film:
        found = []
        for i in range(film.n_frames):
            film.seek(i)
            found.append((np.asarray(film.convert("RGB")).copy(), film.info["duration"]))
        return [frame for frame, _ in found], [time for _, time in found], film.info["loop"]


def read_mp4(path, height, width):
    """The frames of an MP4, and how many it shows in a second."""
    ffmpeg = pytest.importorskip("imageio_ffmpeg").get_ffmpeg_exe()
    command = [ffmpeg, "-i", str(path), "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    done = subprocess.run(command, capture_output=True, check=True)
    said = done.stderr.decode()
    assert f"{width}x{height}" in said
    rate = float(re.search(r"([0-9.]+) fps", said).group(1))
    return np.frombuffer(done.stdout, dtype=np.uint8).reshape(-1, height, width, 3), rate


@pytest.mark.parametrize("colours", [2, 5, 256])
def test_a_gif_of_few_colours_is_exact(tmp_path, colours):
    made = frames(4, colours=colours)
    write_animation(made, tmp_path / "film.gif", frame_seconds=0.2, last_seconds=1.5)
    found, times, loop = read_gif(tmp_path / "film.gif")
    assert len(found) == 4
    assert all(np.array_equal(a, b) for a, b in zip(made, found, strict=True))
    assert times == [200, 200, 200, 1500]
    assert loop == 0


def test_a_gif_of_many_colours_is_close_and_keeps_small_things(tmp_path):
    ramp = np.linspace(0, 255, 120)
    colours = np.stack([ramp, 255 - ramp, 0.5 * ramp], axis=1)
    frame = np.concatenate([np.tile(share * colours, (30, 1, 1)) for share in (0.4, 0.6, 0.8, 1.0)]).astype(np.uint8)
    made = [np.roll(frame, 20 * shift, axis=1) for shift in range(5)]
    for frame in made:
        frame[:3, :3] = (255, 0, 255)
    assert len(np.unique(made[0].reshape(-1, 3), axis=0)) > 256
    write_animation(iter(made), tmp_path / "film.gif")
    found, times, _ = read_gif(tmp_path / "film.gif")
    assert times == [500] * 5
    for a, b in zip(made, found, strict=True):
        difference = np.abs(a.astype(int) - b)
        assert difference.mean() < 5
        assert difference[1, 1].max() < 20


def test_a_colour_is_the_same_in_every_frame(tmp_path):
    rng = np.random.default_rng(0)
    made = [rng.integers(0, 256, (40, 40, 3), dtype=np.uint8) for _ in range(3)]
    for frame in made:
        frame[:5] = (12, 200, 99)
    write_animation(made, tmp_path / "film.gif")
    found, _, _ = read_gif(tmp_path / "film.gif")
    assert len(np.unique(np.concatenate([frame[:5].reshape(-1, 3) for frame in found]), axis=0)) == 1


def test_equal_frames_become_one_that_lasts(tmp_path):
    first, second = frames(2)
    write_animation([first, first, second], tmp_path / "film.gif", frame_seconds=0.3)
    found, times, _ = read_gif(tmp_path / "film.gif")
    assert times == [600, 300]
    assert np.array_equal(found[0], first)
    assert np.array_equal(found[1], second)


@pytest.mark.parametrize("shape", [(20, 30), (21, 35)])
def test_mp4(tmp_path, shape):
    made = [np.full((*shape, 3), level, dtype=np.uint8) for level in (10, 120, 240)]
    write_animation(iter(made), tmp_path / "film.mp4", frame_seconds=0.25, last_seconds=1)
    found, rate = read_mp4(tmp_path / "film.mp4", shape[0] + shape[0] % 2, shape[1] + shape[1] % 2)
    assert rate == 4
    assert len(found) == 3 + 3  # the last one is shown four times as long
    for frame, level in zip(found, (10, 120, 240, 240, 240, 240), strict=True):
        assert np.abs(frame.astype(int) - level).max() < 12


@pytest.mark.parametrize("suffix", ["gif", "mp4"])
@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ([], "frames: expected at least one, found none"),
        ([np.zeros((4, 4, 3), np.uint8), np.zeros((4, 6, 3), np.uint8)], r"one size, found \(4, 4\) .* \(4, 6\)"),
        ([np.zeros((4, 4, 3))], r"uint8 \(height, width, 3\), found float64"),
        ([np.zeros((4, 4), np.uint8)], r"uint8 \(height, width, 3\), found uint8 \(4, 4\)"),
    ],
)
def test_bad_frames_leave_the_old_file(tmp_path, suffix, bad, message):
    path = tmp_path / f"film.{suffix}"
    path.write_text("old")
    with pytest.raises(ValueError, match=message):
        write_animation(bad, path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("suffix", ["gif", "mp4"])
def test_an_error_while_drawing_leaves_nothing(tmp_path, suffix):
    def broken():
        yield from frames(2)
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        write_animation(broken(), tmp_path / f"film.{suffix}")
    assert list(tmp_path.iterdir()) == []


def test_bad_arguments(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"path: expected a name that ends in \.gif or \.mp4, found 'film.avi'"):
        write_animation(frames(2), "film.avi")
    with pytest.raises(ValueError, match=r"film_path: expected a name that ends in"):
        check_animation_path("film", "film_path")
    for name, value in (("frame_seconds", 0), ("frame_seconds", float("nan")), ("last_seconds", -1)):
        with pytest.raises(ValueError, match=f"{name}: expected a time of at least 0.01 seconds"):
            write_animation(frames(2), tmp_path / "film.gif", **{name: value})
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(ValueError, match=re.escape(install_line("video"))):
        write_animation(frames(2), tmp_path / "film.mp4")
    assert list(tmp_path.iterdir()) == []
