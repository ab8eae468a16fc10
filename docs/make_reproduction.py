"""Makes the pictures, the numbers and the tables of docs/reproduction.md with ``powerenvs reproduce``.

python docs/make_reproduction.py             everything: data, pictures, tables; some minutes
python docs/make_reproduction.py --tables    the tables alone, from the data that is there
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

import numpy as np
from PIL import Image, ImageSequence

import power_metrics as pm
from power_metrics.reproduction import FIGURES, reproduce
from powerenvs.model.files import atomic_path
from powerenvs.render.animation import write_animation

DOCS = Path(__file__).parent
PAGE, DATA, IMAGES = DOCS / "reproduction.md", DOCS / "data" / "reproduction", DOCS / "images" / "reproduction"
TIMES = "times.json"
WIDTH, COLOURS = 720, 256
"""Of pictures in the page, in pixels, and of their palettes."""
CSV_DIGITS = "%.6g"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", action="store_true", help="only write the tables again")
    parser.add_argument("--folder", default="results/reproduction", help="of the full results")
    settings = parser.parse_args()
    if not settings.tables:
        make(Path(settings.folder))
    write(PAGE, page(PAGE.read_text(encoding="utf-8")))


def make(folder: Path) -> None:
    """Reproduces every figure, and keeps small copies."""
    DATA.mkdir(parents=True, exist_ok=True)
    IMAGES.mkdir(parents=True, exist_ok=True)
    times = {}
    for made in reproduce("all", folder, formats=("png", "gif")):
        name = made.figure.name
        times[name] = {"sweep": round(made.sweep_seconds, 1), "drawing": round(made.draw_seconds, 1)}
        for path in made.paths:
            if path.suffix == ".json":
                write(DATA / path.name, path.read_text(encoding="utf-8"))
            else:
                shrink(path, IMAGES / path.name)
        print(f"{name}: {sum(times[name].values()):.1f} s", flush=True)
    write(DATA / TIMES, json.dumps(times, indent=1) + "\n")
    for sweep in dict.fromkeys(figure.config for figure in FIGURES.values()):
        result = pm.load_sweep(folder / "sweeps" / sweep)
        for kind, frame in (("summary", result.summary()), ("states", result.to_frame())):
            write(DATA / f"{sweep}-{kind}.csv", frame.to_csv(index=False, float_format=CSV_DIGITS))


def shrink(source: Path, target: Path) -> None:
    """A copy that is at most ``WIDTH`` pixels wide, with a palette."""
    with Image.open(source) as picture:
        width = min(WIDTH if source.suffix == ".png" else WIDTH * 2 // 3, picture.width)
        size = (width, round(picture.height * width / picture.width))
        if source.suffix == ".png":
            small = (
                picture.convert("RGB")
                .resize(size, Image.Resampling.LANCZOS)
                .quantize(COLOURS, Image.Quantize.MAXCOVERAGE)
            )
            with atomic_path(target) as temporary:
                small.save(temporary, optimize=True)
            return
        frames = [
            np.asarray(frame.convert("RGB").resize(size, Image.Resampling.LANCZOS))
            for frame in ImageSequence.Iterator(picture)
        ]
    write_animation(frames, target, frame_seconds=0.5, last_seconds=1.0)


def page(text: str) -> str:
    """The page with its tables made from the data."""
    for name, table in (
        ("numbers of post 1", numbers(1)),
        ("numbers of post 2", numbers(2)),
        ("numbers of post 3", numbers(3)),
        ("means of post 3", means()),
        ("times", times()),
    ):
        text, count = re.subn(
            rf"(<!-- {name} -->\n).*?(<!-- end -->)",
            lambda found, table=table: f"{found[1]}{table}\n{found[2]}",
            text,
            flags=re.DOTALL,
        )
        if count != 1:
            raise SystemExit(f"{PAGE}: expected one place for the {name}, found {count}")
    return text


def numbers(post: int) -> str:
    """Published numbers beside ours."""
    rows = [
        "| figure | number | published | its standard error | ours | its standard error | z |",
        "|---|---|---|---|---|---|---|",
    ]
    for figure in FIGURES.values():
        if figure.post != post or figure.animate is not None:
            continue
        for n in json.loads((DATA / f"{figure.name}.json").read_text(encoding="utf-8"))["numbers"]:
            rows.append(
                f"| {figure.name[9:]} | {n['quantity']} | {n['published']:.5g} | {n['published_error']:.2g} | "
                f"{n['ours']:.5f} | {n['our_error']:.2g} | {n['z']:+.1f} |"
            )
    return "\n".join(rows)


def means() -> str:
    """What the runs of the third post give, with its settings."""
    import pandas

    rows = ["| figures | overlaps | γ | POWER of the human | of the AI | alignment | without noise, 95% interval |"]
    rows.append("|---|---|---|---|---|---|---|")
    for overlaps, figures in ((True, ("2 to 4", "8 to 9")), (False, ("5 to 7", "10 to 11"))):
        sweep = f"post3-maze-7x7-{'overlaps' if overlaps else 'no-overlaps'}"
        for shown, (_, row) in zip(figures, pandas.read_csv(DATA / f"{sweep}-summary.csv").iterrows(), strict=True):
            rows.append(
                f"| {shown} | {'yes' if overlaps else 'no'} | {row['gamma']:g} | "
                f"{row['human']:.4f} ± {row['human_standard_error']:.4f} | "
                f"{row['ai']:.4f} ± {row['ai_standard_error']:.4f} | {row['alignment']:.3f} | "
                f"{row['alignment_corrected']:.3f}; {row['alignment_low']:.3f} to {row['alignment_high']:.3f} |"
            )
    return "\n".join(rows)


def times() -> str:
    """Seconds for each figure, and for all."""
    seconds = json.loads((DATA / TIMES).read_text(encoding="utf-8"))
    rows = ["| figure | shows | reward functions | sweep (s) | drawing (s) |", "|---|---|---|---|---|"]
    for name, parts in seconds.items():
        content = json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))
        sweep = f"{parts['sweep']:.1f}" if parts["sweep"] >= 0.1 else "shared"
        rows.append(
            f"| {name} | {content['title']} | {content['sweep']['num_samples']:,} | {sweep} | {parts['drawing']:.1f} |"
        )
    total = sum(sum(parts.values()) for parts in seconds.values())
    rows.append(f"| **all** | | | **{sum(p['sweep'] for p in seconds.values()):.0f}** | **total {total:.0f}** |")
    return "\n".join(rows)


def write(path: Path, text: str) -> None:
    """Writes a text, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
