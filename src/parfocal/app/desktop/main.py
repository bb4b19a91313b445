"""The desktop as a program: ``parfocal app``."""

from __future__ import annotations

import signal
from pathlib import Path

from PySide6.QtCore import QLocale, QTimer
from PySide6.QtWidgets import QApplication

from parfocal.app.desktop.kept_window import KeptFile
from parfocal.app.desktop.window import SIZE, DesktopWindow
from parfocal.app.display import favour_window
from parfocal.core.errors import BadInputError
from parfocal.viewers.qt.theme import theme_of

_SIGNALS_MS = 200
"""How often Python gets its turn while nothing happens, so that Ctrl-C arrives."""


def show_desktop(
    rig: str = "", *, theme: str = "", screenshot: Path | None = None, seconds: float = 4.0
) -> None:
    """Show the desktop until a person closes it. For the main thread.

    Parameters
    ----------
    rig : str
        The rig to show: one that runs, a built-in one, or a file; started if it does not run. "" for where it
        was the last time, or the start page.
    theme : str
        "dark", "light" or "red"; "" for that of the last time.
    screenshot : path, optional
        Write what the window shows to this file `seconds` after it shows the rig, and end.
    """
    if theme:
        theme_of(theme)
    if screenshot is not None and not screenshot.absolute().parent.is_dir():
        raise BadInputError(f"there is no folder {str(screenshot.parent)!r} for the picture")
    application = _application()
    window = DesktopWindow(KeptFile())
    if theme:
        window.set_theme(theme)
    window.show()
    favour_window()
    if rig:
        window.choose_rig(rig)
    try:
        if screenshot is None:
            _run_until_closed(application)
        else:
            window.resize(*SIZE)
            _picture(application, window, screenshot, seconds, shows_rig=bool(rig))
    finally:
        window.close_all()
        window.file.close()
        window.snapshots.join()


def _application() -> QApplication:
    """Return this program's application, in which numbers have a point in every country."""
    QLocale.setDefault(QLocale.c())
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


def _picture(
    application: QApplication, window: DesktopWindow, path: Path, seconds: float, *, shows_rig: bool
) -> None:
    """Write what the window shows to a file, so many seconds after it shows a rig, if it shall."""
    timer = QTimer()

    def look() -> None:
        if timer.isSingleShot():
            application.exit(0)  # without closing the window, as quit() would
        elif not shows_rig or window.area is not None or not window.start_page.is_starting:
            timer.setSingleShot(True)
            timer.start(round(1000 * seconds))

    timer.timeout.connect(look)
    timer.start(_SIGNALS_MS)
    _run_until_closed(application)
    if not window.grab().save(str(path)):
        raise BadInputError(
            f"the picture can't be written to {str(path)!r}: its name must end in .png or .jpg"
        )
