"""Which papers go into an edition: what stands high and what matches, minus everything already sent.

Candidates are worked out once for all subscriptions that ask for the same (`Pool`), then each subscriber's
own list takes away what they have had. A paper that comes in while editions are made is a candidate of the
next one, since what has been sent is all that is ever taken away.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property

import numpy as np
import numpy.typing as npt

from broadsheet import doors, identifiers, recommendations, text, trending
from broadsheet.digest.kinds import KINDS, Candidate
from broadsheet.embedders import Embedder, EmbedderUnavailable
from broadsheet.models import Author, Authorship, Hit, Mark, Paper, PaperCategory, Reader, Subscription

log = logging.getLogger("broadsheet.digest")

# Papers that one pool holds; nobody is sent more than 50 in an edition.
POOL = 400
RECOMMENDED = 100
# How far back papers are candidates, in days: votes come late, and so do papers.
BACK = {"alert": 7, "weekdays": 7, "daily": 7, "weekly": 14, "monthly": 40}
# Papers near an interest are drawn from so many of the newest, and must be at least this near (cosine).
NEWEST = 3_000
NEAR = 0.30
# A slow import's papers may be dated a little before they can be seen.
SLACK = timedelta(minutes=10)
# What is remembered of each subscription: at most so many papers.
MOST_REMEMBERED = 20_000

Keys = npt.NDArray[np.int64]


@dataclass
class Choice:
    """What one subscriber gets: papers with reasons, or why nothing."""

    picks: list[Candidate] = field(default_factory=list)
    quiet: str = ""


class Choosing:
    """Chooses for many subscriptions at one moment, remembering what they share."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self._pools: dict[tuple[str, str, date], list[Candidate]] = {}

    def choose(self, subscriptions: Sequence[Subscription]) -> dict[int, Choice]:
        """One choice for each subscription, by its key. Three questions for all, a few for each pool."""
        sent = sent_to(subscriptions)
        refused = refused_by(subscriptions)
        hits = self._hits([each for each in subscriptions if each.what == "search"])
        near = self._interests([each for each in subscriptions if each.what == "interest"])
        found = {}
        for each in subscriptions:
            never = sent[each.address_key] | refused.get(each.reader_id or 0, set())
            if each.what == "search":
                pool = hits.get(each.pk, [])
            elif each.what == "interest":
                pool = near.get(each.pk, [])
            else:
                pool = self._pool(each, never)
            found[each.pk] = self._choice(each, pool, never)
        return found

    def _choice(self, subscription: Subscription, pool: list[Candidate], never: set[int]) -> Choice:
        left = [each for each in pool if each.paper not in never]
        since = (subscription.until or subscription.created_at) - SLACK
        if subscription.until and not any(each.came >= since for each in left):
            if pool:
                return Choice(quiet="Nothing new has come in since the last edition.")
            return Choice(quiet="There is no new paper of this kind.")
        if not left:
            return Choice(quiet="There is no paper of this kind that you have not been sent.")
        return Choice(left[: subscription.how_many])

    # Pools

    def _pool(self, subscription: Subscription, never: set[int]) -> list[Candidate]:
        first = self._first_day(subscription)
        key = (subscription.what, subscription.key, first)
        if subscription.what in KINDS:
            return KINDS[subscription.what].candidates(subscription, first, never)
        if subscription.what == "foryou":
            return self._for_reader(subscription, first, never)
        if key not in self._pools:
            made = self._by_author if subscription.what == "author" else self._trending
            self._pools[key] = made(subscription.key, first)
        return self._pools[key]

    def _first_day(self, subscription: Subscription) -> date:
        back = timedelta(days=BACK[subscription.rhythm])
        since = subscription.until or self.now
        return trending.listing_day(min(since, self.now)) - back

    def _trending(self, key: str, first: date) -> list[Candidate]:
        codes = key.split()
        listed = {"listed_on__gte": first, "listed_on__lte": trending.listing_day(self.now)}
        if codes:
            rows = PaperCategory.objects.filter(category__code__in=codes, hotness__isnull=False, **listed)
            # A paper may stand in several of them.
            ordered = rows.order_by("-hotness", "paper_id").values_list("paper_id", flat=True)
            keys = list(dict.fromkeys(ordered[: POOL * len(codes)]))[:POOL]
        else:
            rows_of_all = Paper.objects.listed().filter(**listed).order_by("-hotness", "pk")
            keys = list(rows_of_all.values_list("pk", flat=True)[:POOL])
        papers = Paper.objects.cards().in_bulk(keys)
        return [
            Candidate(pk, standing(papers[pk], codes), papers[pk].changed_at) for pk in keys if pk in papers
        ]

    def _by_author(self, slug: str, first: date) -> list[Candidate]:
        author = Author.objects.filter(pk=identifiers.author_key(slug)).first()
        if author is None:
            return []
        keys = (
            Authorship.objects.filter(
                author=author, paper__hotness__isnull=False, paper__listed_on__gte=first
            )
            .order_by("-paper__listed_on", "-paper_id")
            .values_list("paper_id", "paper__changed_at")[:POOL]
        )
        reason = f"by {text.plain_line(author.name[:80])}, whom you follow"
        return [Candidate(key, reason, came) for key, came in keys]

    def _hits(self, subscriptions: Sequence[Subscription]) -> dict[int, list[Candidate]]:
        """What was matched since the last edition, best first."""
        if not subscriptions:
            return {}
        words = {each.pk: _quoted(each.key) for each in subscriptions}
        rows = (
            Hit.objects.filter(
                subscription__in=[each.pk for each in subscriptions],
                edition=None,
                paper__hotness__isnull=False,
            )
            .order_by("subscription_id", "-paper__hotness", "paper_id")
            .values_list("subscription_id", "paper_id", "found_at")
        )
        found: dict[int, list[Candidate]] = {}
        for subscription, paper, came in rows:
            if len(found.setdefault(subscription, [])) < POOL:
                found[subscription].append(Candidate(paper, f"matches {words[subscription]}", came))
        return found

    def _for_reader(self, subscription: Subscription, first: date, never: set[int]) -> list[Candidate]:
        """What the recommendations say, where they are; trending papers until they know enough."""
        if subscription.reader is not None:
            picks = recommended(subscription.reader, first, never)
            if picks:
                came = dict(
                    Paper.objects.listed()
                    .filter(pk__in=[key for key, _ in picks])
                    .values_list("pk", "changed_at")
                )
                return [Candidate(key, reason, came[key]) for key, reason in picks if key in came]
        return self._trending("", first)

    # Interests

    def _interests(self, subscriptions: Sequence[Subscription]) -> dict[int, list[Candidate]]:
        """The nearest of the newest papers for each interest: one multiplication for all of them."""
        if not subscriptions:
            return {}
        fresh = self._newest
        if fresh is None:
            return {}
        keys, came, vectors, embedder = fresh
        asked = np.asarray(embedder.embed([each.key for each in subscriptions]), np.float32)
        scores = _unit(asked) @ vectors.T
        most = min(POOL // 4, len(keys))
        best = np.argpartition(-scores, most - 1, axis=1)[:, :most]
        found = {}
        for row, each in enumerate(subscriptions):
            order = best[row][np.argsort(-scores[row, best[row]], kind="stable")]
            reason = f"near {_quoted(each.key)}"
            found[each.pk] = [
                Candidate(int(keys[one]), reason, came[one]) for one in order if scores[row, one] >= NEAR
            ]
        return found

    @cached_property
    def _newest(self) -> tuple[Keys, list[datetime], npt.NDArray[np.float32], Embedder] | None:
        try:
            embedder = doors.embedder()
        except EmbedderUnavailable as error:
            log.warning("Interests cannot be read: %s", error)
            return None
        first = trending.listing_day(self.now) - timedelta(days=BACK["weekly"])
        rows = list(
            Paper.objects.listed()
            .filter(listed_on__gte=first, listed_on__lte=trending.listing_day(self.now))
            .order_by("-listed_on", "-hotness")
            .values_list("pk", "changed_at")[:NEWEST]
        )
        if not rows:
            return None
        return (
            np.array([row[0] for row in rows], np.int64),
            [row[1] for row in rows],
            _read.of(rows, embedder),
            embedder,
        )


class _Read:
    """The vectors of the newest papers, kept from batch to batch: only what has come in since is read."""

    def __init__(self) -> None:
        self._kept: tuple[str, dict[tuple[int, datetime], npt.NDArray[np.float32]]] = ("", {})

    def of(self, rows: Sequence[tuple[int, datetime]], embedder: Embedder) -> npt.NDArray[np.float32]:
        """A row of length one for each (paper, when its words changed)."""
        name, known = self._kept
        if name != embedder.name:
            known = {}
        missing = [key for key, changed in rows if (key, changed) not in known]
        words = dict[int, str]()
        read = dict[int, npt.NDArray[np.float32]]()
        for start in range(0, len(missing), 500):
            some = Paper.objects.filter(pk__in=missing[start : start + 500])
            words |= {
                key: f"{title}\n{abstract}"
                for key, title, abstract in some.values_list("pk", "title", "abstract")
            }
        if missing:
            vectors = _unit(np.asarray(embedder.embed([words.get(key, "") for key in missing]), np.float32))
            read |= zip(missing, vectors, strict=True)
        known = {row: read[row[0]] if row not in known else known[row] for row in rows}
        # Put in place at once: pages and the sender may read at the same time.
        self._kept = (embedder.name, known)
        return np.stack([known[row] for row in rows])


_read = _Read()


def recommended(reader: Reader, first: date, never: Collection[int]) -> list[tuple[int, str]]:
    """(paper, reason) pairs from the room of recommendations; none where that has nothing to say yet."""
    found = recommendations.for_reader(reader, first=first, limit=RECOMMENDED, exclude=never)
    return [(pick.paper.pk, pick.why or "like what you saved") for pick in found.picks]


def standing(paper: Paper, codes: Sequence[str] = ()) -> str:
    """Why a paper stands high, in a few words: `34 upvotes on Hugging Face · code`."""
    said = []
    if paper.upvotes:
        said.append(f"{paper.upvotes:,} vote{'s' * (paper.upvotes != 1)} here")
    if paper.outside_upvotes:
        said.append(f"{paper.outside_upvotes:,} upvote{'s' * (paper.outside_upvotes != 1)} elsewhere")
    if paper.comments + paper.outside_comments:
        many = paper.comments + paper.outside_comments
        said.append(f"{many:,} comment{'s' * (many != 1)}")
    if paper.stars:
        said.append(f"★ {paper.stars:,} on its code")
    if said:
        return "trending: " + ", ".join(said)
    mine = next((code for code in paper.categories if code in codes), "")
    return f"new in {mine}" if mine else "new, nobody has voted on it yet"


def sent_to(subscriptions: Iterable[Subscription]) -> dict[str, set[int]]:
    """The papers that each address has been sent, by any of its subscriptions."""
    keys = {each.address_key for each in subscriptions}
    found: dict[str, set[int]] = {key: set() for key in keys}
    rows = Subscription.objects.filter(address_key__in=keys).exclude(sent=b"")
    for key, packed in rows.values_list("address_key", "sent"):
        found[key].update(unpacked(packed).tolist())
    return found


def mailed(reader: Reader) -> set[int]:
    """The papers that a reader has been sent by their subscriptions. One query."""
    rows = Subscription.objects.filter(reader=reader).exclude(sent=b"")
    return {key for packed in rows.values_list("sent", flat=True) for key in unpacked(packed).tolist()}


def refused_by(subscriptions: Iterable[Subscription]) -> dict[int, set[int]]:
    """The papers that each reader among the subscribers is not interested in, by the reader's key."""
    readers = {each.reader_id for each in subscriptions if each.reader_id}
    found: dict[int, set[int]] = {}
    if readers:
        rows = Mark.objects.filter(reader__in=readers, kind="refused").values_list("reader_id", "paper_id")
        for reader, paper in rows:
            found.setdefault(reader, set()).add(paper)
    return found


def unpacked(sent: bytes | memoryview) -> Keys:
    return np.frombuffer(bytes(sent), "<i8")


def packed(papers: Iterable[int]) -> bytes:
    """Eight bytes for each paper, the newest MOST_REMEMBERED of them."""
    keys = np.fromiter(papers, "<i8")
    return keys[-MOST_REMEMBERED:].tobytes()


def _unit(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    found: npt.NDArray[np.float32] = vectors / np.maximum(lengths, 1e-9)
    return found


def _quoted(words: str) -> str:
    return f"“{text.plain_line(text.shorten(words, 60))}”"
