"""Fixed policies: their values, where they go, and what they earn, exactly.

A policy makes a Markov chain of a model. Seen backwards, from what follows a state, it gives values: `evaluation` finds
the value of every state under given reward functions. Seen forwards, from the start, it gives visits: `visits` solves
for them, and `occupancy` makes shares of time and returns of them. `horizon` does without a discount, over a number of
steps, for policies and optima.
"""
