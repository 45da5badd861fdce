"""What our own JSON API recommends for a few papers or a sentence; what a reader likes is not asked here."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Final

from django.core.exceptions import BadRequest
from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field

from broadsheet import recommendations, search, trending
from broadsheet.api.v1_shapes import Limit, PaperOut, Problem, named, told

MOST: Final = 50

router = Router()

Names = Annotated[list[str], Query([], max_length=MOST, description="a paper, by any spelling; repeatable")]
Days = Annotated[int, Query(30, ge=0, le=36_500, description="not older than so many days; 0 for all")]
Sentence = Annotated[str, Query("", max_length=search.LONGEST_QUERY, description="what is looked for")]


class PickOut(PaperOut):
    points: float
    why: str = Field(description="in words")


class PicksOut(Schema):
    papers: list[PickOut]
    notes: list[str] = Field(description="sentences about what was not possible")


@router.get(
    "/recommendations",
    response={200: PicksOut, **dict.fromkeys((400, 401, 404, 405, 414, 429), Problem)},
    summary="Papers for a taste",
    tags=["Papers"],
)
def recommended(
    request: HttpRequest,
    limit: Limit,
    days: Days,
    text: Sentence,
    like: Names,
    unlike: Annotated[list[str], Query([], alias="not", max_length=MOST, description="unlike this paper")],
) -> dict[str, Any]:
    """At least one `like`, or a `text`; each paper with the reason why it is there."""
    if not like and not text.strip():
        raise BadRequest("Name a paper with “like”, or say with “text” what you look for.")
    first = trending.today() - timedelta(days=days) if days else None
    wanted, unwanted = [named(each) for each in like], [named(each) for each in unlike]
    found = recommendations.for_examples(wanted, unwanted, text=text, first=first, limit=limit)
    papers = [{**told(request, pick.paper), "points": pick.points, "why": pick.why} for pick in found.picks]
    return {"papers": papers, "notes": found.notes}
