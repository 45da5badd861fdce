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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from bench import machine
from bench.household import CHECKOUT, BenchError

DAY = 1_500


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.mailing", description=__doc__)
    parser.add_argument("--editions", type=int, default=5_000)
    parser.add_argument("--searches", type=int, default=10_000)
    parser.add_argument("--senders", type=int, default=2, help="processes that hand mail over (default 2)")
    parser.add_argument(
        "--sign-ups", type=int, default=0, help="time so many answers for each kind of address"
    )
    asked = parser.parse_args()
    print(machine.sentence(machine.facts()))
    with tempfile.TemporaryDirectory(prefix="broadsheet-bench-") as home:
        data = Path(os.environ.get("BROADSHEET_DATA") or CHECKOUT.parent / "shared" / "data")
        found = measure(Path(home), asked.editions, asked.searches, asked.senders, data, asked.sign_ups)
    for sentence in said(found):
        print(sentence)
    print(f"Load after: {machine.load()[0]}.")
    if "editions" in found and not found["editions"]["agree"]:
        print("The numbers do not agree.")
        return 1
    return 0


def measure(
    home: Path, editions: int, searches: int, senders: int, data: Path | None = None, sign_ups: int = 0
) -> dict[str, Any]:
    """Numbers of one run in a data folder of its own, with the real papers in `data` or invented ones. Each
    step has a process of its own, so that its memory is its own: `rss_mb` is the most that it ever held."""
    with _sink() as sink:
        known = {
            "BROADSHEET_HOME": str(home),
            "BROADSHEET_MAIL_FROM": "papers@broadsheet.example",
            "BROADSHEET_SMTP_URL": f"smtp://127.0.0.1:{sink.port}",
            "BROADSHEET_URL": "https://papers.example.org",
            "DATABASE_URL": "",
            "BROADSHEET_DATA": str(data or home / "none"),
            "DJANGO_SETTINGS_MODULE": "broadsheet.config.settings",
        }
        _aside(known, _fill, editions)
        found: dict[str, Any] = {}
        if searches:
            found["searches"] = _aside(known, _match, searches)
        if sign_ups:
            found["sign_ups"] = _aside(known, _sign_up, sign_ups)
        if editions:
            found["editions"] = _editions(known, sink, editions, senders)
    return found


def said(found: dict[str, Any]) -> Iterator[str]:
    """The numbers in sentences."""
    if row := found.get("searches"):
        yield (
            f"{row['searches']:,} stored searches against {row['papers']:,} papers: {row['seconds']:.1f} s, "
            f"{row['matches']:,} matches; {row['rss_mb']:.0f} MB."
        )
    if row := found.get("sign_ups"):
        for what, medians in (("time", row["answers"]), ("processor time", row["working"])):
            told = ", ".join(f"{kind} {ms:.2f} ms" for kind, ms in medians.items())
            spread = max(medians.values()) / min(medians.values()) - 1
            yield (
                f"The answer to a sign-up, {what}, medians of {row['each']:,} each: {told}; they differ by "
                f"{spread:.1%} at most."
            )
    if row := found.get("editions"):
        yield (
            f"{row['editions']:,} editions ({row['papers']:.1f} papers each): chosen and frozen in "
            f"{row['choosing']:.1f} s, everything in {row['seconds']:.1f} s, {row['rate']:,.0f} editions/s; "
            f"the server took {row['taken']:,} messages of {row['kb']:.1f} kB, {row['accepted']:,} accepted."
        )
        yield (
            f"Processor time for each edition: {row['choosing_ms']:.1f} ms choosing, "
            f"{row['sending_ms']:.1f} ms setting and handing over. Largest processes: choosing "
            f"{row['choosing_mb']:.0f} MB, a sender {row['sender_mb']:.0f} MB."
        )


def _aside(known: dict[str, str], step: Callable[..., dict[str, Any]], *given: int) -> dict[str, Any]:
    """What a step found, in a process of its own."""
    return _started(known, step, *given)()


