"""`python -m tests.faults --seeds 200 --from 1`: as many seeds as wanted; the exit status is 1 where one failed."""

import argparse
import sys
from pathlib import Path

from tests.faults.draws import draw, shown
from tests.faults.running import Failed, Town, run_seed


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, metavar="N", help="how many; default 200")
    parser.add_argument("--from", type=int, default=1, dest="first", metavar="SEED", help="the first; default 1")
    parser.add_argument("--folder", type=Path, help="where files and logs are kept; default: a new one")
    parser.add_argument("--show", action="store_true", help="only print the steps that would be taken")
    given = parser.parse_args()
    seeds = range(given.first, given.first + given.seeds)
    if given.show:
        for seed in seeds:
            _say(f"seed {seed}\n{shown(draw(seed))}")
        return 0
    failed = []
    with Town(given.folder) as town:
        for seed in seeds:
            try:
                _say(f"seed {seed}: healed, nothing lost, {run_seed(town, seed):.1f} s")
            except Failed as error:
                failed.append(seed)
                _say(str(error))
        if failed:
            _say(f"{len(failed)} of {len(seeds)} seeds failed: {failed}; kept in {town.folder}")
    return 1 if failed else 0


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - a command line


if __name__ == "__main__":
    sys.exit(main())
