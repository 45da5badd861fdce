"""What a key lets a program do for its reader with others: vote, talk, bring papers. The verbs are pages'."""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpRequest
from ninja import Router
from ninja.responses import Status

from broadsheet import community
from broadsheet.api.v1_asking import by, key_of, reader_of, repeatable, viewer_of
from broadsheet.api.v1_shapes import (
    BroughtOut,
    CommentOut,
    CommentsOut,
    Cursor,
    EditIn,
    KeptOut,
    Limit,
    MeOut,
    Number,
    Page,
    Problem,
    SayIn,
    SubmissionOut,
    SubmissionsOut,
    SubmitIn,
    TalkOut,
    VoteOut,
    named,
    told,
)
from broadsheet.community import submitting, talking, threads, walking
from broadsheet.models import REACTIONS, Comment, Paper, Reader, Submission, Upvote
from broadsheet.web import submitting as submit_page
from broadsheet.web import talk as talk_page
from broadsheet.web import voting
from broadsheet.web.context import base

router = Router()

READS: Final[dict[Any, Any]] = dict.fromkeys((400, 401, 403, 404, 405, 410, 429), Problem)
ACTS: Final[dict[Any, Any]] = READS | dict.fromkeys((409, 411, 413, 415, 422), Problem)


# --- who asks ----------------------------------------------------------------------------------------------


@router.get(
    "/me", auth=by("read"), response={200: MeOut, **READS}, summary="Whose key this is", tags=["Account"]
)
def me(request: HttpRequest) -> dict[str, Any]:
    reader = reader_of(request)
    return {
        "username": reader.username,
        "name": reader.name,
        "role": reader.role,
        "newcomer": community.is_newcomer(reader),
        "key": key_of(request),
    }


# --- votes -------------------------------------------------------------------------------------------------


@router.get(
    "/votes", auth=by("read"), response={200: KeptOut, **READS}, summary="What you voted for", tags=["Votes"]
)
def votes(request: HttpRequest, limit: Limit, cursor: Cursor) -> dict[str, Any]:
    found, after = walking.voted(reader_of(request), cursor, limit)
    return {"papers": [{**told(request, each), "at": when} for each, when in found], "next": after}


@router.get(
    "/votes/{path:identifier}",
    auth=by("read"),
    response={200: VoteOut, **READS},
    summary="Whether you voted",
    tags=["Votes"],
)
def vote(request: HttpRequest, identifier: str) -> dict[str, Any]:
    paper = named(identifier)
    mine = Upvote.objects.filter(reader=reader_of(request), paper=paper).exists()
    return {"paper": paper.identifier, "upvoted": mine, "upvotes": paper.upvotes}


@router.put(
    "/votes/{path:identifier}",
    auth=by("vote", voting.upvote),
    response={200: VoteOut, **ACTS},
    summary="Vote for a paper",
    tags=["Votes"],
)
def put_vote(request: HttpRequest, identifier: str) -> dict[str, Any]:
    """Twice is once."""
    return _voted(community.upvote(reader_of(request), named(identifier), voting.evidence(request)))


@router.delete(
    "/votes/{path:identifier}",
    auth=by("vote", voting.take_back),
    response={200: VoteOut, **ACTS},
    summary="Take a vote back",
    tags=["Votes"],
)
def delete_vote(request: HttpRequest, identifier: str) -> dict[str, Any]:
    """A vote that is not there is no harm."""
    return _voted(community.take_back(reader_of(request), named(identifier), voting.evidence(request)))


def _voted(found: community.Voted) -> dict[str, Any]:
    return {
        "paper": found.paper.identifier,
        "upvoted": found.upvoted,
        "upvotes": found.paper.upvotes,
    }


# --- talk --------------------------------------------------------------------------------------------------


@router.get(
    "/talk/{path:identifier}", response={200: TalkOut, **READS}, summary="Talk about a paper", tags=["Talk"]
)
def talk(request: HttpRequest, identifier: str, page: Page) -> dict[str, Any]:
    """Twenty threads a page, each comment right behind what it answers."""
    paper = named(identifier)
    found = threads.talk(paper, viewer_of(request), page)
    return {
        "paper": paper.identifier,
        "total": found.total,
        "page": found.page,
        "pages": found.pages,
        "closed": paper.locked_at is not None,
        "comments": [_said(request, one, paper) for one in found.said],
    }


@router.post(
    "/talk/{path:identifier}",
    auth=by("comment", talk_page.talk),
    response={201: CommentOut, **ACTS},
    summary="Comment on a paper",
    tags=["Talk"],
)
@repeatable
def say(request: HttpRequest, identifier: str, body: SayIn) -> Status[Any]:
    """The same words within ten minutes are the same comment."""
    made = talking.say(reader_of(request), named(identifier).pk, body.text, body.parent)
    return Status(201, _one(request, made, reader_of(request)))


@router.get(
    "/comments",
    auth=by("read"),
    response={200: CommentsOut, **READS},
    summary="What you wrote, newest first",
    tags=["Talk"],
)
def comments(request: HttpRequest, limit: Limit, cursor: Cursor) -> dict[str, Any]:
    reader, rows = reader_of(request), talking.comments_by(reader_of(request)).select_related("reader")
    if (last := walking.number_of(cursor)) is not None:
        rows = rows.filter(pk__lt=last)
    found = list(rows[: limit + 1])
    shown = threads.told_of_many(found[:limit], reader)
    after = str(found[limit - 1].pk) if len(found) > limit else ""
    return {"comments": [_said(request, one, one.comment.paper) for one in shown], "next": after}


