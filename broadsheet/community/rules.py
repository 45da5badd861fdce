"""What curators set for everybody, and what one reader may do by it: bans, newcomers, limits."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from broadsheet.community.refusals import Refused
from broadsheet.models import Ban, CommunityRules, Paper, Reader
from broadsheet.models.kept import Kept
from broadsheet.trending.standing import READ as STANDS_BY


def rules() -> CommunityRules:
    """The rules as they stand; before a curator has set any, the usual ones."""
    return CommunityRules.objects.first() or CommunityRules()


def may_act(reader: Reader) -> None:
    """Raises Refused when the reader's account is switched off or banned."""
    if not reader.is_active:
        raise Refused("This account is switched off.", 403)
    ban = Ban.objects.filter(reader=reader).first()
    if ban and (ban.until is None or ban.until > timezone.now()):
        until = f" until {ban.until:%d %B %Y}" if ban.until else ""
        raise Refused(
            f"You may read here, but not take part{until}: {ban.reason} "
            "If you think that this is wrong, write to whoever keeps this server.",
            403,
        )


def is_newcomer(reader: Reader, known: CommunityRules | None = None) -> bool:
    """Whether the account is younger than the rules ask of those whose submissions need no look."""
    days = (known or rules()).newcomer_days
    return not reader.is_curator and reader.joined_at > timezone.now() - timedelta(days=days)


def within(rows: Any, column: str, most: int, span: timedelta, what: str) -> None:
    """Raises Refused (429) when `rows` since `span` ago are `most` or more. 0 is no limit.

    The limit is soft at its edge: two requests at the very same moment may both pass.
    """
    if not most:
        return
    since = timezone.now() - span
    newest = list(rows.filter(**{f"{column}__gt": since}).order_by(f"-{column}").values_list(column)[:most])
    if len(newest) < most:
        return
    seconds = max(60, int((newest[-1][0] + span - timezone.now()).total_seconds()))
    raise Refused(f"{what} Try again in {_spoken(seconds)}.", 429, seconds)


def _spoken(seconds: int) -> str:
    minutes = -(-seconds // 60)
    if minutes < 60:
        return f"{minutes} minute{'s' if minutes != 1 else ''}"
    hours = -(-minutes // 60)
    return f"{hours} hour{'s' if hours != 1 else ''}"


def open_paper(key: int) -> Paper:
    """The paper, locked for this transaction, if readers may still act on it. Raises Refused otherwise."""
    return _open(Paper.objects.select_for_update().filter(pk=key).first())


# What a vote reads of its paper while others wait for it: not its words.
_COUNTED = ("identifier", *STANDS_BY)
_by_key = Kept(lambda: Paper.objects.select_for_update().only(*_COUNTED).filter(pk=0))
_by_name = Kept(lambda: Paper.objects.select_for_update().only(*_COUNTED).filter(identifier=""))


def open_counts(key: int | str) -> Paper:
    """As `open_paper`, with what its standing is worked out from alone. `key`: its number or identifier."""
    row = (_by_name if isinstance(key, str) else _by_key).row(key)
    return _open(Paper.from_db(connection.alias, *row) if row else None)


def _open(paper: Paper | None) -> Paper:
    if paper is None:
        raise Refused("There is no such paper here.", 404)
    if paper.hidden:
        raise Refused("This paper has been taken out, so nothing can be added to it.", 410)
    return paper
