"""Files and folders, told apart by their content."""

from __future__ import annotations

import gzip
import io
import os
import time
import tracemalloc
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broadsheet.sources import PaperRecord, Reject, Source, SourceError
from broadsheet.sources.files import FileSource, open_path

SAMPLES = Path(__file__).parent / "samples"

KINDS = {
    "arxiv_snapshot.jsonl": ("arXiv metadata snapshot", "arxiv"),
    "daily.jsonl": ("table of daily papers", "huggingface"),
    "daily_papers.json": ("Hugging Face daily papers", "huggingface"),
    "papers.jsonl": ("table of papers", "arxiv"),
    "references.bib": ("BibTeX", "bibtex"),
    "references.csl.json": ("CSL-JSON", "csl"),
    "references.ris": ("RIS", "ris"),
}


def only(path: Path) -> FileSource:
    [found] = open_path(path)
    return found


def outcome(file: FileSource) -> list[PaperRecord | Reject]:
    return list(file.fetch())


def rows(count: int) -> bytes:
    return b"".join(
        b'{"id": "2503.%05d", "title": "Title %d"}\n' % (number, number) for number in range(1, count + 1)
    )


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress])
def test_a_file_is_known_by_its_content_however_it_is_named_or_packed(
    name: str, pack: type[bytes], tmp_path: Path
) -> None:
    path = tmp_path / "download"
    path.write_bytes(pack((SAMPLES / name).read_bytes()))
    plain = only(SAMPLES / name)
    file = only(path)
    assert (file.kind, file.name) == (plain.kind, plain.name) == KINDS[name]
    stripped = [
        item if isinstance(item, Reject) else (item.title, item.identifiers) for item in outcome(file)
    ]
    assert stripped == [
        item if isinstance(item, Reject) else (item.title, item.identifiers) for item in outcome(plain)
    ]


def test_parquet_is_known_by_its_magic(tmp_path: Path) -> None:
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    path = tmp_path / "table"
    parquet.write_table(arrow.table({"title": ["One", "Two"]}), path)
    file = only(path)
    assert (file.kind, file.name, len(outcome(file)), file.fraction) == (
        "Parquet table of papers",
        "arxiv",
        2,
        1.0,
    )
    packed = tmp_path / "packed"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    with pytest.raises(SourceError, match="compressed Parquet"):
        open_path(packed)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00" * 100,
        b"Just a letter to a friend.",
        b"[]",
        b"[1, 2, 3]",
        b'{"name": "package"}',
        b"<html><title>x</title></html>",
        b"\xff\xfe{\x00}\x00",
        gzip.compress(b"", mtime=0),
        gzip.compress(b"nothing", mtime=0)[:12],
        b"\x1f\x8b",
        b"\x28\xb5\x2f\xfd",
        b"title,authors\n1,2\n",
    ],
)
def test_what_is_not_known_is_refused_with_a_sentence_that_names_what_is(
    content: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "file.json"
    path.write_bytes(content)
    with pytest.raises(SourceError, match="BibTeX, RIS and Zotero RDF"):
        open_path(path)


def test_archives_missing_files_and_empty_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "archive.zip").write_bytes(b"PK\x03\x04rest")
    with pytest.raises(SourceError, match="unpack it first"):
        open_path(tmp_path / "archive.zip")
    with pytest.raises(SourceError, match="neither a file nor a folder"):
        open_path(tmp_path / "missing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="Nothing in"):
        open_path(tmp_path / "empty")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SourceError, match="neither a file nor a folder"):
        open_path(tmp_path / "pipe")


