"""Power-seeking inside training loops: trackers, wrappers and callbacks."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submodules=["rllib", "sb3"])
