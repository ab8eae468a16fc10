from .bimatrix import Bimatrix as Bimatrix
from .decomposition import Counterpart as Counterpart, Decomposition as Decomposition, decompose as decompose
from .equilibria import (
    Equilibrium as Equilibrium,
    NashEquilibria as NashEquilibria,
    equilibria as equilibria,
    nash as nash,
    symmetric_equilibria as symmetric_equilibria,
)
from .files import load as load, save as save
from .leduc import leduc as leduc
from .named import named as named, names as names
