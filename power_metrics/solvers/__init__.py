"""Exact solvers for many reward functions on one table.

A solver is an object with a name, a test whether it fits a model's tables, and a method that writes solutions into
given memory. Ordered tuples hold them, and the first that fits is taken: `discounted.SOLVERS`, `average.SOLVERS` for
the limit γ → 1, and `gpu.SOLVERS` for torch. A new one is named in its tuple, and nowhere else. Every solve returns the
Bellman residual of what it returns, and `dispatch` refuses one that is not small.

Order in which to read:

1. `solver` (what a solver is, and the tables it reads), `solution`, `limits`, `compiled` (a model to tables, by
   `ordering` and `duplicates`).
2. `discounted/`: `stay_put`, `deterministic`, `direct` and `iterative`, with `relative` (iteration on differences)
   and `banded`. They stand on `jit` (compiling), `simd` (lanes), `transpose` (reward functions into lanes, solutions
   out), `reduction` (elimination without subtraction) and `linear` (BiCGSTAB and SuperLU). `averages` draws, solves and
   averages in one kernel, with `words` (random numbers in lanes).
3. `dispatch` (solving, threads), `policies` (values of policies), `ties` (which actions are optimal, by `differences`
   in `twofold` precision; `steps` without a discount), `optimal` (the public functions).
4. `average/`: `solver`, `components` (by `graph`), then `stay_put`, `cycle_mean` and `unichain` (by `howard` and
   `recurrence`), `multichain` and `gain`.
5. `joint/`, two agents who answer each other: `tables`, `values`, `pairs`, `problem`. And `gpu`.

Words:

* *position*: a state's number in the order in which it is solved; `order` has the state at each position.
* *choice*: a distinct action of a state. Actions with the same outcomes are one choice; *entries* are its outcomes.
* *lane*: one of the LANES reward functions that are solved side by side in the processor's vector registers; GROUPS
  registers of them in turn where that hides waiting.
* *stay-put*: of a model or an end component, that every state of it has a choice that leaves it as it is.
* *end component*: states with choices that never lead out, along which each state reaches all others (de Alfaro 1997).
  A *node* is one, or a state in none; an *exit* is a choice that can leave its node.
* *gain*: long-run average reward. *Bias*: what a state is worth on top of it.
* *unichain*: with one recurrent class, so that the gain is the same everywhere. *Multichain*: with several.
* *cycle mean*: the average reward along a cycle, the gain of a deterministic policy that ends in it.
* *induced MDP*: what one agent faces while the others play fixed policies.
* *residual*: max|V - TV| as a share of max|V|, or the like for gains.
"""
