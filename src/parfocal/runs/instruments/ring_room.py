"""Whether the ring of a camera has room for more frames to be recorded: a slow disk slows the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parfocal.streams import open_stream

if TYPE_CHECKING:
    import threading
    from pathlib import Path

    from parfocal.core.clock import Clock

_SHORT, _ROOMY = 0.5, 0.25
"""From which part of the ring on a run waits for the disk, and down to which."""
_LOOK_S = 0.02


class RingRoom:
    """Looks at the ring now and then: so often that it can't fill up between. One thread.

    Parameters
    ----------
    streams : Path
        Folder of the rig's streams.
    stream : str
        That of the camera.
    clock : Clock
        Of the waits.
    """

    def __init__(self, streams: Path, stream: str, clock: Clock) -> None:
        self._stream, self._clock = open_stream(streams, stream), clock
        self._every = max(1, int(self._stream.status().slots * (_SHORT / 2)))
        self._unseen = 0

    def is_short(self) -> bool:
        """Count an exposure that is to come; return whether too many before it are not stored yet."""
        self._unseen += 1
        if self._unseen < self._every:
            return False
        self._unseen = 0
        return self._filled() > _SHORT

    def wait(self, aborted: threading.Event) -> bool:
        """Wait until there is room; return False if it was aborted before."""
        while self._filled() > _ROOMY:
            if self._clock.wait(aborted, _LOOK_S):
                return False
        return True

    def _filled(self) -> float:
        """Return which part of the ring waits for the slowest recording."""
        status = self._stream.status()
        waiting = [reader.in_flight for reader in status.readers if reader.records]
        return max(waiting, default=0) / status.slots
