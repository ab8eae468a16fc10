"""Archives: a file with wrong bytes is noticed, by one kind of error that names it."""

from __future__ import annotations

import re
import tracemalloc
import zipfile

import numpy as np
import pytest

from powerenvs.model import npz
from powerenvs.model.npz import load_arrays, save_arrays, saved_kind


@pytest.mark.slow
def test_any_changed_byte_is_noticed_or_harmless(tmp_path):
    path = tmp_path / "some.npz"
    numbers = np.random.default_rng(0).random(40)
    save_arrays(path, "Thing", {"numbers": numbers}, {"word": "one"})
    data = path.read_bytes()
    messages = []
    for place in range(len(data)):
        path.write_bytes(data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :])
        assert saved_kind(path) in ("Thing", None)
        try:
            arrays, header = load_arrays(path, "Thing")
        except ValueError as error:
            messages.append(str(error))
        else:
            assert header["word"] == "one"
            if "numbers" in arrays:  # else the directory of the archive has lost it, which readers of a kind notice
                assert np.array_equal(arrays["numbers"], numbers)
    assert len(messages) > len(data) // 2
    assert all("some.npz" in message for message in messages)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_cut_file_is_refused(tmp_path, share):
    path = tmp_path / "some.npz"
    save_arrays(path, "Thing", {"numbers": np.arange(40)}, {})
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(ValueError, match=re.escape(f"{str(path)!r}: expected a Thing written by save()")):
        load_arrays(path, "Thing")
    assert saved_kind(path) is None


def bomb(path, members, kind="Thing"):
    """An archive with members of raw bytes beside its header."""
    save_arrays(path, kind, {"numbers": np.arange(4)}, {})
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        for name, write in members.items():
            with archive.open(name, "w", force_zip64=True) as member:
                write(member)


def zeros(count):
    def write(member):
        np.lib.format.write_array_header_1_0(member, {"descr": "<f8", "fortran_order": False, "shape": (count,)})
        for _ in range(8 * count >> 20):
            member.write(bytes(1 << 20))

    return write


def claims(shape, descr="<f8"):
    return lambda member: np.lib.format.write_array_header_1_0(
        member, {"descr": descr, "fortran_order": False, "shape": shape}
    )


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"more.npy": zeros(1 << 22)}, r"bytes that claim to be 33,\d{3},\d{3}"),
        ({"more.npy": claims((1 << 40,))}, r"more\.npy: 128 bytes are no float64 \(1099511627776,\)"),
        ({"more.npy": claims((3,), "|O")}, r"more\.npy: 128 bytes are no object \(3,\)"),
        ({"more.npy": claims((-3,))}, r"more\.npy: 128 bytes are no float64 \(-3,\)"),
        ({"more.txt": lambda member: member.write(b"no array")}, "magic string is not correct"),
    ],
)
def test_archives_are_sized_before_they_are_read(tmp_path, monkeypatch, members, message):
    """2 MB that unpack to 2 GB took as much memory and 13 seconds."""
    monkeypatch.setattr(npz, "ALWAYS_READ", 1 << 24)
    bomb(tmp_path / "bomb.npz", members)
    tracemalloc.start()
    with pytest.raises(ValueError, match=f"expected a Thing written by save.*{message}"):
        load_arrays(tmp_path / "bomb.npz", "Thing")
    assert saved_kind(tmp_path / "bomb.npz") in ("Thing", None)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000


def test_tables_of_a_large_grid_are_far_from_the_limit(tmp_path):
    from powerenvs.worlds.power import PowerGrid

    PowerGrid("\n".join(["." * 100] * 100)).tables().save(tmp_path / "grid.npz")
    with zipfile.ZipFile(tmp_path / "grid.npz") as archive:
        unpacked = sum(info.file_size for info in archive.infolist())
    assert unpacked < 25 * (tmp_path / "grid.npz").stat().st_size
