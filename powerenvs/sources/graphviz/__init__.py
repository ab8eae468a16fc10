"""Graphviz files of models and of policies, in the dialect that POWERplay writes."""
