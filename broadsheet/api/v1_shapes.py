"""The shapes of our own JSON API: what is told and what is taken, as OpenAPI names it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest
from ninja import Query, Schema
from pydantic import ConfigDict, Field

from broadsheet import search
from broadsheet.models import Paper
from broadsheet.web.context import base

Limit = Annotated[int, Query(50, ge=1, le=100, description="how many")]
Page = Annotated[int, Query(1, ge=1, le=6_000, description="the page, from 1")]
Social = Annotated[
    int, Query(100, ge=0, le=100, description="how much votes count in the order, in per cent")
]
Cursor = Annotated[str, Query("", max_length=60, description="`next` of the page before")]
Number = Annotated[int, Field(ge=1, lt=2**63)]


class Problem(Schema):
    """RFC 9457. `detail` is a sentence that says what to do."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[dict[str, str]] = []


class PaperOut(Schema):
    identifier: str
    url: str
    title: str
    abstract: str
    abstract_is_ours: bool
    authors: list[str]
    categories: list[str]
    published_at: datetime | None
    listed_on: date | None
    revised_at: datetime | None
    organization: str
    withdrawn: bool
    upvotes: int
    comments: int
    outside_upvotes: int
    stars: int | None
    has_code: bool
    has_models: bool


class WhyOut(Schema):
    """One term of a score, in words and points; docs/ranking.md publishes the formula."""

    label: str
    detail: str
    points: float


class ListedOut(PaperOut):
    place: int
    reserved: bool = Field(description="the place is kept for a paper that nobody has voted on")
    score: float
    why: list[WhyOut]


class LinkOut(Schema):
    kind: str
    url: str


class WholePaperOut(PaperOut):
    comment: str
    journal_ref: str
    licence: str
    doi: str | None
    links: list[LinkOut]
    score: float
    why: list[WhyOut] = Field(description="terms that add up to the score, then those of trending")


class PapersOut(Schema):
    papers: list[PaperOut]
    next: str = Field(description="the cursor of the next page, empty behind the last")


class ListingOut(Schema):
    period: str
    key: str
    title: str
    total: int
    page: int
    pages: int
    papers: list[ListedOut]


class FoundOut(PapersOut):
    total: int
    corrected: str
    notes: list[str]


class Sent(Schema):
    """What is sent: only what is named here, so that a mistyped name is told and not passed over."""

    model_config = ConfigDict(extra="forbid")


# --- the account -------------------------------------------------------------------------------------------


class KeyOut(Schema):
    name: str
    scopes: list[str]
    expires_at: datetime | None


class MeOut(Schema):
    username: str
    name: str
    role: str
    newcomer: bool = Field(description="submissions wait for a curator, and limits are lower")
    key: KeyOut | None = Field(description="the key that asks; null for a session")


# --- votes -------------------------------------------------------------------------------------------------


class VoteOut(Schema):
    paper: str
    upvoted: bool
    upvotes: int


class KeptPaperOut(PaperOut):
    at: datetime


class KeptOut(Schema):
    papers: list[KeptPaperOut]
    next: str


# --- talk --------------------------------------------------------------------------------------------------


class ReactionOut(Schema):
    kind: str
    count: int
    mine: bool


class CommentOut(Schema):
    id: int
    url: str
    paper: str
    parent: int | None
    depth: int
    reader: str | None = Field(description="the username; null once the account is gone")
    by_author: bool
    text: str = Field(description="Markdown; empty where it is not shown")
    gone: str = Field(description="why it is not shown, or empty")
    created_at: datetime
    edited_at: datetime | None
    mine: bool
    blocked: bool = Field(description="its reader is one whom you block")
    reactions: list[ReactionOut]


class TalkOut(Schema):
    paper: str
    total: int
    page: int
    pages: int
    closed: bool
    comments: list[CommentOut]


class CommentsOut(Schema):
    comments: list[CommentOut]
    next: str


class SayIn(Sent):
    text: str = Field(description="Markdown with $formulas$", examples=["Figure 3 is worth a look."])
    parent: Number | None = Field(None, description="the comment that this one answers")


class EditIn(Sent):
    text: str


# --- submissions -------------------------------------------------------------------------------------------


class SubmissionOut(Schema):
    id: int
    paper: str = Field(description="its identifier")
    state: Literal["fetching", "waiting", "listed", "declined", "failed"]
    reason: str
    created_at: datetime
    settled_at: datetime | None


class BroughtOut(Schema):
    paper: str | None = Field(description="the paper, if it is here already")
    submission: SubmissionOut | None = Field(description="yours; null where somebody else brought it before")


class SubmissionsOut(Schema):
    submissions: list[SubmissionOut]
    next: str = ""


class SubmitIn(Sent):
    paper: str = Field(description="an arXiv id, a DOI, an address, an exact title", examples=["2503.01234"])
    comment: str = ""
    media: list[str] = Field(
        [], max_length=20, description="addresses of talks, threads, pictures; at most 4"
    )


# --- the library -------------------------------------------------------------------------------------------

Kept = Literal["saved", "read", "not-interested"]
MARK_OF: dict[str, str] = {"saved": "saved", "read": "read", "not-interested": "refused"}


class MarksOut(Schema):
    paper: str
    marks: list[Kept]


class CollectionOut(Schema):
    id: int
    url: str
    name: str
    note: str
    visibility: Literal["private", "link", "public"]
    papers: int
    created_at: datetime
    changed_at: datetime


class CollectionsOut(Schema):
    collections: list[CollectionOut]
    next: str = ""


class ItemOut(PaperOut):
    place: int
    note: str


class ItemsOut(Schema):
    papers: list[ItemOut]
    next: str


class CollectionIn(Sent):
    name: str
    note: str = ""
    visibility: Literal["private", "link", "public"] = "private"


class CollectionChange(Sent):
    name: str | None = None
    note: str | None = None
    visibility: Literal["private", "link", "public"] | None = None


class ItemIn(Sent):
    note: str | None = Field(None, description="null leaves the note as it is")
    place: Number | None = Field(None, description="from 1; null: at the end, or where it is")


class SearchOut(Schema):
    id: int
    name: str
    query: str
    created_at: datetime


class SearchesOut(Schema):
    searches: list[SearchOut]
    next: str = ""


class SearchIn(Sent):
    query: str = Field(examples=["diffusion cat:cs.LG"])
    name: str = ""


class SearchChange(Sent):
    name: str


# --- papers as they are told -------------------------------------------------------------------------------


def named(identifier: str) -> Paper:
    """The paper of an address, by any spelling. Raises Http404."""
    found = search.by_identifier(identifier[:300])
    if found is None or found.hidden:
        raise Http404(f"No paper {identifier[:100]} is here.")
    return found


def all_told(request: HttpRequest, found: list[Paper]) -> list[dict[str, Any]]:
    return [told(request, each) for each in found]


def told(request: HttpRequest, found: Paper) -> dict[str, Any]:
    known = {name: getattr(found, name) for name in PaperOut.model_fields if name != "url"}
    return {**known, "url": base(request) + found.get_absolute_url()}


def bad(refusal: Exception) -> BadRequest:
    return BadRequest(str(refusal))
