"""Thousands of rows in one statement, below the ORM's cost per object.

Django's `bulk_create` spends about 30 µs a row on building SQL; a paper brings some 30 rows. These
functions prepare each statement once from the model's own fields and hand plain tuples to the driver.
Used by `catalog` alone. The caller holds the transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

from django.db import connection, models

from broadsheet.models.fields import LinesField, pack

Row = Sequence[Any]


def insert(
    model: type[models.Model], columns: Sequence[str], rows: Iterable[Row], ignore: bool = False
) -> None:
    """Inserts `rows`, whose values follow `columns` (attribute names). `ignore` skips rows that exist."""
    prepared = _prepare(model, columns, rows)
    if not prepared:
        return
    names = ", ".join(_quoted(model, columns))
    marks = ", ".join(["%s"] * len(columns))
    conflict = " ON CONFLICT DO NOTHING" if ignore else ""
    sql = f"INSERT INTO {_table(model)} ({names}) VALUES ({marks}){conflict}"
    _many(sql, prepared)


def update(model: type[models.Model], columns: Sequence[str], rows: Iterable[Row], key: str = "id") -> None:
    """Updates by `key`; each row's values follow `columns`, then the key's value."""
    prepared = _prepare(model, [*columns, key], rows)
    if not prepared:
        return
    *names, key_name = _quoted(model, [*columns, key])
    sets = ", ".join(f"{name} = %s" for name in names)
    _many(f"UPDATE {_table(model)} SET {sets} WHERE {key_name} = %s", prepared)


def write_alone() -> None:
    """Waits until no other transaction takes papers in, and keeps others waiting until this one ends.

    Two imports that meet the same new paper would otherwise both insert it. In SQLite an IMMEDIATE
    transaction is alone already.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('broadsheet: taking papers in'))")


def reserve(model: type[models.Model], count: int) -> range:
    """The next `count` primary keys of a table with an automatic key, for a caller that writes alone."""
    table, column = model._meta.db_table, _column(model, "pk")
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT pg_get_serial_sequence(%s, %s)", [table, column])
            sequence = cursor.fetchone()[0]
            cursor.execute("SELECT nextval(%s)", [sequence])
            first = cursor.fetchone()[0]
            cursor.execute("SELECT setval(%s, %s)", [sequence, first + count - 1])
            return range(first, first + count)
        # SQLite: the caller's IMMEDIATE transaction is the only writer.
        cursor.execute("SELECT seq FROM sqlite_sequence WHERE name = %s", [table])
        known = cursor.fetchone()
        cursor.execute(f"SELECT max({connection.ops.quote_name(column)}) FROM {_table(model)}")
        first = max(known[0] if known else 0, cursor.fetchone()[0] or 0) + 1
        return range(first, first + count)


def _many(sql: str, rows: list[Row]) -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            # Django's wrapper renames every placeholder anew on each call and keeps a debug copy.
            connection.connection.executemany(sql.replace("%s", "?"), rows)
        else:
            cursor.executemany(sql, rows)


def _prepare(model: type[models.Model], columns: Sequence[str], rows: Iterable[Row]) -> list[Row]:
    converters = [
        (index, convert)
        for index, column in enumerate(columns)
        if (convert := _converter(model, column, connection.vendor)) is not None
    ]
    if not converters:
        return list(rows)
    prepared: list[Row] = []
    for row in rows:
        values = list(row)
        for index, convert in converters:
            if values[index] is not None:
                values[index] = convert(values[index])
        prepared.append(values)
    return prepared


@lru_cache(maxsize=256)
def _converter(model: type[models.Model], column: str, vendor: str) -> Callable[[Any], Any] | None:
    """How a Python value becomes what the driver stores; None when it needs no change."""
    field = _field(model, column)
    if isinstance(field, LinesField):
        return pack
    if vendor != "sqlite":
        return None
    if isinstance(field, models.DateTimeField):
        return _sqlite_datetime
    if isinstance(field, models.DateField):
        return date.isoformat
    return None


@lru_cache(maxsize=4096)
def _sqlite_datetime(value: datetime) -> str:
    """Django's own form in SQLite: UTC without an offset."""
    return str(value.astimezone(UTC).replace(tzinfo=None))


def _field(model: type[models.Model], column: str) -> models.Field[Any, Any]:
    if column == "pk":
        return model._meta.pk
    for field in model._meta.concrete_fields:
        if column in (field.name, field.attname):
            return field
    raise LookupError(f"{model.__name__} has no column {column}")


def _quoted(model: type[models.Model], columns: Sequence[str]) -> list[str]:
    return [connection.ops.quote_name(_column(model, column)) for column in columns]


def _column(model: type[models.Model], column: str) -> str:
    return _field(model, column).column or column


def _table(model: type[models.Model]) -> str:
    return connection.ops.quote_name(model._meta.db_table)
