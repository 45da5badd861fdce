"""The mail itself: an edition's frozen words in three templates (subject, text, HTML).

An edition of twenty papers is mostly words that other editions have too. Each clipping is set once, with its
styles inlined, and kept; the frame likewise, with marks where an edition's own words go.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from html import escape
from typing import Any

import css_inline
from django.conf import settings
from django.template.loader import render_to_string

from broadsheet import mail
from broadsheet.digest import clippings, links
from broadsheet.digest.kinds import KINDS
from broadsheet.mail import Content
from broadsheet.models import Clipping, Edition, Message, Paper, Subscription

KIND = "edition"
# Marks that no paper's words can contain: they are new with each process.
_MARK = secrets.token_hex(8)
SLOTS = ("title", "date", "intro", "papers", "more", "why", "manage", "stop", "web")
Picks = Sequence[tuple[int, str]]


class Altered(Exception):
    """What is stored is not what was frozen."""


@dataclass(frozen=True)
class Words:
    """What one edition says around its papers."""

    subject: str
    day: str
    intro: str
    why: str
    manage: str
    stop: str
    more: str = ""


Named = tuple[int, date, int]


class Composer:
    """The words of queued editions."""

    def __init__(self) -> None:
        # Each sender of a process has a thread of its own.
        self._at_hand = threading.local()

    def ready(self, messages: Sequence[Message]) -> None:
        """Reads the editions of the next messages, and what they say of papers, with one question each."""
        names = {_named(message) for message in messages}
        rows = Edition.objects.select_related("subscription").defer("subscription__sent")
        found = rows.filter(
            subscription__in={name[0] for name in names}, issue_on__in={name[1] for name in names}
        )
        at_hand = {(each.subscription_id, each.issue_on, each.number): each for each in found}
        self._at_hand.editions = {name: at_hand[name] for name in names if name in at_hand}
        _remember([key for each in self._at_hand.editions.values() for key, _ in each.picks])

    def __call__(self, message: Message, share: float = 1.0) -> Content:
        """The words of one edition; `share` of its papers where the whole would be too long.

        Raises Altered when its picks are not those that were frozen.
        """
        name = _named(message)
        edition = getattr(self._at_hand, "editions", {}).get(name)
        if edition is None:
            edition = Edition.objects.select_related("subscription").get(
                subscription_id=name[0], issue_on=name[1], number=name[2]
            )
        return content_of(edition.subscription, edition.picks, edition.issue_on, edition.digest, share)


compose = Composer()


def _named(message: Message) -> Named:
    """(subscription, day, number) of the edition that a message carries."""
    subscription_key, _, issue = message.key.removeprefix(f"{KIND}:").partition(":")
    day, _, number = issue.partition("/")
    return int(subscription_key), date.fromisoformat(day), int(number or 0)


def content_of(
    subscription: Subscription, picks: Picks, day: date, digest: str = "", share: float = 1.0
) -> Content:
    """An edition's words; with a `digest` they are compared with what was frozen."""
    _remember([key for key, _ in picks])
    if digest and frozen(picks) != digest:
        raise Altered("The edition is not what was frozen.")
    kept = list(picks)[: max(1, round(len(picks) * share))] if picks else []
    words = _words(subscription, kept, len(picks), day)
    plain = _plain(words, kept)
    html = _html(words, kept) if subscription.form == "html" else ""
    return Content(words.subject, plain, html)


def shown(papers: Sequence[tuple[Paper, str]], subscription: Subscription, day: date) -> Content:
    """An edition of these papers with their reasons, for looking at: nothing is kept."""
    picks = []
    for paper, reason in papers:
        content = clippings.cut(paper)
        _SET[-paper.pk] = _set(clippings.digest_of(content), content)
        picks.append((-paper.pk, reason))
    return content_of(subscription, picks, day)


def frozen(picks: Picks) -> str:
    """SHA-256 over the picks, their reasons and the words of their clippings."""
    _remember([key for key, _ in picks])
    said = [[_SET[key].digest, reason] for key, reason in picks]
    return hashlib.sha256(json.dumps(said, ensure_ascii=False).encode("utf-8", "replace")).hexdigest()


def _words(subscription: Subscription, shown: Picks, all_of_them: int, day: date) -> Words:
    first = _SET[shown[0][0]].title if shown else ""
    left = all_of_them - len(shown)
    return Words(
        subject=_subject(all_of_them, first),
        day=f"{day:%A}, {day.day} {day:%B %Y}",
        intro=f"{counted(all_of_them)}: {in_words(subscription)}",
        why=f"You get this because {subscription.address} asked for {in_words(subscription)}.",
        # What is only shown has nothing to be managed.
        manage=mail.origin() + (links.manage(subscription) if subscription.pk else "/subscribe"),
        stop=mail.origin() + (links.stop(subscription) if subscription.pk else "/subscribe"),
        more=f"{left} more did not fit in this mail." if left else "",
    )


@lru_cache(maxsize=2_000)
def _subject(count: int, first: str) -> str:
    return " ".join(render_to_string("mail/edition_subject.txt", {"count": count, "first": first}).split())


def counted(many: int) -> str:
    return f"{many:,} paper{'s' * (many != 1)}"


