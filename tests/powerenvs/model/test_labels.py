"""What error messages say of unknown names."""

from __future__ import annotations

from powerenvs.model.labels import closest


def test_the_closest_name_is_proposed():
    assert closest("lft", ["left", "right"]) == "did you mean 'left'?"
    assert closest(31, [3, 13, 310]) == "did you mean '310'?"


def test_without_a_close_one_the_known_are_listed():
    assert closest("zzz", ["left", "right"]) == "known: 'left', 'right'"


def test_of_more_than_twelve_the_first_twelve_and_their_number():
    twelve = [f"n{i}" for i in range(12)]
    listed = "known: " + ", ".join(map(repr, twelve))
    assert closest("zzz", twelve) == listed
    assert closest("zzz", [*twelve, "n12"]) == f"{listed}, ... (13 in all)"
