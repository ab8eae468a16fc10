"""``P`` dictionaries as models."""

from __future__ import annotations

import pytest

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
