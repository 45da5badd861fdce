"""The server is killed in the midst of comments and submissions: what was answered is there, nothing is half
done.

`python -m bench.talking --kills 20` on SQLite; with DATABASE_URL on a database of its own there.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import signal
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from bench.household import BenchError, Household, postgres, workplace
from bench.voting import TOKEN, Voter, ask, furnish

# (path, who, fields): one press of a button.
Press = tuple[str, Voter, dict[str, str]]


async def _press(port: int, press: Press, start: asyncio.Event) -> int:
    """The status of the answer, 0 where none came."""
    path, (_, session), fields = press
    body = urlencode(fields)
    asked = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n"
        f"Cookie: session={session}; csrf={TOKEN}\r\nX-CSRFToken: {TOKEN}\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    )
    try:
        incoming, outgoing = await asyncio.open_connection("127.0.0.1", port)
        await start.wait()
        outgoing.write(asked.encode())
        head, end, _ = (await incoming.read()).partition(b"\r\n\r\n")
        outgoing.close()
        return int(head.split(b" ", 2)[1]) if end else 0
    except (OSError, ValueError, IndexError):
        return 0


async def _all(port: int, presses: list[Press], process: int, moment: float) -> list[int]:
    start = asyncio.Event()
    tasks = [asyncio.ensure_future(_press(port, press, start)) for press in presses]
    await asyncio.sleep(0.1)
    start.set()
    await asyncio.sleep(moment)
    os.killpg(process, signal.SIGKILL)
    return list(await asyncio.gather(*tasks))


def presses(turn: int, readers: list[Voter], talk: str) -> list[Press]:
    """Every other reader says something and names another one; the rest bring papers, with words."""
    found: list[Press] = []
    for number, reader in enumerate(readers):
        if number % 2:
            found.append((talk, reader, {"text": f"Words {turn}-{number} for @voter0 about $x^2$"}))
        else:
            name = f"{datetime.now(UTC):%y%m}.{turn * len(readers) + number:05d}"
            found.append(("/submit", reader, {"paper": name, "comment": "Worth a look."}))
    return found


def wrong(household: Household, paper: int, kept: set[str]) -> list[str]:
    """What does not agree in the database, in words."""
    comments = dict(ask(household, "SELECT text, id FROM broadsheet_comment"))
    brought = [name for (name,) in ask(household, "SELECT identifier FROM broadsheet_submission")]
    (shown,) = ask(household, f"SELECT comments FROM broadsheet_paper WHERE id = {paper}")[0]
    noticed = {key for (key,) in ask(household, "SELECT comment_id FROM broadsheet_notice")}
    found = []
    if lost := kept - set(comments) - set(brought):
        found.append(f"{len(lost)} answered and lost")
    if len(brought) != len(set(brought)):
        found.append("a paper brought twice")
    if shown != len(comments):
        found.append(f"{shown} comments shown, {len(comments)} there")
    # The first reader is named by all; what they say themselves tells nobody.
    if noticed != set(comments.values()):
        found.append(f"{len(noticed)} notices of {len(comments)} comments")
    return found


def killed(household: Household, kills: int, each: int, seed: int) -> dict[str, Any]:
    """`kills` times: `each` readers press, and at a random moment the whole server is killed (SIGKILL)."""
    chance, known = random.Random(seed), furnish(household, kills * each)
    talk = "/talk/" + known["path"].removeprefix("/papers/")
    kept, unanswered, found = set[str](), 0, list[str]()
    for turn in range(kills):
        process = household.start("serve")
        try:
            household.await_answer(process, fit=False)
            pressed = presses(turn, known["readers"][turn * each : (turn + 1) * each], talk)
            statuses = asyncio.run(_all(household.port, pressed, process.pid, chance.uniform(0.02, 0.6)))
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if process.stdout:
                process.stdout.close()
        for (_, _, fields), status in zip(pressed, statuses, strict=True):
            if status == 303:
                kept.add(fields.get("text") or fields["paper"])
            elif status:
                found.append(f"an answer of {status}")
            unanswered += not status
        found += wrong(household, known["paper"], kept)
    return {
        "database": household.database,
        "kills": kills,
        "answered": len(kept),
        "unanswered": unanswered,
        "wrong": found,
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.talking", description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--each", type=int, default=16, help="readers at work at each kill")
    parser.add_argument("--seed", type=int, default=3)
    asked = parser.parse_args()
    url = os.environ.get("DATABASE_URL", "")
    try:
        with workplace() as folder, postgres(url) if url else contextlib.nullcontext("") as own:
            household = Household(folder / "home", own)
            print(json.dumps(killed(household, asked.kills, asked.each, asked.seed)), flush=True)
    except BenchError as error:
        raise SystemExit(f"bench.talking: {error}") from error


if __name__ == "__main__":
    main()
