"""Messages with arrays through a pair of pipes; each end sees the end of the other at once."""

from __future__ import annotations

import struct
import sys
from typing import IO, Any, Generic, TypeVar

from parfocal.ipc.codec import Decoder, encode

T = TypeVar("T")
_COUNT = struct.Struct("<I")
_LEAST_ROOM = 4096
"""Bytes that an empty pipe takes on any system."""


class PipeClosedError(EOFError):
    """The other end of the pipe is gone."""


class MessageWriter:
    """Writes messages. One thread at a time."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def send(self, message: Any) -> None:
        """Write one; waits while the pipe is full. Raises `PipeClosedError` if nobody reads any more."""
        self.write(packed(message))

    def write(self, message: bytes) -> None:
        """Write one that is `packed`, as `send` does."""
        try:
            self._file.write(message)
            self._file.flush()
        except (OSError, ValueError) as error:
            raise PipeClosedError(str(error)) from error

    @property
    def room(self) -> int:
        """How many bytes it takes without waiting, as long as all messages before were read."""
        if not sys.platform.startswith("linux"):
            return _LEAST_ROOM
        import fcntl

        return fcntl.fcntl(self._file, fcntl.F_GETPIPE_SZ)


def packed(message: Any) -> bytes:
    """Return a message as the bytes that are written."""
    parts = encode(message)
    sizes = struct.pack(f"<I{len(parts)}Q", len(parts), *(memoryview(part).nbytes for part in parts))
    return b"".join((sizes, *parts))


class MessageReader(Generic[T]):
    """Reads messages of one type. One thread at a time."""

    def __init__(self, file: IO[bytes], of: Any) -> None:
        self._file = file
        self._decoder: Decoder[T] = Decoder(of)

    def receive(self) -> T:
        """Wait for one. Raises `PipeClosedError` if none will come."""
        (count,) = _COUNT.unpack(self._exactly(_COUNT.size))
        sizes = struct.unpack(f"<{count}Q", self._exactly(8 * count))
        return self._decoder.decode([self._exactly(size) for size in sizes])

    def _exactly(self, size: int) -> bytearray:
        found = bytearray(size)
        view, filled = memoryview(found), 0
        while filled < size:
            try:
                count = self._file.readinto(view[filled:])  # type: ignore[attr-defined]
            except (OSError, ValueError) as error:
                raise PipeClosedError(str(error)) from error
            if not count:
                raise PipeClosedError("the other end of the pipe is gone")
            filled += count
        return found
