"""Kills senders at named points and counts, from the server's own log, who got what.

    BROADSHEET_HOME=/tmp/crashes .venv/bin/python -m tests.mail_crashes --recipients 10000 --kills 100

One process knows the database and forks a sender for each round; a round ends by SIGKILL at a named point of
the sender (`broadsheet.mail.delivery.reached`) or when nothing is left. Between rounds the dead sender's
leases are let run out, as time would. The SMTP server is a process of its own that fsyncs each message before
it answers. Prints one JSON object for each scenario.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

POINTS = ("claimed", "connecting", "recipient", "half", "body", "closing", "answered", "recorded")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipients", type=int, default=40)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--senders", type=int, default=1)
    parser.add_argument("--policy", choices=("resend", "hold"), action="append")
    parser.add_argument("--point", choices=(*POINTS, "any"), action="append")
    parser.add_argument("--restored", action="store_true", help="restore a backup made before sending")
    asked = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "broadsheet.config.settings")
    os.environ["BROADSHEET_MAIL_FROM"] = "papers@broadsheet.example"
    import django

    django.setup()
    from broadsheet import operations

    if asked.restored:
        sys.stdout.write(json.dumps(restored(asked.recipients)) + "\n")
        return
    with operations.using_data():
        operations.open_up(_say)
        for policy in asked.policy or ["resend", "hold"]:
            for point in asked.point or ["any"]:
                found = scenario(asked.recipients, asked.kills, asked.senders, policy, point)
                sys.stdout.write(json.dumps(found) + "\n")
                sys.stdout.flush()


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")


@contextmanager
def _receiving() -> Iterator[Path]:
    """A server in a process of its own that mail is sent to; gives the file of what it took."""
    from django.conf import settings

    with TemporaryDirectory() as folder:
        server = subprocess.Popen(
            [sys.executable, "-m", "tests.mail_rig", folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert server.stdin and server.stdout
        settings.SMTP_URL = f"smtp://127.0.0.1:{int(server.stdout.readline())}"
        settings.MAIL_FROM = "papers@broadsheet.example"
        try:
            yield Path(folder) / "oracle.jsonl"
        finally:
            server.stdin.close()
            server.wait()


def scenario(recipients: int, kills: int, senders: int, policy: str, point: str) -> dict[str, Any]:
    """One run over `recipients` messages with `kills` SIGKILLs; what the server has, and what we believe."""
    from django.conf import settings
    from django.db import connection

    from broadsheet.models import Message

    started = time.monotonic()
    with _receiving() as log:
        settings.MAIL_AMBIGUOUS = policy
        settings.MAIL_PAUSE_AFTER = 100_000
        _queue(recipients)
        connection.close()
        killed, statuses = 0, list[int]()
        chance = random.Random(f"{recipients} {kills} {policy} {point}")
        # Spread over the run: each round may go on for about its share of the messages.
        share = max(1, recipients // max(1, kills))
        most = share * len(POINTS) if point == "any" else 2
        while True:
            last = killed >= kills
            after = 10**9 if last else chance.randint(1, most)
            children = [_sender(point, after) for _ in range(senders)]
            ended = [os.waitpid(child, 0)[1] for child in children]
            killed += sum(os.WIFSIGNALED(status) for status in ended)
            statuses += [os.waitstatus_to_exitcode(status) for status in ended]
            time_passes()
            connection.close()
            if last or not any(os.WIFSIGNALED(status) for status in ended):
                break
        oracle = [json.loads(line) for line in log.read_text().splitlines()]
        found = _judged(recipients, oracle)
    Message.objects.all().delete()
    connection.close()
    told = {"policy": policy, "point": point, "recipients": recipients, "senders": senders}
    return (
        told
        | {
            "kills": killed,
            "exit_statuses": sorted({status for status in statuses if status != -signal.SIGKILL}),
            "seconds": round(time.monotonic() - started, 1),
        }
        | found
    )


def restored(recipients: int) -> dict[str, Any]:
    """A backup is made with half of the editions waiting and half not yet made; all are sent; the backup
    comes back, and everything that is due is sent. What the server had before, after, and with `late`."""
    from datetime import timedelta

    from django.utils import timezone

    from broadsheet import catalog, digest, operations
    from broadsheet.digest import Choices, subscribing
    from broadsheet.models import Subscription
    from tests import factories

    with operations.using_data():
        operations.open_up(_say)
    day = (timezone.now() - timedelta(days=1)).replace(hour=0)
    told = [factories.record(number, announced_on=day.date(), published_at=day) for number in range(1, 4)]
    catalog.take_in(told, now=timezone.now())
    for number in range(recipients):
        made = digest.ask(address(number), Choices(rhythm="daily", hour=0))
        subscribing.activate(made, timezone.now())
    past = timezone.now() - timedelta(minutes=1)
    Subscription.objects.update(next_at=past)
    with _receiving() as log:

        def arrived() -> int:
            return len(log.read_text().splitlines()) if log.exists() else 0

        digest.make_due(limit=recipients // 2)
        file, _ = operations.backup(log.with_name("before.tar.zst"))
        digest.send(connections=1)
        before = arrived()
        operations.restore(file, True, _say)
        operations.open_up(_say)
        while digest.send_due():
            pass
        after = arrived()
        digest.send(late=True, connections=1)
        late = arrived()
    return {"recipients": recipients, "before": before, "after": after, "late": late}


def _queue(recipients: int) -> None:
    from broadsheet.models import Message, Outbox

    Outbox.objects.get_or_create(pk=1)
    Outbox.objects.update(paused_for="", failures=0)
    Message.objects.all().delete()
    Message.objects.bulk_create(
        [
            Message(
                key=f"crash:{number}",
                kind="notice",
                address=address(number),
                address_key=address(number),
                domain=address(number).rpartition("@")[2],
                subject=f"Number {number}",
                text=f"This is for number {number}.\n" * 20,
            )
            for number in range(recipients)
        ],
        batch_size=1000,
    )


def address(number: int) -> str:
    return f"reader{number}@host{number % 50}.example"


def _sender(point: str, after: int) -> int:
    """Forks a sender that kills itself when it has reached `point` `after` times; its process id."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        from broadsheet.mail import delivery

        left = after

        def reached(point_reached: str) -> None:
            nonlocal left
            if point in (point_reached, "any"):
                left -= 1
                if left <= 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        delivery.reached = reached  # type: ignore[assignment]
        delivery.BATCH = 5 if after < 10**9 and point == "claimed" else 20
        delivery.deliver()
        status = 0
    except BaseException as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
    finally:
        os._exit(status)


