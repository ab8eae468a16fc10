"""Well-known games, repeated and on grids."""

from __future__ import annotations

import numpy as np
import pytest

import power_metrics as pm
from powerenvs.multi import harvest_v0, matrix_game_v0, stag_hunt_v0
from powerenvs.testing import check_tabular
from powerenvs.worlds.social import Harvest, MatrixGame, StagHunt
from powerenvs.worlds.social.payoffs import GAMES

STAY, UP, DOWN, LEFT, RIGHT = range(5)


@pytest.mark.parametrize("world", [MatrixGame(), MatrixGame("bargaining", 2), StagHunt(), Harvest()])
def test_tables_are_sound(world):
    check_tabular(world)


@pytest.mark.parametrize("name", GAMES)
@pytest.mark.parametrize("memory", [0, 1, 2])
def test_repeated_games(name, memory):
    """States are all that can be remembered; each round pays by the table, whatever went before."""
    game = MatrixGame(name, memory).tables()
    A, B = np.array(GAMES[name]["A"]), np.array(GAMES[name]["B"])
    assert game.num_states == sum(A.size**k for k in range(memory + 1))
    assert game.num_actions == A.shape
    paid = game.reward.reshape(2, game.num_states, A.size)
    assert np.all(paid[0] == A.ravel())
    assert np.all(paid[1] == B.ravel())


def test_tit_for_tat_is_an_equilibrium_for_the_patient():
    """Prisoner's dilemma 3, 5, 0, 1: against tit for tat, defecting once pays 5 - 3 now and costs later."""
    game = MatrixGame().tables()
    for agent in ("row", "column"):
        label = [state.last[0].split(" + ") if state.last else ["cooperate"] * 2 for state in game.state_labels]
        copied = np.array(
            [[1.0, 0.0] if one[1 if agent == "row" else 0] == "cooperate" else [0.0, 1.0] for one in label]
        )
        if agent == "row":
            row = copied
        else:
            column = copied
    for gamma, gains in ((0.9, False), (0.2, True)):
        gaps = pm.games.exploitability(game, {"row": row, "column": column}, gamma)
        assert (max(gaps.values()) > 1e-9) == gains
    assert pm.games.empirical(game, [row], [column], 0.9).returns.ravel() == pytest.approx([30, 30])


def test_tables_of_ones_own():
    env = matrix_game_v0.parallel_env(payoffs=([[1, 2, 3]], [[4, 5, 6]]), memory=0)
    env.reset(seed=0)
    assert env.step({"row": 0, "column": 2})[1] == {"row": 3, "column": 6}
    assert env.game.num_states == 1


def test_the_board_shows_what_is_remembered():
    world = MatrixGame("rock_paper_scissors", 2)
    env = matrix_game_v0.parallel_env(payoffs="rock_paper_scissors", memory=2)
    env.reset(seed=0)
    boards = []
    for row, column in ((0, 1), (2, 2), (1, 0)):
        env.step({"row": row, "column": column})
        boards.append(world.board(env.game.state_labels[env.joint_state]))
    assert boards == [(".1", ".2"), ("13", "23"), ("32", "31")]


def test_stag_hunt():
    env = stag_hunt_v0.parallel_env(max_cycles=None)
    step = lambda human, ai: env.step({"human": human, "ai": ai})[1:3]  # noqa: E731
    env.reset(options={"state": ((1, 2), (2, 3))})
    assert step(RIGHT, UP) == ({"human": 4, "ai": 4}, {"human": True, "ai": True})
    env.reset(options={"state": ((1, 2), (2, 3))})
    assert step(RIGHT, STAY) == ({"human": 0, "ai": 0}, {"human": False, "ai": False})  # nobody takes a stag alone
    env.reset(options={"state": ((1, 2), (2, 3))})
    assert step(LEFT, UP) == ({"human": 1, "ai": 0}, {"human": True, "ai": True})


def test_stag_hunt_is_one():
    """To hunt the stag and to hunt hares are both equilibria of the world; the first is better for both."""
    game = StagHunt().tables()
    stag = pm.games.double_oracle(game, 0.9)
    hares = {name: pm.games.best_response(game, {other: np.eye(5)[np.zeros(game.num_states, int)]}, 0.9, name)[0]
             for name, other in (("human", "ai"), ("ai", "human"))}  # fmt: skip
    assert max(pm.games.exploitability(game, hares, 0.9).values()) <= 1e-9
    assert stag.converged
    # hares are two steps away and the stag four
    found = pm.games.empirical(game, [stag.policies["human"], hares["human"]], [stag.policies["ai"], hares["ai"]], 0.9)
    assert found.returns[0, 1, 1] == pytest.approx(0.9)
    assert found.returns[0].max() == pytest.approx(max(found.returns[0, 0, 0], 0.9))


def test_harvest():
    env = harvest_v0.parallel_env(max_cycles=None, growth=0.0)
    step = lambda human, ai: env.step({"human": human, "ai": ai})[1]  # noqa: E731
    env.reset(options={"state": ((2, 1), (2, 3), (True, True, True))})
    assert step(UP, STAY) == {"human": 1, "ai": 0}
    assert step(STAY, UP) == {"human": 0, "ai": 1}
    assert step(RIGHT, LEFT) == {"human": 0.5, "ai": 0.5}
    assert env.agents == []  # nothing grows again
    game = Harvest(growth=0.25).tables()
    s = game.state_labels.index(((2, 1), (2, 3), (True, False, True)))
    row = slice(*game.indptr[[s * 25, s * 25 + 1]])  # both stay: two apples are left
    assert sorted(game.probability[row]) == [0.5, 0.5]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MatrixGame("chiken"), "did you mean 'chicken'"),
        (lambda: MatrixGame(memory=7), "memory: expected a whole number from 0 to 6"),
        (lambda: MatrixGame([[1, 2]]), "payoffs: expected two tables"),
        (lambda: StagHunt("S.T"), "level: expected a stag"),
        (lambda: StagHunt(stag=float("nan")), "stag: expected a number"),
        (lambda: Harvest("S.A"), "level: expected one to six apples"),
        (lambda: Harvest(growth=2), "growth: expected a number from 0 to 1"),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
