"""The jobs that worker processes do: plain functions from JSON values to JSON text or bytes."""

from __future__ import annotations

import io
import json
import tempfile
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from power_metrics.app import bounds
from power_metrics.app.equations import equation
from power_metrics.app.maps import arrows, model_view, result_view
from power_metrics.app.requests import Request, python_lines, request_of
from power_metrics.app.watch import sweep_table
from power_metrics.results.stored import json_values
from powerenvs.model.game import TabularGame
from powerenvs.progress import telling

Tell = Callable[[str, Any], None]
"""Sends something to the page while a job goes on: what it is, and it."""

PREVIEW = (100, 300)
"""At least and at most so many reward functions are behind the first look at a map that takes longer than `QUICK`."""
LOOK = 40_000
"""States times reward functions of that look, in between."""
QUICK = 100_000
"""States times reward functions up to which there is no first look."""
ARROWS = ("none", "task", "seeking")
FORMATS = ("csv", "json", "png", "svg", "npz", "py")

_results: OrderedDict[str, Any] = OrderedDict()
_KEEP = 12


def encoded(found: Any) -> str:
    """JSON text, in which what is not finite is null."""
    try:
        return json.dumps(found, allow_nan=False)
    except ValueError:
        return json.dumps(json_values(found), allow_nan=False)


def explore(given: Mapping[str, Any], tell: Tell) -> str:
    """Measures, and gives all that a page shows of it; tells "preview" and "progress" on the way."""
    started = time.perf_counter()
    bounds.known_keys("explore", given, ("request", "arrows", "model"))
    wanted = bounds.mapping("request", given.get("request"))
    style = bounds.one_of("arrows", given.get("arrows", "none"), ARROWS)
    request = request_of(wanted)
    request.check()
    model = request.source.model
    view = {"model": model_view(model, request.source.world), "title": request.source.title}
    count = request.settings.get("num_samples")
    first = max(PREVIEW[0], min(PREVIEW[1], LOOK // model.num_states))
    if isinstance(count, int) and count > first and model.num_states * count > QUICK and not _cached(wanted):
        few = request_of({**wanted, "settings": {**request.settings, "num_samples": first}})
        tell("preview", encoded(view | _shown(few, few.result(), style) | {"preview": first}))
    result = result_of(wanted, request, tell)
    shown = view | _shown(request, result, style)
    return encoded(shown | {"seconds": time.perf_counter() - started})


def _shown(request: Request, result: Any, style: str) -> dict[str, Any]:
    found: dict[str, Any] = {"result": result_view(result)}
    model = request.source.model
    if style != "none":
        try:
            found["arrows"] = _arrows(request, model, found["result"]["maps"], style)
        except ValueError as error:
            found["arrows_refused"] = str(error)
    return found


def _arrows(request: Request, model: Any, maps: list[dict[str, Any]], style: str) -> Any:
    if isinstance(model, TabularGame):
        raise ValueError("arrows: expected a world of one agent, found a game, in which actions depend on each other")
    single = next((one for one in maps if one["dims"] == ["state"]), None)
    values = None if single is None else np.array(next(iter(single["columns"].values())), dtype=np.float64)
    gamma = 0.9 if request.gamma is None else request.gamma
    return arrows(model, style, gamma, values)


def _cached(given: Mapping[str, Any]) -> bool:
    return json.dumps(given, sort_keys=True) in _results


def result_of(given: Mapping[str, Any], request: Request, tell: Tell) -> Any:
    """The result of a request; of the last few, that which is there."""
    key = json.dumps(given, sort_keys=True)
    if key not in _results:
        with telling(lambda title, done, total: tell("progress", {"title": title, "done": done, "total": total})):
            found = request.result(progress=True)
        _results[key] = found[0] if isinstance(found, list) else found
        if len(_results) > _KEEP:
            _results.popitem(last=False)
    _results.move_to_end(key)
    return _results[key]


def explain(given: Mapping[str, Any], tell: Tell) -> str:
    """The equation at a state."""
    bounds.known_keys("equation", given, ("request", "state", "sample"))
    wanted = bounds.mapping("request", given.get("request"))
    request = request_of(wanted)
    sample = bounds.whole("sample", given.get("sample", 0))
    result = result_of(wanted, request, tell) if request.measure.name == "power" else None
    return encoded(equation(request, bounds.whole("state", given.get("state")), sample, result))


def download(given: Mapping[str, Any], tell: Tell) -> bytes:
    """A file of a request's result, or of the difference of two."""
    bounds.known_keys("download", given, ("request", "less", "format"))
    form = bounds.one_of("format", given.get("format"), FORMATS)
    wanted = bounds.mapping("request", given.get("request"))
    less = given.get("less")
    if form == "py":
        text = python_lines(wanted)
        return text.encode() if less is None else difference_lines(wanted, less).encode()
    request = request_of(wanted)
    result = result_of(wanted, request, tell)
    if less is not None:
        from power_metrics.app.differences import difference_file

        other = request_of(less)
        return difference_file(result, result_of(less, other, tell), form)
    if form == "csv":
        return _frame(result).encode()
    if form == "json":
        return result.to_json().encode()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"result.{form}")
        if form == "npz":
            result.save(path)
        else:
            result.plot(path=path)
        return path.read_bytes()


def difference_lines(wanted: Any, less: Any) -> str:
    """Python for both requests of a difference."""
    first, second = python_lines(wanted), python_lines(less)
    marked = first.replace("print(result", "shown = result\nprint(result")
    return f"# the first of two settings\n{marked}\n# the second, which is subtracted\n{second}\n{_SUBTRACTED}"


_SUBTRACTED = """
both = shown.to_frame().join(result.to_frame(), lsuffix=" of the first", rsuffix=" of the second", how="outer")
print(both.to_string())
"""


def _frame(result: Any) -> str:
    frame = result.to_frame()
    text: str = frame.to_csv(index=bool(frame.index.name), lineterminator="\n")
    return text


def picture(given: Mapping[str, Any], tell: Tell) -> bytes:
    """The picture of a saved result, as PNG; the path is the server's, not the page's."""
    import power_metrics as pm

    result = pm.Result.load(given["path"])
    buffer = io.BytesIO()
    result.plot().savefig(buffer, format="png", dpi=120)
    return buffer.getvalue()


def saved_table(given: Mapping[str, Any], tell: Tell) -> str:
    """Facts and tables of a saved result."""
    import power_metrics as pm

    result = pm.Result.load(given["path"])
    return encoded({"kind": type(result).__name__, "text": repr(result), **result_view(result)})


def sweep(given: Mapping[str, Any], tell: Tell) -> str:
    """The points of a sweep's folder; the path is the server's."""
    return encoded(sweep_table(Path(given["path"])))


def warm_up(given: Mapping[str, Any], tell: Tell) -> str:
    """Solves tiny worlds, which loads the solvers, or compiles them where that was never done on this machine."""
    rows = {"kind": "level", "rows": ["...", ".G."]}
    for noise in (0.0, 0.1):
        for measure, pair in (("power", False), ("multiagent_power", True))[: 2 if given.get("pair") else 1]:
            request = {
                "source": {**rows, "noise": noise, "pair": pair},
                "measure": measure,
                "settings": {"num_samples": 8},
            }
            explore({"request": request, "arrows": "none" if pair else "task"}, tell)
    return "{}"


JOBS: Mapping[str, Callable[[Mapping[str, Any], Tell], str | bytes]] = {
    "explore": explore,
    "equation": explain,
    "download": download,
    "picture": picture,
    "saved_table": saved_table,
    "sweep": sweep,
    "warm_up": warm_up,
}
"""By name."""
