"""One connection between a client and a service. When it is lost, the client makes a new one.

So nothing that was meant for a service that died can reach the one that replaces it.
"""

from __future__ import annotations

import contextlib
import socket
from collections import deque
from collections.abc import Sequence
from itertools import islice

from parfocal.core.errors import ProtocolError
from parfocal.ipc.codec import Part
from parfocal.ipc.zmtp import Incoming, Role, frames, opening

UNSENT_MESSAGES, UNSENT_BYTES = 20_000, 256 * 2**20
"""What waits for an end that does not read, before more is refused."""
_BUFFERS_AT_ONCE = 64


def connect(path: str) -> Connection:
    """Return a connection to the service at `path`; raises `OSError` if nobody serves there."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        made.setblocking(False)
        made.connect(path)
    except OSError:
        made.close()
        raise
    return Connection(made, "DEALER")


class Connection:
    """A socket to the other end, and what waits to be sent. Never blocks; used by one thread at a time.

    Parameters
    ----------
    connected : socket
        To the other end; closed by this.
    role : str
        "DEALER" for the client's end, "ROUTER" for the service's.

    Attributes
    ----------
    lost : bool
        Whether the other end has closed it. What it sent before has been received then.
    unsent, unsent_bytes : int
        Messages, and bytes of them, that the other end has not taken yet.
    """

    def __init__(self, connected: socket.socket, role: Role) -> None:
        self.lost = False
        self.unsent_bytes = 0
        self._socket = connected
        self._incoming = Incoming()
        self._outgoing: deque[memoryview] = deque()
        self._sizes: deque[int] = deque()  # what is unsent of each message
        self._socket.setblocking(False)
        with contextlib.suppress(OSError):  # the other end is gone already: `receive` finds that
            self._socket.send(opening(role))

    @property
    def unsent(self) -> int:
        """Messages that the other end has not taken yet."""
        return len(self._sizes)

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        return self._socket.fileno()

    @property
    def waits_for_room(self) -> bool:
        """Whether something is to be sent as soon as the other end takes it: then call `flush`.

        Never for an end that is gone: what was meant for it is let go, and `receive` finds that it is lost.
        """
        return bool(self._outgoing) and self._incoming.ready

    def has_room(self, parts: Sequence[Part], most_bytes: int | None = None) -> bool:
        """Whether a message may be sent; always, while nothing else waits."""
        if not self._sizes:
            return True
        size = self.unsent_bytes + sum(map(len, parts))
        return len(self._sizes) < UNSENT_MESSAGES and size <= (most_bytes or UNSENT_BYTES)

    def send(self, parts: Sequence[Part]) -> None:
        """Send a message as soon as the other end takes it; its parts must not change until then."""
        buffers = frames(parts)
        size = sum(map(len, buffers))
        self._outgoing.extend(memoryview(buffer) for buffer in buffers)
        self._sizes.append(size)
        self.unsent_bytes += size
        self.flush()

    def flush(self) -> None:
        """Send what the other end takes now; let all of it go if nobody is there to take it."""
        try:
            while self._outgoing and self._incoming.ready:
                self._note_sent(self._socket.sendmsg(islice(self._outgoing, _BUFFERS_AT_ONCE)))
        except BlockingIOError:
            return
        except OSError:
            self._outgoing.clear()
            self._sizes.clear()
            self.unsent_bytes = 0

    def receive(self) -> list[list[memoryview]]:
        """Return messages that have arrived, as lists of parts: nobody else's memory."""
        try:
            count = self._socket.recv_into(self._incoming.room())
        except BlockingIOError:
            return []
        except OSError:
            count = 0
        self.lost = not count
        if self.lost:
            return []
        try:
            messages = self._incoming.take(count)
        except ProtocolError:
            self.lost = True
            raise
        self.flush()
        return messages

    def close(self) -> None:
        """Let go of the socket. Idempotent."""
        self._socket.close()

    def _note_sent(self, count: int) -> None:
        self.unsent_bytes -= count
        left = count
        while self._outgoing and left >= len(self._outgoing[0]):
            left -= len(self._outgoing.popleft())
        if left:
            self._outgoing[0] = self._outgoing[0][left:]
        while self._sizes and count >= self._sizes[0]:
            count -= self._sizes.popleft()
        if count:
            self._sizes[0] -= count
