"""Optimal long-run average rewards, the limit at a discount of 1."""
