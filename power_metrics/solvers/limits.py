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
"""An order with little fill is looked for up to this many states; above, where the order at hand fills up little,"""

DIRECT_MAX_ENTRIES = 1 << 21
"""and up to this many entries of the table."""

DIRECT_MAX_ENVELOPE = 1 << 23
"""What can fill up, in the order at hand, up to which elimination of more states is looked into;"""

DIRECT_MAX_FILL = 1 << 21
"""and what does, in the one with little fill: 128 MB for all lanes."""

DIRECT_MAX_WORK = 2000
"""Elimination is used up to this many multiplications for each entry of a policy: there iteration becomes faster."""

DIRECT_ALWAYS = 10_000_000
"""Up to this many multiplications an order is worked out whatever policies have."""

BAND_MAX_WORK = 4000
"""Elimination in a band is used up to this many multiplications for each entry of a policy,"""

BAND_MAX_NUMBERS = 1 << 25
"""and up to this many numbers: 256 MB."""
