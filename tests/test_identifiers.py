"""One canonical spelling for everything that papers and people are called."""

from __future__ import annotations

import string
import time
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet import identifiers
from broadsheet.identifiers import Identified, parse

ARXIV = "2503.01234"
DOI = "doi:10.1145/3580305.3599790"


def canonical(text: str) -> str | None:
    identified = parse(text)
    return identified.identifier if identified else None


# --- arXiv -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spelling",
    [
        "2503.01234",
        "  2503.01234  ",
        "(2503.01234).",
        "“2503.01234”",
        "arXiv:2503.01234",
        "ARXIV: 2503.01234",
        "arXiv 2503.01234",
        "arXiv:2503.01234 [cs.LG] 3 Mar 2025",
        "arxiv.org/abs/2503.01234",
        "https://arxiv.org/abs/2503.01234?context=cs.LG#top",
        "http://www.arxiv.org/pdf/2503.01234.pdf",
        "https://export.arxiv.org/html/2503.01234/",
        "https://arxiv.org:443/abs/2503.01234",
        "<https://arxiv.org/abs/2503.01234>",
        "https://www.alphaxiv.org/overview/2503.01234",
        "https://ar5iv.labs.arxiv.org/html/2503.01234",
        "https://huggingface.co/papers/2503.01234",
        "hf.co/papers/2503.01234.",
        "10.48550/arXiv.2503.01234",
        "https://doi.org/10.48550/ARXIV.2503.01234",
        "doi:10.48550/arXiv.2503.01234",
        "/papers/2503.01234",
        "/papers/2503.01234.md",
        "/papers/2503.01234/comments?page=2",
        "https://papers.example.org/papers/2503.01234",
        "arXiv:https://arxiv.org/abs/2503.01234",
        "\ufeff2503.01234\u200b",
    ],
)
def test_one_arxiv_paper_has_one_name(spelling: str) -> None:
    assert canonical(spelling) == ARXIV


@pytest.mark.parametrize(
    ("spelling", "version"),
    [
        ("2503.01234v3", 3),
        ("arXiv:2503.01234V12", 12),
        ("https://arxiv.org/pdf/2503.01234v2.pdf", 2),
        ("/papers/2503.01234v2", 2),
        ("10.48550/arXiv.2503.01234v1", 1),
        ("2503.01234", None),
    ],
)
def test_the_version_is_kept_apart(spelling: str, version: int | None) -> None:
    assert parse(spelling) == Identified(ARXIV, "arxiv", version)


@pytest.mark.parametrize(
    ("spelling", "expected"),
    [
        ("hep-th/9901001", "hep-th/9901001"),
        ("HEP-TH/9901001v2", "hep-th/9901001"),
        ("hep–th/9901001", "hep-th/9901001"),
        ("math.GT/0309136", "math/0309136"),
        ("https://arxiv.org/abs/math.GT/0309136", "math/0309136"),
        ("https://arxiv.org/abs/cond-mat%2F0703001", "cond-mat/0703001"),
        ("https://doi.org/10.48550/arXiv.hep-th/9901001", "hep-th/9901001"),
        ("/papers/math-ph/0001001", "math-ph/0001001"),
    ],
)
def test_old_arxiv_ids_lose_their_subject_class(spelling: str, expected: str) -> None:
    assert canonical(spelling) == expected


@pytest.mark.parametrize(
    "spelling",
    [
        "2513.00001",  # no thirteenth month
        "2500.00001",
        "2503.1234",  # five digits since 1501
        "1412.12345",  # four before
        "0703.1234",  # the old scheme still ran
        "9912.12345",
        "2503.00000",
        "hep-th/9913001",
        "hep-th/0704001",
        "hep-th/9901000",
        "made-up/9901001",
        "2503.01234v0",
        "2503.01234v1234",
        "2503.01234 is a good paper",
        "12503.01234",
        "https://arxiv.org/list/cs.LG/recent",
        "https://arxiv.org/abs/",
        "https://example.org/abs/2503.01234",
        "https://notarxiv.org/abs/2503.01234",
        "10.48550/arXiv.nothing",
    ],
)
def test_what_only_looks_like_an_arxiv_id_is_none(spelling: str) -> None:
    assert parse(spelling) is None


