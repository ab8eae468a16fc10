from .behaviours import Behaviour as Behaviour
from .models import RewardModel as RewardModel
from .queries import choose_pairs as choose_pairs, schedule as schedule
from .records import Comparisons as Comparisons, Pair as Pair
from .result import PreferenceTraining as PreferenceTraining
from .segments import Segment as Segment, collect as collect, film as film, frames as frames
from .store import Store as Store
from .teachers import SyntheticTeacher as SyntheticTeacher
from .training import train as train
from .wrapper import LearnedReward as LearnedReward
