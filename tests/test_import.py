"""`broadsheet import`: whole files come in, bad lines go aside, and no kill loses what was kept."""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
import zstandard
from django.core.management import CommandError, call_command

from broadsheet import catalog
from broadsheet.models import Authorship, Paper, PaperCategory, Run, Signal
from tests.conftest import PROJECT

SAMPLES = Path(__file__).parent / "samples"

Command = Callable[..., subprocess.CompletedProcess[str]]


def lines(count: int, start: int = 1) -> bytes:
    """A file of invented papers, one JSON object a line."""
    rows = (
        {
            "id": f"25{1 + number // 90_000:02d}.{number % 90_000 + 1:05d}",
            "title": f"Newspaper number {number} and its readers",
            "abstract": "What we read, what we found, and what we make of it. " * 8,
            "authors": [f"Reader {number % 977}", f"Writer {number % 1301}"],
            "categories": ["cs.CL", "cs.LG"],
            "month": f"2025-{1 + number // 90_000:02d}",
        }
        for number in range(start, start + count)
    )
    return b"".join(orjson.dumps(row) + b"\n" for row in rows)


def counted(report: catalog.ImportReport) -> tuple[int, int, int, int]:
    taken = report.taken
    return taken.new, taken.changed, taken.unchanged, report.rejected


@pytest.mark.django_db
def test_every_kind_of_file_comes_in_from_one_folder(tmp_path: Path) -> None:
    report = catalog.import_files([SAMPLES])
    assert not report.problems
    assert {file.name for file in report.files} == {path.name for path in SAMPLES.iterdir()}
    assert Paper.objects.count() == report.taken.new > 10
    again = catalog.import_files([SAMPLES])
    assert again.taken.new == 0
    assert again.rejected == report.rejected


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("a.jsonl", bytes),
        ("b.gz", gzip.compress),
        ("c.zst", zstandard.compress),
        ("no_suffix", gzip.compress),
    ],
)
def test_compression_is_told_by_content(tmp_path: Path, name: str, pack: Callable[[bytes], bytes]) -> None:
    path = tmp_path / name
    path.write_bytes(pack(lines(30)))
    assert counted(catalog.import_files([path])) == (30, 0, 0, 0)
    assert counted(catalog.import_files([path])) == (0, 0, 30, 0)


@pytest.mark.django_db
def test_bad_lines_go_aside_with_number_and_reason_and_the_sum_adds_up(tmp_path: Path, home: Path) -> None:
    good = lines(4).splitlines()
    path = tmp_path / "mixed.jsonl"
    path.write_bytes(b"\n".join([good[0], b"{not json", good[1], b'{"id": "2503.00001"}', *good[2:]]) + b"\n")
    report = catalog.import_files([path])
    assert counted(report) == (4, 0, 0, 2)
    assert "6 read = 4 new + 0 changed + 0 unchanged + 2 rejected" in report.lines()[0]
    rejects = home / "rejects" / "mixed.jsonl.rejects.jsonl"
    told = [json.loads(line) for line in rejects.read_text().splitlines()]
    assert [reject["line"] for reject in told] == [2, 4]
    assert all(reject["reason"] for reject in told)
    assert str(rejects) in "\n".join(report.lines())


@pytest.mark.django_db
def test_a_file_that_cannot_be_read_does_not_stop_the_next(tmp_path: Path) -> None:
    bad, good = tmp_path / "poem.txt", tmp_path / "good.jsonl"
    bad.write_text("Roses are red\n")
    good.write_bytes(lines(3))
    report = catalog.import_files([bad, tmp_path / "missing", good])
    assert report.taken.new == 3
    assert len(report.problems) == 2
    run = Run.objects.get(step="import")
    assert run.finished_at
    assert not run.succeeded_at
    assert "poem.txt" in run.problem
    with pytest.raises(CommandError, match=r"poem\.txt"):
        call_command("import", str(bad), "--quiet")


