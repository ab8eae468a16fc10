"""Games with something to compete for."""

from powerenvs.worlds.multi.one_key import OneKey

__all__ = ["OneKey"]
