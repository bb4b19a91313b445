"""Notices out: one publisher in a service, any number of subscriptions elsewhere."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

import zmq

from parfocal.core.clock import Clock
from parfocal.core.messages import Notice
from parfocal.ipc.codec import encode


class Publisher:
    """Publishes the notices of a service; each topic counts its own. Thread-safe, and never blocks."""

    def __init__(
        self, context: zmq.Context[zmq.Socket[bytes]], endpoint: str, service: str, epoch: int, clock: Clock
    ) -> None:
        self._service = service
        self._epoch = epoch
        self._clock = clock
        self._sequence: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._socket = context.socket(zmq.PUB)
        self._socket.set(zmq.LINGER, 500)
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
            self._socket.send_multipart([topic.encode(), *encode(notice)])
            self._sequence[topic] += 1

    def close(self) -> None:
        """Stop publishing. Idempotent."""
        with self._lock:
            self._socket.close()
