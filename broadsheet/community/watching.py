"""Looks through the vote log for votes that were arranged, and says what speaks for it. It changes nothing.

Two patterns: a *burst* (many votes for one paper within an hour) and a *ring* (accounts that vote for the
same papers again and again). Either is shown only with signs that honest readers seldom have together; a
laboratory behind one address that joins on one morning has some of them, which is why a curator decides.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations
from typing import Final, Literal

from django.utils import timezone

from broadsheet.community.votes import GROWN_UP, counted
from broadsheet.models import Ballot, Paper, Reader, Upvote

SPAN: Final = timedelta(days=30)
# The newest lines that are looked through, and what is shown of what is found.
LINES_MOST: Final = 20_000
FINDINGS_MOST: Final = 20

HOUR: Final = timedelta(hours=1)
BURST_LEAST: Final = 5
# A burst is told when so many of its votes bear one sign, and two signs at least are there.
SHARE: Final = 0.6
SIGNS_LEAST: Final = 2
TOGETHER: Final = timedelta(days=2)

# Two accounts are tied by so many papers in common, if those are most of what either voted for.
TIED_PAPERS: Final = 3
TIED_SHARE: Final = 0.6
RING_LEAST: Final = 3
# A paper that so many voted for ties nobody to anybody.
POPULAR: Final = 50


@dataclass(frozen=True, slots=True)
class Cast:
    """One counted vote as the log keeps it."""

    reader: int
    paper: int
    at: datetime
    joined_at: datetime
    network: str
    agent: str
    referrer: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Votes that look arranged: whose, for what, and the signs in words, the strongest first."""

    kind: Literal["burst", "ring"]
    casts: tuple[Cast, ...]
    signs: tuple[str, ...]

    @property
    def readers(self) -> list[int]:
        return sorted({cast.reader for cast in self.casts})

    @property
    def papers(self) -> list[int]:
        return sorted({cast.paper for cast in self.casts})


@dataclass(frozen=True, slots=True)
class Case:
    """A finding with the people and papers it names, for a curator to judge."""

    finding: Finding
    people: list[Reader]
    about: list[Paper]


def cases(now: datetime | None = None) -> list[Case]:
    """What stands in the log of the last month and looks arranged, the largest first. Four queries."""
    findings = find(_casts((now or timezone.now()) - SPAN))[:FINDINGS_MOST]
    people = Reader.objects.in_bulk({key for finding in findings for key in finding.readers})
    papers = Paper.objects.cards().in_bulk({key for finding in findings for key in finding.papers[:20]})
    return [
        Case(
            finding,
            [people[key] for key in finding.readers if key in people],
            [papers[key] for key in finding.papers if key in papers],
        )
        for finding in findings
    ]


def _casts(since: datetime) -> list[Cast]:
    """The votes since then that count now, from the log."""
    lines = Ballot.objects.filter(at__gte=since, step=1, cause="reader").order_by("-pk")
    rows = list(
        lines.values_list("reader", "paper", "at", "account_days", "network", "agent", "referrer")[
            :LINES_MOST
        ]
    )
    standing = set(
        Upvote.objects.filter(created_at__gte=since, counted=True).values_list("reader_id", "paper_id")
    )
    return [
        Cast(reader, paper, at, at - timedelta(days=days), network, agent, referrer)
        for reader, paper, at, days, network, agent, referrer in rows
        if (reader, paper) in standing
    ]


def find(casts: Iterable[Cast]) -> list[Finding]:
    """Bursts and rings among votes, the largest first. What a ring explains is not told again as a burst."""
    known = sorted(casts, key=lambda cast: (cast.at, cast.reader))
    rings = _rings(known)
    explained = {(cast.reader, cast.paper) for ring in rings for cast in ring.casts}
    by_paper: dict[int, list[Cast]] = defaultdict(list)
    for cast in known:
        by_paper[cast.paper].append(cast)
    bursts = [
        burst
        for votes in by_paper.values()
        if (burst := _burst(votes)) and not {(cast.reader, cast.paper) for cast in burst.casts} <= explained
    ]
    return sorted([*rings, *bursts], key=lambda found: (-len(found.readers), found.readers))


