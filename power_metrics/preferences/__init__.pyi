from .records import Comparisons as Comparisons, Pair as Pair
from .segments import Segment as Segment, collect as collect, film as film, frames as frames
from .store import Store as Store
