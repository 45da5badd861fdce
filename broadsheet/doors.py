"""The switchboard: reads the settings and hands out the index, the embedders and the sources plugged in.

Everything handed out is opened once per process and shared by its threads. A setting that changes (in tests)
closes it all.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed

from broadsheet import __version__, identifiers, outlook
from broadsheet.embedders import Embedder, EmbedderUnavailable, open_embedder
from broadsheet.index import Index
from broadsheet.sources import LiveSource, PaperRecord, SourceError, Watcher

if TYPE_CHECKING:
    from broadsheet.sources.arxiv_api import ArxivApi
    from broadsheet.sources.asking import Asker
    from broadsheet.sources.zotero import ZoteroApi

SETTINGS = frozenset({"HOME", "INDEX", "EMBEDDER", "RERANKER", "EMBED_KEY", "EMBED_THREADS"})

_lock = RLock()
_opened: dict[str, Any] = {}


def index() -> Index:
    """The search index. Opening it reads nothing; what is wrong with it shows when it is asked."""
    with _lock:
        if "index" not in _opened:
            _opened["index"] = _open_index(settings.INDEX)
        found: Index = _opened["index"]
        return found


def _open_index(setting: str) -> Index:
    kind, _, rest = setting.partition(":")
    if kind == "embedded" and not rest:
        from broadsheet.index.embedded import EmbeddedIndex

        return EmbeddedIndex(index_folder())
    if kind == "milvus" and rest:
        try:
            engine: Index = import_module("broadsheet.index.milvus").MilvusIndex(rest)
        except ImportError as error:
            raise ImproperlyConfigured(
                "BROADSHEET_INDEX names Milvus, whose client is not installed: pip install pymilvus"
            ) from error
        return engine
    raise ImproperlyConfigured(
        f"BROADSHEET_INDEX={setting!r} names no search engine. Use embedded, or milvus:URI."
    )


def index_folder() -> Path:
    """Where the embedded index lies."""
    return Path(settings.HOME) / "index"


def vocabulary_file() -> Path:
    """The corpus's own words with their frequencies, made from the index for correcting queries."""
    return Path(settings.HOME) / "vocabulary.npy"


def embedder() -> Embedder:
    """The quick embedder, which reads every paper as it comes in. EmbedderUnavailable if it cannot open."""
    return _embedder(settings.EMBEDDER)


def static_embedder() -> Embedder:
    """The encoder on whose vectors the outlook was learned, whatever else is plugged in: its coefficients fit
    no other. EmbedderUnavailable if its weights are not installed."""
    return _embedder(outlook.ENCODER)


def reranker() -> Embedder | None:
    """The thorough embedder, which reads papers in the background; None if the setting is empty.
    EmbedderUnavailable if it cannot be opened."""
    return _embedder(settings.RERANKER) if settings.RERANKER else None


def embedder_named(name: str) -> Embedder | None:
    """The embedder whose vectors have this name, if it was ever opened here and can be opened still."""
    setting = _remembered().get(name)
    if setting is None:
        return None
    with suppress(EmbedderUnavailable):
        found = _embedder(setting)
        return found if found.name == name else None
    return None


def _embedder(setting: str) -> Embedder:
    key = f"embedder {setting}"
    with _lock:
        if key not in _opened:
            cache = Path(settings.HOME) / "models"
            _opened[key] = open_embedder(setting, cache, settings.EMBED_THREADS, settings.EMBED_KEY)
            _remember(_opened[key].name, setting)
        found: Embedder = _opened[key]
        return found


# Which setting made the vectors of each name: while the vectors of a new model grow, the former one answers.


def _memory() -> Path:
    return Path(settings.HOME) / "models" / "names.json"


def _remembered() -> dict[str, str]:
    try:
        found = json.loads(_memory().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(name): str(setting) for name, setting in found.items()} if isinstance(found, dict) else {}


def _remember(name: str, setting: str) -> None:
    known = _remembered()
    if known.get(name) == setting:
        return
    # A full or read-only disk costs the former model its turn, and nothing else.
    with suppress(OSError):
        _memory().parent.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(dir=_memory().parent, prefix="names.")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump({**known, name: setting}, file)
        Path(part).replace(_memory())


# --- sources ---------------------------------------------------------------------------------------------


