"""Power-seeking inside training loops: trackers, wrappers and callbacks."""
