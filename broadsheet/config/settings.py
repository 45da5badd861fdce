"""Every setting, read from the environment here and nowhere else. docs/operate.md lists them all."""

from __future__ import annotations

import os
import re
import secrets
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

from broadsheet import scoring

# A search is shorter than the time that a second thread needs to wake; more threads only spin.
for _pool in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_pool, "1")

PACKAGE = Path(__file__).resolve().parent.parent
CHECKOUT = PACKAGE.parent


def _flag(name: str, default: bool = False) -> bool:
    value = os.environ.get(name, "").strip().lower()
    if value in ("", "1", "true", "yes", "on", "0", "false", "no", "off"):
        return default if value == "" else value in ("1", "true", "yes", "on")
    raise ImproperlyConfigured(f"{name}={value!r} is neither yes nor no. Set it to 1 or 0.")


def _number(name: str, default: int, least: int, most: int) -> int:
    value = os.environ.get(name, "").strip() or str(default)
    if not value.isdecimal() or not least <= int(value) <= most:
        raise ImproperlyConfigured(f"{name}={value!r} must be a whole number from {least} to {most}.")
    return int(value)


def _share(name: str, default: float) -> float:
    value = os.environ.get(name, "").strip() or str(default)
    try:
        found = float(value)
    except ValueError:
        found = -1.0
    if not 0 <= found <= 1:
        raise ImproperlyConfigured(f"{name}={value!r} must be a number from 0 to 1, such as 0.25.")
    return found


def _seconds(name: str, most: float) -> float | None:
    """A time in seconds, None if the setting is empty."""
    value = os.environ.get(name, "").strip()
    if not value:
        return None
    try:
        found = float(value)
    except ValueError:
        found = -1.0
    if not 0 <= found <= most:
        raise ImproperlyConfigured(f"{name}={value!r} must be a number of seconds from 0 to {most:g}.")
    return found


def _web_address(name: str, default: str) -> str:
    """An http or https address without a slash at its end."""
    value = (os.environ.get(name, "").strip() or default).rstrip("/")
    if value and not re.fullmatch(r"https?://[^\s/@?#]+(?:/[^\s?#]*)?", value):
        raise ImproperlyConfigured(f"{name}={value!r} must be a web address such as https://example.org/oai.")
    return value


def _words(name: str, default: str = "") -> list[str]:
    """Words with spaces or commas between; the word `none` alone stands for none at all."""
    found = (os.environ.get(name, "").strip() or default).replace(",", " ").split()
    return [] if found == ["none"] else list(dict.fromkeys(found))


def _rank() -> scoring.Weights:
    """BROADSHEET_RANK, such as "comment=0.25 half_life=3": weights that differ from the published ones."""
    value = os.environ.get("BROADSHEET_RANK", "")
    known = [field.name for field in fields(scoring.Weights)]
    told: dict[str, float] = {}
    for word in value.replace(",", " ").split():
        name, sign, number = word.partition("=")
        try:
            told[name] = float(number) if sign else -1.0
        except ValueError:
            told[name] = -1.0
        if name not in known:
            raise ImproperlyConfigured(
                f"BROADSHEET_RANK names {name!r}, which is no weight. Known: {', '.join(known)}."
            )
        least, most = scoring.BOUNDS.get(name, (0.0, 100.0))
        if not least <= told[name] <= most:
            raise ImproperlyConfigured(
                f"BROADSHEET_RANK says {word!r}. Write {name}=NUMBER, from {least:g} to {most:g}."
            )
    return scoring.Weights(**told)


def _home() -> Path:
    """The data folder: BROADSHEET_HOME, else `.home` in a checkout, else the user's data folder."""
    if named := os.environ.get("BROADSHEET_HOME"):
        return Path(named).expanduser().resolve()
    if (CHECKOUT / "pyproject.toml").exists():
        return CHECKOUT / ".home"
    return Path(os.environ.get("XDG_DATA_HOME", "~/.local/share")).expanduser() / "broadsheet"


