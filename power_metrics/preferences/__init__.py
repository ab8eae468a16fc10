"""Learning from human preferences: comparisons of clips, reward models that are fitted to them, policies that follow.

After Christiano et al. 2017, arXiv 1706.03741. Names load when they are first used.

Example:
    >>> import power_metrics as pm
    >>> store = pm.preferences.Store("labels.db")
    >>> pieces = [pm.preferences.Segment([0], states=[0, s]) for s in (1, 2)]
    >>> pair = store.add_pairs([pieces])[0]
    >>> store.next_pair("ann").id == pair
    True
    >>> store.answer(pair, "ann", "right", response_time=2.5)
    1
    >>> store.counts()["labelled"]
    1
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
