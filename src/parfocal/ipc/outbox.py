"""Messages that leave a process and have not left yet: how many they are, and how large.

zmq takes what it is given and sends it when it can; what a reader leaves unread grows in its memory, unseen.
So every 256 KiB that are handed over end with a message that zmq tells of when it is through with it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Literal

import zmq

from parfocal.ipc.codec import Part
from parfocal.ipc.waiting import send

UNREAD_MESSAGES = 20_000
"""What zmq holds for one client before it refuses more."""
UNREAD_BYTES = 256 * 2**20
"""What is held for one client that does not read, in replies and all else."""
UNREAD_PROGRESS_BYTES = 16 * 2**20
"""What progress reports may come on top of: they are dropped and counted while more than this waits."""
_MARK_BYTES = 262_144
_MANY = 64
_NOW = int(zmq.NOBLOCK)
_NOW_AND_MORE = _NOW | int(zmq.SNDMORE)

Delivery = Literal["sent", "gone", "full"]


class Unsent:
    """What was handed to zmq for one reader, or one socket, and may still be in memory; exact to 256 KiB.

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


class Outbox:
    """Sends to the clients of a ROUTER socket, within bounds; never blocks. Used under the server's lock."""

    def __init__(self, socket: zmq.Socket[bytes]) -> None:
        self._socket = socket
        self._clients: dict[bytes, Unsent] = {}

    def send(self, client: bytes, parts: Sequence[Part], most_bytes: int = UNREAD_BYTES) -> Delivery:
        """Hand over a message: "sent", "gone" if the client is not there, "full" if too much is unread.

        Whatever its size, a message is taken while nothing else waits.
        """
        unsent = self._clients.get(client)
        if unsent is None:
            unsent = self._clients[client] = self._new()
        size = sum(map(len, parts))
        if unsent.size:
            unsent.settle()
            if unsent.size and unsent.size + size > most_bytes:
                return "full"
        try:
            unsent.send(self._socket, [client, *parts], size)
        except zmq.ZMQError as error:
            if error.errno == zmq.EAGAIN:
                return "full"
            del self._clients[client]
            return "gone"
        return "sent"

    def unread(self) -> tuple[int, int]:
        """Return how many messages and bytes wait for clients to read them."""
        self._settle()
        clients = self._clients.values()
        return sum(unsent.messages for unsent in clients), sum(unsent.size for unsent in clients)

    def _settle(self) -> None:
        for unsent in self._clients.values():
            unsent.settle()

    def _new(self) -> Unsent:
        if len(self._clients) >= _MANY:  # forget those that nothing waits for: clients come and go
            self._settle()
            self._clients = {name: unsent for name, unsent in self._clients.items() if unsent.size}
        return Unsent()
