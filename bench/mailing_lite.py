"""arxiv-sanity-lite's published recipe for mail, run from its own checkout beside ours (bench/mailing.py).

    git clone https://github.com/karpathy/arxiv-sanity-lite FOLDER
    python -m venv FOLDER/venv && FOLDER/venv/bin/pip install numpy scikit-learn sqlitedict sendgrid
    python -m bench.mailing_lite FOLDER --papers 10000 --readers 50

Each reader has tagged one paper. Its own programs then do their work: `compute.py` reads all papers,
`send_emails.py` learns a classifier for each reader, ranks the last three days and sets the mail of twenty
papers. It runs as a dry run (`-d 1`): everything but the provider's answer. Our data are written through its
own modules, and nothing of it is kept here.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path
from typing import Any

from bench import machine
from bench.household import CHECKOUT, BenchError
from bench.mailing import DAY, rows

FILL = """
import json, sys, time
from aslite.db import get_email_db, get_metas_db, get_papers_db, get_tags_db
given = json.load(sys.stdin)
now = time.time()
with get_papers_db(flag="c", autocommit=False) as papers, get_metas_db(flag="c", autocommit=False) as metas:
    for number, (title, abstract, codes) in enumerate(given["papers"]):
        key = f"2611.{number:05d}"
        at = now - 86400 if number < given["day"] else now - 30 * 86400
        papers[key] = {"_id": key, "_time": at, "title": title, "summary": abstract,
                       "authors": [{"name": "Ada Lovelace"}], "tags": [{"term": code} for code in codes]}
        metas[key] = {"_time": at}
    papers.commit(); metas.commit()
with get_tags_db(flag="c", autocommit=False) as tags, get_email_db(flag="c", autocommit=False) as emails:
    for number in range(given["readers"]):
        tags[f"reader{number}"] = {"mine": {f"2611.{given['day'] + number:05d}"}}
        emails[f"reader{number}"] = f"reader{number}@example.org"
    tags.commit(); emails.commit()
"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.mailing_lite", description=__doc__)
    parser.add_argument("checkout", type=Path, help="a checkout of arxiv-sanity-lite")
    parser.add_argument("--python", type=Path, help="a Python with what it needs (default CHECKOUT/venv)")
    parser.add_argument("--papers", type=int, default=10_000)
    parser.add_argument("--readers", type=int, default=50)
    asked = parser.parse_args()
    print(machine.sentence(machine.facts()))
    python = asked.python or asked.checkout / "venv" / "bin" / "python"
    try:
        found = measure(asked.checkout, python, asked.papers, asked.readers)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    print(said(found))
    print(f"Load after: {machine.load()[0]}.")
    return 0


def measure(checkout: Path, python: Path, papers: int, readers: int) -> dict[str, Any]:
    if not (checkout / "send_emails.py").exists() or not python.exists():
        raise BenchError(f"{checkout} is no checkout of arxiv-sanity-lite, or {python} is missing.")
    data = checkout / "data"
    data.mkdir(exist_ok=True)
    for stale in (*data.glob("*.db"), *data.glob("*.p")):
        stale.unlink()
    (checkout / "sendgrid_api_key.txt").write_text("none")
    os.environ.setdefault("BROADSHEET_DATA", str(CHECKOUT.parent / "shared" / "data"))
    found = list(islice(rows(), papers))
    given = {"papers": found, "day": DAY, "readers": readers}
    if len(found) < DAY + readers:
        raise BenchError(f"There must be at least {DAY + readers:,} papers.")
    run: dict[str, Any] = {"cwd": checkout, "check": True, "text": True, "capture_output": True}
    subprocess.run([python, "-c", FILL], input=json.dumps(given), **run)
    started = time.perf_counter()
    subprocess.run([python, "compute.py"], **run)
    computed = time.perf_counter()
    done = subprocess.run([python, "send_emails.py", "-d", "1", "-n", "20"], **run)
    ended = time.perf_counter()
    if f"sent {readers} emails" not in done.stdout:
        raise BenchError(f"It did not send {readers} mails: {done.stdout[-300:]}")
    return {
        "papers": papers,
        "readers": readers,
        "features_s": computed - started,
        "seconds": ended - computed,
        "rate": readers / (ended - computed),
    }


def said(found: dict[str, Any]) -> str:
    return (
        f"arxiv-sanity-lite over {found['papers']:,} papers: features in {found['features_s']:.1f} s, then "
        f"{found['readers']:,} mails of 20 papers in {found['seconds']:.1f} s, {found['rate']:,.2f} "
        "editions/s, chosen and set, nothing handed over."
    )


if __name__ == "__main__":
    sys.exit(main())
