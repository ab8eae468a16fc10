"""``P`` dictionaries as models."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from powerenvs import tabular_model
from powerenvs.sources.p_dict import read_p
from powerenvs.worlds.power import PowerGrid


class TestPDictionaries:
    def test_a_state_entered_both_ways_gets_a_terminal_twin(self):
        P = {0: {0: [(0.5, 1, 1.0, True), (0.5, 1, 0.0, False)]}, 1: {0: [(1.0, 0, 0.0, False)]}}
        mdp = read_p(P, [1.0, 0.0], state_labels=("a", "b"))
        assert mdp.state_labels == ("a", "b", ("b", "terminated"))
        assert mdp.terminal.tolist() == [False, False, True]
        assert mdp.P[0][0] == [(0.5, 1, 0.0, False), (0.5, 2, 1.0, True)]

    def test_an_end_that_is_also_a_start_gets_a_twin(self):
        mdp = read_p({0: {0: [(1.0, 0, 1.0, True)]}}, [1.0])
        assert mdp.terminal.tolist() == [False, True]

    def test_what_is_listed_after_the_end_is_left_out(self):
        P = {0: {0: [(1.0, 1, 1.0, True)]}, 1: {0: [(1.0, 0, 5.0, False)]}}
        mdp = read_p(P, [1.0, 0.0])
        assert mdp.P[1][0] == [(1.0, 1, 0.0, True)]

    def test_round_trip_through_our_own_p(self):
        mdp = PowerGrid("four_rooms", noise=0.2).tables()
        again = read_p(mdp.P, mdp.initial, mdp.state_labels, mdp.action_labels)
        assert again == mdp

    @pytest.mark.parametrize(
        ("P", "initial", "message"),
        [
            ({1: {0: [(1.0, 1, 0.0, False)]}}, [1.0], "P: expected states 0 to 0"),
            ({}, [], "P: expected states"),
            ({0: {0: [(1.0, 0, 0.0, False)]}}, [0.5, 0.5], r"initial: expected shape \(1,\)"),
            ({0: {0: [(0.5, 0, 0.0, False)]}}, [1.0], "sum to 1"),
            ({0: {0: [(1.5, 0, 0.0, False), (-0.5, 0, 0.0, False)]}}, [1.0], r"P: .* of at least 0, found .*-0.5"),
        ],
    )
    def test_errors(self, P, initial, message):
        with pytest.raises(ValueError, match=message):
            read_p(P, initial)

    @pytest.mark.parametrize(
        "P",
        [
            [[[(1.0, 1, 2.0, False)]], [[(1.0, 1, 0.0, False)]]],
            {0.0: {0.0: [(1.0, 1.0, 2.0)]}, np.int64(1): {np.float64(0): [[1.0, np.int64(1), 0]]}},
            {0: [[(1.0, 1, 2, 0)]], 1: {0: ((1.0, 1, 0, 0),)}},
            np.array([[[(1.0, 1, 2.0, False)]], [[(1.0, 1, 0.0, False)]]], dtype=object),
            np.array([[[(1.0, 1, 2.0, 0)]], [[(1.0, 1, 0.0, 0)]]]),
            {0: {0: [np.array([1.0, 1, 2])]}, 1: {0: [np.array([1, 1, 0], np.float32)]}},
        ],
        ids=["lists", "numpy", "mixed", "objects", "numbers", "arrays"],
    )
    def test_every_shape_is_the_same_table(self, P):
        expected = read_p({0: {0: [(1.0, 1, 2.0, False)]}, 1: {0: [(1.0, 1, 0.0, False)]}}, [1.0, 0.0])
        assert read_p(P, [1.0, 0.0]) == expected

    def test_labelled_and_masked_starts(self):
        P = {s: {0: [(1.0, s, 0.0, False)]} for s in range(2)}
        assert read_p(P, pd.Series([0.25, 0.75], index=["b", "a"]), ["a", "b"]).initial.tolist() == [0.75, 0.25]
        with pytest.raises(ValueError, match=r"initial: expected the labels of the model, a, b, found b, c"):
            read_p(P, pd.Series([0.25, 0.75], index=["b", "c"]), ["a", "b"])
        with pytest.raises(ValueError, match=r"initial: .* masked"):
            read_p(P, np.ma.array([1.0, 0.0], mask=[False, True]))

    @pytest.mark.parametrize("name", ["isd", "initial_state_distrib"])
    def test_environments_of_every_age(self, name):
        class Old:
            P = {0: {0: [(1.0, 1, -1.0, True)]}, 1: {0: [(1.0, 1, 0.0, True)]}}  # noqa: RUF012

        setattr(Old, name, np.array([1.0, 0.0]))
        assert tabular_model(Old()).terminal.tolist() == [False, True]

    @pytest.mark.parametrize(
        ("P", "message"),
        [
            ({"a": {}}, r"P: expected numbers as keys, found \['a'\]"),
            ({0: 3}, r"P\[0\]: expected a dictionary or a list, found int"),
            ({0: {0: [(1.0, 7, 0.0, False)]}}, r"P: expected next states 0 to 0, found 7 in P\[0\]\[0\]"),
            ({0: {0: [(1.0, 0)]}}, r"P: expected entries .* found \(1.0, 0\) in P\[0\]\[0\]"),
            ({0: {0: [("x", 0, 0.0, False)]}}, r"P: expected numbers, .* found"),
            ({0: {0: [(1.0, 0, None, False)]}}, r"P: expected numbers, .* found"),
            ({0: {0: [(1.0, 0, 0.0, "False")]}}, r"True or False for whether the episode ends, found .*'False'"),
            ({0: {0: [(1.0, 0, 0.0, None)]}}, "True or False for whether the episode ends"),
            ({0: {0: [(1.0, 0, 0.0, 0.5)]}}, "True or False for whether the episode ends"),
        ],
    )
    def test_what_is_no_table(self, P, message):
        with pytest.raises(ValueError, match=message):
            read_p(P, [1.0])
