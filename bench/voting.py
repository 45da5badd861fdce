"""Many readers vote for one paper at once on a running server, and the server is killed while they do.

`python -m bench.voting` counts on SQLite; with DATABASE_URL on a database of its own there. Two questions: is
the count exact and everybody answered, and is a vote that was answered ever lost?
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from bench.household import DATABASE, BenchError, Household, postgres, workplace

# A form's token that is the same in cookie and header; a browser gets its own from the page.
TOKEN = "benchbenchbenchbenchbenchbench12"

WARM = 40

MAKE = """
import json, sys
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.db import transaction
from django.utils import timezone
from datetime import timedelta
from broadsheet import operations
from broadsheet.models import Paper, Reader
from broadsheet.web.sessions import SessionStore
with operations.using_data():
    operations.open_up(lambda line: None)
old = timezone.now() - timedelta(days=400)
with transaction.atomic():
    readers = Reader.objects.bulk_create(
        Reader(username=f"voter{n}", password="!", joined_at=old) for n in range(VOTERS)
    )
    keys = []
    for reader in readers:
        store = SessionStore()
        store[SESSION_KEY] = str(reader.pk)
        store[BACKEND_SESSION_KEY] = "allauth.account.auth_backends.AuthenticationBackend"
        store[HASH_SESSION_KEY] = reader.get_session_auth_hash()
        store.create()
        keys.append((reader.pk, store.session_key))