# --- bursts ----------------------------------------------------------------------------------------------


def _burst(votes: Sequence[Cast]) -> Finding | None:
    """The fullest hour of a paper's votes (by time), if it bears signs enough."""
    first, best = 0, (0, 0)
    for last, cast in enumerate(votes):
        while cast.at - votes[first].at > HOUR:
            first += 1
        best = max(best, (last + 1 - first, -first))
    size, start = best[0], -best[1]
    if size < BURST_LEAST:
        return None
    hour = votes[start : start + size]
    signs = _signs(hour)
    if len(signs) < SIGNS_LEAST:
        return None
    marked = {cast.reader for _, those in signs for cast in those}
    minutes = max(1, int((hour[-1].at - hour[0].at) / timedelta(minutes=1)))
    said = f"{counted(size, 'vote')} for one paper within {counted(minutes, 'minute')}"
    return Finding(
        "burst", tuple(cast for cast in hour if cast.reader in marked), (said, *(words for words, _ in signs))
    )


def _signs(votes: Sequence[Cast]) -> list[tuple[str, list[Cast]]]:
    """(in words, the votes that bear it) of each sign that most of these votes bear."""
    found = []
    for words, those in (
        ("came from accounts less than a week old", [v for v in votes if v.at - v.joined_at < GROWN_UP]),
        ("came from accounts made within two days of each other", _made_together(votes)),
        ("came from one network", _most_common(votes, [vote.network for vote in votes])),
        ("came by a link from outside or by none", [v for v in votes if v.referrer in ("none", "elsewhere")]),
    ):
        if len(those) >= max(3, SHARE * len(votes)):
            found.append((f"{len(those):,} of {len(votes):,} {words}", those))
    return found


def _made_together(votes: Sequence[Cast]) -> list[Cast]:
    """The most votes whose accounts were made within TOGETHER of each other."""
    by_age = sorted(votes, key=lambda vote: vote.joined_at)
    first, best = 0, (0, 0)
    for last, vote in enumerate(by_age):
        while vote.joined_at - by_age[first].joined_at > TOGETHER:
            first += 1
        best = max(best, (last + 1 - first, -first))
    return by_age[-best[1] : -best[1] + best[0]]


def _most_common(votes: Sequence[Cast], names: Sequence[str]) -> list[Cast]:
    told = Counter(name for name in names if name)
    if not told:
        return []
    most = told.most_common(1)[0][0]
    return [vote for vote, name in zip(votes, names, strict=True) if name == most]


# --- rings -----------------------------------------------------------------------------------------------


def _rings(casts: Sequence[Cast]) -> list[Finding]:
    """Groups of accounts, each tied to another of the group by most of its votes."""
    voted: dict[int, set[int]] = defaultdict(set)
    voters: dict[int, set[int]] = defaultdict(set)
    for cast in casts:
        voted[cast.reader].add(cast.paper)
        voters[cast.paper].add(cast.reader)
    shared: Counter[tuple[int, int]] = Counter()
    for those in voters.values():
        if len(those) <= POPULAR:
            shared.update(combinations(sorted(those), 2))
    group = {reader: {reader} for reader in voted}
    for (one, other), count in shared.items():
        tied = count >= TIED_PAPERS and count >= TIED_SHARE * len(voted[one] | voted[other])
        if tied and group[one] is not group[other]:
            joined = group[one] | group[other]
            for reader in joined:
                group[reader] = joined
    return [
        _ring(members, voters, [cast for cast in casts if cast.reader in members])
        for members in {id(those): those for those in group.values()}.values()
        if len(members) >= RING_LEAST
    ]


def _ring(members: set[int], voters: dict[int, set[int]], votes: list[Cast]) -> Finding:
    together = {paper for paper, those in voters.items() if len(those & members) >= 0.5 * len(members)}
    said = f"{counted(len(members), 'account')} voted for the same {counted(len(together), 'paper')}"
    firsts = list({vote.reader: vote for vote in reversed(votes)}.values())
    return Finding("ring", tuple(votes), (said, *(words for words, _ in _signs(firsts))))
