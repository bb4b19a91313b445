"""The methods that both kinds of readers have: read, poll, iterate (also asynchronously), close."""

from __future__ import annotations

import abc
import threading
import warnings
from typing import TYPE_CHECKING, Any

from parfocal.core.errors import StreamClosedError, StreamError
from parfocal.streams.following import RingFollower, RingLocation

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from typing import Self

    from parfocal.streams.attaching import AttachRequest


class AttachedReader(RingFollower, abc.ABC):
    """A reader with an entry at the ring that it reads. One thread at a time; close it."""

    def __init__(
        self, rings: RingLocation, request: AttachRequest, on_attach: Callable[[Self], None] | None
    ) -> None:
        self.name = request.name
        self._busy = threading.Lock()
        super().__init__(rings, request, on_attach)

    def writer_alive(self) -> bool:
        """Return whether the writing process lives, as far as can be told."""
        return self._segment is not None and self._segment.writer_alive()

    def close(self) -> None:
        """Leave the stream; what is unread is counted as "left". Idempotent.

        The ring's memory goes with the last one who uses it. A fork only lets go of its copy of the reader.
        """
        if self._closed:
            return
        self._closed = True
        if self._entry is not None:
            self._entry.close()
        self._leave_next()
        if self._busy.acquire(blocking=False):  # else whoever reads lets go
            self._end()
        elif self._entry is not None and self._entry.is_inherited:  # whoever reads is in another process
            self._let_go()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Any]:
        """Give what `read` gives, until the stream ends."""
        while True:
            try:
                yield self.read()
            except StreamClosedError:
                return

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self.close()

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        """Return what `read` gives, without holding up this thread's event loop."""
        while True:
            try:
                if (taken := self.poll()) is not None:
                    return taken
                await self._wait_async()
            except StreamClosedError:
                raise StopAsyncIteration from None

    def __del__(self) -> None:
        entry = getattr(self, "_entry", None)
        if entry is not None and not entry.closed:
            if not entry.is_inherited:
                message = f"a reader of {self._rings.path.stem!r} was not closed"
                warnings.warn(message, ResourceWarning, stacklevel=2)
            entry.close()

    @abc.abstractmethod
    def read(self, timeout_s: float | None = None, most: int | None = None) -> Any:
        """Return a copy of what is next; waits for it."""

    @abc.abstractmethod
    def poll(self) -> Any | None:
        """Return what `read` would, or None if there is nothing now. Never waits."""

    def _begin(self) -> None:
        """Refuse a reader that was closed, and a second call or lease while one is on."""
        self._check_open()
        if not self._busy.acquire(blocking=False):
            raise StreamError(
                f"this reader of {self._rings.path.stem!r} is in use: end its lease first, or give each "
                "thread a reader of its own"
            )

    def _end(self) -> None:
        self._busy.release()
        if self._closed:
            self._let_go()