def _secret_key(home: Path) -> str:
    """BROADSHEET_SECRET_KEY, else a random key made once and kept in the data folder."""
    if given := os.environ.get("BROADSHEET_SECRET_KEY"):
        if len(given) < 32 or len(set(given)) < 8 or "insecure" in given.lower():
            raise ImproperlyConfigured(
                "BROADSHEET_SECRET_KEY is too easy to guess. Give at least 32 random characters, or unset it "
                "and Broadsheet makes one in its data folder."
            )
        return given
    try:
        key = _kept_key(home)
    except OSError as error:
        raise ImproperlyConfigured(
            f"The data folder {home} cannot be used ({error.strerror}). Give it to the user that runs "
            "Broadsheet, or name another one with BROADSHEET_HOME."
        ) from error
    if len(key) < 32:
        raise ImproperlyConfigured(
            f"{home / 'secret_key'} is damaged. Restore it from a backup, or remove it: a new one is made, "
            "and everybody signs in again."
        )
    return key


def _kept_key(home: Path) -> str:
    kept = home / "secret_key"
    if kept.exists():
        return kept.read_text().strip()
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Linking a finished file makes two processes that start together agree on one key.
    mine = home / f"secret_key.{os.getpid()}"
    mine.touch(mode=0o600)
    mine.write_text(secrets.token_urlsafe(48))
    try:
        os.link(mine, kept)
    except FileExistsError:
        pass
    finally:
        mine.unlink()
    return kept.read_text().strip()


HOME = _home()
PORT = _number("BROADSHEET_PORT", 8000, 1, 65535)
BIND = os.environ.get("BROADSHEET_BIND", "127.0.0.1")
WEB_WORKERS = _number("BROADSHEET_WEB_WORKERS", 2, 1, 64)
DEBUG = _flag("BROADSHEET_DEBUG")
PUBLIC_URL = os.environ.get("BROADSHEET_URL", "").rstrip("/")
SITE_NAME = os.environ.get("BROADSHEET_NAME", "Broadsheet")
SITE_MOTTO = os.environ.get("BROADSHEET_MOTTO", "Trending papers, by its readers and the research community")
SECRET_KEY = _secret_key(HOME)

if DEBUG and PUBLIC_URL.startswith("https://"):
    raise ImproperlyConfigured(
        "BROADSHEET_DEBUG shows internals to every visitor and BROADSHEET_URL says that this server is "
        "public. Unset one of them."
    )

_hosts = [host.strip() for host in os.environ.get("BROADSHEET_HOSTS", "").split(",") if host.strip()]
if PUBLIC_URL:
    _hosts.append(PUBLIC_URL.split("://")[-1].split("/")[0].rsplit(":", 1)[0])
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]", *_hosts]
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL] if PUBLIC_URL.startswith("https://") else []

# The day of a daily listing ends at midnight here. The field's habit is New York's midnight.
LISTING_TIME_ZONE = os.environ.get("BROADSHEET_TIME_ZONE", "America/New_York")
try:
    ZoneInfo(LISTING_TIME_ZONE)
except (ZoneInfoNotFoundError, ValueError) as error:
    raise ImproperlyConfigured(
        f"BROADSHEET_TIME_ZONE={LISTING_TIME_ZONE!r} is not a time zone. Use a name such as Europe/Berlin."
    ) from error

# Backups that the worker makes by itself: how often (0: never), where, and how many of them stay.
BACKUP_EVERY_HOURS = _number("BROADSHEET_BACKUP_EVERY_HOURS", 0, 0, 8760)
BACKUP_FOLDER = Path(os.environ.get("BROADSHEET_BACKUP_FOLDER") or HOME / "backups").expanduser()
BACKUP_KEEP = _number("BROADSHEET_BACKUP_KEEP", 7, 1, 1000)

# How much each thing counts in the order of papers (docs/ranking.md). Change it, then: broadsheet rescore
RANK = _rank()

PAGE_SIZE = _number("BROADSHEET_PAGE_SIZE", 30, 5, 100)

