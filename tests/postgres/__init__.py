"""A PostgreSQL server for one test run: made in a temporary folder, reached by a socket, removed after."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

# Nothing of this server outlives the run, so it need not survive a power cut.
SWIFT = ["fsync=off", "synchronous_commit=off", "full_page_writes=off", "listen_addresses="]
PATIENCE = 30


class Missing(Exception):
    """There is no usable PostgreSQL here. The message is a sentence."""


def find_binaries() -> Path:
    """The folder with `initdb` and `postgres`, newest version first. Raises Missing."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, reverse=True)
    if config := shutil.which("pg_config"):
        told = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=False)
        folders.insert(0, Path(told.stdout.strip() or "/nowhere"))
    if found := shutil.which("initdb"):
        folders.append(Path(found).parent)
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise Missing("PostgreSQL's server is not installed here.")


def _version(folder: Path) -> float:
    try:
        return float(folder.parent.name)
    except ValueError:
        return 0.0


def _servant() -> pwd.struct_passwd | None:
    """Who runs the server: PostgreSQL refuses root, so root lends it another account."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise Missing(
        "PostgreSQL refuses to run as root, and there is neither an account `postgres` nor `nobody`."
    )


@contextlib.contextmanager
def cluster() -> Iterator[str]:
    """A fresh server; yields a DATABASE_URL. It is removed whatever happens inside. Raises Missing."""
    binaries, servant = find_binaries(), _servant()
    # Not pytest's folder: the path of a socket may have 107 characters at most.
    folder = Path(tempfile.mkdtemp(prefix="broadsheet-pg-"))
    server: subprocess.Popen[bytes] | None = None
    try:
        if servant:
            os.chown(folder, servant.pw_uid, servant.pw_gid)
        _initdb(binaries, folder, servant)
        server = _start(binaries, folder, servant)
        yield f"postgres://broadsheet@{quote(str(folder), safe='')}/postgres"
    finally:
        if server:
            _stop(server)
        shutil.rmtree(folder, ignore_errors=True)


def _as(servant: pwd.struct_passwd | None) -> dict[str, object]:
    if servant is None:
        return {}
    return {"user": servant.pw_uid, "group": servant.pw_gid, "extra_groups": []}


def _initdb(binaries: Path, folder: Path, servant: pwd.struct_passwd | None) -> None:
    command = [
        str(binaries / "initdb"),
        "--username=broadsheet",
        "--auth=trust",
        "--encoding=UTF8",
        "--no-sync",
    ]
    known = subprocess.run([command[0], "--help"], capture_output=True, text=True, check=False).stdout
    # A real server sorts as people do, not by bytes as SQLite does: the tests should meet that.
    icu = (
        ["--locale-provider=icu", "--icu-locale=en-US", "--locale=C.UTF-8"] if "--icu-locale" in known else []
    )
    done = None
    for options in [icu, ["--no-locale"]]:
        done = subprocess.run(
            [*command, *options, str(folder / "data")],
            capture_output=True,
            text=True,
            check=False,
            cwd=folder,
            **_as(servant),  # type: ignore[call-overload]
        )
        if done.returncode == 0:
            return
        shutil.rmtree(folder / "data", ignore_errors=True)
    raise Missing(f"PostgreSQL's initdb failed: {done.stderr.strip() if done else ''}")


def _start(binaries: Path, folder: Path, servant: pwd.struct_passwd | None) -> subprocess.Popen[bytes]:
    options = [word for setting in [*SWIFT, f"unix_socket_directories={folder}"] for word in ("-c", setting)]
    with (folder / "log").open("wb") as log:
        server: subprocess.Popen[bytes] = subprocess.Popen(  # type: ignore[call-overload]
            [str(binaries / "postgres"), "-D", str(folder / "data"), *options],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            # Ctrl-C is for the tests; the server stops when they have.
            start_new_session=True,
            **_as(servant),
        )
    last = time.monotonic() + PATIENCE
    while not (folder / "data" / "postmaster.pid").exists() or not _ready(folder):
        if server.poll() is not None or time.monotonic() > last:
            said = (folder / "log").read_text(errors="replace").strip()
            _stop(server)
            raise Missing(f"PostgreSQL did not start: {said[-500:]}")
        time.sleep(0.05)
    return server


def _ready(folder: Path) -> bool:
    lines = (folder / "data" / "postmaster.pid").read_text().splitlines()
    return len(lines) >= 8 and lines[7].strip() == "ready"


def _stop(server: subprocess.Popen[bytes]) -> None:
    if server.poll() is None:
        server.send_signal(signal.SIGQUIT)  # at once: there is nothing to keep
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(10)
    server.kill()
    server.wait()
