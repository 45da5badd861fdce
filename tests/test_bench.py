"""The benchmarks measure what they say: a small run on the real server, and a peer that counts for itself."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Any

import pytest

from bench.household import BenchError, Household, postgres
from bench.importing import counts
from bench.load import Limits, drive
from bench.material import invented
from bench.pages import Peer
from bench.tables import Column, markdown
from bench.timings import Timings, percentile
from bench.voting import killed
from tests.conftest import PROJECT

PAPERS = 300


class Peers(ThreadingHTTPServer):
    """Another service: answers ten bytes, or 500 where the address says so, and counts."""

    daemon_threads = True

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.lock = Lock()
        super().__init__(("127.0.0.1", 0), _Answer)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Answer(BaseHTTPRequestHandler):
    server: Peers
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        with self.server.lock:
            self.server.asked.append(self.path)
        self.send_response(500 if "broken" in self.path else 200)
        self.send_header("Content-Length", "10")
        self.end_headers()
        self.wfile.write(b"0123456789")

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the test reads `asked`."""


@contextmanager
def a_peer() -> Iterator[Peers]:
    with Peers() as peer:
        Thread(target=peer.serve_forever, daemon=True).start()
        yield peer
        peer.shutdown()


def bench(*words: str, **extra: str) -> subprocess.CompletedProcess[str]:
    environ = {key: value for key, value in os.environ.items() if key not in ("BENCH", "DATABASE_URL_BENCH")}
    return subprocess.run(
        [sys.executable, "-m", "bench", *words],
        env=environ | extra,
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_a_small_run_adds_up(tmp_path: Path) -> None:
    """Every number that one part gives is what another part counted."""
    small_run(tmp_path, ["sqlite"])


@pytest.mark.postgres
def test_a_small_run_adds_up_on_postgresql_too(tmp_path: Path) -> None:
    small_run(tmp_path, ["sqlite", "postgresql"], DATABASE_URL_BENCH=os.environ["DATABASE_URL"])


def small_run(folder: Path, databases: list[str], **extra: str) -> None:
    with a_peer() as peer:
        done = bench(
            *("import", "pages", "--invented", f"--papers={PAPERS}", "--seconds=0.05", "--clients=3"),
            *(f"--peer=other={peer.url}/front?q=1", f"--out={folder}"),
            **extra,
        )
        assert done.returncode == 0, done.stderr
    (written,) = folder.glob("*.json")
    found = json.loads(written.read_text())
    assert found["machine"]["cores"] >= 1
    assert len(found["import"]) == 2 * len(databases)
    for first, second in zip(found["import"][::2], found["import"][1::2], strict=True):
        imports_add_up(first, second)
    counted = sum(pages_add_up(found, f"pages_{database}") for database in databases)
    assert peer.asked == ["/front?q=1"] * counted
    assert "| a paper " in done.stdout and "| other " in done.stdout
    assert done.stdout.rstrip().endswith(written.name)


def imports_add_up(first: dict[str, Any], second: dict[str, Any]) -> None:
    assert (first["read"], first["new"], first["rejected"]) == (PAPERS, PAPERS, 0)
    assert (second["read"], second["unchanged"]) == (PAPERS, PAPERS)
    assert first["per_second"] == pytest.approx(PAPERS / first["seconds"], rel=0.05)
    assert first["peak_mb"] >= first["peak_process_mb"] > 20
    assert first["database_mb"] > 0.2


def pages_add_up(found: dict[str, Any], part: str) -> int:
    """How often the peer was asked."""
    rows = found[part]["rows"]
    alone, together = rows[: len(rows) // 2], rows[len(rows) // 2 :]
    assert [row["kind"] for row in alone] == [row["kind"] for row in together]
    assert {row["clients"] for row in alone} == {1} and {row["clients"] for row in together} == {3}
    for row in rows:
        assert not row["errors"], row
        assert row["p50_ms"] <= row["p95_ms"] <= row["p99_ms"] <= row["max_ms"]
        assert row["per_second"] == pytest.approx(row["answers"] / row["elapsed_s"], rel=0.1)
    assert found[part]["memory"]["processes"] >= 2
    for row in found[f"{part}_inside"]:
        assert not row["errors"], row
        assert row["queries_max"] >= 1, row
    return sum(row["answers"] for row in rows if row["kind"] == "other")


@pytest.mark.security_check(12)
@pytest.mark.usefixtures("django_db_setup")
def test_a_vote_that_was_answered_outlives_the_server(tmp_path: Path) -> None:
    """The server is killed once while readers vote; `python -m bench.voting` does so a hundred times."""
    url = os.environ.get("DATABASE_URL", "")
    # In a thread of its own: the browser tests leave a loop running in this one.
    with postgres(url) if url else nullcontext("") as own, ThreadPoolExecutor(1) as pool:
        found = pool.submit(killed, Household(tmp_path / "home", own), kills=1, each=24, seed=5).result()
    assert (found["answered_and_lost"], found["kills_after_which_counts_differ"]) == (0, 0)
    assert found["answered"] + found["answered_when_asked_again"] == found["votes"] == 24
    assert found["shown"] == found["rows"] == found["log"] == 24


def test_every_request_is_counted_and_timed() -> None:
    with a_peer() as peer:
        found = drive(peer.url, "pages", ["/one", "/two", "/broken"], clients=4, limits=Limits(60, 90))
    assert len(peer.asked) == len(found.seconds) == len(found.sizes) == 90
    assert {address: peer.asked.count(address) for address in set(peer.asked)} == {
        "/one": 30,
        "/two": 30,
        "/broken": 30,
    }
    assert (found.errors, found.first_error) == (30, "500 /broken")
    assert set(found.sizes) == {10}
    assert sum(found.seconds) <= 4 * found.elapsed


def test_a_peer_that_is_gone_is_an_error_not_a_crash() -> None:
    with a_peer() as peer:
        url = peer.url
    found = drive(url, "gone", ["/"], clients=1, limits=Limits(60, 1_000))
    assert (found.errors, found.seconds) == (3, [])
    assert found.first_error.endswith("/")
    assert "p50_ms" not in found.facts()


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1/",
        "other=https://127.0.0.1/",
        "other=http://example.org/",
        "other=",
        "=http://localhost/",
    ],
)
def test_only_named_services_on_loopback_are_driven(text: str) -> None:
    with pytest.raises(ValueError, match="is not"):
        Peer.parse(text)


