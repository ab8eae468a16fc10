"""Games that everyone knows, by name."""

from __future__ import annotations

from power_metrics.games.bimatrix import Bimatrix
from power_metrics.games.poker import leduc
from powerenvs.model.labels import closest
from powerenvs.worlds.social.payoffs import GAMES


def names() -> list[str]:
    """The names that `named` knows.

    Example:
        >>> import power_metrics as pm
        >>> pm.games.names()[:3]
        ['battle_of_the_sexes', 'matching_pennies', 'prisoners_dilemma']
    """
    return [*GAMES, "leduc"]


def named(name: str) -> Bimatrix:
    """A well-known game.

    Args:
        name: one of `names`; "leduc" is Leduc poker with three fixed strategies a seat (`leduc`).

    Raises:
        ValueError: for an unknown name, with the closest one.

    Example:
        >>> import power_metrics as pm
        >>> print(pm.games.named("stag_hunt"))
              stag  hare
        stag  4, 4  0, 3
        hare  3, 0  2, 2
    """
    if name == "leduc":
        return leduc()
    if not isinstance(name, str) or name not in GAMES:
        raise ValueError(f"name: no game {name!r}; {closest(str(name), names())}")
    return Bimatrix(**GAMES[name])
