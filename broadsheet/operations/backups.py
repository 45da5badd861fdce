"""Everything that cannot be fetched again, in one file, and back.

A restore prepares the new state in a folder of its own and then gives that folder the name that means
"ready". That renaming is the moment of decision: killed before it, the old state is whole; killed after it,
the next start carries the restore to its end.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import connection, connections
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

import broadsheet
from broadsheet.digest import RESTORED
from broadsheet.models import Paper, Run
from broadsheet.operations import archive, locks, postgres, sqlite
from broadsheet.operations.archive import Manifest, Progress, in_words
from broadsheet.operations.refusal import Refusal
from broadsheet.operations.runs import recorded

SUFFIX = ".tar.zst"
DATABASE = "broadsheet.sqlite3"
SECRET_KEY = "secret_key"  # noqa: S105 - the name of the file
_READY = "restore-ready"
_STAMP = "%Y-%m-%dT%H%M%SZ"

Say = Callable[[str], None]


def silent(done: int, total: int) -> None:
    """Progress for nobody."""


def backup(target: Path, progress: Progress = silent) -> tuple[Path, Manifest]:
    """Writes one file with the database, the secret key and a manifest, while everything else goes on.

    A folder (existing, or written with a slash at its end) gets a file named after the moment, in UTC.
    Raises Refusal when it cannot be done.
    """
    with locks.backing_up(), recorded("backup") as run:
        made = datetime.now(UTC)
        file = _file_for(target, made)
        home = Path(settings.HOME)
        _sweep(home, file.parent)
        _demand_room(home)
        with tempfile.TemporaryDirectory(prefix="backup-copy-", dir=home) as name:
            files, tables = _gather(Path(name), progress)
            manifest = Manifest(
                broadsheet=broadsheet.__version__,
                created=made.isoformat(timespec="seconds"),
                database=connection.vendor,
                papers=Paper.objects.count(),
                migrations=_applied(),
                tables=tables,
            )
            archive.pack(file, files, manifest, progress)
        run.summary = f"{in_words(file.stat().st_size)} in {file.name}"
    return file, manifest


def _gather(folder: Path, progress: Progress) -> tuple[dict[str, Path], dict[str, list[str]]]:
    """What goes into the archive, by name; for PostgreSQL also the columns of each table."""
    tables: dict[str, list[str]] = {}
    if connection.vendor == "postgresql":
        tables = postgres.copy_out(folder, progress)
    else:
        sqlite.copy_out(folder / DATABASE, progress)
    files = {path.name: path for path in sorted(folder.iterdir())}
    key = Path(settings.HOME) / SECRET_KEY
    # A key given by the environment is the operator's to keep.
    return ({SECRET_KEY: key} if key.exists() else {}) | files, tables


def _file_for(target: Path, made: datetime) -> Path:
    if target.is_dir() or str(target).endswith(os.sep):
        target.mkdir(parents=True, exist_ok=True)
        return target / f"broadsheet-{made.strftime(_STAMP)}{SUFFIX}"
    if not target.parent.is_dir():
        raise Refusal(f"There is no folder {target.parent}.")
    if target.exists() and not archive.is_archive(target):
        raise Refusal(f"{target} exists and is not a backup, so it is not overwritten. Choose another name.")
    return target


def _sweep(home: Path, folder: Path) -> None:
    """Removes what killed backups left: copies of the database here, half files there. A half file that is
    young may be another machine's."""
    for copy in home.glob("backup-copy-*"):
        shutil.rmtree(copy)
    for half in folder.glob(f".broadsheet-*{SUFFIX}.*.partial"):
        if datetime.now(UTC).timestamp() - half.stat().st_mtime > 86_400:
            half.unlink()


def _demand_room(home: Path) -> None:
    if connection.vendor != "sqlite":
        return
    needed, free = sqlite.database_file().stat().st_size, shutil.disk_usage(home).free
    if needed > free:
        raise Refusal(
            f"A backup needs room for a copy of the database ({in_words(needed)}) in the data folder; "
            f"its disk has {in_words(free)} free."
        )


def _applied() -> dict[str, list[str]]:
    applied: dict[str, list[str]] = {}
    for app, name in sorted(MigrationRecorder(connection).applied_migrations()):
        applied.setdefault(app, []).append(name)
    return applied


def backup_due() -> int:
    """Makes the backup that BROADSHEET_BACKUP_EVERY_HOURS asks for, if it is due, and removes the oldest
    beyond BROADSHEET_BACKUP_KEEP. Returns how many it made."""
    if not settings.BACKUP_EVERY_HOURS:
        return 0
    last = Run.objects.filter(pk="backup").values_list("started_at", flat=True).first()
    if last and datetime.now(UTC) - last < timedelta(hours=settings.BACKUP_EVERY_HOURS):
        return 0
    folder = Path(settings.BACKUP_FOLDER)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    backup(folder)
    for old in sorted(folder.glob(f"broadsheet-*{SUFFIX}"))[: -settings.BACKUP_KEEP]:
        old.unlink()
    return 1


