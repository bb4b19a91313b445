"""A TCP server in threads of its own: what every simulated protocol needs."""

from __future__ import annotations

import contextlib
import socket
import threading
from abc import abstractmethod

from parfocal.core.errors import DeviceError

_LOOK_UP_S = 0.1


class TcpServer:
    """Accepts connections and gives each to `converse`, which a protocol defines.

    Parameters
    ----------
    host, port
        Where to listen; port 0 takes a free one.
    at_once : bool
        Whether several conversations run side by side, each in a thread, or one after another.
    single : bool
        End the server with its first connection, as monitor_server does.

    Attributes
    ----------
    port : int
        Where it listens.
    ended : threading.Event
        Set when it has stopped listening, for whatever reason.
    """

    def __init__(self, host: str, port: int, *, at_once: bool, single: bool = False) -> None:
        self._at_once, self._single = at_once, single
        self._lock = threading.Lock()
        self._talks: dict[threading.Thread, socket.socket] = {}
        self.ended = threading.Event()
        try:
            self._listener = socket.create_server((host, port), backlog=8 if at_once else 1)
        except OSError as error:
            raise DeviceError(f"cannot listen at {host}:{port}: {error}; take another port, or 0") from error
        self._listener.settimeout(_LOOK_UP_S)
        self.port: int = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, name=f"tcp-{self.port}", daemon=True)

    @abstractmethod
    def converse(self, connection: socket.socket) -> None:
        """Talk until it returns or raises OSError; the connection is closed then."""

    def start(self) -> None:
        """Begin to accept."""
        self._acceptor.start()

    def end(self) -> None:
        """Stop listening and break every connection, from any thread, without waiting. Idempotent."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # or it would listen on while its thread waits
        self._listener.close()
        self.ended.set()
        with self._lock:
            connections = list(self._talks.values())
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """`end`, and wait for the threads. Idempotent."""
        self.end()
        for thread in (self._acceptor, *self._talks):
            if thread.is_alive() and thread is not threading.current_thread():
                thread.join()

    def _accept(self) -> None:
        try:
            while not self.ended.is_set():
                try:
                    connection, _ = self._listener.accept()
                except TimeoutError:
                    continue
                self._take_up(connection)
                if self._single:
                    break
        except OSError:
            pass  # `end` closed the listener
        finally:
            self.end()

    def _take_up(self, connection: socket.socket) -> None:
        thread = threading.Thread(target=self._talk, args=(connection,), daemon=True)
        with self._lock:
            going_on = {talk: its for talk, its in self._talks.items() if talk.is_alive()}
            self._talks = {**going_on, thread: connection}
        thread.start()
        if not self._at_once:
            thread.join()

    def _talk(self, connection: socket.socket) -> None:
        try:
            connection.settimeout(None)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if not self.ended.is_set():
                self.converse(connection)
        except OSError:
            pass  # the other side went away, or `end` broke the connection
        finally:
            connection.close()
