"""A few plain values that processes share, whole, in memory that outlives whoever changes them."""

from __future__ import annotations

import os
import threading
import weakref
from typing import TYPE_CHECKING, Generic, TypeVar

import msgspec

from parfocal.core.clock import poll_until
from parfocal.core.errors import DeviceError
from parfocal.processes.mapped import mapped_file
from parfocal.processes.system import try_lock, unlock

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

T = TypeVar("T")
_BYTES = 1 << 16
"""Room for a state of which nobody says that it is larger."""
_HEAD = 24
_PATIENCE_S, _PAUSE_S = 5.0, 5e-5
"""Who changes it holds the lock for some microseconds, unless its process is stopped just then: then until
that is killed, which takes less than a second in a rig."""


class SharedState(Generic[T]):
    """The state of something simulated: reading it takes a microsecond while it does not change.

    Parameters
    ----------
    path : Path
        Where it lies; made by whoever comes first.
    kind : type
        What it holds: anything that msgspec can write.
    size : int
        Bytes that there is room for, the same for all who share it.

    Notes
    -----
    Version n lies in the half n modulo 2, and counts once it is whole there: who dies while writing leaves
    the state that there was, and who reads waits for nobody.
    """

    def __init__(self, path: Path, kind: type[T], size: int = _BYTES) -> None:
        self._path, self._size = path, size
        self._memory = mapped_file(path, _HEAD + 2 * size)
        self._words = memoryview(self._memory)[:_HEAD].cast("q")  # the version, and the sizes of both halves
        self._lock = _Lock(path)
        self._decoder = msgspec.msgpack.Decoder(kind)
        self._known: tuple[int, T | None] = 0, None

    def locked(self) -> AbstractContextManager[None]:
        """Return what lets it be changed alone, among all processes and threads; a process that ends lets go.

        Entered, it raises `DeviceError` if another process, or another thread, has held it for 5 s.
        """
        return self._lock

    def write(self, state: T) -> None:
        """Replace what it holds. Under the lock, unless nobody else writes."""
        data = msgspec.msgpack.encode(state)
        if len(data) > self._size:
            raise DeviceError(f"{self._path.name}: {len(data)} bytes are more than it can hold")
        version = self._words[0] + 1
        begin = self._begin(version)
        self._memory[begin : begin + len(data)] = data
        self._words[1 + version % 2] = len(data)
        self._words[0] = version
        self._known = version, state

    def read(self) -> T | None:
        """Return what it holds; None if nobody has written yet. Any thread."""
        while True:
            version, (known, state) = self._words[0], self._known
            if version == known:
                return state
            begin, size = self._begin(version), self._words[1 + version % 2]
            data = bytes(self._memory[begin : begin + size])
            if self._words[0] == version:
                state = self._decoder.decode(data)
                self._known = version, state
                return state

    def _begin(self, version: int) -> int:
        return _HEAD + version % 2 * self._size


class _Lock:
    """A file that one process, and one thread of it, holds at a time.

    It stays open: to open it for each change took longer than all the rest of the change.
    """

    def __init__(self, path: Path) -> None:
        self._name = path.name
        self._file = os.open(path, os.O_RDWR)
        weakref.finalize(self, os.close, self._file).atexit = False  # until then a lamp is switched off
        self._thread = threading.Lock()  # the system tells processes apart alone

    def __enter__(self) -> None:
        if not self._thread.acquire(timeout=_PATIENCE_S):
            raise self._stopped()
        try:
            if not self._try() and not poll_until(self._try, _PATIENCE_S, every_s=_PAUSE_S):
                raise self._stopped()
        except BaseException:
            self._thread.release()
            raise

    def __exit__(self, *exc_info: object) -> None:
        unlock(self._file)
        self._thread.release()

    def _try(self) -> bool:
        return try_lock(self._file)

    def _stopped(self) -> DeviceError:
        return DeviceError(f"{self._name}: a process that changes it has stopped")