def restore(source: Path, replace: bool, say: Say, progress: Progress = silent) -> Manifest:
    """Makes the data what the backup holds. The old database stays beside it under a name with the date.

    Raises Refusal, having changed nothing, when the file is damaged or from a newer version, when Broadsheet
    runs, or when there are data and `replace` is not set.
    """
    with locks.alone():
        finish_restore()
        manifest = archive.read_manifest(source)
        _demand_fit(manifest)
        if not replace and _holds_papers():
            raise Refusal("There are papers here already. Add --replace to put the backup in their place.")
        home = Path(settings.HOME)
        for stale in home.glob("restore-unpacking-*"):
            shutil.rmtree(stale)
        folder = Path(tempfile.mkdtemp(prefix="restore-unpacking-", dir=home))
        try:
            say("Reading and verifying the backup")
            archive.unpack(source, folder, progress)
            if connection.vendor == "postgresql":
                _into_postgres(folder, manifest, say, progress)
            else:
                _into_sqlite(folder, say)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return manifest


def _demand_fit(manifest: Manifest) -> None:
    engines = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
    if manifest.database != connection.vendor:
        raise Refusal(
            f"The backup holds a {engines.get(manifest.database, manifest.database)} database, and this "
            f"Broadsheet uses {engines[connection.vendor]}: set or unset DATABASE_URL accordingly."
        )
    if newer := newer_migrations(
        {(app, name) for app, names in manifest.migrations.items() for name in names}
    ):
        raise Refusal(
            f"The backup was made by a newer Broadsheet ({manifest.broadsheet}; it has the migration "
            f"{newer[0]}). This is {broadsheet.__version__}: upgrade first."
        )


def newer_migrations(applied: set[tuple[str, str]]) -> list[str]:
    """Those of the applied migrations that come after every one this version knows."""
    known: dict[str, str] = {}
    for app, name in MigrationLoader(None, ignore_no_migrations=True).disk_migrations:
        known[app] = max(name, known.get(app, ""))
    return sorted(f"{app}.{name}" for app, name in applied if app in known and name > known[app])


def _holds_papers() -> bool:
    if connection.vendor == "sqlite" and not sqlite.database_file().exists():
        return False
    return Paper._meta.db_table in connection.introspection.table_names() and Paper.objects.exists()


def _into_postgres(folder: Path, manifest: Manifest, say: Say, progress: Progress) -> None:
    if _holds_papers():
        kept, _ = backup(Path(settings.HOME) / f"before-restore-{_now()}{SUFFIX}")
        say(f"The data until now are kept in {kept}")
    say("Writing the rows")
    postgres.copy_in(folder, manifest, progress)
    for rows in folder.glob(f"{postgres.PREFIX}*"):
        rows.unlink()
    _decide(folder)
    finish_restore(say)


def _into_sqlite(folder: Path, say: Say) -> None:
    sqlite.verify(folder / DATABASE)
    connections.close_all()
    sqlite.close_for_all(sqlite.database_file())
    _decide(folder)
    finish_restore(say)


def _decide(folder: Path) -> None:
    """From here on the backup's state is the one that counts."""
    (folder / "stamp").write_text(_now())
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
    archive.sync_folder(folder)
    home = Path(settings.HOME)
    folder.rename(home / _READY)
    archive.sync_folder(home)


def restore_is_ready() -> bool:
    """Whether a restore was killed after its decision."""
    return (Path(settings.HOME) / _READY).exists()


def finish_restore(say: Say = lambda _: None) -> bool:
    """Puts in place what a restore has made ready; says whether there was any. Every step may be repeated,
    so one that was killed is finished by the next start. Call it holding the data folder alone."""
    home = Path(settings.HOME)
    ready = home / _READY
    if not ready.exists():
        return False
    # Without a stamp, only the removal of the folder was cut off.
    stamp = (ready / "stamp").read_text() if (ready / "stamp").exists() else ""
    for staged, current in [
        (ready / DATABASE, sqlite.database_file()),
        (ready / SECRET_KEY, home / SECRET_KEY),
    ]:
        if staged.exists():
            _put(staged, current, current.with_name(f"{current.name}.before-{stamp}"), say)
    # Whoever sends mail next must not send again what went out since the backup was made.
    (home / RESTORED).touch(mode=0o600)
    archive.sync_folder(home)
    shutil.rmtree(ready)
    return True


def _put(staged: Path, current: Path, kept: Path, say: Say) -> None:
    if current.exists() and not kept.exists():
        if current.name == SECRET_KEY and current.read_bytes() == staged.read_bytes():
            staged.unlink()
            return
        try:
            os.link(current, kept)
        except OSError:  # a file system without links
            current.rename(kept)
        say(f"The {current.name} until now is kept as {kept}")
    for leftover in ("-wal", "-shm", "-journal"):
        current.with_name(current.name + leftover).unlink(missing_ok=True)
    staged.replace(current)


def _now() -> str:
    return datetime.now(UTC).strftime(_STAMP)
