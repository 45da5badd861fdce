"""The polite client: taking turns, trying again, and everything a lying server may send."""

from __future__ import annotations

import gzip
import itertools
import multiprocessing
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from pathlib import Path

import pytest

from broadsheet.sources import SourceError, Unavailable
from broadsheet.sources.asking import (
    Answer,
    Asker,
    BadAnswer,
    NotThere,
    Pace,
    Refused,
    host_and_port,
    is_loopback,
)
from broadsheet.sources.turns import FileTurns
from tests.answering import Reply, Request, answering


def asker(folder: Path, hurry: float = 0.0) -> Asker:
    return Asker(FileTurns(folder / "turns"), "Broadsheet/test (me@example.org)", Pace(hurry, 0.01))


def body(answer: Answer) -> bytes:
    return answer.body


def one_after_another(*replies: Reply) -> Callable[[Request], Reply]:
    left: Iterator[Reply] = iter(replies)
    return lambda request: next(left)


def test_an_answer_is_read_and_the_server_hears_who_asks(tmp_path: Path) -> None:
    with answering(lambda request: Reply(b"hello")) as stranger:
        assert asker(tmp_path).ask(stranger.url + "/oai", {"verb": "Identify"}, read=body) == b"hello"
        assert stranger.asked[0].path == "/oai?verb=Identify"
        assert stranger.asked[0].headers["user-agent"] == "Broadsheet/test (me@example.org)"


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_passes_is_tried_again(tmp_path: Path, status: int) -> None:
    with answering(one_after_another(Reply(status=status), Reply(status=status), Reply(b"yes"))) as stranger:
        assert asker(tmp_path).ask(stranger.url, read=body) == b"yes"
        assert len(stranger.asked) == 3


def test_a_broken_answer_is_asked_for_again_and_given_up_after_some_tries(tmp_path: Path) -> None:
    def broken(answer: Answer) -> None:
        raise BadAnswer("It is broken.")

    with answering(lambda request: Reply(b"x")) as stranger:
        with pytest.raises(BadAnswer, match="It is broken"):
            asker(tmp_path).ask(stranger.url, read=broken, tries=3)
        assert len(stranger.asked) == 3


def test_an_answer_that_is_cut_off_is_asked_for_again(tmp_path: Path) -> None:
    with answering(one_after_another(Reply(b"half", length=400), Reply(b"whole"))) as stranger:
        assert asker(tmp_path).ask(stranger.url, read=body) == b"whole"


@pytest.mark.parametrize(
    ("status", "kind"), [(400, Refused), (401, Refused), (403, Refused), (404, NotThere)]
)
def test_a_refusal_is_not_asked_again(tmp_path: Path, status: int, kind: type[Exception]) -> None:
    with answering(lambda request: Reply(status=status)) as stranger:
        with pytest.raises(kind) as raised:
            asker(tmp_path).ask(stranger.url, read=body)
        assert str(status) in str(raised.value)
        assert len(stranger.asked) == 1


@pytest.mark.parametrize("said", ["1", lambda: formatdate(time.time() + 2, usegmt=True)])
def test_retry_after_is_obeyed_in_seconds_and_as_a_date(
    tmp_path: Path, said: str | Callable[[], str]
) -> None:
    asked_to_wait = {"Retry-After": said if isinstance(said, str) else said()}
    with answering(one_after_another(Reply(status=503, headers=asked_to_wait), Reply(b"yes"))) as stranger:
        assert asker(tmp_path).ask(stranger.url, read=body) == b"yes"
        first, second = (request.at for request in stranger.asked)
        assert second - first >= 0.9


def test_a_long_retry_after_is_told_to_the_caller_and_kept_by_everybody(tmp_path: Path) -> None:
    with answering(lambda request: Reply(status=503, headers={"Retry-After": "3600"})) as stranger:
        with pytest.raises(Unavailable) as raised:
            asker(tmp_path).ask(stranger.url, read=body, patience=5)
        assert raised.value.wait == 3600
        with pytest.raises(Unavailable, match="left alone"):
            asker(tmp_path).ask(stranger.url, read=body, patience=5)
        assert len(stranger.asked) == 1