def test_a_folder_is_read_in_order_without_hidden_files_links_and_strangers(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.jsonl").write_bytes(rows(1))
    folder = tmp_path / "folder"
    for name in ("b.jsonl", "a/deep.jsonl", ".hidden.jsonl", ".git/x.jsonl", "README.md"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"# Read me" if name.endswith(".md") else rows(1))
    (folder / "link.jsonl").symlink_to(outside / "secret.jsonl")
    (folder / "linked").symlink_to(outside)
    names = [file.path.relative_to(folder).as_posix() for file in open_path(folder)]
    assert names == ["b.jsonl", "a/deep.jsonl"]


def test_a_link_that_is_named_is_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(SAMPLES / "papers.jsonl")
    assert only(tmp_path / "link").name == "arxiv"


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress])
def test_progress_grows_from_nothing_to_all(pack: type[bytes], tmp_path: Path) -> None:
    path = tmp_path / "rows"
    path.write_bytes(pack(rows(60_000)))
    file = only(path)
    assert (file.position, file.fraction, file.size) == (0, 0.0, path.stat().st_size)
    seen = [file.position for _ in file.fetch()]
    assert seen == sorted(seen)
    assert 0 < seen[30_000] < file.size
    assert (file.position, file.fraction) == (file.size, 1.0)


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_a_truncated_file_gives_what_can_be_read_and_a_sentence(pack: type[bytes], tmp_path: Path) -> None:
    path = tmp_path / "rows.gz"
    whole = pack(rows(60_000))
    path.write_bytes(whole[: len(whole) // 2])
    *papers, last = outcome(only(path))
    assert len(papers) > 10_000
    assert all(isinstance(paper, PaperRecord) for paper in papers)
    assert isinstance(last, Reject)
    assert "ends too early or is damaged" in last.reason


def test_a_damaged_file_gives_what_can_be_read_and_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "rows.gz"
    whole = bytearray(gzip.compress(rows(60_000)))
    whole[len(whole) // 2 :] = b"\xff" * (len(whole) // 2)
    path.write_bytes(bytes(whole))
    found = outcome(only(path))
    assert len(found) > 10_000
    assert isinstance(found[-1], Reject)


def test_several_compressed_parts_in_one_file_are_all_read(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    for pack in (gzip.compress, zstandard.compress):
        path.write_bytes(pack(rows(10)) + pack(rows(10)))
        assert len(outcome(only(path))) == 20


@pytest.mark.parametrize(
    "pack", [lambda data: gzip.compress(data, 9), lambda data: zstandard.compress(data, 19)]
)
def test_a_bomb_is_read_in_little_memory(pack: type[bytes], tmp_path: Path) -> None:
    path = tmp_path / "bomb"
    line = b'{"id": "2503.00001", "title": "' + b"x" * 30_000_000 + b'"}\n'
    path.write_bytes(pack(rows(1) + line + rows(1)))
    file = only(path)
    tracemalloc.start()
    found = outcome(file)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [type(item) for item in found] == [PaperRecord, Reject, PaperRecord]
    assert peak < 200 * 1024 * 1024 if pack is zstandard.compress else peak < 100 * 1024 * 1024


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    path.write_bytes(rows(15_000))
    file = only(path)
    for _ in file.fetch():
        pass
    tracemalloc.start()
    for _ in file.fetch():
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * 1024 * 1024


def test_a_file_that_went_away_is_told_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    path.write_bytes(rows(1))
    file = only(path)
    path.unlink()
    with pytest.raises(SourceError, match="cannot be opened"):
        outcome(file)


def test_signals_of_an_answer_were_seen_when_the_file_was_written(tmp_path: Path) -> None:
    path = tmp_path / "answer.json"
    path.write_bytes((SAMPLES / "daily_papers.json").read_bytes())
    os.utime(path, (1741939200, 1741939200))
    paper = outcome(only(path))[0]
    assert isinstance(paper, PaperRecord)
    assert {signal.seen_at.isoformat() for signal in paper.signals} == {"2025-03-14T08:00:00+00:00"}


def test_hostile_rows_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(
        b'{"title": "<script>alert(1)</script>", "abstract": "a\\u0000b", "id": 7}\n'
        b'{"title": "' + b"x" * 100_000 + b'", "id": "2503.00001"}\n'
        b'{"title": "y", "upvotes": 1e999}\n'
        b'{"title": "z", "authors": [[[[[]]]]], "categories": {"a": 1}, "published": "-1", "month": 12}\n'
        b'{"title": "\\ud83d", "id": "x"}\n'
        b'{"title": "w", "day": "2025-03-14", "snapshot_at": "2025-03-14", "upvotes": -1, "rank": -5}\n'
    )
    script, long, overflow, odd, surrogate, negative = outcome(only(path))
    assert isinstance(script, PaperRecord)
    assert (script.title, script.abstract) == ("<script>alert(1)</script>", "ab")
    assert isinstance(long, PaperRecord)
    assert len(long.title) == 100_000
    assert isinstance(overflow, Reject)
    assert odd == PaperRecord(source="table", title="z")
    assert isinstance(surrogate, Reject)
    assert isinstance(negative, PaperRecord)
    assert (negative.signals, negative.place) == ((), None)


def test_a_file_is_a_source() -> None:
    source: Source = only(SAMPLES / "references.bib")
    assert source.name == "bibtex"


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=200),
    st.sampled_from([b"", b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PAR1", b"[", b"TY  - ", b"@a{"]),
)
def test_no_content_causes_anything_but_a_source_error(tmp_path: Path, content: bytes, start: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(start + content)
    before = time.process_time()
    try:
        for file in open_path(path):
            outcome(file)
    except SourceError as problem:
        assert str(problem).endswith((".", ")."))
    assert time.process_time() - before < 5.0


def test_a_zstd_stream_without_size_is_read(tmp_path: Path) -> None:
    path = tmp_path / "rows.zst"
    packed = io.BytesIO()
    with zstandard.ZstdCompressor().stream_writer(packed, closefd=False) as writer:
        writer.write(rows(100))
    path.write_bytes(packed.getvalue())
    assert len(outcome(only(path))) == 100