def time_passes() -> None:
    """The dead sender's leases run out, and what was put off is due."""
    from datetime import timedelta

    from django.utils import timezone

    from broadsheet.mail import delivery
    from broadsheet.models import Message

    past = timezone.now() - timedelta(seconds=1)
    Message.objects.filter(state__in=("claimed", "closing")).update(lease_until=past)
    delivery.recover()
    Message.objects.filter(state__in=("deferred", "ambiguous")).update(due_at=past)


def _judged(recipients: int, oracle: list[dict[str, str]]) -> dict[str, Any]:
    from broadsheet.models import Message

    got = Counter(line["to"] for line in oracle)
    ids: dict[str, set[str]] = {}
    for line in oracle:
        ids.setdefault(line["to"], set()).add(line["id"] + line["hash"])
    believed = set(Message.objects.filter(state="accepted").values_list("address", flat=True))
    held = set(Message.objects.filter(state="ambiguous").values_list("address", flat=True))
    lost = {address(number) for number in range(recipients)} - set(got)
    uncertain = sum(Message.objects.values_list("uncertain", flat=True))
    return {
        "lost": len(lost - held),
        "held": len(held),
        "held_and_not_arrived": len(lost & held),
        "duplicates": sum(many - 1 for many in got.values()),
        "uncertain": uncertain,
        "copies_differ": sum(len(each) > 1 for each in ids.values()),
        "believed_but_not_arrived": len(believed - set(got)),
        "distinct_ids": len({line["id"] for line in oracle}),
        "unsettled": Message.objects.exclude(state__in=("accepted", "ambiguous")).count(),
    }


if __name__ == "__main__":
    main()
