"""Distributions over reward functions, and how they are drawn."""
