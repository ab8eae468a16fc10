"""The tolerances of policy iteration and the limits of elimination, in one place."""

SWITCH = 1e-14
"""An action replaces another if it is better by more than this share of max|V|."""

EVALUATION = 3e-15
"""Iterative evaluation stops when its residual is below this share of max|V|, which is not far above rounding."""

RESIDUAL = 1e-11
"""A Bellman residual above this share of max|V| is an error. What the solvers reach is about 1e-15."""

MAX_ITERATIONS = 10_000
"""Policy iteration takes a handful; this only bounds a loop."""

DIRECT_MAX_STATES = 4096
"""Elimination is not looked into above this many states,"""

DIRECT_MAX_ENTRIES = 1 << 20
"""or this many entries."""

DIRECT_MAX_WORK = 2000
"""It is used up to this many multiplications for each entry of a policy: there iteration becomes faster."""