def _started(
    known: dict[str, str], step: Callable[..., dict[str, Any]], *given: int
) -> Callable[[], dict[str, Any]]:
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    child = context.Process(target=_step, args=(theirs, known, step, given))
    child.start()
    theirs.close()

    def end() -> dict[str, Any]:
        try:
            found: dict[str, Any] = ours.recv()
        except EOFError:
            raise BenchError(f"{step.__name__} failed; see above.") from None
        child.join()
        return found

    return end


def _step(
    pipe: Connection, known: dict[str, str], step: Callable[..., dict[str, Any]], given: tuple[int, ...]
) -> None:
    os.environ |= known
    import django

    django.setup()
    from broadsheet import operations

    with operations.using_data():
        started, busy = time.perf_counter(), time.process_time()
        found = step(*given)
        pipe.send(
            {
                "seconds": time.perf_counter() - started,
                "busy": time.process_time() - busy,
                "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000,
            }
            | found
        )


def rows() -> Iterator[tuple[str, str, list[str]]]:
    """(title, abstract, categories) of papers, real ones where they are."""
    folder = Path(os.environ["BROADSHEET_DATA"])
    if (folder / "arxiv.parquet").exists():
        import pyarrow.parquet as pq

        file = pq.ParquetFile(folder / "arxiv.parquet")
        for batch in file.iter_batches(5_000, columns=["title", "abstract", "categories"]):
            for row in batch.to_pylist():
                codes = row["categories"]
                yield row["title"], row["abstract"], codes.split() if isinstance(codes, str) else list(codes)
        return
    for number in count():
        yield f"On invented matter {number}", f"We invent matter {number} and {number * 7 % 1000}.", ["cs.LG"]


def _titles() -> Iterator[str]:
    """Titles of other papers than those of the day, for interests and searches; from the start again where
    there are not enough."""
    while True:
        for title, _, _ in islice(rows(), DAY, None):
            yield " ".join(title.split())[:200]


def _fill(editions: int) -> dict[str, Any]:
    """A day of papers, and subscribers each with an interest of their own."""
    from broadsheet import catalog, operations
    from broadsheet.models import Outbox, Subscription
    from broadsheet.sources import PaperRecord

    operations.open_up(lambda line: None)
    now = datetime.now(UTC)
    records = [
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
        for number, (title, abstract, codes) in enumerate(islice(rows(), DAY))
    ]
    catalog.take_in(records, now=now)
    Outbox.objects.get_or_create(pk=1)
    subscribers = (
        Subscription(
            address=f"reader{number}@host{number % 997}.example",
            address_key=f"reader{number}@host{number % 997}.example",
            state="active",
            what="interest",
            key=title,
            how_many=20,
            nonce=f"{number:032x}",
            next_at=now,
        )
        for number, title in enumerate(islice(_titles(), editions))
    )
    while batch := list(islice(subscribers, 2_000)):
        Subscription.objects.bulk_create(batch)
    return {}


def _match(many: int) -> dict[str, Any]:
    from broadsheet import search
    from broadsheet.models import Paper

    queries = {
        number: " ".join(title.replace(":", " ").replace('"', " ").split()[:2])
        for number, title in enumerate(islice(_titles(), many))
    }
    keys = list(Paper.objects.order_by("pk").values_list("pk", flat=True)[:DAY])
    started = time.perf_counter()
    found = sum(len(keys) for _, keys in search.Matcher(queries).matches(search.rows_of(keys)))
    seconds = time.perf_counter() - started
    return {"searches": many, "papers": len(keys), "matches": found, "seconds": seconds}


