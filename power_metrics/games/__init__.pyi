from .bimatrix import Bimatrix as Bimatrix
from .decomposition import Counterpart as Counterpart, Decomposition as Decomposition, decompose as decompose
from .enumeration import (
    Equilibrium as Equilibrium,
    NashEquilibria as NashEquilibria,
    equilibria as equilibria,
    nash as nash,
    symmetric_equilibria as symmetric_equilibria,
)
from .files import load as load, save as save
from .flows import Dynamics as Dynamics, Path as Path, dynamics as dynamics, follow as follow
from .named import named as named, names as names
from .poker import leduc as leduc
from .resting import (
    RestPoint as RestPoint,
    alpha_rank as alpha_rank,
    rest_points as rest_points,
    tangent_eigenvalues as tangent_eigenvalues,
)
