"""`measure`: a function as registered data, from which commands, sweeps, pages and tests are made."""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
import re
import textwrap
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import entry_points
from typing import Any, ParamSpec, TypeVar

from power_metrics.arguments.parameters import EXECUTION, Parameter, parameter_of
from powerenvs.model.labels import closest

P = ParamSpec("P")
R = TypeVar("R")

GROUP = "power_metrics.measures"
"""Entry points of other packages whose modules have measures: ``name = module:function``."""


@dataclass(frozen=True, eq=False)
class Measure:
    """A measure: what there is to know of a function from a model and settings to a result.

    Attributes:
        name: of the function, as in ``pm.NAME``, ``powerenvs measure NAME`` and ``measure: NAME`` in a sweep.
        call: the public function.
        check: called like it, does no more than its checks.
        game: whether it is of games of several agents; else of models of one.
        together: a parameter that may have several values in one call, which then gives a list of results; "" if none.
        file: where it is written.
    """

    name: str
    call: Callable[..., Any]
    check: Callable[..., None]
    game: bool
    together: str
    file: str

    @cached_property
    def subject(self) -> str:
        """The parameter that is the environment or the model."""
        return next(name for name in self._signature if name.startswith("env"))

    @property
    def summary(self) -> str:
        """The first line of its docstring."""
        return self.description.partition("\n")[0]

    @property
    def description(self) -> str:
        """Its docstring up to the arguments."""
        text = inspect.getdoc(self.call) or ""
        return re.split(r"^Args:$", text, maxsplit=1, flags=re.MULTILINE)[0].strip()

    @cached_property
    def parameters(self) -> Mapping[str, Parameter]:
        """What can be set from text or from a file: everything whose annotation `arguments.parameters` knows."""
        meanings = documented_arguments(inspect.getdoc(self.call) or "")
        made = (parameter_of(one, meanings.get(name, "")) for name, one in self._signature.items())
        return {one.name: one for one in made if one is not None and one.name != self.subject}

    @property
    def settings(self) -> Mapping[str, Parameter]:
        """Those that decide about the result, and not only about how it is computed."""
        return {name: one for name, one in self.parameters.items() if name not in EXECUTION}

    @cached_property
    def _signature(self) -> Mapping[str, inspect.Parameter]:
        return inspect.signature(self.call).parameters

    def arguments(self, values: Mapping[str, Any], model: Any) -> dict[str, Any]:
        """Keyword arguments from plain values, such as a file has them.

        Args:
            values: {parameter: value}.
            model: whose states and actions texts name.

        Raises:
            ValueError: for an unknown parameter (with the closest), or a value that is none of its kind.
        """
        found = {}
        for name, value in values.items():
            if name not in self.parameters:
                raise ValueError(f"{name}: {self.name} has no such argument; {closest(name, self.parameters)}")
            found[name] = self.parameters[name].value(value, model)
        return found


def documented_arguments(docstring: str) -> dict[str, str]:
    """{argument: meaning} from the ``Args:`` (or ``Arguments:``) section of a docstring."""
    section = re.search(r"^(?:Arguments|Args):\n((?:[ ]+.*\n|\n)+)", inspect.cleandoc(docstring) + "\n", re.MULTILINE)
    if section is None:
        return {}
    entries = re.split(r"^\*{0,2}(\w+):[ ]", textwrap.dedent(section.group(1)), flags=re.MULTILINE)[1:]
    return {name: " ".join(meaning.split()) for name, meaning in zip(entries[::2], entries[1::2], strict=True)}


_registered: dict[str, Measure] = {}


def measure(
    *, game: bool = False, together: str = ""
) -> Callable[[Callable[P, Generator[None, None, R]]], Callable[P, R]]:
    """Registers a function as a measure, and makes an ordinary function of it.

    The function is a generator with one ``yield``: what stands before it are the checks of the arguments, after it the
    work, and it returns its result. Its first parameter whose name begins with "env" takes the environment or the
    model. Signature and docstring (google style, ``Args:``) are all that commands, sweeps, pages and tests need.

    Args:
        game: True for a measure of games of several agents.
        together: a parameter that may have several values in one call, which then gives a list of results.

    Returns:
        The decorator.

    Raises:
        ValueError: if another function of that name is registered, or the function is no generator.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs import tabular_model
        >>> from powerenvs.worlds.power import PowerGrid
        >>> @pm.measure()
        ... def num_successors(env):
        ...     "How many states may follow each state."
        ...     mdp = tabular_model(env)
        ...     yield  # checks stand before it, the work after it
        ...     return (mdp.transition_tensor().sum(dim=1) > 0).sum(dim=1).tolist()
        >>> num_successors(PowerGrid(level="open_3x3"))[:3]
        [3, 4, 3]
    """

    def register(function: Callable[P, Generator[None, None, R]]) -> Callable[P, R]:
        name = function.__name__
        if not inspect.isgeneratorfunction(function):
            raise ValueError(f"measure: expected {name} to have a yield between its checks and its work, found none")

        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            steps = function(*args, **kwargs)
            next(steps)
            try:
                next(steps)
            except StopIteration as done:
                result: R = done.value
                return result
            raise RuntimeError(f"{name}: expected one yield, found more")

        @functools.wraps(function)
        def check(*args: P.args, **kwargs: P.kwargs) -> None:
            steps = function(*args, **kwargs)
            next(steps)
            steps.close()

        annotation = str(function.__annotations__.get("return", ""))
        inside = re.fullmatch(r"Generator\[None, None, (.*)\]", annotation)
        both: list[tuple[Any, str]] = [(call, inside[1] if inside else annotation), (check, "None")]
        for made, returned in both:
            made.__annotations__ = {**function.__annotations__, "return": returned}
            del made.__wrapped__  # signatures would be those of the generator
            made.__signature__ = inspect.signature(function).replace(return_annotation=returned)
        file = function.__code__.co_filename
        known = _registered.get(name)
        if known is not None and known.file != file:  # the same file may be imported twice, as a script and a module
            raise ValueError(f"measure: {name!r} is registered by {known.file}, found another in {file}")
        _registered[name] = Measure(name, call, check, game, together, file)
        return call

    return register


@functools.cache
def _load_all() -> None:
    """Imports the modules that have measures: those beside this one, and those of other packages' entry points."""
    from power_metrics import measures as package

    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    for point in entry_points(group=GROUP):
        point.load()


def measures() -> dict[str, Measure]:
    """All measures by name: of this package, of installed packages that have some, and those registered by hand."""
    _load_all()
    return dict(sorted(_registered.items()))


def outside(name: str) -> Measure | None:
    """The measure of this name that another package has, or that was registered by hand; None if there is none."""
    if name not in _registered:
        for point in entry_points(group=GROUP, name=name):
            point.load()
    return _registered.get(name)


def find_measure(name: str) -> Measure:
    """The measure of this name.

    Raises:
        ValueError: if there is none, with the closest.
    """
    known = measures()
    if not isinstance(name, str) or name not in known:
        raise ValueError(f"measure: unknown measure {name!r}; {closest(name, known)}")
    return known[name]
