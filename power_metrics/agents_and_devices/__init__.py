"""Is what one saw better described as an agent or as a device? Bayes' rule, from behaviour alone.

Orseau, McGregor McGill & Legg, "Agents and Devices: A Relative Definition of Agency" (arXiv 1805.12387): an *agent* is
described by what it wants, a *device* by which input it answers in which way. Order in which to read:

1. `walks` (what was seen, as a rollout; files) and `trajectories` (walks to try it on).
2. `predictors`: what has a probability for each action after each history, and mixtures of such.
3. `goals` (noisily optimal policies for goals and reward functions, by `distances`), `devices` (counts of actions in
   contexts) and `trees` (contexts of unknown depth).
4. `members` (from names and objects to predictors) and `tracker` (the posterior, step by step).
"""
