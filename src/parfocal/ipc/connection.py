"""The sockets of commands: connections, a service's listener, and the pipe that wakes a thread.

Nothing here blocks but `Listener.wait`. A client whose connection is lost makes a new one: so nothing that
was meant for a service that died can reach the one that replaces it. What does not fit into a socket is kept,
and sent when there is room; how many bytes the other end has not read is counted.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import select
import socket
from collections import deque
from collections.abc import Sequence
from io import FileIO
from itertools import islice
from typing import Any, Literal

from parfocal.core.errors import ProtocolError
from parfocal.ipc.codec import Incoming, Part, Role, frames, opening

_LOG = logging.getLogger(__name__)
UNSENT_MESSAGES, UNSENT_BYTES = 20_000, 256 * 2**20
"""What waits for an end that does not read, before more is refused."""
_BUFFERS_AT_ONCE = 64
_BACKLOG = 1024

Delivery = Literal["sent", "gone", "full"]


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
    refused : bool
        Whether something was let go because nobody is there to take it: `receive` will find it lost.
    unsent, unsent_bytes : int
        Messages, and bytes of them, that the other end has not taken yet.
    """

    def __init__(self, connected: socket.socket, role: Role) -> None:
        self.lost = self.refused = False
        self.unsent_bytes = 0
        self._socket = connected
        self._incoming = Incoming()
        self._outgoing: deque[Part] = deque()
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
        self._outgoing.extend(buffers)
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
            self.refused = True
            self._note_all_sent()

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

    def _note_all_sent(self) -> None:
        self._outgoing.clear()
        self._sizes.clear()
        self.unsent_bytes = 0

    def _note_sent(self, count: int) -> None:
        if count == self.unsent_bytes:
            self._note_all_sent()
            return
        self.unsent_bytes -= count
        left = count
        while self._outgoing and left >= len(self._outgoing[0]):
            left -= len(self._outgoing.popleft())
        if left:
            self._outgoing[0] = memoryview(self._outgoing[0])[left:]
        while self._sizes and count >= self._sizes[0]:
            count -= self._sizes.popleft()
        if count:
            self._sizes[0] -= count


