"""What is configured, what ran last, what is stale: in sentences for people, in a few facts for machines."""

from __future__ import annotations

import os
import platform
import shutil
import stat
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import django
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Subquery

import broadsheet
from broadsheet import catalog, digest, trending
from broadsheet.models import Message, Outbox, Paper, Run
from broadsheet.operations import backups, sqlite
from broadsheet.operations.archive import in_words
from broadsheet.operations.runs import in_a_line

State = Literal["ok", "warn", "fail"]

# A worker that has not been heard of for this long is not there.
STALE = timedelta(minutes=2)
# A backup older than this is worth a word.
_BACKUP_OLD = timedelta(days=7)
_LITTLE, _TOO_LITTLE = 1_000_000_000, 100_000_000
_PUBLIC_BINDS = ("127.", "::1", "localhost")


@dataclass(frozen=True)
class Check:
    """One finding. `says` is what is, `do` what to do about it; `do` is empty when nothing is to be done."""

    name: str
    state: State
    says: str
    do: str = ""


def checks() -> list[Check]:
    """Everything worth knowing, including a quick check of the whole database (seconds for gigabytes).

    Never raises: what cannot be found out is a finding.
    """
    found = [check for look in (_folder, _disk, _database) for check in _seen(look)]
    reachable = found[-1].state == "ok"
    tables = _seen(of_tables) if reachable else []
    found += tables
    if tables and tables[-1].state == "ok":
        more = (_integrity, _papers, of_worker, of_steps, of_mail, _backup)
        found += [check for look in more for check in _seen(look)]
        found += [
            check
            for look in (_integrity, _papers, of_worker, of_steps, of_sources, _backup)
            for check in _seen(look)
        ]
    for look in (_secret_key, _debug, _address, _time, _versions):
        found += _seen(look)
    return found


def _seen(look: Callable[[], list[Check]]) -> list[Check]:
    try:
        return look()
    except (OSError, DatabaseError) as error:
        return [
            Check(
                look.__name__.removeprefix("of_").strip("_").replace("_", " "),
                "fail",
                in_a_line(error),
                "See docs/operate.md.",
            )
        ]


def _folder() -> list[Check]:
    home = Path(settings.HOME)
    if not home.is_dir():
        return [Check("data folder", "fail", f"{home} does not exist.", "Start Broadsheet once: make up")]
    if not os.access(home, os.W_OK | os.X_OK):
        owner = home.stat().st_uid
        return [
            Check(
                "data folder",
                "fail",
                f"{home} belongs to user {owner} and cannot be written.",
                f"chown -R {os.getuid()} {home}",
            )
        ]
    mode = stat.S_IMODE(home.stat().st_mode)
    if mode & 0o077:
        return [
            Check(
                "data folder",
                "warn",
                f"{home} is open to other users (mode {mode:04o}).",
                f"chmod 700 {home}",
            )
        ]
    return [Check("data folder", "ok", f"{home} (mode {mode:04o})")]


def _disk() -> list[Check]:
    free = shutil.disk_usage(settings.HOME).free
    needed = sqlite.database_file().stat().st_size if _has_file() else 0
    says = f"{in_words(free)} free" + (f", the database takes {in_words(needed)}" if needed else "")
    if free < _TOO_LITTLE:
        return [Check("disk", "fail", says, "Make room now: nothing can be written soon.")]
    if free < max(_LITTLE, needed):
        return [Check("disk", "warn", says, "Make room: a backup needs a copy of the database for a moment.")]
    return [Check("disk", "ok", says)]


def _has_file() -> bool:
    return connection.vendor == "sqlite" and sqlite.database_file().exists()


def _database() -> list[Check]:
    if connection.vendor == "sqlite" and not _has_file():
        return [Check("database", "fail", "There is no database yet.", "Make it: make up")]
    try:
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute("SHOW server_version")
                return [Check("database", "ok", f"PostgreSQL {cursor.fetchone()[0]}, named by DATABASE_URL")]
            cursor.execute("SELECT sqlite_version()")
            version = cursor.fetchone()[0]
            cursor.execute("PRAGMA journal_mode")
            journal = cursor.fetchone()[0]
    except DatabaseError as error:
        do = "Check DATABASE_URL." if connection.vendor == "postgresql" else "Restore a backup."
        return [Check("database", "fail", in_a_line(error), do)]
    says = f"SQLite {version}, {sqlite.database_file().name}, journal {journal}"
    if journal != "wal":
        return [
            Check("journal", "warn", says, "Readers wait for writers. Put the data folder on a local disk."),
            Check("database", "ok", says),
        ]
    return [Check("database", "ok", says)]


