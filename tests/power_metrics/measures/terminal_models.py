"""Random models in which every action exists and some states end the episode."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from powerenvs import TabularMDP
from tests.models import mdps


@st.composite
def ending_mdps(draw: st.DrawFn, max_states: int = 6, deterministic: bool | None = None) -> TabularMDP:
    """Models with a single start, the first state, and none, one or two terminal states."""
    mdp = draw(mdps(max_states=max_states, max_actions=3, masked=False, deterministic=deterministic))
    last = mdp.num_states - draw(st.integers(0, min(2, mdp.num_states - 1)))
    rows = [
        (s, a, t, p)
        for s, of_actions in mdp.P.items()
        for a, outcomes in of_actions.items()
        for p, t, *_ in outcomes
        if s < last
    ]
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return TabularMDP.from_transitions(
        rows,
        state_labels=range(mdp.num_states),
        action_labels=range(mdp.num_actions),
        initial=0,
        terminal=range(last, mdp.num_states),
        reward=rng.normal(size=len(rows)),
        performance=rng.normal(size=len(rows)),
    )
