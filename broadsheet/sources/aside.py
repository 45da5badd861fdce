"""Reads a file in a process of its own, so that reading and writing use a core each.

The reader knows no database. Its pieces come through a pipe; when either side dies, the other notices at
its next piece and ends. What was read but not handed over is read again by the next run.
"""

from __future__ import annotations

import pickle
import queue
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection

from broadsheet.sources import PaperRecord, Reject, SourceError
from broadsheet.sources.files import FileSource

# Starting a process takes as long as reading this many bytes.
WORTH_IT = 2_000_000
PIECE = 1000
AHEAD = 8


@dataclass(slots=True)
class Portion:
    """Some of a file's content; `fraction` (0 to 1) says how much of the file has been read by then."""

    fraction: float
    items: list[PaperRecord | Reject] = field(default_factory=list)
    problem: str = ""


def portions(source: FileSource) -> Iterator[Portion]:
    """Yields the file's content in order. Raises `SourceError` when it cannot be read to its end."""
    reading = _portions_of(source) if source.size < WORTH_IT else _portions_aside(source)
    for portion in reading:
        if portion.problem:
            raise SourceError(portion.problem)
        yield portion


def _portions_of(source: FileSource) -> Iterator[Portion]:
    portion = Portion(0.0)
    try:
        for item in source.fetch():
            portion.items.append(item)
            if len(portion.items) >= PIECE:
                portion.fraction = source.fraction
                yield portion
                portion = Portion(0.0)
    except SourceError as error:
        portion.problem = str(error)
    portion.fraction = source.fraction
    yield portion


def _portions_aside(source: FileSource) -> Iterator[Portion]:
    context = get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_read, args=(source.path, sender), daemon=True)
    process.start()
    sender.close()
    waiting: queue.Queue[bytes | None] = queue.Queue(AHEAD)
    stopped = threading.Event()
    threading.Thread(target=_receive, args=(receiver, waiting, stopped), daemon=True).start()
    try:
        while (piece := waiting.get()) is not None:
            if not piece:
                return
            portion: Portion = pickle.loads(piece)  # noqa: S301 - from our own child through our own pipe
            yield portion
        raise SourceError(f"Reading {source.path} broke off. Run the same command again to finish it.")
    finally:
        stopped.set()
        receiver.close()
        process.terminate()
        process.join(5)


def _receive(receiver: Connection, waiting: queue.Queue[bytes | None], stopped: threading.Event) -> None:
    """Keeps the pipe flowing while the writer is busy: a pipe alone holds less than one portion."""
    piece: bytes | None
    while not stopped.is_set():
        try:
            piece = receiver.recv_bytes()
        except (EOFError, OSError):
            piece = None
        while not stopped.is_set():
            with suppress(queue.Full):
                waiting.put(piece, timeout=0.5)
                break
        if not piece:
            return


def _read(path: object, sender: Connection) -> None:
    """The child: an empty message says that the end was reached."""
    from broadsheet.sources.files import open_path

    # Ctrl-C reaches the whole group; the writer decides when the reading ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(BrokenPipeError, ConnectionResetError):
        for source in open_path(path):  # type: ignore[arg-type]
            for portion in _portions_of(source):
                sender.send_bytes(pickle.dumps(portion, pickle.HIGHEST_PROTOCOL))
        sender.send_bytes(b"")
