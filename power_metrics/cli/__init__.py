"""The commands of `powerenvs`, one module each; `power_metrics.cli` has the table of them.

A module here imports what is heavy (torch, numba, matplotlib) inside its functions, because all of them are
imported to build the parser.
"""