def of_tables() -> list[Check]:
    executor = MigrationExecutor(connection)
    applied = executor.loader.applied_migrations
    if newer := backups.newer_migrations(set(applied)):
        return [
            Check("tables", "fail", f"They belong to a newer Broadsheet ({newer[0]}).", "Upgrade Broadsheet.")
        ]
    if left := executor.migration_plan(executor.loader.graph.leaf_nodes()):
        return [
            Check(
                "tables",
                "fail",
                f"{len(left)} of {len(left) + len(applied)} migrations are missing.",
                "Restart: make up applies them.",
            )
        ]
    return [Check("tables", "ok", f"all {len(applied)} migrations applied")]


def _integrity() -> list[Check]:
    if connection.vendor != "sqlite":
        return []
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA quick_check(1)")
        said = cursor.fetchone()[0]
    if said == "ok":
        return [Check("integrity", "ok", "the quick check of the database found nothing")]
    return [
        Check("integrity", "fail", str(said)[:200], "Restore a backup: broadsheet restore FILE --replace")
    ]


def _papers() -> list[Check]:
    count, newest = Paper.objects.count(), trending.newest_day()
    if not count:
        return [Check("papers", "warn", "none yet", "Bring some in: broadsheet import FILE...")]
    if not Paper.objects.exclude(source="builtin").exists():
        return [
            Check(
                "papers",
                "ok",
                f"the {count} of the built-in front page",
                "Bring in more: broadsheet import FILE...",
            )
        ]
    return [Check("papers", "ok", f"{count:,}; newest daily list: {newest or 'none'}")]


def of_worker() -> list[Check]:
    """Whether the worker is there."""
    run = Run.objects.filter(pk="worker").first()
    do = "Start it: make worker (make up starts it too)."
    if not run or not run.succeeded_at:
        return [Check("worker", "warn", "It has never run.", do)]
    if run.finished_at:
        return [Check("worker", "warn", f"It stopped {_ago(run.finished_at)}.", do)]
    if is_stale(run):
        return [Check("worker", "warn", f"It was last heard of {_ago(run.succeeded_at)}.", do)]
    return [
        Check(
            "worker",
            "ok",
            f"alive, heard of {_ago(run.succeeded_at)}, running since {_moment(run.started_at)}",
        )
    ]


def is_stale(worker: Run) -> bool:
    """Whether the worker has ended or has not been heard of for two minutes."""
    return bool(worker.finished_at or not worker.succeeded_at or _now() - worker.succeeded_at > STALE)


def of_steps() -> list[Check]:
    """How each step and command went the last time."""
    found = []
    for run in Run.objects.exclude(pk="worker").order_by("step"):
        if run.problem:
            found.append(
                Check(
                    run.step,
                    "warn",
                    f"It failed {_ago(run.finished_at)}: {run.problem}",
                    "Run it again; the log says more.",
                )
            )
        elif run.finished_at is None and _now() - run.started_at > timedelta(hours=6):
            found.append(
                Check(
                    run.step,
                    "warn",
                    f"It was cut off; it began {_ago(run.started_at)}.",
                    "Run it again: nothing is done twice.",
                )
            )
        elif run.finished_at is None:
            found.append(Check(run.step, "ok", f"at work since {_moment(run.started_at)}"))
        else:
            found.append(Check(run.step, "ok", f"{_ago(run.finished_at)}: {run.summary or 'done'}"))
    return found


