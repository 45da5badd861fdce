"""One paper that somebody asks for: known already, or asked for at its home and taken in."""

from __future__ import annotations

from datetime import UTC, datetime

from broadsheet import doors, identifiers, search
from broadsheet.catalog.taking import take_in
from broadsheet.models import Paper
from broadsheet.sources import moments


def look_up(spelling: str, patience: float = 10.0) -> Paper | None:
    """The paper that an id or address in any spelling means; None if nobody knows it.

    A paper that is not here yet is asked for at its home (`doors.look_up`) and taken in, which takes up to
    `patience` seconds. Raises SourceError with a sentence for people when its home cannot be asked.
    """
    identified = identifiers.parse(spelling)
    if identified is None:
        return None
    known = search.by_identifier(identified.identifier)
    if known or identified.scheme == "local":
        return known
    told = doors.look_up(identified.identifier, patience)
    if told is None:
        return None
    now = datetime.now(UTC)
    take_in([moments.believable(told, now.date())], now)
    return search.by_identifier(identified.identifier)
