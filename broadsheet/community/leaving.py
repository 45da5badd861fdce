"""An account goes, and what it said and did goes with it."""

from __future__ import annotations

from django.db import transaction

from broadsheet.community.talking import forget_talk
from broadsheet.community.votes import forget_votes
from broadsheet.models import Moderation, Reader


def delete(reader: Reader) -> None:
    """Deletes an account for good: votes, marks, follows, searches, lists, sessions, ways to sign in.

    Places of comments stay, empty, because others have answered them. What curators did to the account stays
    in their log, without its name.
    """
    with transaction.atomic():
        forget_votes(reader)
        forget_talk(reader)
        Moderation.objects.filter(reader=reader).update(subject="a reader who left")
        reader.delete()
