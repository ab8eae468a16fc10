"""Products of decision processes, and games in which agents never share a cell."""

from __future__ import annotations

import itertools
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from powerenvs import TabularGame, TabularMDP, product_game, tabular_model
from powerenvs.authoring.moves import DIRECTIONS
from powerenvs.testing import check_tabular
from powerenvs.worlds.power import LEVELS, PowerGrid
from powerenvs.worlds.resources import OneKey
from tests.games import random_policy
from tests.models import mdps

SEEDS = st.integers(0, 2**32 - 1)
CORRIDOR = ["....."]


def grid(level="open_3x3", **kwargs) -> TabularMDP:
    return PowerGrid(level, **kwargs).tables()


def listed_product(parts: list[TabularMDP], agents: tuple[str, ...]) -> TabularGame:
    """The product written out transition by transition, with plain tuples as labels."""

    def entries(mdp, s, a):
        row = s * mdp.num_actions + a
        return [
            (mdp.state_labels[mdp.successor[e]], mdp.probability[e], mdp.reward[e], mdp.performance[e])
            for e in range(mdp.indptr[row], mdp.indptr[row + 1])
        ]

    transitions, rewards, hidden = [], [], []
    for states in itertools.product(*(range(m.num_states) for m in parts)):
        for actions in itertools.product(*(range(m.num_actions) for m in parts)):
            for combination in itertools.product(
                *(entries(m, s, a) for m, s, a in zip(parts, states, actions, strict=True))
            ):
                targets, probabilities, paid, performed = zip(*combination, strict=True)
                source = tuple(m.state_labels[s] for m, s in zip(parts, states, strict=True))
                names = tuple(m.action_labels[a] for m, a in zip(parts, actions, strict=True))
                transitions.append((source, names, targets, float(np.prod(probabilities))))
                rewards.append(paid)
                hidden.append(performed)
    labels = list(itertools.product(*(m.state_labels for m in parts)))
    return TabularGame.from_transitions(
        transitions,
        agents=agents,
        state_labels=labels,
        action_labels={agent: m.action_labels for agent, m in zip(agents, parts, strict=True)},
        reward=dict(zip(agents, np.array(rewards).T, strict=True)),
        performance=dict(zip(agents, np.array(hidden).T, strict=True)),
        initial=np.array(
            [
                np.prod([m.initial[s] for m, s in zip(parts, label, strict=True)])
                for label in itertools.product(*(range(m.num_states) for m in parts))
            ]
        ),
        terminal=[label for label in labels if all(m.terminal[m.index(x)] for m, x in zip(parts, label, strict=True))],
    )


def assert_same_game(game: TabularGame, other: TabularGame) -> None:
    assert game._labels() == other._labels()
    for name in game.content:
        ours, theirs = getattr(game, name), getattr(other, name)
        assert ours.shape == theirs.shape
        assert np.allclose(ours, theirs, rtol=0, atol=1e-14)