@pytest.mark.django_db
def test_a_file_cut_short_gives_what_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "cut.gz"
    whole = gzip.compress(lines(3000), compresslevel=1)
    path.write_bytes(whole[: len(whole) // 2])
    report = catalog.import_files([path])
    assert 0 < report.taken.new < 3000
    assert report.rejected == 1


@pytest.mark.django_db
def test_a_large_file_is_read_by_a_process_of_its_own_with_the_same_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "papers.jsonl"
    path.write_bytes(lines(2500) + b"{broken\n")
    monkeypatch.setattr("broadsheet.sources.aside.WORTH_IT", 1)
    assert counted(catalog.import_files([path])) == (2500, 0, 0, 1)


@pytest.mark.django_db
def test_the_reader_dying_is_told_and_a_rerun_completes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "papers.jsonl"
    path.write_bytes(lines(40_000))
    monkeypatch.setattr("broadsheet.sources.aside.WORTH_IT", 1)
    monkeypatch.setattr("broadsheet.catalog.files.BATCH", 1000)
    killed: list[int] = []

    def kill_reader(name: str, fraction: float, papers: int, rate: float) -> None:
        children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
        for child in children:
            command = Path(f"/proc/{child}/cmdline").read_bytes()
            if not killed and b"spawn_main" in command:
                os.kill(int(child), signal.SIGKILL)
                killed.append(int(child))

    report = catalog.import_files([path], progress=kill_reader)
    assert killed
    assert "Run the same command again" in report.problems[0]
    assert 0 < report.taken.new < 40_000
    assert Paper.objects.count() == report.taken.new
    assert counted(catalog.import_files([path]))[0] == 40_000 - report.taken.new


def _start(path: Path, environ: dict[str, str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "broadsheet", "import", str(path), "--quiet"]
    return subprocess.Popen(
        command,
        cwd=PROJECT,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def test_kill_at_any_moment_loses_nothing_and_a_rerun_completes(
    broadsheet: Command, environ: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "papers.jsonl"
    path.write_bytes(lines(24_000))
    broadsheet("migrate")
    moments = random.Random(7)
    for _ in range(4):
        process = _start(path, environ)
        time.sleep(moments.uniform(0.4, 3.0))
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    done = broadsheet("import", path, "--quiet")
    assert done.returncode == 0, done.stderr
    again = broadsheet("import", path, "--quiet")
    assert "24,000 read = 0 new + 0 changed + 24,000 unchanged + 0 rejected" in again.stdout
    counts = broadsheet("shell", "-v0", "-c", _COUNT)
    assert counts.stdout.split() == ["24000", "48000", "72000"]


_COUNT = (
    "from broadsheet.models import *;"
    "print(Paper.objects.count(), Authorship.objects.count(), PaperCategory.objects.count())"
)


def test_ctrl_c_stops_with_a_sentence_and_keeps_what_is_in(
    broadsheet: Command, environ: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "papers.jsonl"
    path.write_bytes(lines(60_000))
    broadsheet("migrate")
    process = _start(path, environ)
    time.sleep(3)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert b"Traceback" not in err
    if process.returncode != 0:
        assert process.returncode == 130
        assert b"run the same command again" in out


@pytest.mark.django_db
@pytest.mark.real_data
def test_real_days_come_in_with_their_votes_as_outside_signals(data_folder: Path) -> None:
    report = catalog.import_files([data_folder / "hf_daily.jsonl.gz"])
    assert counted(report) == (9877, 4, 0, 0)
    assert Paper.objects.filter(upvotes__gt=0).count() == 0
    assert Signal.objects.filter(source="huggingface", kind="upvotes").count() > 9000
    assert Authorship.objects.count() > 50_000
    assert PaperCategory.objects.count() == 0
    assert counted(catalog.import_files([data_folder / "hf_daily.jsonl.gz"])) == (0, 0, 9881, 0)


def test_two_imports_at_once_bring_each_paper_once(
    broadsheet: Command, environ: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "papers.jsonl"
    path.write_bytes(lines(12_000))
    broadsheet("migrate")
    both = [_start(path, environ) for _ in range(2)]
    for process in both:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    counts = broadsheet("shell", "-v0", "-c", _COUNT)
    assert counts.stdout.split() == ["12000", "24000", "36000"]