def _sign_up(many: int) -> dict[str, Any]:
    """Whether the time of an answer tells what is known of an address: the form is sent in turn for one that
    subscribes already, one that nobody knows, one that gets no mail and one that waits to confirm."""
    import logging

    from django.conf import settings
    from django.test import Client

    logging.disable(logging.WARNING)
    from broadsheet import digest, mail
    from broadsheet.models import Subscription

    settings.ALLOWED_HOSTS = ["*"]
    for number in range(many):
        made = digest.ask(f"known{number}@example.org", digest.Choices())
        Subscription.objects.filter(pk=made.pk).update(state="active")
        mail.suppress(f"silent{number}@example.org", "bounce")
        made = digest.ask(f"waiting{number}@example.org", digest.Choices())
        Subscription.objects.filter(pk=made.pk).update(state="unconfirmed")
    client = Client()
    client.post("/subscribe", {"address": "first@example.org"})
    kinds = ["known", "unknown", "silent", "waiting"]
    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    worked: dict[str, list[float]] = {kind: [] for kind in kinds}
    for number in range(many):
        # Each kind comes first as often as last.
        for kind in kinds[number % 4 :] + kinds[: number % 4]:
            started, busy = time.perf_counter(), time.thread_time()
            answer = client.post(
                "/subscribe",
                {"address": f"{kind}{number}@example.org"},
                REMOTE_ADDR=f"10.{number >> 12 & 255}.{number >> 4 & 255}.{number % 16}",
            )
            worked[kind].append(time.thread_time() - busy)
            times[kind].append(time.perf_counter() - started)
            if answer.status_code != 200:
                raise BenchError(f"A sign-up was answered {answer.status_code}.")
    return {"each": many, "answers": _medians(times), "working": _medians(worked)}


def _medians(times: dict[str, list[float]]) -> dict[str, float]:
    """Milliseconds."""
    return {kind: 1000 * sorted(found)[len(found) // 2] for kind, found in times.items()}


def _editions(known: dict[str, str], sink: Sink, many: int, senders: int) -> dict[str, Any]:
    chosen = _aside(known, _choose)
    running = [_started(known, _deliver) for _ in range(senders)]
    sent = [end() for end in running]
    whole = chosen["seconds"] + max(each["seconds"] for each in sent)
    taken, size = sink.counts()
    accepted = sum(each["accepted"] for each in sent)
    return {
        "editions": many,
        "papers": chosen["papers"],
        "choosing": chosen["seconds"],
        "seconds": whole,
        "rate": many / whole,
        "taken": taken,
        "accepted": accepted,
        "kb": size / max(1, taken) / 1000,
        "choosing_ms": 1000 * chosen["busy"] / many,
        "sending_ms": 1000 * sum(each["busy"] for each in sent) / many,
        "choosing_mb": chosen["rss_mb"],
        "sender_mb": max(each["rss_mb"] for each in sent),
        "agree": taken == accepted == many == chosen["made"],
    }


def _choose() -> dict[str, Any]:
    from broadsheet import digest
    from broadsheet.digest import choosing
    from broadsheet.models import Edition

    # Everybody gets twenty, however far the nearest are.
    choosing.NEAR = -1.0
    now, made = datetime.now(UTC), 0
    while (report := digest.make_due(now)).due:
        made += report.made
    sizes = [len(picks) for picks in Edition.objects.values_list("picks", flat=True)[:1000]]
    return {"made": made, "papers": sum(sizes) / max(1, len(sizes))}


def _deliver() -> dict[str, Any]:
    from broadsheet import digest, mail

    report = mail.deliver({"edition": digest.compose})
    return {"accepted": report.counts["accepted"]}


class Sink:
    """A server on loopback, in a process of its own, that takes everything, counts it, and keeps nothing."""

    def __init__(self) -> None:
        context = get_context("spawn")
        self._ours, theirs = context.Pipe()
        self._child = context.Process(target=_take_everything, args=(theirs,), daemon=True)
        self._child.start()
        self.port: int = self._ours.recv()

    def counts(self) -> tuple[int, int]:
        """(messages, bytes) so far; the server ends."""
        self._ours.send("enough")
        found: tuple[int, int] = self._ours.recv()
        return found

    def end(self) -> None:
        self._child.terminate()
        self._child.join()


@contextmanager
def _sink() -> Iterator[Sink]:
    sink = Sink()
    try:
        yield sink
    finally:
        sink.end()


def _take_everything(pipe: Connection) -> None:
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
