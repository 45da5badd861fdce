"""A reader's interests over our own JSON API: made, taught, asked what to answer next, and read."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Final, Literal

from django.http import HttpRequest
from ninja import Query, Router, Schema
from ninja.responses import Status
from pydantic import Field

from broadsheet import community, digest, recommendations
from broadsheet.api.v1_acts import ACTS, READS
from broadsheet.api.v1_asking import by, reader_of, repeatable, viewer_of
from broadsheet.api.v1_recommending import PicksOut
from broadsheet.api.v1_shapes import Limit, Number, PaperOut, Sent, named, told
from broadsheet.community import interests
from broadsheet.community.interests import Wishes
from broadsheet.models import Interest, Reader
from broadsheet.recommendations import MOST_PICKS, Picks
from broadsheet.web import interests as interests_page
from broadsheet.web.context import base

MOST_NAMED: Final = 200

router = Router()

Days = Annotated[int, Query(30, ge=0, le=36_500, description="not older than so many days; 0 for all")]
Visibility = Literal["private", "link", "public"]


class InterestOut(Schema):
    id: int
    url: str
    name: str
    sentence: str
    query: str
    visibility: Visibility
    votes: int = Field(description="how much readers' votes count, in per cent")
    returning: bool = Field(description="what was opened or mailed may be shown again")
    fits: int = Field(description="answers that a paper belongs")
    does_not_fit: int
    changed_at: datetime


class InterestsOut(Schema):
    interests: list[InterestOut]
    next: str = ""


class InterestIn(Sent):
    name: str = ""
    sentence: str = Field("", description="what is looked for")
    query: str = Field("", description="a search, whose first papers teach as well")
    visibility: Visibility = "private"
    papers: list[str] = Field([], max_length=MOST_NAMED, description="papers that belong, by any spelling")
    unlike: list[str] = Field([], max_length=MOST_NAMED, description="papers that do not")


class InterestChange(Sent):
    name: str | None = None
    sentence: str | None = None
    query: str | None = None
    visibility: Visibility | None = None


class AnswerIn(Sent):
    fits: bool = True


class QuestionOut(PaperOut):
    why: str = Field(description="in words")


class QualityOut(Schema):
    """Of `asked` papers that belong, `found` would have been found by the others; `low` to `high` holds the
    true share in 95 of 100 cases; `gain` is what five more answers would add, null where nobody knows."""

    note: str = Field(description="why nothing can be said, else empty")
    asked: int
    found: int
    low: float
    high: float
    gain: float | None


class TeachingOut(Schema):
    papers: list[QuestionOut] = Field(description="whose answers would teach most")
    quality: QualityOut


def _first(days: int) -> date | None:
    return recommendations.since(days) if days else None


def _shown(request: HttpRequest, found: Picks) -> dict[str, Any]:
    papers = [{**told(request, pick.paper), "points": pick.points, "why": pick.why} for pick in found.picks]
    return {"papers": papers, "notes": found.notes}


@router.get(
    "/for-you",
    auth=by("read"),
    response={200: PicksOut, **READS},
    summary="New papers for you",
    tags=["Interests"],
)
def for_you(request: HttpRequest, limit: Limit, days: Days) -> dict[str, Any]:
    """From what you saved, voted for, follow and refused, each with its reason. `days` counts back from the
    newest day that has papers."""
    reader = reader_of(request)
    away = digest.mailed(reader)
    found = recommendations.for_reader(reader, first=_first(days), limit=limit, exclude=away)
    return _shown(request, found)


@router.get(
    "/interests",
    auth=by("read"),
    response={200: InterestsOut, **READS},
    summary="Your interests",
    tags=["Interests"],
)
def listed(request: HttpRequest) -> dict[str, Any]:
    """All of them, at most 100, the one changed last first."""
    reader = reader_of(request)
    rows = interests.of_reader(reader, reader)[: interests.MOST_INTERESTS]
    return {"interests": [_told(request, one, one.for_it, one.against_it) for one in rows], "next": ""}


@router.post(
    "/interests",
    auth=by("library", interests_page.listed),
    response={201: InterestOut, **ACTS},
    summary="Make an interest",
    tags=["Interests"],
)
@repeatable
def make(request: HttpRequest, body: InterestIn) -> Status[Any]:
    """From papers, a sentence or a search. Papers that are not here yet count once they come in."""
    reader = reader_of(request)
    made = interests.make(reader, Wishes(body.name, body.sentence, body.query, body.visibility))
    for names, wanted in ((body.papers, True), (body.unlike, False)):
        if names:
            interests.teach_named(reader, made.pk, "\n".join(each[:300] for each in names), wanted)
    return Status(201, _counted(request, made))


@router.get(
    "/interests/{key}",
    response={200: InterestOut, **READS},
    summary="One interest",
    tags=["Interests"],
)
def interest(request: HttpRequest, key: Number) -> dict[str, Any]:
    """One that everybody may see, or one's own."""
    return _counted(request, interests.seen(key, viewer_of(request)))


