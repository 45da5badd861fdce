"""The documents are held to the code: every address, suffix and weight that exists is written down."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest
from django.urls import URLPattern, get_resolver

from broadsheet import exports, scoring, trending
from tests.conftest import PROJECT

API = (PROJECT / "docs" / "api.md").read_text("utf-8")
RANKING = (PROJECT / "docs" / "ranking.md").read_text("utf-8")


def addresses() -> list[str]:
    patterns = get_resolver().url_patterns
    return sorted({str(pattern.pattern) for pattern in patterns if isinstance(pattern, URLPattern)})


@pytest.mark.parametrize("address", addresses())
def test_every_address_is_written_down(address: str) -> None:
    stem = "/" + re.sub(r"\.?<.*", "", address)
    assert f"{stem}" in API, address


@pytest.mark.parametrize("suffix", [*exports.FORMATS, "rss", "atom", "json"])
def test_every_suffix_is_written_down(suffix: str) -> None:
    assert f"`.{suffix}`" in API


@pytest.mark.parametrize("weight", fields(scoring.Weights), ids=lambda weight: weight.name)
def test_every_weight_of_the_score_is_published(weight: object) -> None:
    value = getattr(scoring.WEIGHTS, weight.name)  # type: ignore[attr-defined]
    assert re.search(rf"(?<![\d.]){re.escape(f'{value:f}'.rstrip('0').rstrip('.'))}(?!\d)", RANKING), value


def test_the_reserved_places_are_published_as_they_are() -> None:
    assert trending.RESERVED_EVERY == 10
    assert "every\ntenth place" in RANKING


@pytest.mark.parametrize(
    "name", ["why", "house", "operate", "api", "mail", "ranking", "benchmarks", "sources"]
)
def test_every_document_that_the_readme_promises_is_there(name: str) -> None:
    assert (PROJECT / "docs" / f"{name}.md").stat().st_size > 100


def test_links_between_documents_lead_somewhere() -> None:
    for document in [PROJECT / "README.md", PROJECT / "CHANGELOG.md", *(PROJECT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text("utf-8")):
            assert (document.parent / Path(target)).exists(), f"{document.name}: {target}"
