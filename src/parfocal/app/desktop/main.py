"""The desktop as a program: ``parfocal app``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QLocale, QTimer

from parfocal.app.desktop.kept_window import KeptFile
from parfocal.app.desktop.window import SIZE, DesktopWindow
from parfocal.app.display import favour_window
from parfocal.app.window_program import SIGNALS_MS, run_until_closed, window_application, write_picture
from parfocal.viewers.qt.theme import theme_of

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication


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
    QLocale.setDefault(QLocale.c())  # numbers have a point in every country
    application = window_application()
    window = DesktopWindow(KeptFile())
    if theme:
        window.set_theme(theme)
    window.show()
    favour_window()
    if rig:
        window.choose_rig(rig)
    try:
        if screenshot is None:
            run_until_closed(application)
        else:
            window.resize(*SIZE)
            _picture(application, window, screenshot, seconds, shows_rig=bool(rig))
    finally:
        window.close_all()
        window.file.close()
        window.snapshots.join()


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
    timer.start(SIGNALS_MS)
    run_until_closed(application)
    write_picture(window, path)
