"""What was sent to a viewer and is not painted yet: lanes take it in, the main thread brings it to panes."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from parfocal.core.errors import ParfocalError, ViewerError
from parfocal.streams import ImageFolder
from parfocal.viewers.outcomes import Outcomes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

_MOST_PENDING = 4096


class Received(NamedTuple):
    """An image or an annotation between its arrival and its painting: `put` brings it to its panes."""

    ticket: str
    put: Callable[[], None]


class Inbox:
    """Images and annotations in the order in which they came, and what became of them.

    Parameters
    ----------
    folder : Path
        Of the images that wait in shared memory.
    wake : callable
        Has the main thread look.

    Attributes
    ----------
    images : ImageFolder
        From which images are taken.
    outcomes : Outcomes
        By ticket; any thread may wait for one.
    """

    def __init__(self, folder: Path, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._received: deque[Received] = deque()
        self.images = ImageFolder(folder)
        self.outcomes = Outcomes()

    def __len__(self) -> int:
        """How many were taken in and are not painted."""
        return len(self._received)

    def check_room(self) -> None:
        """Refuse more than can be painted; `ViewerError`."""
        if len(self._received) >= _MOST_PENDING:
            raise ViewerError(
                f"{_MOST_PENDING} images wait to be painted; send more when some have been shown"
            )

    def put(self, ticket: str, puts: Sequence[Callable[[], None]]) -> None:
        """Have these brought to their panes, one after the other, in the main thread. Any thread."""
        self.outcomes.expect(ticket, len(puts))
        self._received.extend(Received(ticket, put) for put in puts)
        self._wake()

    def bring(self, paint: Callable[[], None], *, most: int) -> None:
        """Bring so many to their panes, `paint`, and settle their tickets: the pixels are there then."""
        problems: list[tuple[str, str]] = []
        for _ in range(min(most, len(self._received))):
            ticket, put = self._received.popleft()
            problem = ""
            try:
                put()
            except ParfocalError as error:
                problem = str(error)
            problems.append((ticket, problem))
        if problems:
            paint()
        for ticket, problem in problems:
            self.outcomes.settle(ticket, problem)
