"""How fast pages come: the real server driven over loopback, other services beside it, and its own time."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tqdm import tqdm

from bench import memory
from bench.addresses import mixed
from bench.household import Household
from bench.load import Limits, drive, on_loopback, warm

MIXED = "all, mixed"


@dataclass(frozen=True)
class Effort:
    """How long to measure: wall seconds and requests of each series, and the number of clients at once."""

    seconds: float = 5.0
    most: int = 2_000
    clients: int = 16

    @property
    def limits(self) -> Limits:
        return Limits(self.seconds, self.most)

    @property
    def long(self) -> Limits:
        """For the mixed load, which stands for all."""
        return Limits(4 * self.seconds, 4 * self.most)


@dataclass(frozen=True)
class Peer:
    """A page of another service that is already running on this machine."""

    name: str
    base: str
    address: str

    @classmethod
    def parse(cls, text: str) -> Peer:
        """`name=http://127.0.0.1:5000/?q=words`. Raises ValueError."""
        name, separator, url = text.partition("=")
        parts = urlsplit(url)
        if not (name and separator and on_loopback(url)):
            raise ValueError(f"{text!r} is not NAME=http://127.0.0.1:PORT/PATH")
        address = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return cls(name, f"http://{parts.netloc}", address)


def kinds_of(household: Household) -> dict[str, list[str]]:
    """Addresses by kind, chosen from the household's own papers."""
    found: dict[str, list[str]] = json.loads(household.run(module="bench.addresses"))["kinds"]
    return found


def served(
    household: Household, kinds: Mapping[str, list[str]], peers: Sequence[Peer], effort: Effort
) -> dict[str, Any]:
    """Rows for one client and for several at once, ours and the peers', and the server's memory."""
    everything = mixed(dict(kinds))
    with household.running() as process:
        warm(household.url, everything, effort.clients)
        targets = [(MIXED, household.url, everything, effort.long)]
        targets += [(kind, household.url, pages, effort.limits) for kind, pages in kinds.items()]
        targets += [(peer.name, peer.base, [peer.address], effort.long) for peer in peers]
        rows = []
        for clients in (1, effort.clients):
            for target in tqdm(targets, f"pages, {clients} at once", disable=None, leave=False):
                kind, base, pages, limits = target
                rows.append(drive(base, kind, pages, clients, limits).facts())
        held = memory.now(process.pid)
    return {"rows": rows, "memory": vars(held)}


def inside(household: Household, kinds: Mapping[str, list[str]], effort: Effort) -> list[dict[str, Any]]:
    """The server's own time for the same pages, without sockets (see `bench.inside`)."""
    household.run("collectstatic", "--noinput", "--verbosity=0")
    plan = {
        "kinds": {MIXED: mixed(dict(kinds), 1_000), **kinds},
        "seconds": 2 * effort.seconds,
        "most": effort.most,
    }
    rows: list[dict[str, Any]] = json.loads(household.run(module="bench.inside", told=json.dumps(plan)))
    return rows
