"""Links to code, models, data, demos and projects."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.sources import LinkKind, links


def found(text: str) -> list[tuple[str, str]]:
    return [(link.kind, link.url) for link in links.gathered([], text)]


@pytest.mark.parametrize(
    ("text", "kind", "url"),
    [
        ("Code: https://github.com/ada/engine.", "code", "https://github.com/ada/engine"),
        ("(see github.com/ada/engine)", "code", "https://github.com/ada/engine"),
        ("http://www.GitHub.com/ada/engine/tree/main/src", "code", "https://github.com/ada/engine"),
        ("https://github.com/ada/engine.git", "code", "https://github.com/ada/engine"),
        (r"\url{https://github.com/ada/my\_engine}", "code", "https://github.com/ada/my_engine"),
        (r"\href{https://github.com/ada/engine}{here}", "code", "https://github.com/ada/engine"),
        ("[code](https://github.com/ada/engine)", "code", "https://github.com/ada/engine"),
        ("https://gitlab.com/group/sub/engine,", "code", "https://gitlab.com/group/sub/engine"),
        ("https://codeberg.org/ada/engine;", "code", "https://codeberg.org/ada/engine"),
        ("huggingface.co/ada/engine-7b", "model", "https://huggingface.co/ada/engine-7b"),
        ("https://huggingface.co/datasets/ada/cards", "dataset", "https://huggingface.co/datasets/ada/cards"),
        ("https://huggingface.co/spaces/ada/demo!", "demo", "https://huggingface.co/spaces/ada/demo"),
        ("https://ada.github.io/engine/ shows it", "project", "https://ada.github.io/engine"),
        ("ada.github.io", "project", "https://ada.github.io"),
        ("hf.co/datasets/ada/cards", "dataset", "https://huggingface.co/datasets/ada/cards"),
        ("https://zenodo.org/record/1234567.", "dataset", "https://doi.org/10.5281/zenodo.1234567"),
        ("Data: zenodo.org/records/1234567", "dataset", "https://doi.org/10.5281/zenodo.1234567"),
        ("doi:10.5281/Zenodo.1234567", "dataset", "https://doi.org/10.5281/zenodo.1234567"),
        ("(https://dx.doi.org/10.5281/zenodo.77)", "dataset", "https://doi.org/10.5281/zenodo.77"),
        ("10.6084/m9.figshare.123, see there", "dataset", "https://doi.org/10.6084/m9.figshare.123"),
        ("https://doi.org/10.7910/DVN/ABCDEF", "dataset", "https://doi.org/10.7910/dvn/abcdef"),
        ("kaggle.com/datasets/Ada/cards!", "dataset", "https://www.kaggle.com/datasets/Ada/cards"),
        ("https://www.kaggle.com/models/ada/m", "model", "https://www.kaggle.com/models/ada/m"),
        ("https://bitbucket.org/ada/engine/src", "code", "https://bitbucket.org/ada/engine"),
        (
            r"\url{https://anonymous.4open.science/r/engine-7B/}",
            "code",
            "https://anonymous.4open.science/r/engine-7B",
        ),
        (
            "https://sites.google.com/view/Ada-engine.",
            "project",
            "https://sites.google.com/view/Ada-engine",
        ),
        ("https://sites.google.com/ada.example/x", "project", "https://sites.google.com/ada.example/x"),
        ("Project page: https://ada.example/engine/.", "project", "https://ada.example/engine"),
        ("our project website is at https://ada.example", "project", "https://ada.example"),
        ("Project page: https://github.com/ada/engine", "code", "https://github.com/ada/engine"),
    ],
)
def test_links_are_found_and_spelt_in_one_way(text: str, kind: str, url: str) -> None:
    assert found(text) == [(kind, url)]


@pytest.mark.parametrize(
    "text",
    [
        "github.com",
        "https://github.com/ada",
        "https://github.com/topics/engines",
        "https://gist.github.com/ada/123",
        "https://notgithub.com/ada/engine",
        "https://evil.example/github.com/ada/engine",
        "ada@github.com/x/y",
        "https://github.community/ada/engine",
        "https://huggingface.co/papers/2503.01234",
        "https://huggingface.co/collections/ada/things",
        "javascript:alert(1)//hub.com",
        "https://evil.example/zenodo.org/records/1",
        "ada@bitbucket.org/x/y",
        "notbitbucket.org/ada/engine",
        "The project. Its page is elsewhere: https://ada.example/",
        "conference website: https://ada.example/",
        "https://doi.org/10.1145/3580305.3599790",
        "project page: https://user:secret@ada.example/",
    ],
)
def test_what_only_looks_like_a_link_is_none(text: str) -> None:
    assert found(text) == []


def test_each_link_is_kept_once_and_at_most_ten() -> None:
    assert len(found("https://github.com/ada/engine and github.com/Ada/Engine")) == 1
    assert len(found(" ".join(f"https://github.com/ada/engine{number}" for number in range(50)))) == 10


def test_a_given_repository_and_the_same_one_in_the_text_are_one_link() -> None:
    text = "Code at github.com/ada/engine, pages at https://ada.github.io/engine."
    given_links: list[tuple[LinkKind, object]] = [
        ("code", "https://github.com/ada/engine.git"),
        ("project", "https://ada.github.io/engine/"),
    ]
    assert len(links.gathered(given_links, text)) == 2


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("https://github.com/ada/engine", "code"),
        ("https://example.org/?u=github.com/ada/engine", "abstract"),
        ("https://example.org/paper", "abstract"),
    ],
)
def test_a_page_that_is_a_repository_is_called_code(address: str, kind: str) -> None:
    [link] = links.gathered([("abstract", address)])
    assert (link.kind, link.url) == (kind, address)


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "ftp://example.org/x",
        "//example.org/x",
        "https://user:secret@example.org/",
        "https://example.org@evil.example/",
        'https://example.org/"onload="x',
        "https://example.org/a b",
        "https://example.org/<script>",
        "https://exam\nple.org/",
        "https://" + "a" * 3000,
        "https://localhost",
        None,
        7,
    ],
)
def test_unsafe_addresses_are_refused(address: object) -> None:
    assert links.web(address) is None


def test_plain_addresses_pass() -> None:
    assert (
        links.web(" https://example.org:8080/a/(b)?c=d&e=%20#f ")
        == "https://example.org:8080/a/(b)?c=d&e=%20#f"
    )


@given(st.text(max_size=200))
def test_no_text_breaks_the_search_and_every_link_found_is_safe(text: str) -> None:
    for link in links.gathered([("project", text)], text, "github.com/" + text, text + ".github.io/" + text):
        assert links.web(link.url) == link.url


@pytest.mark.parametrize(
    "text",
    [
        "zenodo" * 15_000,
        "project page " * 7_000 + "http",
        "project page https://" * 4_000,
        "10.5281/" * 12_000,
    ],
)
def test_hostile_text_about_data_is_searched_in_linear_time(text: str) -> None:
    test_hostile_text_is_searched_in_linear_time(text)


@pytest.mark.parametrize(
    "text", ["github.com/" * 9000, ".com" * 25_000, "a" * 99_000 + ".github.io", "-.github.io" * 9000]
)
def test_hostile_text_is_searched_in_linear_time(text: str) -> None:
    before = time.process_time()
    links.gathered([], text)
    assert time.process_time() - before < 1.0
