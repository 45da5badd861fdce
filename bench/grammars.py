"""Hostile questions in other services' grammars: arXiv's queries and OAI-PMH's arguments, asked in process.

`BROADSHEET_HOME=FOLDER python -m bench.grammars --cases 20000` prints how often each status came and how long
the slowest took, and exits with 1 where an answer was a fault of ours (500) or was no XML at all. The same
questions come every time.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections import Counter
from urllib.parse import quote

from bench.inside import Application, environ

SEED = 11
_FIELDS = (
    "ti:",
    "au:",
    "abs:",
    "co:",
    "jr:",
    "cat:",
    "rn:",
    "id:",
    "all:",
    "submittedDate:",
    "lastUpdatedDate:",
)
_TEXTS = (
    "electron", '"reward model"', "cs.LG", "cs*", "*", "a*", '"', "del_maestro", "2301.00001v3",
    "hep-th/9901001", "lastUpdatedDate:[2023 TO 2024]",
    "[202301010600 TO 20231231]", "[2023 TO", "[20240230 TO 20240101]", "[* TO *]", "TO]", "()", "é\u0301",
    "\u202e", "\U0001f600", "%", "\\", "::", "-", "AND", "x" * 300,
)  # fmt: skip
_LEGAL = (
    "ti:graph", "au:hinton", "abs:diffusion", 'abs:"reward model"', "cat:cs.LG", "cat:math*", "all:electron",
    "co:pages", "jr:letters", "id:2301.00001", "submittedDate:[202301010600 TO 20231231]", "all:net*",
    "lastUpdatedDate:[20240101 TO 20240201]", "neural",
)  # fmt: skip
_JOINS = (" AND ", " OR ", " ANDNOT ", " ", "+", "(", ")", ") AND (", "AND", " ANDNOT ANDNOT ")
_VERBS = (
    "Identify", "ListMetadataFormats", "ListSets", "GetRecord", "ListIdentifiers", "ListRecords",
    "listrecords", "",
)  # fmt: skip
_ARGUMENTS = ("from", "until", "set", "metadataPrefix", "identifier", "resumptionToken", "verb", "other")
_VALUES = (
    "oai_dc", "arXiv", "arXivRaw", "2024-01-01", "2024-01-01T00:00:00Z", "2024-13-45", "0000-00-00",
    "9999-12-31", "cs", "cs:cs", "cs:cs:LG", "cs::", "physics:hep-th", "oai:arXiv.org:2301.00001", "oai:x:1",
    "", "a b", "<&\"'>", "\u202e", "eyJ2IjoxfQ.AAAA", "=" * 40, "x" * 2_000,
)  # fmt: skip


def arxiv_question(lot: random.Random) -> str:
    """Every other one is a legal query with legal parameters, the rest are what nobody can mean."""
    if lot.random() < 0.5:
        return "/api/query?" + _written([("search_query", _legal(lot, 2)), ("max_results", "10")])
    words = [lot.choice(("", *_FIELDS)) + lot.choice(_TEXTS) for _ in range(lot.randint(0, 12))]
    query = "".join(word + lot.choice(_JOINS) for word in words)
    told = {"search_query": query} if lot.random() < 0.9 else {}
    if lot.random() < 0.3:
        told["id_list"] = ",".join(lot.choice(_TEXTS) for _ in range(lot.randint(0, 5)))
    for name, values in (
        ("start", ("0", "7", "9999", "-1", "x", "99999999999")),
        ("max_results", ("0", "10", "2000", "2001", "", "1e3")),
        ("sortBy", ("relevance", "submittedDate", "lastUpdatedDate", "votes")),
        ("sortOrder", ("ascending", "descending", "up")),
    ):
        if lot.random() < 0.4:
            told[name] = lot.choice(values)
    return "/api/query?" + _written(list(told.items()))


def _legal(lot: random.Random, depth: int) -> str:
    if depth and lot.random() < 0.4:
        parts = [_legal(lot, depth - 1) for _ in range(lot.randint(1, 3))]
        return "(" + lot.choice((" AND ", " OR ", " ANDNOT ")).join(parts) + ")"
    return lot.choice(_LEGAL)


def oai_question(lot: random.Random) -> str:
    told = [("verb", lot.choice(_VERBS))] if lot.random() < 0.95 else []
    if lot.random() < 0.6:
        told.append(("metadataPrefix", lot.choice(_VALUES[:3])))
    told += [(lot.choice(_ARGUMENTS), lot.choice(_VALUES)) for _ in range(lot.choice((0, 0, 1, 1, 2, 4)))]
    return "/oai?" + _written(told)


def _written(told: list[tuple[str, str]]) -> str:
    return "&".join(f"{name}={quote(value, safe='')}" for name, value in told)


def answered(application: Application, address: str) -> tuple[int, bytes]:
    status: list[int] = []

    def begin(said: str, headers: object, trouble: object = None) -> None:
        status.append(int(said.split()[0]))

    body = b"".join(application({**environ(address), "HTTP_ACCEPT_ENCODING": "identity"}, begin))
    return status[0], body


def is_xml(body: bytes) -> bool:
    from lxml import etree

    try:
        etree.fromstring(body)
    except etree.XMLSyntaxError:
        return False
    return True


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.grammars", description=__doc__)
    parser.add_argument("--cases", type=int, default=20_000, help="of each of the two")
    cases = parser.parse_args().cases
    os.environ |= {"BROADSHEET_API_LIMIT": "0", "BROADSHEET_API_MEMORY": "0", "BROADSHEET_SOURCES": "none"}
    from django.core.wsgi import get_wsgi_application

    application: Application = get_wsgi_application()
    bad = 0
    for name, question in (("arXiv queries", arxiv_question), ("OAI-PMH arguments", oai_question)):
        lot, statuses, slowest = random.Random(SEED), Counter[int](), 0.0
        for _ in range(cases):
            address, begun = question(lot), time.perf_counter()
            status, body = answered(application, address)
            slowest = max(slowest, time.perf_counter() - begun)
            statuses[status] += 1
            if status == 500 or not is_xml(body):
                bad += 1
                print(f"{status}: {address[:300]}", file=sys.stderr)
        told = ", ".join(f"{status}: {count:,}" for status, count in sorted(statuses.items()))
        print(f"{cases:,} {name}: {told}; slowest {slowest:.2f} s; {bad} bad", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "broadsheet.config.settings")
    sys.exit(main())
