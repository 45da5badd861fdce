"""Kinds of papers that other rooms know: what is followed, an organisation, a reader, a collection, a taught
interest.

Each is one entry of KINDS: how it is called, which keys it takes, and its candidates since a day. A further
kind is a further entry here, a label in `web/subscribing.py`, and a test.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Final

from broadsheet import recommendations, text
from broadsheet.community import Refused, following
from broadsheet.models import Collection as PaperCollection
from broadsheet.models import Interest, Paper, Reader, Subscription

# Papers that are looked at for one edition; nobody is sent more than 50.
MOST = 200


class BadChoice(ValueError):
    """A choice that cannot be meant. The message is a sentence; `field` is what it is about."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


@dataclass(frozen=True, slots=True)
class Candidate:
    """A paper with the reason that a reader is told, and when it became news."""

    paper: int
    reason: str
    came: datetime


Found = list[Candidate]


@dataclass(frozen=True)
class Kind:
    """`words`: what a key is about, as its owner would say it. `checked`: the key as it is kept; raises
    BadChoice. `candidates`: of one subscription, since a day, without the papers (by number) that must not
    return, best first. `personal`: only for the owner of an account, at their own address."""

    words: Callable[[str], str]
    checked: Callable[[str, Reader | None], str]
    candidates: Callable[[Subscription, date, Collection[int]], Found]
    personal: bool = False
    alerts: bool = False


def _since(first: date) -> datetime:
    return datetime.combine(first, time(), UTC)


# What is followed, all of it or one thing.


def _followed(subscription: Subscription, first: date, never: Collection[int]) -> Found:
    if subscription.reader is None:
        return []
    return _of_news(following.papers_followed(subscription.reader, _since(first)), never)


def _one(kind: str) -> Callable[[Subscription, date, Collection[int]], Found]:
    def candidates(subscription: Subscription, first: date, never: Collection[int]) -> Found:
        return _of_news(following.of_one(kind, subscription.key, subscription.reader, _since(first)), never)

    return candidates


def _of_news(news: list[following.News], never: Collection[int]) -> Found:
    return [
        Candidate(each.paper.pk, ", ".join(each.why[:3]), max(each.at, each.paper.changed_at))
        for each in news
        if each.paper.pk not in never
    ][:MOST]


def _named(kind: str) -> Callable[[str, Reader | None], str]:
    def checked(key: str, reader: Reader | None) -> str:
        try:
            return following.canonical(kind, key, reader)
        except Refused as refused:
            raise BadChoice("key", str(refused)) from refused

    return checked


def _collection_in_words(key: str) -> str:
    name = PaperCollection.objects.filter(pk=int(key or 0)).values_list("name", flat=True).first()
    return f"papers in the collection “{text.plain_line(name[:80])}”" if name else "papers in a collection"


# An interest that its reader taught.


def _interest_of(key: str, reader: Reader | None) -> Interest | None:
    number = int(key) if key.isascii() and key.isdecimal() and len(key) < 19 else 0
    return Interest.objects.filter(pk=number, reader=reader).first() if reader else None


def _taught_key(key: str, reader: Reader | None) -> str:
    found = _interest_of(key, reader)
    if found is None:
        raise BadChoice("key", "There is no such interest of yours. Open one and choose “By mail” there.")
    return str(found.pk)


def _taught(subscription: Subscription, first: date, never: Collection[int]) -> Found:
    interest = _interest_of(subscription.key, subscription.reader)
    if interest is None:
        return []
    picks = recommendations.for_interest(
        interest, subscription.reader, first=first, limit=100, exclude=never
    ).picks
    keys = [pick.paper.pk for pick in picks]
    came = dict(Paper.objects.listed().filter(pk__in=keys).values_list("pk", "changed_at"))
    return [
        Candidate(pick.paper.pk, pick.why or f"for “{interest.name}”", came[pick.paper.pk])
        for pick in picks
        if pick.paper.pk in came
    ]


def _taught_in_words(key: str) -> str:
    name = Interest.objects.filter(pk=int(key or 0)).values_list("name", flat=True).first()
    return f"papers for “{text.plain_line(name[:80])}”" if name else "papers for an interest of yours"


KINDS: Final[dict[str, Kind]] = {
    "following": Kind(
        lambda key: "papers of what you follow", lambda key, reader: "", _followed, personal=True, alerts=True
    ),
    "organization": Kind(
        lambda key: f"papers from {text.plain_line(key[:80])}",
        _named("organization"),
        _one("organization"),
        alerts=True,
    ),
    "reader": Kind(
        lambda key: f"papers that {key} voted for or brought", _named("reader"), _one("reader"), alerts=True
    ),
    "collection": Kind(_collection_in_words, _named("collection"), _one("collection"), alerts=True),
    "taught": Kind(_taught_in_words, _taught_key, _taught, personal=True),
}
