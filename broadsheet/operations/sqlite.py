"""Copies of the SQLite database: consistent while others write, and verified before they are trusted."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from broadsheet.operations.archive import Progress
from broadsheet.operations.refusal import Refusal

_PAGES = 4096  # 16 MB between two words of progress


def database_file() -> Path:
    """Where the SQLite database is."""
    return Path(settings.DATABASES["default"]["NAME"])


def copy_out(target: Path, progress: Progress) -> None:
    """Copies the database as it is now to `target`, while others may read and write it."""
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    with opened(database_file(), "ro") as source, opened(target, "rw") as copy:
        # A reader's snapshot does not move in WAL mode. Without one, every write by another process
        # would make SQLite begin the copy again.
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM sqlite_master").fetchone()
        page = int(source.execute("PRAGMA page_size").fetchone()[0])
        copy.execute("PRAGMA synchronous = OFF")
        source.backup(
            copy, pages=_PAGES, progress=lambda _, left, total: progress((total - left) * page, total * page)
        )
        source.execute("ROLLBACK")
        copy.execute("PRAGMA journal_mode = DELETE")  # one file, with nothing beside it
    with target.open("rb") as file:
        os.fsync(file.fileno())


def verify(database: Path) -> None:
    """Raises Refusal unless the file is a sound SQLite database."""
    try:
        with opened(database, "ro") as copy:
            found = copy.execute("PRAGMA integrity_check(1)").fetchone()[0]
    except sqlite3.DatabaseError as error:
        raise Refusal(f"The database in the backup is damaged: {error}. Nothing was changed.") from error
    if found != "ok":
        raise Refusal("The database in the backup is damaged. Nothing was changed.")


def close_for_all(database: Path) -> None:
    """Brings everything into the one file. Raises Refusal when another program has the database open."""
    if not database.exists():
        return
    refusal = Refusal("Another program has the database open. Stop it, then try again. Nothing was changed.")
    try:
        with opened(database, "rw") as old:
            if old.execute("PRAGMA journal_mode = DELETE").fetchone()[0] != "delete":
                raise refusal
    except sqlite3.OperationalError as error:
        raise refusal from error
    except sqlite3.DatabaseError:
        # What is no database any more cannot be tidied; it is kept aside as it is.
        return


@contextlib.contextmanager
def opened(database: Path, mode: str) -> Iterator[sqlite3.Connection]:
    """A connection of our own, outside Django's. `mode`: `ro`, `rw` or `rwc`."""
    address = f"{database.resolve().as_uri()}?mode={mode}"
    connection = sqlite3.connect(address, uri=True, isolation_level=None, timeout=5)
    try:
        yield connection
    finally:
        connection.close()