def test_a_peer_is_named_and_keeps_its_query() -> None:
    peer = Peer.parse("lite search=http://127.0.0.1:5000/?q=graph+neural")
    assert (peer.name, peer.base, peer.address) == (
        "lite search",
        "http://127.0.0.1:5000",
        "/?q=graph+neural",
    )


def test_percentiles_are_values_that_were_measured() -> None:
    hundred = [float(value) for value in range(100, 0, -1)]
    assert [percentile(hundred, share) for share in (0.5, 0.95, 0.99, 1.0)] == [50, 95, 99, 100]
    assert percentile([7.0], 0.01) == 7
    assert math.isnan(percentile([], 0.5))


def test_facts_are_in_milliseconds_and_bytes() -> None:
    found = Timings("x", 2, [0.001, 0.003], sizes=[10, 30], queries=[4, 6], elapsed=2.0).facts()
    assert (found["p50_ms"], found["max_ms"], found["per_second"]) == (1.0, 3.0, 1.0)
    assert (found["bytes_p50"], found["bytes_max"], found["queries_max"]) == (10, 30, 6)


def test_what_an_import_says_must_be_a_sum() -> None:
    said = "a (x): 1 read = 1 new + 0 changed + 0 unchanged + 0 rejected\n"
    said += (
        "in all: 1,234 read = 1,000 new + 200 changed + 30 unchanged + 4 rejected\n1.0 s, 1,234 papers/s\n"
    )
    assert counts(said) == {"read": 1234, "new": 1000, "changed": 200, "unchanged": 30, "rejected": 4}
    with pytest.raises(BenchError, match="sum is wrong"):
        counts("a: 5 read = 1 new + 1 changed + 1 unchanged + 1 rejected\n")
    with pytest.raises(BenchError, match="did not say"):
        counts("nothing\n")


def test_tables_are_aligned_and_markdown() -> None:
    columns = [Column("page", "kind"), Column("ms", "ms", 1), Column("kB", "bytes", 1, 0.001)]
    table = markdown(columns, [{"kind": "a day", "ms": 1234.56, "bytes": 10_300}, {"kind": "x"}])
    assert table.splitlines() == [
        "| page  |      ms |   kB |",
        "| ----- | ------: | ---: |",
        "| a day | 1,234.6 | 10.3 |",
        "| x     |       – |    – |",
    ]


def test_invented_papers_are_the_same_every_time() -> None:
    rows = list(invented(PAPERS))
    assert rows == list(invented(PAPERS))
    assert len({row["id"] for row in rows}) == PAPERS
    assert sum("upvotes" in row for row in rows) == PAPERS / 10


def test_words_that_mean_nothing_are_refused() -> None:
    done = bench("speed")
    assert done.returncode == 2
    assert "known are import, pages, search, fuzz, mail, start" in done.stderr


def test_search_is_measured_beside_the_full_text_of_the_database_and_mail_by_what_arrived(
    tmp_path: Path,
) -> None:
    few = ("--papers=200", "--questions=12", "--editions=30")
    done = bench("search", "fuzz", "mail", "--invented", *few, f"--out={tmp_path}")
    assert done.returncode == 0, done.stderr
    (kept,) = tmp_path.glob("*.json")
    found = json.loads(kept.read_text())
    assert found["index"]["papers"] == 200
    rows = {row["kind"]: row for row in found["search"]}
    for kind in ("search(), no re-ranking", "search(), re-ranked", "SQLite FTS5, any word"):
        assert rows[kind]["answers"] == 12 and rows[kind]["p50_ms"] > 0
    assert rows["1,000 changed papers visible"]["answers"] == 200
    assert sum(found["fuzz"]["statuses"].values()) == 12 and not found["fuzz"]["bad"]
    mail = found["mail"]["editions"]
    assert mail["agree"] and mail["taken"] == mail["accepted"] == 30 and mail["papers"] == 20
    assert mail["rate"] == pytest.approx(30 / mail["seconds"])
    assert found["mail"]["searches"]["matches"] > 0
    assert "editions/s" in done.stdout