def test_githubs_allowance_is_waited_for(tmp_path: Path) -> None:
    spent = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(time.time()) + 900)}
    with (
        answering(lambda request: Reply(status=403, headers=spent)) as stranger,
        pytest.raises(Unavailable) as raised,
    ):
        asker(tmp_path).ask(stranger.url, read=body, patience=5)
    assert 890 < raised.value.wait <= 900


def _ask_many(folder: Path, url: str) -> None:
    for _ in range(4):
        asker(folder, hurry=0.1).ask(url, read=body)


def test_processes_take_turns_at_a_host(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    with answering(lambda request: Reply(b"x")) as stranger:
        people = [context.Process(target=_ask_many, args=(tmp_path, stranger.url)) for _ in range(3)]
        for process in people:
            process.start()
        for process in people:
            process.join(30)
            assert process.exitcode == 0
        moments = sorted(request.at for request in stranger.asked)
        assert len(moments) == 12 and stranger.most == 1
        assert min(b - a for a, b in itertools.pairwise(moments)) >= 0.095


def test_a_killed_process_leaves_its_pause_but_no_lock(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")

    def never(request: Request) -> Reply:
        time.sleep(30)
        return Reply()

    with answering(never) as stranger:
        process = context.Process(target=_ask_many, args=(tmp_path, stranger.url))
        process.start()
        last = time.monotonic() + 20
        while not stranger.asked and time.monotonic() < last:
            time.sleep(0.01)
        process.kill()
        process.join(5)
        began = time.monotonic()
        with FileTurns(tmp_path / "turns").turn(host_and_port(stranger.url), 0.0, 5.0):
            assert time.monotonic() - began < 2


def test_a_turn_that_does_not_come_in_time_is_a_sentence(tmp_path: Path) -> None:
    turns = FileTurns(tmp_path)
    with (
        turns.turn("arxiv.org", 3.0, 1.0),
        pytest.raises(Unavailable, match="asked by another process"),
        turns.turn("arxiv.org", 3.0, 0.05),
    ):
        raise AssertionError("two have the turn")


def test_a_file_of_nonsense_or_a_time_far_away_keeps_nobody_waiting(tmp_path: Path) -> None:
    for nonsense in (b"what is this?", f"{time.time() + 10**9:.3f}".encode(), b"nan"):
        (tmp_path / "example.org").write_bytes(nonsense)
        with FileTurns(tmp_path).turn("example.org", 0.0, 0.5):
            pass


# What a lying server may send


def test_an_endless_answer_is_given_up(tmp_path: Path) -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b"x" * 65536

    with (
        answering(lambda request: Reply(pieces=endless)) as stranger,
        pytest.raises(BadAnswer, match="more than 1 MB"),
    ):
        asker(tmp_path).ask(stranger.url, read=body, tries=1, largest=2**20)


def test_a_gzip_bomb_is_given_up_before_it_fills_the_memory(tmp_path: Path) -> None:
    bomb = gzip.compress(bytes(300 * 2**20), 9)
    assert len(bomb) < 400_000
    with (
        answering(lambda request: Reply(bomb, headers={"Content-Encoding": "gzip"})) as stranger,
        pytest.raises(BadAnswer, match="more than 8 MB"),
    ):
        asker(tmp_path).ask(stranger.url, read=body, tries=1, largest=8 * 2**20)


def test_a_body_that_cannot_be_unpacked_is_a_broken_answer(tmp_path: Path) -> None:
    with (
        answering(lambda request: Reply(b"no gzip", headers={"Content-Encoding": "gzip"})) as stranger,
        pytest.raises(BadAnswer, match="unpacked"),
    ):
        asker(tmp_path).ask(stranger.url, read=body, tries=1)


def test_a_slow_drip_ends_when_patience_does(tmp_path: Path) -> None:
    def drip() -> Iterator[bytes]:
        while True:
            yield b"x"
            time.sleep(0.05)

    began = time.monotonic()
    with answering(lambda request: Reply(pieces=drip)) as stranger, pytest.raises(Unavailable):
        asker(tmp_path).ask(stranger.url, read=body, tries=1, patience=0.5)
    assert time.monotonic() - began < 5


def test_a_redirect_is_followed_and_the_key_stays_at_home(tmp_path: Path) -> None:
    def answer(request: Request) -> Reply:
        if request.path == "/old":
            return Reply(status=301, headers={"Location": "/new"})
        return Reply(request.headers.get("authorization", "").encode())

    with answering(answer) as stranger:
        told = asker(tmp_path).ask(stranger.url + "/old", headers={"Authorization": "me"}, read=body)
        assert told == b"me", "the same server may have it"


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1/",
        "http://[::1]:9/",
        "http://127.0.0.1:1/",
        "http://localhost/",
        "http://0.0.0.0/",
        "http://[::ffff:10.0.0.1]/",
        "http://[64:ff9b::a00:1]/",
        "file:///etc/passwd",
        "ftp://example.org/",
        "http://user:secret@example.org/",
        "http://[broken/",
        "",
    ],
)
def test_a_redirect_into_the_private_network_is_refused(tmp_path: Path, target: str) -> None:
    with answering(lambda request: Reply(status=302, headers={"Location": target})) as stranger:
        with pytest.raises(Refused):
            asker(tmp_path).ask(stranger.url, read=body)
        assert len(stranger.asked) == 1