def of_mail() -> list[Check]:
    found = digest.status()
    if not found.set_up:
        if not (settings.SMTP_URL or settings.MAIL_FROM or settings.MAIL_PROVIDER):
            return [Check("mail", "ok", "not set up; docs/mail.md says how")]
        return [Check("mail", "fail", found.problem, "Correct the setting and restart.")]
    last = f"last one out {_ago(found.last_out)}" if found.last_out else "none has gone out yet"
    says = f"{found.subscriptions:,} subscriptions, {found.waiting:,} messages waiting, {last}"
    if found.paused_for:
        do = "See to the reason, then: broadsheet digest resume"
        return [Check("mail", "fail", f"Sending is paused: {found.paused_for}", do)]
    if found.stuck:
        since = f"{says}; the oldest was due {_ago(found.oldest)}"
        return [Check("mail", "warn", since, "See the worker's log.")]
    if found.uncertain:
        do = "The mail server gave no answer to them; its own log knows. See docs/mail.md."
        return [Check("mail", "warn", f"{says}; {found.uncertain:,} uncertain", do)]
    return [Check("mail", "ok", says)]


def of_sources() -> list[Check]:
    """How fresh each source is that the settings name."""
    try:
        fresh = catalog.freshness()
    except ImproperlyConfigured as error:
        return [Check("sources", "fail", str(error), "Mend the setting; docs/sources.md names the sources.")]
    if not fresh:
        return [Check("sources", "ok", "none is followed (BROADSHEET_SOURCES)")]
    return [_of_source(one) for one in fresh]


def _of_source(one: catalog.Freshness) -> Check:
    name = f"{one.source} {one.part}"[:40].strip()
    if one.problem:
        since = f"last success {_ago(one.succeeded_at)}" if one.succeeded_at else "it has never succeeded"
        again = f"Tried again at {_moment(one.due_at)} UTC." if one.due_at and one.waits else ""
        if one.due_at and not one.waits:
            again = "The worker does it as soon as it runs: broadsheet up, or broadsheet worker."
        return Check(name, "warn", f"{one.problem} ({since})", again or "Run: broadsheet fetch " + one.source)
    if not one.succeeded_at:
        return Check(name, "ok", "under way" if one.under_way else "not asked yet; the worker does it")
    says = f"{_ago(one.succeeded_at)}: {one.read:,} read, {one.new:,} new, {one.changed:,} changed"
    if one.note:
        says = f"{says}. {one.note}"
    return Check(name, "ok", says)


def _backup() -> list[Check]:
    last = Run.objects.filter(pk="backup").values_list("succeeded_at", flat=True).first()
    if last and _now() - last < _BACKUP_OLD:
        return []
    says = f"The last one was made {_ago(last)}." if last else "None was ever made."
    return [
        Check(
            "backups",
            "warn",
            says,
            "Make one: broadsheet backup FOLDER, or set BROADSHEET_BACKUP_EVERY_HOURS=24.",
        )
    ]


def _secret_key() -> list[Check]:
    kept = Path(settings.HOME) / backups.SECRET_KEY
    if not kept.exists() or kept.read_text().strip() != settings.SECRET_KEY:
        return [Check("secret key", "ok", "from BROADSHEET_SECRET_KEY")]
    mode = stat.S_IMODE(kept.stat().st_mode)
    if mode & 0o077:
        return [
            Check(
                "secret key", "fail", f"Other users can read {kept} (mode {mode:04o}).", f"chmod 600 {kept}"
            )
        ]
    return [Check("secret key", "ok", f"made here, kept in the data folder (mode {mode:04o})")]


def _debug() -> list[Check]:
    if settings.DEBUG:
        return [Check("debugging", "warn", "Visitors see the program's insides.", "Unset BROADSHEET_DEBUG.")]
    return [Check("debugging", "ok", "off")]


def _address() -> list[Check]:
    url, bind = settings.PUBLIC_URL, f"{settings.BIND}:{settings.PORT}"
    strangers = [host for host in settings.ALLOWED_HOSTS if host not in ("localhost", "127.0.0.1", "[::1]")]
    if not strangers and not settings.BIND.startswith(_PUBLIC_BINDS):
        return [
            Check(
                "address",
                "warn",
                f"It listens at {bind} but answers to localhost alone.",
                "Set BROADSHEET_URL=https://your.name (or BROADSHEET_HOSTS).",
            )
        ]
    if url.startswith("http://") and strangers:
        return [
            Check(
                "address",
                "warn",
                f"{url} is not encrypted.",
                "Put a proxy with https before it; docs/operate.md has one.",
            )
        ]
    says = f"{url or 'for this machine alone'}, listening at {bind}"
    return [Check("address", "ok", f"{says}, answering to {', '.join(strangers)}" if strangers else says)]


