"""Leduc poker between fixed strategies: payoffs by exact expectation over the tree of deals and bets.

The deck has two jacks, two queens and two kings. Each player antes 1 and gets a card; after a round of bets a public
card is shown, and a second round follows. A bet is 2 in the first round and 4 in the second; a round has a bet and one
raise at most, and the first seat begins both (Southey et al. 2005). A pair with the public card wins, else the higher
card.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from itertools import permutations
from typing import NamedTuple

from power_metrics.games.bimatrix import Bimatrix

RANKS = (0, 0, 1, 1, 2, 2)
JACK, QUEEN, KING = 0, 1, 2
ANTE, BETS, MAX_BETS = 1, (2, 4), 2
"""What is put in before, the size of a bet in each round, and bets in a round."""


class Seen(NamedTuple):
    """What a player knows when it has to act: its card, the public one or None, and whether it faces a bet."""

    card: int
    public: int | None
    facing: bool

    @property
    def paired(self) -> bool:
        """Whether the own card makes a pair."""
        return self.card == self.public


Play = Callable[[Seen], Mapping[str, Fraction]]
"""What a player does: probabilities of "fold", "call" (which is a check where there is no bet) and "raise"."""


def patient(seen: Seen) -> Mapping[str, Fraction]:
    """Calls whatever it holds, and never raises."""
    return {"call": Fraction(1)}


def bluffing(seen: Seen) -> Mapping[str, Fraction]:
    """Bets with all but an unpaired queen; faced with a bet, gives up a jack and raises with a pair only."""
    if seen.paired:
        return {"raise": Fraction(1)}
    if seen.facing:
        return {"fold" if seen.card == JACK else "call": Fraction(1)}
    return {"call" if seen.card == QUEEN else "raise": Fraction(1)}


def sly(seen: Seen) -> Mapping[str, Fraction]:
    """Waits with a king or a pair and raises once it faces a bet; bets with a jack; then gives up what is weak."""
    if seen.paired or seen.card == KING:
        return {"raise" if seen.facing else "call": Fraction(1)}
    if seen.facing:
        return {"fold" if seen.card == JACK or seen.public is not None else "call": Fraction(1)}
    return {"raise" if seen.card == JACK else "call": Fraction(1)}


PLAYS: Mapping[str, Play] = {"patient": patient, "bluffing": bluffing, "sly": sly}


def leduc(first: Mapping[str, Play] = PLAYS, second: Mapping[str, Play] = PLAYS) -> Bimatrix:
    """Leduc poker between fixed strategies of each seat, as the game of choosing one.

    Args:
        first: {name: strategy} of the first seat; three fixed ones by default.
        second: those of the second seat.

    Returns:
        A game of sum 0 in chips a hand, exact: the first seat chooses the row.

    Raises:
        ValueError: for a strategy that gives no probabilities of "fold", "call" and "raise".

    Example:
        >>> import power_metrics as pm
        >>> game = pm.games.leduc()
        >>> game.names[0], game.zero_sum()
        (('patient', 'bluffing', 'sly'), True)
        >>> game.exact[0][1]  # what bluffing earns in the first seat
        (Fraction(4, 15), Fraction(-8, 15), Fraction(7, 15))
    """
    A = [[expected(row, column) for column in second.values()] for row in first.values()]
    B = [[-value for value in line] for line in A]
    return Bimatrix(A, B, (tuple(first), tuple(second)), ("first", "second"), "Leduc poker")  # type: ignore[arg-type]


def expected(first: Play, second: Play) -> Fraction:
    """What the first seat wins on average, in chips."""
    total = Fraction()
    deals = list(permutations(RANKS, 3))
    for own, other, public in deals:
        hands = (own, other)
        for chance, pot, winner in _round((first, second), hands, None, (ANTE, ANTE)):
            if winner is not None:
                total += chance * _won(pot, winner)
                continue
            for after, bets, end in _round((first, second), hands, public, pot):
                total += chance * after * _won(bets, _showdown(hands, public) if end is None else end)
    return total / len(deals)


def _won(pot: tuple[int, int], winner: int) -> int:
    """What the first seat wins: the winner, 0 or 1, takes what the other put in; -1 splits the pot."""
    return {0: pot[1], 1: -pot[0], -1: 0}[winner]


def _showdown(hands: tuple[int, int], public: int) -> int:
    strength = [(card == public, card) for card in hands]
    return -1 if strength[0] == strength[1] else int(strength[0] < strength[1])


def _round(
    plays: tuple[Play, Play], hands: tuple[int, int], public: int | None, pot: tuple[int, int]
) -> Iterator[tuple[Fraction, tuple[int, int], int | None]]:
    """How a round of bets may end: (probability, what each has put in, the winner if the other gave up)."""
    size = BETS[public is not None]
    waiting: list[tuple[Fraction, tuple[int, int], int, int, bool]] = [(Fraction(1), pot, 0, 0, False)]
    while waiting:
        chance, put, seat, bets, acted = waiting.pop()
        facing = put[seat] < put[1 - seat]
        for action, part in _checked(plays[seat](Seen(hands[seat], public, facing))).items():
            weight = chance * part
            if action == "fold" and facing:
                yield weight, put, 1 - seat
                continue
            level = max(put)
            if action == "raise" and bets < MAX_BETS:
                own = level + size
                after = (own, put[1]) if seat == 0 else (put[0], own)
                waiting.append((weight, after, 1 - seat, bets + 1, True))
            elif facing or acted:
                yield weight, (level, level), None
            else:  # the first check of the round, or a player who gives nothing up by folding
                waiting.append((weight, put, 1 - seat, bets, True))


def _checked(chances: Mapping[str, Fraction]) -> Mapping[str, Fraction]:
    known = isinstance(chances, Mapping) and set(chances) <= {"fold", "call", "raise"}
    if not known or min(chances.values(), default=-1) < 0 or sum(chances.values()) != 1:
        raise ValueError(f'strategy: expected probabilities of "fold", "call" and "raise", found {chances!r}')
    return {action: part for action, part in chances.items() if part}
