"""Fuzzing: damaged files, odd texts and odd arguments, each met with a right answer or a clear error.

``python -m tests.fuzz --inputs 10000`` runs every target, ``--target level`` one of them. Every input follows from the
target's name, the seed and its number, so ``--target level --only 123`` runs a single one again.
"""
