"""What doctor, health and the worker say and do."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import DatabaseError, OperationalError, connection
from django.test import Client, RequestFactory
from pytest_django import DjangoAssertNumQueries, Settings

from broadsheet import operations
from broadsheet.models import Run
from broadsheet.operations import Refusal, Stop
from broadsheet.operations.checks import of_steps, of_worker
from broadsheet.web.health import health
from tests import factories
from tests.conftest import PROJECT

Command = Callable[..., subprocess.CompletedProcess[str]]


def ran(step: str, ago: timedelta = timedelta(), problem: str = "", finished: bool = True) -> Run:
    then = datetime.now(UTC) - ago
    return Run.objects.create(
        step=step,
        started_at=then,
        finished_at=then if finished else None,
        succeeded_at=None if problem else then,
        summary="111 papers",
        problem=problem,
    )


# Health


@pytest.mark.django_db
def test_health_is_cheap_fresh_and_says_what_ran_last(
    client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    factories.paper()
    ran("import", timedelta(hours=3))
    ran("worker", timedelta(seconds=20), finished=False)
    with django_assert_max_num_queries(4):
        answer = client.get("/health")
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    found = answer.json()
    assert found["status"] == "ok" and found["newest_listing"] == "2025-03-14"
    assert found["runs"]["import"]["succeeded"]
    assert found["stale"] == [] and found["failed"] == []


@pytest.mark.django_db
def test_health_names_the_silent_worker_and_the_failed_step_but_stays_well() -> None:
    ran("worker", timedelta(minutes=3), finished=False)
    ran("rescore", problem="OSError: /secret/place")
    answer = health(RequestFactory().get("/health"))
    assert answer.status_code == 200
    found = json.loads(answer.content)
    assert found["stale"] == ["worker"] and found["failed"] == ["rescore"]
    assert "secret" not in answer.content.decode()


@pytest.mark.django_db
def test_health_is_503_with_a_reason_when_the_database_cannot_be_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken() -> None:
        raise DatabaseError("password=hunter2 is wrong")

    monkeypatch.setattr("broadsheet.trending.newest_day", broken)
    answer = health(RequestFactory().get("/health"))
    assert answer.status_code == 503
    assert json.loads(answer.content)["reasons"] == ["The database cannot be read."]
    assert "hunter2" not in answer.content.decode()


@pytest.mark.django_db
def test_health_tells_no_path_and_no_secret(client: Client, home: Path, settings: Settings) -> None:
    ran("import", problem=f"{home} {settings.SECRET_KEY}")
    said = client.get("/health").content.decode()
    assert str(home) not in said and settings.SECRET_KEY not in said and "/" not in said.replace("+00:00", "")


# Doctor


def states() -> dict[str, str]:
    return {check.name: check.state for check in operations.checks()}


def finding(name: str) -> operations.Check:
    return next(check for check in operations.checks() if check.name == name)


def test_doctor_finds_a_new_house_in_order(in_furnished: Command) -> None:
    done = in_furnished("doctor")
    assert done.returncode == 0, done.stdout
    assert "FAIL" not in done.stdout
    assert "the 111 of the built-in front page" in done.stdout
    assert "broadsheet backup" in done.stdout
    found = json.loads(in_furnished("doctor", "--json").stdout)
    assert {"name", "state", "says", "do"} == set(found[0])
    names = {check["name"] for check in found}
    assert {"data folder", "disk", "database", "tables", "papers", "worker", "secret key", "address"} <= names


def test_doctor_exits_1_and_says_what_to_do_when_there_is_no_database_yet(
    broadsheet: Command, home: Path
) -> None:
    done = broadsheet("doctor")
    assert done.returncode == 1
    assert "make up" in done.stdout and "Traceback" not in done.stderr
    assert not (home / "broadsheet.sqlite3").exists(), "looking makes nothing"


def test_doctor_survives_a_database_that_cannot_be_reached(broadsheet: Command, home: Path) -> None:
    nowhere = {"DATABASE_URL": f"postgres://nobody@{str(home).replace('/', '%2F')}/nothing"}
    done = broadsheet("doctor", **nowhere)
    assert done.returncode == 1
    assert "FAIL  database" in done.stdout and "Check DATABASE_URL" in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(connection.vendor != "sqlite", reason="says something about SQLite's one file")
def test_doctor_finds_a_damaged_database(in_furnished: Command, home: Path) -> None:
    database = home / "broadsheet.sqlite3"
    whole = bytearray(database.read_bytes())
    for page in range(5, len(whole) // 4096):
        whole[page * 4096 : page * 4096 + 200] = os.urandom(200)
    database.write_bytes(whole)
    done = in_furnished("doctor")
    assert done.returncode == 1
    assert "restore" in done.stdout.lower() and "Traceback" not in done.stderr


@pytest.mark.django_db
def test_doctor_minds_who_may_read_the_folder_and_the_key(home: Path, settings: Settings) -> None:
    key = home / "secret_key"
    key.write_text(settings.SECRET_KEY)
    key.chmod(0o644)
    home.chmod(0o755)
    assert finding("data folder").do == f"chmod 700 {home}"
    assert finding("secret key").state == "fail"
    key.chmod(0o600)
    home.chmod(0o700)
    assert (finding("data folder").state, finding("secret key").state) == ("ok", "ok")


@pytest.mark.django_db
def test_doctor_says_when_steps_ran_failed_or_were_cut_off() -> None:
    ran("import", timedelta(hours=3))
    ran("rescore", timedelta(minutes=5), problem="ValueError: no")
    ran("fetch", timedelta(hours=7), finished=False)
    found = {check.name: check for check in of_steps()}
    assert found["import"].says == "3 hours ago: 111 papers"
    assert found["rescore"].state == "warn" and "ValueError: no" in found["rescore"].says
    assert "cut off" in found["fetch"].says
    worker = ran("worker", timedelta(minutes=3), finished=False)
    assert of_worker()[0].state == "warn" and "3 minutes ago" in of_worker()[0].says
    worker.finished_at = datetime.now(UTC)
    worker.save()
    assert of_worker()[0].says == "It stopped just now."


@pytest.mark.django_db
def test_doctor_minds_debugging_addresses_and_the_clock(settings: Settings) -> None:
    settings.DEBUG = True
    settings.BIND, settings.ALLOWED_HOSTS = "0.0.0.0", ["localhost", "127.0.0.1", "[::1]"]
    assert (finding("debugging").state, finding("address").state) == ("warn", "warn")
    settings.PUBLIC_URL, settings.ALLOWED_HOSTS = "http://papers.test", ["localhost", "papers.test"]
    assert "not encrypted" in finding("address").says
    settings.PUBLIC_URL = "https://papers.test"
    assert finding("address").state == "ok"


# The worker


WORKER = """
import os, time
os.environ["DJANGO_SETTINGS_MODULE"] = "broadsheet.config.settings"
import django
django.setup()
from broadsheet import operations
from broadsheet.models import Run
"""


def script(environ: dict[str, str], text: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WORKER + text],
        env=environ,
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_failing_step_never_stops_the_others_and_is_not_tried_again_at_once(
    furnished: dict[str, str],
) -> None:
    worker = script(
        furnished,
        """