def asker() -> Asker:
    """The one way to ask the outside world, in turn with all other processes on this data folder."""
    from broadsheet.sources.asking import Asker, Pace
    from broadsheet.sources.turns import FileTurns

    known = " ".join(filter(None, (settings.PUBLIC_URL, settings.SOURCE_CONTACT)))
    agent = f"Broadsheet/{__version__}" + (f" ({known})" if known else "")
    return Asker(FileTurns(Path(settings.HOME) / "turns"), agent, Pace(settings.LOOPBACK_PAUSE))


def arxiv_api() -> ArxivApi | None:
    """arXiv's single look-ups; None where this server is not to ask arXiv for anything."""
    from broadsheet.sources.arxiv_api import ArxivApi

    if not {"arxiv", "arxiv-rss"} & set(settings.SOURCES):
        return None
    return ArxivApi(asker(), settings.ARXIV_API_URL)


@dataclass(frozen=True, slots=True)
class Followed:
    """A part of a source that is asked by itself, and how often."""

    source: str
    part: str
    every: timedelta


# Minutes between two harvests, where BROADSHEET_SOURCE_RHYTHM does not say otherwise.
RHYTHM = {
    "arxiv": 60.0,
    "arxiv-rss": 60.0,
    "huggingface": 30.0,
    "github": 60.0,
    "openalex": 60.0,
    "semanticscholar": 60.0,
    "biorxiv": 180.0,
    "medrxiv": 180.0,
    "openreview": 360.0,
    "feeds": 60.0,
    "folder": 1.0,
}
# Nobody's server is asked more often, except one on this machine.
LEAST_MINUTES = 5


def followed() -> list[Followed]:
    """Every part of every source that the settings name. Raises ImproperlyConfigured for another name."""
    rhythm = RHYTHM | _rhythm()
    found = []
    for name in settings.SOURCES:
        if name not in RHYTHM:
            raise ImproperlyConfigured(
                f"BROADSHEET_SOURCES names {name!r}, which is no source. There are: {', '.join(RHYTHM)}."
            )
        found += [
            Followed(name, part, timedelta(minutes=max(_least(name, part), rhythm[name])))
            for part in _parts(name)
        ]
    return found


def _parts(name: str) -> list[str]:
    if name in ("arxiv", "arxiv-rss"):
        return settings.ARXIV_SETS or [""]
    return {"openreview": settings.OPENREVIEW_VENUES, "feeds": settings.FEEDS}.get(name, [""])


def _rhythm() -> dict[str, float]:
    found = {}
    for word in settings.SOURCE_RHYTHM:
        name, _, minutes = word.partition("=")
        if name not in RHYTHM or not re.fullmatch(r"\d{1,5}(?:\.\d+)?", minutes):
            raise ImproperlyConfigured(
                f"BROADSHEET_SOURCE_RHYTHM={word!r} must be a source and minutes, such as arxiv=120."
            )
        found[name] = float(minutes)
    return found


def _least(name: str, part: str) -> int:
    """Minutes that must lie between two harvests: none for a folder, nor for a server on this machine where
    the settings allow that one to be asked at will."""
    from broadsheet.sources.asking import host_and_port, is_loopback

    at_will = settings.LOOPBACK_PAUSE is not None and is_loopback(host_and_port(_address(name, part)))
    return 0 if name == "folder" or at_will else LEAST_MINUTES


def _address(name: str, part: str) -> str:
    """The address at which a source is asked; empty for a folder."""
    known = {
        "arxiv": settings.ARXIV_OAI_URL,
        "arxiv-rss": settings.ARXIV_RSS_URL,
        "huggingface": settings.HUGGINGFACE_URL,
        "github": settings.GITHUB_URL,
        "openalex": settings.OPENALEX_URL,
        "semanticscholar": settings.SEMANTICSCHOLAR_URL,
        "biorxiv": settings.BIORXIV_URL,
        "medrxiv": settings.BIORXIV_URL,
        "openreview": settings.OPENREVIEW_URL,
        "feeds": part,
    }
    return known.get(name, "")


WATCHERS = frozenset({"github", "openalex", "semanticscholar"})


def daily(name: str) -> int | None:
    """How many questions a day (UTC) a metered source may be asked; None where nobody counts."""
    return {"openalex": settings.OPENALEX_DAILY, "semanticscholar": settings.SEMANTICSCHOLAR_DAILY}.get(name)


def watcher(name: str) -> Watcher:
    """A source that counts stars or citations. Raises SourceError where its key is missing."""
    known: dict[str, tuple[Any, ...]] = {
        "github": ("GithubStars", settings.GITHUB_URL, settings.GITHUB_TOKEN),
        "openalex": ("OpenAlexCitations", settings.OPENALEX_URL, settings.OPENALEX_KEY),
        "semanticscholar": (
            "SemanticScholarCitations",
            settings.SEMANTICSCHOLAR_URL,
            settings.SEMANTICSCHOLAR_KEY,
        ),
    }
    found: Watcher = _loaded(name, *known[name])
    return found


