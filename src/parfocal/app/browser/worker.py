"""A process that reads for the browser: it lists folders, opens files, draws thumbnails, sends images.

It answers one request after the other on its stdout, and ends when its stdin does.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress

from parfocal.app.browser.listing import FolderListing
from parfocal.app.browser.messages import (
    Answer,
    DrawThumbnail,
    ListFolder,
    ReadRows,
    Request,
    RowsRead,
    SendRows,
)
from parfocal.app.browser.rows import ImageRow
from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.ipc.message_pipe import MessageReader, MessageWriter, PipeClosedError

_BATCH = 400
_NICE = 10
_TELLS_EVERY_NS = 100_000_000
_ENDS_WITHIN_S = 20.0


def main() -> None:
    """Serve until nobody asks any more, behind all that is more urgent: cameras, and the browser's window."""
    if hasattr(os, "nice"):
        os.nice(_NICE)
    answers = MessageWriter(os.fdopen(os.dup(sys.stdout.fileno()), "wb"))
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no answer
    requests: queue.Queue[Request | None] = queue.Queue()
    ended = threading.Event()
    threading.Thread(target=_receive, args=(requests, ended), daemon=True).start()
    listing = FolderListing()
    with suppress(PipeClosedError):
        while (request := requests.get()) is not None:
            for answer in _answers(request, listing, ended):
                answers.send(answer)


def _receive(requests: queue.Queue[Request | None], ended: threading.Event) -> None:
    """Take requests in; once the browser is gone, have the process end, also in the middle of one."""
    reader: MessageReader[Request] = MessageReader(
        os.fdopen(sys.stdin.fileno(), "rb", buffering=0, closefd=False), Request
    )
    with suppress(PipeClosedError):
        while True:
            requests.put(reader.receive())
    ended.set()
    requests.put(None)
    SYSTEM_CLOCK.sleep(_ENDS_WITHIN_S)
    os._exit(1)


def _answers(request: Request, listing: FolderListing, ended: threading.Event) -> Iterator[Answer]:
    match request:
        case ListFolder(folder):
            yield from listing.list_folder(folder)
        case ReadRows():
            yield from _read(request, ended)
        case DrawThumbnail(row, size):
            from parfocal.app.browser.thumbnails import draw_thumbnail

            yield draw_thumbnail(row, size)
        case SendRows():
            from parfocal.app.browser.sending import send_rows

            yield from send_rows(request, ended.is_set)


def _read(request: ReadRows, ended: threading.Event) -> Iterator[RowsRead]:
    """Yield what was read every now and then, and in between where one file has very many images."""
    from parfocal.app.browser.reading import rows_of

    sources: list[str] = []
    found: list[ImageRow] = []
    told_ns = SYSTEM_CLOCK.monotonic_ns()
    for row in request.rows:
        for image in rows_of(row):
            if ended.is_set():
                return
            found.append(image)
            if len(found) >= _BATCH:
                yield RowsRead(sources, found, row.source)
                sources, found = [], []
        sources.append(row.source)
        if SYSTEM_CLOCK.monotonic_ns() - told_ns > _TELLS_EVERY_NS:
            yield RowsRead(sources, found)
            sources, found, told_ns = [], [], SYSTEM_CLOCK.monotonic_ns()
    yield RowsRead(sources, found, last=True)


if __name__ == "__main__":
    main()
