"""Everything that a reader has put into the community, for the reader to take along."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from broadsheet.models import (
    Block,
    Claim,
    Collection,
    CollectionItem,
    Comment,
    FeedKey,
    Follow,
    Interest,
    Lesson,
    LibraryImport,
    Mark,
    Notice,
    NoticeWish,
    Reader,
    Submission,
)


def everything_of(reader: Reader) -> dict[str, list[dict[str, Any]]]:
    """Comments with their history, reactions, collections, marks, follows, blocks, notices, submissions,
    claims, reports and the addresses of private feeds, as JSON."""
    return {
        "comments": [_comment(one) for one in _comments(reader)],
        "reactions": [
            {"comment": key, "kind": kind} for key, kind in reader.reactions.values_list("comment_id", "kind")
        ],
        "collections": [_collection(one) for one in Collection.objects.filter(reader=reader)],
        "marks": [
            {"paper": name, "kind": kind, "at": _when(at)}
            for name, kind, at in Mark.objects.filter(reader=reader)
            .order_by("pk")
            .values_list("paper__identifier", "kind", "created_at")
        ],
        "follows": [
            {"kind": kind, "key": key, "at": _when(at)}
            for kind, key, at in Follow.objects.filter(reader=reader)
            .order_by("pk")
            .values_list("kind", "key", "created_at")
        ],
        "blocks": [
            {"reader": name, "at": _when(at)}
            for name, at in Block.objects.filter(reader=reader)
            .order_by("pk")
            .values_list("blocked__username", "created_at")
        ],
        "notices": [
            {
                "comment": key,
                "paper": name,
                "why": why,
                "at": _when(at),
                "seen": _when(seen),
                "mailed": _when(posted),
            }
            for key, name, why, at, seen, posted in Notice.objects.filter(reader=reader)
            .order_by("pk")
            .values_list(
                "comment_id", "comment__paper__identifier", "why", "created_at", "seen_at", "posted_at"
            )
        ],
        "notices-by-mail": [{"by_mail": one.by_mail} for one in NoticeWish.objects.filter(reader=reader)],
        "private-feeds": [
            {"address": f"/following/{one.secret}.{form}"}
            for one in FeedKey.objects.filter(reader=reader)
            for form in ("rss", "atom", "json")
        ],
        "interests": [_interest(one) for one in Interest.objects.filter(reader=reader).order_by("pk")],
        "imports": [
            {"name": name, "found": known, "kept_by_words": kept, "state": state, "at": _when(at)}
            for name, known, kept, state, at in LibraryImport.objects.filter(reader=reader)
            .order_by("pk")
            .values_list("name", "known", "kept", "state", "created_at")
        ],
        "submissions": [
            {
                "paper": one.identifier,
                "typed": one.spelling,
                "state": one.state,
                "reason": one.reason,
                "comment": one.comment,
                "media": one.media,
                "at": _when(one.created_at),
            }
            for one in Submission.objects.filter(reader=reader).order_by("pk")
        ],
        "claims": [
            {
                "paper": one.paper.identifier,
                "name": one.name,
                "state": one.state,
                "words": one.words,
                "note": one.note,
                "at": _when(one.created_at),
            }
            for one in Claim.objects.filter(reader=reader).select_related("paper").order_by("pk")
        ],
        "reports": [
            {"paper": name, "reason": reason, "words": words, "at": _when(at)}
            for name, reason, words, at in reader.reports.order_by("pk").values_list(
                "paper__identifier", "reason", "words", "created_at"
            )
        ],
    }


def _comments(reader: Reader) -> list[Comment]:
    rows = Comment.objects.filter(reader=reader).select_related("paper").prefetch_related("versions")
    return list(rows.order_by("pk"))


def _comment(comment: Comment) -> dict[str, Any]:
    return {
        "id": comment.pk,
        "paper": comment.paper.identifier,
        "answers": comment.parent_id,
        "text": comment.text,
        "at": _when(comment.created_at),
        "edited": _when(comment.edited_at),
        "taken_back": _when(comment.withdrawn_at),
        "hidden": comment.hidden,
        "before": [{"text": one.text, "until": _when(one.replaced_at)} for one in comment.versions.all()],
    }


def _collection(collection: Collection) -> dict[str, Any]:
    items = CollectionItem.objects.filter(collection=collection).order_by("place", "pk")
    return {
        "name": collection.name,
        "note": collection.note,
        "visibility": collection.visibility,
        "at": _when(collection.created_at),
        "papers": [
            {"paper": name, "place": place, "note": note, "at": _when(at)}
            for name, place, note, at in items.values_list("paper__identifier", "place", "note", "added_at")
        ],
    }


def _interest(interest: Interest) -> dict[str, Any]:
    lessons = Lesson.objects.filter(interest=interest).order_by("pk")
    columns = ("paper__identifier", "identifier", "title", "wanted", "created_at")
    return {
        "name": interest.name,
        "for_you": interest.own,
        "sentence": interest.sentence,
        "query": interest.query,
        "visibility": interest.visibility,
        "votes": interest.votes,
        "at": _when(interest.created_at),
        "answers": [
            {"paper": here or name, "title": title, "fits": wanted, "at": _when(at)}
            for here, name, title, wanted, at in lessons.values_list(*columns)
        ],
    }


def _when(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
