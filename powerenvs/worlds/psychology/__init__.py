"""Experiments of cognitive psychology, each with the exact model of its ideal observer."""

from functools import partial

from powerenvs.authoring.family import Family, WorldEntry

_task = partial(WorldEntry, max_episode_steps=2_000)
"""Screens have timeouts of their own, of 150 steps for each part of up to six trials of a block."""

FAMILY = Family(
    "psychology",
    "Psychology",
    namespace="powerenvs",
    package=__name__,
    worlds=(
        _task(".visual_search:VisualSearch", "a target among distractors: is it there?"),
        _task(".change_detection:ChangeDetection", "squares before and after a blank: is one another colour?"),
        _task(".motion:MotionDiscrimination", "dots of which some move one way: which way?"),
        _task(".object_tracking:MultipleObjectTracking", "discs that move alike: was this one marked before?"),
        _task(".recall:ContinuousRecognition", "one image after the other: old or new?"),
        _task(".recall:VisuomotorMapping", "one image after the other: which button belongs to it?"),
        _task(".landolt_c:LandoltC", "a ring with a gap: where is the gap?"),
        _task(".glass_patterns:GlassPatterns", "two fields of paired dots: in which are there circles?"),
        _task(".odd_one_out:OddOneOut", "items that are alike but one: which one?"),
        _task(".harlow:Harlow", "two images, one of which pays: the first choice tells which"),
        _task(".ready_set_go:ReadySetGo", "an interval: act when as much time has gone by again"),
    ),
    citation="Leibo et al., Psychlab: A Psychology Laboratory for Deep Reinforcement Learning Agents, arXiv 1801.08116",
)

__all__ = ["FAMILY", *FAMILY.exports]
__getattr__ = FAMILY.load


def __dir__() -> list[str]:
    return __all__
