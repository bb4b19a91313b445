"""Doorbells: they wake a sleeping process from an unrelated one.

A doorbell is a Unix datagram socket beside the ring, or a UDP port on the loopback interface where there are
no such sockets or the path is too long for one. Ringing carries no data; what happened stands in the words of
the segment.
"""

from __future__ import annotations

import errno
import math
import os
import select
import socket
import struct
import sys
from typing import TYPE_CHECKING

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.errors import BadInputError

if TYPE_CHECKING:
    from pathlib import Path

_LOOPBACK = "127.0.0.1"
_TICKS_S = 0.02  # a time limit on a socket is rounded up to the system's ticks, of up to 10 ms; poll's is not
_PATH_LIMIT = 100
_FULL = (errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOBUFS)  # the last one on macOS


def deadline_of(timeout_s: float | None) -> float | None:
    """Return when `timeout_s` from now is over, s on the monotonic clock; None for never.

    Raises
    ------
    BadInputError
        If it is not a number.

    Examples
    --------
    >>> deadline_of(None) is None, deadline_of(0.0) <= deadline_of(float("inf"))
    (True, True)
    """
    if timeout_s is None:
        return None
    if math.isnan(timeout_s):
        raise BadInputError("timeout_s must be a number of seconds, or None to wait for ever, not nan")
    return SYSTEM_CLOCK.monotonic_s() + timeout_s


class Doorbell:
    """The end that is waited on.

    Attributes
    ----------
    port : int
        Its UDP port, 0 for a Unix socket.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._maker = os.getpid()
        self._timeout_s = 0.0
        if _fits(path):
            path.unlink(missing_ok=True)
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.bind(str(path))
            self.port = 0
        else:
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._socket.bind((_LOOPBACK, 0))
            self.port = int(self._socket.getsockname()[1])
        self._hangs = True
        self._soon = None if sys.platform == "win32" else select.poll()
        if self._soon is not None:
            self._soon.register(self._socket, select.POLLIN)

    @property
    def is_inherited(self) -> bool:
        """Whether this is the copy that a fork has of the doorbell of another process."""
        return os.getpid() != self._maker

    def wait(self, timeout_s: float) -> bool:
        """Sleep until the doorbell rings; return False if it didn't within `timeout_s`."""
        if timeout_s < _TICKS_S and self._soon is not None and not self._soon.poll(timeout_s * 1e3):
            return False
        if timeout_s != self._timeout_s:
            self._timeout_s = timeout_s
            _set_timeout(self._socket, max(timeout_s, 1e-6))
        try:
            self._socket.recv(1)
        except (TimeoutError, BlockingIOError):
            return False
        return True

    async def wait_async(self, timeout_s: float) -> None:
        """Wait as `wait` does, without holding up the event loop of this thread."""
        import asyncio

        loop = asyncio.get_running_loop()
        rung = asyncio.Event()
        try:
            loop.add_reader(self._socket, rung.set)
        except NotImplementedError:  # an event loop of Windows that watches no sockets
            await asyncio.sleep(min(timeout_s, _TICKS_S))
            return
        try:
            async with asyncio.timeout(timeout_s):
                await rung.wait()
            self._socket.recv(1)
        except TimeoutError:
            pass
        finally:
            loop.remove_reader(self._socket)

    def close(self) -> None:
        """Take the doorbell down; a fork only lets go of its copy. Idempotent."""
        if self._hangs:
            self._hangs = False
            self._socket.close()
            if self.port == 0 and not self.is_inherited:
                self._path.unlink(missing_ok=True)


class Ringer:
    """The end that rings: connected to the doorbell at `path`, or at `port` if that isn't 0."""

    def __init__(self, path: Path, port: int) -> None:
        self._address = (_LOOPBACK, port) if port else str(path)
        self._socket = socket.socket(socket.AF_INET if port else socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._connected = False

    def ring(self) -> bool:
        """Wake whoever waits; return False if nobody holds that doorbell."""
        try:
            if not self._connected:
                self._socket.connect(self._address)
                self._connected = True
            self._socket.send(b"!")
        except OSError as error:
            if error.errno in _FULL:
                return True  # enough rings lie there already
            if not isinstance(error, FileNotFoundError | ConnectionError):
                raise
            self._connected = False
            return False
        return True

    def close(self) -> None:
        """Let go of the doorbell. Idempotent."""
        self._socket.close()


def _set_timeout(end: socket.socket, timeout_s: float) -> None:
    """Let `recv` wait so long: in one call of the system, where it can; `settimeout` makes it two."""
    if sys.platform == "win32":
        end.settimeout(timeout_s)
        return
    seconds, microseconds = divmod(math.ceil(timeout_s * 1e6), 10**6)
    end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", seconds, microseconds))


def _fits(path: Path) -> bool:
    return hasattr(socket, "AF_UNIX") and len(str(path).encode()) <= _PATH_LIMIT
