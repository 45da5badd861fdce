"""The papers of the stand-in and the days on which something happened to each."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pyarrow as arrow
import pyarrow.parquet as parquet

from broadsheet import identifiers
from broadsheet.scoring import announcement_day

COLUMNS = (
    "id", "title", "abstract", "authors", "categories", "primary_category", "published", "updated",
    "announced", "comment",
)  # fmt: skip
_DAY_ONE = date(1970, 1, 1)
_GROUPS = frozenset({"cs", "econ", "eess", "math", "q-bio", "q-fin", "stat"})


@dataclass(frozen=True, slots=True)
class Life:
    """What happens to one paper, as days: announced, revised (0: never), deleted (0: never), and the day from
    which it can be seen, which for a late one is after the day it is filed under."""

    announced: int
    revised: int
    deleted: int
    visible: int

    def filed(self, today: int) -> int:
        """The datestamp that it has today; 0 while it cannot be seen."""
        if today < self.visible:
            return 0
        return max(day for day in (self.announced, self.revised, self.deleted) if day <= today)


class Corpus:
    """Papers in a table, and their lives. `late` and `deleted` are shares of all."""

    def __init__(self, table: arrow.Table, late: float = 0.0, deleted: float = 0.0) -> None:
        self.table = table
        self.ids: list[str] = table.column("id").to_pylist()
        self.where = {name: row for row, name in enumerate(self.ids)}
        self.categories: list[list[str]] = [
            list(dict.fromkeys([*([first] if first else []), *(codes or [])]))
            for first, codes in zip(
                table.column("primary_category").to_pylist(),
                table.column("categories").to_pylist(),
                strict=True,
            )
        ]
        self.sent: list[datetime] = _sent(self.ids, table.column("published").to_pylist())
        again = zip(table.column("updated").to_pylist(), table.column("announced").to_pylist(), strict=True)
        self.lives = [
            _life(number, sent, said, late, deleted)
            for number, (sent, said) in enumerate(zip(self.sent, again, strict=True))
        ]
        self._sets: dict[str, frozenset[int]] = {}
        self._filed: tuple[int, list[int], list[int]] = (0, [], [])

    @classmethod
    def read(cls, path: Path, since: str = "", most: int = 0, **shares: float) -> Corpus:
        """The corpus of a Parquet file; `since` (a month, `2026-07`) and `most` narrow it."""
        table = parquet.read_table(
            path, columns=list(COLUMNS), filters=[("month", ">=", since)] if since else None
        )
        return cls(table.slice(0, most) if most else table, **shares)

    @classmethod
    def of(cls, rows: Iterable[dict[str, Any]], **shares: float) -> Corpus:
        words = {name: arrow.string() for name in COLUMNS} | {
            name: arrow.list_(arrow.string()) for name in ("authors", "categories")
        }
        blank = dict.fromkeys(COLUMNS)
        return cls(arrow.Table.from_pylist([blank | row for row in rows], arrow.schema(words)), **shares)

    def filed(self, first: int, last: int, part: str, today: int) -> list[int]:
        """Rows whose datestamp today lies from `first` to `last`, in the order of datestamps."""
        if self._filed[0] != today:
            days = sorted((day, row) for row, life in enumerate(self.lives) if (day := life.filed(today)))
            self._filed = (today, [day for day, _ in days], [row for _, row in days])
        _, days_, rows = self._filed
        found = rows[bisect_left(days_, first) : bisect_right(days_, last)]
        return [row for row in found if row in self.members(part)] if part else found

    def members(self, part: str) -> frozenset[int]:
        if part not in self._sets:
            self._sets[part] = frozenset(
                row for row, codes in enumerate(self.categories) if part in sets_of(codes)
            )
        return self._sets[part]

    def announced(self, day: int) -> list[tuple[int, str]]:
        """Rows that a day's announcement names, with their kind."""
        found = []
        for row, life in enumerate(self.lives):
            if life.announced == day:
                found.append((row, "new"))
            elif life.revised == day:
                found.append((row, "replace"))
        return found

    def rows(self, numbers: Sequence[int]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.table.take(arrow.array(numbers, arrow.int64())).to_pylist()
        return found

    def versions(self, row: int, today: int) -> list[datetime]:
        """When each version was sent in, as far as it has been announced."""
        life = self.lives[row]
        first = self.sent[row]
        if life.revised and life.revised <= today:
            return [first, datetime.combine(to_date(life.revised - 1), time(12), UTC)]
        return [first]

    def deleted(self, row: int, today: int) -> bool:
        return 0 < self.lives[row].deleted <= today


def to_day(day: date) -> int:
    return (day - _DAY_ONE).days


def to_date(day: int) -> date:
    return _DAY_ONE + timedelta(days=day)


def sets_of(categories: Iterable[str]) -> set[str]:
    """`cs.LG` is in the sets `cs`, `cs:cs` and `cs:cs:LG`; `hep-th` in `physics` and `physics:hep-th`."""
    found = set()
    for code in categories:
        archive, dot, subject = code.partition(".")
        group = archive if archive in _GROUPS else "physics"
        found |= {group, f"{group}:{archive}"} | ({f"{group}:{archive}:{subject}"} if dot else set())
    return found


def _sent(ids: Sequence[str], published: Sequence[str | None]) -> list[datetime]:
    """When each first version was sent in. Where only the month is known, spread over it in order of ids."""
    months: dict[date, int] = {}
    places = []
    for name in ids:
        month = identifiers.month_of(name) or date(2000, 1, 1)
        places.append((month, months.get(month, 0)))
        months[month] = months.get(month, 0) + 1
    found = []
    for (month, place), said in zip(places, published, strict=True):
        guessed = month + timedelta(days=place * 28 // months[month])
        day = date.fromisoformat(said[:10]) if said else guessed
        found.append(datetime.combine(day, time(8, place % 60, place // 60 % 60), UTC))
    return found


def _life(
    number: int, sent: datetime, said: tuple[str | None, str | None], late: float, deleted: float
) -> Life:
    # arXiv filed everything older under the day on which it began to file by days.
    first = max(to_day(announcement_day(sent)), to_day(date(2005, 9, 16)))
    later = [to_day(date.fromisoformat(one[:10])) + 1 for one in said if one]
    revised = max((day for day in later if day > first + 2), default=0)
    # By number and not by chance: the same corpus lives the same life each time.
    lot = number * 7919 % 10_000 / 10_000
    gone = max(first, revised) + 3 if lot < deleted else 0
    return Life(first, revised, gone, first + 2 if 1 - lot <= late else first)


def invented(count: int, first: date, per_day: int = 10) -> list[dict[str, Any]]:
    """Rows of papers that nobody wrote: `per_day` for each weekday from `first`."""
    rows: list[dict[str, Any]] = []
    day, number = first, 0
    while len(rows) < count:
        if day.weekday() < 5:
            for _ in range(min(per_day, count - len(rows))):
                number += 1
                rows.append({
                    "id": f"{day:%y%m}.{number:05d}",
                    "title": f"On the news of {day:%d %B}, part {number} & more",
                    "abstract": f"We read it <twice> and say what we found in part {number}.",
                    "authors": ["Ada Lovelace", f"Reader Number{number}"],
                    "categories": ["cs.LG", "stat.ML"] if number % 3 else ["math.CO"],
                    "primary_category": "cs.LG" if number % 3 else "math.CO",
                    "published": day.isoformat(),
                    "updated": (day + timedelta(days=6)).isoformat() if number % 5 == 0 else None,
                    "comment": "Code: https://github.com/ada/engine" if number % 4 == 0 else None,
                })  # fmt: skip
        day += timedelta(days=1)
    return rows
