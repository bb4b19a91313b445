"""Wakes a thread that waits on sockets, from any other thread of its process."""

from __future__ import annotations

import contextlib
import socket


class WakeUpPipe:
    """A pipe to wait for together with sockets; any thread makes it readable."""

    def __init__(self) -> None:
        self._out, self._in = socket.socketpair()
        self._out.setblocking(False)
        self._in.setblocking(False)

    def fileno(self) -> int:
        """Return the descriptor to poll for reading."""
        return self._in.fileno()

    def wake(self) -> None:
        """Wake the thread that waits, or the next one that does. Harmless after `close`."""
        with contextlib.suppress(OSError):  # full: it is readable already; closed: nobody waits
            self._out.send(b"\0")

    def clear(self) -> None:
        """Read what was written so far, so that the next wait waits again."""
        with contextlib.suppress(OSError):
            self._in.recv(4096)

    def close(self) -> None:
        """Close both ends. Idempotent."""
        self._out.close()
        self._in.close()
