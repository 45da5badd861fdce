"""What every test stands on: a data folder of its own, clean caches, and honest skips.

A test that needs a browser, PostgreSQL or the data folder says so by a marker. Where the thing is missing
the test is skipped with the reason; where BROADSHEET_REQUIRE names it ("browser postgres data") it fails.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.core.cache import cache
from django.db import connection
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from pytest_django import Settings

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.mail_rig import Rig

PROJECT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("BROADSHEET_DATA") or PROJECT.parent / "shared" / "data")
REQUIRED = frozenset(os.environ.get("BROADSHEET_REQUIRE", "").replace(",", " ").split())

# A busy machine is no finding.
hypothesis_settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("patient")

# Chromium as a guest on a machine without a screen: it calls nobody and asks for nothing.
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def find_chromium() -> str | None:
    """Path of a Chromium or Chrome, None where there is none."""
    if named := os.environ.get("BROADSHEET_CHROMIUM"):
        return shutil.which(named)
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((found for name in names if (found := shutil.which(name))), None)


def _missing(word: str, reason: str) -> None:
    if word in REQUIRED:
        pytest.fail(f"BROADSHEET_REQUIRE names {word!r}, but {reason}", pytrace=False)
    pytest.skip(reason)


# What a test of the database asks for, itself or by another fixture.
DATABASE_FIXTURES = frozenset({"db", "transactional_db", "django_db_setup", "environ", "furnished"})


def _asks_the_database(item: pytest.Item) -> bool:
    fixtures = DATABASE_FIXTURES.intersection(getattr(item, "fixturenames", ()))
    return bool(fixtures or item.get_closest_marker("django_db") or item.get_closest_marker("postgres"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On PostgreSQL, tests that do not ask the database would only say the same again."""
    if connection.vendor != "postgresql":
        return
    if left_out := [item for item in items if not _asks_the_database(item)]:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if _asks_the_database(item)]


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("browser") and not find_chromium():
        _missing("browser", "no Chromium is installed here")
    if item.get_closest_marker("postgres") and connection.vendor != "postgresql":
        _missing("postgres", "these tests run on another database; `make test` runs them on PostgreSQL too")
    if item.get_closest_marker("real_data") and not DATA.is_dir():
        _missing("data", f"there is no data folder {DATA}")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This test's data folder, for the code in this process and for commands that the test starts."""
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    settings.HOME = folder
    settings.STATIC_ROOT = folder / "static"
    settings.STATIC_ROOT.mkdir()
    monkeypatch.setenv("BROADSHEET_HOME", str(folder))
    return folder


@pytest.fixture(autouse=True)
def _empty_caches() -> Iterator[None]:
    yield
    cache.clear()


@pytest.fixture
def environ(home: Path) -> Iterator[dict[str, str]]:
    """The environment for a Broadsheet in processes of its own: this test's data folder, and on PostgreSQL
    a database of its own, empty."""
    found = {**os.environ, "BROADSHEET_HOME": str(home)}
    if connection.vendor != "postgresql":
        yield found
        return
    with _database() as url:
        yield found | {"DATABASE_URL": url}


@contextmanager
def _database(template: str = "template1") -> Iterator[str]:
    """A PostgreSQL database beside the tests' own; yields its DATABASE_URL."""
    import psycopg

    server, name = os.environ["DATABASE_URL"].rsplit("/", 1)[0], f"broadsheet_{uuid.uuid4().hex}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as maintenance:
        maintenance.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        try:
            yield f"{server}/{name}"
        finally:
            maintenance.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def _model_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A house with the built-in front page, made once and copied: its folder, and its PostgreSQL database."""
    folder = tmp_path_factory.mktemp("model") / "home"
    with ExitStack() as stack:
        found = {**os.environ, "BROADSHEET_HOME": str(folder)}
        if connection.vendor == "postgresql":
            found["DATABASE_URL"] = stack.enter_context(_database())
        fill = "from broadsheet import operations\nwith operations.using_data(): operations.open_up(print)"
        done = _command(found, "shell", "-c", fill)
        assert done.returncode == 0, done.stderr
        yield folder, found.get("DATABASE_URL", "").rsplit("/", 1)[-1]


@pytest.fixture
def furnished(_model_house: tuple[Path, str], home: Path) -> Iterator[dict[str, str]]:
    """As `environ`, with tables and the 111 papers of the built-in front page in it."""
    folder, template = _model_house
    shutil.copytree(folder, home, dirs_exist_ok=True)
    found = {**os.environ, "BROADSHEET_HOME": str(home)}
    if not template:
        yield found
        return
    with _database(template) as url:
        yield found | {"DATABASE_URL": url}


def _command(environ: dict[str, str], *words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "broadsheet", *map(str, words)]
    return subprocess.run(
        command, env=environ, cwd=PROJECT, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture
def broadsheet(environ: dict[str, str]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a command in a process of its own, on `environ`: `broadsheet("doctor", "--json")`."""
    return lambda *words, **extra: _command(environ | extra, *words)


@pytest.fixture
def in_furnished(furnished: dict[str, str]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a command in a process of its own, on `furnished`."""
    return lambda *words, **extra: _command(furnished | extra, *words)


@pytest.fixture
def data_folder() -> Path:
    """The folder of real papers; use it with the marker `real_data`."""
    if not DATA.is_dir():
        _missing("data", f"there is no data folder {DATA}")
    return DATA


@pytest.fixture
def post_office(tmp_path: Path, settings: Settings, transactional_db: None) -> Iterator[Rig]:
    """A real SMTP server on loopback to which the code in this process hands its mail."""
    from broadsheet.digest import composing
    from tests import mail_rig

    composing.forget_what_is_set()
    with mail_rig.running(tmp_path) as rig:
        mail_rig.configure(settings, rig)
        yield rig


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """A Chromium to open pages with; use it with the marker `browser`."""
    found = find_chromium()
    if not found:
        _missing("browser", "no Chromium is installed here")
    return str(found)


@pytest.fixture(scope="session")
def browser(chromium_path: str) -> Iterator[Browser]:
    """One Chromium for all tests of this run; every test opens a context of its own in it."""
    from playwright.sync_api import sync_playwright

    # Playwright keeps an event loop running in this thread, which Django takes for asynchronous code.
    # The tests are as synchronous as before, so its alarm is switched off while the browser is open.
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        chromium = playwright.chromium.launch(executable_path=chromium_path, args=CHROMIUM_FLAGS)
        yield chromium
        chromium.close()
