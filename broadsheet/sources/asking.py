"""One polite way to ask the outside world: in turn, with patience, and never for more than one can hold.

Everything that goes over the network for papers and signals goes through an `Asker`. It waits its turn at
each host (`turns.py`), tries again after what passes, and refuses what a lying server might send: answers
without end, gzip bombs, redirects into the private network.
"""

from __future__ import annotations

import ipaddress
import json
import random
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import urlencode, urljoin, urlsplit

import httpcore2
import httpx2

from broadsheet.sources import SourceError, Unavailable
from broadsheet.sources.turns import Turns

# Bytes: on the wire, and after unpacking.
LARGEST = 32 * 2**20
LARGEST_UNPACKED = 96 * 2**20
# Seconds: to connect, between two pieces of an answer, and for an answer altogether.
CONNECT, SILENCE, WHOLE = 10.0, 60.0, 180.0
TRIES = 5
MOST_REDIRECTS = 5
LONGEST_WAIT = 86_400.0

T = TypeVar("T")

_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said. `body` is unpacked; header names are lower case."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """Raises BadAnswer when the body is not JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise BadAnswer(f"{_host_of(self.url)} answered something that is not JSON.") from error


class BadAnswer(Unavailable):
    """An answer came that is broken: cut off, too large, or not in the format it should be."""


class Refused(SourceError):
    """The server understood and refuses; asking the same again is of no use."""


class NotThere(Refused):
    """The server says that there is no such thing (404, 410)."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How politely hosts are asked. `pause`: seconds between two requests; `hurry`: the same for addresses on
    this machine, None if they are asked as everybody; `step`: the first wait before trying again."""

    hurry: float | None = None
    step: float = 1.0

    def pause(self, host: str, wanted: float) -> float:
        return self.hurry if self.hurry is not None and is_loopback(host) else wanted

    def first_wait(self, host: str) -> float:
        return min(self.step, self.hurry) if self.hurry is not None and is_loopback(host) else self.step


