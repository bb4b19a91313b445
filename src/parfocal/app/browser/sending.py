"""All images of rows, sent to a viewer with their components as index. For the process that sends."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from parfocal.app.browser.messages import SendRows, Sent
from parfocal.app.browser.reading import open_row
from parfocal.app.browser.rows import ImageRow
from parfocal.app.browser.run_sending import show_whole, whole_runs
from parfocal.core.errors import MovieError, ParfocalError
from parfocal.viewers import Ticket, Viewer, open_viewer

if TYPE_CHECKING:
    import numpy as np

_WAITING_BYTES = 128 * 2**20
"""So much of one batch waits for a viewer: more is read when it has received that."""
_RECEIVED_WITHIN_S = 120.0
_COMPONENTS = {"c": "channel", "p": "site"}
_TOLD_EVERY = 20


def send_rows(request: SendRows, is_cancelled: Callable[[], bool]) -> Iterator[Sent]:
    """Send all images of rows to a viewer, which may still start; yield how far that is.

    No more waits for the viewer than it can take in; an image that cannot be read is told, others go on. A
    run of which all positions were chosen is shown as a whole, and followed if it goes on.
    """
    problems: list[str] = []
    planned = sum(planes_of(row) for row in request.rows)
    done = 0
    try:
        viewer = open_viewer(request.viewer, request.kind, persist=True)
        try:
            for done in _sent(request.rows, viewer, problems, is_cancelled):
                yield Sent(done, planned)
        finally:
            viewer.leave()
    except ParfocalError as error:  # the viewer is full, or gone
        problems.append(str(error))
    yield Sent(done, planned, "; ".join(problems[:3]), last=True)


def _sent(
    rows: list[ImageRow], viewer: Viewer, problems: list[str], is_cancelled: Callable[[], bool]
) -> Iterator[int]:
    """Send rows; yield how many images were sent, the last time when the viewer has all of them."""
    waiting, done = _Waiting(), 0
    runs = {str(run.folder): run for run in whole_runs(rows)}
    for folder, run in runs.items():
        show_whole(run, viewer)
        viewer.components().received(_RECEIVED_WITHIN_S)  # comes after all that was sent before
        done += sum(planes_of(row) for row in rows if row.source == folder)
        yield done
    for row in (row for row in rows if row.source not in runs):
        try:
            for index, image in images_of(row):
                if is_cancelled():
                    waiting.settle(0)
                    return
                waiting.add(viewer.show(image, row.group, index), image)
                done += 1
                if done % _TOLD_EVERY == 0:
                    yield done
        except (MovieError, OSError) as error:
            problems.append(str(error))
    waiting.settle(0)
    yield done


def planes_of(row: ImageRow) -> int:
    """Return how many images a row has, as far as it is known.

    Examples
    --------
    >>> planes_of(ImageRow(path="a.tif", sizes={"t": 5, "c": 2})), planes_of(ImageRow(path="b.tif"))
    (10, 1)
    """
    number = 1
    for size in row.sizes.values():
        number *= size
    return number


def images_of(row: ImageRow) -> Iterator[tuple[dict[str, str], np.ndarray]]:
    """Yield the images of a row, each with its components: those of the row, and its place in the file."""
    with open_row(row) as movie:
        channels = movie.names.get("c", ())
        for number in range(len(movie)):
            place = movie.place_of(number)
            index = dict(row.components)
            for axis, at in place.items():
                name = channels[at] if axis == "c" and at < len(channels) else ""
                index[_COMPONENTS.get(axis, axis)] = name or str(at)
            yield index, movie.read(number)


class _Waiting:
    """Images that a viewer has not received; of so many bytes that sending has to wait for it."""

    def __init__(self) -> None:
        self._tickets: deque[tuple[Ticket, int]] = deque()
        self._nbytes = 0

    def add(self, ticket: Ticket, image: np.ndarray) -> None:
        self._tickets.append((ticket, image.nbytes))
        self._nbytes += image.nbytes
        self.settle(_WAITING_BYTES)

    def settle(self, most_bytes: int) -> None:
        """Wait until no more than so many bytes wait; raise `ViewerError` if the viewer refuses one."""
        while self._tickets and (self._nbytes > most_bytes or self._tickets[0][0].state != "queued"):
            ticket, nbytes = self._tickets.popleft()
            self._nbytes -= nbytes
            ticket.received(_RECEIVED_WITHIN_S)