class TestProduct:
    @settings(max_examples=30, deadline=None)
    @given(mdps(max_states=4, max_actions=3), mdps(max_states=3, max_actions=3))
    def test_equals_the_product_written_out(self, first, second):
        game = product_game(first, second)
        assert_same_game(game, listed_product([first, second], ("human", "ai")))

    @settings(max_examples=10, deadline=None)
    @given(mdps(max_states=3, max_actions=2), mdps(max_states=2, max_actions=2), mdps(max_states=2, max_actions=3))
    def test_three_agents(self, first, second, third):
        agents, parts = ("a", "b", "c"), [first, second, third]
        assert_same_game(product_game(*parts, agents=agents), listed_product(parts, agents))

    def test_one_next_state_with_two_rewards(self):
        lottery = TabularMDP.from_transitions([(0, 0, 0, 0.5), (0, 0, 0, 0.5)], reward=[0.0, 1.0])
        walk = TabularMDP.from_transitions([(0, 0, 0, 0.25), (0, 0, 1, 0.75), (1, 0, 1, 1.0)])
        assert_same_game(product_game(lottery, walk), listed_product([lottery, walk], ("human", "ai")))

    def test_goals_that_end_an_agents_own_world(self):
        part = grid(["S.G"])
        game = product_game(part, part)
        assert_same_game(game, listed_product([part, part], ("human", "ai")))
        assert [game.state_labels[s] for s in np.flatnonzero(game.terminal)] == [((0, 2), (0, 2))]
        waiting = game.index(((0, 2), (0, 1)))
        right = game.action_index("ai", "right")
        arrived = game.successors()[waiting].reshape(5, 5)
        assert np.all(arrived[:, right] == game.index(((0, 2), (0, 2))))  # the AI arrives, whatever the human wants
        entry = game.indptr[waiting * 25 + right]
        assert game.reward[:, entry].tolist() == [0, 1]  # only who arrives is paid

    def test_equals_the_maze_with_string_labels(self):
        """The two-agent 7×7 maze as POWERplay labels it: states "(r, c)_H^(r, c)_A", actions in alphabetical order."""
        rows = [row.strip() for row in LEVELS["maze_7x7"].split()]
        cells = [(r, c) for r, row in enumerate(rows) for c, glyph in enumerate(row) if glyph != "#"]
        moves = {
            cell: {
                a: (cell[0] + dr, cell[1] + dc)
                for a, (dr, dc) in DIRECTIONS.items()
                if (cell[0] + dr, cell[1] + dc) in cells
            }
            for cell in cells
        }
        actions = sorted(DIRECTIONS)

        def name(human, ai):
            return f"{human}_H^{ai}_A"

        transitions = [
            (name(h, a), (x, y), name(h2, a2), 1.0)
            for h in cells
            for a in cells
            for x, h2 in moves[h].items()
            for y, a2 in moves[a].items()
        ]
        labels = sorted(name(h, a) for h in cells for a in cells)
        listed = TabularGame.from_transitions(
            transitions, state_labels=labels, action_labels={"human": actions, "ai": actions}
        )
        part = TabularMDP.from_transitions(
            [(s, a, s2, 1.0) for s in cells for a, s2 in moves[s].items()], state_labels=cells, action_labels=actions
        )
        built = product_game(part, part)
        assert built.num_states == 961
        assert built.joint_available.sum(axis=1).max() == 16  # no cell of the maze is open on all sides
        assert_same_game(built.with_(state_labels=labels), listed)

    def test_labels_cells_and_board(self):
        game = product_game(grid(), grid())
        assert game.find(human=(0, 1), ai=(2, 2)).tolist() == [1 * 9 + 8]
        assert game.describe(17).startswith("human=(0, 1), ai=(2, 2)")
        assert game.cells[17].tolist() == [[0, 1], [2, 2]]
        assert game.board == ("...",) * 3

    def test_different_boards_have_no_cells(self):
        game = product_game(grid(), grid(CORRIDOR))
        assert game.board is None
        assert game.cells is None

    def test_names_that_cannot_be_fields_give_plain_tuples(self):
        game = product_game(grid(), grid(), agents=("the human", "the AI"))
        assert type(game.state_labels[0]) is tuple
        assert game.state_labels == product_game(grid(), grid()).state_labels

    def test_folding_gives_the_agents_own_world_back(self):
        """Nothing that the other does matters in a product, so its policy washes out."""
        maze = grid("maze_7x7", noise=0.2, walls="absent")
        game = product_game(maze, grid(CORRIDOR))
        mdp = game.against({"ai": random_policy(np.random.default_rng(0), game, "ai")})
        alone = mdp.transition_tensor().numpy().reshape(31, 5, 5, 31, 5).sum(axis=4)
        assert np.allclose(alone, maze.transition_tensor().numpy()[:, None], atol=1e-14)

    @pytest.mark.parametrize(
        ("parts", "kwargs", "message"),
        [
            ((grid(),), {}, "product_game: expected a TabularMDP for each of .*, found TabularMDP$"),
            ((), {}, "found none"),
            ((grid(), PowerGrid()), {}, "found TabularMDP, PowerGrid"),
            ((grid(), grid()), {"agents": ("a", "b", "c")}, "for each of"),
            ((grid(), grid()), {"agents": ("a", "a")}, "two different names"),
            ((grid("four_rooms"), grid("four_rooms")), {"max_gib": 0.01}, "10,816 joint states .* max_gib=0.01"),
            ((grid("robot_face_20x20", noise=0.1),) * 2, {"max_gib": 0.5}, r"48,400 joint .* need about 0\.59 GiB"),
        ],
    )
    def test_bad_input(self, parts, kwargs, message):
        with pytest.raises(ValueError, match=message):
            product_game(*parts, **kwargs)


