"""What every engine behind the index door promises, asked of each of them in turn."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from broadsheet.index import (
    ALL_PAPERS,
    EVERYTHING,
    LARGEST_KEY,
    MOST_CHARACTERS,
    MOST_LEVELS,
    MOST_WORDS,
    Document,
    Facet,
    Filter,
    Floats,
    Group,
    Hit,
    Index,
    LexicalQuery,
    Order,
    Phrase,
    Words,
)
from broadsheet.index.embedded import EmbeddedIndex

D = 32

TRAINING = Document(
    1,
    "Multi-stage training of language models",
    "We train large networks in several stages and study their learning curves.",
    "2401.00001",
    ("Ada King Lovelace", "Charles Babbage"),
    ("cs.LG", "cs.CL"),
    19_700,
    2023,
    has_code=True,
    votes=5,
    hotness=1.5,
)
GALAXIES = Document(
    2,
    "Naïve models of spiral galaxies",
    "Galaxies rotate. A stage of training is not needed for stars.",
    "astro-ph/0101001",
    ("Vera Rubin",),
    ("astro-ph.GA",),
    11_323,
    2001,
    votes=9,
    hotness=0.5,
)
RINGS = Document(
    3,
    "Rings and modules",
    "An ideal is a subset of a ring. Training of intuition.",
    "math/9901001",
    ("Emmy Noether", "Ada Rubin"),
    ("math.RA", "hep-th"),
    10_600,
    1999,
    has_models=True,
    votes=1,
    hotness=2.5,
)
UNDATED = Document(4, "A note without a day", "Nothing is known of it.", authors=("Noether",))
PAPERS = (TRAINING, GALAXIES, RINGS, UNDATED)


def directions(count: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).standard_normal((count, D)).astype(np.float32)


@pytest.fixture(params=["embedded", "milvus"])
def reopened(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Index]:
    """Opens the same index again, as another process would."""
    if request.param == "embedded":
        return lambda: _closed_later(request, EmbeddedIndex(tmp_path / "index"))
    for package in ("pymilvus", "milvus_lite"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed: Milvus was not tested")
    return _milvus(request, tmp_path)


def _closed_later(request: pytest.FixtureRequest, index: Index) -> Index:
    request.addfinalizer(index.close)
    return index


def _milvus(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Index]:
    from broadsheet.index.milvus import MilvusIndex

    index = MilvusIndex(str(tmp_path / "milvus.db"))
    request.addfinalizer(index.close)
    # Milvus Lite lets one client in at a time: "again" is a second look through the same door.
    return lambda: index.again()


@pytest.fixture
def index(reopened: Callable[[], Index]) -> Index:
    return reopened()


@pytest.fixture
def filled(index: Index) -> Index:
    index.put(PAPERS, {"static": directions(4)})
    index.commit("first")
    return index


def keys(hits: list[Hit]) -> list[int]:
    return [hit.key for hit in hits]


def found(index: Index, query: LexicalQuery, filter: Filter = EVERYTHING) -> set[int]:
    return set(keys(index.lexical(query, filter)))


def test_an_empty_index_answers_with_nothing(index: Index) -> None:
    assert index.bookmark() is None
    assert index.count() == 0
    assert index.vector_counts() == {}
    assert index.lexical(Words("training")) == []
    assert index.nearest("static", directions(1)[0]) == []
    assert index.vectors("static", [1, 2]).shape == (2, 0)
    assert index.has_vectors("static", [1, 2]).tolist() == [False, False]
    assert index.facets(Words("training"), fields=["year"]) == {"year": {}}
    assert list(index.terms()) == []
    assert index.verify() == []


def test_nothing_is_seen_before_the_commit_and_everything_after(index: Index) -> None:
    index.put(PAPERS, {"static": directions(4)})
    assert index.bookmark() is None
    assert index.lexical(Words("training")) == []
    index.commit("up to here")
    assert index.bookmark() == "up to here"
    assert index.count() == 4
    assert index.vector_counts() == {"static": 4}
    assert found(index, Words("training")) == {1, 2, 3}


def test_a_second_opening_finds_what_was_committed(filled: Index, reopened: Callable[[], Index]) -> None:
    again = reopened()
    assert again.bookmark() == "first"
    assert found(again, Words("galaxies")) == {2}
    assert keys(again.nearest("static", directions(4)[2], limit=1)) == [3]


def test_a_commit_of_nothing_moves_the_bookmark(filled: Index) -> None:
    filled.commit("second, with ünïcode and 'quotes'")
    assert filled.bookmark() == "second, with ünïcode and 'quotes'"
    assert filled.count() == 4


def test_inflections_and_accents_do_not_matter(filled: Index) -> None:
    assert found(filled, Words("trained")) == {1, 2, 3}
    assert found(filled, Words("NAIVE galaxy")) == {2}


def test_a_title_counts_more_than_an_abstract(filled: Index) -> None:
    assert keys(filled.lexical(Words("training")))[0] == 1
    scores = [hit.score for hit in filled.lexical(Words("training stage"))]
    assert scores == sorted(scores, reverse=True)
    assert all(score > 0 for score in scores)


def test_fields_are_asked_apart(filled: Index) -> None:
    assert found(filled, Words("training", field="title")) == {1}
    assert found(filled, Words("training", field="abstract")) == {1, 2, 3}
    assert found(filled, Words("rubin", field="author")) == {2, 3}
    assert found(filled, Words("noether", field="abstract")) == set()


def test_at_least_so_many_words_must_occur(filled: Index) -> None:
    assert found(filled, Words("training stars ideal", at_least=1)) == {1, 2, 3}
    assert found(filled, Words("training stars ideal", at_least=2)) == {2, 3}
    assert found(filled, Words("training stars", at_least=9)) == {2}


def test_a_word_of_several_parts_wants_them_all(filled: Index) -> None:
    assert found(filled, Words("multi-stage")) == {1}
    assert found(filled, Words("spiral-ring")) == set()


def test_the_beginning_of_a_word_is_enough_while_typing(filled: Index) -> None:
    assert found(filled, Words("spiral gala", at_least=2, prefix=True)) == {2}
    assert found(filled, Words("spiral gala", at_least=2)) == set()


def test_a_phrase_stands_in_order_in_one_field(filled: Index) -> None:
    assert found(filled, Phrase("stage training")) == {1}
    assert found(filled, Phrase("training stage")) == set()
    assert found(filled, Phrase("galaxies rotate")) == {2}
    assert found(filled, Phrase("galaxies galaxies")) == set()


def test_must_and_must_not_hold(filled: Index) -> None:
    both = Group(must=(Words("training"), Words("stage")))
    assert found(filled, both) == {1, 2}
    assert found(filled, replace(both, must_not=(Words("stars"),))) == {1}
    assert found(filled, Group(must_not=(Words("training"),))) == {4}
    assert found(filled, Group(should=(Words("rings"), Phrase("spiral galaxies")))) == {2, 3}
    assert found(filled, Group(must=(Words("training"),), should=(Words("rings"),))) == {1, 2, 3}
    assert (
        keys(filled.lexical(Group(must=(Words("training", field="abstract"),), should=(Words("rings"),))))[0]
        == 3
    )


def test_all_papers_match_the_empty_group(filled: Index) -> None:
    assert found(filled, ALL_PAPERS) == {1, 2, 3, 4}
    assert {hit.score for hit in filled.lexical(ALL_PAPERS)} == {0.0}


def test_papers_come_in_other_orders_too(filled: Index) -> None:
    assert keys(filled.lexical(Words("training"), order="newest")) == [1, 2, 3]
    assert keys(filled.lexical(Words("training"), order="oldest")) == [3, 2, 1]
    assert keys(filled.lexical(Words("training"), order="votes")) == [2, 1, 3]
    assert keys(filled.lexical(Words("training"), order="hotness")) == [3, 1, 2]
    assert [hit.score for hit in filled.lexical(Words("training"), order="votes")] == [9.0, 5.0, 1.0]


def test_every_order_knows_its_limit(filled: Index) -> None:
    for order in get_args(Order):
        assert len(filled.lexical(Words("training"), limit=2, order=order)) == 2
        assert filled.lexical(Words("training"), limit=0, order=order) == []


FILTERS: list[tuple[Filter, set[int]]] = [
    (Filter(categories=("cs.LG",)), {1}),
    (Filter(categories=("cs",)), {1}),
    (Filter(categories=("astro-ph", "hep-th")), {2, 3}),
    (Filter(categories=("no.such",)), set()),
    (Filter(authors=("Ada Lovelace",)), {1}),
    (Filter(authors=("Lovelace, Ada",)), {1}),
    (Filter(authors=("a. lovelace",)), {1}),
    (Filter(authors=("rubin",)), {2, 3}),
    (Filter(authors=("Vera Rubin", "Emmy Noether")), {2, 3}),
    (Filter(authors=("Lovelace Charles",)), set()),
    (Filter(authors=("",)), set()),
    (Filter(first_day=11_323), {1, 2}),
    (Filter(last_day=11_323), {2, 3}),
    (Filter(first_day=11_323, last_day=11_323), {2}),
    (Filter(first_year=1999, last_year=2001), {2, 3}),
    (Filter(first_day=-(10**30), last_day=10**30), {1, 2, 3}),
    (Filter(has_code=True), {1}),
    (Filter(has_code=False), {2, 3, 4}),
    (Filter(has_models=True), {3}),
    (Filter(exclude=frozenset({1, 2, -5, 2**70})), {3, 4}),
    (Filter(only=frozenset({2, 3, 77})), {2, 3}),
    (Filter(only=frozenset()), set()),
    (Filter(only=frozenset({1, 2}), exclude=frozenset({1})), {2}),
    (Filter(categories=("cs",), has_code=False), set()),
]


@pytest.mark.parametrize("filter,passing", FILTERS, ids=lambda each: repr(each)[:60])
def test_filters_hold_for_words_and_for_nearness(filled: Index, filter: Filter, passing: set[int]) -> None:
    assert found(filled, ALL_PAPERS, filter) == passing
    assert set(keys(filled.nearest("static", directions(1)[0], filter))) == passing
    assert set(keys(filled.nearest("static", directions(1)[0], filter, limit=1))) <= passing


def test_nearness_is_the_cosine(filled: Index) -> None:
    question = directions(1, seed=5)[0]
    exact = directions(4) @ question / np.linalg.norm(directions(4), axis=1) / np.linalg.norm(question)
    hits = filled.nearest("static", question * 100)
    assert keys(hits) == (np.argsort(-exact) + 1).tolist()
    assert np.allclose([hit.score for hit in hits], np.sort(exact)[::-1], atol=0.02)


def test_stored_vectors_come_back_as_unit_vectors(filled: Index) -> None:
    back = filled.vectors("static", [3, 99, 1, -1])
    want = directions(4)[[2, 0]]
    assert back.dtype == np.float32
    assert np.abs(back[[0, 2]] - want / np.linalg.norm(want, axis=1, keepdims=True)).max() < 0.01
    assert not back[[1, 3]].any()
    assert filled.has_vectors("static", [3, 99, 1]).tolist() == [True, False, True]


def test_vectors_of_several_embedders_live_side_by_side(filled: Index) -> None:
    other = np.random.default_rng(7).standard_normal((3, 48)).astype(np.float32)
    other[1] = 0
    filled.put_vectors("transformer", [1, 2, 99], other)
    assert filled.vector_counts() == {"static": 4}
    filled.commit("second")
    assert filled.vector_counts() == {"static": 4, "transformer": 1}
    assert filled.has_vectors("transformer", [1, 2, 3, 99]).tolist() == [True, False, False, False]
    assert keys(filled.nearest("transformer", other[0])) == [1]
    assert keys(filled.nearest("static", directions(4)[1], limit=1)) == [2]


def test_the_last_put_of_a_key_counts(filled: Index) -> None:
    changed = replace(GALAXIES, title="Elliptic clusters", abstract="", categories=("cs.CV",), day=20_000)
    filled.put([GALAXIES, changed], {"static": directions(2, seed=9)})
    filled.commit("second")
    assert filled.count() == 4
    assert found(filled, Words("galaxies")) == set()
    assert found(filled, Words("elliptical")) == {2}
    assert found(filled, ALL_PAPERS, Filter(categories=("cs.CV",), first_day=20_000)) == {2}
    assert keys(filled.nearest("static", directions(2, seed=9)[1], limit=1)) == [2]
    assert filled.vector_counts() == {"static": 4}


def test_new_words_make_old_vectors_void(filled: Index) -> None:
    filled.put([replace(GALAXIES, title="Elliptic clusters")])
    filled.commit("second")
    assert filled.has_vectors("static", [1, 2]).tolist() == [True, False]
    assert 2 not in keys(filled.nearest("static", directions(4)[1]))
    assert filled.vector_counts() == {"static": 3}


def test_the_same_words_keep_their_vectors(filled: Index) -> None:
    filled.put([replace(GALAXIES, votes=100.0, has_code=True)])
    filled.commit("second")
    assert keys(filled.nearest("static", directions(4)[1], Filter(has_code=True), limit=1)) == [2]
    assert keys(filled.lexical(Words("training"), order="votes"))[0] == 2


def test_removed_papers_are_gone_from_everywhere(filled: Index) -> None:
    filled.remove([2, 2, 77, -3])
    filled.commit("second")
    assert filled.count() == 3
    assert found(filled, ALL_PAPERS) == {1, 3, 4}
    assert set(keys(filled.nearest("static", directions(4)[1]))) == {1, 3, 4}
    assert filled.vectors("static", [2]).any() == np.False_
    assert filled.verify() == []


def test_a_paper_may_come_back(filled: Index) -> None:
    filled.remove([2])
    filled.put([GALAXIES], {"static": directions(1, seed=3)})
    filled.commit("second")
    assert filled.count() == 4
    assert found(filled, Words("galaxies")) == {2}
    assert keys(filled.nearest("static", directions(1, seed=3)[0], limit=1)) == [2]


def test_put_then_remove_in_one_commit_leaves_nothing(filled: Index) -> None:
    filled.put([replace(UNDATED, key=5)], {"static": directions(1)})
    filled.remove([5])
    filled.commit("second")
    assert filled.count() == 4
    assert found(filled, Words("note")) == {4}


def test_facets_count_what_matches(filled: Index) -> None:
    counts = filled.facets(Words("training"), fields=get_args(Facet))
    assert counts["year"] == {"2023": 1, "2001": 1, "1999": 1}
    assert counts["has_code"] == {"false": 2, "true": 1}
    assert counts["has_models"] == {"false": 2, "true": 1}
    assert counts["category"]["cs"] == 1
    assert counts["category"]["hep-th"] == 1
    assert "0" not in filled.facets(ALL_PAPERS)["year"]
    assert filled.facets(ALL_PAPERS, Filter(exclude=frozenset({1})), ["has_code"]) == {
        "has_code": {"false": 3}
    }


def test_the_vocabulary_is_what_papers_say(filled: Index) -> None:
    terms = dict(filled.terms())
    assert terms["training"] == 3
    assert terms["naive"] == 1
    assert "train" in terms
    assert "lovelace" not in terms


def test_matched_words_are_pointed_at(filled: Index) -> None:
    text = "Naïve trainings 😀 of multi-stage things"
    spans = filled.matched(Group(must=(Words("train stages"),), must_not=(Words("naive"),)), text)
    assert [text[start:end] for start, end in spans] == ["trainings", "stage"]
    assert filled.matched(Words("mul", prefix=True), text) == [(21, 26)]
    assert filled.matched(Words("\ud800"), "\ud800 x") == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        '"',
        '"""(((',
        "AND OR NOT",
        "title:",
        "*",
        "a*",
        "\0",
        "\ud800",
        "😀",
        "שלום עולם",
        "深層学習",
        "x" * 2000,
        "-" * 500,
    ],
    ids=repr,
)
def test_any_text_is_a_question(filled: Index, text: str) -> None:
    for query in (
        Words(text),
        Words(text, prefix=True, at_least=3),
        Phrase(text),
        Phrase(text, field="author"),
    ):
        filled.lexical(query)
        filled.lexical(Group(must=(query,), must_not=(query,)))
        filled.facets(query)
        filled.matched(query, text)


def test_what_is_too_long_or_too_deep_is_refused(filled: Index) -> None:
    deep: LexicalQuery = Words("x")
    for _ in range(MOST_LEVELS + 1):
        deep = Group(must=(deep,))
    for query in (
        Words("x" * (MOST_CHARACTERS + 1)),
        Words("x " * (MOST_WORDS + 1)),
        Phrase("x", slop=-1),
        deep,
    ):
        with pytest.raises(ValueError):
            filled.lexical(query)


def test_wrong_shapes_and_numbers_are_refused_and_change_nothing(filled: Index) -> None:
    with pytest.raises(ValueError):
        filled.put([Document(-1, "x")])
    with pytest.raises(ValueError):
        filled.put([Document(LARGEST_KEY + 1, "x")])
    with pytest.raises(ValueError):
        filled.put([Document(9, "x", votes=float("nan"))])
    with pytest.raises(ValueError):
        filled.put([Document(9, "x")], {"static": directions(2)})
    with pytest.raises(ValueError):
        filled.put([Document(9, "x")], {"static": np.zeros((1, D + 1), np.float32)})
    with pytest.raises(ValueError):
        filled.put_vectors("static", [1], np.full((1, D), np.inf, np.float32))
    with pytest.raises(ValueError):
        filled.nearest("static", np.zeros(D + 1, np.float32))
    with pytest.raises(ValueError):
        filled.lexical(Words("x"), limit=-1)
    filled.commit("second")
    assert filled.count() == 4


def test_a_question_of_zeros_has_no_neighbours(filled: Index) -> None:
    assert filled.nearest("static", np.zeros(D, np.float32)) == []


def test_an_aside_is_unseen_until_it_is_published(filled: Index, reopened: Callable[[], Index]) -> None:
    aside = filled.aside()
    assert aside.bookmark() is None
    aside.put([RINGS], {"static": directions(1)})
    aside.commit("built anew")
    filled.put([replace(UNDATED, key=5)])
    filled.commit("second")
    assert filled.count() == 5
    assert aside.count() == 1
    aside.publish()
    for each in (filled, reopened()):
        assert each.count() == 1
        assert each.bookmark() == "built anew"
        assert found(each, ALL_PAPERS) == {3}
        assert keys(each.nearest("static", directions(1)[0])) == [3]


def test_an_aside_is_taken_up_again(filled: Index, reopened: Callable[[], Index]) -> None:
    aside = filled.aside()
    aside.put([RINGS])
    aside.commit("half way")
    aside.close()
    filled.close()
    again = reopened().aside()
    assert again.bookmark() == "half way"
    again.put([TRAINING])
    again.commit("done")
    again.publish()
    assert found(filled, ALL_PAPERS) == {1, 3}


def test_an_aside_can_be_dropped_alone(filled: Index) -> None:
    aside = filled.aside()
    aside.put([RINGS])
    aside.commit("half way")
    aside.drop()
    assert filled.aside().bookmark() is None
    assert filled.count() == 4


def test_only_an_aside_can_be_published(filled: Index) -> None:
    with pytest.raises(ValueError):
        filled.publish()


def test_a_dropped_index_is_empty_and_grows_back(filled: Index) -> None:
    filled.drop()
    assert filled.bookmark() is None
    assert filled.count() == 0
    assert filled.nearest("static", directions(1)[0]) == []
    filled.put([RINGS])
    filled.commit("anew")
    assert filled.count() == 1
    assert filled.verify() == []


def test_what_was_staged_is_forgotten_by_close(filled: Index, reopened: Callable[[], Index]) -> None:
    filled.put([replace(UNDATED, key=5)], {"static": directions(1)})
    filled.close()
    again = reopened()
    assert again.count() == 4
    again.commit("second")
    assert again.count() == 4
    assert again.verify() == []
