"""A column for short ordered lists of words, readable in any database tool.

A JSON column would be stored differently by SQLite and PostgreSQL, so two equal lists could compare
as different text; names and codes hold no line breaks, so one per line says the same with less.
"""

from __future__ import annotations

from typing import Any

from django.db import models


class LinesField(models.TextField):  # type: ignore[type-arg]
    """A `list[str]`, stored one item a line. Line breaks inside an item become spaces."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("default", list)
        kwargs.setdefault("blank", True)
        super().__init__(*args, **kwargs)

    def from_db_value(self, value: str | None, expression: object, connection: object) -> list[str]:
        return value.split("\n") if value else []

    def to_python(self, value: Any) -> Any:
        if isinstance(value, str):
            return value.split("\n") if value else []
        return value

    def get_prep_value(self, value: Any) -> str:
        return pack(value or [])

    def value_to_string(self, obj: models.Model) -> str:
        return self.get_prep_value(self.value_from_object(obj))


def pack(items: list[str] | tuple[str, ...] | str) -> str:
    """The stored form of a list of words."""
    if isinstance(items, str):
        return items
    joined = "\n".join(items)
    if joined.count("\n") >= len(items) > 0:
        return "\n".join(item.replace("\n", " ") for item in items)
    return joined
