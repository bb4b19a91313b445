"""The newest frame of a stream, also when nothing new comes: what a finder or a picture works on."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from parfocal.core.errors import StreamClosedError, StreamError, StreamNotFoundError, StreamTimeoutError
from parfocal.streams import LatestReader, open_stream

if TYPE_CHECKING:
    from pathlib import Path

    from parfocal.core.frames import Frame


class NewestFrame:
    """Looks at a stream of frames without ever holding it up. Any thread; close it.

    Parameters
    ----------
    folder, name
        Of the stream.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name
        self._lock = threading.Lock()
        self._frame: Frame | None = None
        self._reader: LatestReader | None = None
        self._attach()

    def read(self, timeout_s: float = 2.0) -> Frame:
        """Return the newest frame; if there is none since this was made, wait for one.

        Raises
        ------
        StreamTimeoutError
            If none came.
        """
        with self._lock:
            wait_s = timeout_s if self._frame is None else 0.0
            try:
                self._frame = self._attached().read(timeout_s=wait_s)
            except StreamTimeoutError as error:
                if self._frame is None:
                    message = f"no frame came from {self._name!r} within {timeout_s} s; start the camera"
                    raise StreamTimeoutError(message) from error
            except StreamClosedError:
                self._detach()
                if self._frame is None:
                    raise
            assert self._frame is not None
            return self._frame

    def close(self) -> None:
        """Leave the stream."""
        with self._lock:
            self._detach()

    def _attached(self) -> LatestReader:
        if self._reader is None:
            self._attach()
        if self._reader is None:
            raise StreamError(f"stream {self._name!r} is not there")
        return self._reader

    def _attach(self) -> None:
        try:
            self._reader = open_stream(self._folder, self._name).latest()
        except StreamNotFoundError:
            self._reader = None

    def _detach(self) -> None:
        if self._reader is not None:
            self._reader.close()
        self._reader = None