def levels() -> st.SearchStrategy[list[str]]:
    """Small grids with at least two free cells."""
    return st.lists(st.text("..#", min_size=3, max_size=3), min_size=1, max_size=2).filter(
        lambda rows: "".join(rows).count(".") >= 2
    )


def outcomes(part: TabularMDP, s: int, a: int) -> list[tuple[int, float]]:
    row = s * part.num_actions + a
    entries = range(part.indptr[row], part.indptr[row + 1])
    return [(int(part.successor[e]), float(part.probability[e])) for e in entries]


def resolved(before: tuple[int, int], after: tuple[int, int], no_swaps: bool) -> tuple[int, int]:
    """The bumping rule for two agents, case by case."""
    (h, a), (to_h, to_a) = before, after
    if to_h == to_a:
        return (h, a)  # one cell for two: whoever moves there is refused, and who stays stays
    if no_swaps and (to_h, to_a) == (a, h):
        return (h, a)
    return after


def rows_of(game: TabularGame) -> dict[tuple, dict]:
    """{(state label, joint action): {next label: probability}}."""
    J = game.num_joint_actions
    table: dict[tuple, dict] = defaultdict(dict)
    for row in np.flatnonzero(np.diff(game.indptr)):
        for e in range(game.indptr[row], game.indptr[row + 1]):
            target = tuple(game.state_labels[game.successor[e]])
            key = tuple(game.state_labels[row // J]), tuple(game.joint_actions[row % J].tolist())
            table[key][target] = table[key].get(target, 0) + game.probability[e]
    return table


class TestWithoutOverlaps:
    @settings(max_examples=40, deadline=None)
    @given(levels(), st.sampled_from([0.0, 0.3]), st.sampled_from(["bump", "absent"]), st.booleans(), st.booleans())
    def test_equals_a_plain_loop(self, level, noise, walls, no_swaps, by_labels):
        """Outcomes that overlap are taken out, and the others divided by what is left."""
        part = grid(level, noise=noise, walls=walls)
        product = product_game(part, part)
        game = (product.with_(cells=None) if by_labels else product).without_overlaps(no_swaps)
        expected: dict[tuple, dict] = {}
        labels = part.state_labels
        for (h, a), (x, y) in itertools.product(itertools.permutations(range(part.num_states), 2), np.ndindex(5, 5)):
            kept = defaultdict(float)
            for (h2, p), (a2, q) in itertools.product(outcomes(part, h, x), outcomes(part, a, y)):
                if h2 != a2 and not (no_swaps and (h2, a2) == (a, h)):
                    kept[labels[h2], labels[a2]] += p * q
            total = sum(kept.values())
            if total > 0:
                expected[(labels[h], labels[a]), (x, y)] = {key: p / total for key, p in kept.items()}
        found = rows_of(game)
        assert found.keys() == expected.keys()
        for key, row in found.items():
            assert row == pytest.approx(expected[key], abs=1e-13)

    def test_powerplays_maze(self):
        """930 of 961 states; swapping places is legal in 66 joint actions (POWERplay's figures)."""
        part = grid("maze_7x7", walls="absent")
        product = product_game(part, part)
        game = product.without_overlaps()
        assert game.num_states == 31**2 - 31 == 930
        assert game.num_transitions - product.without_overlaps(no_swaps=True).num_transitions == 66
        assert not game.independent_actions
        assert np.all(np.any(game.cells[:, 0] != game.cells[:, 1], axis=1))
        assert game.initial == pytest.approx(np.full(930, 1 / 930))

    @settings(max_examples=30, deadline=None)
    @given(levels(), st.sampled_from([0.0, 0.5]), SEEDS)
    def test_folded_rows_sum_to_one(self, level, noise, seed):
        part = grid(level, noise=noise, walls="absent")
        game = product_game(part, part).without_overlaps()
        for policy in (game.uniform_policy("ai"), random_policy(np.random.default_rng(seed), game, "ai")):
            mdp = game.against({"ai": policy})
            sums = np.add.reduceat(mdp.probability, mdp.indptr[:-1][np.diff(mdp.indptr) > 0])
            assert np.abs(sums - 1).max() <= 1e-12

    def test_uniform_policy_is_renormalised(self):
        """In a corridor of three cells, H in the middle and A on the right: A cannot stay if H comes."""
        part = grid(["..."], walls="absent")
        game = product_game(part, part).without_overlaps()
        mdp = game.against({"ai": game.uniform_policy("ai")})
        s, right = game.index(((0, 1), (0, 2))), game.action_index("human", "right")
        row = mdp.transition_tensor().numpy()[s, right]
        assert row[game.index(((0, 2), (0, 1)))] == 1.0  # A's only way to let H through is to trade places

    def test_a_move_into_a_cell_that_the_other_keeps_is_unavailable(self):
        part = grid(["..."], walls="absent")
        game = product_game(part, part).without_overlaps()
        stay = np.eye(5)[np.zeros(game.num_states, dtype=int)]
        mdp = game.against({"ai": stay})
        s = game.index(((0, 1), (0, 2)))
        assert [mdp.action_labels[a] for a in np.flatnonzero(mdp.available[s])] == ["stay", "left"]

    def test_restricted_to_what_can_be_reached(self):
        """Two agents in a corridor who cannot trade places keep their order: 5·4/2 states."""
        part = grid(CORRIDOR)
        game = product_game(part, part).with_(initial=((0, 0), (0, 3)))
        assert game.without_overlaps().num_states == 20
        ordered = game.without_overlaps(no_swaps=True)
        assert ordered.num_states == 10
        assert all(human < ai for human, ai in ordered.state_labels)
        assert ordered.initial[ordered.index(((0, 0), (0, 3)))] == 1.0

    def test_start_states_that_overlap_lose_their_share(self):
        part = grid(["S.S"])
        game = product_game(part, part).without_overlaps()
        starts = {tuple(game.state_labels[s]): game.initial[s] for s in np.flatnonzero(game.initial)}
        assert starts == {((0, 0), (0, 2)): 0.5, ((0, 2), (0, 0)): 0.5}

    def test_bad_input(self):
        part = grid(["S.."])
        with pytest.raises(ValueError, match="expected a start state in which no two agents share a cell"):
            product_game(part, part).without_overlaps()
        with pytest.raises(ValueError, match=r"expected tuples of one label for each of .*, found 0"):
            product_game(part, part).with_(state_labels=range(9), cells=None).without_overlaps()
        rush = TabularMDP.from_transitions([("a", 0, "b", 1.0), ("b", 0, "b", 1.0)])
        with pytest.raises(ValueError, match="at least one joint action in every state, found none in state"):
            product_game(rush, rush).without_overlaps()


class TestBumping:
    @settings(max_examples=40, deadline=None)
    @given(levels(), st.sampled_from([0.0, 0.3]), st.sampled_from(["bump", "absent"]), st.booleans(), SEEDS)
    def test_equals_a_plain_loop(self, level, noise, walls, no_swaps, seed):
        rng = np.random.default_rng(seed)
        count = "".join(level).count(".")
        paid = rng.integers(0, 5, size=(2, count)).astype(float)
        parts = [grid(level, noise=noise, walls=walls, reward=reward) for reward in paid]
        game = product_game(*parts).with_bumping(no_swaps)
        labels = parts[0].state_labels
        expected: dict[tuple, dict] = {}
        rewards: dict[tuple, np.ndarray] = {}
        for (h, a), (x, y) in itertools.product(itertools.permutations(range(count), 2), np.ndindex(5, 5)):
            row, mean = defaultdict(float), np.zeros(2)
            for (h2, p), (a2, q) in itertools.product(outcomes(parts[0], h, x), outcomes(parts[1], a, y)):
                h3, a3 = resolved((h, a), (h2, a2), no_swaps)
                row[labels[h3], labels[a3]] += p * q
                mean += p * q * np.array([paid[0, h3], paid[1, a3]])
            if row:
                expected[(labels[h], labels[a]), (x, y)] = row
                rewards[(labels[h], labels[a]), (x, y)] = mean
        found = rows_of(game)
        assert found.keys() == expected.keys()
        for key, row in found.items():
            assert row == pytest.approx(expected[key], abs=1e-13)
        J = game.num_joint_actions
        for row in np.flatnonzero(np.diff(game.indptr)):
            entries = slice(game.indptr[row], game.indptr[row + 1])
            key = tuple(game.state_labels[row // J]), tuple(game.joint_actions[row % J].tolist())
            assert game.reward[:, entries] @ game.probability[entries] == pytest.approx(rewards[key])

    @pytest.mark.parametrize("walls", ["bump", "absent"])
    @pytest.mark.parametrize("no_swaps", [False, True])
    def test_has_the_states_of_the_game_without_overlaps(self, walls, no_swaps):
        part = grid("maze_7x7", walls=walls)
        game = product_game(part, part)
        bumping = game.with_bumping(no_swaps)
        assert bumping.state_labels == game.without_overlaps(no_swaps).state_labels
        assert bumping.independent_actions

    def test_actions_exist_as_before(self):
        part = grid("maze_7x7", walls="absent")
        product = product_game(part, part)
        apart = [s for s, (human, ai) in enumerate(product.state_labels) if human != ai]
        assert np.array_equal(product.with_bumping().joint_available, product.joint_available[apart])

    @pytest.mark.parametrize(
        ("before", "moves", "after"),
        [
            ((0, 1, 2), ("right", "right", "right"), (1, 2, 3)),  # a chain follows its first
            ((2, 3, 4), ("right", "right", "right"), (2, 3, 4)),  # and stops with it
            ((0, 1, 3), ("right", "right", "left"), (0, 1, 3)),  # two want one cell; who follows stops too
            ((0, 2, 4), ("right", "left", "left"), (0, 2, 3)),  # 0 and 2 want 1; the third may have 3
            ((0, 2, 3), ("right", "left", "left"), (0, 2, 3)),  # 2 is refused, so 3 cannot follow
            ((1, 2, 4), ("right", "left", "stay"), (2, 1, 4)),  # trading places
            ((1, 2, 3), ("right", "stay", "left"), (1, 2, 3)),  # nobody pushes
        ],
    )
    def test_chains_of_three(self, before, moves, after):
        part = grid(CORRIDOR)
        game = product_game(part, part, part, agents=("a", "b", "c")).with_bumping()
        joint = np.ravel_multi_index([list(DIRECTIONS).index(move) for move in moves], (5, 5, 5))
        target = game.successors()[game.index(tuple((0, c) for c in before)), joint]
        assert tuple(c for _, c in game.state_labels[target]) == after

    def test_three_agents_may_rotate_but_not_trade_places(self):
        part = grid(["..", ".."])
        game = product_game(part, part, part, agents=("a", "b", "c"))
        for no_swaps in (False, True):
            bumping = game.with_bumping(no_swaps)
            s = bumping.index(((0, 0), (0, 1), (1, 1)))
            swap = np.ravel_multi_index([list(DIRECTIONS).index(move) for move in ("right", "left", "left")], (5, 5, 5))
            target = bumping.state_labels[bumping.successors()[s, swap]]
            assert target == (((0, 0), (0, 1), (1, 0)) if no_swaps else ((0, 1), (0, 0), (1, 0)))

    def test_passes_the_public_checker(self):
        part = grid("maze_7x7", noise=0.1)
        check_tabular(product_game(part, part).with_bumping())

    def test_bad_input(self):
        part = grid(["S.."])
        with pytest.raises(ValueError, match="expected a start state in which no two agents share a cell"):
            product_game(part, part).with_bumping()
        with pytest.raises(ValueError, match="expected tuples of one label for each of"):
            OneKey().tables().with_bumping()
        ring = TabularMDP.from_transitions([(i, 0, (i + 1) % 3, 1.0) for i in range(3)] + [(0, 1, 2, 1.0)])
        with pytest.raises(ValueError, match="expected a way for every agent to stay where it is"):
            product_game(ring, ring).with_bumping(no_swaps=True)
        pushed = TabularGame.from_transitions(
            [((0, 1, 5), (0, 0, 0), (1, 1, 6), 1.0), ((1, 1, 6), (0, 0, 0), (1, 1, 6), 1.0)], agents=("a", "b", "c")
        )
        with pytest.raises(ValueError, match="a state in which refused agents stay, found none for a=0, b=1, c=6"):
            pushed.with_bumping()


def test_tabular_model_of_a_product_is_the_product():
    game = product_game(grid(), grid())
    assert tabular_model(game) is game
