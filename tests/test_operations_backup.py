"""Backup and restore, with real processes and real kills: what was acknowledged is kept, and comes back."""

from __future__ import annotations

import hashlib
import io
import json
import signal
import sqlite3
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from django.db import connection

from tests.conftest import PROJECT

Run = Callable[..., subprocess.CompletedProcess[str]]

sqlite_only = pytest.mark.skipif(
    connection.vendor != "sqlite", reason="says something about SQLite's one file"
)

COUNT = "from broadsheet.models import Paper; print(Paper.objects.count())"
FORGET = (
    "from broadsheet.models import *; Run.objects.all().delete(); Paper.objects.filter(pk__gt=5).delete()"
)


@pytest.fixture
def filled(in_furnished: Run) -> Run:
    """Runs commands on a house with the built-in front page."""
    return in_furnished


def said(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout


def papers(run: Run) -> int:
    return int(said(run("shell", "--verbosity=0", "-c", COUNT)).split()[-1])


def test_what_was_backed_up_comes_back(filled: Run, home: Path, tmp_path: Path) -> None:
    file = tmp_path / "kept.tar.zst"
    assert "111 papers" in said(filled("backup", file))
    assert file.stat().st_mode & 0o777 == 0o600
    key = (home / "secret_key").read_text()

    filled("shell", "-c", FORGET)
    (home / "secret_key").write_text("another" * 10)
    assert papers(filled) == 5
    refused = filled("restore", file)
    assert refused.returncode == 1
    assert "--replace" in refused.stderr and "Traceback" not in refused.stderr
    assert papers(filled) == 5

    assert "Restored 111 papers" in said(filled("restore", file, "--replace"))
    assert papers(filled) == 111
    assert (home / "secret_key").read_text() == key
    assert not list(home.glob("restore-*")) and not list(home.glob("backup-copy-*"))
    # New rows get keys of their own after a restore.
    new = "Link.objects.create(paper=Paper.objects.first(), kind='code', url='https://x.test', source='t')"
    said(filled("shell", "-c", f"from broadsheet.models import *; {new}"))


@sqlite_only
def test_the_old_database_is_kept_aside_with_a_date(filled: Run, home: Path, tmp_path: Path) -> None:
    said(filled("backup", tmp_path / "kept.tar.zst"))
    filled("shell", "-c", FORGET)
    said(filled("restore", tmp_path / "kept.tar.zst", "--replace"))
    (kept,) = home.glob("broadsheet.sqlite3.before-*")
    with sqlite3.connect(kept) as old:
        assert old.execute("SELECT count(*) FROM broadsheet_paper").fetchone() == (5,)
        assert old.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    old.close()


@pytest.mark.postgres
def test_on_postgresql_the_rows_until_then_are_kept_in_a_backup(
    filled: Run, home: Path, tmp_path: Path
) -> None:
    said(filled("backup", tmp_path / "kept.tar.zst"))
    filled("shell", "-c", FORGET)
    said(filled("restore", tmp_path / "kept.tar.zst", "--replace"))
    (kept,) = home.glob("before-restore-*.tar.zst")
    said(filled("restore", kept, "--replace"))
    assert papers(filled) == 5


def test_a_backup_restores_into_an_empty_house(filled: Run, tmp_path: Path) -> None:
    said(filled("backup", tmp_path))
    (file,) = tmp_path.glob("broadsheet-*.tar.zst")
    elsewhere = {"BROADSHEET_HOME": str(tmp_path / "elsewhere")}
    replace = ["--replace"] if connection.vendor == "postgresql" else []
    said(filled("restore", file, *replace, **elsewhere))
    assert int(said(filled("shell", "--verbosity=0", "-c", COUNT, **elsewhere)).split()[-1]) == 111
    found = json.loads(filled("doctor", "--json", **elsewhere).stdout)
    assert not [check for check in found if check["state"] == "fail"]


@sqlite_only
def test_a_backup_holds_everything_acknowledged_before_it_while_a_writer_writes(
    filled: Run, home: Path, tmp_path: Path
) -> None:
    # A big table first, so that the copy takes many steps between which the writer commits.
    database = home / "broadsheet.sqlite3"
    with sqlite3.connect(database) as filler:
        filler.execute("CREATE TABLE ballast (words BLOB)")
        filler.executemany("INSERT INTO ballast VALUES (zeroblob(100000))", [()] * 600)
        filler.execute("CREATE TABLE note (id INTEGER PRIMARY KEY, words TEXT)")
    filler.close()
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(database)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert writer.stdout
        for _ in range(50):
            acknowledged = int(writer.stdout.readline())
        began = time.monotonic()
        said(filled("backup", tmp_path / "kept.tar.zst"))
        assert time.monotonic() - began < 20
        assert writer.poll() is None
    finally:
        writer.kill()
        rest = writer.communicate()[0].split()
    assert len(rest) > 5, "the writer wrote on during the backup"
    elsewhere = {"BROADSHEET_HOME": str(tmp_path / "elsewhere")}
    said(filled("restore", tmp_path / "kept.tar.zst", **elsewhere))
    with sqlite3.connect(tmp_path / "elsewhere" / "broadsheet.sqlite3") as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        (kept,) = copy.execute("SELECT max(id) FROM note").fetchone()
        assert copy.execute("SELECT count(*) FROM note").fetchone() == (kept,), "no gap: one moment, not many"
    copy.close()
    assert kept >= acknowledged


WRITER = """
import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
db.execute("PRAGMA journal_mode = WAL")
for number in range(1, 1_000_000):
    db.execute("INSERT INTO note VALUES (?, ?)", (number, "x" * 1000))
    print(number, flush=True)
    time.sleep(0.002)
"""


def test_a_restore_is_refused_while_broadsheet_runs(
    filled: Run, furnished: dict[str, str], tmp_path: Path
) -> None:
    said(filled("backup", tmp_path / "kept.tar.zst"))
    worker = subprocess.Popen([sys.executable, "-m", "broadsheet", "worker"], env=furnished, cwd=PROJECT)
    try:
        last = time.monotonic() + 20
        while '"alive' not in filled("doctor", "--json").stdout and time.monotonic() < last:
            time.sleep(0.1)
        refused = filled("restore", tmp_path / "kept.tar.zst", "--replace")
        assert refused.returncode == 1
        assert "running on this data folder" in refused.stderr
    finally:
        worker.terminate()
        assert worker.wait(10) == 0


@sqlite_only
def test_a_restore_is_refused_while_another_program_has_the_database_open(
    filled: Run, home: Path, tmp_path: Path
) -> None:
    said(filled("backup", tmp_path / "kept.tar.zst"))
    with sqlite3.connect(home / "broadsheet.sqlite3") as other:
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM broadsheet_paper").fetchone()
        refused = filled("restore", tmp_path / "kept.tar.zst", "--replace")
    other.close()
    assert refused.returncode == 1
    assert "Another program has the database open" in refused.stderr
    assert papers(filled) == 111


Change = Callable[[tarfile.TarInfo, bytes], tuple[tarfile.TarInfo, bytes]]


def repacked(source: Path, target: Path, change: Change) -> Path:
    """A copy of a backup with each member passed through `change`."""
    with (
        zstandard.open(source, "rb") as packed,
        tarfile.open(fileobj=packed, mode="r|") as old,
        zstandard.open(target, "wb") as repacking,
        tarfile.open(fileobj=repacking, mode="w|") as new,
    ):
        for member in old:
            content = old.extractfile(member)
            assert content
            info, data = change(member, content.read())
            info.size = len(data)
            new.addfile(info, io.BytesIO(data))
    return target


def test_a_damaged_or_hostile_archive_is_refused_before_anything_is_touched(
    filled: Run, furnished: dict[str, str], home: Path, tmp_path: Path
) -> None:
    good = tmp_path / "good.tar.zst"
    said(filled("backup", good))
    bad = tmp_path / "bad"
    bad.mkdir()
    whole = good.read_bytes()
    middle = len(whole) // 2
    (bad / "cut").write_bytes(whole[:middle])
    (bad / "flipped").write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
    (bad / "text").write_text("not a backup\n")
    (bad / "empty").touch()

    def swapped(info: tarfile.TarInfo, data: bytes) -> tuple[tarfile.TarInfo, bytes]:
        return info, (data if info.name == "manifest.json" else data[:-1] + b"!")

    def renamed(info: tarfile.TarInfo, data: bytes) -> tuple[tarfile.TarInfo, bytes]:
        info.name = "../../escaped" if info.name == "secret_key" else info.name
        return info, data

    def linked(info: tarfile.TarInfo, data: bytes) -> tuple[tarfile.TarInfo, bytes]:
        if info.name == "secret_key":
            info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
            return info, b""
        return info, data

    def endless(info: tarfile.TarInfo, data: bytes) -> tuple[tarfile.TarInfo, bytes]:
        if info.name == "manifest.json":
            told = json.loads(data)
            told["members"]["secret_key"]["size"] = 10**18
            return info, json.dumps(told).encode()
        return info, data

    def newer(info: tarfile.TarInfo, data: bytes) -> tuple[tarfile.TarInfo, bytes]:
        if info.name == "manifest.json":
            told = json.loads(data)
            told["migrations"]["broadsheet"].append("9999_future")
            return info, json.dumps(told).encode()
        return info, data

    for change in (swapped, renamed, linked, endless, newer):
        repacked(good, bad / change.__name__, change)
    before = hashes(home)
    done = subprocess.run(
        [sys.executable, "-c", REFUSE, *sorted(map(str, bad.iterdir()))],
        env=furnished,
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    refused = done.stdout.splitlines()
    assert len(refused) == len(list(bad.iterdir())), done.stdout
    assert {line.split(":")[0] for line in refused} == {"refused"}, done.stdout
    assert not (tmp_path / "escaped").exists() and not (home.parent / "escaped").exists()
    assert not list(home.glob("restore-*"))
    assert hashes(home) == before
    assert papers(filled) == 111


def hashes(home: Path) -> dict[str, bytes]:
    """What the files are that a restore could touch."""
    names = ("secret_key", "broadsheet.sqlite3")
    return {
        name: hashlib.sha256((home / name).read_bytes()).digest() for name in names if (home / name).exists()
    }


SETUP = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "broadsheet.config.settings"
import django
django.setup()
from pathlib import Path
from django.conf import settings
from broadsheet import operations
"""

REFUSE = (
    SETUP
    + """
for name in sys.argv[1:]:
    try:
        operations.restore(Path(name), True, lambda _: None)
        print("restored", name)
    except operations.Refusal as refusal:
        print("refused:", refusal)
"""
)


# Ends a process by SIGKILL just before its n-th change to the names of files, or its n-th fsync.
DEADLY = """
import pathlib, shutil, signal
def kill_before(step):
    left = step
    def deadly(act):
        def acts(*args, **named):
            nonlocal left
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return act(*args, **named)
        return acts
    for where, name in [(os, "link"), (os, "fsync"), (pathlib.Path, "rename"), (pathlib.Path, "replace"),
                        (pathlib.Path, "unlink"), (shutil, "rmtree")]:
        setattr(where, name, deadly(getattr(where, name)))
"""

# Spoils the data, restores in a process that is killed at a step, does what every start does first, and says
# what is there then; one step later each time, until a restore gets to its end.
KILL_EVERYWHERE = (
    SETUP
    + DEADLY
    + """
import json, sqlite3
file, home = Path(sys.argv[1]), Path(settings.HOME)
database = home / "broadsheet.sqlite3"

def in_a_process(act):
    child = os.fork()
    if not child:
        act()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

def restore():
    kill_before(step)
    operations.restore(file, True, lambda _: None)

def start():
    os.execv = lambda *_: os._exit(0)
    with operations.using_data():
        pass

for step in range(200):
    old = sqlite3.connect(database)
    with old:
        old.execute("DELETE FROM broadsheet_paper WHERE id > 5")
    old.close()
    (home / "secret_key").write_text("another" * 10)
    status = in_a_process(restore)
    assert in_a_process(start) == 0
    found = sqlite3.connect(database)
    sound = found.execute("PRAGMA integrity_check").fetchone()[0]
    count = found.execute("SELECT count(*) FROM broadsheet_paper").fetchone()[0]
    found.close()
    left = [path.name for path in home.glob("restore-ready")]
    print(json.dumps([status, sound, count, (home / "secret_key").read_text(), left]), flush=True)
    for kept in home.glob("*.before-*"):
        kept.unlink()
    if status == 0:
        break
"""
)


@sqlite_only
def test_a_restore_killed_anywhere_leaves_the_old_state_or_is_finished_by_the_next_start(
    filled: Run, furnished: dict[str, str], home: Path, tmp_path: Path
) -> None:
    file = tmp_path / "kept.tar.zst"
    said(filled("backup", file))
    key = (home / "secret_key").read_text()
    command = [sys.executable, "-c", KILL_EVERYWHERE, str(file)]
    done = subprocess.run(command, env=furnished, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    states = []
    for status, sound, count, found_key, left in map(json.loads, done.stdout.splitlines()):
        assert status in (0, -signal.SIGKILL)
        assert (sound, left) == ("ok", [])
        assert (count, found_key == key) in [(5, False), (111, True)], "neither old nor new"
        states.append(count)
    assert len(states) > 8 and states[0] == 5 and states[-1] == 111
    assert states == sorted(states), "one moment of decision"


@pytest.mark.postgres
def test_on_postgresql_a_restore_that_fails_changes_nothing(filled: Run, tmp_path: Path) -> None:
    good = tmp_path / "good.tar.zst"
    said(filled("backup", good))

    def broken(info: tarfile.TarInfo, data: bytes) -> tuple[tarfile.TarInfo, bytes]:
        rows = b"not a row\n"
        if info.name == "rows.broadsheet_signal":
            return info, rows
        if info.name == "manifest.json":
            told = json.loads(data)
            told["members"]["rows.broadsheet_signal"] = {
                "size": len(rows),
                "sha256": hashlib.sha256(rows).hexdigest(),
            }
            return info, json.dumps(told).encode()
        return info, data

    failed = filled("restore", repacked(good, tmp_path / "broken.tar.zst", broken), "--replace")
    assert failed.returncode == 1
    assert "Traceback" not in failed.stderr
    assert papers(filled) == 111


def test_a_file_that_is_no_backup_is_not_overwritten(filled: Run, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    refused = filled("backup", tmp_path / "thesis.txt")
    assert refused.returncode == 1
    assert "not overwritten" in refused.stderr
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_the_worker_makes_the_backups_that_are_due_and_keeps_the_newest(filled: Run, home: Path) -> None:
    folder = home / "backups"
    folder.mkdir()
    for day in range(1, 5):
        (folder / f"broadsheet-2020-01-0{day}T000000Z.tar.zst").write_bytes(b"old")
    asked = {"BROADSHEET_BACKUP_EVERY_HOURS": "24", "BROADSHEET_BACKUP_KEEP": "2"}
    step = "from broadsheet import operations; print(operations.backup_due())"
    assert said(filled("shell", "--verbosity=0", "-c", step, **asked)).split()[-1] == "1"
    assert said(filled("shell", "--verbosity=0", "-c", step, **asked)).split()[-1] == "0"
    left = sorted(path.name for path in folder.iterdir())
    assert len(left) == 2
    assert left[0] == "broadsheet-2020-01-04T000000Z.tar.zst"
    assert left[1].startswith(f"broadsheet-{time.strftime('%Y', time.gmtime())}")


def test_an_interrupted_backup_leaves_no_half_file(
    filled: Run, furnished: dict[str, str], home: Path, tmp_path: Path
) -> None:
    target = tmp_path / "kept.tar.zst"
    script = SETUP + DEADLY + "kill_before(0)\noperations.backup(Path(sys.argv[1]))"
    command = [sys.executable, "-c", script, str(target)]
    killed = subprocess.run(command, env=furnished, cwd=PROJECT, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not target.exists()
    said(filled("backup", target))
    assert target.stat().st_size > 10_000
    assert not list(home.glob("backup-copy-*")), "the killed one's copy is swept away"