paper = Paper.objects.filter(hidden=False, withdrawn=False).order_by("pk").first()
print(json.dumps({"paper": paper.pk, "path": paper.get_absolute_url(), "readers": keys}))
"""

Voter = tuple[int, str]


@dataclass(frozen=True)
class Answer:
    """What one voter got: status (0: no answer) after so many seconds."""

    reader: int
    status: int
    seconds: float


def furnish(household: Household, voters: int) -> dict[str, Any]:
    """A house with the built-in papers and so many signed-in readers."""
    household.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    said = household.run("shell", "-c", MAKE.replace("VOTERS", str(voters)))
    found: dict[str, Any] = json.loads(said.strip().splitlines()[-1])
    return found


async def _vote(port: int, path: str, voter: Voter, start: asyncio.Event) -> Answer:
    reader, session = voter
    asked = (
        f"POST {path}/upvote HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n"
        f"Cookie: session={session}; csrf={TOKEN}\r\nX-CSRFToken: {TOKEN}\r\nContent-Length: 0\r\n\r\n"
    )
    begun = 0.0
    try:
        incoming, outgoing = await asyncio.open_connection("127.0.0.1", port)
        await start.wait()
        begun = time.perf_counter()
        outgoing.write(asked.encode())
        answer = await incoming.read()
        outgoing.close()
        head, _, body = answer.partition(b"\r\n\r\n")
        # Only an answer with all of its head is one.
        status = int(head.split(b" ", 2)[1]) if body is not None and b"\r\n" in head else 0
        return Answer(reader, status, time.perf_counter() - begun)
    except (OSError, ValueError, IndexError):
        return Answer(reader, 0, time.perf_counter() - begun if begun else 0.0)


async def _all(port: int, path: str, voters: Iterable[Voter], kill: tuple[int, float] | None) -> list[Answer]:
    start = asyncio.Event()
    tasks = [asyncio.ensure_future(_vote(port, path, voter, start)) for voter in voters]
    await asyncio.sleep(0.1)
    start.set()
    if kill:
        await asyncio.sleep(kill[1])
        os.killpg(kill[0], signal.SIGKILL)
    return list(await asyncio.gather(*tasks))


def ask(household: Household, sql: str) -> list[tuple[Any, ...]]:
    """What the database itself says, past every line of Broadsheet."""
    if household.database_url:
        import psycopg

        with psycopg.connect(household.database_url) as connection:
            return list(connection.execute(sql.encode()).fetchall())
    with sqlite3.connect(household.home / DATABASE) as connection:
        return list(connection.execute(sql).fetchall())


def counts(household: Household, paper: int) -> tuple[int, int, int]:
    """(what the paper shows, rows of votes, what the log adds up to)."""
    (shown,) = ask(household, f"SELECT upvotes FROM broadsheet_paper WHERE id = {paper}")[0]
    (rows,) = ask(household, f"SELECT count(*) FROM broadsheet_upvote WHERE paper_id = {paper}")[0]
    (log,) = ask(household, f"SELECT coalesce(sum(step), 0) FROM broadsheet_ballot WHERE paper = {paper}")[0]
    return int(shown), int(rows), int(log)


def at_once(household: Household, voters: int) -> dict[str, Any]:
    """Everybody votes at the same moment; one row for the table."""
    known = furnish(household, voters + WARM)
    with household.running():
        # As on a server that has run for a while: every thread has its connection and has seen a vote.
        time.sleep(3)
        asyncio.run(_all(household.port, known["path"], known["readers"][voters:], None))
        answers = asyncio.run(_all(household.port, known["path"], known["readers"][:voters], None))
    shown, rows, log = counts(household, known["paper"])
    slowest = sorted(answer.seconds for answer in answers)
    return {
        "database": household.database,
        "voters": voters,
        "voted_before": WARM,
        "answered": sum(answer.status == 303 for answer in answers),
        "others": sorted({answer.status for answer in answers} - {303}),
        "shown": shown,
        "rows": rows,
        "log": log,
        "median_s": round(slowest[len(slowest) // 2], 2),
        "slowest_s": round(slowest[-1], 2),
    }


def killed(household: Household, kills: int, each: int, seed: int) -> dict[str, Any]:
    """`kills` times: `each` readers vote, and at a random moment the whole server is killed (SIGKILL).

    At the end those who got no answer press the button once more, on a server that nobody kills.
    """
    chance = random.Random(seed)
    known = furnish(household, kills * each)
    acknowledged: set[int] = set()
    unanswered: list[Voter] = []
    lost = unequal = 0
    for turn in range(kills):
        process = household.start("serve")
        try:
            household.await_answer(process, fit=False)
            voters = known["readers"][turn * each : (turn + 1) * each]
            moment = (process.pid, chance.uniform(0.0, 0.25))
            answers = asyncio.run(_all(household.port, known["path"], voters, moment))
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if process.stdout:
                process.stdout.close()
        acknowledged |= {answer.reader for answer in answers if answer.status == 303}
        unanswered += [voter for voter in voters if voter[0] not in acknowledged]
        sql = f"SELECT reader_id FROM broadsheet_upvote WHERE paper_id = {known['paper']}"
        kept = {row[0] for row in ask(household, sql)}
        lost = len(acknowledged - kept)
        unequal += len(set(counts(household, known["paper"]))) != 1
        if turn % 10 == 9:
            print(
                f"  {turn + 1} kills: {len(acknowledged)} answered, {lost} lost, {unequal} unequal",
                flush=True,
            )
    with household.running():
        again = asyncio.run(_all(household.port, known["path"], unanswered, None))
    shown, rows, log = counts(household, known["paper"])
    return {
        "database": household.database,
        "kills": kills,
        "votes": kills * each,
        "answered": len(acknowledged),
        "unanswered": len(unanswered),
        "answered_when_asked_again": sum(answer.status == 303 for answer in again),
        "answered_and_lost": lost,
        "kills_after_which_counts_differ": unequal,
        "shown": shown,
        "rows": rows,
        "log": log,
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.voting", description=__doc__)
    parser.add_argument("--voters", type=int, default=500)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--each", type=int, default=40, help="votes in flight at each kill")
    parser.add_argument("--seed", type=int, default=5)
    asked = parser.parse_args()
    url = os.environ.get("DATABASE_URL", "")
    for what in ("at once", "killed"):
        if not (asked.voters if what == "at once" else asked.kills):
            continue
        with workplace() as folder:
            if url:
                with postgres(url) as own:
                    _measure(what, Household(folder / "home", own), asked)
            else:
                _measure(what, Household(folder / "home"), asked)


def _measure(what: str, household: Household, asked: argparse.Namespace) -> None:
    try:
        if what == "at once":
            print(json.dumps(at_once(household, asked.voters)), flush=True)
        else:
            print(json.dumps(killed(household, asked.kills, asked.each, asked.seed)), flush=True)
    except BenchError as error:
        raise SystemExit(f"bench.voting: {error}") from error


if __name__ == "__main__":
    main()
