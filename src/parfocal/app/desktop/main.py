"""The desktop as a program: ``parfocal app``."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from PySide6.QtCore import QLocale, QTimer
from PySide6.QtWidgets import QApplication

from parfocal.app.desktop.kept_window import KeptFile
from parfocal.app.desktop.window import SIZE, DesktopWindow
from parfocal.core.errors import BadInputError, ViewerError
from parfocal.viewers.qt.theme import theme_of

_SCREENS = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
_SIGNALS_MS = 200
"""How often Python gets its turn while nothing happens, so that Ctrl-C arrives."""


def show_desktop(
    rig: str = "", *, theme: str = "", screenshot: Path | None = None, seconds: float = 4.0
) -> None:
    """Show the desktop until a person closes it. For the main thread.

    Parameters
    ----------
    rig : str
        Name of the rig to show, which runs; "" for the start page.
    theme : str
        "dark", "light" or "red"; "" for that of the last time.
    screenshot : path, optional
        Write what the window shows after `seconds` to this file, and end.
    """
    if theme:
        theme_of(theme)
    if screenshot is not None and not screenshot.absolute().parent.is_dir():
        raise BadInputError(f"there is no folder {str(screenshot.parent)!r} for the picture")
    application = _application(offscreen=screenshot is not None)
    window = DesktopWindow(KeptFile())
    if theme:
        window.set_theme(theme)
    if rig:
        window.show_rig(rig)
    window.show()
    try:
        if screenshot is not None:
            window.resize(*SIZE)
            QTimer.singleShot(round(1000 * seconds), application.quit)
        _run_until_closed(application)
        if screenshot is not None and not window.grab().save(str(screenshot)):
            raise BadInputError(
                f"the picture can't be written to {str(screenshot)!r}: its name must end in .png or .jpg"
            )
    finally:
        window.close_all()
        window.file.close()
        window.snapshots.join()


def _application(*, offscreen: bool) -> QApplication:
    """Return this program's application; without a display a picture is drawn into memory."""
    if sys.platform == "linux" and not any(os.environ.get(name) for name in _SCREENS):
        if not offscreen:
            raise ViewerError(
                "there is no display for a window (DISPLAY is not set); --screenshot FILE needs none"
            )
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    QLocale.setDefault(QLocale.c())  # numbers have a point in every country
    application = QApplication.instance() or QApplication([])
    assert isinstance(application, QApplication)
    return application


def _run_until_closed(application: QApplication) -> None:
    """Run Qt until its last window is closed, or a signal ends it."""
    came: list[int] = []
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda number, _: came.append(number))
    turn = QTimer()
    turn.timeout.connect(lambda: application.quit() if came else None)
    turn.start(_SIGNALS_MS)
    application.exec()
