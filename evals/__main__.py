"""python -m evals [NAME …]: measure, print tables, keep them as JSON.

Without names everything, what is quick first. An empty cache costs most: papers that a ranking shows are read
by the transformer once (some 30 a second and core). What was read is kept every minute, so an interrupted run
goes on where it was. --headings 25 asks a part of the topics in minutes; the intervals widen accordingly.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from evals import (
    ablation,
    csfcube,
    exposure,
    front_page,
    known_items,
    libraries,
    sampled,
    spelling,
    teaching,
    topics,
    trending,
)
from evals.data import CHECKOUT, DataMissing
from evals.report import Table, write
from evals.vectors import cache_folder
from evals.workplace import Workplace

Evaluation = Callable[[Workplace], list[Table]]
EVALUATIONS: dict[str, Evaluation] = {
    "known_items": known_items.run,
    "spelling": spelling.run,
    "front_page": front_page.run,
    "csfcube": csfcube.run,
    "trending": trending.run,
    "exposure": exposure.run,
    "topics": topics.run,
    "ablation": ablation.run,
    "sampled": sampled.run,
    "libraries": libraries.run,
    "teaching": teaching.run,
}

EXPLORATIONS: dict[str, Evaluation] = {"topics": topics.explore, "trending": trending.explore}


def main() -> int:
    given = _arguments()
    chosen: dict[str, Evaluation] = {name: EVALUATIONS[name] for name in given.names or EVALUATIONS}
    if given.explore:
        tried = given.names or ["topics"]
        chosen |= {name: look for name, look in EXPLORATIONS.items() if name in tried}
    if given.searcher:
        chosen["known_items"] = lambda place: known_items.run(place, given.searcher)
    place = Workplace(given.cache, given.limit, given.headings)
    for number, (name, evaluation) in enumerate(chosen.items(), start=1):
        place.say(f"{name}: {number} of {len(chosen)}")
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
    parser = argparse.ArgumentParser(
        prog="python -m evals", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", choices=[*EVALUATIONS, []], metavar="NAME", help="default: all")
    parser.add_argument("--limit", type=int, help="only so many papers of the corpus")
    parser.add_argument("--headings", type=int, help="topics, ablation: only so many headings of each half")
    parser.add_argument(
        "--explore", action="store_true", help="topics, trending: all that was tried, development part"
    )
    parser.add_argument("--searcher", default="", help="known_items: module:function that makes a Searcher")
    parser.add_argument("--cache", type=Path, default=cache_folder(), help="for the index and vectors")
    parser.add_argument("--results", type=Path, default=CHECKOUT / ".cache" / "evals", help="for JSON")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
