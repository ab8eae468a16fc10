"""A subject that looks at the screen, and what trials were whoever did them."""

from __future__ import annotations

import numpy as np


def stimuli(log):
    """What the trials were, without what the subject did."""
    return [
        {k: v for k, v in row.items() if k not in ("reaction_time", "step_count", "response", "correct")} for row in log
    ]


def looking(observation):
    """Somebody who looks at the screen, and moves by what is on it."""
    return int(observation[::7, ::5].astype(np.int64).sum()) % 5
