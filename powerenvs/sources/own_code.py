"""Environments that are classes in somebody's own module or Python file, named on the command line."""

from __future__ import annotations

import importlib.util
import inspect
import re
import sys
from pathlib import Path
from types import ModuleType


def module_of_file(path: str) -> ModuleType:
    """The module in a Python file, whose code runs the first time.

    Raises:
        ValueError: if there is no such file, or its code fails.
    """
    place = Path(path).resolve()
    name = f"{place.stem} of {place.parent}"  # which no import statement can name
    if name in sys.modules:
        return sys.modules[name]
    if not place.is_file():
        raise ValueError("there is no such file")
    spec = importlib.util.spec_from_file_location(name, place)
    assert spec is not None, "the name ends in .py"
    assert spec.loader is not None, "which has one"
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.insert(0, str(place.parent))  # where python itself looks when it runs the file
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        if not isinstance(error, Exception):
            raise
        raise ValueError(f"{type(error).__name__}: {error}") from error
    finally:
        sys.path.remove(str(place.parent))
    return module


def id_in_module(module: ModuleType, name: str) -> str:
    """The id that Gymnasium knows an environment of a module by.

    Args:
        module: the module.
        name: an id, which is returned as it is; or a class or function of the module that makes environments, which is
            registered; or nothing for the only environment that the module defines.

    Raises:
        ValueError: where nothing is named, and there are several environments, or none.
    """
    import gymnasium as gym

    if not name:
        own = [
            key
            for key, value in vars(module).items()
            if inspect.isclass(value) and issubclass(value, gym.Env) and value.__module__ == module.__name__
        ]
        if len(own) != 1:
            raise ValueError(
                f"{module.__file__}: expected one environment, found {', '.join(own) or 'none'}; name one, as in "
                f"{module.__file__}:{own[0] if own else 'MyEnv'}"
            )
        (name,) = own
    maker = getattr(module, name, None)
    if not callable(maker):
        return name
    own_id = f"{re.sub(r'[^A-Za-z0-9_]+', '_', module.__name__)}/{name}"  # of this module and no other
    if own_id not in gym.registry or gym.spec(own_id).entry_point is not maker:
        gym.register(own_id, entry_point=maker)
    return own_id
