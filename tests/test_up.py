"""`broadsheet up` with real processes: starting, stopping, and everything that may die in between."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.db import connection

from tests.conftest import PROJECT

# What has nothing to do with the engine is tried on one of them.
whatever_the_engine = pytest.mark.skipif(connection.vendor != "sqlite", reason="tried on SQLite")
sqlite_only = pytest.mark.skipif(
    connection.vendor != "sqlite", reason="says something about SQLite's one file"
)


def free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


class House:
    """A Broadsheet that `up` runs, as a terminal would start it."""

    def __init__(self, environ: dict[str, str], folder: Path, verb: str = "up") -> None:
        self.port = int(environ["BROADSHEET_PORT"])
        self.log = folder / f"{verb}-{time.monotonic_ns()}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "broadsheet", verb],
                env=environ,
                cwd=PROJECT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        return self.log.read_text()

    def get(self, path: str) -> tuple[int, bytes]:
        asked = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            asked.request("GET", path)
            answer = asked.getresponse()
            return answer.status, answer.read()
        finally:
            asked.close()

    def await_health(self, seconds: float = 30) -> dict[str, Any]:
        last = time.monotonic() + seconds
        while time.monotonic() < last:
            assert self.process.poll() is None, self.said
            with contextlib.suppress(OSError, http.client.HTTPException):
                status, body = self.get("/health")
                assert status == 200, body
                found: dict[str, Any] = json.loads(body)
                return found
            time.sleep(0.05)
        raise AssertionError(f"no answer: {self.said}")

    def await_word(self, word: str, seconds: float = 20) -> None:
        wait_until(lambda: word in self.said, seconds, lambda: self.said)

    def child(self, verb: str) -> psutil.Process:
        """The process running `verb`; waits for it."""
        found: list[psutil.Process] = []

        def look() -> bool:
            found[:] = [p for p in psutil.Process(self.process.pid).children() if verb in p.cmdline()]
            return bool(found)

        wait_until(look, 10, lambda: f"no {verb}: {self.said}")
        return found[0]

    def family(self) -> list[psutil.Process]:
        return [psutil.Process(self.process.pid), *psutil.Process(self.process.pid).children(recursive=True)]

    def interrupt(self) -> int:
        """Ctrl-C in the terminal where it runs."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(20)

    def end(self) -> None:
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
            for process in reversed(self.family()):
                process.kill()
        self.process.kill()
        self.process.wait()


def wait_until(true: Callable[[], bool], seconds: float, why: Callable[[], str] = lambda: "") -> None:
    last = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < last, why()
        time.sleep(0.05)


def gone(processes: list[psutil.Process]) -> bool:
    return not any(
        p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in processes if psutil.pid_exists(p.pid)
    )


@pytest.fixture
def start(environ: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., House]]:
    houses: list[House] = []
    environ["BROADSHEET_PORT"] = str(free_port())

    def begin(verb: str = "up", **extra: str) -> House:
        houses.append(House(environ | extra, tmp_path, verb))
        return houses[-1]

    yield begin
    for house in houses:
        house.end()


def test_a_stranger_sees_the_front_page_and_leaves_with_ctrl_c(
    start: Callable[..., House], home: Path
) -> None:
    house = start()
    house.await_health()
    status, page = house.get("/papers/date/2025-03-14")
    assert status == 200
    assert b"2025" in page
    house.await_word("Ctrl-C")
    assert f"http://127.0.0.1:{house.port}/papers" in house.said
    family = house.family()
    began = time.monotonic()
    assert house.interrupt() == 0
    assert time.monotonic() - began < 5
    wait_until(lambda: gone(family), 1)
    assert "Traceback" not in house.said
    assert "stopped" in house.said
    assert (home.stat().st_mode & 0o777) == 0o700


def test_a_second_start_is_quick_and_sigterm_stops_as_well(start: Callable[..., House]) -> None:
    first = start()
    first.await_health()
    first.process.terminate()
    assert first.process.wait(10) == 0
    began = time.monotonic()
    second = start()
    assert second.await_health()["newest_listing"] == "2025-03-14"
    # Five seconds on a machine that has nothing else to do.
    assert time.monotonic() - began < 5 * max(1, os.getloadavg()[0] / (os.cpu_count() or 1))
    assert "Making" not in second.said and "Preparing" not in second.said
    assert second.interrupt() == 0


@whatever_the_engine
def test_a_closed_terminal_stops_it(start: Callable[..., House]) -> None:
    house = start()
    house.await_health()
    family = house.family()
    house.process.send_signal(signal.SIGHUP)
    assert house.process.wait(10) == 0
    wait_until(lambda: gone(family), 1)


@whatever_the_engine
def test_ctrl_c_while_it_is_still_starting_leaves_nothing_behind(start: Callable[..., House]) -> None:
    house = start()
    house.await_word("Making the database")
    assert house.interrupt() == 0
    assert "Traceback" not in house.said


@whatever_the_engine
def test_the_killed_web_server_ends_everything_with_a_sentence(start: Callable[..., House]) -> None:
    house = start()
    house.await_health()
    house.child("worker")
    family = house.family()
    house.child("serve").kill()
    assert house.process.wait(10) == 1
    assert "The web server was ended by SIGKILL, so Broadsheet stops." in house.said
    assert "Traceback" not in house.said
    wait_until(lambda: gone(family), 2)


@whatever_the_engine
def test_a_killed_web_process_is_replaced_and_pages_go_on(start: Callable[..., House]) -> None:
    house = start(BROADSHEET_WEB_WORKERS="1")
    house.await_health()
    server = house.child("serve")
    one = server.children()[0]
    one.kill()
    wait_until(lambda: any(p.pid != one.pid and p.is_running() for p in server.children()), 10)
    house.await_health()
    assert house.interrupt() == 0


