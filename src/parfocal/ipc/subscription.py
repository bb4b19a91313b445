"""Receives the notices of any number of services, and gives them to one callback."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import zmq

from parfocal.core.errors import ProtocolError
from parfocal.core.messages import Notice
from parfocal.core.reminder import Reminder
from parfocal.ipc.codec import Decoder
from parfocal.ipc.connection import WakeUpPipe
from parfocal.ipc.endpoints import context, notice_endpoint
from parfocal.ipc.waiting import descriptor, has_arrived, receive, wait_readable

if TYPE_CHECKING:
    import asyncio

_LOG = logging.getLogger(__name__)
_RETRY_MS, _RETRY_MOST_MS = 100, 1000
_WAITING_MOST = 1000


class _Iterator:
    """Notices on their way from the subscription's thread to an event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, arrived: asyncio.Event) -> None:
        self.waiting: deque[Notice] = deque()
        self.arrived = arrived
        self._loop = loop

    def put(self, notice: Notice) -> bool:
        """Hand a notice over; False if too many wait."""
        if len(self.waiting) >= _WAITING_MOST:
            return False
        self.waiting.append(notice)
        self.wake()
        return True

    def wake(self) -> None:
        """Have the loop look. Any thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody looks
            self._loop.call_soon_threadsafe(self.arrived.set)


class Subscription:
    """Hands the notices of services to a callback, from a thread of its own.

    Services may start, end and start again at any time; what is published while nobody is connected is
    lost, and counted as soon as the next notice of that topic shows the gap.

    Parameters
    ----------
    folder : Path
        Holds the services' sockets.
    services : iterable of str
        Whose notices; more with `add`.
    topics : sequence of str
        Beginnings of the topics wanted; "" for all.
    callback : callable, optional
        Called with each `Notice`, in order, one at a time. What it raises is logged.

    Notes
    -----
    ``async for notice in subscription`` yields notices from then on, until the subscription is closed.
    """

    def __init__(
        self,
        folder: Path,
        services: Iterable[str],
        topics: Sequence[str] = ("",),
        *,
        callback: Callable[[Notice], None] | None = None,
    ) -> None:
        self.lost = 0
        self._iterators: list[_Iterator] = []
        self._folder = folder
        self._callback = callback
        self._last: dict[tuple[str, str], tuple[int, int]] = {}
        self._decoder: Decoder[Notice] = Decoder(Notice)
        self._services: set[str] = set()
        self._lock = threading.Lock()
        self._wake_up = WakeUpPipe()
        self._closed = False
        self._socket = context().socket(zmq.SUB)
        self._socket.set(zmq.LINGER, 0)
        self._socket.set(zmq.RECONNECT_IVL, _RETRY_MS)
        self._socket.set(zmq.RECONNECT_IVL_MAX, _RETRY_MOST_MS)
        for topic in topics:
            self._socket.subscribe(topic)
        for service in services:
            self.add(service)
        self._thread = threading.Thread(target=self._listen, name="subscription", daemon=True)
        self._thread.start()
        named = ", ".join(sorted(self._services)) or "no service yet"
        self._reminder = Reminder(self, f"the subscription to notices of {named}")

    def add(self, service: str) -> None:
        """Listen to one more service. Any thread; idempotent."""
        with self._lock:
            if service not in self._services and not self._closed:
                self._socket.connect(notice_endpoint(self._folder, service))
                self._services.add(service)
                self._wake_up.wake()  # connecting may have taken the signal that something has arrived

    async def __aiter__(self) -> AsyncIterator[Notice]:
        """Yield notices as they come; beyond 1000 that wait to be taken, they are counted in `lost`."""
        import asyncio  # takes 2 MB, and few processes await

        iterator = _Iterator(asyncio.get_running_loop(), asyncio.Event())
        self._iterators.append(iterator)
        try:
            while not self._closed or iterator.waiting:
                while iterator.waiting:
                    yield iterator.waiting.popleft()
                if not self._closed:
                    await iterator.arrived.wait()
                    iterator.arrived.clear()
        finally:
            self._iterators.remove(iterator)

    @property
    def is_closed(self) -> bool:
        """Whether it was closed."""
        return self._closed

    def close(self) -> None:
        """Stop listening; no callback runs afterwards. Idempotent. Not to be called from the callback."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._reminder.cancel()
        self._wake_up.wake()
        self._thread.join()
        for iterator in list(self._iterators):
            iterator.wake()
        self._socket.close()
        self._wake_up.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _listen(self) -> None:
        waited_for = (descriptor(self._socket), self._wake_up.fileno())
        while not self._closed:
            notice = self._next()
            if notice is None:
                wait_readable(waited_for)
                self._wake_up.clear()
                continue
            self._count(notice)
            for iterator in list(self._iterators):
                self.lost += not iterator.put(notice)
            try:
                if self._callback is not None:
                    self._callback(notice)
            except Exception:  # noqa: BLE001 - the border of a callback
                _LOG.exception("the callback for notice %s of %s failed", notice.topic, notice.service)

    def _next(self) -> Notice | None:
        while True:
            with self._lock:
                if self._closed or not has_arrived(self._socket):
                    return None
                parts = receive(self._socket)
            try:
                return self._decoder.decode(parts[1:])
            except ProtocolError as error:
                _LOG.warning("a service in %s published %s", self._folder, error)

    def _count(self, notice: Notice) -> None:
        key = (notice.service, notice.topic)
        epoch, sequence = self._last.get(key, (notice.epoch, notice.sequence - 1))
        self.lost += notice.sequence - 1 - (sequence if epoch == notice.epoch else 0)
        self._last[key] = (notice.epoch, notice.sequence)