calls = []
def bad():
    calls.append("bad")
    raise ValueError("the dog ate it")
def good():
    calls.append("good")
    if len(calls) > 3:
        stop.asked += 1
    return 1
with operations.Stop() as stop:
    operations.work({"bad": bad, "good": good}, stop, pause=0)
print(calls)
for run in Run.objects.order_by("step"):
    print(run.step, run.problem, bool(run.succeeded_at), bool(run.finished_at))
""",
    )
    said, complained = worker.communicate(timeout=30)
    assert said.splitlines() == [
        "['bad', 'good', 'good', 'good']",
        "bad ValueError: the dog ate it False True",
        "good  True True",
        "worker  True True",
    ]
    assert "the dog ate it" in complained


def test_sigterm_ends_the_worker_after_the_step_under_way(furnished: dict[str, str]) -> None:
    worker = script(
        furnished,
        """
def slow():
    print("begun", flush=True)
    time.sleep(1)
    print("finished", flush=True)
    return 1
with operations.Stop() as stop:
    operations.work({"slow": slow}, stop)
print("ended", flush=True)
""",
    )
    assert worker.stdout
    assert worker.stdout.readline() == "begun\n"
    worker.send_signal(signal.SIGTERM)
    assert worker.communicate(timeout=10)[0] == "finished\nended\n"
    assert worker.returncode == 0


def test_a_sleeping_worker_wakes_at_once_to_stop() -> None:
    with Stop() as stop:
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM)).start()
        began = time.monotonic()
        assert stop.sleep(30)
        assert time.monotonic() - began < 5


@pytest.mark.django_db
def test_a_run_that_raises_is_written_down_as_a_problem() -> None:
    with pytest.raises(KeyError), operations.recorded("import"):
        raise KeyError("x")
    run = Run.objects.get(pk="import")
    assert run.problem.startswith("KeyError") and run.finished_at and not run.succeeded_at
    with operations.recorded("import") as again:
        again.summary = "7 papers"
    run.refresh_from_db()
    assert (run.problem, run.summary) == ("", "7 papers") and run.succeeded_at


# Sentences instead of tracebacks


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/x/y"),
            "No space left on device: /x/y. Make room",
        ),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), "Give the data folder to the user"),
        (OperationalError("database or disk is full"), "The disk is full. Make room"),
        (OperationalError("attempt to write a readonly database"), "cannot be written"),
        (DatabaseError("file is not a database"), "Restore a backup"),
        (OperationalError("database is locked"), "Another program holds the database"),
    ],
)
def test_what_the_machine_says_becomes_a_sentence_with_what_to_do(error: Exception, sentence: str) -> None:
    with (
        pytest.raises(Refusal, match=re.escape(sentence)),
        operations.in_plain_words(),
    ):
        raise error


def test_other_errors_keep_their_traceback() -> None:
    with pytest.raises(FileNotFoundError), operations.in_plain_words():
        raise FileNotFoundError(errno.ENOENT, "No such file", "/x")


# What production refuses


@pytest.mark.security_check(11)
@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({"BROADSHEET_SECRET_KEY": "changeme"}, "too easy to guess"),
        ({"BROADSHEET_SECRET_KEY": "django-insecure-" + "abcdefgh" * 8}, "too easy to guess"),
        ({"BROADSHEET_SECRET_KEY": "a" * 64}, "too easy to guess"),
        (
            {"BROADSHEET_DEBUG": "1", "BROADSHEET_URL": "https://papers.test"},
            "BROADSHEET_DEBUG shows internals",
        ),
        ({"BROADSHEET_DEBUG": "maybe"}, "neither yes nor no"),
        ({"BROADSHEET_PORT": "80a"}, "BROADSHEET_PORT"),
        ({"BROADSHEET_PORT": "70000"}, "from 1 to 65535"),
        ({"BROADSHEET_TIME_ZONE": "Mars/Olympus"}, "is not a time zone"),
        ({"DATABASE_URL": "mysql://root@localhost/x"}, "DATABASE_URL must look like postgres://"),
    ],
)
def test_a_dangerous_or_mistaken_setting_is_refused_in_one_sentence(
    environ: dict[str, str], sentence: str, broadsheet: Command
) -> None:
    done = broadsheet("up", **environ)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr and len(done.stderr.strip().splitlines()) == 1


def test_an_emptied_secret_key_is_refused(broadsheet: Command, home: Path) -> None:
    (home / "secret_key").touch(mode=0o600)
    done = broadsheet("up")
    assert done.returncode == 1
    assert "secret_key is damaged" in done.stderr and "Traceback" not in done.stderr


def test_a_public_server_sets_its_cookies_for_https_alone(broadsheet: Command) -> None:
    names = "s.CSRF_COOKIE_SECURE, s.SECURE_HSTS_SECONDS, s.ALLOWED_HOSTS, s.DEBUG"
    says = f"from django.conf import settings as s; print({names})"
    done = broadsheet("shell", "--verbosity=0", "-c", says, BROADSHEET_URL="https://papers.test/")
    assert done.stdout.strip() == "True 31536000 ['localhost', '127.0.0.1', '[::1]', 'papers.test'] False"
