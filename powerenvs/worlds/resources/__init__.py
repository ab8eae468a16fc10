"""Games about a resource that only one agent can have."""

from powerenvs.authoring.family import Family, GameEntry

FAMILY = Family(
    "resources",
    "Games about a resource",
    namespace="powerenvs",
    package=__name__,
    games=(GameEntry("one_key_v0", ".one_key:OneKey", "a human and an AI want to pass a gate, and there is one key"),),
)

__all__ = ["FAMILY", *FAMILY.exports]
__getattr__ = FAMILY.load


def __dir__() -> list[str]:
    return __all__
