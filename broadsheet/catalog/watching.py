"""What is asked about again and again: stars of repositories, citations of papers, files in a folder.

Whatever has a count is enrolled once, with the paper it belongs to, and asked about the more rarely the older
the paper is. A level is written into the log of signals only when it has changed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.conf import settings

from broadsheet.catalog.batch import Taken
from broadsheet.catalog.taking import take_in
from broadsheet.models import Link, Paper, Watch
from broadsheet.sources import PaperRecord, Seen, SignalRecord, SourceError, Watched, Watcher
from broadsheet.sources.asking import now as moment

log = logging.getLogger("broadsheet.fetch")

# Papers of this age (days) are asked about every so many days.
EVERY = ((14, 1), (90, 3), (365, 14), (100_000, 60))
# Rows enrolled in one go, and questions in one harvest: the rest waits for the next, an hour later.
_ENROLLED = 5_000
MOST_QUESTIONS = 60
# Citations are counted for papers of the last years alone.
_CITED_DAYS = 1_100


def enrol(name: str, bookmark: str) -> tuple[str, bool]:
    """Enrols what came in since the bookmark; returns the new bookmark and whether there may be more."""
    after = int(bookmark) if bookmark.isdecimal() else 0
    rows = _repositories(after) if name == "github" else _papers(after)
    watches = [Watch(source=name, key=key[:255], paper_id=paper) for _, key, paper in rows if key]
    Watch.objects.bulk_create(watches, ignore_conflicts=True)
    return (str(rows[-1][0]) if rows else bookmark), len(rows) == _ENROLLED


def _repositories(after: int) -> list[tuple[int, str, int]]:
    from broadsheet.sources.github import key_of

    found = Link.objects.filter(pk__gt=after, kind="code").order_by("pk")
    rows = found.values_list("pk", "url", "paper_id")[:_ENROLLED]
    return [(pk, key_of(url) or "", paper) for pk, url, paper in rows]


def _papers(after: int) -> list[tuple[int, str, int]]:
    since = datetime.now(UTC) - timedelta(days=_CITED_DAYS)
    month = since.year * 100 + since.month
    found = Paper.objects.filter(pk__gt=after).order_by("pk").values_list("pk", "identifier", "month")
    return [
        (pk, identifier if (when or 0) >= month and not identifier.startswith("local:") else "", pk)
        for pk, identifier, when in found[:_ENROLLED]
    ]


def due_keys(watcher: Watcher) -> list[str]:
    """What the next question is about; empty when nothing is due."""
    now = datetime.now(UTC)
    rows = Watch.objects.filter(source=watcher.name, due_at__lte=now).order_by("due_at", "pk")
    return list(dict.fromkeys(rows.values_list("key", flat=True)[: 2 * watcher.most]))[: watcher.most]


def ask(watcher: Watcher, keys: Sequence[str]) -> dict[str, Seen]:
    """Asks about these things, once."""
    etags = dict(Watch.objects.filter(source=watcher.name, key__in=keys).values_list("key", "etag"))
    return {one.key: one for one in watcher.look([Watched(key, etags.get(key, "")) for key in keys])}


def write(watcher: Watcher, seen: dict[str, Seen]) -> Taken:
    """Writes down what was seen, when to ask again, and each level that has changed."""
    at = moment()
    watches = list(Watch.objects.filter(source=watcher.name, key__in=seen).select_related("paper"))
    levels: dict[int, float] = {}
    for watch in watches:
        one = seen[watch.key]
        if one.value is not None:
            watch.value = one.value
        if watch.paper_id and watch.value is not None and not one.gone:
            levels[watch.paper_id] = max(watch.value, levels.get(watch.paper_id, 0.0))
        watch.etag, watch.seen_at = one.etag, at
        watch.due_at = None if one.gone else at + _pause(watch.paper, at)
    papers = {watch.paper_id: watch.paper for watch in watches if watch.paper}
    records = [
        PaperRecord(
            watcher.name,
            papers[key].title,
            (papers[key].identifier,),
            signals=(SignalRecord(watcher.kind, value, at),),
            current=True,
        )
        for key, value in levels.items()
    ]
    taken = take_in(records, at)
    Watch.objects.bulk_update(watches, ["value", "etag", "seen_at", "due_at"], batch_size=200)
    return taken


def _pause(paper: Paper | None, now: datetime) -> timedelta:
    since = paper.submitted_at if paper else None
    age = (now - since).days if since else 400
    return timedelta(days=next(days for oldest, days in EVERY if age < oldest))


# --- the watched folder ----------------------------------------------------------------------------------


def changed_files() -> list[tuple[Path, str]]:
    """Files of the watched folder that are new or changed, with what tells one state of a file from another.
    A file that was written within the last seconds may not be whole yet and waits. Raises SourceError."""
    folder = Path(settings.WATCHED_FOLDER)
    if not folder.is_dir():
        raise SourceError(f"There is no folder {folder.name}: make it, or set BROADSHEET_WATCHED_FOLDER.")
    known = dict(Watch.objects.filter(source="folder").values_list("key", "etag"))
    found = []
    for path in sorted(_visible(folder)):
        about = path.stat()
        state = f"{about.st_mtime_ns}-{about.st_size}"
        if known.get(str(path.relative_to(folder))[:255]) != state and _is_at_rest(about.st_mtime):
            found.append((path, state))
    return found


def _visible(folder: Path) -> Iterable[Path]:
    for path in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not hidden and path.is_file() and not path.is_symlink():
            yield path


def _is_at_rest(written: float) -> bool:
    return abs(datetime.now(UTC).timestamp() - written) > 2.0


def remember_file(path: Path, state: str) -> None:
    name = str(path.relative_to(settings.WATCHED_FOLDER))[:255]
    changes = {"etag": state, "seen_at": moment(), "due_at": None}
    if not Watch.objects.filter(source="folder", key=name).update(**changes):
        Watch.objects.create(source="folder", key=name, **changes)
