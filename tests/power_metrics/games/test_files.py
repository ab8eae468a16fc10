"""Files of games, and Leduc poker against a simulation that knows nothing of its tree."""

from __future__ import annotations

import random
from fractions import Fraction

import numpy as np
import pytest

import power_metrics as pm
from power_metrics.games.poker import JACK, KING, PLAYS, QUEEN, Seen, leduc

OUTCOMES = """NFG 1 R "Two \\"ways\\"" { "Ann" "Bob" }
{ { "up" "down" } { "left" "mid" "right" } } "a comment"
{
{ "first" 1, -1 }
{ "" 2.5 1/3 }
}
1 2 0 1 1 2
"""
PAYOFFS = """NFG 1 D "Selten (IJGT, 75), Figure 2, normal form" { "Player 1" "Player 2" } { 3 2 }
1 1 0 2 0 2 1 1 0 3 2 0
"""


def written(tmp_path, text, name="game.nfg"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_outcomes_of_gambit(tmp_path):
    game = pm.games.load(written(tmp_path, OUTCOMES))
    assert game.title == 'Two "ways"'
    assert game.players == ("Ann", "Bob")
    assert game.names == (("up", "down"), ("left", "mid", "right"))
    # the first player's strategy changes fastest
    assert game.A.tolist() == [[1, 0, 1], [2.5, 1, 2.5]]
    assert game.exact[1][1] == (Fraction(1, 3), -1, Fraction(1, 3))


def test_payoffs_of_gambit(tmp_path):
    game = pm.games.load(written(tmp_path, PAYOFFS))
    assert game.A.tolist() == [[1, 1], [0, 0], [0, 2]]
    assert game.B.tolist() == [[1, 1], [2, 3], [2, 0]]


@pytest.mark.parametrize("suffix", [".nfg", ".csv"])
@pytest.mark.parametrize("name", pm.games.names())
def test_files_hold_games_exactly(tmp_path, name, suffix):
    game = pm.games.named(name)
    pm.games.save(game, tmp_path / f"game{suffix}")
    again = pm.games.load(tmp_path / f"game{suffix}")
    assert (again.exact, again.names) == (game.exact, game.names)


@pytest.mark.parametrize("suffix", [".nfg", ".csv"])
def test_players_have_names_of_their_own_for_what_they_do(tmp_path, suffix):
    game = pm.games.load(written(tmp_path, OUTCOMES))
    pm.games.save(game, tmp_path / f"game{suffix}")
    again = pm.games.load(tmp_path / f"game{suffix}")
    assert (again.exact, again.names) == (game.exact, game.names)


def test_spaces_after_commas_are_no_part_of_names(tmp_path):
    text = "row, column, payoff_row, payoff_column\nup, left, 1, 2\n"
    assert pm.games.load(written(tmp_path, text, "game.csv")).names == (("up",), ("left",))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("game.nfg", "EFG 2 R", "begins with NFG 1"),
        ("game.nfg", "?" + PAYOFFS, "begins with NFG 1"),
        ("game.nfg", PAYOFFS.replace("0 2 1", '0 " 1'), "found '\" 1 1 0 3 2 0' in it"),
        ("game.nfg", PAYOFFS + '"an end"', "expected numbers to the end, found 'an end'"),
        ("game.csv", 'row,column,payoff_row,payoff_column\na,"b"c,1,2\n', "expected"),
        ("game.nfg", 'NFG 1 R "t" { "a" "b" "c" } { 2 2 2 } 1 2', "expected two players, found 3"),
        ("game.nfg", 'NFG 1 R "t" { "a" "b" } { 2 2 } 1 2 3', "expected 8 numbers"),
        ("game.nfg", 'NFG 1 R "t" { "a" "b" } { 2 2', "closing brace"),
        ("game.nfg", 'NFG 1 R "t" { "a" "b" } { 0 2 }', "expected a whole number"),
        ("game.nfg", 'NFG 1 R "t" { "a" "b" } { 1 1 } 1 x', "expected a finite number, found 'x'"),
        ("game.nfg", OUTCOMES.replace("1 2 0", "1 3 0"), "expected outcomes 1 to 2, found 3"),
        ("game.csv", "row,column,payoff_row\n", "expected the columns"),
        ("game.csv", "row,column,payoff_row,payoff_column\n", "found none"),
        ("game.csv", "row,column,payoff_row,payoff_column\na,b,1,2\na,c,1,2\nd,b,1,2\n", "none for 'd' and 'c'"),
        ("game.csv", "row,column,payoff_row,payoff_column\na,b,1,2\na,b,1,3\n", "matches averages"),
        ("game.csv", "row,column,payoff_row,payoff_column\na,b,1,inf\n", "line 2, payoff_column: expected a finite"),
        ("game.csv", "row,column,payoff_row,payoff_column\na,b,1\n", "found fewer"),
        ("game.txt", "", "ends in .nfg or .csv"),
    ],
)
def test_broken_files_are_refused(tmp_path, name, text, message):
    with pytest.raises(ValueError, match=message):
        pm.games.load(written(tmp_path, text, name))


def simulated(first, second, hands, seed):
    """The first seat's mean winnings: rules written down once more, one hand after the other."""
    rng = random.Random(seed)
    won = []
    for _ in range(hands):
        deck = [JACK, JACK, QUEEN, QUEEN, KING, KING]
        rng.shuffle(deck)
        cards, pot, gone = deck[:2], [1, 1], None
        for bet, public in ((2, None), (4, deck[2])):
            turn, bets, calls = 0, 0, 0
            while calls < 2 and gone is None:
                behind = pot[1 - turn] - pot[turn]
                [action] = (first, second)[turn](Seen(cards[turn], public, behind > 0))
                if action == "fold" and behind:
                    gone = turn
                elif action == "raise" and bets < 2:
                    pot[turn], bets, calls = pot[turn] + behind + bet, bets + 1, 1
                else:
                    pot[turn], calls = pot[turn] + behind, calls + 1
                turn = 1 - turn
        if gone is None:
            ranks = [(card == deck[2], card) for card in cards]
            gone = None if ranks[0] == ranks[1] else int(ranks[0] > ranks[1])
        won.append(0 if gone is None else pot[1] if gone == 1 else -pot[0])
    return np.mean(won), np.std(won) / hands**0.5


@pytest.mark.parametrize(("row", "column"), [("bluffing", "sly"), ("sly", "sly"), ("bluffing", "bluffing")])
def test_leduc_against_simulated_hands(row, column):
    game = leduc()
    exact = game.A[game.names[0].index(row), game.names[1].index(column)]
    mean, error = simulated(PLAYS[row], PLAYS[column], 20_000, 0)
    assert abs(mean - exact) < 4.5 * error


def test_leduc_by_hand():
    """Who always gives up to a bet loses the ante whenever the other bets; nobody wins by calling alone."""
    raising = {"raise": lambda seen: {"raise": Fraction(1)}}
    folding = {"fold": lambda seen: {"fold" if seen.facing else "call": Fraction(1)}}
    assert leduc(raising, folding).exact[0] == ((Fraction(1),),)
    assert leduc(folding, raising).exact[0] == ((Fraction(-1),),)
    assert leduc(raising, raising).exact[0] == ((Fraction(0),),)
    with pytest.raises(ValueError, match="strategy: expected probabilities"):
        leduc({"odd": lambda seen: {"pass": Fraction(1)}}, folding)