@dataclass
class Asker:
    """Asks servers, one request at a time for each host across all processes that share `turns`."""

    turns: Turns
    agent: str
    pace: Pace = field(default_factory=Pace)

    def ask(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        *,
        read: Callable[[Answer], T],
        headers: Mapping[str, str] | None = None,
        send: Any = None,
        pause: float = 1.0,
        patience: float = 300.0,
        tries: int = TRIES,
        largest: int = LARGEST_UNPACKED,
    ) -> T:
        """What `read` makes of the answer; it raises BadAnswer for one that is broken, which is asked again.

        `send` (anything JSON can say) makes it a POST. Between two requests to a host lie `pause` seconds.
        Answers 200 to 299 and 304 are given to `read`. Raises Unavailable when `tries` or `patience`
        (seconds) are spent, Refused when the server refuses.
        """
        address = f"{url}{'&' if '?' in url else '?'}{urlencode(params)}" if params else url
        host = host_and_port(address)
        last = time.monotonic() + patience
        for tried in range(1, tries + 1):
            try:
                return read(self._once(address, headers or {}, send, pause, last, largest))
            except Unavailable as trouble:
                wait = max(trouble.wait, self._back_off(host, tried))
                if tried == tries or time.monotonic() + wait > last:
                    raise
                time.sleep(wait)
        raise AssertionError("the loop above returns or raises")

    def _back_off(self, host: str, tried: int) -> float:
        """Doubles with each try; by chance up to half as long again, so that many do not return together."""
        return self.pace.first_wait(host) * 2.0 ** (tried - 1) * random.uniform(1.0, 1.5)  # noqa: S311

    def _once(
        self, address: str, headers: Mapping[str, str], send: Any, pause: float, last: float, largest: int
    ) -> Answer:
        first, kept = host_and_port(address), dict(headers)
        if not first:
            raise Refused(f"{address[:200]!r} is not an address that can be asked.")
        with httpx2.Client(
            transport=_Guarded(_own(address)), headers={"User-Agent": self.agent, "Connection": "close"}
        ) as client:
            for _ in range(MOST_REDIRECTS + 1):
                host = host_and_port(address)
                with self.turns.turn(host, self.pace.pause(host, pause), last - time.monotonic()) as turn:
                    answer = self._exchange(client, address, kept, send, last, largest)
                    wait = _asked_to_wait(answer)
                    turn.rest(wait)
                if answer.status not in (301, 302, 303, 307, 308):
                    return _judged(answer, wait)
                address = _redirected(answer)
                if host_and_port(address) != first:
                    # A key is for the one it was made for.
                    kept = {name: value for name, value in kept.items() if name.lower() == "accept"}
        raise Refused(f"{_host_of(address)} redirects in a circle.")

    def _exchange(
        self,
        client: httpx2.Client,
        address: str,
        headers: Mapping[str, str],
        send: Any,
        last: float,
        largest: int,
    ) -> Answer:
        host = _host_of(address)
        end = min(last, time.monotonic() + WHOLE)
        limits = httpx2.Timeout(CONNECT, read=max(0.1, min(SILENCE, end - time.monotonic())))
        method = "GET" if send is None else "POST"
        try:
            with client.stream(method, address, headers=headers, json=send, timeout=limits) as response:
                body = _whole(response, end, largest, host)
        except _NotPublic as error:
            raise Refused(str(error)) from error
        except (httpx2.TimeoutException, TimeoutError) as error:
            raise Unavailable(f"{host} did not answer in time.") from error
        except httpx2.DecodingError as error:
            raise BadAnswer(f"{host} sent something that cannot be unpacked.") from error
        except (httpx2.RemoteProtocolError, httpx2.ReadError) as error:
            raise BadAnswer(f"{host} broke off in the middle of its answer.") from error
        except (httpx2.InvalidURL, httpx2.UnsupportedProtocol, ValueError) as error:
            raise Refused(f"{address[:200]!r} is not an address that can be asked.") from error
        except (httpx2.HTTPError, OSError) as error:
            raise Unavailable(f"{host} cannot be reached.") from error
        found = {name.lower(): value for name, value in response.headers.items()}
        return Answer(address, response.status_code, found, body)


def _whole(response: httpx2.Response, end: float, largest: int, host: str) -> bytes:
    """The body, unpacked a piece of at most a megabyte at a time and given up when there is too much."""
    parts, size = [], 0
    for piece in response.iter_bytes():
        size += len(piece)
        if size > largest or response.num_bytes_downloaded > LARGEST:
            raise BadAnswer(f"{host} sent more than {largest // 2**20} MB, which was given up.")
        if time.monotonic() > end:
            raise Unavailable(f"{host} did not finish its answer in time.")
        parts.append(piece)
    return b"".join(parts)


def _judged(answer: Answer, wait: float) -> Answer:
    """The answer if it is one. Raises the error that its status stands for."""
    host, status = _host_of(answer.url), answer.status
    if 200 <= status < 300 or status == 304:
        return answer
    if status in _PASSING or wait:
        says = "has had enough for now" if status in (403, 429) else f"cannot answer now (status {status})"
        raise Unavailable(f"{host} {says}.", wait)
    if status in (404, 410):
        raise NotThere(f"{host} has nothing there (status {status}).")
    advice = "check the key" if status in (401, 403) else "check the address in the settings"
    raise Refused(f"{host} refused (status {status}): {advice}.")


