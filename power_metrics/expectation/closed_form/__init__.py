"""POWER as exact fractions, for small deterministic models with uniform rewards."""
