"""Listings and papers on the command line."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from tests import factories

pytestmark = pytest.mark.django_db


def said(*words: str) -> str:
    out = StringIO()
    call_command(*words, stdout=out)
    return out.getvalue()


def test_a_week_is_told_in_lines_json_and_markdown() -> None:
    factories.papers(3)
    lines = said("trending", "--week", "2025-W11").splitlines()
    assert lines[0].endswith("3 papers")
    assert lines[1].startswith("   1  2503.0000")
    assert said("trending", "--week") == said("trending", "--week", "2025-W11")
    told = json.loads(said("trending", "--day", "2025-03-14", "--limit", "2", "--json"))
    assert [each["place"] for each in told["papers"]] == [1, 2]
    assert told["total"] == 3
    assert said("trending", "--all", "--markdown").count("# A study of newspapers") == 3


def test_papers_are_told_in_every_format() -> None:
    factories.papers(2)
    assert said("paper", "arXiv:2503.00001v2").startswith("# A study of newspapers, part 1")
    assert said("paper", "2503.00001", "2503.00002", "--as", "bib").count("@misc{") == 2


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("trending", "--week", "last"), "Write it like 2025-W11"),
        (("trending", "--cat", "zz.ZZ"), "No paper here is in the category"),
        (("trending", "--day"), "no papers here yet"),
        (("paper", "2503.09999"), "There is no paper"),
    ],
)
def test_what_cannot_be_shown_is_said_in_a_sentence(words: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(CommandError, match=sentence):
        said(*words)
