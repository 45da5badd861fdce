"""The people of the tests: Alice owns, Bob helps, Charlie must not, Dora keeps order, Olga runs it all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from allauth.account.models import EmailAddress
from django.test import Client

from broadsheet.models import Reader

PASSWORD = "a long walk through Ghent"
OLD = datetime(2020, 1, 1, tzinfo=UTC)


def reader(username: str = "alice", **changes: Any) -> Reader:
    """An account that is old enough to count in full, unless told otherwise."""
    told: dict[str, Any] = {"joined_at": OLD, "email": f"{username}@example.org"} | changes
    made = Reader.objects.create_user(username, password=told.pop("password", PASSWORD), **told)
    if made.email:
        # As signing up does; several accounts may name one address as long as nobody has verified it.
        EmailAddress.objects.create(user=made, email=made.email, primary=True, verified=False)
    return made


def young(username: str, days: float = 0.0, **changes: Any) -> Reader:
    return reader(username, joined_at=datetime.now(UTC) - timedelta(days=days), **changes)


def signed_in(who: Reader, **client: Any) -> Client:
    """A browser in which somebody is signed in."""
    browser = Client(**client)
    browser.force_login(who)
    return browser
