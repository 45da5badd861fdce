"""How fast a running server answers other services' clients: `python -m bench.dialects http://127.0.0.1:8000`.

Start the server with BROADSHEET_API_LIMIT=0, or its own limit is what is measured, and with
BROADSHEET_API_MEMORY=0 to measure what the first asker of a question waits for and not those who ask again.

`BROADSHEET_HOME=FOLDER python -m bench.dialects --inside` asks the application in this process instead and
prints milliseconds of one core for an answer, which other programs on the machine hardly change.
"""

from __future__ import annotations

import argparse
import os
import re
import time
import urllib.request

from bench.load import Limits, drive, on_loopback, warm

_WORDS = ("state+space+models", "diffusion", "graph+neural+networks", "retrieval", "speech", "quantum+error")
KINDS = {
    "Hugging Face, newest": ["/api/daily_papers", "/api/daily_papers?p=3"],
    "Hugging Face, trending": ["/api/daily_papers?sort=trending", "/api/daily_papers?sort=trending&p=2"],
    "Hugging Face, a week": ["/api/daily_papers?week=2025-W11"],
    "Hugging Face, all by cursor": ["/api/papers"],
    "Hugging Face, search": [f"/api/papers/search?limit=20&q={words}" for words in _WORDS],
    "arXiv, query": [
        "/api/query?search_query=ti:diffusion+AND+cat:cs.LG",
        "/api/query?search_query=au:bengio",
        "/api/query?search_query=all:electron&sortBy=submittedDate",
        "/api/query?search_query=abs:%22reward+model%22",
        "/api/query?search_query=cat:cs.CL&sortBy=submittedDate",
    ],
    "arXiv, query with post-filter": ["/api/query?search_query=all:graph+ANDNOT+cat:cs.CV"],
    "arXiv, id_list": ["/api/query?id_list=2501.00001,2501.00002,1706.03762"],
    "Semantic Scholar, search": [
        f"/s2/graph/v1/paper/search?limit=10&fields=title,authors&query={words}" for words in _WORDS
    ],
    "Semantic Scholar, like a paper": ["/s2/recommendations/v1/papers/forpaper/ARXIV:1706.03762?limit=10"],
    "Papers with Code, list": ["/pwc/api/v1/papers/?page=1&page_size=20&order_by=trending&order_dir=desc"],
    "Papers with Code, trending": ["/pwc/api/v1/papers/trending?limit=20&max_age_days=180"],
}
HARVESTED = 10_000


def harvest(base: str, prefix: str) -> float:
    """Records a second of a harvest of 10,000 records, or of all if there are fewer."""
    query, records, begun = f"verb=ListRecords&metadataPrefix={prefix}", 0, time.perf_counter()
    while query and records < HARVESTED:
        with urllib.request.urlopen(f"{base}/oai?{query}") as answer:
            body = answer.read().decode()
        records += body.count("<record>")
        token = re.search(r"<resumptionToken[^>]*>([^<]+)<", body)
        query = f"verb=ListRecords&resumptionToken={token[1]}" if token else ""
    return records / (time.perf_counter() - begun)


def inside() -> None:
    """Milliseconds of a core for an answer, compression included and nothing remembered."""
    settings = {"DJANGO_SETTINGS_MODULE": "broadsheet.config.settings", "BROADSHEET_API_LIMIT": "0"}
    os.environ |= {**settings, "BROADSHEET_API_MEMORY": "0", "BROADSHEET_SOURCES": "none"}
    from django.core.wsgi import get_wsgi_application

    from bench.inside import Application, ask

    application: Application = get_wsgi_application()
    print("| what | answers | ms of a core | bytes |\n|---|---:|---:|---:|")
    for kind, addresses in KINDS.items():
        for address in addresses * 2:
            ask(application, address)
        begun, many, sizes = time.process_time(), 0, 0
        while many < 40:
            for address in addresses:
                status, size = ask(application, address)
                assert status == 200, address
                many, sizes = many + 1, sizes + size
        spent = (time.process_time() - begun) / many * 1000
        print(f"| {kind} | {many} | {spent:.1f} | {sizes // many:,} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.dialects", description=__doc__)
    parser.add_argument("base", nargs="?", default="", help="where the server is, on this machine")
    parser.add_argument("--inside", action="store_true", help="no server: cost of an answer in this process")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=5)
    asked = parser.parse_args()
    if asked.inside:
        inside()
        return
    base = asked.base.rstrip("/")
    if not on_loopback(base):
        parser.error("only a server on this machine is driven")
    print(f"load before: {os.getloadavg()[0]:.1f}")
    print("| what | clients | requests | p50 ms | p99 ms | errors |\n|---|---:|---:|---:|---:|---:|")
    for kind, addresses in KINDS.items():
        warm(base, addresses, 2)
        for clients in (1, asked.clients):
            found = drive(base, kind, addresses, clients, Limits(asked.seconds, 20_000))
            print(
                f"| {kind} | {clients} | {len(found.seconds)} | {found.ms(0.5):.1f} | {found.ms(0.99):.1f} "
                f"| {found.errors} |",
                flush=True,
            )
    for prefix in ("oai_dc", "arXiv", "arXivRaw"):
        print(
            f"harvest of {HARVESTED:,} records as {prefix}: {harvest(base, prefix):,.0f} records/s",
            flush=True,
        )


if __name__ == "__main__":
    main()
