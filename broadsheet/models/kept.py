"""A query whose words the ORM puts together once and which is asked many times."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.db import connection
from django.db.models import QuerySet

Way = Callable[..., Any]


class Kept:
    """`rows()` as SQL, asked with other values each time.

    For the few queries that every request of a reader begins with, or every search ends with: putting their
    words together costs four times as much as asking them. `rows` names its conditions in the order in which
    `row` is given their values, one in each `filter`, and compares with whatever it likes.
    """

    def __init__(self, rows: Callable[[], QuerySet[Any]]) -> None:
        self._rows = rows
        self._known: dict[str, tuple[str, list[str], list[tuple[int, Sequence[Way]]]]] = {}

    def row(self, *values: Any) -> tuple[list[str], list[Any]] | None:
        """(names of columns, values) of the first row, joined tables last; None where there is none."""
        names, found = self.rows(*values, most=1)
        return (names, found[0]) if found else None

    def rows(self, *values: Any, most: int = 1_000) -> tuple[list[str], list[list[Any]]]:
        """Names of columns, joined tables last, and the values of the first `most` rows, in no order."""
        vendor = connection.vendor
        if vendor not in self._known:
            self._known[vendor] = self._compiled()
        sql, names, mend = self._known[vendor]
        with connection.cursor() as cursor:
            cursor.execute(sql, values)
            found = [list(row) for row in cursor.fetchmany(most)]
        for row in found:
            for place, ways in mend:
                for way in ways:
                    row[place] = way(row[place], None, connection)
        return names, found

    def _compiled(self) -> tuple[str, list[str], list[tuple[int, Sequence[Way]]]]:
        compiler = self._rows().order_by().query.get_compiler(connection=connection)
        sql = str(compiler.as_sql()[0])
        columns = [column for column, _, _ in compiler.select]
        ways: list[Sequence[Way]] = [
            [*connection.ops.get_db_converters(column), *column.get_db_converters(connection)]
            for column in columns
        ]
        mend = [(place, each) for place, each in enumerate(ways) if each]
        return sql, [column.target.attname for column in columns], mend
