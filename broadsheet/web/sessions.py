"""Who is signed in, for one query: the session and its reader come together.

Django's own session knows no reader, so a page would ask for the session and then for its reader. This one is
the engine that SESSION_ENGINE names, and the middleware beside it is what puts `request.user` in place.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY, get_user
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends import db
from django.db import connection
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare
from django.utils.functional import SimpleLazyObject

from broadsheet.models import Reader, Session
from broadsheet.models.kept import Kept


class SessionStore(db.SessionStore):
    """Django's sessions in the database, each row with its reader."""

    reader: Reader | None = None

    @classmethod
    def get_model_class(cls) -> type[Session]:
        return Session

    def _get_session_from_db(self) -> Session | None:
        now = connection.ops.adapt_datetimefield_value(datetime.now(UTC))
        row = _asked.row(self.session_key, now)
        if row is None:
            self._session_key = None
            return None
        names, values = row
        found: Session = Session.from_db(connection.alias, names[:_SESSION], values[:_SESSION])
        if found.reader_id is not None:
            self.reader = Reader.from_db(connection.alias, names[_SESSION:], values[_SESSION:])
        return found

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        row: Session = super().create_model_instance(data)  # type: ignore[assignment]
        row.reader_id = data.get(SESSION_KEY)
        return row


_asked = Kept(
    lambda: (
        Session.objects.select_related("reader")
        .filter(session_key="")
        .filter(expire_date__gt=datetime.now(UTC))
    )
)
_SESSION = len(Session._meta.concrete_fields)


class ReaderMiddleware(AuthenticationMiddleware):
    """As Django's, without the second query."""

    def process_request(self, request: HttpRequest) -> None:
        super().process_request(request)
        request.user = SimpleLazyObject(lambda: _reader(request))  # type: ignore[assignment]


def _reader(request: HttpRequest) -> Reader | AnonymousUser:
    if not hasattr(request, "_cached_user"):
        request._cached_user = _known(request) or get_user(request)  # type: ignore[attr-defined]
    found: Reader | AnonymousUser = request._cached_user  # type: ignore[attr-defined]
    return found


def _known(request: HttpRequest) -> Reader | None:
    """The reader who came with the session, if the session is theirs and no older than their password."""
    key = request.session.get(SESSION_KEY)
    reader = getattr(request.session, "reader", None)
    if key is None or reader is None or str(reader.pk) != str(key) or not reader.is_active:
        return None
    signed = constant_time_compare(request.session.get(HASH_SESSION_KEY, ""), reader.get_session_auth_hash())
    return reader if signed else None


def end_others(reader: Reader, request: HttpRequest | None = None) -> int:
    """Ends every session of a reader, except that of `request`; returns how many."""
    found = Session.objects.filter(reader=reader)
    if request is not None and request.session.session_key:
        found = found.exclude(session_key=request.session.session_key)
    return found.delete()[0]


def forget_due() -> int:
    """Deletes sessions that have ended by themselves, at most a thousand; returns how many."""
    old = Session.objects.filter(expire_date__lt=datetime.now(UTC)).values_list("pk", flat=True)[:1000]
    return Session.objects.filter(pk__in=list(old)).delete()[0]