# Mail: who sends it, where it is handed in, and how fast. docs/mail.md says what each is for.
SMTP_URL = os.environ.get("BROADSHEET_SMTP_URL", "").strip()
MAIL_FROM = os.environ.get("BROADSHEET_MAIL_FROM", "").strip()
MAIL_OPERATOR = os.environ.get("BROADSHEET_MAIL_OPERATOR", "").strip()
MAIL_BOUNCES = os.environ.get("BROADSHEET_MAIL_BOUNCES", "").strip()
MAIL_MAILDIR = os.environ.get("BROADSHEET_MAIL_MAILDIR", "").strip()
MAIL_DKIM_KEY = os.environ.get("BROADSHEET_MAIL_DKIM_KEY", "").strip()
MAIL_DKIM_SELECTOR = os.environ.get("BROADSHEET_MAIL_DKIM_SELECTOR", "").strip() or "broadsheet"
MAIL_CONNECTIONS = _number("BROADSHEET_MAIL_CONNECTIONS", 2, 1, 32)
MAIL_RATE = _number("BROADSHEET_MAIL_RATE", 0, 0, 10_000)
MAIL_DOMAIN_RATE = _number("BROADSHEET_MAIL_DOMAIN_RATE", 0, 0, 100_000)
MAIL_DAILY = _number("BROADSHEET_MAIL_DAILY", 0, 0, 100_000_000)
MAIL_FINAL_WAIT = _number("BROADSHEET_MAIL_FINAL_WAIT", 600, 1, 3600)
MAIL_PAUSE_AFTER = _number("BROADSHEET_MAIL_PAUSE_AFTER", 20, 1, 10_000)
MAIL_AMBIGUOUS = os.environ.get("BROADSHEET_MAIL_AMBIGUOUS", "").strip() or "resend"
if MAIL_AMBIGUOUS not in ("resend", "hold"):
    raise ImproperlyConfigured(f"BROADSHEET_MAIL_AMBIGUOUS={MAIL_AMBIGUOUS!r} must be resend or hold.")
# A provider of django-anymail instead of SMTP, with its options as that library names them.
MAIL_PROVIDER = os.environ.get("BROADSHEET_MAIL_PROVIDER", "").strip().lower()
ANYMAIL: dict[str, str] = {
    f"{MAIL_PROVIDER.upper()}_{_name.strip().upper()}": _value.strip()
    for _name, _, _value in (
        _pair.partition("=")
        for _pair in os.environ.get("BROADSHEET_MAIL_PROVIDER_OPTIONS", "").split(",")
        if _pair.strip()
    )
}
MAIL_WEBHOOK_SECRET = os.environ.get("BROADSHEET_MAIL_WEBHOOK_SECRET", "").strip()
if MAIL_WEBHOOK_SECRET:
    ANYMAIL["WEBHOOK_SECRET"] = MAIL_WEBHOOK_SECRET
# Django's own mail (accounts, passwords) goes through the same queue and the same suppression.
EMAIL_BACKEND = "broadsheet.mail.backend.QueueBackend"
DEFAULT_FROM_EMAIL = SERVER_EMAIL = MAIL_FROM or "broadsheet@localhost"

# Which engine finds, which models understand, and how much of a core reading in the background may take.
INDEX = os.environ.get("BROADSHEET_INDEX", "").strip() or "embedded"
EMBEDDER = os.environ.get("BROADSHEET_EMBEDDER", "").strip() or "static"
RERANKER = os.environ.get("BROADSHEET_RERANKER", "small").strip()
EMBED_KEY = os.environ.get("BROADSHEET_EMBED_KEY", "")
EMBED_SHARE = _share("BROADSHEET_EMBED_SHARE", 0.25)
EMBED_THREADS = 1

# --- accounts --------------------------------------------------------------------------------------------

SIGN_UP_IS_OPEN = _flag("BROADSHEET_SIGN_UP", default=True)
# How many of our own proxies stand before the server: what X-Forwarded-For is believed by.
PROXIES = _number("BROADSHEET_PROXIES", 1 if _flag("BROADSHEET_BEHIND_PROXY") else 0, 0, 5)


def _client(name: str) -> dict[str, str] | None:
    """The id and secret by which another site knows this server, `ID:SECRET`, or None where it knows none."""
    value = os.environ.get(name, "").strip()
    client, _, secret = value.partition(":")
    if value and not (client and secret):
        raise ImproperlyConfigured(f"{name} must be the client id and its secret with a colon between them.")
    return {"client_id": client, "secret": secret, "key": ""} if value else None


