"""Stands in for arXiv until Ctrl-C: `python -m tests.arxiv --port 8055 --today 2026-08-10`."""

from __future__ import annotations

import argparse
import os
import threading
import time
from datetime import date, timedelta
from pathlib import Path

from tests.arxiv import Corpus, Faults, StandIn, invented, standing_in

CHECKOUT = Path(__file__).resolve().parent.parent.parent


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.arxiv", description=__doc__)
    parser.add_argument("--port", type=int, default=8055)
    parser.add_argument("--today", type=date.fromisoformat, default=date(2026, 8, 10), help="its clock's day")
    parser.add_argument(
        "--data", type=Path, help="a Parquet file of papers (default: that of BROADSHEET_DATA)"
    )
    parser.add_argument("--since", default="", help="papers from this month on alone, such as 2026-06")
    parser.add_argument("--most", type=int, default=0, help="so many papers alone")
    parser.add_argument("--size", type=int, default=1000, help="records in an answer")
    parser.add_argument(
        "--pause", type=float, default=0.0, help="seconds its guests must leave between requests"
    )
    parser.add_argument("--faults", type=float, default=0.0, help="share of answers with a fault, 0 to 1")
    parser.add_argument("--retry-after", type=int, default=1, help="seconds that 429 and 503 ask for")
    parser.add_argument("--late", type=float, default=0.0, help="share of papers that appear two days late")
    parser.add_argument("--deleted", type=float, default=0.0, help="share of papers that are deleted later")
    parser.add_argument("--tomorrow", type=float, default=0.0, help="a new day every so many seconds")
    parser.add_argument(
        "--keep", action="store_true", help="keep answers: a second harvest gets them at once"
    )
    return parser.parse_args()


def main() -> None:
    given = _arguments()
    folder = Path(os.environ.get("BROADSHEET_DATA") or CHECKOUT.parent / "shared" / "data")
    path = given.data or folder / "arxiv.parquet"
    shares = {"late": given.late, "deleted": given.deleted}
    if path.exists():
        corpus = Corpus.read(path, given.since, given.most, **shares)
    else:
        print(f"There is no {path}: the papers are invented.")
        corpus = Corpus.of(invented(given.most or 5000, given.today - timedelta(days=60), 100), **shares)
    faults = Faults(given.faults, retry_after=given.retry_after)
    with standing_in(StandIn(corpus, given.today, given.size, given.pause, faults), given.port) as stand_in:
        stand_in.keep = given.keep
        print(f"{len(corpus.ids):,} papers at {stand_in.url}/oai, on {stand_in.now:%A %d %B %Y}.")
        print(" ".join(f"{name}={value}" for name, value in stand_in.settings.items()), flush=True)
        try:
            while True:
                threading.Event().wait(given.tomorrow or 3600)
                if given.tomorrow:
                    stand_in.morning(stand_in.now.date() + timedelta(days=1))
                    print(f"It is {stand_in.now:%A %d %B %Y}", time.strftime("%H:%M:%S"), flush=True)
        except KeyboardInterrupt:
            print(stand_in.report())


if __name__ == "__main__":
    main()
