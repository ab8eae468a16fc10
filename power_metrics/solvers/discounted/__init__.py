"""Optimal values at discounts below 1."""