# Other sites whose accounts may sign in here, each once its keys are given.
_CLIENTS = {
    "github": _client("BROADSHEET_GITHUB"),
    "google": _client("BROADSHEET_GOOGLE"),
    "orcid": _client("BROADSHEET_ORCID"),
    "huggingface": _client("BROADSHEET_HUGGINGFACE"),
}
SOCIALACCOUNT_PROVIDERS: dict[str, Any] = {
    name: {"APPS": [client]} for name, client in _CLIENTS.items() if client and name != "huggingface"
}
if _hugging_face := _CLIENTS["huggingface"]:
    SOCIALACCOUNT_PROVIDERS["openid_connect"] = {
        "APPS": [
            {
                **_hugging_face,
                "provider_id": "huggingface",
                "name": "Hugging Face",
                "settings": {"server_url": "https://huggingface.co"},
            }
        ]
    }

# Where a sign-in there leads a browser: pages with such a button let their forms go there too.
_ELSEWHERE = {
    "github": "https://github.com",
    "google": "https://accounts.google.com",
    "orcid": "https://orcid.org",
    "huggingface": "https://huggingface.co",
}
SIGN_IN_ELSEWHERE = [origin for name, origin in _ELSEWHERE.items() if _CLIENTS[name]]

# Where papers and signals come from by themselves (docs/sources.md): which sources are followed, what part of
# arXiv, how often each is asked (minutes), how many past days are read again each time, and their addresses.
SOURCES = _words("BROADSHEET_SOURCES", "arxiv arxiv-rss huggingface")
SOURCE_RHYTHM = _words("BROADSHEET_SOURCE_RHYTHM")
SOURCE_DAYS = _number("BROADSHEET_SOURCE_DAYS", 3, 1, 30)
SOURCE_FIRST_DAYS = _number("BROADSHEET_SOURCE_FIRST_DAYS", 7, 1, 366)
SOURCE_CONTACT = os.environ.get("BROADSHEET_SOURCE_CONTACT", "").strip()
LOOPBACK_PAUSE = _seconds("BROADSHEET_LOOPBACK_PAUSE", 60)
ARXIV_SETS = _words("BROADSHEET_ARXIV_SETS")
ARXIV_OAI_URL = _web_address("BROADSHEET_ARXIV_OAI_URL", "https://oaipmh.arxiv.org/oai")
ARXIV_RSS_URL = _web_address("BROADSHEET_ARXIV_RSS_URL", "https://rss.arxiv.org/rss")
HUGGINGFACE_URL = _web_address("BROADSHEET_HUGGINGFACE_URL", "https://huggingface.co")
BIORXIV_URL = _web_address("BROADSHEET_BIORXIV_URL", "https://api.biorxiv.org")
OPENREVIEW_URL = _web_address("BROADSHEET_OPENREVIEW_URL", "https://api2.openreview.net")
OPENREVIEW_VENUES = _words("BROADSHEET_OPENREVIEW_VENUES")
FEEDS = _words("BROADSHEET_FEEDS")
WATCHED_FOLDER = Path(os.environ.get("BROADSHEET_WATCHED_FOLDER") or HOME / "incoming").expanduser()
GITHUB_URL = _web_address("BROADSHEET_GITHUB_URL", "https://api.github.com")
GITHUB_TOKEN = os.environ.get("BROADSHEET_GITHUB_TOKEN", "").strip()
OPENALEX_URL = _web_address("BROADSHEET_OPENALEX_URL", "https://api.openalex.org")
OPENALEX_KEY = os.environ.get("BROADSHEET_OPENALEX_KEY", "").strip()
OPENALEX_DAILY = _number("BROADSHEET_OPENALEX_DAILY", 500, 1, 100_000)
SEMANTICSCHOLAR_URL = _web_address("BROADSHEET_SEMANTICSCHOLAR_URL", "https://api.semanticscholar.org")
SEMANTICSCHOLAR_KEY = os.environ.get("BROADSHEET_SEMANTICSCHOLAR_KEY", "").strip()
SEMANTICSCHOLAR_DAILY = _number("BROADSHEET_SEMANTICSCHOLAR_DAILY", 500, 1, 100_000)
ZOTERO_URL = _web_address("BROADSHEET_ZOTERO_URL", "https://api.zotero.org")
DOI_URL = _web_address("BROADSHEET_DOI_URL", "https://doi.org")
ARXIV_API_URL = _web_address("BROADSHEET_ARXIV_API_URL", "https://export.arxiv.org/api/query")

