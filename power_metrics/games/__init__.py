"""Games of two players in tables: equilibria, symmetric decomposition, dynamics, and the games that worlds play.

Everything starts from a `Bimatrix`. Its names load when they are first used.

Example:
    >>> import power_metrics as pm
    >>> game = pm.games.named("battle_of_the_sexes")
    >>> [(x.tolist(), y.tolist()) for x, y in pm.games.equilibria(game)]
    [([1.0, 0.0], [1.0, 0.0]), ([0.0, 1.0], [0.0, 1.0]), ([0.6, 0.4], [0.4, 0.6])]
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
