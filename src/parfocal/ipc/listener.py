"""The connections of a service to its clients.

One thread waits and receives; any thread sends, and never blocks. What does not fit into a client's socket is
kept, and sent by the waiting thread when there is room; how many bytes each client has not read is counted.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import select
import socket
from collections.abc import Sequence
from typing import Any, Literal

from parfocal.core.errors import ProtocolError
from parfocal.ipc.codec import Part
from parfocal.ipc.connection import Connection
from parfocal.ipc.wake_up import WakeUpPipe

_LOG = logging.getLogger(__name__)
_BACKLOG = 1024

Delivery = Literal["sent", "gone", "full"]


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
        ready = self._poll.poll(timeout_ms)
        if any(descriptor == self._wake_up.fileno() for descriptor, _ in ready):
            self._wake_up.clear()
        return ready

    def wake(self) -> None:
        """End `wait`. Any thread."""
        self._wake_up.wake()

    def receive(self, ready: list[tuple[int, int]]) -> tuple[list[tuple[bytes, list[Any]]], list[bytes]]:
        """Return the messages that have arrived, each with who sent it, and the clients that are gone."""
        messages: list[tuple[bytes, list[Any]]] = []
        gone: list[bytes] = []
        for descriptor, _ in ready:
            client = self._descriptors.get(descriptor)
            if client is not None:
                messages += [(client, parts) for parts in self._receive_from(self._clients[client])]
                if self._clients[client].lost:
                    gone.append(client)
                    self._drop(client, descriptor)
            elif descriptor == self._socket.fileno():
                self._accept()
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

    def _receive_from(self, connection: Connection) -> list[list[memoryview]]:
        try:
            messages = connection.receive()
        except ProtocolError as error:
            _LOG.warning("a stranger at %s sent %s", self._path, error)
            return []
        connection.flush()
        return messages

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