@router.get("/comments/{key}", response={200: CommentOut, **READS}, summary="One comment", tags=["Talk"])
def comment(request: HttpRequest, key: Number) -> dict[str, Any]:
    viewer = viewer_of(request)
    return _one(request, talking.visible(key, viewer), viewer)


@router.patch(
    "/comments/{key}",
    auth=by("comment", talk_page.edit),
    response={200: CommentOut, **ACTS},
    summary="Change your comment",
    tags=["Talk"],
)
def edit(request: HttpRequest, key: Number, body: EditIn) -> dict[str, Any]:
    """What it said before stays readable in its history."""
    return _one(request, talking.edit(reader_of(request), key, body.text), reader_of(request))


@router.delete(
    "/comments/{key}",
    auth=by("comment", talk_page.withdraw),
    response={200: CommentOut, **ACTS},
    summary="Take your comment back",
    tags=["Talk"],
)
def withdraw(request: HttpRequest, key: Number) -> dict[str, Any]:
    """Its place stays, its words are shown no more. Twice is no harm."""
    return _one(request, talking.withdraw(reader_of(request), key), reader_of(request))


@router.post(
    "/comments/{key}/restore",
    auth=by("comment", talk_page.restore),
    response={200: CommentOut, **ACTS},
    summary="Bring your comment back",
    tags=["Talk"],
)
@repeatable
def restore(request: HttpRequest, key: Number) -> Status[Any]:
    return Status(200, _one(request, talking.bring_back(reader_of(request), key), reader_of(request)))


@router.put(
    "/comments/{key}/reactions/{kind}",
    auth=by("comment", talk_page.react),
    response={200: CommentOut, **ACTS},
    summary="React to a comment",
    tags=["Talk"],
)
def put_reaction(request: HttpRequest, key: Number, kind: str) -> dict[str, Any]:
    """`thanks`, `agree`, `disagree` or `funny`."""
    return _reacted(request, key, kind, on=True)


@router.delete(
    "/comments/{key}/reactions/{kind}",
    auth=by("comment", talk_page.react),
    response={200: CommentOut, **ACTS},
    summary="Take a reaction back",
    tags=["Talk"],
)
def delete_reaction(request: HttpRequest, key: Number, kind: str) -> dict[str, Any]:
    return _reacted(request, key, kind, on=False)


def _reacted(request: HttpRequest, key: int, kind: str, on: bool) -> dict[str, Any]:
    reader = reader_of(request)
    talking.react(reader, key, kind, on)
    return _one(request, talking.visible(key, reader), reader)


def _one(request: HttpRequest, found: Comment, viewer: Reader | None) -> dict[str, Any]:
    return _said(request, threads.told(found.paper, [found], viewer)[0], found.paper)


def _said(request: HttpRequest, one: threads.Said, paper: Paper) -> dict[str, Any]:
    found, shown = one.comment, bool(one.text) or not one.gone
    return {
        "id": found.pk,
        "url": base(request) + found.get_absolute_url(),
        "paper": paper.identifier,
        "parent": found.parent_id,
        "depth": found.depth,
        "reader": found.reader.username if found.reader and shown else None,
        "by_author": one.by_author and shown,
        "text": one.text,
        "gone": one.gone,
        "created_at": found.created_at,
        "edited_at": found.edited_at,
        "mine": one.mine,
        "blocked": one.folded,
        "reactions": [
            {"kind": kind, "count": count, "mine": mine}
            for kind, count, mine in (one.reactions or [(kind, 0, False) for kind in REACTIONS])
        ],
    }


# --- submissions -------------------------------------------------------------------------------------------


@router.post(
    "/submissions",
    auth=by("submit", submit_page.submit),
    response={200: BroughtOut, 202: BroughtOut, **ACTS},
    summary="Bring a paper",
    tags=["Submissions"],
)
@repeatable
def submit(request: HttpRequest, body: SubmitIn) -> Status[Any]:
    """200: it is here already, and the comment stands under it. 202: it is on its way, or it waits."""
    reader = reader_of(request)
    brought = community.submit(reader, body.paper, body.comment, body.media)
    if brought.paper is not None:
        return Status(200, {"paper": brought.paper.identifier, "submission": None})
    mine = brought.submission if brought.submission and brought.submission.reader_id == reader.pk else None
    return Status(202, {"paper": None, "submission": _submission(mine) if mine else None})


@router.get(
    "/submissions",
    auth=by("read"),
    response={200: SubmissionsOut, **READS},
    summary="What you brought, newest first",
    tags=["Submissions"],
)
def submissions(request: HttpRequest, limit: Limit, cursor: Cursor) -> dict[str, Any]:
    rows = Submission.objects.filter(reader=reader_of(request)).select_related("paper").order_by("-pk")
    if (last := walking.number_of(cursor)) is not None:
        rows = rows.filter(pk__lt=last)
    found = list(rows[: limit + 1])
    after = str(found[limit - 1].pk) if len(found) > limit else ""
    return {"submissions": [_submission(one) for one in found[:limit]], "next": after}


@router.get(
    "/submissions/{key}",
    auth=by("read"),
    response={200: SubmissionOut, **READS},
    summary="How a submission stands",
    tags=["Submissions"],
)
def submission(request: HttpRequest, key: Number) -> dict[str, Any]:
    return _submission(submitting.submission_seen(key, reader_of(request)))


def _submission(one: Submission) -> dict[str, Any]:
    return {
        "id": one.pk,
        "paper": one.paper.identifier if one.paper else one.identifier,
        "state": one.state,
        "reason": one.reason,
        "created_at": one.created_at,
        "settled_at": one.settled_at,
    }
