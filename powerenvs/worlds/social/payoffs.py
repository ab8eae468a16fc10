"""The payoffs of well-known games: ``A`` of the row player, who chooses the row, ``B`` of the column player."""

from __future__ import annotations

from typing import Any

GAMES: dict[str, dict[str, Any]] = {
    "battle_of_the_sexes": {
        "A": [[3, 0], [0, 2]],
        "B": [[2, 0], [0, 3]],
        "names": ["opera", "movies"],
        "title": "Battle of the Sexes",
    },
    "matching_pennies": {
        "A": [[1, -1], [-1, 1]],
        "B": [[-1, 1], [1, -1]],
        "names": ["heads", "tails"],
        "title": "Matching pennies",
    },
    "prisoners_dilemma": {
        "A": [[3, 0], [5, 1]],
        "B": [[3, 5], [0, 1]],
        "names": ["cooperate", "defect"],
        "title": "Prisoner's dilemma",
    },
    "stag_hunt": {"A": [[4, 0], [3, 2]], "B": [[4, 3], [0, 2]], "names": ["stag", "hare"], "title": "Stag hunt"},
    "chicken": {"A": [[0, 7], [2, 6]], "B": [[0, 2], [7, 6]], "names": ["dare", "swerve"], "title": "Chicken"},
    "coordination": {"A": [[2, 0], [0, 1]], "B": [[2, 0], [0, 1]], "names": ["left", "right"], "title": "Coordination"},
    "rock_paper_scissors": {
        "A": [[0, -1, 1], [1, 0, -1], [-1, 1, 0]],
        "B": [[0, 1, -1], [-1, 0, 1], [1, -1, 0]],
        "names": ["rock", "paper", "scissors"],
        "title": "Rock, paper, scissors",
    },
    # ten units are divided as demanded if that is possible (Nash's demand game)
    "bargaining": {
        "A": [[3, 3, 3], [5, 5, 0], [7, 0, 0]],
        "B": [[3, 5, 7], [3, 5, 0], [3, 0, 0]],
        "names": ["modest", "half", "greedy"],
        "title": "Bargaining",
    },
    # both want to meet, at different places, or at a third one that is less good for both
    "extended_battle_of_the_sexes": {
        "A": [[3, 0, 0], [0, 2, 0], [0, 0, 1]],
        "B": [[2, 0, 0], [0, 3, 0], [0, 0, 1]],
        "names": ["opera", "movies", "park"],
        "title": "Extended Battle of the Sexes",
    },
}
