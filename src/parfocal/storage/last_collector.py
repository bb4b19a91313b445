"""What services give to the end of a run's record when the whole rig ends, while they are there."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from parfocal.storage.collecting import Collector
    from parfocal.storage.recording import Recording

_ANSWER_S, _FILES_S = 0.4, 1.0
"""How long the services get to answer: they end, too."""


class LastCollector:
    """Has the services of a rig asked once, in a thread of its own. Any thread may use it."""

    def __init__(self) -> None:
        self._beginning = threading.Lock()
        self._thread: threading.Thread | None = None

    def begin(self, collector: Collector, recording: Recording) -> None:
        """Ask for the end of a run's record, and return at once; nothing happens the second time."""
        with self._beginning:
            if self._thread is None:
                self._thread = threading.Thread(
                    target=_collect, args=(collector, recording), name="last collection", daemon=True
                )
                self._thread.start()

    def join(self) -> None:
        """Wait until the recording has what was begun; at once if nothing was."""
        with self._beginning:
            thread = self._thread
        if thread is not None:
            thread.join()


def _collect(collector: Collector, recording: Recording) -> None:
    recording.keep_end(
        collector.collect(recording.folder.path, at_end=True, answer_s=_ANSWER_S, files_s=_FILES_S)
    )
