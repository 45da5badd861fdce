"""What a reader typed becomes a tree, or a sentence that says what to type instead."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broadsheet.index import ALL_PAPERS, Filter, Group, Phrase, Words
from broadsheet.search.filters import Narrowing, asked, canonical_code, names_only
from broadsheet.search.query import (
    LONGEST_QUERY,
    MOST_TERMS,
    BadQuery,
    Has,
    InCategory,
    InField,
    Query,
    Quoted,
    Term,
    Without,
    Years,
    parse,
    words_in,
)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("attention is all", [Term("attention"), Term("is"), Term("all")]),
        ('"state space" models', [Quoted("state space"), Term("models")]),
        ("“state space”", [Quoted("state space")]),
        ('"never closed', [Quoted("never closed")]),
        ('""', []),
        ("-mamba", [Without(Term("mamba"))]),
        ("–mamba −s4", [Without(Term("mamba")), Without(Term("s4"))]),
        ('-"state space"', [Without(Quoted("state space"))]),
        ("multi-stage", [Term("multi-stage")]),
        ("- -- ---", []),
        ("retriev*", [Term("retriev", beginning=True)]),
        ("author:Lovelace", [InField("author", "Lovelace")]),
        ('AUTHOR:"Ada Lovelace"', [InField("author", "Ada Lovelace", quoted=True)]),
        ("author: Lovelace", [InField("author", "Lovelace")]),
        ("title:engine abs:loom", [InField("title", "engine"), InField("abstract", "loom")]),
        ("cat:cs.LG -cat:cs.CV", [InCategory("cs.LG"), Without(InCategory("cs.CV"))]),
        ("year:2023", [Years(2023, 2023)]),
        ("year:2023..2025", [Years(2023, 2025)]),
        ("year:2025-2023", [Years(2023, 2025)]),
        ("year:2023.. year:..2024", [Years(2023, None), Years(None, 2024)]),
        ("-year:2020", [Without(Years(2020, 2020))]),
        ("has:code has:models -has:code", [Has("code"), Has("models"), Without(Has("code"))]),
        ("BERT: pre-training", [Term("BERT"), Term("pre-training")]),
        ("nothing:here", [Term("nothing"), Term("here")]),
        ("title：engine", [InField("title", "engine")]),
        ("a\0b\u202ec\ud800", [Term("a"), Term("bc?")]),
        ("🙂 ✨", []),
        ("自然 语言", [Term("自然"), Term("语言")]),
        ("تعلم الآلة", [Term("تعلم"), Term("الآلة")]),
    ],
)
def test_text_becomes_a_tree(text: str, parts: list[object]) -> None:
    assert list(parse(text).parts) == parts


@pytest.mark.parametrize("text", ["2503.01234", "arXiv:2503.01234v2", "https://arxiv.org/abs/2503.01234"])
def test_an_identifier_alone_is_the_whole_query(text: str) -> None:
    found = parse(text)
    assert found.whole and found.whole.identifier == "2503.01234"
    assert found.named == ("2503.01234",) and not found.parts


def test_an_identifier_among_words_is_named_too() -> None:
    found = parse("as in 2503.01234 and 10.1145/3580305.3599790")
    assert found.named == ("2503.01234", "doi:10.1145/3580305.3599790")
    assert found.whole is None and found.words[:2] == ("as", "in")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("year:soon", "a year such as 2024"),
        ("year:20234", "a year such as 2024"),
        ("year:1066", "1900 to 2100"),
        ("year:٢٠٢٥", "a year such as 2024"),
        ("has:fun", "code or models"),
        ('cat:"machine learning"', "a category such as cs.LG"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_a_sentence(text: str, words: str) -> None:
    with pytest.raises(BadQuery, match=words):
        parse(text)


@pytest.mark.parametrize("text", ["author:", "author: title:x", 'title:"" x', "cat: "])
def test_a_field_without_anything_behind_it_is_said_and_not_read(text: str) -> None:
    assert "Nothing stands behind" in parse(text).notes[0]


def test_what_is_too_long_is_cut_and_said() -> None:
    found = parse("word " * 50)
    assert len(found.words) == MOST_TERMS and f"first {MOST_TERMS} words" in found.notes[0]
    found = parse("x" * 100_000)
    assert len(found.text) == LONGEST_QUERY and f"first {LONGEST_QUERY} characters" in found.notes[0]
    found = parse('"' + "word " * 50 + '"')
    assert words_in(found.parts[0]) == MOST_TERMS


def test_a_corrected_query_keeps_its_fields_and_quotes() -> None:
    found = parse('difusion "difusion" title:difusion').corrected({"difusion": "diffusion"})
    assert found.parts == (Term("diffusion"), Quoted("difusion"), InField("title", "difusion"))


def _read(text: str) -> Query | None:
    """A tree whose questions the index takes, or None for a refusal."""
    try:
        found = parse(text)
    except BadQuery as refusal:
        assert str(refusal).endswith(".")
        return None
    assert len(found.text) <= LONGEST_QUERY
    assert sum(map(words_in, found.parts)) <= MOST_TERMS
    for typing in (False, True):
        asked(found, typing=typing)
    return found


@settings(max_examples=500, deadline=None)
@given(st.text(max_size=700))
def test_any_text_is_read(text: str) -> None:
    _read(text)


@pytest.mark.security_check(20)
def test_20_000_hostile_queries_are_read() -> None:
    chance = random.Random(7)
    pieces = [
        '"', "“", "-", "--", ":", "*", "author:", "year:", "cat:", "has:code", "2023..", "..", "a-b", "(",
        "\\", "\0", "\u202e", "\ud800", "🙂", "ﷺ", "e\u0301", "语言", "10.1145/1", "2503.01234", "title:",
        "word", "x" * 90, "%00", "' OR 1=1 --", "<script>", "\t\n", " ", "year:2020",
    ]  # fmt: skip
    for _ in range(20_000):
        _read("".join(chance.choices(pieces, k=chance.randrange(1, 25))))


@pytest.mark.parametrize(
    "piece", ['"', "-", "author:", "a:", "x ", "(", "-cat:", "a.", "ﷺ", "10.1145/", '" -', "author: "]
)
def test_long_text_is_read_in_linear_time(piece: str) -> None:
    started = time.perf_counter()
    _read(piece * (100_000 // len(piece)))
    assert time.perf_counter() - started < 0.5


# To the index's terms


def test_words_rank_and_all_of_them_count() -> None:
    found = asked(parse("the state of space models"))
    assert found.broad == Words("state space models")
    assert found.strict == Words("state space models", at_least=3)
    assert found.plain == "the state of space models" and found.bounds is None


def test_words_without_a_subject_are_asked_when_there_is_nothing_else() -> None:
    assert asked(parse("the who")).broad == Words("who")
    assert asked(parse("to be")).broad == Words("to be")


def test_phrases_and_refusals_bind_whatever_is_found() -> None:
    found = asked(parse('"state space" models -mamba -author:"Lovelace, Ada"'))
    assert found.bounds == Group(
        must=(Phrase("state space"),), must_not=(Words("mamba"), Phrase("Ada Lovelace", "author"))
    )
    assert found.plain == "state space models"


def test_filters_alone_ask_for_all_papers() -> None:
    found = asked(parse("cat:CS.lg year:2020.. year:..2022 -has:code"))
    assert found.broad == found.strict == ALL_PAPERS
    assert found.filter == Filter(categories=("cs.LG",), first_year=2020, last_year=2022, has_code=False)


def test_the_pages_controls_narrow_further() -> None:
    found = asked(parse("x year:2020..2024"), Narrowing(categories=("math",), first_year=2022, has_code=True))
    assert found.filter == Filter(categories=("math",), first_year=2022, last_year=2024, has_code=True)
    both = asked(parse("x cat:cs.LG"), Narrowing(categories=("stat.ML",)))
    assert both.filter.categories == ("stat.ML",) and both.needed == (Filter(categories=("cs.LG",)),)
    assert asked(parse("x -cat:cs.LG -cat:cs.CV")).refused == (Filter(categories=("cs.LG", "cs.CV")),)


def test_the_last_word_may_be_unfinished_only_while_typing() -> None:
    found = asked(parse("state spa"), typing=True)
    assert found.strict == Words("state spa", at_least=2, prefix=True)
    assert asked(parse("state -spa"), typing=True).broad == asked(parse("state -spa")).broad


@pytest.mark.parametrize(
    ("said", "code"),
    [("CS.lg", "cs.LG"), ("Cond-Mat.STR-EL", "cond-mat.str-el"), ("math", "math"), ("NLIN.cd", "nlin.CD")],
)
def test_categories_are_spelt_as_arxiv_does(said: str, code: str) -> None:
    assert canonical_code(said) == code


def test_names_and_a_year_are_told_apart() -> None:
    assert names_only(["Vaswani", "et", "al.", "2017"]) == (["Vaswani"], 2017)
    assert names_only(["Lovelace", "&", "Babbage,", "1943"]) == (["Lovelace", "Babbage,"], 1943)


def test_what_is_asked_twice_is_asked_once() -> None:
    parts = parse('"of the" a* "of the" -the a* -the cat:cs cat:cs the the').parts
    assert parts == parse('"of the" a* -the cat:cs the the').parts
    assert len(parts) == 6
