"""What nobody can mean is refused with a sentence, in the kind that was asked for; nothing is a 500."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.urls import get_resolver
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from broadsheet.web import errors, guard
from tests import factories
from tests.pages.reading import read

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:No directory at")]

DAY = "/papers/date/2025-03-14"


@pytest.fixture(autouse=True)
def _a_paper() -> Iterator[None]:
    factories.paper(1)
    yield


@pytest.mark.parametrize(
    ("path", "status", "sentence"),
    [
        (f"{DAY}?p=abc", 400, "“p” is the number of a page"),
        (f"{DAY}?p=-1", 400, "“p” is the number of a page"),
        (f"{DAY}?p=0", 400, "“p” is the number of a page"),
        (f"{DAY}?p={10**30}", 400, "“p” is the number of a page"),
        (f"{DAY}?p=٣", 400, "“p” is the number of a page"),
        (f"{DAY}?p=99", 404, "1 page"),
        ("/subscribe/preview?category=newspapers", 400, "No paper here is in the category"),
        ("/papers/date/2025-13-77", 400, "Write it like 2025-03-14"),
        ("/papers/date/yesterday", 400, "Write it like 2025-03-14"),
        ("/papers/date/2025-03-14/extra", 400, "Write it like 2025-03-14"),
        ("/papers/date/2025.03.14", 400, "Write it like 2025-03-14"),
        ("/papers/week/2025-W60", 400, "Write it like 2025-W11"),
        ("/papers/month/2025-13", 400, "Write it like 2025-03"),
        ("/calendar?month=March", 400, "Write it like 2025-03"),
        (f"{DAY}?category=cs.NOPE", 404, "cs.NOPE"),
        (f"{DAY}?category={'x' * 90}", 400, "short code"),
        (f"{DAY}?has=money", 400, "Known: code, models"),
        ("/search?q=paper&p=abc", 400, "“p” is the number of a page"),
        ("/search?q=paper&p=7", 404, "page"),
        ("/author/nobody-at-all", 404, "Nobody of that name"),
        ("/author/ada-lovelace?p=9", 404, "page"),
        ("/papers/2503.99999", 404, "No paper 2503.99999 here."),
        ("/nothing/here", 404, "no page at this address"),
        ("/wp-admin", 404, "no page at this address"),
    ],
)
def test_bad_input_gets_a_sentence(client: Client, path: str, status: int, sentence: str) -> None:
    response = client.get(path)
    assert response.status_code == status
    page = read(response.content.decode())
    assert sentence in " ".join(page.words("p", class_="lead-in"))
    assert page.words("h1")
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.security_check(22)
@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/papers/date/2025-13-77.rss", "application/problem+xml"),
        ("/papers/date/2025-03-17.atom", "application/problem+xml"),
        ("/papers/date/2025-13-77.json", "application/problem+json"),
        ("/papers/2503.99999.bib", "text/plain"),
        ("/author/nobody.json", "application/problem+json"),
        ("/unapi?id=2503.99999", "application/problem+xml"),
    ],
)
def test_a_refusal_comes_in_the_kind_that_was_asked_for(client: Client, path: str, content_type: str) -> None:
    response = client.get(path)
    assert response.status_code in (400, 404)
    assert response.headers["Content-Type"].startswith(content_type)


def test_a_program_that_asks_for_json_is_refused_in_json(client: Client) -> None:
    response = client.get("/nothing/here", headers={"Accept": "application/json"})
    assert response.json() == {"title": "Not Found", "status": 404, "detail": errors.NOTHING_HERE}


@pytest.mark.parametrize(
    "path", ["/papers/%00", "/search?q=%00", "/search?q=a%1Bb", "/author/%0A", "/%7F", "/search?%00=1"]
)
def test_control_characters_are_refused(client: Client, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 400
    assert guard.CONTROL in response.content.decode()


def test_a_pasted_line_break_in_a_search_is_fine(client: Client) -> None:
    assert client.get("/search?q=study%0D%0Aof%09newspapers").status_code == 200


@pytest.mark.parametrize("query", ["q=%ff%fe", "q=%c3%28", "category=%80"])
def test_bytes_that_are_no_text_are_refused(client: Client, query: str) -> None:
    response = client.get("/search", QUERY_STRING=query)
    assert response.status_code == 400
    assert guard.NOT_UTF8 in response.content.decode()


def test_a_path_that_is_no_text_is_not_found(client: Client) -> None:
    assert client.get("/papers/%ff%fe").status_code == 404


def test_an_endless_query_or_path_is_refused_at_once(client: Client) -> None:
    assert client.get("/search", QUERY_STRING="q=" + "a" * 10_000_000).status_code == 414
    assert client.get("/" + "a" * 5_000).status_code == 414


def test_thousands_of_parameters_are_no_burden(client: Client) -> None:
    assert client.get(DAY, QUERY_STRING="&".join(["a=1"] * 1_900)).status_code in (200, 400)


@pytest.mark.parametrize("method", ["post", "put", "delete", "patch"])
def test_pages_are_for_reading(client: Client, method: str) -> None:
    response = getattr(client, method)(DAY)
    assert response.status_code == 405
    assert guard.NO_SUCH_METHOD in response.content.decode()
    assert "GET" in response.headers["Allow"]


def test_a_method_that_nobody_knows_is_refused(client: Client) -> None:
    assert client.generic("BREW", DAY).status_code == 405


def test_a_slash_too_many_is_forgiven(client: Client) -> None:
    response = client.get(f"{DAY}/?p=1")
    assert (response.status_code, response.headers["Location"]) == (301, f"{DAY}?p=1")
    assert client.get("/nothing/").status_code == 404


@pytest.mark.security_check(15)
@pytest.mark.parametrize(
    "path", ["//evil.example/", "///evil.example/", "/%2F/evil.example/", "/\\evil.example/"]
)
def test_no_path_leads_to_another_host(client: Client, path: str) -> None:
    response = client.generic("GET", path)
    location = response.headers.get("Location", "/")
    assert location.startswith("/") and not location.startswith(("//", "/\\"))


def test_a_host_we_do_not_serve_is_refused(client: Client) -> None:
    assert client.get("/", headers={"Host": "evil.example"}).status_code == 400


@pytest.mark.security_check(4)
@pytest.mark.parametrize(
    "path", ["/", "/nothing/here", f"{DAY}?p=abc", "/search?q=%00", "/papers.rss", "/settings"]
)
def test_every_answer_carries_the_safety_headers(client: Client, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["Content-Security-Policy"]
    for rule in (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ):
        assert rule in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "camera=()" in headers["Permissions-Policy"]
    assert headers["Referrer-Policy"] == "same-origin"


@pytest.mark.security_check(32)
def test_a_broken_page_says_so_without_saying_how(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the secret of the house")

    monkeypatch.setattr("broadsheet.trending.newest_day", fail)
    client.raise_request_exception = False
    response = client.get("/papers")
    assert response.status_code == 500
    assert errors.BROKEN in read(response.content.decode()).words("p", class_="lead-in")
    assert b"secret of the house" not in response.content
    assert client.get("/papers.json").json()["status"] == 500


def test_the_error_page_does_not_need_the_error_page(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> str:
        raise RuntimeError

    monkeypatch.setattr(errors, "render_to_string", fail)
    response = errors.broken(RequestFactory().get("/"))
    assert response.status_code == 500
    assert errors.BROKEN in response.content.decode()


def test_the_four_refusals_are_ours() -> None:
    resolver = get_resolver()
    request: HttpRequest = RequestFactory().get("/nothing")
    for status in (400, 403, 404):
        handler: Any = resolver.resolve_error_handler(status)
        assert handler(request, exception=Exception()).status_code == status
    assert resolver.resolve_error_handler(500)(request).status_code == 500


class AnyAddress(TestCase):
    """Whatever is asked for, nothing breaks."""

    @settings(max_examples=150, deadline=None)
    @given(
        where=st.sampled_from(
            [
                "/papers/",
                "/papers/date/",
                "/author/",
                "/search?q=",
                "/calendar?month=",
                f"{DAY}?category=",
                f"{DAY}?p=",
                "/unapi?id=",
                "/",
            ]
        ),
        what=st.text(max_size=60),
    )
    def test_no_address_breaks_the_server(self, where: str, what: str) -> None:
        response = self.client.get(where + quote(what.encode("utf-8", "replace"), safe=""))
        assert response.status_code < 500
