"""Brings a reader's library along: files of references, lists of ids, Zotero; with progress, and undone.

What is small is read at once, what is large by the worker, a batch in one transaction. A crash loses the
batch under way: the import is then begun again from its file, and what it had taken in already is known.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Protocol

import orjson
from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from broadsheet import doors, identifiers
from broadsheet.community import interests
from broadsheet.community.refusals import Refused
from broadsheet.community.rules import may_act
from broadsheet.models import Interest, Lesson, LibraryImport, Mark, Paper, Reader
from broadsheet.sources import PaperRecord, Reject, SourceError
from broadsheet.sources.aside import portions
from broadsheet.sources.files import CSL, FileSource, in_memory, open_path

log = logging.getLogger("broadsheet.community")

LARGEST: Final = 50 * 2**20
# What is smaller is read while its reader waits, since that takes less than two seconds.
AT_ONCE: Final = 200_000
MOST_ENTRIES: Final = 50_000
MOST_REJECTS: Final = 200
BATCH: Final = 500
# An import that has been under way for so long without a word was broken off, and begins again; whatever
# takes longer than LONGEST seconds is given up.
STALE: Final = timedelta(minutes=5)
LONGEST: Final = 1_800.0
# Imports of one reader that are kept, and that may wait at once.
MOST_IMPORTS: Final = 100
MOST_WAITING: Final = 3
LONGEST_NAME: Final = 200
LONGEST_ABSTRACT: Final = 5_000


class Upload(Protocol):
    """The part of a sent file that is used here."""

    @property
    def name(self) -> str | None: ...

    @property
    def size(self) -> int | None: ...

    def chunks(self) -> Iterator[bytes]: ...


def entries_in(written: str) -> list[PaperRecord]:
    """The papers of a pasted text of references; none where it is of no known kind."""
    source = in_memory(written.encode("utf-8", "replace"))
    if source is None:
        return []
    return [each for each in source.fetch() if isinstance(each, PaperRecord)][:MOST_ENTRIES]


def recognised(records: Sequence[PaperRecord]) -> list[Paper | None]:
    """For each record the listed paper that it speaks of, by its identifiers, else by its title. Three
    queries for each 500."""
    spoken = [name for record in records for name in record.identifiers]
    named = interests.named_in(spoken)
    titled: dict[int, Paper] = {}
    keys = [identifiers.title_key(record.title) if record.title else None for record in records]
    unnamed = {
        key
        for key, record in zip(keys, records, strict=True)
        if key is not None and not any(name in named for name in record.identifiers)
    }
    for start in range(0, len(wanted := sorted(unnamed)), 500):
        rows = Paper.objects.listed().filter(title_key__in=wanted[start : start + 500])
        for paper in rows.only("identifier", "title", "title_key").order_by("hotness", "-pk"):
            titled[paper.title_key] = paper
    found = []
    for key, record in zip(keys, records, strict=True):
        by_name = next((named[name] for name in record.identifiers if name in named), None)
        found.append(by_name or (titled.get(key) if key is not None else None))
    return found


# --- asking for an import --------------------------------------------------------------------------------


def take_file(reader: Reader, sent: Upload, interest: int | None = None) -> LibraryImport:
    """Reads a file of references: at once if it is small, else the worker does. Raises Refused."""
    if not sent.size:
        raise Refused("This file is empty.", 400)
    if sent.size > LARGEST:
        raise Refused(f"A library may have at most {LARGEST // 2**20} MB. Export it in parts.", 400)
    return _begun(reader, interest, sent.name or "a file", sent.size, sent.chunks())


def take_text(reader: Reader, written: str, interest: int | None = None) -> LibraryImport:
    """The same for what was pasted: references of any kind, or ids and DOIs among whatever words."""
    data = written.strip().encode("utf-8", "replace")
    if not data:
        raise Refused("Paste references or ids, or choose a file.", 400)
    return _begun(reader, interest, "Pasted references", len(data), [data])


def take_zotero(reader: Reader, key: str, interest: int | None = None) -> LibraryImport:
    """The library that a key of Zotero's opens; the worker fetches it. The key lies in the data folder until
    then and nowhere after. Raises Refused."""
    said = key.strip()
    if not (said.isascii() and said.isalnum() and 16 <= len(said) <= 64):
        raise Refused("A key of Zotero's is some 24 letters and digits.", 400)
    written = orjson.dumps({"zotero": said})
    return _begun(reader, interest, "Zotero", len(written), [written], at_once=False, form="Zotero")


def _begun(
    reader: Reader,
    interest: int | None,
    name: str,
    size: int,
    chunks: Iterable[bytes],
    at_once: bool = True,
    form: str = "",
) -> LibraryImport:
    may_act(reader)
    mine = LibraryImport.objects.filter(reader=reader)
    if mine.filter(state__in=("waiting", "reading")).count() >= MOST_WAITING:
        raise Refused(f"{MOST_WAITING} of your imports are still under way. Wait until they are done.")
    teaches = interests.seen(interest, reader) if interest is not None else None
    if teaches is not None and teaches.reader_id != reader.pk:
        raise Refused(interests.NO_INTEREST, 404)
    spool = secrets.token_hex(16)
    folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder() / spool
    path.touch(mode=0o600)
    with path.open("wb") as file:
        for chunk in chunks:
            file.write(chunk)
    made = LibraryImport.objects.create(
        reader=reader, interest=teaches, name=name[-LONGEST_NAME:], size=size, spool=spool, form=form
    )
    old = list(mine.exclude(state__in=("waiting", "reading")).order_by("-created_at", "-pk"))[MOST_IMPORTS:]
    LibraryImport.objects.filter(pk__in=[each.pk for each in old]).delete()
    if at_once and size <= AT_ONCE:
        _run(made)
        made.refresh_from_db()
    return made


def folder() -> Path:
    """Where what is still to be read lies."""
    return Path(settings.HOME) / "imports"


def of_reader(reader: Reader, most: int = MOST_IMPORTS) -> list[LibraryImport]:
    """A reader's imports, the newest first, without their lists of papers."""
    rows = LibraryImport.objects.filter(reader=reader).select_related("interest").defer("made")
    return list(rows.order_by("-created_at", "-pk")[:most])


