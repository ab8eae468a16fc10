"""Experiments of cognitive psychology, each with the exact model of its ideal observer."""

from powerenvs.authoring.family import Family, WorldEntry

FAMILY = Family(
    "psychology",
    "Psychology",
    namespace="powerenvs",
    package=__name__,
    worlds=(
        WorldEntry(".visual_search:VisualSearch", "a target among distractors: is it there?"),
        WorldEntry(".change_detection:ChangeDetection", "squares before and after a blank: is one another colour?"),
        WorldEntry(".motion:MotionDiscrimination", "dots of which some move one way: which way?"),
        WorldEntry(".object_tracking:MultipleObjectTracking", "discs that move alike: was this one marked before?"),
        WorldEntry(".recall:ContinuousRecognition", "one image after the other: old or new?"),
        WorldEntry(".recall:VisuomotorMapping", "one image after the other: which button belongs to it?"),
        WorldEntry(".landolt_c:LandoltC", "a ring with a gap: where is the gap?"),
        WorldEntry(".glass_patterns:GlassPatterns", "two fields of paired dots: in which are there circles?"),
        WorldEntry(".odd_one_out:OddOneOut", "items that are alike but one: which one?"),
        WorldEntry(".harlow:Harlow", "two images, one of which pays: the first choice tells which"),
        WorldEntry(".ready_set_go:ReadySetGo", "an interval: act when as much time has gone by again"),
    ),
    citation="Leibo et al., Psychlab: A Psychology Laboratory for Deep Reinforcement Learning Agents, arXiv 1801.08116",
)

__all__ = ["FAMILY", *FAMILY.exports]
__getattr__ = FAMILY.load


def __dir__() -> list[str]:
    return __all__