def test_a_redirect_to_another_port_of_this_machine_is_refused(tmp_path: Path) -> None:
    with answering(lambda request: Reply(b"secret")) as inside:
        to_inside = Reply(status=302, headers={"Location": inside.url})
        with answering(lambda request: to_inside) as stranger, pytest.raises(Refused, match="not public"):
            asker(tmp_path).ask(stranger.url, read=body)
        assert inside.asked == []


def test_redirects_in_a_circle_end(tmp_path: Path) -> None:
    around = Reply(status=302, headers={"Location": "/again"})
    with answering(lambda request: around) as stranger, pytest.raises(Refused, match="circle"):
        asker(tmp_path).ask(stranger.url, read=body)


@pytest.mark.parametrize("address", ["http://10.1.2.3/x", "http://192.168.1.1/", "http://[fe80::1]/"])
def test_a_private_address_is_not_asked_even_where_the_settings_name_it(tmp_path: Path, address: str) -> None:
    with pytest.raises(Refused, match="not public"):
        asker(tmp_path).ask(address, read=body)


@pytest.mark.parametrize(
    "address", ["", "nonsense", "http://", "gopher://example.org", "http://[", "http://a b/"]
)
def test_what_is_no_address_is_a_sentence(tmp_path: Path, address: str) -> None:
    with pytest.raises(SourceError):
        asker(tmp_path).ask(address, read=body, tries=1)


def test_a_server_that_is_not_there_is_a_sentence_without_its_address(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"^127\.0\.0\.1 cannot be reached\.$"):
        asker(tmp_path).ask("http://127.0.0.1:1/?key=hunter2", read=body, tries=2)


def test_json_that_is_none_is_a_broken_answer(tmp_path: Path) -> None:
    with (
        answering(lambda request: Reply(b"[" * 100_000)) as stranger,
        pytest.raises(BadAnswer, match="not JSON"),
    ):
        asker(tmp_path).ask(stranger.url, read=lambda answer: answer.json, tries=1)


# Addresses


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("https://oaipmh.arxiv.org/oai", "arxiv.org"),
        ("https://rss.arxiv.org/rss/cs", "arxiv.org"),
        ("https://notarxiv.org/", "notarxiv.org"),
        ("http://127.0.0.1:8123/oai", "127.0.0.1:8123"),
        ("https://api.github.com:443/", "api.github.com"),
    ],
)
def test_all_hosts_of_arxiv_share_one_turn(address: str, host: str) -> None:
    assert host_and_port(address) == host


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:80", "127.0.0.1", "127.1.2.3:8080", "::1", "[::1]:80"]
)
def test_this_machine_is_known_by_its_names(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["example.org", "127.0.0.1.example.org", "localhost.example.org", "10.0.0.1", ""]
)
def test_other_machines_are_not(host: str) -> None:
    assert not is_loopback(host)
