"""What search survives as a whole: its worker killed, its readers killed, hostile queries, two machines."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from bench.fuzzing import fuzz
from broadsheet import doors, search
from tests import factories
from tests.conftest import PROJECT

# The suite kills and asks this often; more by hand: BROADSHEET_KILLS=200 BROADSHEET_FUZZ=20000.
KILLS = int(os.environ.get("BROADSHEET_KILLS", "4"))
FUZZ = int(os.environ.get("BROADSHEET_FUZZ", "200"))

SETUP = """
import random, sys
import django
django.setup()
from django.db.models import F
from django.utils import timezone
from broadsheet import doors, search
from broadsheet.index import ALL_PAPERS, Words
from broadsheet.models import Paper
"""

# Changes, hides, shows and deletes papers, and keeps the index in step, until it is killed.
WORKER = (
    SETUP
    + """
lot = random.Random(int(sys.argv[1]))
print("ready", flush=True)
while True:
    keys = list(Paper.objects.values_list("pk", flat=True))
    for key in lot.sample(keys, 12):
        paper = Paper.objects.get(pk=key)
        deed = lot.random()
        if deed < 0.7:
            paper.title = f"Changed zz{lot.randrange(10**9)} {paper.title}"[:300]
        elif deed < 0.85:
            paper.hidden, paper.hotness = True, None
        elif len(keys) > 60 and deed < 0.9:
            paper.delete()
            continue
        else:
            paper.hidden, paper.hotness = False, 1.0
        paper.changed_at = timezone.now()
        paper.save()
        if lot.random() < 0.4:
            search.index_due(lot.choice((1, 5, 50)))
    while search.index_due(25):
        pass
    print("step", flush=True)
"""
)

# What a survivor finds: no answer that is not in the table, and after mending nothing too much or missing.
CHECK = (
    SETUP
    + """
found = search.search("model training stage data", per_page=100)
assert all(not paper.hidden for paper in found.papers)
while search.index_due():
    pass
assert search.verify() == [], search.verify()
index = doors.index()
listed = {paper.pk: paper for paper in Paper.objects.listed()}
assert {hit.key for hit in index.lexical(ALL_PAPERS, limit=10_000)} == set(listed)
for paper in listed.values():
    if paper.title.startswith("Changed "):
        word = paper.title.split()[1]
        assert [hit.key for hit in index.lexical(Words(word, "title"))] == [paper.pk], paper.title
assert set(index.vector_counts().values()) == {len(listed)}, (index.vector_counts(), listed)
print("well", len(listed))
"""
)


def start(script: str, environ: dict[str, str], *words: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, words)],
        env={**environ, "DJANGO_SETTINGS_MODULE": "broadsheet.config.settings", "BROADSHEET_RERANKER": ""},
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> str:
    """What it said, if it ended well."""
    said, wrong = process.communicate(timeout=120)
    assert process.returncode == 0, wrong
    return said


def test_a_worker_killed_at_any_moment_leaves_an_index_that_mends_itself(furnished: dict[str, str]) -> None:
    lot = random.Random(KILLS)
    steps = 0
    for number in range(KILLS):
        worker = start(WORKER, furnished, number)
        assert worker.stdout and worker.stdout.readline() == "ready\n"
        time.sleep(lot.random() ** 2 * 1.5)
        worker.send_signal(signal.SIGKILL)
        steps += worker.communicate()[0].count("step")
        assert "well" in ended(start(CHECK, furnished))
    assert KILLS < 50 or steps > KILLS / 4


READER = (
    SETUP
    + """
print("ready", flush=True)
while True:
    found = search.search(random.choice(("model", "training data", "stage", "language vision")), facets=True)
    assert found.note == "", found.note
"""
)


def test_readers_killed_at_any_moment_disturb_nobody(furnished: dict[str, str]) -> None:
    assert "well" in ended(start(CHECK, furnished))
    worker = start(WORKER, furnished, 1)
    lot = random.Random(1)
    try:
        assert worker.stdout and worker.stdout.readline() == "ready\n"
        for _ in range(2):
            readers = [start(READER, furnished) for _ in range(2)]
            assert [reader.stdout.readline() for reader in readers if reader.stdout] == ["ready\n"] * 2
            time.sleep(lot.random())
            for reader in readers:
                reader.kill()
                # One that met a wrong answer or an error would have ended by itself, and said so.
                assert reader.communicate()[1] == ""
        assert worker.poll() is None
    finally:
        worker.kill()
        worker.communicate()
    assert "well" in ended(start(CHECK, furnished))


@pytest.mark.django_db
@pytest.mark.filterwarnings("ignore:No directory at")
class TestHostileQueries:
    @pytest.fixture(autouse=True)
    def house(self, settings: Settings) -> Iterator[None]:
        settings.RERANKER = ""
        factories.papers(30)
        while search.index_due():
            pass
        yield
        doors.close()

    def test_any_bytes_are_answered_or_refused_with_a_sentence(self, client: Client) -> None:
        def asked(address: str) -> tuple[int, int]:
            response = client.get(address)
            return response.status_code, len(response.content)

        _, statuses, bad = fuzz(asked, FUZZ)
        assert not [line for line in bad if line.startswith("5")]
        # Found, refused, nothing there, too long: and each of the first two often enough to mean something.
        assert set(statuses) <= {200, 400, 404, 414}
        assert statuses[200] > FUZZ / 10 and statuses[400] > FUZZ / 10


@pytest.mark.postgres
def test_two_machines_on_one_database_each_grow_an_index_of_their_own(
    furnished: dict[str, str],
    in_furnished: Callable[..., subprocess.CompletedProcess[str]],
    tmp_path: Path,
) -> None:
    """Two processes, two data folders, one PostgreSQL: what one takes in the other finds, and so what is
    hidden."""
    other = tmp_path / "other"
    other.mkdir(mode=0o700)
    (other / "secret_key").write_text((Path(furnished["BROADSHEET_HOME"]) / "secret_key").read_text())
    second = furnished | {"BROADSHEET_HOME": str(other)}
    assert [ended(start(CHECK, each)).split()[0] for each in (furnished, second)] == ["well", "well"]
    assert (Path(furnished["BROADSHEET_HOME"]) / "index").is_dir() and (other / "index").is_dir()

    lines = tmp_path / "papers.bib"
    entries = (
        "@article{a, title={Zebrafish telegraphy}, author={Grace Hopper}, eprint={2203.00002}}",
        "@article{b, title={Steam looms}, author={Ada Lovelace}, eprint={2203.00003}}",
    )
    lines.write_text("\n\n".join(entries) + "\n")
    done = in_furnished("import", lines)
    assert done.returncode == 0 and "2 new" in done.stdout, done.stdout + done.stderr
    asks = SETUP + (
        "while search.index_due(): pass\n"
        "print([paper.identifier for paper in search.search('zebrafish telegraphy').papers][:1])"
    )
    # Both at once: neither waits for the other's index.
    both = [start(asks, each) for each in (furnished, second)]
    assert [ended(each).strip() for each in both] == ["['2203.00002']"] * 2
    hides = SETUP + (
        "Paper.objects.filter(identifier='2203.00002').update(\n"
        "    hidden=True, hotness=None, changed_at=timezone.now())"
    )
    ended(start(hides, furnished))
    assert not any("2203.00002" in ended(start(asks, each)) for each in (second, furnished))
    # The loss of one folder is one machine's loss.
    for path in sorted((other / "index").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    assert [ended(start(CHECK, each)).split()[0] for each in (second, furnished)] == ["well", "well"]
