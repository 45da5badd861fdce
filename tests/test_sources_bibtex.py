"""BibTeX and BibLaTeX."""

from __future__ import annotations

import io
import time
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.sources import LinkRecord, PaperRecord, Reject, Source
from broadsheet.sources.bibtex import BibtexSource

SAMPLE = Path(__file__).parent / "samples" / "references.bib"


def read(data: bytes) -> list[PaperRecord | Reject]:
    return list(BibtexSource(io.BytesIO(data)).fetch())


def paper(text: str) -> PaperRecord:
    [found] = read(text.encode())
    assert isinstance(found, PaperRecord)
    return found


def test_an_entry_full_of_latex_is_a_paper() -> None:
    assert read(SAMPLE.read_bytes())[0] == PaperRecord(
        source="bibtex",
        title=r"Über formal unentscheidbare Sätze of $\beta$-Systems",
        identifiers=("doi:10.1007/bf01700692",),
        abstract="In our words: 50% of it is italic. See https://github.com/example/goedel_code.",
        authors=("Kurt Gödel", "The Vienna Circle", "John von Neumann Jr.", "Émile Borel"),
        month=date(1931, 12, 1),
        journal_ref="Advances in Neural Information Processing Systems and Friends 38.1 (1931) 173-198",
        links=(LinkRecord("code", "https://github.com/example/goedel_code"),),
    )


def test_an_eprint_is_an_arxiv_id_and_its_class_a_category() -> None:
    found = read(SAMPLE.read_bytes())[1]
    assert isinstance(found, PaperRecord)
    assert found.title == "Attention Is All You Need", "a field given twice counts once"
    assert found.identifiers == ("1706.03762",)
    assert found.authors == ("Ashish Vaswani", "Noam Shazeer")
    assert found.categories == ("cs.CL",)
    assert found.month == date(2017, 6, 1), "the year alone is vague, the arXiv id tells the month"


def test_an_arxiv_id_written_as_a_journal_is_found() -> None:
    found = read(SAMPLE.read_bytes())[2]
    assert isinstance(found, PaperRecord)
    assert (found.identifiers, found.journal_ref) == (("2503.10622",), "")


def test_a_broken_entry_is_refused_by_its_line_and_the_next_ones_read() -> None:
    refused, dated, untitled = read(SAMPLE.read_bytes())[3:]
    assert isinstance(refused, Reject)
    assert (refused.line, refused.reason) == (24, "The entry is not valid BibTeX.")
    assert isinstance(dated, PaperRecord)
    assert dated.published_at == datetime(2024, 2, 29, tzinfo=UTC)
    assert dated.comment == "A note"
    assert isinstance(untitled, Reject)
    assert (untitled.line, untitled.reason) == (29, "The entry has no title.")


def test_another_archives_eprint_is_not_arxivs() -> None:
    assert paper("@misc{x, title={T}, eprint={2503.01234}, eprinttype={hal}}").identifiers == ()
    assert paper("@misc{x, title={T}, eprint={math.GT/0309136}}").identifiers == ("math/0309136",)


def test_ids_inside_a_sentence_are_those_of_other_papers() -> None:
    assert paper("@misc{x, title={T}, note={Extends arXiv:2503.01234}}").identifiers == ()
    assert paper("@misc{x, title={T}, note={arXiv:2503.01234 [cs.LG]}}").identifiers == ("2503.01234",)


def test_an_address_of_a_pdf_is_a_pdf() -> None:
    found = paper("@misc{x, title={T}, url={https://example.org/a\\_b.pdf}}")
    assert found.links == (LinkRecord("pdf", "https://example.org/a_b.pdf"),)


def test_several_entries_on_one_line_are_all_read() -> None:
    found = read(b'@misc{a, title={One}} @misc{b, title={Two}}\n@MISC(c, title = "Three")')
    assert [item.title for item in found if isinstance(item, PaperRecord)] == ["One", "Two", "Three"]


@pytest.mark.parametrize(
    ("written", "authors"),
    [
        (r"Borel, \'{E}mile and {\O}degaard, A.", ("Émile Borel", "A. Ødegaard")),
        ("{Barnes and Noble} and {Google, Inc.}", ("Barnes and Noble", "Google, Inc.")),
        ("A B AND C D\n   and  E F", ("A B", "C D", "E F")),
        ("and", ("and",)),
        ("", ()),
    ],
)
def test_authors_are_divided_outside_braces_and_turned(written: str, authors: tuple[str, ...]) -> None:
    assert paper("@misc{x, title={T}, author={" + written + "}}").authors == authors


def test_windows_line_ends_a_byte_order_mark_and_one_bad_line_do_no_harm() -> None:
    data = b"\xef\xbb\xbf@misc{a,\r\n title={One},\r\n note={\xff},\r\n}\r\n@misc{b, title={Two}}\r\n"
    refused, one, two = read(data)
    assert isinstance(refused, Reject)
    assert (refused.line, refused.reason) == (3, "The line is not valid UTF-8.")
    assert [item.title for item in (one, two) if isinstance(item, PaperRecord)] == ["One", "Two"]


def test_strings_made_of_strings_cannot_fill_the_memory() -> None:
    lines = ['@string{s0 = "' + "x" * 100 + '"}']
    lines += [f"@string{{s{number + 1} = s{number} # s{number}}}" for number in range(60)]
    assert len(paper("\n".join([*lines, "@misc{x, title = s60}"])).title) == 10_000


@pytest.mark.parametrize(
    "data",
    [
        b"@misc{x, title={" + b"{" * 100_000 + b"}" * 100_000 + b"}}",
        b"@misc{x, title={" + b"\\frac{" * 400 + b"}" * 400 + b"}}",
        b"@misc{" * 5_000,
        b"@misc{x, author={" + b"A and " * 50_000 + b"}}",
        b"@misc{x, a={b}," + b"a={b}," * 20_000 + b"}",
        b"\n@" * 100_000,
        b"@misc{x, title=" + b"a # " * 50_000 + b"a}",
    ],
)
def test_hostile_files_are_read_in_linear_time(data: bytes) -> None:
    before = time.process_time()
    read(data)
    assert time.process_time() - before < 3.0


def test_nothing_is_logged_to_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    read(SAMPLE.read_bytes())
    assert capfd.readouterr() == ("", "")


def test_bibtex_is_a_source() -> None:
    source: Source = BibtexSource(io.BytesIO())
    assert source.name == "bibtex"


pieces = st.sampled_from([*'@{}(),="#\\ \n$%', "@misc{x,", "title=", "author=", " and ", "@string{", "a"])


@given(st.lists(pieces, max_size=60).map("".join))
def test_no_text_breaks_the_reading(text: str) -> None:
    for item in read(f"@misc{{x, title={{T}}, note={{{text}}}}}\n{text}".encode()):
        assert isinstance(item, PaperRecord) or item.reason.endswith(".")
