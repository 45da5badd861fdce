"""Who asks our own JSON API, what they may, and what was answered to a request that comes twice.

Programs bring a key (`Authorization: Bearer brds_…`), our own pages a session with the token of its forms. A
key needs no such token: no browser sends it by itself.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Final, ParamSpec

import orjson
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from ninja.responses import Status

from broadsheet import community
from broadsheet.community import keys
from broadsheet.models import ApiKey, Reader, Repeatable
from broadsheet.web import access, errors, limits
from broadsheet.web.limits import Limit

P = ParamSpec("P")

READING: Final = ("GET", "HEAD")
LONGEST_REPEATABLE: Final = 255

NO_KEY: Final = (
    "This needs a key. Make one on your account page, and send it as “Authorization: Bearer brds_…”."
)
BAD_KEY: Final = (
    "This key is none of ours, or it has been revoked or has run out. Make a new one on your account page."
)
FORGED: Final = "A browser’s session needs the token of a form beside it (X-CSRFToken). A key needs none."


class NotAllowed(Exception):
    """Nobody, or somebody who may not: 401 or 403, with what `WWW-Authenticate` says (RFC 6750)."""

    def __init__(self, sentence: str, status: int, challenge: str = "") -> None:
        super().__init__(sentence)
        self.status = status
        self.challenge = f'Bearer realm="Broadsheet"{challenge}'


@dataclass(frozen=True, slots=True)
class Deed:
    """What an operation needs: a scope, and for one that changes something its name and its limits."""

    scope: str
    name: str = ""
    limits: tuple[Limit, ...] = ()

    def __call__(self, request: HttpRequest) -> Reader:
        """Who asks, if they may. Raises NotAllowed, TooMany."""
        key = key_of(request)
        reader = key.reader if key else access.reader_of(request)
        if reader is None:
            raise NotAllowed(NO_KEY, 401)
        if key and self.scope not in key.scopes:
            raise NotAllowed(
                f"This key may not do that: it needs the scope “{self.scope}”. Make a key that has it.",
                403,
                f', error="insufficient_scope", scope="{self.scope}"',
            )
        if request.method not in READING:
            if key is None and _is_forged(request):
                raise NotAllowed(FORGED, 403)
            request.deed = self  # type: ignore[attr-defined]
            limits.spend(self.name, self.limits, str(reader.pk), limits.place_of(request))
        return reader


def by(scope: str, like: Any = None, name: str = "", *often: Limit) -> Deed:
    """What an operation needs; `like` is the view of a page that does the same, under one name and limits."""
    if like is not None:
        return Deed(scope, like.deed.name, like.deed.limits)
    return Deed(scope, name, often)


def read_key(request: HttpRequest) -> None:
    """Looks at the key that a request brings, once. Raises NotAllowed for one that is not good."""
    said = request.headers.get("Authorization", "")
    if not said:
        request.api_key = None  # type: ignore[attr-defined]
        return
    scheme, _, told = said.partition(" ")
    found = keys.holder(told.strip()) if scheme.lower() == "bearer" else None
    if found is None:
        raise NotAllowed(BAD_KEY, 401, ', error="invalid_token"')
    request.api_key = found  # type: ignore[attr-defined]


def key_of(request: HttpRequest) -> ApiKey | None:
    found: ApiKey | None = getattr(request, "api_key", None)
    return found


def viewer_of(request: HttpRequest) -> Reader | None:
    """Whose eyes public things are shown to: the key's reader if it may read, else a stranger."""
    key = key_of(request)
    return key.reader if key and "read" in key.scopes else None


def reader_of(request: HttpRequest) -> Reader:
    """Who asks, behind a Deed."""
    found: Reader = request.auth  # type: ignore[attr-defined]
    return found


def note(request: HttpRequest, status: int) -> None:
    """One line in the audit log for what changed, or should have changed, something."""
    deed = getattr(request, "deed", None)
    if deed is None:
        return
    key = key_of(request)
    reader = key.reader if key else access.reader_of(request)
    who = f"{reader.pk if reader else ''}{f' (key {key.pk})' if key else ''}"
    access.note(request, deed.name, who, status)


class _Forms(CsrfViewMiddleware):
    def _reject(self, request: HttpRequest, reason: str) -> HttpResponse:
        return errors.stale_form(request, reason)


def _is_forged(request: HttpRequest) -> bool:
    """Whether a request that comes by a session lacks the token that our own pages send along."""
    check = _Forms(lambda _: HttpResponse())
    check.process_request(request)
    return check.process_view(request, lambda _: HttpResponse(), (), {}) is not None


def repeatable(act: Callable[P, Any]) -> Callable[P, Any]:
    """Lets a request be sent again: with the same `Idempotency-Key` it is done once and answered alike.

    The answer is kept in the transaction that does the deed, so no crash comes between the two. A refusal is
    not kept, since nothing was done. (draft-ietf-httpapi-idempotency-key-header)
    """

    @wraps(act)
    def asked(*args: P.args, **values: P.kwargs) -> Any:
        request: Any = args[0]
        said = request.headers.get("Idempotency-Key", "")
        if not said:
            return act(*args, **values)
        if len(said) > LONGEST_REPEATABLE or not said.isprintable():
            raise community.Refused("“Idempotency-Key” is too long, or holds what no header can hold.", 400)
        whole = b"\x1f".join([request.method.encode(), request.path.encode(), request.body])
        with transaction.atomic():
            row, is_new = Repeatable.objects.get_or_create(
                reader=reader_of(request),
                name=hashlib.sha256(said.encode()).hexdigest(),
                defaults={"asked": hashlib.sha256(whole).hexdigest()},
            )
            if not is_new:
                return _again(row, hashlib.sha256(whole).hexdigest())
            done = act(*args, **values)
            row.status, row.answer = done.status_code, orjson.dumps(done.value).decode()
            row.save(update_fields=["status", "answer"])
            return done

    # What the operation takes, for whoever writes its description: annotations as they are, not as text.
    asked.__signature__ = inspect.signature(act, eval_str=True)  # type: ignore[attr-defined]
    return asked


def _again(row: Repeatable, asked: str) -> Status[Any]:
    if row.asked != asked:
        raise UsedBefore
    return Status(row.status, orjson.loads(row.answer))


class UsedBefore(Exception):
    """The same Idempotency-Key came with another request before (422)."""

    def __init__(self) -> None:
        super().__init__(
            "This Idempotency-Key came with another request before. Take a new one for each deed."
        )
