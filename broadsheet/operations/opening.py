"""Makes the house ready to open: folder, database, static files, and something to read."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import DatabaseError, OperationalError, connection
from django.db.migrations.executor import MigrationExecutor

import broadsheet
from broadsheet import catalog, doors
from broadsheet.models import Paper
from broadsheet.operations import backups, locks
from broadsheet.operations.refusal import Refusal

Say = Callable[[str], None]

# What libraries bring and no page of ours loads; compressing it would take most of the first start.
_UNUSED = [
    *("django_htmx/ext/*", "django_htmx/ht*-4*", "django_htmx/htmx-2.js"),
    *("admin/*/vendor/select2/*", "admin/js/vendor/*/*ry.js", "admin/js/vendor/xregexp/xregexp.js"),
    *("admin/img/gis/*", "admin/*.txt", "admin/*.md"),
]

# Any number that no other program on the same PostgreSQL database uses as a lock.
_MIGRATING = 7_231_903


def open_up(say: Say) -> None:
    """Everything that has to be true before the first page: safe to call again, quick when it is.

    Raises Refusal with a sentence when it cannot be made true.
    """
    _mind_the_sources()
    with in_plain_words(), locks.in_turn():
        migrate(say)
        collect_static(say)
        if brought := catalog.take_in_builtin():
            say(f"The built-in front page is in: {brought} papers")


def _mind_the_sources() -> None:
    """A source that is misspelt is better refused now than missed later."""
    try:
        doors.followed()
    except ImproperlyConfigured as error:
        raise Refusal(str(error)) from error


@contextmanager
def using_data() -> Iterator[None]:
    """For everything that works on the data for long: makes the folder, finishes a restore that was cut off,
    and keeps restores away. Raises Refusal."""
    with in_plain_words():
        # What is made from here on is for the owner of the data folder alone.
        os.umask(0o077)
        make_folder()
        if backups.restore_is_ready():
            with locks.alone():
                backups.finish_restore()
            # The settings were read with the old secret key.
            os.execv(sys.executable, sys.orig_argv)  # noqa: S606
    with locks.together():
        yield


def make_folder() -> None:
    """The data folder, for its owner alone. Raises Refusal when it cannot be written."""
    home = Path(settings.HOME)
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        (home / "lock").touch(mode=0o600)
    except OSError as error:
        raise Refusal(
            f"The data folder {home} cannot be written ({error.strerror}). Give it to the user that runs "
            "Broadsheet, or name another one with BROADSHEET_HOME."
        ) from error


def migrate(say: Say) -> None:
    """Brings the tables up to this version. Raises Refusal when they belong to a newer one."""
    with _one_migrates():
        executor = MigrationExecutor(connection)
        if newer := backups.newer_migrations(set(executor.loader.applied_migrations)):
            raise Refusal(
                f"The database belongs to a newer Broadsheet (it has the migration {newer[0]}; this is "
                f"version {broadsheet.__version__}). Upgrade, or restore a backup that this version made."
            )
        if plan := executor.migration_plan(executor.loader.graph.leaf_nodes()):
            steps = f"{len(plan)} step{'s' * (len(plan) != 1)}"
            say(
                f"Bringing the database up to date ({steps})"
                if executor.loader.applied_migrations
                else "Making the database"
            )
            call_command("migrate", verbosity=0, interactive=False, skip_checks=True)


def make_tables(say: Say) -> None:
    """Makes the tables where there are none at all, so that any command may be the first. Those of another
    version stay as they are: a command by hand upgrades nothing."""
    with in_plain_words():
        if Paper._meta.db_table not in connection.introspection.table_names():
            with locks.in_turn():
                migrate(say)


@contextmanager
def _one_migrates() -> Iterator[None]:
    """On PostgreSQL several servers may start at once; one of them migrates, the others wait for it."""
    if connection.vendor != "postgresql":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [_MIGRATING])
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_MIGRATING])


def collect_static(say: Say) -> None:
    """Compresses and names the static files, when they or the version changed since the last time."""
    stamp = Path(settings.HOME) / "static.stamp"
    fingerprint = _fingerprint()
    if stamp.exists() and stamp.read_text() == fingerprint and Path(settings.STATIC_ROOT).is_dir():
        return
    say("Preparing style sheets and scripts")
    call_command("collectstatic", verbosity=0, interactive=False, skip_checks=True, ignore_patterns=_UNUSED)
    stamp.write_text(fingerprint)


def _fingerprint() -> str:
    """Changes when a static file, or what is made of it, may have changed."""
    seen = hashlib.sha256(f"{broadsheet.__version__} {settings.STORAGES['staticfiles']['BACKEND']}".encode())
    for finder in finders.get_finders():
        for path, storage in finder.list(_UNUSED):
            told = Path(storage.path(path)).stat()
            seen.update(f"{path} {told.st_size} {told.st_mtime_ns}\n".encode())
    return seen.hexdigest()


@contextmanager
def in_plain_words() -> Iterator[None]:
    """Turns what the machine says of disk and database into a Refusal that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM):
            raise
        raise Refusal(
            f"{error.strerror}: {error.filename or settings.HOME}. {_remedy(error.errno)}"
        ) from error
    except DatabaseError as error:
        if sentence := _of_the_database(error):
            raise Refusal(sentence) from error
        raise


def _remedy(number: int | None) -> str:
    if number in (errno.ENOSPC, errno.EDQUOT):
        return "Make room on the disk, then try again; nothing is lost."
    return "Give the data folder to the user that runs Broadsheet, or name another one with BROADSHEET_HOME."


def _of_the_database(error: DatabaseError) -> str:
    said = " ".join(str(error).split())
    if "disk is full" in said or "No space left" in said:
        return "The disk is full. Make room, then try again; nothing is lost."
    if "readonly database" in said or "unable to open database" in said:
        return f"The database in {settings.HOME} cannot be written. {_remedy(errno.EACCES)}"
    if "malformed" in said or "not a database" in said:
        return "The database file is damaged. Restore a backup: broadsheet restore FILE --replace"
    if re.search(r"no such (table|column)|has no column|(relation|column) \S+ .*does not exist", said):
        return (
            "The tables of the database are not those of this version. Stop what runs, make a backup, and "
            "bring them up to date with:  broadsheet up"
        )
    if "database is locked" in said:
        return "Another program holds the database. Stop it, or try again when it has finished."
    if isinstance(error, OperationalError) and connection.vendor == "postgresql":
        return f"PostgreSQL cannot be reached with DATABASE_URL: {said[:300]}"
    return ""
