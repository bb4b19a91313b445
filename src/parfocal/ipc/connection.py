"""One connection to a service, from its making to its loss. It is never repaired: a new one replaces it.

So nothing that was meant for a service that died can reach the one that replaces it.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any

import zmq
from zmq.utils.monitor import parse_monitor_message

from parfocal.ipc.codec import Part
from parfocal.ipc.endpoints import context
from parfocal.ipc.waiting import descriptor, has_arrived, receive, send

_NEVER_MS = 3_600_000  # with -1, zmq would drop what has arrived but was not read when the service ends
_UNREAD_LIMIT = 20_000
_LOST = (zmq.EVENT_CLOSED, zmq.EVENT_DISCONNECTED, zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL)


class Connection:
    """A DEALER socket and the news about it. Used under the client's lock.

    Attributes
    ----------
    established : bool
        Whether somebody was there to accept it.
    lost : bool
        Whether it is over; `established` tells a service that ended from one that was never there.
    """

    def __init__(self, endpoint: str) -> None:
        self.established = False
        self.lost = False
        self._socket = context().socket(zmq.DEALER)
        self._socket.set(zmq.LINGER, 0)
        self._socket.set(zmq.RECONNECT_IVL, _NEVER_MS)
        self._socket.set(zmq.SNDHWM, _UNREAD_LIMIT)
        self._socket.set(zmq.RCVHWM, _UNREAD_LIMIT)
        self._news = self._socket.get_monitor_socket(zmq.EVENT_CONNECTED | sum(_LOST))
        self._socket.connect(endpoint)
        self.descriptors = (descriptor(self._socket), descriptor(self._news))
        self.is_lost()  # a descriptor tells of news only once it was found that there are none

    def has_news(self, ready: Container[int]) -> bool:
        """Whether, the descriptors that are readable being `ready`, it is worth asking `is_lost`."""
        return self.lost or self.descriptors[1] in ready

    def is_lost(self) -> bool:
        """Look for news; whether the connection is over."""
        while not self.lost and has_arrived(self._news):
            event = parse_monitor_message(self._news.recv_multipart())["event"]
            if event == zmq.EVENT_CONNECTED:
                self.established = True
            else:
                self.lost = True
        return self.lost

    def send(self, parts: Sequence[Part]) -> bool:
        """Hand a message over; False if too many wait already."""
        try:
            send(self._socket, parts)
        except zmq.Again:
            return False
        return True

    def has_arrived(self) -> bool:
        """Whether a message can be received."""
        return has_arrived(self._socket)

    def receive(self) -> list[Any]:
        """Return the parts of the next message; the arrays' parts are not copied."""
        return receive(self._socket)

    def close(self) -> None:
        """Let go of the sockets. Idempotent."""
        self.lost = True
        if not self._socket.closed:
            self._socket.disable_monitor()
            self._news.close(0)
            self._socket.close()