@pytest.mark.parametrize(
    ("spelling", "known"), [("0704.0001", True), ("1412.9999", True), ("1501.00001", True)]
)
def test_the_scheme_changed_twice(spelling: str, known: bool) -> None:
    assert (parse(spelling) is not None) is known


# --- other schemes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spelling",
    [
        "10.1145/3580305.3599790",
        "doi:10.1145/3580305.3599790",
        "DOI: 10.1145/3580305.3599790.",
        "https://doi.org/10.1145/3580305.3599790",
        "http://dx.doi.org/10.1145/3580305.3599790?nosfx=y",
        "https://dl.acm.org/doi/abs/10.1145/3580305.3599790",
        "https://dl.acm.org/doi/10.1145/3580305.3599790",
        "doi:https://doi.org/10.1145/3580305.3599790",
        "/papers/doi:10.1145/3580305.3599790",
        "/papers/doi%3A10.1145/3580305.3599790",
    ],
)
def test_one_doi_has_one_name(spelling: str) -> None:
    assert parse(spelling) == Identified(DOI, "doi")


@pytest.mark.parametrize(
    ("spelling", "expected"),
    [
        ("10.1016/S0140-6736(05)66545-1", "doi:10.1016/s0140-6736(05)66545-1"),
        ("(10.1016/S0140-6736(05)66545-1)", "doi:10.1016/s0140-6736(05)66545-1"),
        (
            "10.1002/(SICI)1097-4636(199807)41:1<1::AID-JBM1>3.0.CO;2-#",
            "doi:10.1002/(sici)1097-4636(199807)41:1<1::aid-jbm1>3.0.co;2-#",
        ),
        (r"10.1007/978-3-030\_12", "doi:10.1007/978-3-030_12"),
        ("https://doi.org/10.1000%2FABC", "doi:10.1000/abc"),
    ],
)
def test_strange_but_real_dois_keep_their_brackets(spelling: str, expected: str) -> None:
    assert canonical(spelling) == expected


@pytest.mark.parametrize(
    ("spelling", "expected"),
    [
        ("2024.acl-long.1", "acl:2024.acl-long.1"),
        ("acl:2024.ACL-long.1", "acl:2024.acl-long.1"),
        ("https://aclanthology.org/2024.acl-long.1/", "acl:2024.acl-long.1"),
        ("https://aclanthology.org/2024.acl-long.1.pdf", "acl:2024.acl-long.1"),
        ("https://aclanthology.org/P19-1001v2.pdf", "acl:P19-1001"),
        ("https://www.aclweb.org/anthology/papers/P/P19/P19-1001/", "acl:P19-1001"),
        ("p19-1001", "acl:P19-1001"),
        ("https://openreview.net/forum?id=rJl0r3R9KX&noteId=x", "openreview:rJl0r3R9KX"),
        ("https://openreview.net/pdf?id=rJl0r3R9KX", "openreview:rJl0r3R9KX"),
        ("openreview:rJl0r3R9KX", "openreview:rJl0r3R9KX"),
        ("local:abcdefghijklmn27", "local:abcdefghijklmn27"),
    ],
)
def test_the_anthology_openreview_and_our_own_ids_are_read(spelling: str, expected: str) -> None:
    assert canonical(spelling) == expected


@pytest.mark.parametrize(
    "spelling",
    [
        "openreview platform",
        "local:short",
        "local:ABCDEFGHIJKLMN27",
        "acl-long",
        "rJl0r3R9KX",
        "",
        ".",
        "10.1145/",
    ],
)
def test_words_are_not_identifiers(spelling: str) -> None:
    assert parse(spelling) is None


def test_anything_longer_than_two_thousand_characters_is_none() -> None:
    assert parse(ARXIV + " " * 1990) is not None
    assert parse(ARXIV + " " * 1991) is None


# --- properties ------------------------------------------------------------------------------------------

new_ids = st.builds(
    lambda year, month, number: f"{year:02}{month:02}.{number:05}",
    st.integers(15, 90), st.integers(1, 12), st.integers(1, 99_999),
)  # fmt: skip
old_ids = st.builds(
    lambda archive, year, month, number: f"{archive}/{year:02}{month:02}{number:03}",
    st.sampled_from(["hep-th", "math", "math-ph", "cs", "cmp-lg", "q-bio"]),
    st.sampled_from([91, 95, 99, 0, 6]), st.integers(1, 12), st.integers(1, 999),
)  # fmt: skip
dois = st.from_regex(r"10\.[0-9]{4,9}/[a-z0-9()<>;:._/%#?&=+~-]{0,60}[a-z0-9]", fullmatch=True)


