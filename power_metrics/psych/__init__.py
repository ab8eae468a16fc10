"""Psychology: the trials of experiments for persons, agents and ideal observers, and what is made of them.

Tasks are those of `powerenvs.worlds.psychology`. Names load when they are first used.

Example:
    >>> import power_metrics as pm
    >>> pm.psych.ideal("Harlow").accuracy_in_block.tolist()
    [0.5, 1.0, 1.0, 1.0, 1.0, 1.0]
    >>> log = pm.psych.run("Harlow", "ideal", trials=12, seed=0)
    >>> len(log), log.rows[0]["response"] in ("left", "right")
    (12, True)
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