def in_words(subscription: Subscription) -> str:
    """What a subscription is about, as its owner would say it."""
    key = subscription.key
    if subscription.what == "trending":
        return f"trending papers in {', '.join(key.split())}" if key else "trending papers"
    if subscription.what == "author":
        return f"papers by {key.replace('-', ' ').title()}"
    if subscription.what == "search":
        return f"papers that match “{_short(key)}”"
    if subscription.what == "interest":
        return f"papers near “{_short(key)}”"
    if subscription.what in KINDS:
        return KINDS[subscription.what].words(key)
    return "papers chosen for you"


def _short(words: str) -> str:
    return words if len(words) <= 80 else words[:79] + "…"


# Clippings, set once


@dataclass(frozen=True, slots=True)
class _Piece:
    digest: str
    title: str
    plain: str
    lead: str
    html: str


_SET: dict[int, _Piece] = {}
MOST_SET = 5_000


def _remember(keys: Sequence[int]) -> None:
    """Sets the clippings that are not set yet; one question for all of them."""
    missing = [key for key in keys if key not in _SET]
    if not missing:
        return
    if len(_SET) > MOST_SET:
        _SET.clear()
        missing = list(keys)
    for clipping in Clipping.objects.filter(pk__in=missing):
        _SET[clipping.pk] = _set(clipping.digest, clipping.content)


def _set(digest: str, content: dict[str, Any]) -> _Piece:
    context = {**content, "url": mail.origin() + content["path"], "reason": _MARK}
    plain = render_to_string("mail/_paper.txt", context).strip("\n")
    return _Piece(
        digest,
        content["title"],
        plain,
        _inlined("mail/_paper.html", context | {"lead": True}),
        _inlined("mail/_paper.html", context | {"lead": False}),
    )


def _inlined(template: str, context: dict[str, Any]) -> str:
    return _inliner().inline_fragment(render_to_string(template, context), _css()).strip()


@lru_cache(maxsize=1)
def _inliner() -> css_inline.CSSInliner:
    return css_inline.CSSInliner(load_remote_stylesheets=False)


@lru_cache(maxsize=1)
def _css() -> str:
    return render_to_string("mail/mail.css")


@lru_cache(maxsize=4)
def _frame(template: str, name: str, origin: str) -> str:
    """The HTML around the papers, its styles inlined, with a mark for each slot."""
    context = {slot: f"{_MARK}-{slot}-" for slot in SLOTS} | {"site_name": name, "origin": origin}
    framed = css_inline.CSSInliner(load_remote_stylesheets=False, extra_css=_css()).inline(
        render_to_string(template, context)
    )
    # What only a style sheet can say (dark colours, narrow screens) stays one.
    return framed.replace("</head>", f"<style>{render_to_string('mail/dark.css')}</style></head>", 1)


def _html(words: Words, shown: Picks) -> str:
    pieces = [
        (_SET[key].lead if place == 0 else _SET[key].html).replace(_MARK, escape(reason))
        for place, (key, reason) in enumerate(shown)
    ]
    return filled(
        _frame("mail/edition.html", settings.SITE_NAME, mail.origin()),
        {
            "title": escape(words.subject),
            "date": escape(words.day),
            "intro": escape(words.intro),
            "papers": "\n".join(pieces),
            "more": escape(words.more),
            "why": escape(words.why),
            "manage": escape(words.manage),
            "stop": escape(words.stop),
            "web": escape(mail.origin() + "/papers"),
        },
    )


def filled(frame: str, slots: dict[str, str]) -> str:
    for slot, words in slots.items():
        frame = frame.replace(f"{_MARK}-{slot}-", words)
    return frame


def _plain(words: Words, shown: Picks) -> str:
    papers = "\n\n\n".join(
        f"{place}. {_SET[key].plain.replace(_MARK, reason)}" for place, (key, reason) in enumerate(shown, 1)
    )
    frame = _plain_frame(settings.SITE_NAME, bool(words.more))
    return filled(frame, {**vars(words), "papers": papers}).strip() + "\n"


@lru_cache(maxsize=4)
def _plain_frame(name: str, shortened: bool) -> str:
    """The text around the papers with a mark for each slot."""
    words = {slot: f"{_MARK}-{slot}-" for slot in Words.__dataclass_fields__}
    if not shortened:
        words["more"] = ""
    return render_to_string(
        "mail/edition.txt", {"words": words, "papers": f"{_MARK}-papers-", "site_name": name}
    )


def letter(name: str, context: dict[str, Any]) -> Content:
    """A short mail of ours (`confirm`, ...) from its three templates."""
    known = {"site_name": settings.SITE_NAME, "origin": mail.origin(), **context}
    subject = " ".join(render_to_string(f"mail/{name}_subject.txt", known).split())
    inliner = css_inline.CSSInliner(load_remote_stylesheets=False, extra_css=_css())
    html = inliner.inline(render_to_string(f"mail/{name}.html", known | {"title": subject}))
    html = html.replace("</head>", f"<style>{render_to_string('mail/dark.css')}</style></head>", 1)
    return Content(subject, render_to_string(f"mail/{name}.txt", known).strip() + "\n", html)


def forget_what_is_set() -> None:
    """For tests and after settings change: everything is set anew."""
    _SET.clear()
    _frame.cache_clear()
    _plain_frame.cache_clear()
    _css.cache_clear()