@router.patch(
    "/interests/{key}",
    auth=by("library", interests_page.change),
    response={200: InterestOut, **ACTS},
    summary="Change an interest",
    tags=["Interests"],
)
def change(request: HttpRequest, key: Number, body: InterestChange) -> dict[str, Any]:
    """What is not named stays as it is."""
    reader = reader_of(request)
    now = Wishes.of(_own(reader, key))
    wishes = Wishes(
        now.name if body.name is None else body.name,
        now.sentence if body.sentence is None else body.sentence,
        now.query if body.query is None else body.query,
        body.visibility or now.visibility,
        now.votes,
        now.returning,
    )
    return _counted(request, interests.change(reader, key, wishes))


@router.delete(
    "/interests/{key}",
    auth=by("library", interests_page.delete),
    response={204: None, **ACTS},
    summary="Delete an interest",
    tags=["Interests"],
)
def delete(request: HttpRequest, key: Number) -> Status[Any]:
    """For good, with what taught it. The papers stay where they are."""
    interests.remove(reader_of(request), key)
    return Status(204, None)


@router.get(
    "/interests/{key}/papers",
    response={200: PicksOut, **READS},
    summary="New papers of an interest",
    tags=["Interests"],
)
def papers(request: HttpRequest, key: Number, limit: Limit, days: Days) -> dict[str, Any]:
    """Best first, each with its reason. `days` counts back from the newest day that has papers. To its owner
    nothing that was answered, refused or mailed returns."""
    viewer = viewer_of(request)
    found = interests.seen(key, viewer)
    mine = viewer is not None and found.reader_id == viewer.pk
    away = digest.mailed(viewer) if mine and viewer and not found.returning else ()
    picks = recommendations.for_interest(
        found, viewer, first=_first(days), limit=min(limit, MOST_PICKS), exclude=away
    )
    return _shown(request, picks)


@router.put(
    "/interests/{key}/papers/{path:identifier}",
    auth=by("library", interests_page.teach_one),
    response={200: InterestOut, **ACTS},
    summary="Say whether a paper belongs",
    tags=["Interests"],
)
def answer(request: HttpRequest, key: Number, identifier: str, body: AnswerIn | None = None) -> Any:
    """The last answer stands."""
    reader, paper = reader_of(request), named(identifier)
    interests.teach(reader, key, paper.pk, body.fits if body else True)
    return _counted(request, _own(reader, key))


@router.delete(
    "/interests/{key}/papers/{path:identifier}",
    auth=by("library", interests_page.teach_one),
    response={200: InterestOut, **ACTS},
    summary="Take an answer back",
    tags=["Interests"],
)
def take_back(request: HttpRequest, key: Number, identifier: str) -> Any:
    reader, paper = reader_of(request), named(identifier)
    interests.teach(reader, key, paper.pk, None)
    return _counted(request, _own(reader, key))


@router.get(
    "/interests/{key}/teaching",
    auth=by("read"),
    response={200: TeachingOut, **READS},
    summary="What to answer next, and how good it is",
    tags=["Interests"],
)
def teaching(request: HttpRequest, key: Number) -> dict[str, Any]:
    reader = reader_of(request)
    found = _own(reader, key)
    asked = recommendations.questions(found, reader)
    return {
        "papers": [{**told(request, each.paper), "why": each.why} for each in asked],
        "quality": recommendations.quality(found),
    }


def _own(reader: Reader, key: int) -> Interest:
    found = interests.seen(key, reader)
    if found.reader_id != reader.pk:
        raise community.Refused(interests.NO_INTEREST, 404)
    return found


def _counted(request: HttpRequest, found: Interest) -> dict[str, Any]:
    _, counts = interests.lessons(found, 0)
    return _told(request, found, counts[True], counts[False])


def _told(request: HttpRequest, found: Interest, fits: int, does_not: int) -> dict[str, Any]:
    return {
        "id": found.pk,
        "url": base(request) + found.get_absolute_url(),
        "name": found.name,
        "sentence": found.sentence,
        "query": found.query,
        "visibility": found.visibility,
        "votes": found.votes,
        "returning": found.returning,
        "fits": fits,
        "does_not_fit": does_not,
        "changed_at": found.changed_at,
    }