@given(
    st.one_of(new_ids, old_ids), st.sampled_from(["{}", "arXiv:{}", "https://arxiv.org/abs/{}", "/papers/{}"])
)
def test_every_arxiv_id_survives_every_way_of_writing_it(identifier: str, way: str) -> None:
    assert canonical(way.format(identifier)) == identifier


@given(st.one_of(st.text(max_size=300), dois, st.from_regex(r"(doi|acl|openreview|local|arxiv):\S{0,60}")))
def test_reading_never_fails_and_what_was_read_reads_as_itself(text: str) -> None:
    identified = parse(text)
    if identified:
        again = parse(identified.identifier)
        assert again == Identified(identified.identifier, identified.scheme)
        assert identifiers.scheme(identified.identifier) == identified.scheme
        assert len(identified.identifier) <= 255
        assert identified.identifier.isascii() and not any(one.isspace() for one in identified.identifier)


@given(st.text(alphabet=string.printable + "–é\u202e\ud800", max_size=400))
def test_no_text_breaks_any_function(text: str) -> None:
    identifiers.find_all(text)
    assert 0 < identifiers.title_key(text) < 2**63
    assert 0 < len(identifiers.author_slug(text)) <= 80
    assert 0 < identifiers.author_key(text) < 2**63
    identifiers.surname(text)
    assert parse(identifiers.local_id(text, text)) is not None
    identifiers.month_of(text)
    identifiers.abstract_url(text)


@pytest.mark.parametrize(
    "text",
    ["a.a-" * 500, "10.1" * 500, "((((" * 500, ")" * 2000, "http://" + "a." * 900, "-" * 2000, "%25" * 600],
)
def test_hostile_text_is_answered_at_once(text: str) -> None:
    before = time.process_time()
    for _ in range(20):
        parse(text)
    identifiers.find_all(text * 50)
    assert time.process_time() - before < 1.0


# --- running text ----------------------------------------------------------------------------------------


def test_ids_are_found_in_running_text_each_once_and_in_order() -> None:
    text = (
        "Builds on arXiv:2503.01234v2 and https://arxiv.org/abs/2503.01234, on hep-th/9901001 "
        "and (10.1016/S0140-6736(05)66545-1). See doi.org/10.48550/arXiv.2501.00001."
    )
    expected = [ARXIV, "hep-th/9901001", "doi:10.1016/s0140-6736(05)66545-1", "2501.00001"]
    assert identifiers.find_all(text) == expected


def test_numbers_in_running_text_are_not_ids() -> None:
    assert (
        identifiers.find_all("1.2503.01234, 2503.01234567, v2503.01234x, 3.1415, 2513.00001, 192.168/0309136")
        == []
    )


def test_finding_is_bounded() -> None:
    many = " ".join(f"2503.{number:05}" for number in range(1, 1000))
    assert len(identifiers.find_all(many)) == identifiers.MOST_FOUND
    assert identifiers.find_all(" " * identifiers.LONGEST_TEXT + ARXIV) == []


# --- what an identifier tells ----------------------------------------------------------------------------


def test_arxiv_papers_have_three_addresses() -> None:
    assert identifiers.abstract_url(ARXIV) == "https://arxiv.org/abs/2503.01234"
    assert identifiers.pdf_url(ARXIV) == "https://arxiv.org/pdf/2503.01234"
    assert identifiers.html_url(ARXIV) == "https://arxiv.org/html/2503.01234"
    assert identifiers.html_url("2311.00001") is None, "arXiv makes web pages since December 2023"


def test_other_schemes_have_the_addresses_they_have() -> None:
    assert identifiers.abstract_url("doi:10.1002/a<1>#") == "https://doi.org/10.1002/a%3C1%3E%23"
    assert identifiers.pdf_url(DOI) is None
    assert identifiers.abstract_url("acl:P19-1001") == "https://aclanthology.org/P19-1001/"
    assert identifiers.pdf_url("acl:P19-1001") == "https://aclanthology.org/P19-1001.pdf"
    assert identifiers.abstract_url("openreview:ab_C-d") == "https://openreview.net/forum?id=ab_C-d"
    assert identifiers.abstract_url("local:abcdefghijklmn27") is None
    assert identifiers.arxiv_id(ARXIV) == ARXIV
    assert identifiers.arxiv_id(DOI) is None


