"""All that is in a folder, kept up to date in a thread of its own; a window draws its newest snapshot."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable
from typing import Any

import msgspec

from parfocal.app.browser.arrangement import RowChoice
from parfocal.app.browser.browser_worker import BrowserWorker
from parfocal.app.browser.inventory import Folder, Inventory, ScanProgress
from parfocal.app.browser.messages import Answer, ListFolder
from parfocal.app.browser.rows import ImageRow
from parfocal.core.clock import SYSTEM_CLOCK

_PUBLISHES_EVERY_S = 0.1
_PER_ROW_S = 1e-5
_LOOKS_AGAIN_AFTER_S = 2.0
_SHARE_OF_LISTING = 10
"""So much longer than the folders took to be listed is waited before they are listed again."""
ANSWERS_WITHIN_S = 30.0
"""Who takes longer for one file is ended, and the file has the fault."""
_SLOW = f"did not get on with it within {ANSWERS_WITHIN_S:.0f} s"


class CatalogueSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """What is known at one moment.

    Attributes
    ----------
    version : int
        Counts the snapshots.
    rows : list of ImageRow
        Those that are shown, in order. Nobody changes it.
    folders : tuple of Folder
        All of them, each behind the one in which it lies.
    wells : dict of str to int
        Images by well, of those that would be shown if no well were chosen.
    progress : ScanProgress
        How far the scan is.
    choice : RowChoice
        What was chosen to be shown.
    """

    version: int = 0
    rows: list[ImageRow] = []
    folders: tuple[Folder, ...] = ()
    wells: dict[str, int] = {}
    progress: ScanProgress = ScanProgress()
    choice: RowChoice = RowChoice()


class Catalogue:
    """Scans a folder, and looks again every few seconds. Any thread; nothing here waits.

    Parameters
    ----------
    root : str
        The folder.
    looks_again_s : float
        Pause between two scans, at least; inf to scan only when `rescan` is called.

    Attributes
    ----------
    root : str
        The folder.
    snapshot : CatalogueSnapshot
        The newest.
    """

    def __init__(self, root: str, looks_again_s: float = _LOOKS_AGAIN_AFTER_S) -> None:
        self.root = root
        self.snapshot = CatalogueSnapshot()
        self._inventory = Inventory(root)
        self._looks_again_s = looks_again_s
        self._events: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self._worker = BrowserWorker(lambda answer: self._events.put(("answer", answer)))
        self._is_asking = self._is_dirty = False
        self._why = ""
        self._began_s = self._published_s = _now_s()
        self._listing_s = 0.0
        self._next_scan_s = float("inf")
        self._thread = threading.Thread(target=self._run, name="browser-catalogue", daemon=True)

    def start(self) -> None:
        """Begin to scan."""
        self._events.put(("begin", None))
        self._thread.start()

    def choose(self, choice: RowChoice) -> None:
        """Have other rows shown, or in another order."""
        self._events.put(("choose", choice))

    def want(self, sources: Iterable[str]) -> None:
        """Have these files read first: they are seen."""
        self._events.put(("want", list(sources)))

    def rescan(self) -> None:
        """Look again now at what has changed."""
        self._events.put(("rescan", None))

    def close(self) -> None:
        """End thread and process. Idempotent."""
        self._events.put(("close", None))
        self._worker.close()
        if self._thread.is_alive():
            self._thread.join(5.0)

    def _run(self) -> None:
        while True:
            try:
                name, value = self._events.get(timeout=self._pause_s())
            except queue.Empty:
                name, value = "", None
            if name == "close":
                return
            self._take(name, value)
            self._check_time()
            if not self._is_asking:
                self._ask()
            self._publish()

    def _take(self, name: str, value: Any) -> None:
        if name == "answer":
            self._take_answer(value)
        elif name == "choose":
            self._inventory.rows.choose(value)
            self._published_s = 0.0  # at once
        elif name == "want":
            self._inventory.want(value)
        elif name == "rescan":
            self._next_scan_s = 0.0
        self._is_dirty |= name in ("answer", "choose")

    def _take_answer(self, answer: Answer | str) -> None:
        if isinstance(answer, str):
            self._is_asking = False
            self._inventory.failed(self._why or answer)
            self._why = ""
            return
        self._inventory.take(answer)
        self._is_asking = not answer.last

    def _check_time(self) -> None:
        """End a worker that does not get on; look again when it is time for it."""
        now_s, asked_ns = _now_s(), self._worker.asked_ns
        if asked_ns and not self._why and now_s - asked_ns * 1e-9 > ANSWERS_WITHIN_S:
            self._why = _SLOW
            self._worker.kill()
        if now_s >= self._next_scan_s and not self._is_asking:
            self._next_scan_s = float("inf")
            self._began_s = now_s
            self._inventory.rescan()

    def _ask(self) -> None:
        request = self._inventory.next_request()
        if isinstance(request, ListFolder):
            self._listing_s = _now_s() - self._began_s
        if request is not None:
            self._is_asking = True
            self._worker.ask(request)
        elif self._next_scan_s == float("inf"):
            pause_s = max(self._looks_again_s, _SHARE_OF_LISTING * self._listing_s)
            self._next_scan_s = _now_s() + pause_s

    def _publish(self) -> None:
        due_s = self._published_s + max(_PUBLISHES_EVERY_S, _PER_ROW_S * len(self._inventory.rows))
        if not self._is_dirty or _now_s() < due_s:
            return
        inventory = self._inventory
        self.snapshot = CatalogueSnapshot(
            version=self.snapshot.version + 1,
            rows=inventory.rows.shown(),
            folders=tuple(inventory.folders.values()),
            wells={well: number for well, number in inventory.rows.wells.items() if number},
            progress=inventory.progress,
            choice=inventory.rows.choice,
        )
        self._published_s, self._is_dirty = _now_s(), False

    def _pause_s(self) -> float:
        """Return until when nothing has to be done unless something arrives."""
        if self._is_dirty:
            return 0.03
        if self._worker.asked_ns:
            return 1.0
        return min(max(0.01, self._next_scan_s - _now_s()), 60.0)


def _now_s() -> float:
    return SYSTEM_CLOCK.monotonic_ns() * 1e-9
