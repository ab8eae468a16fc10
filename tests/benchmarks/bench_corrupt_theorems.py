"""The theorems of arXiv 1705.08417 on many random models each; prints how many held, and how tight bounds are.

python tests/benchmarks/bench_corrupt_theorems.py --models 1000
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.corrupt_models import check_no_free_lunch, check_observations, check_quantilisers, check_supports

CHECKS = {
    "11, no free lunch: smallest share of the worst policy's regret": (check_no_free_lunch, min),
    "19, decoupled data against brute force: states learned": (check_observations, sum),
    "23, quantilisers: largest share of the bound": (check_quantilisers, max),
    "28, supports: largest share of the bound": (check_supports, max),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--models", type=int, default=1_000, help="with a non-empty set above delta, where there is one"
    )
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    for name, (check, summary) in CHECKS.items():
        began, found, seed = time.process_time(), [], args.seed
        while len(found) < args.models:
            value = check(np.random.default_rng(seed))
            seed += 1
            if value > 0 or check in (check_no_free_lunch, check_observations):
                found.append(value)
        print(f"theorem {name}: {len(found):,} models held, {summary(found):.6g}, {time.process_time() - began:.0f} s")


if __name__ == "__main__":
    main()
