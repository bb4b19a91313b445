"""The newest frame of a stream, also when nothing new comes: what a finder or a picture works on."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from parfocal.core.errors import StreamTimeoutError
from parfocal.streams import follow_latest

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
        self._name = name
        self._lock = threading.Lock()
        self._frame: Frame | None = None
        self._reader = follow_latest(folder, name)

    def read(self, timeout_s: float = 10.0) -> Frame:
        """Return the newest frame; if there has been none, wait for one.

        Raises
        ------
        StreamTimeoutError
            If none came.
        """
        with self._lock:
            try:
                self._frame = self._reader.read(timeout_s=timeout_s if self._frame is None else 0.0)
            except StreamTimeoutError as error:
                if self._frame is None:
                    message = f"no frame came from {self._name!r} within {timeout_s} s; start the camera"
                    raise StreamTimeoutError(message) from error
            assert self._frame is not None
            return self._frame

    def close(self) -> None:
        """Leave the stream."""
        with self._lock:
            self._reader.close()
