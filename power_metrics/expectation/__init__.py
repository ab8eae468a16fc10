"""POWER is an expectation over reward functions: how they are drawn or counted, and the work shared out."""
