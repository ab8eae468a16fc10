"""Runs the targets: ``python -m tests.fuzz --inputs 10000``."""

from __future__ import annotations

import argparse
import faulthandler
import sys
import tempfile
from pathlib import Path

from tqdm import tqdm

from tests.fuzz.harness import run
from tests.fuzz.targets import TARGETS


def main() -> int:
    """One line a target, then the bugs with the numbers of the inputs that show them; 1 if there are any."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=1000, metavar="N", help="of each target; default 1000")
    parser.add_argument(
        "--target", action="append", choices=[target.name for target in TARGETS], help="may be repeated; default all"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the inputs; default 0")
    parser.add_argument("--only", type=int, metavar="N", help="the input of this number alone")
    args = parser.parse_args()
    faulthandler.enable()
    numbers = range(args.inputs) if args.only is None else range(args.only, args.only + 1)
    bugs = 0
    with tempfile.TemporaryDirectory() as folder:
        for target in TARGETS:
            if args.target and target.name not in args.target:
                continue
            with tqdm(total=len(numbers), desc=target.name, disable=None) as bar:
                tally = run(target, numbers, args.seed, Path(folder) / target.name, bar.update)
            print(
                f"{target.name:18} {len(numbers):6} inputs: {tally.accepted} accepted, {tally.refused} refused",
                flush=True,
            )
            for bug, found in tally.bugs.items():
                print(f"    {len(found)} x {bug}; inputs {', '.join(map(str, found[:5]))}", flush=True)
            bugs += len(tally.bugs)
    return 1 if bugs else 0


if __name__ == "__main__":
    sys.exit(main())
