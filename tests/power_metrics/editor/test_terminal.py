"""The editor in a real terminal, which may send anything."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.slow
@pytest.mark.parametrize("sent", [b"\xff", b"\x80\x81", b"\xc3("])
def test_bytes_that_are_no_text_are_keys_that_mean_nothing(sent):
    """One of them ended the thread that reads keys, and with it the session."""
    here, there = pty.openpty()
    words = [sys.executable, "-m", "power_metrics.cli", "edit", "open_3x3", "--num-samples", "8"]
    env = {**os.environ, "TERM": "xterm-256color", "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(words, stdin=there, stdout=there, stderr=there, env=env, close_fds=True) as process:
        os.close(there)
        seen = b""
        end, wrote = time.monotonic() + 60, 0
        while time.monotonic() < end:
            try:
                seen += os.read(here, 65536)
            except OSError:  # it has ended
                break
            if not wrote and b"POWER" in seen:
                os.write(here, sent)
                time.sleep(0.3)
                os.write(here, b"q")
                wrote = 1
        status = process.wait(timeout=20)
    os.close(here)
    assert b"UnicodeDecodeError" not in seen
    assert status == 0