class Listener:
    """Accepts clients at a path. All but `wait` and `wake` is used under one lock, that of the server.

    Parameters
    ----------
    path : str
        Of the socket; one that nobody serves any more is replaced.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(path)
        self._socket.listen(_BACKLOG)
        self._socket.setblocking(False)
        self._wake_up = WakeUpPipe()
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)
        self._poll.register(self._wake_up, select.POLLIN)
        self._names = (number.to_bytes(8, "big") for number in itertools.count(1))
        self._clients: dict[bytes, Connection] = {}
        self._descriptors: dict[int, bytes] = {}
        self._blocked: set[bytes] = set()  # who did not take all that was sent
        self._closed = False

    def wait(self, timeout_ms: int | None) -> list[tuple[int, int]]:
        """Block until something can be received or sent, `wake` is called, or the time is up. One thread."""
        return self._poll.poll(timeout_ms)

    def wake(self) -> None:
        """End `wait`. Any thread."""
        self._wake_up.wake()

    def receive(self, ready: list[tuple[int, int]]) -> tuple[list[tuple[bytes, list[Any]]], list[bytes]]:
        """Return the messages that have arrived, each with who sent it, and the clients that are gone."""
        messages: list[tuple[bytes, list[Any]]] = []
        gone: list[bytes] = []
        for descriptor, events in ready:
            client = self._descriptors.get(descriptor)
            if client is not None:
                messages += [(client, parts) for parts in self._receive_from(self._clients[client], events)]
                if self._clients[client].lost:
                    gone.append(client)
                    self._drop(client, descriptor)
            elif descriptor == self._socket.fileno():
                self._accept()
            else:
                self._wake_up.clear()
        self._watch_blocked()
        return messages, gone

    def send(self, client: bytes, parts: Sequence[Part], most_bytes: int) -> Delivery:
        """Send a message: "sent", "gone" if the client is not there, "full" if it leaves too much unread.

        Whatever its size, a message is taken while nothing else waits. Its parts must not change afterwards.
        """
        connection = self._clients.get(client)
        if connection is None:
            return "gone"
        if not connection.has_room(parts, most_bytes):
            return "full"
        connection.send(parts)
        if connection.waits_for_room and client not in self._blocked:
            self._blocked.add(client)
            self._wake_up.wake()
        return "sent"

    def unread(self) -> tuple[int, int]:
        """Return how many messages, and bytes of them, wait for clients to take them."""
        clients = self._clients.values()
        return sum(client.unsent for client in clients), sum(client.unsent_bytes for client in clients)

    def close(self, linger_ms: int) -> None:
        """Send what is left to those who take it within that time, and let go. Idempotent."""
        if self._closed:
            return
        self._closed = True
        self._linger(linger_ms)
        for connection in self._clients.values():
            connection.close()
        self._clients.clear()
        self._descriptors.clear()
        self._socket.close()
        self._wake_up.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)

    def _linger(self, most_ms: int) -> None:
        """Send what waits, until it is sent or no client has taken anything for `most_ms`."""
        poll = select.poll()
        waiting = {client.fileno(): client for client in self._clients.values() if client.waits_for_room}
        for client in waiting.values():
            poll.register(client, select.POLLOUT)
        while waiting and (ready := poll.poll(most_ms)):
            for descriptor, _ in ready:
                waiting[descriptor].flush()
                if not waiting[descriptor].waits_for_room:
                    poll.unregister(waiting.pop(descriptor))

    def _accept(self) -> None:
        """Take in a client. Without a descriptor for it, none is taken in until another has gone."""
        try:
            accepted, _ = self._socket.accept()
        except BlockingIOError:
            return
        except OSError as error:
            _LOG.warning("no client is accepted at %s for now: %s", self._path, error)
            self._poll.unregister(self._socket)
            return
        connection = Connection(accepted, "ROUTER")
        client = next(self._names)
        self._clients[client] = connection
        self._descriptors[connection.fileno()] = client
        self._poll.register(connection, select.POLLIN)

    def _receive_from(self, connection: Connection, events: int) -> list[list[memoryview]]:
        if events & select.POLLOUT:
            connection.flush()
        try:
            return connection.receive()
        except ProtocolError as error:
            _LOG.warning("a stranger at %s sent %s", self._path, error)
            return []

    def _watch_blocked(self) -> None:
        """Have `wait` tell when those that did not take all can take more."""
        for client in list(self._blocked):
            connection = self._clients[client]
            if connection.waits_for_room:
                self._poll.modify(connection, select.POLLIN | select.POLLOUT)
            else:
                self._blocked.remove(client)
                self._poll.modify(connection, select.POLLIN)

    def _drop(self, client: bytes, descriptor: int) -> None:
        connection = self._clients.pop(client)
        del self._descriptors[descriptor]
        self._blocked.discard(client)
        self._poll.unregister(connection)
        connection.close()
        self._poll.register(self._socket, select.POLLIN)  # perhaps there was no descriptor left


class WakeUpPipe:
    """A pipe to wait for together with sockets; any thread makes it readable."""

    def __init__(self) -> None:
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        os.set_blocking(writing, False)
        self._in, self._out = FileIO(reading, "r"), FileIO(writing, "w")

    def fileno(self) -> int:
        """Return the descriptor to poll for reading."""
        return self._in.fileno()

    def wake(self) -> None:
        """Wake the thread that waits, or the next one that does. Harmless after `close`."""
        try:
            self._out.write(b"\0")  # nothing, if it is full: it is readable already
        except (OSError, ValueError):  # closed: nobody waits
            return

    def clear(self) -> None:
        """Read what was written so far, so that the next wait waits again."""
        self._in.read(4096)

    def close(self) -> None:
        """Close both ends. Idempotent."""
        self._out.close()
        self._in.close()
