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
from .oracles import (
    DoubleOracle as DoubleOracle,
    best_response as best_response,
    double_oracle as double_oracle,
    exploitability as exploitability,
)
from .poker import leduc as leduc
from .resting import (
    RestPoint as RestPoint,
    alpha_rank as alpha_rank,
    rest_points as rest_points,
    tangent_eigenvalues as tangent_eigenvalues,
)
from .results import Likely as Likely, Matches as Matches, matches as matches
from .well_known import named as named, names as names
from .worlds import (
    EmpiricalGame as EmpiricalGame,
    empirical as empirical,
    reference_policies as reference_policies,
)
