"""What stands before every view: requests nobody can mean are refused, answers get their safety headers."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import quote, unquote_to_bytes

from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponsePermanentRedirect
from django.urls import is_valid_path
from django.utils.cache import patch_vary_headers

from broadsheet import community, trending
from broadsheet.web import access, errors, limits
from broadsheet.web.preferences import COOKIE

LONGEST_PATH = 2_000
LONGEST_QUERY = 8_000
READING = ("GET", "HEAD")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

# Tabs and line breaks may stand in a query (a pasted search), nowhere else.
_PATH_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_QUERY_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

TOO_LONG = "Addresses here are shorter than that. If you searched for a text, try a few of its words."
CONTROL = "The address holds invisible control characters. Remove them and try again."
NOT_UTF8 = "The address holds bytes that are not UTF-8 text. Check what comes after the question mark."
NO_SUCH_METHOD = "This address can be read, not changed. Open it as an ordinary link."

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; object-src 'none'"
)
PERMISSIONS_POLICY = (
    "accelerometer=(), browsing-topics=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), "
    "microphone=(), payment=(), usb=()"
)
PUBLIC = "public, max-age=60"
# What somebody sees who is signed in is nobody else's, not even the next user's of the same browser.
OWN = "private, no-store"
# A page made to one reader's choices must not come out of somebody else's cache.
PERSONAL = "private, max-age=0"
NEVER = "no-store"

# What the verbs refuse, and the status that says so; the message is the sentence for the reader.
REFUSALS: tuple[tuple[type[Exception], int], ...] = (
    (trending.BadWindow, 400),
    (trending.BadFilter, 400),
    (BadRequest, 400),
    (trending.UnknownCategory, 404),
    (trending.PageOutOfRange, 404),
)

Get = Callable[[HttpRequest], HttpResponseBase]
Reply = TypeVar("Reply", bound=HttpResponseBase)


class BadInputMiddleware:
    """Refuses what no view should ever see, before anything has parsed it."""

    def __init__(self, get_response: Get) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if refused := self._refusal(request):
            status, sentence = refused
            return protect(request, errors.answer(request, status, sentence))
        return self.get_response(request)

    def _refusal(self, request: HttpRequest) -> tuple[int, str] | None:
        query = str(request.META.get("QUERY_STRING", ""))
        if len(query) > LONGEST_QUERY or len(request.path_info) > LONGEST_PATH:
            return 414, TOO_LONG
        if request.method not in METHODS:
            return 405, NO_SUCH_METHOD
        if _PATH_CONTROL.search(request.path_info):
            return 400, CONTROL
        if "%" not in query and query.isascii() and query.isprintable():
            return None
        said = unquote_to_bytes(query.replace("+", " "))
        if _QUERY_CONTROL.search(said):
            return 400, CONTROL
        try:
            said.decode()
        except UnicodeDecodeError:
            return 400, NOT_UTF8
        return None


class PolicyMiddleware:
    """Turns the verbs' refusals into answers, and gives every answer its safety and caching headers."""

    def __init__(self, get_response: Get) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if (
            response.status_code in (400, 404)
            and request.path_info.endswith("/")
            and not request.path_info.startswith("/admin/")
            and request.method in READING
        ):
            response = _without_slash(request) or response
        if response.status_code == 405 and not getattr(response, "content", b"-"):
            response = _with_words(request, response)
        return protect(request, response)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, access.SignInFirst):
            return access.to_sign_in(request)
        if isinstance(exception, limits.TooMany):
            response = errors.answer(request, 429, str(exception))
            response.headers["Retry-After"] = str(exception.wait)
            return response
        if isinstance(exception, community.Refused):
            answer = errors.answer(request, exception.status, str(exception))
            if exception.retry_after:
                answer.headers["Retry-After"] = str(exception.retry_after)
            return answer
        for kind, status in REFUSALS:
            if isinstance(exception, kind):
                return errors.answer(request, status, str(exception))
        return None


def protect(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    headers = response.headers
    headers.setdefault("Content-Security-Policy", _policy(request))
    headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("X-Frame-Options", "DENY")
    if access.has_session(request) and not headers.get("Cache-Control", "").startswith("public"):
        headers["Cache-Control"] = OWN
        patch_vary_headers(response, ("Cookie",))
    if "Cache-Control" not in headers:
        headers["Cache-Control"] = _freshness(request, response)
        if headers.get("Content-Type", "").startswith("text/html"):
            patch_vary_headers(response, ("Cookie", "HX-Request"))
    return response


def _policy(request: HttpRequest) -> str:
    """Browsers hold the answer to a form to `form-action` as well (CSP 3, section 4.2.4), and signing in with
    another site's account is a form answered by the way there."""
    if not settings.SIGN_IN_ELSEWHERE or not request.path_info.startswith("/account/"):
        return CONTENT_SECURITY_POLICY
    allowed = " ".join(["form-action 'self'", *settings.SIGN_IN_ELSEWHERE])
    return CONTENT_SECURITY_POLICY.replace("form-action 'self'", allowed)


def as_capability(response: Reply) -> Reply:
    """For a page whose address is a permission: the address goes nowhere and is kept nowhere.

    Its path is never a referrer, not even here. "no-referrer" would say as much, but browsers then send
    `Origin: null` with the page's own forms (Fetch standard, 3.2), which no check of origins can let pass.
    """
    response.headers["Referrer-Policy"] = "strict-origin"
    response.headers["X-Robots-Tag"] = "noindex"
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _freshness(request: HttpRequest, response: HttpResponseBase) -> str:
    if request.method not in READING or response.status_code >= 400 or response.cookies:
        return NEVER
    return PERSONAL if COOKIE in request.COOKIES else PUBLIC


def _without_slash(request: HttpRequest) -> HttpResponse | None:
    """Our addresses end without a slash. Those of a page that exists lead there."""
    # Slashes at the beginning would make a path the name of another host.
    path = "/" + request.path_info.strip("/\\")
    if path == "/" or not is_valid_path(path):
        return None
    query = request.META.get("QUERY_STRING", "")
    return HttpResponsePermanentRedirect(quote(path, safe="/:") + (f"?{query}" if query else ""))


def _with_words(request: HttpRequest, response: HttpResponseBase) -> HttpResponse:
    """Django's "method not allowed" is an empty page."""
    worded = errors.answer(request, 405, NO_SUCH_METHOD)
    worded.headers["Allow"] = response.headers.get("Allow", "GET, HEAD")
    return worded
