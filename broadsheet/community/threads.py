"""Reads the talk about a paper: threads in order, who wrote what, who is an author, what was reacted.

A page of talk costs the same number of queries whatever it holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field
from typing import Final

from django.db.models import Count

from broadsheet.community import blocking, talking
from broadsheet.models import REACTIONS, Claim, Comment, Paper, Reaction, Reader

# Threads on a page, and answers that one page may hold in all.
THREADS: Final = 20
MOST_ANSWERS: Final = 1_000


@dataclass(slots=True)
class Said:
    """A comment as a reader may see it. `text` is empty where it is not shown, and `gone` says why.

    `folded`: the viewer blocks its writer, so it opens only when asked to.
    """

    comment: Comment
    text: str
    gone: str
    by_author: bool
    mine: bool
    reactions: list[tuple[str, int, bool]] = field(default_factory=list)
    folded: bool = False

    @property
    def key(self) -> int:
        return self.comment.pk


@dataclass(slots=True)
class Talk:
    """One page of the talk about a paper. `total` counts comments everybody may read, `pages` from 1."""

    paper: Paper
    said: list[Said]
    page: int
    pages: int
    total: int
    names: dict[str, Reader] = field(default_factory=dict)


def talk(paper: Paper, viewer: Reader | None = None, page: int = 1) -> Talk:
    """A page of threads, oldest first, each with its answers beneath it."""
    if viewer is None and not paper.comments:
        # What is left are comments that nobody may read: to a stranger there is no talk.
        return Talk(paper, [], 1, 1, 0)
    roots = Comment.objects.filter(paper=paper, root=None)
    many = roots.count()
    if not many:
        return Talk(paper, [], 1, 1, 0)
    pages = -(-many // THREADS)
    page = min(page, pages)
    begun = roots.select_related("reader").order_by("pk")[(page - 1) * THREADS : page * THREADS]
    found = list(begun)
    answers = Comment.objects.filter(root__in=[root.pk for root in found]).select_related("reader")
    shown = in_order([*found, *answers.order_by("pk")[:MOST_ANSWERS]])
    said = told(paper, shown, viewer)
    names = talking.known_names([name for one in said for name in talking.named(one.text)])
    return Talk(paper, _without_empty(said), page, pages, paper.comments, names)


def told(paper: Paper, comments: Sequence[Comment], viewer: Reader | None) -> list[Said]:
    """Comments on one paper with everything that is shown beside them."""
    return _told(comments, {(paper.pk, reader) for reader in writers(paper)}, viewer)


def told_of_many(comments: Sequence[Comment], viewer: Reader | None) -> list[Said]:
    """Comments on several papers with the same. Three queries, however many."""
    claims = Claim.objects.filter(paper__in={comment.paper_id for comment in comments}, state="granted")
    return _told(comments, set(claims.values_list("paper_id", "reader_id")), viewer)


def _told(
    comments: Sequence[Comment], authors: Set[tuple[int, int | None]], viewer: Reader | None
) -> list[Said]:
    reactions = _reactions([comment.pk for comment in comments], viewer)
    curator = viewer is not None and viewer.is_curator
    unheard = blocking.blocked_keys(viewer)
    found = []
    for comment in comments:
        mine = viewer is not None and comment.reader_id == viewer.pk
        gone = ""
        if comment.withdrawn_at:
            gone = "Taken back by its writer." if comment.reader_id else "Its writer has left."
        elif comment.hidden:
            gone = "Hidden by a curator."
        readable = not gone or (comment.hidden and not comment.withdrawn_at and (curator or mine))
        found.append(
            Said(
                comment,
                comment.text if readable else "",
                gone,
                (comment.paper_id, comment.reader_id) in authors,
                mine,
                reactions.get(comment.pk, []),
                comment.reader_id in unheard,
            )
        )
    return found


def writers(paper: Paper) -> frozenset[int]:
    """Keys of the readers who are known to have written the paper."""
    return frozenset(Claim.objects.filter(paper=paper, state="granted").values_list("reader_id", flat=True))


def _reactions(keys: Sequence[int], viewer: Reader | None) -> dict[int, list[tuple[str, int, bool]]]:
    """(word, how many, whether the viewer is among them) for each comment, in the order of the words."""
    counts = {
        (row["comment"], row["kind"]): row["many"]
        for row in Reaction.objects.filter(comment__in=keys)
        .values("comment", "kind")
        .annotate(many=Count("pk"))
        .order_by()
    }
    mine = set()
    if viewer and counts:
        mine = set(Reaction.objects.filter(comment__in=keys, reader=viewer).values_list("comment", "kind"))
    found: dict[int, list[tuple[str, int, bool]]] = {}
    for key in keys:
        found[key] = [(kind, counts.get((key, kind), 0), (key, kind) in mine) for kind in REACTIONS]
    return found


def in_order(comments: Iterable[Comment]) -> list[Comment]:
    """Each comment right after what it answers, answers to one comment in the order they came.

    Goes down a thread without recursion: its depth is other people's choice.
    """
    below: dict[int | None, list[Comment]] = {}
    known = {comment.pk: comment for comment in comments}
    for comment in known.values():
        above = comment.parent_id if comment.parent_id in known else None
        below.setdefault(above, []).append(comment)
    ordered: list[Comment] = []
    ahead = list(reversed(below.get(None, [])))
    while ahead:
        comment = ahead.pop()
        ordered.append(comment)
        ahead.extend(reversed(below.get(comment.pk, [])))
    return ordered


def _without_empty(said: list[Said]) -> list[Said]:
    """Without comments that nobody may read and that no readable one answers."""
    needed: set[int] = set()
    kept = []
    for one in reversed(said):
        if not one.gone or one.text or one.key in needed:
            kept.append(one)
            if one.comment.parent_id:
                needed.add(one.comment.parent_id)
    return kept[::-1]


def page_of(comment: Comment) -> int:
    """On which page of its paper's talk a comment stands."""
    root = comment.root_id or comment.pk
    before = Comment.objects.filter(paper=comment.paper_id, root=None, pk__lt=root).count()
    return before // THREADS + 1


def newest(paper: Paper, most: int) -> list[Comment]:
    """A paper's newest readable comments, for its feed."""
    shown = Comment.objects.filter(paper=paper, hidden=False, withdrawn_at=None)
    return list(shown.select_related("reader").order_by("-pk")[:most])
