"""All targets."""

from __future__ import annotations

from tests.fuzz import archives, command_lines, functions, texts

TARGETS = (*texts.TARGETS, *archives.TARGETS, *functions.TARGETS, *command_lines.TARGETS)