def live_source(name: str) -> LiveSource:
    """A source that is asked over the network for papers. Raises SourceError where there is none of that
    name."""
    days = settings.SOURCE_FIRST_DAYS
    known: dict[str, tuple[Any, ...]] = {
        "arxiv": ("arxiv_oai", "ArxivOai", settings.ARXIV_OAI_URL, days),
        "arxiv-rss": ("arxiv_rss", "ArxivAnnouncements", settings.ARXIV_RSS_URL),
        "huggingface": ("huggingface", "HuggingFaceDays", settings.HUGGINGFACE_URL),
        "biorxiv": ("biorxiv", "BiorxivSource", settings.BIORXIV_URL, "biorxiv", days),
        "medrxiv": ("biorxiv", "BiorxivSource", settings.BIORXIV_URL, "medrxiv", days),
        "openreview": ("openreview", "OpenReviewSource", settings.OPENREVIEW_URL),
        "feeds": ("feeds", "FeedSource"),
    }
    if name not in known:
        raise SourceError(f"There is no source named {name}. There are: {', '.join(RHYTHM)}.")
    found: LiveSource = _loaded(*known[name])
    return found


def _loaded(module: str, name: str, *given: Any) -> Any:
    """Each source is loaded when it is first asked for."""
    return getattr(import_module(f"broadsheet.sources.{module}"), name)(asker(), *given)


def zotero(key: str) -> ZoteroApi:
    """Zotero's web API with somebody's own key."""
    from broadsheet.sources.zotero import ZoteroApi

    return ZoteroApi(asker(), settings.ZOTERO_URL, key)


# Whose DOIs these are: bioRxiv's and medRxiv's, in whose name openRxiv gives them out since 2025.
_PREPRINT_DOIS = ("doi:10.1101/", "doi:10.64898/")
_ACL_DOI = "doi:10.18653/v1/"


def look_up(identifier: str, patience: float = 10.0) -> PaperRecord | None:
    """What its home says of one paper, by canonical identifier; None if its home does not know it, or
    if nobody here knows its home.

    arXiv is asked for its papers, bioRxiv and medRxiv for theirs, OpenReview for its own, and the registry
    of the DOI for all others (the ACL Anthology's too). What comes may lack the abstract, or know the month
    of publication alone. Takes up to `patience` seconds. Raises SourceError with a sentence for people if
    not now, or if this server asks nobody.
    """
    scheme = identifiers.scheme(identifier)
    if scheme == "arxiv":
        api = arxiv_api()
        if api is None:
            raise SourceError("This server does not ask arXiv for papers that it does not have yet.")
        told = api.look_up([identifier], patience=patience, tries=2)
        return next((one for one in told if isinstance(one, PaperRecord)), None)
    if scheme not in ("doi", "openreview", "acl"):
        return None
    if not settings.SOURCES:
        raise SourceError("This server asks no other one for papers that it does not have yet.")
    for ask in _homes(identifier):
        if found := ask(identifier, patience):
            return found
    return None


def _homes(identifier: str) -> Iterator[Callable[[str, float], PaperRecord | None]]:
    """Whom to ask about a paper, the first to be asked first."""
    if identifier.startswith("openreview:"):
        yield _loaded("openreview", "OpenReviewSource", settings.OPENREVIEW_URL).look_up
        return
    if identifier.startswith(_PREPRINT_DOIS):
        for server in ("biorxiv", "medrxiv"):
            yield _loaded("biorxiv", "BiorxivSource", settings.BIORXIV_URL, server).look_up
    registry = _loaded("doi", "DoiRegistry", settings.DOI_URL)
    if identifier.startswith("acl:"):

        def by_doi(name: str, patience: float) -> PaperRecord | None:
            found = registry.look_up(_ACL_DOI + name.removeprefix("acl:").lower(), patience)
            return replace(found, identifiers=(name, *found.identifiers)) if found else None

        yield by_doi
    else:
        yield registry.look_up


def close() -> None:
    """Lets go of everything that was handed out."""
    with _lock:
        found = _opened.pop("index", None)
        _opened.clear()
        if found is not None:
            found.close()


def _forget(*, setting: str, **_: Any) -> None:
    if setting in SETTINGS:
        close()


setting_changed.connect(_forget, dispatch_uid="doors")
