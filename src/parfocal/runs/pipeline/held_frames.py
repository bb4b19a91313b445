"""Keeps frames in the ring of the camera until the pipeline has read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from parfocal.core.errors import StreamTimeoutError
from parfocal.streams import open_stream

if TYPE_CHECKING:
    from pathlib import Path

    from parfocal.streams import LosslessReader


class HeldFrames(Protocol):
    """What keeps frames where workers find them."""

    def open(self) -> None:
        """Keep all frames from the next one on."""
        ...

    def keep_from(self, time_ns: int) -> None:
        """Let go of all frames whose exposure ended before that."""
        ...

    def close(self) -> None:
        """Let go of all. Idempotent."""
        ...


class RingFrames:
    """A reader of the camera's ring that stands before the oldest frame that is wanted. One thread.

    It never holds the camera up: frames that the ring has no room for leave it, and are read from the record.

    Parameters
    ----------
    streams : Path
        Folder of the rig's streams.
    camera : str
        The stream.
    """

    def __init__(self, streams: Path, camera: str) -> None:
        self._streams, self._camera = streams, camera
        self._reader: LosslessReader | None = None

    def open(self) -> None:
        """Keep all frames from the next one on."""
        self._reader = open_stream(self._streams, self._camera).lossless("drop", follow=True)

    def keep_from(self, time_ns: int) -> None:
        """Let go of all frames whose exposure ended before that."""
        assert self._reader is not None
        try:
            while True:
                with self._reader.lease(timeout_s=0.0) as frame:
                    if frame.header.time_ns >= time_ns:
                        raise _WantedError
        except (_WantedError, StreamTimeoutError):
            return

    def close(self) -> None:
        """Let go of all. Idempotent."""
        if self._reader is not None:
            self._reader.close()


class _WantedError(Exception):
    """A frame is wanted still: it counts as not read, and is offered again."""