def own(reader: Reader, key: int) -> LibraryImport:
    """One's own import. Raises Refused (404)."""
    rows = LibraryImport.objects.filter(pk=key, reader=reader).select_related("interest")
    found = rows.first()
    if found is None:
        raise Refused("There is no such import of yours.", 404)
    return found


def undo(reader: Reader, key: int) -> int:
    """Takes back what an import did: the papers that it marked, the answers that it gave. What its reader had
    marked before stays. Returns how many were taken back."""
    with transaction.atomic():
        own(reader, key)
        found = LibraryImport.objects.select_for_update().get(pk=key)
        if found.state != "done" and found.state != "failed":
            raise Refused(
                "This import is not finished." if found.state != "undone" else "It is undone already."
            )
        keys = unpacked(found.made)
        count = Lesson.objects.filter(taken_from=found).delete()[0]
        for start in range(0, len(keys), 500):
            marks = Mark.objects.filter(
                reader=reader,
                kind="saved",
                paper__in=keys[start : start + 500],
                created_at__gte=found.created_at,
            )
            count += marks.delete()[0]
        LibraryImport.objects.filter(pk=key).update(state="undone", made=b"", finished_at=timezone.now())
    return count


# --- reading ---------------------------------------------------------------------------------------------


def import_due() -> int:
    """Reads the library that has waited longest. Returns how many imports were finished (0 or 1)."""
    stale = timezone.now() - STALE
    due = Q(state="waiting") | Q(state="reading", claimed_at__lt=stale)
    with transaction.atomic():
        rows = LibraryImport.objects.select_for_update(skip_locked=_can_skip()).filter(due)
        found = rows.order_by("created_at", "pk").first()
        if found is None:
            tidy()
            return 0
        LibraryImport.objects.filter(pk=found.pk).update(state="reading", claimed_at=timezone.now())
    _run(found)
    return 1


def _can_skip() -> bool:
    from django.db import connection

    return connection.features.has_select_for_update_skip_locked


@dataclass
class _Count:
    """How it goes."""

    known: int = 0
    kept: int = 0
    doubled: int = 0
    broken: int = 0
    left_out: int = 0
    rejects: list[list[Any]] = field(default_factory=list)
    made: list[int] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)

    @property
    def read(self) -> int:
        return self.known + self.kept + self.doubled + self.left_out

    def refuse(self, line: int, reason: str, excerpt: str = "") -> None:
        self.broken += 1
        if len(self.rejects) < MOST_REJECTS:
            self.rejects.append([line, reason[:300], excerpt[:200]])


