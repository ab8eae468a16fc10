"""`reproduce`: published figures, each with a file that has the published numbers beside ours."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path

from power_metrics.arguments.checks import check_count, check_progress
from power_metrics.reproduction.catalogue import FIGURES, PublishedFigure
from power_metrics.reproduction.published import Compared, Published, compared
from power_metrics.results.stored import json_text
from power_metrics.sweeps import SweepConfig, SweepResult, sweep
from power_metrics.sweeps.yaml_files import read_mapping
from powerenvs.model.labels import closest
from powerenvs.progress import progress_bar
from powerenvs.version import __version__

FOLDER = "results/reproduction"
PICTURES, FILMS = ("png", "pdf"), ("gif",)
"""The formats that figures are written in, unless others are asked for."""


Suffixes = tuple[tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True)
class Reproduced:
    """A figure that was made.

    Attributes:
        figure: which.
        paths: the files: pictures, and a JSON file.
        numbers: published numbers beside ours.
        sweep_seconds: wall-clock time of the sweep, 0 where another figure had needed it before.
        draw_seconds: of everything else.
    """

    figure: PublishedFigure
    paths: tuple[Path, ...]
    numbers: tuple[Compared, ...]
    sweep_seconds: float
    draw_seconds: float


def named_figures(names: Iterable[str]) -> list[PublishedFigure]:
    """The figures of these names, each once and in their order; "all", "post2", or "post3-fig8" for 8a and 8b.

    Raises:
        ValueError: for an unknown name, with the closest.
    """
    wanted: set[str] = set()
    for name in names:
        found = [
            figure for figure in FIGURES
            if name in ("all", figure, figure.partition("-")[0]) or (figure[:-1] == name and figure[-1] in "ab")
        ]  # fmt: skip
        if not found:
            known = [*FIGURES, *dict.fromkeys(figure.partition("-")[0] for figure in FIGURES), "all"]
            again = '; it is "post1-fig2" again' if name == "post3-fig1" else f"; {closest(name, known)}"
            raise ValueError(f"figure: unknown figure {name!r}{again}")
        wanted.update(found)
    return [figure for name, figure in FIGURES.items() if name in wanted]


def reproduce(
    names: str | Iterable[str],
    folder: str | os.PathLike[str] = FOLDER,
    *,
    num_samples: int | None = None,
    formats: Sequence[str] = (),
    executor: str | Executor | None = None,
    workers: int | None = None,
    progress: bool | None = None,
) -> Iterator[Reproduced]:
    """Makes published figures one after the other, and yields each when its files are written.

    A figure NAME becomes ``NAME.png`` and ``NAME.pdf``, or ``NAME.gif``, and ``NAME.json`` with settings, the published
    numbers beside ours where there are any, and what differs and why. The sweeps behind them are in ``sweeps/``;
    figures of one sweep share it, and one that was interrupted goes on. With ``num_samples`` all of it goes into a
    folder of its own, ``N-samples/``, so that a quick look never replaces the real thing.

    Args:
        names: such as "post1-fig2", "post2" or "all"; see `FIGURES`.
        folder: where everything goes.
        num_samples: reward functions for each point, for a quick look; by default as many as were published.
        formats: such as ``("svg", "mp4")``: those of pictures instead of PNG and PDF, and of animations (``"gif"``,
            ``"mp4"``) instead of GIF; the kind that is not named keeps its own.
        executor: as for `power_metrics.sweep`.
        workers: as there.
        progress: as there.

    Raises:
        ValueError: for an unknown figure or format, and whatever `power_metrics.sweep` refuses.
    """
    figures = named_figures([names] if isinstance(names, str) else names)
    place, count, suffixes = Path(folder), None, _suffixes(formats)
    if num_samples is not None:
        count = check_count("num_samples", num_samples, least=2)
        place = place / f"{count}-samples"
    return _each(figures, place, count, suffixes, executor, workers, progress)


def _suffixes(formats: Sequence[str]) -> Suffixes:
    """The formats of pictures and those of animations."""
    from power_metrics.plots.style import check_picture_path
    from powerenvs.render.animation import check_animation_path

    if isinstance(formats, str):
        raise ValueError(f'formats: expected a list such as ["png", "svg"], found {formats!r}')
    pictures, films = [], []
    for name in dict.fromkeys(formats):
        if name in ("gif", "mp4"):
            check_animation_path(f"film.{name}", "formats")
            films.append(name)
        else:
            check_picture_path(f"figure.{name}", "formats")
            pictures.append(name)
    return tuple(pictures) or PICTURES, tuple(films) or FILMS


def _each(
    figures: list[PublishedFigure],
    folder: Path,
    num_samples: int | None,
    suffixes: Suffixes,
    executor: str | Executor | None,
    workers: int | None,
    progress: bool | None,
) -> Iterator[Reproduced]:
    results: dict[str, SweepResult] = {}
    bar = progress_bar(figures, "reproduce", check_progress(progress), unit=" figures")
    for figure in bar:
        bar.set_postfix_str(figure.name)
        began = time.perf_counter()
        if figure.config not in results:
            config = published_config(figure.config, num_samples)
            results = {  # the last one only: figures of one sweep follow each other
                figure.config: sweep(
                    config,
                    folder / "sweeps" / config.name,
                    executor=executor,
                    workers=workers,
                    progress=progress,
                    figures=False,
                )
            }
        middle = time.perf_counter()
        numbers, paths = _write(figure, results[figure.config], folder, suffixes)
        yield Reproduced(figure, paths, numbers, middle - began, time.perf_counter() - middle)


def published_config(name: str, num_samples: int | None = None) -> SweepConfig:
    """The sweep behind a figure, with the published number of samples or another."""
    with resources.as_file(resources.files(__package__) / "configs" / f"{name}.yaml") as path:
        mapping = read_mapping(path)
    if num_samples is not None:
        mapping["num_samples"] = num_samples
    return SweepConfig.from_dict(mapping)


def _write(
    figure: PublishedFigure, result: SweepResult, folder: Path, suffixes: Suffixes
) -> tuple[tuple[Compared, ...], tuple[Path, ...]]:
    from power_metrics.plots import save_figure

    pictures, films = suffixes
    paths = []
    if figure.animate is not None:
        for suffix in films:
            paths.append(folder / f"{figure.name}.{suffix}")
            figure.animate(result, paths[-1])
    if figure.draw is not None:
        drawn = figure.draw(result, figure.point)
        for suffix in pictures:
            paths.append(folder / f"{figure.name}.{suffix}")
            save_figure(drawn, paths[-1])
    numbers = tuple(_beside(known, figure, result) for known in figure.numbers)
    content = {
        "figure": figure.name,
        "title": figure.title,
        "powerenvs": __version__,
        "sweep": result.config.as_dict(),
        "point": dict(figure.point),
        "numbers": [asdict(number) for number in numbers],
        "differs": figure.differs,
    }
    paths.append(folder / f"{figure.name}.json")
    json_text(content, paths[-1])
    return numbers, tuple(paths)


def _beside(known: Published, figure: PublishedFigure, result: SweepResult) -> Compared:
    """A published number beside ours, from the point where it was measured."""
    (point,) = result.select(**{**figure.point, **known.point})
    return compared(known, point.result)
