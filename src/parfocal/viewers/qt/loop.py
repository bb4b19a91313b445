"""The main loop of a service with windows: Qt owns the main thread, jobs and steps arrive by a bridge."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import QApplication

from parfocal.viewers.qt.collecting import collect_in_this_thread

if TYPE_CHECKING:
    from collections.abc import Callable

    from parfocal.ipc.lanes import Job

_TURN_MS = 100
"""How often Qt's loop shows that it turns: longer without is a hung window."""


class _Bridge(QObject):
    """Carries calls from any thread into Qt's."""

    woken = Signal()
    ended = Signal()


class QtLoop:
    """Runs jobs and steps in Qt's event loop (a `parfocal.processes.loop.MainLoop`).

    Made and run in the main thread; everything else may be called from any thread.
    """

    def __init__(self) -> None:
        self.application = QApplication.instance() or QApplication([])
        collect_in_this_thread(self.application)
        self._jobs: deque[Job] = deque()
        self._step: Callable[[], float | None] = lambda: None
        self._begin: Callable[[], None] = lambda: None
        self._error: BaseException | None = None
        self._ended = False
        self._bridge = _Bridge()
        self._bridge.woken.connect(self._turn)
        self._bridge.ended.connect(self._quit)
        self._timer = QTimer()
        self._timer.setSingleShot(True)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._turn)

    def submit(self, job: Job) -> None:
        """Have `job` run in the main thread."""
        self._jobs.append(job)
        self._bridge.woken.emit()

    def wake(self) -> None:
        """Make a step due now."""
        self._bridge.woken.emit()

    def end(self) -> None:
        """Have `run` return soon."""
        self._ended = True
        self._bridge.ended.emit()

    def run(
        self, step: Callable[[], float | None], begin: Callable[[], None], end: Callable[[], None]
    ) -> None:
        """Run Qt until `end` was called; what a step raises goes through."""
        self._step, self._begin = step, begin
        beat = QTimer()
        beat.timeout.connect(begin)
        beat.start(_TURN_MS)
        begin()
        self._timer.start(0)
        if not self._ended:
            self.application.exec()
        beat.stop()
        end()
        if self._error is not None:
            raise self._error

    def _turn(self) -> None:
        """Do all jobs there are, then a step; an error ends the loop."""
        if self._ended:
            return
        self._begin()
        try:
            while self._jobs:
                self._jobs.popleft()()
            pause_s = self._step()
        except BaseException as error:  # noqa: BLE001 (border of Qt's callbacks: raised again by `run`)
            self._error = error
            self._quit()
            return
        if pause_s is None:
            self._timer.stop()
        else:
            self._timer.start(max(0, round(pause_s * 1000)))

    def _quit(self) -> None:
        self._ended = True
        self.application.quit()
