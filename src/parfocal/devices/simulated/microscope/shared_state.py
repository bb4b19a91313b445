"""A few plain values that one process writes and others read, whole, in memory that outlives them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

import msgspec
import numpy as np

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.errors import DeviceError
from parfocal.processes.mapped import mapped_file

if TYPE_CHECKING:
    from pathlib import Path

T = TypeVar("T")
_BYTES = 1 << 16
"""Room for a state of which nobody says that it is larger."""
_HEAD = 16
_ATTEMPTS, _AT_ONCE, _PAUSE_S = 5_000, 100, 2e-4
"""Who finds it in the middle of a change looks again at once, and then now and then, for a second in all: who
writes may have to wait for a processor."""


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
    """

    def __init__(self, path: Path, kind: type[T], size: int = _BYTES) -> None:
        self._path, self._size = path, size
        self._memory = mapped_file(path, size)
        self._words = np.frombuffer(self._memory, "<i8", count=2)
        self._decoder = msgspec.msgpack.Decoder(kind)
        self._sequence = -1
        self._state: T | None = None

    def write(self, state: T) -> None:
        """Replace what it holds. One process writes, one thread at a time."""
        data = msgspec.msgpack.encode(state)
        if len(data) > self._size - _HEAD:
            raise DeviceError(f"{self._path.name}: {len(data)} bytes are more than it can hold")
        even = int(self._words[0]) // 2 * 2
        self._words[0] = even + 1
        self._words[1] = len(data)
        self._memory[_HEAD : _HEAD + len(data)] = data
        self._words[0] = even + 2

    def read(self) -> T | None:
        """Return what it holds; None if nobody has written yet."""
        for attempt in range(_ATTEMPTS):
            if attempt > _AT_ONCE:
                SYSTEM_CLOCK.sleep(_PAUSE_S)
            before = int(self._words[0])
            if before == self._sequence:
                return self._state
            data = bytes(self._memory[_HEAD : _HEAD + int(self._words[1])])
            if before % 2 == 0 and int(self._words[0]) == before:
                self._state = self._decoder.decode(data) if before else None
                self._sequence = before
                return self._state
        raise DeviceError(f"{self._path.name}: whoever writes it has stopped in the middle")
