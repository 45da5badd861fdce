"""How tests read pages: what a reader sees, what the browser is told, what it cost."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    text: str = ""


@dataclass
class Page(HTMLParser):
    """The elements of a page in order, each with the text inside it."""

    elements: list[Element] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self._open: list[Element] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.elements.append(element)
        if tag not in ("meta", "link", "input", "img", "br", "line", "path", "circle"):
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop().tag != tag:
            pass

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data

    def all(self, tag: str, **wanted: str) -> list[Element]:
        """Elements of a tag whose attributes hold these words; `class_`, `hx_get` are spelled so."""
        names = {name.rstrip("_").replace("_", "-"): value for name, value in wanted.items()}
        return [
            element
            for element in self.elements
            if element.tag == tag
            and all(
                name in element.attributes and (not value or value in element.attributes[name].split())
                for name, value in names.items()
            )
        ]

    def one(self, tag: str, **wanted: str) -> Element:
        found = self.all(tag, **wanted)
        assert len(found) == 1, f"{len(found)} <{tag}> with {wanted}"
        return found[0]

    def words(self, tag: str, **wanted: str) -> list[str]:
        """The texts of elements, white space evened out."""
        return [" ".join(element.text.split()) for element in self.all(tag, **wanted)]

    def links(self) -> dict[str, str]:
        """Address by what the link says; the first of the same words counts."""
        found: dict[str, str] = {}
        for element in self.all("a"):
            words = element.attributes.get("aria-label") or " ".join(element.text.split())
            found.setdefault(words, element.attributes.get("href", ""))
        return found


def read(html: str) -> Page:
    page = Page()
    page.feed(html)
    return page


FRAGMENT = {"HX-Request": "true"}


def get(client: Client, path: str, status: int = 200, headers: dict[str, str] | None = None) -> Page:
    response = client.get(path, headers=headers)
    assert response.status_code == status, f"{path}: {response.status_code}"
    return read(response.content.decode())


def queries(client: Client, path: str) -> int:
    """How many queries an answer takes when nothing is remembered from an earlier one."""
    cache.clear()
    with CaptureQueriesContext(connection) as captured:
        response = client.get(path)
    assert response.status_code == 200, f"{path}: {response.status_code}"
    return len(captured)


def sources(html: str) -> list[str]:
    """Every address that a browser would load by itself."""
    return re.findall(r'<(?:script|img|link rel="stylesheet"|iframe|source)[^>]*(?:src|href)="([^"]+)"', html)
