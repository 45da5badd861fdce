"""Takes records in a batch and a transaction at a time, and the built-in front page in and out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice

from django.db import transaction

from broadsheet.catalog.batch import Batch, Taken
from broadsheet.catalog.people import said_of
from broadsheet.models import Alias, Authorship, Link, Paper, PaperCategory, Signal, Version, bulk
from broadsheet.sources import PaperRecord
from broadsheet.sources.builtin import BuiltinSource

BATCH = 2000


def take_in(records: Iterable[PaperRecord], now: datetime | None = None) -> Taken:
    """Takes records in, a batch and a transaction at a time, and returns what became of them.

    `now` is the moment given to papers that say nothing of their own date (default: the clock).
    """
    taken = Taken()
    for batch in _batches(records):
        taken.add(take_in_batch(batch, now or datetime.now(UTC)))
    return taken


def take_in_batch(records: Sequence[PaperRecord], now: datetime) -> Taken:
    """One transaction. When it returns, the records are kept; when it raises, none of them is."""
    with transaction.atomic():
        bulk.write_alone()
        return Batch(records, now).run()


def take_in_builtin() -> int:
    """Puts the built-in front page into an empty house; returns how many papers it brought."""
    if Paper.objects.exists():
        return 0
    return take_in([record for record in BuiltinSource().fetch() if isinstance(record, PaperRecord)]).new


def retire_builtin() -> int:
    """Takes the built-in papers that no other source confirmed out again, once real papers are here.

    Those that readers voted on, talked about or keep stay.
    """
    if not Paper.objects.exclude(source="builtin").exists():
        return 0
    builtin = Paper.objects.filter(source="builtin")
    left = list(builtin.exclude(pk__in=said_of(builtin).values("pk")).values_list("pk", flat=True))
    for model in (Authorship, PaperCategory, Link, Version, Signal, Alias):
        model.objects.filter(paper_id__in=left).delete()
    Paper.objects.filter(pk__in=left).delete()
    return len(left)


def _batches(records: Iterable[PaperRecord]) -> Iterator[list[PaperRecord]]:
    iterator = iter(records)
    while batch := list(islice(iterator, BATCH)):
        yield batch
