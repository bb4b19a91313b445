"""Sends the notices of a service to any number of subscriptions in other processes."""

from __future__ import annotations

import logging
import threading
from collections import Counter, deque
from collections.abc import Sequence
from typing import Any

import zmq

from parfocal.core.clock import Clock
from parfocal.core.messages import Notice
from parfocal.ipc.codec import Part, encode
from parfocal.ipc.waiting import send

UNREAD_NOTICES = 1_000
"""What zmq holds for one subscriber that does not read; beyond, it misses notices, and sees the gap."""
LARGE_BYTES = 65_536
UNREAD_LARGE_BYTES = 64 * 2**20
"""Large notices that may be unread together; more are dropped, for all: zmq does not tell who is slow."""
_MARK_BYTES = 262_144
_NOW = int(zmq.NOBLOCK)
_NOW_AND_MORE = _NOW | int(zmq.SNDMORE)
_LOG = logging.getLogger(__name__)


class Unsent:
    """What was handed to zmq and may still be in its memory; exact to 256 KiB.

    zmq does not tell what it holds, but when it is through with a message that it did not copy. So every
    256 KiB that are handed over end with such a one.

    Attributes
    ----------
    messages, size : int
        How many and how large; `settle` finds out what has left meanwhile.
    """

    __slots__ = ("_marks", "_tail_messages", "_tail_size", "messages", "size")

    def __init__(self) -> None:
        self.messages = self.size = 0
        self._tail_messages = self._tail_size = 0  # since the last mark
        self._marks: deque[tuple[zmq.MessageTracker, int, int]] = deque()

    def send(self, socket: zmq.Socket[bytes], parts: Sequence[Part], size: int) -> None:
        """Hand over a message of `size` bytes; raises `zmq.ZMQError` if nobody takes it.

        Parts of 256 KiB or more are not copied: they must never change afterwards.
        """
        if self._tail_size + size < _MARK_BYTES:
            send(socket, parts)
            self._tail_messages += 1
            self._tail_size += size
            return
        mark = _send_marked(socket, parts)
        messages, size = self._tail_messages + 1, self._tail_size + size
        self._marks.append((mark, messages, size))
        self.messages += messages
        self.size += size
        self._tail_messages = self._tail_size = 0

    def settle(self) -> None:
        """Forget what zmq is through with."""
        while self._marks and self._marks[0][0].done:
            _, messages, size = self._marks.popleft()
            self.messages -= messages
            self.size -= size


def _send_marked(socket: zmq.Socket[bytes], parts: Sequence[Part]) -> zmq.MessageTracker:
    """Hand over a message, what is large without a copy; return what tells when zmq is through with it."""
    last = len(parts) - 1
    for part in parts[:last]:
        if len(part) < _MARK_BYTES:
            socket.send(part, _NOW_AND_MORE)
        else:
            socket.send(zmq.Frame(part, copy=False), _NOW_AND_MORE, copy=False)
    end = zmq.Frame(parts[last], track=True, copy=False)
    return socket.send(end, _NOW, copy=False, track=True)


class Publisher:
    """Publishes the notices of a service; each topic counts its own. Thread-safe, and never blocks.

    What subscribers leave unread is bounded: 1000 notices below 64 KiB each, 64 MiB of larger ones in all.
    """

    def __init__(
        self, context: zmq.Context[zmq.Socket[bytes]], endpoint: str, service: str, epoch: int, clock: Clock
    ) -> None:
        self._service = service
        self._epoch = epoch
        self._clock = clock
        self._sequence: Counter[str] = Counter()
        self._large = Unsent()
        self._dropped = 0
        self._lock = threading.Lock()
        self._socket = context.socket(zmq.PUB)
        self._socket.set(zmq.LINGER, 500)
        self._socket.set(zmq.SNDHWM, UNREAD_NOTICES)
        self._socket.bind(endpoint)

    def publish(self, topic: str, payload: Any) -> None:
        """Send a notice to whoever subscribed; after `close`, to nobody."""
        with self._lock:
            if self._socket.closed:
                return
            notice = Notice(
                service=self._service,
                topic=topic,
                sequence=self._sequence[topic] + 1,
                time_ns=self._clock.monotonic_ns(),
                payload=payload,
                epoch=self._epoch,
            )
            self._send([topic.encode(), *encode(notice, by_value=True)])
            self._sequence[topic] += 1

    def statistics(self) -> tuple[int, int]:
        """Return how many large notices were dropped, and the bytes of those that are unread."""
        with self._lock:
            self._large.settle()
            return self._dropped, self._large.size

    def close(self) -> None:
        """Stop publishing. Idempotent."""
        with self._lock:
            self._socket.close()

    def _send(self, parts: list[Part]) -> None:
        size = sum(map(len, parts))
        if size < LARGE_BYTES:
            self._socket.send_multipart(parts)
            return
        self._large.settle()
        if self._large.size and self._large.size + size > UNREAD_LARGE_BYTES:
            self._dropped += 1
            _LOG.warning("a notice of %r was dropped: a subscriber does not read", self._service)
            return
        self._large.send(self._socket, parts, size)
