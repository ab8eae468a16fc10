from .fits import Psychometric as Psychometric, psychometric as psychometric
from .logs import TrialLog as TrialLog
from .named import task as task, tasks as tasks
from .observers import (
    Observer as Observer,
    Tradeoff as Tradeoff,
    ideal as ideal,
    observer as observer,
    tradeoff as tradeoff,
)
from .pairs import PairStaircase as PairStaircase
from .procedure import run as run
from .signals import choice_accuracy as choice_accuracy, yes_no_accuracy as yes_no_accuracy
from .staircases import (
    LevelStaircase as LevelStaircase,
    Quest as Quest,
    UpDown as UpDown,
    staircase_chain as staircase_chain,
)
from .subjects import NoisyIdeal as NoisyIdeal
from .times import (
    Chronometric as Chronometric,
    SetSizeSlopes as SetSizeSlopes,
    chronometric as chronometric,
    set_size_slopes as set_size_slopes,
)
