"""Exact solvers for many reward functions on one table.

`tables` prepares a model once: unavailable and duplicate actions go, neighbouring states get neighbouring numbers.
`engine` picks the kernel and spreads reward functions over threads. There are four kernels:

* `resting`: deterministic, and every state can stay as it is (movement worlds). Sweeps that only raise values,
  from the value of staying; they end after a few, exactly.
* `deterministic`: policy iteration; a policy is evaluated by following its arrows into their cycles, in O(S).
* `direct`: stochastic, and elimination fills up little. Policy iteration; states are eliminated without subtractions,
  in an order and a pattern worked out once for all policies.
* `iterative`: larger stochastic models. Policy iteration with preconditioned BiCGSTAB, and SuperLU behind it.

`resting` and `direct` solve LANES reward functions side by side in the processor's vector registers (`lanes`).
Every solve returns the Bellman residual of what it returns, and `engine` refuses one that is not small.

`gain` solves the limit γ → 1, the optimal long-run average reward. `components` finds where an agent can stay for
ever; `cycling` (deterministic) and `mixing` (stochastic, by `reduction`) find the best average there, by policy
iteration (`howard`), and `crossing` the best place to end up in.
"""
