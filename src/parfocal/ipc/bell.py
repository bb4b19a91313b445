"""Wakes a thread that waits on sockets."""

from __future__ import annotations

import contextlib
import socket


class Bell:
    """Something to wait for together with sockets, that any thread can ring."""

    def __init__(self) -> None:
        self._out, self._in = socket.socketpair()
        self._out.setblocking(False)
        self._in.setblocking(False)

    def fileno(self) -> int:
        """Return the descriptor to poll for reading."""
        return self._in.fileno()

    def ring(self) -> None:
        """Wake whoever waits, or will wait next. Harmless after `close`."""
        with contextlib.suppress(OSError):  # full: it rings already; closed: nobody waits
            self._out.send(b"\0")

    def hush(self) -> None:
        """Take note of all rings so far."""
        with contextlib.suppress(OSError):
            self._in.recv(4096)

    def close(self) -> None:
        """Let go of the descriptors. Idempotent."""
        self._out.close()
        self._in.close()
