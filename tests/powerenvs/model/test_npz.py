"""Archives: a file with wrong bytes is noticed, by one kind of error that names it."""

from __future__ import annotations

import re

import numpy as np
import pytest

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
