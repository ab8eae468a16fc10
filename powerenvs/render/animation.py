"""Frames as a film: GIF by Pillow, MP4 by the ffmpeg that imageio brings along."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from powerenvs.extras import install_line
from powerenvs.model.files import atomic_path

SUFFIXES = (".gif", ".mp4")
PALETTE = 256
"""The most colours of a GIF."""


def write_animation(
    frames: Iterable[NDArray[np.uint8]],
    path: str | os.PathLike[str],
    *,
    frame_seconds: float = 0.5,
    last_seconds: float | None = None,
) -> None:
    """Writes pictures as an animation, whole or not at all.

    A GIF repeats for ever. All its frames share one palette, exact up to 256 colours, and equal frames in a row become
    one that is shown longer. Its times are whole hundredths of a second. An MP4 (H.264) shows frames at a fixed rate,
    so that its last frame is repeated to last longer; odd sizes are padded by one pixel.

    Args:
        frames: pictures (H, W, 3) uint8, all of one size; an MP4 takes them one by one from an iterator.
        path: ends in ``.gif`` or ``.mp4``.
        frame_seconds: how long each frame is shown, in seconds; at least 0.01.
        last_seconds: how long the last one is shown; as the others when None.

    Raises:
        ValueError: for another suffix, times that are too short, no frames, frames of another form or of different
            sizes, or an MP4 without the packages it needs.
    """
    check_animation_path(path)
    last_seconds = frame_seconds if last_seconds is None else last_seconds
    for name, seconds in (("frame_seconds", frame_seconds), ("last_seconds", last_seconds)):
        if not (seconds >= 0.01 and math.isfinite(seconds)):
            raise ValueError(f"{name}: expected a time of at least 0.01 seconds, found {seconds!r}")
    write = _write_gif if Path(path).suffix.lower() == ".gif" else _write_mp4
    with atomic_path(path) as temporary:
        write(_checked(frames), temporary, frame_seconds, last_seconds)


def check_animation_path(path: str | os.PathLike[str], name: str = "path") -> None:
    """Refuses a path that names no animation; messages call it ``name``.

    Raises:
        ValueError: for a suffix other than ``.gif`` and ``.mp4``, or ``.mp4`` without the packages it needs.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(f"{name}: expected a name that ends in {' or '.join(SUFFIXES)}, found {os.fspath(path)!r}")
    if suffix == ".mp4":
        try:
            import imageio_ffmpeg  # type: ignore[import-untyped]  # noqa: F401
        except ImportError:
            raise ValueError(f"{name}: an .mp4 file needs imageio-ffmpeg: {install_line('video')}") from None


def _checked(frames: Iterable[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
    """The frames, each of the same size as the first; at least one."""
    size: tuple[int, ...] | None = None
    for i, frame in enumerate(frames):
        frame = np.asarray(frame)
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3 or 0 in frame.shape:
            raise ValueError(f"frames: expected uint8 (height, width, 3), found {frame.dtype} {frame.shape} at {i}")
        size = size or frame.shape
        if frame.shape != size:
            raise ValueError(f"frames: expected one size, found {size[:2]} at 0 and {frame.shape[:2]} at {i}")
        yield frame
    if size is None:
        raise ValueError("frames: expected at least one, found none")


def _write_gif(frames: Iterator[NDArray[np.uint8]], path: Path, frame_seconds: float, last_seconds: float) -> None:
    from PIL import Image

    packed = [frame.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], dtype=np.uint32) for frame in frames]
    colours = np.unique(np.concatenate([np.unique(frame) for frame in packed]))
    palette, entry = _palette(packed, colours)
    height, width = packed[0].shape
    pictures = []
    for frame in packed:
        picture = Image.frombytes("P", (width, height), entry[np.searchsorted(colours, frame)].tobytes())
        picture.putpalette(palette)
        pictures.append(picture)
    times = [round(100 * frame_seconds) * 10] * (len(pictures) - 1) + [round(100 * last_seconds) * 10]
    pictures[0].save(path, format="GIF", save_all=True, append_images=pictures[1:], duration=times, loop=0)


def _palette(frames: list[NDArray[np.uint32]], colours: NDArray[np.uint32]) -> tuple[bytes, NDArray[np.uint8]]:
    """At most 256 colours for all frames, as RGB bytes, and (number of colours,) the entry of each colour.

    Where colours must be merged, three quarters of the palette go by area, and the rest, one by one, to the colour that
    is worst off, so that small things keep theirs.
    """
    from PIL import Image

    triples = np.stack([colours >> 16, colours >> 8 & 255, colours & 255], axis=1).astype(np.uint8)
    if len(colours) <= PALETTE:
        return triples.tobytes(), np.arange(len(colours), dtype=np.uint8)
    area = np.zeros(len(colours), dtype=np.int64)
    for frame in frames:
        found, count = np.unique(frame, return_counts=True)
        area[np.searchsorted(colours, found)] += count
    weight = np.ceil(np.sqrt(area / len(frames))).astype(np.int64)
    sample = Image.fromarray(np.repeat(triples, weight, axis=0)[None])
    merged = sample.quantize(PALETTE * 3 // 4, Image.Quantize.MEDIANCUT)
    entry = np.asarray(merged)[0, np.cumsum(weight) - weight].astype(np.int64)
    palette = np.array(merged.getpalette(), dtype=np.float32).reshape(-1, 3)[: entry.max() + 1]
    exact = triples.astype(np.float32)
    distance = np.sum((exact - palette[entry]) ** 2, axis=1)
    while len(palette) < PALETTE:
        palette = np.vstack([palette, exact[np.argmax(distance)]])
        new = np.sum((exact - palette[-1]) ** 2, axis=1)
        entry = np.where(new < distance, len(palette) - 1, entry)
        distance = np.minimum(new, distance)
    return palette.astype(np.uint8).tobytes(), entry.astype(np.uint8)


def _write_mp4(frames: Iterator[NDArray[np.uint8]], path: Path, frame_seconds: float, last_seconds: float) -> None:
    from imageio_ffmpeg import write_frames

    first = next(frames)
    height, width = (side + side % 2 for side in first.shape[:2])  # H.264 with 4:2:0 colours takes even sizes
    writer = write_frames(
        os.fspath(path), (width, height), fps=1 / frame_seconds, codec="libx264", quality=8, macro_block_size=2
    )
    writer.send(None)
    try:
        for frame in chain([first], frames):
            writer.send(_even(frame))
        for _ in range(round(last_seconds / frame_seconds) - 1):
            writer.send(_even(frame))
    finally:
        writer.close()


def _even(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The frame with sides padded to even lengths by repeating the last row or column."""
    pad = [(0, side % 2) for side in frame.shape[:2]]
    return np.ascontiguousarray(np.pad(frame, [*pad, (0, 0)], mode="edge"))
