"""Experiments of cognitive psychology, each with the exact model of its ideal observer."""

from powerenvs.authoring.family import Family, WorldEntry

FAMILY = Family(
    "psychology",
    "Psychology",
    namespace="powerenvs",
    package=__name__,
    worlds=(
        WorldEntry(".visual_search:VisualSearch", "a target among distractors: is it there?"),
        WorldEntry(".motion:MotionDiscrimination", "dots of which some move one way: which way?"),
        WorldEntry(".harlow:Harlow", "two images, one of which pays: the first choice tells which"),
    ),
    citation="Leibo et al., Psychlab: A Psychology Laboratory for Deep Reinforcement Learning Agents, arXiv 1801.08116",
)

__all__ = ["FAMILY", *FAMILY.exports]
__getattr__ = FAMILY.load


def __dir__() -> list[str]:
    return __all__
