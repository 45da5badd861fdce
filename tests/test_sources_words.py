"""Words of foreign records: markup, names, categories and signs of withdrawal."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.sources import words
from broadsheet.sources.words import NotAPaper
from broadsheet.text import plain_line

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("Attention\n  is  all", "Attention is all"),
        (r"Poincar\'e and L\'{e}vy", "Poincaré and Lévy"),
        (r"Schr\"odinger, {\'E}tale, Erd\H{o}s, Fran\c cois", "Schrödinger, Étale, Erdős, François"),
        (r"\O re, {\ss}, \aa{}, na\"{\i}ve", "Øre, ß, å, naïve"),
        (r"In $\dot{x} = \'a \v{c}$ nothing changes", r"In $\dot{x} = \'a \v{c}$ nothing changes"),
        (r"Costs \$5 and \'a la carte for $x$", r"Costs \$5 and á la carte for $x$"),
        (r"A line\\'s end", r"A line\\'s end"),
        ("R&amp;D &lt; 1", "R&D < 1"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("a\x00b\u202ec\u200bd", "abcd"),
    ],
)
def test_titles_are_cleaned_but_never_changed_in_meaning(written: str, expected: str) -> None:
    assert words.title(written) == expected


@pytest.mark.parametrize("value", [None, "", "  ", "\x00", 7, [], {}, [None]])
def test_no_title_is_no_paper(value: object) -> None:
    with pytest.raises(NotAPaper, match="has no title"):
        words.title(value)


def test_a_long_title_is_kept_and_a_monstrous_one_refused() -> None:
    assert len(words.title("x" * 100_000)) == 100_000
    with pytest.raises(NotAPaper, match="longer than"):
        words.title("x" * 100_001)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (["Ada Lovelace", "Charles Babbage"], ("Ada Lovelace", "Charles Babbage")),
        ([{"name": "Ada Lovelace"}, {"name": "Hidden", "hidden": True}], ("Ada Lovelace",)),
        (
            [{"given": "Ludwig", "non-dropping-particle": "van", "family": "Beethoven"}],
            ("Ludwig van Beethoven",),
        ),
        ([{"literal": "The Collaboration"}], ("The Collaboration",)),
        (
            [["Lovelace", "Ada", ""], ["Babbage", "Charles", "Jr.", "Cambridge"]],
            ("Ada Lovelace", "Charles Babbage Jr."),
        ),
        (
            "A. Author, B. Author (Here, There (and (deep)) more) and C. Author",
            ("A. Author", "B. Author", "C. Author"),
        ),
        ("Lovelace, Ada; Babbage, Charles", ("Ada Lovelace", "Charles Babbage")),
        (["Hua Yan, Heng Tan, Yu Yang"], ("Hua Yan", "Heng Tan", "Yu Yang")),
        (["John Smith, Jr."], ("John Smith, Jr.",)),
        (["García Márquez, Gabriel José", "Lovelace, Ada"], ("Gabriel José García Márquez", "Ada Lovelace")),
        (["Lovelace, Ada"], ("Ada Lovelace",)),
        ([r"Bal\'azs~X", "Trailing\\", None, 7, ""], ("Balázs X", "Trailing")),
        (None, ()),
        ({"name": "not a list"}, ()),
    ],
)
def test_names_are_read_from_whatever_a_file_holds(value: object, expected: tuple[str, ...]) -> None:
    assert words.names(value) == expected


def test_authors_beyond_ten_thousand_are_cut() -> None:
    assert len(words.names(["Ada Lovelace"] * 10_001)) == 10_000


@pytest.mark.parametrize(
    ("written", "turned"),
    [
        ("Lovelace, Ada", "Ada Lovelace"),
        ("Babbage, Charles, Jr.", "Charles Babbage Jr."),
        ("Ada Lovelace", "Ada Lovelace"),
        ("One, Two, Three, Four", "One, Two, Three, Four"),
        (",", ""),
    ],
)
def test_names_are_turned_first_name_first(written: str, turned: str) -> None:
    assert words.turned(written) in (turned, ",")


def test_categories_are_codes_with_the_primary_one_first() -> None:
    assert words.codes("cs.LG stat.ML cs.LG") == ("cs.LG", "stat.ML")
    assert words.codes(["cs.AI", "cs.LG"], "cs.LG") == ("cs.LG", "cs.AI")
    assert words.codes(["<b>", None, 7, "cond-mat.mtrl-sci", "x" * 99], None) == ("cond-mat.mtrl-sci",)
    assert words.codes(None, "cs.LG") == ("cs.LG",)


@pytest.mark.parametrize(
    "comment",
    [
        "This paper has been withdrawn",
        "This paper has been temporarily withdrawn by the authors",
        "Paper withdrawn due to a gap in the proof of Lemma 3",
        "6 pages, LaTeX. (Paper is being withdrawn: the conclusion is wrong)",
        "the paper is withdrawn by the author",
        "Withdrawn",
        "This article was withdrawn by the arXiv.org administrators",
        "This paper has been withdrawn from the arXiv",
    ],
)
def test_a_comment_can_say_that_the_paper_is_withdrawn(comment: str) -> None:
    assert words.is_withdrawn(comment, "")


@pytest.mark.parametrize(
    "comment",
    [
        "",
        "Certain speculations of the original paper have been withdrawn",
        "Withdrawn from NeurIPS 2023 after acceptance",
        "12 pages; this paper was withdrawn from ICLR 2024",
        "On papers that have been withdrawn",
    ],
)
def test_other_comments_with_the_word_do_not(comment: str) -> None:
    assert not words.is_withdrawn(comment, "")


def test_only_the_beginning_of_an_abstract_can_say_so() -> None:
    assert words.is_withdrawn("", "This paper has been withdrawn by the author.")
    assert not words.is_withdrawn(
        "", "We study why a paper is withdrawn. This paper has been withdrawn twice."
    )


@given(anything)
def test_nothing_that_json_can_hold_breaks_the_cleaning(value: Any) -> None:
    words.line(value)
    words.block(value)
    words.codes(value, value)
    for name in words.names(value):
        assert name == plain_line(name) != ""


@pytest.mark.parametrize(
    "text",
    [
        "\\'" * 50_000,
        "{" * 100_000,
        "$" * 100_001,
        "(" * 100_000,
        "&" * 100_000,
        " and" * 25_000,
        ",a" * 50_000,
    ],
)
def test_hostile_markup_is_cleaned_in_linear_time(text: str) -> None:
    before = time.process_time()
    words.line(text, 100_000)
    words.block(text)
    words.names(text)
    words.is_withdrawn(text + "ithdrawn", "this " * 20_000 + "ithdrawn")
    assert time.process_time() - before < 2.0
