"""Mail: personal editions chosen, set and handed over; stored searches matched against a day of papers.

    python -m bench.mailing --editions 100000 --searches 10000

Subscribers have interests of their own (the titles of other papers) and get the twenty nearest papers. Mail
goes to a server on loopback, in a process of its own, that takes everything and keeps nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

from bench import machine
from bench.household import CHECKOUT

DAY = 1_500


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.mailing", description=__doc__)
    parser.add_argument("--editions", type=int, default=5_000)
    parser.add_argument("--searches", type=int, default=10_000)
    parser.add_argument("--senders", type=int, default=2, help="processes that hand mail over (default 2)")
    asked = parser.parse_args()
    print(machine.sentence(machine.facts()))
    with tempfile.TemporaryDirectory(prefix="broadsheet-bench-") as home:
        os.environ |= {
            "BROADSHEET_HOME": home,
            "BROADSHEET_MAIL_FROM": "papers@broadsheet.example",
            "DJANGO_SETTINGS_MODULE": "broadsheet.config.settings",
        }
        import django

        django.setup()
        from broadsheet import operations

        with operations.using_data():
            operations.open_up(lambda line: None)
            titles = _fill(max(asked.editions, asked.searches))
            if asked.searches:
                _match(titles, asked.searches)
            if asked.editions:
                _send(titles, asked.editions, asked.senders)
    print(f"Load after: {machine.load()[0]}.")
    return 0


def _rows(most: int) -> Iterator[tuple[str, str, list[str]]]:
    """(title, abstract, categories) of papers, real ones where they are."""
    folder = Path(os.environ.get("BROADSHEET_DATA") or CHECKOUT.parent / "shared" / "data")
    if (folder / "arxiv.parquet").exists():
        import pyarrow.parquet as pq

        file = pq.ParquetFile(folder / "arxiv.parquet")
        for batch in file.iter_batches(5_000, columns=["title", "abstract", "categories"]):
            for row in batch.to_pylist():
                codes = row["categories"]
                yield row["title"], row["abstract"], codes.split() if isinstance(codes, str) else list(codes)
        return
    for number in range(most + DAY):
        yield f"On invented matter {number}", f"We invent matter {number} and {number * 7 % 1000}.", ["cs.LG"]


def _fill(most: int) -> list[str]:
    """A day of papers; the titles of others, for interests and searches."""
    from broadsheet import catalog
    from broadsheet.sources import PaperRecord

    now = datetime.now(UTC)
    records, titles = [], []
    for number, (title, abstract, codes) in enumerate(_rows(most)):
        if number < DAY:
            records.append(
                PaperRecord(
                    source="arxiv",
                    title=title,
                    identifiers=(f"2611.{number:05d}",),
                    abstract=abstract,
                    authors=("Ada Lovelace", f"Reader Number{number}"),
                    categories=tuple(codes),
                    published_at=now - timedelta(days=1),
                    announced_on=(now - timedelta(days=1)).date(),
                )
            )
        else:
            titles.append(" ".join(title.split())[:200])
        if len(titles) >= most:
            break
    catalog.take_in(records, now=now)
    return titles


def _match(titles: list[str], many: int) -> None:
    from broadsheet import search
    from broadsheet.models import Paper

    words = [title.replace(":", " ").replace('"', " ").split() for title in titles]
    queries = {number: " ".join(each[:2]) for number, each in enumerate(words[:many])}
    keys = list(Paper.objects.order_by("pk").values_list("pk", flat=True)[:DAY])
    started = time.perf_counter()
    found = sum(len(keys) for _, keys in search.Matcher(queries).matches(search.rows_of(keys)))
    seconds = time.perf_counter() - started
    print(
        f"{len(queries):,} stored searches against {len(keys):,} papers: {seconds:.1f} s, {found:,} matches."
    )


def _send(titles: list[str], many: int, senders: int) -> None:
    from django.conf import settings
    from django.db import connection

    from broadsheet import digest
    from broadsheet.digest import choosing
    from broadsheet.models import Edition, Message, Outbox, Subscription

    # Everybody gets twenty, however far the nearest are.
    choosing.NEAR = -1.0
    now = datetime.now(UTC)
    for start in range(0, many, 5_000):
        Subscription.objects.bulk_create(
            [
                Subscription(
                    address=f"reader{number}@host{number % 997}.example",
                    address_key=f"reader{number}@host{number % 997}.example",
                    state="active",
                    what="interest",
                    key=titles[number % len(titles)],
                    how_many=20,
                    nonce=f"{number:032x}",
                    next_at=now,
                )
                for number in range(start, min(start + 5_000, many))
            ]
        )
    Outbox.objects.get_or_create(pk=1)
    context = get_context("fork")
    ours, theirs = context.Pipe()
    sink = context.Process(target=_sink, args=(theirs,), daemon=True)
    sink.start()
    settings.SMTP_URL = f"smtp://127.0.0.1:{ours.recv()}"
    settings.MAIL_FROM = "papers@broadsheet.example"
    started = time.perf_counter()
    while digest.make_due(now).due:
        pass
    made = time.perf_counter() - started
    mean = sum(len(picks) for picks in Edition.objects.values_list("picks", flat=True)[:1000]) / min(
        many, 1000
    )
    connection.close()
    children = [context.Process(target=_deliver) for _ in range(senders)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    whole = time.perf_counter() - started
    ours.send("enough")
    taken, size = ours.recv()
    sink.join()
    accepted = Message.objects.filter(state="accepted").count()
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(
        f"{many:,} editions ({mean:.1f} papers each): chosen and frozen in {made:.1f} s, everything in "
        f"{whole:.1f} s, {many / whole:,.0f} editions/s; the server took {taken:,} messages of "
        f"{size / max(1, taken) / 1000:.1f} kB, {accepted:,} accepted; largest process {peak / 1000:.0f} MB."
    )
    if taken != many or accepted != many:
        sys.exit("The numbers do not agree.")


def _deliver() -> None:
    from broadsheet import digest, mail

    mail.deliver({"edition": digest.compose})


def _sink(pipe: Connection) -> None:
    """A server that takes everything, counts it, and keeps nothing."""
    counts = [0, 0]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 sink\r\n")
        while line := await reader.readline():
            word = line[:4].upper()
            if word == b"DATA":
                writer.write(b"354 go\r\n")
                body = await reader.readuntil(b"\r\n.\r\n")
                counts[0] += 1
                counts[1] += len(body)
                writer.write(b"250 taken\r\n")
            elif word == b"QUIT":
                break
            else:
                writer.write(b"250 ok\r\n")
        writer.close()

    async def run() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=10_000_000)
        pipe.send(server.sockets[0].getsockname()[1])
        await asyncio.get_running_loop().run_in_executor(None, pipe.recv)
        server.close()

    asyncio.run(run())
    pipe.send(tuple(counts))


if __name__ == "__main__":
    sys.exit(main())