# Another Broadsheet whose papers commands show instead of this machine's, unless --remote names one.
REMOTE = _web_address("BROADSHEET_REMOTE", "")

# The languages of other programs (docs/api.md): who refuses in which words, by the beginning of the address,
# the first that fits; and how often one address may ask for data in a minute (0: as often as it likes).
API_LIMIT = _number("BROADSHEET_API_LIMIT", 1_200, 0, 1_000_000)
# For how many seconds their answers may be given again to whoever asks the same (0: never).
API_MEMORY = _number("BROADSHEET_API_MEMORY", 0 if "pytest" in sys.modules else 5, 0, 60)
DIALECTS = (
    ("/api/query", "broadsheet.api.arxiv.refuse"),
    ("/oai", "broadsheet.api.oai.refuse"),
    ("/mcp", "broadsheet.api.mcp.refuse"),
    ("/api/v1", "broadsheet.api.v1.refuse"),
    ("/s2/", "broadsheet.api.semantic_scholar.refuse"),
    ("/pwc/", "broadsheet.api.pwc.refuse"),
    ("/api/", "broadsheet.api.huggingface.refuse"),
)

# Places in private networks, HOST:PORT, that readers' webhooks may go to; all others must be public.
WEBHOOK_HOSTS = _words("BROADSHEET_WEBHOOK_HOSTS")

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "broadsheet",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.github",
    "allauth.socialaccount.providers.google",
    "allauth.socialaccount.providers.orcid",
    "allauth.socialaccount.providers.openid_connect",
    "django.contrib.humanize",
    "django.contrib.admin",
]

MIDDLEWARE = [
    "broadsheet.web.guard.BadInputMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "broadsheet.web.guard.PolicyMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "django.middleware.http.ConditionalGetMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "broadsheet.web.sessions.ReaderMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

ROOT_URLCONF = "broadsheet.config.urls"
WSGI_APPLICATION = "broadsheet.config.wsgi.application"
APPEND_SLASH = False

# Ours first: they stand in the place of those that come with the libraries.
_LOADERS = ["django.template.loaders.filesystem.Loader", "django.template.loaders.app_directories.Loader"]
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [PACKAGE / "templates"],
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "broadsheet.web.context.site",
            ],
            "builtins": ["broadsheet.web.tags"],
            "loaders": [
                ("django.template.loaders.cached.Loader", _LOADERS),
            ],
        },
    }
]

AUTH_USER_MODEL = "broadsheet.Reader"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}", "OPTIONS": options}
    for name, options in (
        ("UserAttributeSimilarityValidator", {"user_attributes": ("username", "email", "name")}),
        ("MinimumLengthValidator", {"min_length": 10}),
        ("CommonPasswordValidator", {}),
    )
]
SESSION_ENGINE = "broadsheet.web.sessions"
# The prefix makes browsers refuse such a cookie from any other host or without encryption.
_PREFIX = "__Host-" if PUBLIC_URL.startswith("https://") else ""
SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = f"{_PREFIX}session", f"{_PREFIX}csrf"
SESSION_COOKIE_AGE = 14 * 24 * 3600
MESSAGE_STORAGE = "django.contrib.messages.storage.cookie.CookieStorage"
LOGIN_URL = "/account/sign-in"
LOGIN_REDIRECT_URL = "/papers"