@pytest.mark.parametrize(
    ("identifier", "month"),
    [
        (ARXIV, date(2025, 3, 1)),
        ("hep-th/9108001", date(1991, 8, 1)),
        ("math/0309136", date(2003, 9, 1)),
        (DOI, None),
        ("acl:P19-1001", None),
    ],
)
def test_an_arxiv_id_tells_its_month(identifier: str, month: date | None) -> None:
    assert identifiers.month_of(identifier) == month


def test_stronger_identifiers_sort_first() -> None:
    ids = ["local:abcdefghijklmn27", DOI, "openreview:abcde", "acl:P19-1001", ARXIV]
    assert sorted(ids, key=identifiers.rank) == ids[::-1]


# --- titles and people -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spellings",
    [
        [
            "β-VAE",
            r"$\beta$-VAE",
            "beta-VAE",
            "Beta VAE",
            r"{\it beta}-VAE",
            r"$\boldsymbol{\beta}$-VAE",
            "&beta;-VAE",
        ],
        ["Poincaré maps", r"Poincar\'e maps", r"Poincar\'{e} Maps", "POINCARE MAPS", "Poincare\u0301 maps"],
        ["Attention Is All You Need", "attention is\n all you need.", "“Attention” is All-You-Need!"],
        [r"Erd\H{o}s", "Erdős", "Erdos"],
        ["日本語 の 題", "日本語の題"],
    ],
)
def test_one_title_in_several_spellings_has_one_key(spellings: list[str]) -> None:
    assert len({identifiers.title_key(title) for title in spellings}) == 1


def test_different_titles_have_different_keys() -> None:
    titles = [
        "A title",
        "A title++",
        "Another title",
        "???",
        "!!!",
        "",
        "日本",
        "日本語",
        "α",
        "β",
        "हिन्दी",
        "हिन्दू",
    ]
    assert len({identifiers.title_key(title) for title in titles}) == len(titles)


def test_a_number_too_long_for_python_in_a_title_is_only_text() -> None:
    assert identifiers.title_key("&#" + "9" * 6000 + ";") > 0


def test_the_local_id_depends_on_title_and_surname_alone() -> None:
    one = identifiers.local_id("A Title", "Ada Lovelace")
    assert one == identifiers.local_id("a title!", "Lovelace, A.")
    assert one != identifiers.local_id("A Title", "Charles Babbage")
    assert one != identifiers.local_id("A Title", "")


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Ada M. Lovelace", "ada-m-lovelace"),
        ("José Ñandú", "jose-nandu"),
        ("Jose\u0301 N\u0303andu\u0301", "jose-nandu"),
        ("Søren Łoś", "soren-los"),
        ("Nguyễn Văn A", "nguyen-van-a"),
        ("  O'Brien--Smith, Jr. ", "o-brien-smith-jr"),
        ("王小明", "王小明"),
        ("김철수", "김철수"),
        ("Юрий Гагарин", "юрии-гагарин"),
    ],
)
def test_names_become_slugs(name: str, slug: str) -> None:
    assert identifiers.author_slug(name) == slug


def test_a_name_without_letters_and_a_very_long_one_still_have_slugs() -> None:
    assert len(identifiers.author_slug("???")) == 16
    assert identifiers.author_slug("???") != identifiers.author_slug("!!!")
    one, other = (identifiers.author_slug("The " + "Very " * 50 + end) for end in ("One", "Other"))
    assert len(one) == len(other) == 80
    assert one != other


def test_the_authors_key_is_the_same_on_every_server() -> None:
    assert identifiers.author_key("ada-m-lovelace") == 7475169642753285350


@pytest.mark.parametrize(
    ("name", "surname"),
    [
        ("Ada Lovelace", "Lovelace"),
        ("Lovelace, Ada", "Lovelace"),
        ("Ludwig van Beethoven", "van Beethoven"),
        ("van Beethoven, Ludwig", "van Beethoven"),
        ("John von Neumann, Jr.", "von Neumann"),
        ("Maarten de Rijke", "de Rijke"),
        ("Plato", "Plato"),
        ("王小明", "王小明"),
        ("", ""),
    ],
)
def test_surnames_keep_their_particles(name: str, surname: str) -> None:
    assert identifiers.surname(name) == surname