@whatever_the_engine
def test_a_killed_worker_is_started_again(start: Callable[..., House]) -> None:
    house = start()
    house.await_health()
    worker = house.child("worker")
    worker.kill()
    house.await_word("The worker was ended by SIGKILL; it starts again in 1 s.")
    wait_until(lambda: house.child("worker").pid != worker.pid, 10)
    assert house.await_health()["status"] == "ok"
    assert house.interrupt() == 0


@whatever_the_engine
def test_when_it_is_killed_itself_its_children_do_not_outlive_it(start: Callable[..., House]) -> None:
    house = start()
    house.await_health()
    house.child("worker")
    family = house.family()
    house.process.kill()
    house.process.wait()
    wait_until(lambda: gone(family[1:]), 6, lambda: f"{[p for p in family if p.is_running()]}")
    again = start()
    again.await_health()
    assert again.interrupt() == 0


@whatever_the_engine
def test_a_taken_port_is_named_with_what_to_type(start: Callable[..., House]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        house = start(BROADSHEET_PORT=str(port))
        assert house.process.wait(20) == 1
    assert f"Port {port} is taken" in house.said
    assert f"BROADSHEET_PORT={port + 1} make up" in house.said
    assert "Traceback" not in house.said


@sqlite_only
def test_a_second_one_on_the_same_data_is_refused(start: Callable[..., House]) -> None:
    first = start()
    first.await_health()
    second = start(BROADSHEET_PORT=str(free_port()))
    assert second.process.wait(20) == 1
    assert "already running" in second.said and "BROADSHEET_HOME" in second.said
    assert first.interrupt() == 0


@whatever_the_engine
def test_a_data_folder_that_cannot_be_made_is_refused_in_a_sentence(
    broadsheet: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    done = broadsheet("up", BROADSHEET_HOME=str(tmp_path / "file" / "home"))
    assert done.returncode == 1
    assert "cannot be used (Not a directory)" in done.stderr and "BROADSHEET_HOME" in done.stderr
    assert "Traceback" not in done.stderr


@whatever_the_engine
def test_a_data_folder_that_cannot_be_written_is_refused_in_a_sentence(
    environ: dict[str, str], home: Path
) -> None:
    (home / "secret_key").write_text("k" * 20 + "e" * 20 + "y" * 20)
    home.chmod(0o500)
    # Root writes where it likes, unless it gives that up.
    humbly = [shutil.which("setpriv"), "--bounding-set=-dac_override,-dac_read_search"]
    if os.geteuid() == 0 and not humbly[0]:
        pytest.skip("root cannot be kept from writing here")
    command = [*(humbly if os.geteuid() == 0 else []), sys.executable, "-m", "broadsheet", "up"]
    done = subprocess.run(command, env=environ, cwd=PROJECT, capture_output=True, text=True, check=False)  # type: ignore[arg-type]
    home.chmod(0o700)
    assert done.returncode == 1
    assert "cannot be written (Permission denied)" in done.stderr and "BROADSHEET_HOME" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_of_a_newer_version_is_left_alone(
    start: Callable[..., House], broadsheet: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    assert broadsheet("migrate", "--verbosity=0").returncode == 0
    sql = (
        "INSERT INTO django_migrations (app, name, applied) VALUES ('broadsheet', '9999_future', '2030-1-1')"
    )
    put = f'from django.db import connection; connection.cursor().execute("{sql}")'
    assert broadsheet("shell", "-c", put).returncode == 0
    house = start()
    assert house.process.wait(20) == 1
    assert "belongs to a newer Broadsheet" in house.said and "9999_future" in house.said
    assert "Traceback" not in house.said


@whatever_the_engine
def test_no_header_makes_a_stranger_somebody_else(start: Callable[..., House], tmp_path: Path) -> None:
    """Behind no proxy, X-Forwarded-* is what anybody can write."""
    (tmp_path / "asks.py").write_text(
        "import os\n"
        "os.environ['DJANGO_SETTINGS_MODULE'] = 'broadsheet.config.settings'\n"
        "import django\n"
        "django.setup()\n"
        "from broadsheet.operations import server\n"
        "def application(environ, answer):\n"
        "    said = f\"{environ['REMOTE_ADDR']} {environ['wsgi.url_scheme']} \"\n"
        "    said += f\"{environ.get('DATABASE_URL')} {environ.get('BROADSHEET_HOME')}\"\n"
        "    answer('200 OK', [('Content-Type', 'text/plain')])\n"
        "    return [said.encode()]\n"
        "server._application = lambda: application\n"
        "from broadsheet.__main__ import main\n"
        "main()\n"
    )
    environ = {**os.environ, "BROADSHEET_HOME": str(tmp_path / "home"), "BROADSHEET_PORT": str(free_port())}
    process = subprocess.Popen([sys.executable, tmp_path / "asks.py", "serve"], env=environ, cwd=PROJECT)
    try:
        forged = {
            "X-Forwarded-For": "203.0.113.9",
            "X-Forwarded-Proto": "https",
            "Forwarded": "for=203.0.113.9",
        }
        answer = b""
        last = time.monotonic() + 20
        while not answer and time.monotonic() < last:
            asked = http.client.HTTPConnection("127.0.0.1", int(environ["BROADSHEET_PORT"]), timeout=5)
            with contextlib.suppress(OSError):
                asked.request("GET", "/", headers=forged)
                answer = asked.getresponse().read()
            asked.close()
            time.sleep(0.05)
        assert answer == b"127.0.0.1 http None None"
    finally:
        process.terminate()
        process.wait(10)