ACCOUNT_ADAPTER = "broadsheet.web.joining.Adapter"
SOCIALACCOUNT_ADAPTER = "broadsheet.web.joining.ElsewhereAdapter"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email*", "password1*"]
ACCOUNT_SIGNUP_FORM_HONEYPOT_FIELD = "website"
ACCOUNT_USERNAME_BLACKLIST = [
    "admin",
    "administrator",
    "anonymous",
    "broadsheet",
    "moderator",
    "root",
    "system",
]
ACCOUNT_MAX_EMAIL_ADDRESSES = 5
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_REDIRECT_URL = "/papers"
# Codes instead of links: nothing in a mail that opens an account by being followed.
ACCOUNT_PASSWORD_RESET_BY_CODE_ENABLED = True
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
# Our own limits count in the database, for all processes together (web/limits.py).
ACCOUNT_RATE_LIMITS = MFA_RATE_LIMITS = False
ACCOUNT_EMAIL_SUBJECT_PREFIX = f"[{SITE_NAME}] "
MFA_SUPPORTED_TYPES = ["webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not PUBLIC_URL.startswith("https://")
MFA_ALLOW_UNVERIFIED_EMAIL = True
SOCIALACCOUNT_STORE_TOKENS = False
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False
# Where no mail can be sent no address can be verified: accounts open at once, their addresses count as
# unverified, and several may then name the same one, so that nobody learns who else has an account.
MAIL_IS_CONFIGURED = bool(MAIL_FROM and (SMTP_URL or MAIL_PROVIDER))
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = MAIL_IS_CONFIGURED
ACCOUNT_EMAIL_VERIFICATION = "mandatory" if MAIL_IS_CONFIGURED else "none"
ACCOUNT_PREVENT_ENUMERATION: bool | str = True if MAIL_IS_CONFIGURED else "strict"
ACCOUNT_EMAIL_NOTIFICATIONS = MAIL_IS_CONFIGURED
SESSION_SERIALIZER = "django.contrib.sessions.serializers.JSONSerializer"
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
# Argon2 first (RFC 9106); the tests, which make many readers, use a quick one.
PASSWORD_HASHERS = (
    ["django.contrib.auth.hashers.MD5PasswordHasher"]
    if "pytest" in sys.modules
    else ["django.contrib.auth.hashers.Argon2PasswordHasher"]
)

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

_SQLITE_PRAGMAS = "; ".join(
    [
        "PRAGMA journal_mode = WAL",
        "PRAGMA synchronous = NORMAL",
        "PRAGMA cache_size = -32000",
        "PRAGMA mmap_size = 268435456",
        "PRAGMA temp_store = MEMORY",
        "PRAGMA journal_size_limit = 67108864",
    ]
)


def _database() -> dict[str, Any]:
    url = os.environ.get("DATABASE_URL", "")
    if not url:
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": HOME / "broadsheet.sqlite3",
            "CONN_MAX_AGE": None,
            "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 30, "init_command": _SQLITE_PRAGMAS},
        }
    if not url.startswith(("postgres://", "postgresql://")):
        raise ImproperlyConfigured(
            "DATABASE_URL must look like postgres://user:password@host/name. Without it, SQLite is used."
        )
    try:
        return {**dj_database_url.parse(url, conn_max_age=600, conn_health_checks=True)}
    except ValueError as error:
        raise ImproperlyConfigured(
            "DATABASE_URL cannot be read. It looks like postgres://user:password@host:5432/name; signs such "
            "as @ or / in a password are written as %40 and %2F."
        ) from error


DATABASES = {"default": _database()}

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "OPTIONS": {"MAX_ENTRIES": 2000},
    }
}

USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False

STATIC_URL = "/static/"
STATICFILES_DIRS = [PACKAGE / "static"]
STATIC_ROOT = HOME / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": (
            "django.contrib.staticfiles.storage.StaticFilesStorage"
            if DEBUG or "pytest" in sys.modules
            else "whitenoise.storage.CompressedManifestStaticFilesStorage"
        )
    },
}
WHITENOISE_USE_FINDERS = DEBUG or "pytest" in sys.modules
WHITENOISE_MAX_AGE = 3600

CSRF_FAILURE_VIEW = "broadsheet.web.errors.stale_form"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PUBLIC_URL.startswith("https://")
SECURE_HSTS_SECONDS = 31_536_000 if PUBLIC_URL.startswith("https://") else 0
if _flag("BROADSHEET_BEHIND_PROXY"):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000
DATA_UPLOAD_MAX_NUMBER_FIELDS = 200

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "broadsheet.config.logs.UtcLine"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        "broadsheet": {"level": "INFO"},
        "django.request": {"level": "ERROR"},
        "django.security.DisallowedHost": {"level": "CRITICAL"},
    },
}