def _run(work: LibraryImport) -> None:
    """Reads one import to its end, and says in its row how it went."""
    count, path = _Count(), folder() / work.spool
    state, why = "done", ""
    if work.claimed_at or work.made:
        # Begun again: what it did before it was broken off is its own, not something that was there.
        count.made = unpacked(work.made)
        Lesson.objects.filter(taken_from=work).delete()
    count.seen = set()
    again = set(count.made)
    try:
        for part, fraction, form in _parts(path, count):
            _take(work, part, count, again)
            work.form = form
            _note(work, count, fraction)
            if count.read + count.broken >= MOST_ENTRIES:
                why = f"Only the first {MOST_ENTRIES:,} entries were read."
                break
    except (SourceError, Refused) as problem:
        state, why = "failed", str(problem)
    except OSError as problem:
        log.warning("Import %s: %s", work.pk, problem)
        state, why = "failed", "The file could not be read here. Please send it again."
    if state == "done" and not count.read:
        state, why = "failed", why or "No paper was found in it."
    if state == "done" and count.left_out:
        most = f"{interests.MOST_LESSONS:,} papers"
        rule = (
            f"An interest learns from at most {most}"
            if work.interest_id
            else f"At most {most} are kept by words"
        )
        why = f"{why} {rule}; {count.left_out:,} were left out.".strip()
    _note(work, count, 1.0)
    LibraryImport.objects.filter(pk=work.pk).update(
        state=state, why=why.replace(str(path), work.name)[:300], finished_at=timezone.now(), spool=""
    )
    with suppress(OSError):
        path.unlink()


def _note(work: LibraryImport, count: _Count, fraction: float) -> None:
    LibraryImport.objects.filter(pk=work.pk).update(
        fraction=fraction,
        form=work.form[:64],
        known=count.known,
        kept=count.kept,
        doubled=count.doubled,
        broken=count.broken,
        rejects=count.rejects,
        made=packed(count.made),
        claimed_at=timezone.now(),
    )


Part = tuple[list[PaperRecord], float, str]


def _parts(path: Path, count: _Count) -> Iterator[Part]:
    """What the file holds, a batch at a time, with how much has been read and what kind of file it is."""
    last = time.monotonic() + LONGEST
    for records, fraction, form in _read(path, count):
        for start in range(0, len(records), BATCH) or (0,):
            yield records[start : start + BATCH], fraction, form
        if time.monotonic() > last:
            raise SourceError("Reading took more than half an hour and was given up; what was read is kept.")


def _read(path: Path, count: _Count) -> Iterator[Part]:
    with path.open("rb") as file:
        start = file.read(200)
    if start.startswith(b'{"zotero":'):
        yield from _from_zotero(orjson.loads(path.read_bytes())["zotero"], count)
        return
    try:
        source = open_path(path)[0]
    except SourceError:
        yield from _from_ids(path, count)
        return
    yield from _from_file(source, count)


def _from_file(source: FileSource, count: _Count) -> Iterator[Part]:
    for portion in portions(source):
        records = []
        for item in portion.items:
            if isinstance(item, Reject):
                count.refuse(item.line, item.reason, item.excerpt)
            else:
                records.append(item)
        yield records, portion.fraction, source.kind


