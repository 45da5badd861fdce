"""python -m evals [NAME …]: measure, print tables, keep them as JSON."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from evals import ablation, csfcube, front_page, known_items, libraries, sampled, topics, trending
from evals.data import CHECKOUT, DataMissing
from evals.report import Table, write
from evals.vectors import cache_folder
from evals.workplace import Workplace

Evaluation = Callable[[Workplace], list[Table]]
EVALUATIONS: dict[str, Evaluation] = {
    "csfcube": csfcube.run,
    "topics": topics.run,
    "sampled": sampled.run,
    "known_items": known_items.run,
    "front_page": front_page.run,
    "ablation": ablation.run,
    "libraries": libraries.run,
    "trending": trending.run,
}


def main() -> int:
    given = _arguments()
    chosen: dict[str, Evaluation] = {name: EVALUATIONS[name] for name in given.names or EVALUATIONS}
    if given.explore:
        chosen["topics"] = topics.explore
    if given.searcher:
        chosen["known_items"] = lambda place: known_items.run(place, given.searcher)
    place = Workplace(given.cache, given.limit)
    for name, evaluation in chosen.items():
        started = time.monotonic()
        try:
            tables = evaluation(place)
        except DataMissing as missing:
            print(missing, file=sys.stderr)
            return 2
        seconds = time.monotonic() - started
        kept = write(given.results, name, tables, seconds)
        print(*(table.text() for table in tables), sep="\n")
        place.say(f"{name}: {seconds:.0f} s, load {os.getloadavg()[0]:.1f}; kept in {kept}")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m evals", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*EVALUATIONS, []], metavar="NAME", help="default: all")
    parser.add_argument("--limit", type=int, help="only so many papers of the corpus")
    parser.add_argument("--explore", action="store_true", help="topics: everything tried, development half")
    parser.add_argument("--searcher", default="", help="known_items: module:function that makes a Searcher")
    parser.add_argument("--cache", type=Path, default=cache_folder(), help="for the index and vectors")
    parser.add_argument("--results", type=Path, default=CHECKOUT / ".cache" / "evals", help="for JSON")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
