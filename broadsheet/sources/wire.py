"""One request over HTTP: bounded in size and time, and never into a private network."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from collections.abc import Iterable, Iterator, Mapping, Set
from contextlib import contextmanager
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import httpcore2
import httpx2

from broadsheet.sources import Unavailable
from broadsheet.sources.asking import Answer, BadAnswer, Refused, host_of, is_loopback

# Bytes on the wire.
LARGEST = 32 * 2**20
# Seconds: to connect, between two pieces of an answer, and for an answer altogether.
CONNECT, SILENCE, WHOLE = 10.0, 60.0, 180.0


class Wire:
    """Speaks HTTP with public servers, and with the one on this machine that `address` names, if it does."""

    def __init__(self, address: str, agent: str) -> None:
        self.own = _own(address)
        self.headers = {"User-Agent": agent, "Connection": "close"}

    def exchange(
        self, address: str, headers: Mapping[str, str], send: Any, last: float, largest: int
    ) -> Answer:
        """The answer to one request, unpacked, whatever its status. `send` makes it a POST; `last`: when it
        must be there (as time.monotonic() counts); `largest`: bytes. Raises Unavailable or Refused."""
        host = host_of(address)
        end = min(last, time.monotonic() + WHOLE)
        limits = httpx2.Timeout(CONNECT, read=max(0.1, min(SILENCE, end - time.monotonic())))
        method = "GET" if send is None else "POST"
        with (
            _in_words(address),
            httpx2.Client(transport=_Guarded(self.own, end), headers=self.headers) as client,
            client.stream(method, address, headers=headers, json=send, timeout=limits) as response,
        ):
            body = _whole(response, end, largest, host)
        found = {name.lower(): value for name, value in response.headers.items()}
        return Answer(address, response.status_code, found, body)


def hand_over(
    address: str, body: bytes, headers: Mapping[str, str], *, trusted: Set[str] = frozenset(), seconds: float
) -> Answer:
    """Sends `body` to a public server and says what it answered to that, without what stands in the answer.

    Nothing is followed. `trusted` names hosts with their ports that may stand in a private network; `seconds`
    are for all of it. Raises Unavailable or Refused.
    """
    end = time.monotonic() + seconds
    parts = urlsplit(address)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    own = (host, port) if f"{host}:{port}" in trusted else None
    limits = httpx2.Timeout(min(CONNECT, seconds), read=seconds)
    with (
        _in_words(address),
        httpx2.Client(transport=_Guarded(own, end, private=True), headers={"Connection": "close"}) as client,
        client.stream("POST", address, headers=headers, content=body, timeout=limits) as response,
    ):
        found = {name.lower(): value for name, value in response.headers.items()}
        return Answer(address, response.status_code, found, b"")


@contextmanager
def _in_words(address: str) -> Iterator[None]:
    """What can go wrong on the way, as the two kinds of trouble that sources know."""
    host = host_of(address)
    try:
        yield
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

    def __init__(self, own: tuple[str, int] | None, end: float, private: bool = False) -> None:
        self._pool = httpcore2.ConnectionPool(
            ssl_context=_certificates(),
            max_connections=1,
            max_keepalive_connections=0,
            network_backend=_PublicBackend(own, end, private),
        )


class _Hurried(httpcore2.NetworkStream):
    """A connection that ends at a moment, whatever trickles in until then: a piece now and then would keep
    a limit between two pieces from ever being reached."""

    def __init__(self, stream: httpcore2.NetworkStream, end: float) -> None:
        self._stream, self._end = stream, end

    def _left(self, timeout: float | None) -> float:
        left = self._end - time.monotonic()
        if left <= 0:
            raise httpcore2.ReadTimeout("the time for all of it is over")
        return left if timeout is None else min(left, timeout)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        under = self._stream.start_tls(ssl_context, server_hostname, self._left(timeout))
        return _Hurried(under, self._end)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _PublicBackend(httpcore2.SyncBackend):
    """`own`: the one place that may be this machine, or with `private` anywhere in a private network."""

    def __init__(self, own: tuple[str, int] | None, end: float, private: bool) -> None:
        self._own_place, self._end, self._private = own, end, private

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
            fine = self._private or address.is_loopback if mine else _is_public(address)
            if not fine:
                raise _NotPublic(f"{host} leads to an address that is not public, which is not asked.")
        for number in numbers[:-1]:
            try:
                return self._connected(number, port, timeout, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
        return self._connected(numbers[-1], port, timeout, local_address, socket_options)

    def _connected(self, *place: Any) -> httpcore2.NetworkStream:
        return _Hurried(super().connect_tcp(*place), self._end)


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner and not _is_public(inner):
            return False
    return address.is_global and not address.is_multicast