def _from_ids(path: Path, count: _Count) -> Iterator[Part]:
    """Identifiers among whatever words, line by line. Raises SourceError where there is none."""
    records: list[PaperRecord] = []
    found, size = 0, max(1, path.stat().st_size)
    with path.open("rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(100_000), b""), start=1):
            text = line.decode("utf-8", "replace").strip()
            names = identifiers.find_all(text)
            if not names and text and number <= MOST_ENTRIES:
                count.refuse(number, "No arXiv id and no DOI stands in this line.", text)
            records += [PaperRecord(source="ids", title="", identifiers=(name,)) for name in names]
            found += len(names)
            if len(records) >= BATCH:
                yield records, file.tell() / size, "list of ids"
                records = []
    if not found:
        count.broken, count.rejects = 0, []
        raise SourceError(
            "This is neither BibTeX, RIS, CSL-JSON nor Zotero RDF, and no arXiv id or DOI stands in it."
        )
    yield records, 1.0, "list of ids"


def _from_zotero(key: str, count: _Count) -> Iterator[Part]:
    api = doors.zotero(key)
    whose = api.key()
    if whose.writes:
        raise SourceError(
            "This key may write as well. Make one at Zotero that only reads, and delete this one."
        )
    start, total = 0, 1
    while start < total and start < MOST_ENTRIES:
        data, total = api.page(whose.user, start)
        source = in_memory(data, CSL)
        records: list[PaperRecord] = []
        for item in source.fetch() if source else ():
            if isinstance(item, Reject):
                count.refuse(start + item.line, item.reason, item.excerpt)
            else:
                records.append(item)
        start += api.PAGE
        yield records, min(1.0, start / max(1, total)), "Zotero"


# --- taking in -------------------------------------------------------------------------------------------


def _take(work: LibraryImport, records: Sequence[PaperRecord], count: _Count, again: set[int]) -> None:
    """One batch: papers that are here are marked or answered, the others kept by their words. An entry that
    was met before in the same file, or is in the library already, counts as double."""
    if not records:
        return
    here = recognised(records)
    keys: list[int] = []
    texts: dict[str, PaperRecord] = {}
    for record, paper in zip(records, here, strict=True):
        name = record.identifiers[0] if record.identifiers else ""
        mark = f"paper {paper.pk}" if paper else interests.digest_of(record.title, name)
        if mark in count.seen:
            count.doubled += 1
            continue
        count.seen.add(mark)
        if paper is not None:
            keys.append(paper.pk)
        else:
            texts[mark] = record
    with transaction.atomic():
        # Whatever else its reader does waits a moment, so that nothing is counted twice.
        reader = Reader.objects.select_for_update().get(pk=work.reader_id)
        if work.interest_id is not None:
            _answer(work, keys, texts, count)
        else:
            _save(reader, keys, count, again)
            _keep(work, interests.kept_own_page(reader), texts, count)


def _save(reader: Reader, keys: list[int], count: _Count, again: set[int]) -> None:
    marked = Mark.objects.filter(reader=reader, kind="saved")
    had = set(marked.filter(paper__in=keys).values_list("paper_id", flat=True))
    new = [key for key in keys if key not in had]
    Mark.objects.bulk_create([Mark(reader=reader, paper_id=key, kind="saved") for key in new])
    Mark.objects.filter(reader=reader, kind="refused", paper__in=new).delete()
    count.made += new
    mine = len(had & again)
    count.known += len(new) + mine
    count.doubled += len(had) - mine


def _answer(work: LibraryImport, keys: list[int], texts: dict[str, PaperRecord], count: _Count) -> None:
    interest = work.interest
    if interest is None:
        raise Refused(interests.NO_INTEREST, 404)
    answered = Lesson.objects.filter(interest=interest, paper__in=keys)
    had = set(answered.values_list("paper_id", flat=True))
    new = [
        Lesson(interest=interest, paper_id=key, wanted=True, taken_from=work)
        for key in keys
        if key not in had
    ]
    new = _as_many_as_fit(interest, new, count)
    Lesson.objects.bulk_create(new)
    count.known += len(new)
    count.doubled += len(had)
    _keep(work, interest, texts, count)


def _keep(work: LibraryImport, interest: Interest, texts: dict[str, PaperRecord], count: _Count) -> None:
    known = Lesson.objects.filter(interest=interest, paper=None, digest__in=list(texts))
    had = set(known.values_list("digest", flat=True))
    rows = [
        Lesson(
            interest=interest,
            wanted=True,
            title=record.title[:500],
            abstract=record.abstract[:LONGEST_ABSTRACT],
            identifier=record.identifiers[0][:255] if record.identifiers else "",
            digest=digest,
            taken_from=work,
        )
        for digest, record in texts.items()
        if digest not in had
    ]
    rows = _as_many_as_fit(interest, rows, count)
    Lesson.objects.bulk_create(rows)
    count.kept += len(rows)
    count.doubled += len(had)


def _as_many_as_fit(interest: Interest, rows: list[Lesson], count: _Count) -> list[Lesson]:
    room = max(0, interests.MOST_LESSONS - Lesson.objects.filter(interest=interest).count())
    count.left_out += max(0, len(rows) - room)
    return rows[:room]


def packed(keys: Iterable[int]) -> bytes:
    """Eight bytes for each paper."""
    return b"".join(key.to_bytes(8, "little") for key in keys)


def unpacked(made: bytes | memoryview) -> list[int]:
    data = bytes(made)
    return [int.from_bytes(data[at : at + 8], "little") for at in range(0, len(data), 8)]


def tidy() -> int:
    """Deletes spooled files that no import names any more. Returns how many."""
    if not folder().is_dir():
        return 0
    wanted = set(LibraryImport.objects.exclude(spool="").values_list("spool", flat=True))
    done = 0
    for path in folder().iterdir():
        if path.name not in wanted and time.time() - path.stat().st_mtime > 3_600:
            path.unlink(missing_ok=True)
            done += 1
    return done


__all__ = [
    "entries_in",
    "folder",
    "import_due",
    "of_reader",
    "own",
    "recognised",
    "take_file",
    "take_text",
    "take_zotero",
    "tidy",
    "undo",
]
