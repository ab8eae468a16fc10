"""Anything to a model: environments, files, names; `powerenvs.tabular_model` is the one door."""
