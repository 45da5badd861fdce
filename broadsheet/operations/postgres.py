"""The rows of a PostgreSQL database, out to files and in again, by COPY.

`pg_dump` would need a client at least as new as the server, which a machine that reaches its database over
the network seldom has. Migrations already say how to make the tables, so rows are all that a backup needs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.db import DatabaseError, connection, transaction
from django.db.migrations.executor import MigrationExecutor

from broadsheet.operations.archive import Manifest, Progress
from broadsheet.operations.refusal import Refusal
from broadsheet.operations.runs import in_a_line

PREFIX = "rows."
_PLAIN = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_CHUNK = 1 << 20


def copy_out(folder: Path, progress: Progress) -> dict[str, list[str]]:
    """Writes each table's rows to `rows.TABLE` in `folder`, all of one moment; returns their columns."""
    columns: dict[str, list[str]] = {}
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        done, total = 0, _size()
        for table in _tables():
            columns[table] = [
                column.name for column in connection.introspection.get_table_description(cursor, table)
            ]
            with (
                (folder / f"{PREFIX}{table}").open("xb") as file,
                cursor.copy(_copy(table, columns[table], "TO STDOUT")) as rows,
            ):
                for chunk in rows:
                    file.write(chunk)
                    done += len(chunk)
                    progress(min(done, total), total)
    return columns


def copy_in(folder: Path, manifest: Manifest, progress: Progress) -> None:
    """Makes the database what the backup says, in one transaction: if anything fails, it stays as it was."""
    for name in [name for table, columns in manifest.tables.items() for name in (table, *columns)]:
        if not _PLAIN.fullmatch(name):
            raise Refusal(f"The backup names a table or column {name[:40]!r}. Nothing was changed.")
    try:
        with transaction.atomic(durable=True), connection.wrap_database_errors:
            _replace(folder, manifest, progress)
    except DatabaseError as error:
        raise Refusal(f"PostgreSQL refused the restore: {in_a_line(error)}. Nothing was changed.") from error


def _replace(folder: Path, manifest: Manifest, progress: Progress) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '10s'")
        if present := _tables():
            cursor.execute(f"DROP TABLE {_list(present)} CASCADE")
        _migrate_to(manifest.migrations)
        # What the migrations themselves wrote is in the backup too.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(f"TRUNCATE {_list(_tables())} CASCADE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        done = 0
        for table, columns in manifest.tables.items():
            done = _fill(cursor, table, columns, folder / f"{PREFIX}{table}", done, manifest.size, progress)


def _fill(
    cursor: Any, table: str, columns: list[str], rows: Path, done: int, total: int, progress: Progress
) -> int:
    with rows.open("rb") as file, cursor.copy(_copy(table, columns, "FROM STDIN")) as copy:
        while chunk := file.read(_CHUNK):
            copy.write(chunk)
            done += len(chunk)
            progress(done, total)
    for column in columns:
        cursor.execute("SELECT pg_get_serial_sequence(%s, %s)", [f'"{table}"', column])
        if sequence := cursor.fetchone()[0]:
            top = f'(SELECT max("{column}") FROM "{table}")'  # noqa: S608 - names are checked above
            cursor.execute(f"SELECT setval(%s, coalesce({top}, 1), {top} IS NOT NULL)", [sequence])
    return done


def _migrate_to(migrations: dict[str, list[str]]) -> None:
    """Applies the named migrations to an empty database."""
    executor = MigrationExecutor(connection)
    named = {(app, name) for app, names in migrations.items() for name in names}
    nodes = executor.loader.graph.node_map
    if unknown := named - nodes.keys():
        raise Refusal(
            f"The backup needs the migration {'.'.join(min(unknown))}, which this version does not have."
        )
    last = [
        key for key in named if not any(c.key in named and c.key[0] == key[0] for c in nodes[key].children)
    ]
    executor.migrate(sorted(last))


def _tables() -> list[str]:
    """Our tables that exist, in a fixed order."""
    known = {*connection.introspection.django_table_names(include_views=False), "django_migrations"}
    return sorted(known & set(connection.introspection.table_names()))


def _size() -> int:
    """About how many bytes the rows take: what progress is measured against."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(sum(pg_table_size(to_regclass(quote_ident(t)))), 1) FROM unnest(%s::text[]) t",
            [_tables()],
        )
        return int(cursor.fetchone()[0])


def _copy(table: str, columns: Iterable[str], way: str) -> str:
    return f"COPY {_list([table])} ({_list(columns)}) {way}"


def _list(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