def _time() -> list[Check]:
    says = f"{_moment(_now())} UTC; the listing day is {trending.today()} ({settings.LISTING_TIME_ZONE})"
    newest = max((run.started_at for run in _runs()), default=None)
    if newest and newest - _now() > timedelta(minutes=5):
        return [
            Check(
                "clock",
                "fail",
                f"It says {_moment(_now())} UTC, but something ran at {_moment(newest)}.",
                "Set the clock (timedatectl).",
            )
        ]
    return [Check("clock", "ok", says)]


def _runs() -> list[Run]:
    if connection.vendor == "sqlite" and not _has_file():
        return []  # asking would make the file
    try:
        return list(Run.objects.all())
    except DatabaseError:
        return []


def _versions() -> list[Check]:
    says = f"Broadsheet {broadsheet.__version__}, Django {django.get_version()}"
    return [Check("versions", "ok", f"{says}, Python {platform.python_version()}, {sys.platform}")]


# What /health says


@dataclass(frozen=True)
class Health:
    """`ok`: pages can be served. `facts` goes out as JSON to anybody, so it names no path and no secret."""

    ok: bool
    facts: dict[str, Any]


def health() -> Health:
    """Two cheap queries: fit to be asked every second. Never raises."""
    facts: dict[str, Any] = {
        "status": "ok",
        "version": broadsheet.__version__,
        "time": _now().isoformat(timespec="seconds"),
    }
    try:
        newest = trending.newest_day()
        runs = list(Run.objects.all())
        fresh = catalog.freshness()
    except DatabaseError:
        return Health(False, facts | {"status": "error", "reasons": ["The database cannot be read."]})
    facts["newest_listing"] = newest.isoformat() if newest else None
    facts["runs"] = {run.step: _fact(run) for run in sorted(runs, key=lambda run: run.step)}
    facts["sources"] = [_source_fact(one) for one in fresh]
    facts["stale"] = [run.step for run in runs if run.step == "worker" and is_stale(run)]
    facts["failed"] = sorted(run.step for run in runs if run.problem)
    facts["mail"] = _mail_fact()
    return Health(True, facts)


def _mail_fact() -> dict[str, Any] | None:
    """When mail last went out, whether it is paused, and since when the oldest message waits: one query."""
    if not settings.MAIL_IS_CONFIGURED:
        return None
    oldest = Message.objects.waiting().order_by("due_at").values("due_at")[:1]
    row = Outbox.objects.order_by("pk").values_list("accepted_at", "paused_for", Subquery(oldest)).first()
    out, paused, waits = row or (None, "", None)
    return {
        "last_out": out.isoformat(timespec="seconds") if out else None,
        "paused": bool(paused),
        "waiting_since": waits.isoformat(timespec="seconds") if waits else None,
    }


def _source_fact(one: catalog.Freshness) -> dict[str, Any]:
    """What everybody may know of a source."""
    return {
        "source": one.source,
        "part": one.part,
        "succeeded": one.succeeded_at.isoformat(timespec="seconds") if one.succeeded_at else None,
        "next": one.due_at.isoformat(timespec="seconds") if one.due_at else None,
        "new": one.new,
        "changed": one.changed,
        "problem": one.problem,
        "note": one.note,
    }


def _fact(run: Run) -> dict[str, str | None]:
    return {
        name: moment.isoformat(timespec="seconds") if moment else None
        for name, moment in [
            ("started", run.started_at),
            ("finished", run.finished_at),
            ("succeeded", run.succeeded_at),
        ]
    }


def _now() -> datetime:
    return datetime.now(UTC)


def _moment(when: datetime) -> str:
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M}"


def _ago(when: datetime | None) -> str:
    """`3 minutes ago`; a moment in the future is `just now`, the clock's own check says more."""
    if when is None:
        return "at an unknown time"
    seconds = (_now() - when).total_seconds()
    for size, unit in [(86_400, "day"), (3_600, "hour"), (60, "minute")]:
        if seconds >= size:
            many = int(seconds // size)
            return f"{many} {unit}{'s' * (many != 1)} ago"
    return f"{int(seconds)} seconds ago" if seconds >= 5 else "just now"
