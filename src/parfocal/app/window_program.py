"""The Qt application of a program with a window: one of a process, run until its last window is closed."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer, qInstallMessageHandler
from PySide6.QtWidgets import QApplication

from parfocal.core.errors import ParfocalError
from parfocal.viewers.qt.collecting import collect_in_this_thread

if TYPE_CHECKING:
    from pathlib import Path

    from PySide6.QtWidgets import QWidget

SIGNALS_MS = 200
"""How often Python gets its turn while nothing happens, so that Ctrl-C arrives."""


def window_application() -> QApplication:
    """Return this program's application, made if there is none yet. For the main thread."""
    application = QApplication.instance() or QApplication(["parfocal"])
    assert isinstance(application, QApplication)
    if application.platformName() == "offscreen":
        qInstallMessageHandler(_pass_on)
    collect_in_this_thread(application)
    return application


def _pass_on(_kind: object, _context: object, text: str) -> None:
    """Pass on what Qt warns of, but for what a window in memory can't do, which nobody can help."""
    if not text.startswith("This plugin does not support"):
        sys.stderr.write(f"{text}\n")


def run_until_closed(application: QApplication) -> None:
    """Run Qt until its last window is closed, or a signal ends it."""
    came: list[int] = []
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda number, _: came.append(number))
    turn = QTimer()
    turn.timeout.connect(lambda: application.quit() if came else None)
    turn.start(SIGNALS_MS)
    application.exec()


def write_picture(window: QWidget, path: Path) -> None:
    """Write what a window shows to a file; `ParfocalError` if that does not take it."""
    if not window.grab().save(str(path)):
        raise ParfocalError(f"the picture can't be written to {path}: may you write there, is the disk full?")
