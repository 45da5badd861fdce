"""A Broadsheet to measure: a data folder of its own and the `broadsheet` command in processes of its own."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

CHECKOUT = Path(__file__).resolve().parent.parent
DATABASE = "broadsheet.sqlite3"
# Seconds that a server is given to start and to stop.
PATIENCE = 120


class BenchError(Exception):
    """Something that must work for a measurement does not; the message says what."""


def free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


@dataclass
class Household:
    """One data folder and how its processes are called. `database_url` is empty for SQLite."""

    home: Path
    database_url: str = ""
    port: int = field(default_factory=free_port)

    @property
    def database(self) -> str:
        return "PostgreSQL" if self.database_url else "SQLite"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def environ(self) -> dict[str, str]:
        """The caller's environment without its own Broadsheet's settings."""
        mine = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("BROADSHEET_", "DATABASE_URL", "DJANGO_"))
        }
        mine |= {
            "BROADSHEET_HOME": str(self.home),
            "BROADSHEET_PORT": str(self.port),
            "DJANGO_SETTINGS_MODULE": "broadsheet.config.settings",
        }
        return mine | ({"DATABASE_URL": self.database_url} if self.database_url else {})

    def start(
        self, *words: str, module: str = "broadsheet", said: int = subprocess.PIPE
    ) -> subprocess.Popen[str]:
        """A process in a session of its own. Its errors go to `bench.log` in the data folder."""
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self.log.open("a") as log:
            return subprocess.Popen(
                [sys.executable, "-m", module, *words],
                env=self.environ(),
                cwd=CHECKOUT,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=log,
                text=True,
                start_new_session=True,
            )

    @property
    def log(self) -> Path:
        return self.home / "bench.log"

    def run(self, *words: str, module: str = "broadsheet", told: str = "") -> str:
        """What a command prints. Raises BenchError when it fails."""
        done = subprocess.run(
            [sys.executable, "-m", module, *words],
            env=self.environ(),
            cwd=CHECKOUT,
            input=told,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise BenchError(f"{module} {' '.join(words)} failed: {done.stderr.strip()[-2000:]}")
        return done.stdout

    def prepare(self) -> None:
        """The tables of this version, in an existing or a new data folder."""
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.run("migrate", "--verbosity=0")

    @contextmanager
    def running(self, verb: str = "serve") -> Iterator[subprocess.Popen[str]]:
        """The server, answering; stopped afterwards."""
        process = self.start(verb, said=subprocess.DEVNULL)
        try:
            self.await_answer(process, fit=verb == "up")
            yield process
        finally:
            stop(process)

    def await_answer(self, process: subprocess.Popen[str], fit: bool) -> float:
        """Seconds until /health answers; `fit`: until it answers 200."""
        begun = time.perf_counter()
        while time.perf_counter() - begun < PATIENCE:
            if process.poll() is not None:
                raise BenchError(f"The server ended: {self.log.read_text()[-2000:]}")
            status = self._health()
            if status == 200 or (status and not fit):
                return time.perf_counter() - begun
            time.sleep(0.01)
        raise BenchError(f"The server did not answer within {PATIENCE} s: {self.log.read_text()[-2000:]}")

    def _health(self) -> int:
        asked = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(asked):
            asked.request("GET", "/health")
            return asked.getresponse().status
        return 0

    def database_bytes(self) -> int:
        """Bytes on disk, write-ahead log included."""
        if not self.database_url:
            return sum(path.stat().st_size for path in self.home.glob(f"{DATABASE}*"))
        import psycopg

        with psycopg.connect(self.database_url) as connection:
            found = connection.execute("SELECT pg_database_size(current_database())").fetchone()
        return int(found[0]) if found else 0


def stop(process: subprocess.Popen[str]) -> None:
    """Ctrl-C; whoever has not ended by then is ended with its whole session."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdout:
        process.stdout.close()


@contextmanager
def workplace() -> Iterator[Path]:
    """A folder that is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="broadsheet-bench-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def copy_home(source: Path, target: Path) -> None:
    """The database of another data folder, which is only read."""
    target.mkdir(mode=0o700, parents=True)
    file = source / DATABASE
    if not file.exists():
        raise BenchError(f"There is no {DATABASE} in {source}.")
    with (
        contextlib.closing(sqlite3.connect(f"file:{quote(str(file.resolve()))}?mode=ro", uri=True)) as old,
        contextlib.closing(sqlite3.connect(target / DATABASE)) as new,
    ):
        old.backup(new)


@contextmanager
def postgres(url: str) -> Iterator[str]:
    """A database of our own on the server of `url`, dropped afterwards."""
    import psycopg
    from psycopg.sql import SQL, Identifier

    server, name = url.rsplit("/", 1)[0], f"broadsheet_bench_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(url, autocommit=True) as maintenance:
        maintenance.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        try:
            yield f"{server}/{name}"
        finally:
            maintenance.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))