def _asked_to_wait(answer: Answer) -> float:
    """Seconds until the server wants to be asked again: `Retry-After` (RFC 9110, seconds or a date), or when
    its allowance is renewed (`x-ratelimit-*` as GitHub sends them). 0 if it did not say."""
    if answer.status not in _PASSING and answer.status != 403:
        return 0.0
    said = answer.headers.get("retry-after", "").strip()
    if said.isdecimal():
        return min(float(said[:9]), LONGEST_WAIT)
    moment = _timestamp(said)
    if not said and answer.headers.get("x-ratelimit-remaining") == "0":
        reset = answer.headers.get("x-ratelimit-reset", "")
        moment = float(reset[:12]) if reset.isdecimal() else 0.0
    return min(max(0.0, moment - time.time()), LONGEST_WAIT) if moment else 0.0


def _timestamp(said: str) -> float:
    try:
        moment = parsedate_to_datetime(said)
    except (ValueError, TypeError, IndexError, OverflowError):
        return 0.0
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _redirected(answer: Answer) -> str:
    host, target = _host_of(answer.url), answer.headers.get("location", "")
    try:
        address = urljoin(answer.url, target)
        parts = urlsplit(address)
        known = (
            parts.scheme in ("http", "https") and parts.hostname and not parts.username and parts.port != 0
        )
    except ValueError:
        known = False
    if not target or len(target) > 4_000 or not known:
        raise Refused(f"{host} redirects to something that is no web address.")
    if answer.url.startswith("https:") and parts.scheme == "http":
        raise Refused(f"{host} redirects from https to http, which is not followed.")
    return address


# --- addresses -------------------------------------------------------------------------------------------


def host_and_port(address: str) -> str:
    """What takes turns: the host, with its port where that is not the usual one. arXiv asks its guests to
    count all its hosts as one (https://info.arxiv.org/help/api/tou.html)."""
    try:
        parts = urlsplit(address)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return ""
    if host == "arxiv.org" or host.endswith(".arxiv.org"):
        return "arxiv.org"
    return f"{host}:{port}" if port and port not in (80, 443) else host


def is_loopback(host: str) -> bool:
    """Whether the host, with or without a port, is this very machine by its name or number."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        pass
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _host_of(address: str) -> str:
    """The host alone, for sentences: the rest of an address may hold a key."""
    try:
        return urlsplit(address).hostname or "The server"
    except ValueError:
        return "The server"


def _own(address: str) -> tuple[str, int] | None:
    """Host and port on this machine that may be connected to: only what the settings themselves name."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return None
    return (host, port) if is_loopback(host) else None


# An IPv4 address inside an IPv6 one (RFC 6052).
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class _NotPublic(Exception):
    """A name leads into a private network."""


@lru_cache(maxsize=1)
def _certificates() -> ssl.SSLContext:
    """Reading all of them takes a while, so they are read once."""
    return httpx2.create_ssl_context()


class _Guarded(httpx2.HTTPTransport):
    """A transport that looks at the address it really connects to, which no trick with names gets past."""

    def __init__(self, own: tuple[str, int] | None) -> None:
        self._pool = httpcore2.ConnectionPool(
            ssl_context=_certificates(),
            max_connections=1,
            max_keepalive_connections=0,
            network_backend=_PublicBackend(own),
        )


class _PublicBackend(httpcore2.SyncBackend):
    def __init__(self, own: tuple[str, int] | None) -> None:
        self._own_place = own

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        mine = (host, port) == self._own_place
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise httpcore2.ConnectError(f"{host} is not known") from error
        numbers = list(dict.fromkeys(str(place[4][0]) for place in found))
        for number in numbers:
            address = ipaddress.ip_address(number.partition("%")[0])
            if not (address.is_loopback if mine else _is_public(address)):
                raise _NotPublic(f"{host} leads to an address that is not public, which is not asked.")
        for number in numbers[:-1]:
            try:
                return super().connect_tcp(number, port, timeout, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
        return super().connect_tcp(numbers[-1], port, timeout, local_address, socket_options)


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner and not _is_public(inner):
            return False
    return address.is_global and not address.is_multicast


def now() -> datetime:
    """The moment at which something is seen, to the second."""
    return datetime.now(UTC).replace(microsecond=0)
