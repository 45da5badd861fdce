"""One polite way to ask the outside world: in turn, with patience, and never for more than one can hold.

Everything that goes over the network for papers and signals goes through an `Asker`. It waits its turn at
each host (`turns.py`), tries again after what passes, and refuses what a lying server might send: answers
without end, gzip bombs, redirects into the private network.
"""

from __future__ import annotations

import ipaddress
import json
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import urlencode, urljoin, urlsplit

from broadsheet.sources import SourceError, Unavailable
from broadsheet.sources.turns import Turns

# Bytes of an answer, unpacked.
LARGEST = 96 * 2**20
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
            raise BadAnswer(f"{host_of(self.url)} answered something that is not JSON.") from error


class BadAnswer(Unavailable):
    """An answer came that is broken: cut off, too large, or not in the format it should be."""


class Refused(SourceError):
    """The server understood and refuses; asking the same again is of no use. `status`: its answer's, 0 where
    there was none."""

    def __init__(self, says: str, status: int = 0) -> None:
        super().__init__(says)
        self.status = status


class NotThere(Refused):
    """The server says that there is no such thing (404, 410, 451)."""


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
        largest: int = LARGEST,
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
        # Loading what speaks HTTP takes a moment, and most processes ask nobody.
        from broadsheet.sources.wire import Wire

        wire = Wire(address, self.agent)
        for _ in range(MOST_REDIRECTS + 1):
            host = host_and_port(address)
            with self.turns.turn(host, self.pace.pause(host, pause), last - time.monotonic()) as turn:
                answer = wire.exchange(address, kept, send, last, largest)
                wait = asked_to_wait(answer)
                turn.rest(wait)
            if answer.status not in (301, 302, 303, 307, 308):
                return _judged(answer, wait)
            address = _redirected(answer)
            if host_and_port(address) != first:
                # A key is for the one it was made for.
                kept = {name: value for name, value in kept.items() if name.lower() == "accept"}
        raise Refused(f"{host_of(address)} redirects in a circle.")


def _judged(answer: Answer, wait: float) -> Answer:
    """The answer if it is one. Raises the error that its status stands for."""
    host, status = host_of(answer.url), answer.status
    if 200 <= status < 300 or status == 304:
        return answer
    if status in _PASSING or wait:
        says = "has had enough for now" if status in (403, 429) else f"cannot answer now (status {status})"
        raise Unavailable(f"{host} {says}.", wait)
    if status in (404, 410, 451):
        raise NotThere(f"{host} has nothing there (status {status}).", status)
    advice = "check the key" if status in (401, 403) else "check the address in the settings"
    raise Refused(f"{host} refused (status {status}): {advice}.", status)


def asked_to_wait(answer: Answer) -> float:
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
    host, target = host_of(answer.url), answer.headers.get("location", "")
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


def host_of(address: str) -> str:
    """The host alone, for sentences: the rest of an address may hold a key."""
    try:
        return urlsplit(address).hostname or "The server"
    except ValueError:
        return "The server"


def now() -> datetime:
    """The moment at which something is seen, to the second."""
    return datetime.now(UTC).replace(microsecond=0)
