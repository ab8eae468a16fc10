"""Against other libraries, where they are installed: pip install nashpy egttools open_spiel."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import power_metrics as pm
from tests.power_metrics.games.test_equilibria import same_pairs

TABLES = np.random.default_rng(0).normal(size=(2, 3, 3))


def test_equilibria_of_nashpy():
    nashpy = pytest.importorskip("nashpy")
    rng = np.random.default_rng(1)
    for n in (2, 3, 4):
        for _ in range(20):
            A, B = rng.normal(size=(2, n, n))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                theirs = list(nashpy.Game(A, B).vertex_enumeration())
            same_pairs(pm.games.equilibria(A, B), theirs, 1e-6)


def test_the_replicator_of_egttools():
    analytical = pytest.importorskip("egttools.analytical")
    shares = np.array([0.2, 0.3, 0.5])
    ours = pm.games.dynamics(TABLES[0])(shares)
    assert ours == pytest.approx(analytical.replicator_equation(shares, TABLES[0]), abs=1e-15)


def test_the_replicator_and_alpha_rank_of_openspiel():
    dynamics = pytest.importorskip("open_spiel.python.egt.dynamics")
    alpharank = pytest.importorskip("open_spiel.python.egt.alpharank")
    state = np.array([0.2, 0.3, 0.5, 0.6, 0.3, 0.1])
    ours = pm.games.dynamics(pm.games.Bimatrix(*TABLES))(state)
    assert ours == pytest.approx(dynamics.MultiPopulationDynamics(TABLES, dynamics.replicator)(state), abs=1e-15)
    shares = alpharank.compute(list(TABLES), m=50, alpha=1.0)[2]
    assert pm.games.alpha_rank(*TABLES, alpha=1.0).ravel() == pytest.approx(shares, abs=1e-10)
