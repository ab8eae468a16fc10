"""The difference of two results, as files: what the first has more than the second, by state."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from power_metrics.results.base import Result
from power_metrics.results.stored import json_values
from powerenvs.model.labels import label_text

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure


def difference_frame(first: Result, second: Result) -> pandas.DataFrame:
    """By the labels of states that both have: each column of both, and the difference.

    Standard errors of differences are not known, as both may share their draws; "error at most" is the sum of the two.

    Raises:
        ValueError: if there is no number of states in both.
    """
    import pandas

    one, two = first.tables().get(("state",), {}), second.tables().get(("state",), {})
    names = [name for name in one if name in two and "error" not in name and one[name].dtype.kind in "fiub"]
    if not names:
        raise ValueError("less: expected two results with the same numbers by state, found none")
    places = {label_text(label): s for s, label in enumerate(second.model.state_labels)}  # type: ignore[attr-defined]
    labels = [label_text(label) for label in first.model.state_labels]  # type: ignore[attr-defined]
    both = [(s, places[label]) for s, label in enumerate(labels) if label in places]
    if not both:
        raise ValueError("less: expected two results that share states, found none that they share")
    mine, other = np.array(both).T
    columns: dict[str, Any] = {}
    for name in names:
        columns |= {name: one[name][mine], f"{name} of the other": two[name][other]}
        columns[f"{name} difference"] = one[name][mine].astype(float) - two[name][other]
        error = next(
            (e for e in (f"{name} standard error", f"{name}_error", "standard_error") if e in one and e in two), None
        )
        if error is not None:
            columns[f"{name} error at most"] = one[error][mine] + two[error][other]
    return pandas.DataFrame(columns, index=pandas.Index([labels[s] for s in mine.tolist()], name="state"))


def difference_file(first: Result, second: Result, form: str) -> bytes:
    """The difference as "csv", "json", "png" or "svg".

    Raises:
        ValueError: for another format, and what cannot be compared.
    """
    frame = difference_frame(first, second)
    if form == "csv":
        text: str = frame.to_csv(lineterminator="\n")
        return text.encode()
    if form == "json":
        return json.dumps(json_values(frame.reset_index().to_dict("records"))).encode()
    if form not in ("png", "svg"):
        raise ValueError(f"format: expected csv, json, png or svg for a difference, found {form!r}")
    buffer = io.BytesIO()
    _figure(first, frame).savefig(buffer, format=form, dpi=200)
    return buffer.getvalue()


def _figure(first: Result, frame: pandas.DataFrame) -> Figure:
    """The first difference on the board of the first result, red where it has more, blue where less."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import CenteredNorm

    from power_metrics.plots.heatmap import cell_means, has_board
    from power_metrics.plots.style import LARGE, NORMAL, Picture, add_note, name_bar

    name = next(column for column in frame if column.endswith(" difference"))
    model: Any = first.model  # type: ignore[attr-defined]
    if not hasattr(model, "board") or getattr(model.cells, "ndim", 0) != 2 or not has_board(model):
        raise ValueError(
            "format: expected a board with one cell for each state for a picture of a difference; take csv"
        )
    values = np.full(model.num_states, np.nan)
    values[[model.index(label) for label in frame.index]] = frame[name]
    means = cell_means(model, values)
    largest = float(np.nanmax(np.abs(means))) or 1.0
    rows, columns = means.shape
    inches = min(0.6, 9 / max(rows, columns))
    figure = Picture(figsize=(columns * inches + 2.2, rows * inches + 1.4), layout="constrained")
    ax = figure.add_subplot()
    norm = CenteredNorm(halfrange=largest)
    ax.set_facecolor("0.85")
    ax.imshow(np.ma.masked_invalid(means), cmap="RdBu_r", norm=norm)
    if inches > 0.42:
        for r, c in np.argwhere(~np.isnan(means)).tolist():
            dark = abs(means[r, c]) > 0.6 * largest
            ax.text(
                c, r, f"{means[r, c]:+.3f}", ha="center", va="center", fontsize=7, color="white" if dark else "black"
            )
    ax.set_xlabel("column", fontsize=NORMAL)
    ax.set_ylabel("row", fontsize=NORMAL)
    ax.set_title(f"Difference of two settings: {name.removesuffix(' difference')}", fontsize=LARGE)
    name_bar(figure.colorbar(ScalarMappable(norm, "RdBu_r"), ax=ax), "first less second")
    add_note(figure, ["the mean over the states of a cell", "grey: walls, and cells that only one of the two has"])
    return figure
