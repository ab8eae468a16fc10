"""From anything to a model: worlds, environments, ``P`` dicts, MiniGrid, names, and files by their suffix."""

import os

from powerenvs.authoring.compile import compile_game, compile_world
from powerenvs.authoring.game_world import TableGameWorld
from powerenvs.authoring.world import TableWorld
from powerenvs.model.base import Model
from powerenvs.model.formats import POLICIES, Format
from powerenvs.sources import by_name, environments, wrapped
from powerenvs.sources.any_model import Source, register_source, sources, tabular_model
from powerenvs.sources.clone import compiled_model
from powerenvs.sources.compiled import can_be_compiled
from powerenvs.sources.graphviz.files import load_gv, load_gv_policy, save_gv, save_gv_policy
from powerenvs.sources.model_files import load, register_format, save
from powerenvs.sources.p_dict import from_gymnasium, has_p

__all__ = ["Source", "load", "register_format", "register_source", "save", "sources", "tabular_model"]

# the first that fits is read
for _source in (
    Source("models", lambda value: isinstance(value, Model), lambda model: model),
    Source("worlds", lambda value: isinstance(value, TableWorld), compile_world),
    Source("games", lambda value: isinstance(value, TableGameWorld), compile_game),
    Source("names and files", lambda value: isinstance(value, str | os.PathLike), by_name.model_named),
    Source("wrapped environments", wrapped.is_wrapped, wrapped.model_of_wrapped),
    Source("unknown wrappers", environments.stands_for_another, environments.refuse_unknown),
    Source("copies of environments", environments.holds_copies, environments.model_of_copies),
    Source("environments of powerenvs", environments.has_model, environments.model_of),
    Source("environments without tables", environments.is_lazy, environments.refuse_lazy),
    Source("environments that say so", environments.says_why_not, environments.refuse_as_it_says),
    Source("P of Gymnasium", has_p, from_gymnasium),
    Source(wrapped.COMPILED, can_be_compiled, compiled_model),
):
    register_source(*_source, last=True)

register_format(".gv", load_gv, save_gv)
POLICIES[".gv"] = Format(load_gv_policy, save_gv_policy)
